"""Caches of GitHub Actions: ``actions/cache`` and ``actions/cache/restore``."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from harness.project.documents import child, entries, items, line, scalar
from harness.project.pipelines.values import CacheStep, inside, substituted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from yaml.nodes import Node

_CACHE: Final = re.compile(r"actions/cache(?:/restore)?@", re.IGNORECASE)
_CHECKOUT: Final = "actions/checkout@"
_EXPRESSION: Final = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_VARIABLE: Final = re.compile(r"\$\{\{\s*env\.([\w-]+)\s*\}\}")
_HASH: Final = re.compile(r"hashFiles\s*\(([^()]*)\)", re.IGNORECASE)
_STRING: Final = re.compile(r"'((?:[^']|'')*)'")
_NAME: Final = re.compile(r"[A-Za-z_][\w.*-]*")
# What is the same in every run of a job, or says nothing of the content of files.
_CONSTANT: Final = re.compile(
    r"(?:runner|matrix|strategy)\.[\w.*-]+|true|false|null|format|github\."
    r"(?:ref|ref_name|ref_type|head_ref|base_ref|workflow|job|repository|repository_owner|actor|event_name)",
    re.IGNORECASE,
)
_WORKSPACES: Final = ("${{ github.workspace }}", "${{github.workspace}}", "$GITHUB_WORKSPACE")


def steps(document: Node, name: str) -> Iterator[CacheStep]:
    """The steps of a workflow, or of an action that is made of steps.

    Args:
        document: The file.
        name: How a sentence names it.
    """
    written = _assigned(document)
    shared = _literals(document, written)
    for job in (*(job for _, job in entries(child(document, "jobs"))), child(document, "runs")):
        if job is None or (base := _checkout(job)) is None:
            continue
        known = {**shared, **_literals(job, written)}
        early = any(_checks_out(step) for step in items(child(job, "steps")))
        for step in items(child(job, "steps")):
            early = early and not _checks_out(step)
            if _CACHE.match(scalar(child(step, "uses")) or ""):
                found = _step(step, {**known, **_literals(step, written)}, name)
                yield from (replace(one, base=base, early=early) for one in found)


def _step(step: Node, known: Mapping[str, str], name: str) -> Iterator[CacheStep]:
    node = child(step, "with", "key")
    key = scalar(node)
    hashed = None if key is None else _hashed(substituted(key, _VARIABLE, known))
    if node is None or hashed is None:
        return
    written = substituted(scalar(child(step, "with", "path")) or "", _VARIABLE, known).splitlines()
    paths = (inside(path, *_WORKSPACES) for path in written if path.strip())
    yield CacheStep(f"{name}:{line(node)}", tuple(path for path in paths if "${{" not in path), hashed)


def _hashed(key: str) -> tuple[tuple[str, ...], ...] | None:
    """The patterns in a key; None where there is something in it of which nothing is known."""
    found: list[tuple[str, ...]] = []
    for expression in _EXPRESSION.findall(key):
        for arguments in _HASH.findall(expression):
            if _STRING.sub("", arguments).strip(", \t\n"):
                return None
            texts = (text.replace("''", "'") for text in _STRING.findall(arguments))
            found.append(tuple(pattern.strip() for text in texts for pattern in text.splitlines()))
        rest = _STRING.sub("", _HASH.sub("", expression))
        if not all(_CONSTANT.fullmatch(name) for name in _NAME.findall(rest)):
            return None
    return tuple(found)


def _checkout(job: Node) -> str | None:
    """Where in the workspace a job has the repository; None where that is not known."""
    for step in filter(_checks_out, items(child(job, "steps"))):
        path = inside(scalar(child(step, "with", "path")) or "", *_WORKSPACES)
        return None if "${{" in path else path.strip("./")
    return ""


def _checks_out(step: Node) -> bool:
    """Whether a step gets the repository itself, and not another."""
    return (scalar(child(step, "uses")) or "").startswith(_CHECKOUT) and not child(step, "with", "repository")


def _literals(node: Node | None, written: frozenset[str]) -> dict[str, str]:
    """The variables that are given a value in the file; not those that a step may give another."""
    found = ((name, scalar(value)) for name, value in entries(child(node, "env")))
    return {name: text for name, text in found if text is not None and name not in written}


def _assigned(document: Node) -> frozenset[str]:
    """The variables that steps set for those after them."""
    found: set[str] = set()
    for _, job in entries(child(document, "jobs")):
        for step in items(child(job, "steps")):
            run = scalar(child(step, "run")) or ""
            if "GITHUB_ENV" in run:
                found |= set(re.findall(r"\b([A-Za-z_]\w*)(?==|<<)", run))
    return frozenset(found)
