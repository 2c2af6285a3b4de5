"""Caches of GitHub Actions: ``actions/cache`` and ``actions/cache/restore``."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from harness.dependencies.pipelines.cache_step import CacheStep, inside, substituted
from harness.dependencies.pipelines.scripts import assign, hand_over, keys_by_hand, run, text
from harness.dependencies.pipelines.shell import Shell
from harness.dependencies.yaml_nodes import child, entries, is_scalar, items, line, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from yaml.nodes import Node

    from harness.dependencies.pipelines.shell_text import Text

_CACHE: Final = re.compile(r"actions/cache(?:/restore)?@", re.IGNORECASE)
# Other actions that keep something under a name, or find it again.
_KEEPS: Final = re.compile(r"(?!\.)(?!actions/cache/save).*(?:artifact|cache|s3).*", re.IGNORECASE)
_SAVES: Final = re.compile(r"upload-|/save", re.IGNORECASE)
_CHECKOUT: Final = "actions/checkout@"
_EXPRESSION: Final = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_VARIABLE: Final = re.compile(r"\$\{\{\s*env\.([\w-]+)\s*\}\}")
_HASH: Final = re.compile(r"hashFiles\s*\(([^()]*)\)", re.IGNORECASE)
_STRING: Final = re.compile(r"'((?:[^']|'')*)'")
_NAME: Final = re.compile(r"[A-Za-z_][\w.*-]*")
# Expressions that are the same in every run of a job, or say nothing about the content of files.
_CONSTANT: Final = re.compile(
    r"(?:runner|matrix|strategy)\.[\w.*-]+|true|false|null|format|github\."
    r"(?:ref|ref_name|ref_type|head_ref|base_ref|workflow|job|repository|repository_owner|actor|event_name)",
    re.IGNORECASE,
)
_WORKSPACES: Final = ("${{ github.workspace }}", "${{github.workspace}}", "$GITHUB_WORKSPACE")


def steps(document: Node, name: str, source: Callable[[str], str]) -> Iterator[CacheStep]:
    """The caches of a workflow, or of an action that is made of steps, and those of its scripts."""
    written = _assigned(document)
    shared = _literals(document, written)
    outputs: dict[str, Text] = {}
    for key, job in (*entries(child(document, "jobs")), ("", child(document, "runs"))):
        if job is None or (base := _checkout(job)) is None:
            continue
        shell = Shell(name, source=lambda path, base=base: source(path.removeprefix(f"{base}/")))  # type: ignore[misc]
        shell.variables |= outputs
        assign(shell, child(document, "env"))
        assign(shell, child(job, "env"))
        known = {**shared, **_literals(job, written)}
        early = any(_checks_out(step) for step in items(child(job, "steps")))
        cached: list[CacheStep] = []
        for step in items(child(job, "steps")):
            early = early and not _checks_out(step)
            assign(shell, child(step, "env"))
            if _CACHE.match(scalar(child(step, "uses")) or ""):
                caches = _step(step, {**known, **_literals(step, written)}, shell)
                cached += (replace(cache, base=base, early=early) for cache in caches)
            else:
                _run(step, shell, _folder(step, job, document))
        yield from (replace(cache, installed=tuple(shell.installed), made=tuple(shell.made)) for cache in cached)
        yield from keys_by_hand(shell, base)
        for output, value in entries(child(job, "outputs")):
            if is_scalar(value):
                outputs[f"needs.{key}.outputs.{output}"] = text(shell, value.value, line(value))


def _run(step: Node, shell: Shell, folder: str) -> None:
    """Read the script of a step, or its inputs to an action that keeps something: the name of an artifact, say."""
    shell.folder = None if "$" in folder else inside(folder, *_WORKSPACES).strip("./")
    if (script := child(step, "run")) is not None:
        run(shell, script, scalar(child(step, "id")))
        return
    uses = scalar(child(step, "uses")) or ""
    if not _KEEPS.fullmatch(uses):
        return
    hand_over(shell, child(step, "with"), writes=bool(_SAVES.search(uses)))


def _folder(step: Node, job: Node, document: Node) -> str:
    """The working directory of a step's script."""
    defaults = (child(holder, "defaults", "run", "working-directory") for holder in (job, document))
    return next((text for node in (child(step, "working-directory"), *defaults) if (text := scalar(node))), "")


def _step(step: Node, known: Mapping[str, str], shell: Shell) -> Iterator[CacheStep]:
    node = child(step, "with", "key")
    key = scalar(node)
    hashed = None if key is None else _hashed(substituted(key, _VARIABLE, known), shell.variables)
    if node is None or hashed is None:
        return
    written = substituted(scalar(child(step, "with", "path")) or "", _VARIABLE, known).splitlines()
    paths = (inside(path, *_WORKSPACES) for path in written if path.strip())
    yield CacheStep(f"{shell.name}:{line(node)}", tuple(path for path in paths if "${{" not in path), hashed)


def _hashed(key: str, variables: Mapping[str, Text]) -> tuple[tuple[str, ...], ...] | None:
    """The patterns in a key; None where something in it is unknown."""
    hashed: list[tuple[str, ...]] = []
    for expression in _EXPRESSION.findall(key):
        for arguments in _HASH.findall(expression):
            if _STRING.sub("", arguments).strip(", \t\n"):
                return None
            texts = (literal.replace("''", "'") for literal in _STRING.findall(arguments))
            hashed.append(tuple(pattern.strip() for text in texts for pattern in text.splitlines()))
        rest = _STRING.sub("", _HASH.sub("", expression))
        for name in _NAME.findall(rest):
            value = variables.get(name.removeprefix("env."))
            if value is not None and value.keyed:
                hashed.append(value.files)
            elif not _CONSTANT.fullmatch(name):
                return None
    return tuple(hashed)


def _checkout(job: Node) -> str | None:
    """The folder of the workspace that a job checks the repository out into; None where that is not known."""
    for step in filter(_checks_out, items(child(job, "steps"))):
        path = inside(scalar(child(step, "with", "path")) or "", *_WORKSPACES)
        return None if "${{" in path else path.strip("./")
    return ""


def _checks_out(step: Node) -> bool:
    """Whether a step gets the repository itself, and not another."""
    return (scalar(child(step, "uses")) or "").startswith(_CHECKOUT) and not child(step, "with", "repository")


def _literals(node: Node | None, written: frozenset[str]) -> dict[str, str]:
    """The variables that are given a value in the file; not those that a step may give another."""
    values = ((name, scalar(value)) for name, value in entries(child(node, "env")))
    return {name: text for name, text in values if text is not None and name not in written}


def _assigned(document: Node) -> frozenset[str]:
    """The variables that steps set for those after them."""
    jobs = (job for _, job in entries(child(document, "jobs")))
    scripts = (scalar(child(step, "run")) or "" for job in jobs for step in items(child(job, "steps")))
    assigned = (re.findall(r"\b([A-Za-z_]\w*)(?==|<<)", script) for script in scripts if "GITHUB_ENV" in script)
    return frozenset(name for names in assigned for name in names)
