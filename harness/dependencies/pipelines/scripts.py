"""The scripts of a pipeline, read in order, and the keys that they make by hand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness.dependencies.pipelines.cache_step import CacheStep
from harness.dependencies.pipelines.shell import Shell
from harness.dependencies.pipelines.shell_text import REPOSITORY
from harness.dependencies.pipelines.shell_words import commands
from harness.dependencies.yaml_nodes import child, entries, is_mapping, is_scalar, items, line, mappings, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yaml.nodes import Node

    from harness.dependencies.pipelines.shell import Use
    from harness.dependencies.pipelines.shell_values import Text

# What has commands, in the order in which they run, in the files of GitLab, CircleCI, Azure, CodeBuild and Bitbucket.
_SCRIPTS: Final = (
    *("before_script", "script", "after_script", "run", "command", "commands", "bash", "pwsh", "powershell"),
    "inlineScript",
)
_VARIABLES: Final = ("variables", "env", "environment")
_FOLDERS: Final = ("working-directory", "working_directory", "workingDirectory")
_PARAMETER: Final = re.compile(r"<<\s*[\w.-]+\s*>>")
# Azure's tasks that keep something under a name, or find it again; its caches are read for themselves.
_KEEPS: Final = re.compile(r"(?!Cache(?:Beta)?@).*(?:Artifact|Cache|S3)", re.IGNORECASE)
_SAVES: Final = re.compile(r"Publish|Upload", re.IGNORECASE)
_BLOCK: Final = ("|", ">")


def shell(document: Node, name: str, source: Callable[[str], str]) -> Shell:
    """What is known when all scripts of a pipeline have been read, those of one job after those of another.

    Args:
        document: The file.
        name: How a sentence names it.
        source: The text of a script of the repository.
    """
    found = Shell(name, source=source)
    for one in mappings(document):
        for key in _VARIABLES:
            assign(found, child(one, key))
        folder = next((text for key in _FOLDERS if (text := scalar(child(one, key)))), "")
        found.folder = folder.removeprefix("~/project").strip("/") if "$" not in folder else None
        for key in _SCRIPTS:
            node = child(one, key)
            for each in items(node) or ((node,) if node is not None else ()):
                if is_scalar(each):
                    run(found, each)
        if _KEEPS.match(task := scalar(child(one, "task")) or ""):
            give(found, child(one, "inputs"), writes=bool(_SAVES.search(task)))
    return found


def give(found: Shell, inputs: Node | None, *, writes: bool) -> None:
    """Read what a step gives to a program that keeps something under a name, or finds it again."""
    given = [text(found, value.value, line(value)) for _, value in entries(inputs) if is_scalar(value)]
    if all(one.keyed for one in given if one.files):
        found.use([one for one in given if one.files], [one.text for one in given], writes=writes)


def run(found: Shell, node: Node, step: str | None = None) -> None:
    """Read the script that a node has."""
    if is_scalar(node):
        found.read(_PARAMETER.sub("*", node.value), line(node) + (node.style in _BLOCK), step)


def assign(found: Shell, variables: Node | None) -> None:
    """Set the variables that a file gives a value, in either of the two ways of writing that."""
    listed = ((scalar(child(one, "name")), child(one, "value")) for one in items(variables))
    for name, value in (*entries(variables), *listed):
        if is_mapping(value):
            value = child(value, "value")  # noqa: PLW2901 - GitLab's, with a description beside it
        if name is not None and is_scalar(value):
            found.variables[name] = text(found, value.value, line(value))


def text(found: Shell, written: str, number: int) -> Text:
    """What becomes of a value that is written in a file."""
    found.line = number
    word = next((one.words[0] for one in commands(f'"{_escaped(written)}"', number) if one.words), ())
    return found.text(word)


def _escaped(written: str) -> str:
    return written.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`")


def by_hand(found: Shell, base: str = "") -> Iterator[CacheStep]:
    """The keys that scripts make by hand, and find something again under.

    Args:
        found: What is known when the scripts have been read.
        base: The folder of the workspace that has the repository.
    """
    digests: dict[tuple[str, tuple[str, ...]], list[Use]] = {}
    for use in found.uses:
        digests.setdefault((use.place, use.files), []).append(use)
    for (place, files), uses in digests.items():
        if all(use.writes for use in uses):
            continue
        names = dict.fromkeys(_name(name) for use in uses for name in use.names)
        yield CacheStep(
            place, tuple(names), (files,), base, by_hand=True, installed=tuple(found.installed), made=tuple(found.made)
        )


def _name(name: str) -> str:
    return name.removeprefix(f"{REPOSITORY}/")
