"""The scripts of a pipeline, read in order, and the cache keys that they make by hand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness.dependencies.pipelines.cache_step import CacheStep
from harness.dependencies.pipelines.shell import Shell
from harness.dependencies.pipelines.shell_state import REPOSITORY
from harness.dependencies.pipelines.shell_words import commands
from harness.dependencies.yaml_nodes import child, entries, is_mapping, is_scalar, items, line, mappings, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yaml.nodes import Node

    from harness.dependencies.pipelines.shell import Use
    from harness.dependencies.pipelines.shell_text import Text

# The keys that commands stand under in the files of GitLab, CircleCI, Azure, CodeBuild and Bitbucket, in their order.
_SCRIPTS: Final = (
    *("before_script", "script", "after_script", "run", "command", "commands", "bash", "pwsh", "powershell"),
    "inlineScript",
)
_VARIABLES: Final = ("variables", "env", "environment")
_FOLDERS: Final = ("working-directory", "working_directory", "workingDirectory")
_PARAMETER: Final = re.compile(r"<<\s*[\w.-]+\s*>>")
# Azure's tasks that keep something under a name, or find it again; its caches have a reader of their own.
_KEEPS: Final = re.compile(r"(?!Cache(?:Beta)?@).*(?:Artifact|Cache|S3)", re.IGNORECASE)
_SAVES: Final = re.compile(r"Publish|Upload", re.IGNORECASE)
_BLOCK: Final = ("|", ">")


def shell(document: Node, name: str, source: Callable[[str], str]) -> Shell:
    """The state after all scripts of a pipeline, those of one job after those of another."""
    state = Shell(name, source=source)
    for mapping in mappings(document):
        for key in _VARIABLES:
            assign(state, child(mapping, key))
        folder = next((text for key in _FOLDERS if (text := scalar(child(mapping, key)))), "")
        state.folder = folder.removeprefix("~/project").strip("/") if "$" not in folder else None
        for key in _SCRIPTS:
            node = child(mapping, key)
            for script in items(node) or ((node,) if node is not None else ()):
                run(state, script)
        if _KEEPS.match(task := scalar(child(mapping, "task")) or ""):
            hand_over(state, child(mapping, "inputs"), writes=bool(_SAVES.search(task)))
    return state


def hand_over(state: Shell, inputs: Node | None, *, writes: bool) -> None:
    """Read the inputs of a step that keeps something under a name, or finds it again."""
    values = [text(state, value.value, line(value)) for _, value in entries(inputs) if is_scalar(value)]
    if all(value.keyed for value in values if value.files):
        state.use([value for value in values if value.files], [value.text for value in values], writes=writes)


def run(state: Shell, node: Node, step: str | None = None) -> None:
    """Read the script in a node, run by a step with an id."""
    if is_scalar(node):
        state.read(_PARAMETER.sub("*", node.value), line(node) + (node.style in _BLOCK), step)


def assign(state: Shell, variables: Node | None) -> None:
    """Set the variables that a file gives a value, as a mapping or as a list of names and values."""
    listed = ((scalar(child(item, "name")), child(item, "value")) for item in items(variables))
    for name, node in (*entries(variables), *listed):
        value = child(node, "value") if is_mapping(node) else node  # GitLab's has a description beside it
        if name is not None and is_scalar(value):
            state.variables[name] = text(state, value.value, line(value))


def text(state: Shell, written: str, number: int) -> Text:
    """The value of a text that is written in a file, on the line with this number."""
    state.line = number
    escaped = re.sub(r'(["\\`])', r"\\\1", written)
    word = next((command.words[0] for command in commands(f'"{escaped}"', number) if command.words), ())
    return state.text(word)


def keys_by_hand(state: Shell, base: str = "") -> Iterator[CacheStep]:
    """The keys that scripts make by hand, and find something again under."""
    digests: dict[tuple[str, tuple[str, ...]], list[Use]] = {}
    for use in state.uses:
        digests.setdefault((use.place, use.files), []).append(use)
    for (place, files), uses in digests.items():
        if all(use.writes for use in uses):
            continue
        names = dict.fromkeys(name.removeprefix(f"{REPOSITORY}/") for use in uses for name in use.names)
        installed, made = tuple(state.installed), tuple(state.made)
        yield CacheStep(place, tuple(names), (files,), base, by_hand=True, installed=installed, made=made)
