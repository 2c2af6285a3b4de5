"""A discovery as a text for people, and as a manifest."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from harness.discovery.manifest import table
from harness.plain_text import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.discovery.project import Project
    from harness.discovery.values import Declared, Discovery


def described(project: Project, found: Discovery) -> str:
    """Each function with its values and their places."""
    return "".join(f"{harmless(line)}\n" for line in _lines(project, found))


def _lines(project: Project, found: Discovery) -> Iterator[str]:
    count = len(found.functions)
    yield f"{project.relative(found.file)} ({found.tool}): {count} function{'s' * (count != 1)} to verify"
    yield from (f"note: {note}" for note in found.notes)
    for function in found.functions:
        yield ""
        yield f"{function.name}  ({function.place})"
        for key, value in table(function):
            if key != "environment" and value not in ([], False):
                place = function.places.get(key, function.place)
                yield f"  {key:<18} {_shown(value)}  ({place})"
        for name, value in sorted(function.environment.items()):
            yield f"  environment        {name}={value}"
        yield from (f"  can be called with template:{name}" for name in function.events)
        yield from (f"  not known before the deploy: {clause}" for clause in function.unknown)
    if found.uncovered:
        yield ""
        yield f"not covered: {len(found.uncovered)}"
        yield from (f"  {one.name}  ({one.place}): {one.reason}" for one in found.uncovered)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def manifest(project: Project, found: Discovery, folder: Path) -> str:
    """A manifest that declares the same functions.

    Args:
        project: The project that was looked at.
        found: What was found in it.
        folder: The manifest's folder: its paths are relative to it.
    """
    return "\n".join(_toml(project, found, folder)) + "\n"


def _toml(project: Project, found: Discovery, folder: Path) -> Iterator[str]:
    yield f"# From {project.relative(found.file)} ({found.tool})."
    for function in found.functions:
        yield f"\n[functions.{json.dumps(function.name)}]  # {function.place}"
        for clause in function.unknown:
            yield f"# Not known before the deploy: {harmless(clause)}"
        for key, value in table(function):
            # An event of the template has no file that a manifest could name.
            if key not in ("environment", "events") and value not in ([], False):
                yield f"{key} = {_literal(_moved(project, folder, key, value))}"
        if variables := _variables(function):
            yield f"environment = {{ {', '.join(variables)} }}"
    for one in found.uncovered:
        yield f"\n# Not covered: {harmless(one.name)} ({one.place}): {harmless(one.reason)}"


def _variables(function: Declared) -> list[str]:
    values = dict(table(function))["environment"]
    return [f"{name} = {_literal(value)}" for name, value in sorted(values.items())]


def _moved(project: Project, folder: Path, key: str, value: Any) -> Any:  # noqa: ANN401 - a value of a manifest
    """A path as the manifest's folder sees it; what is no path as it is."""
    if key == "layers":
        return [_moved(project, folder, "code", layer) for layer in value]
    if key != "code" or "://" in value or value.startswith(("arn:", "<", "function:")):
        return value
    return os.path.relpath(project.root / value, folder)


def _literal(value: object) -> str:
    """A value in TOML; its strings are JSON's, which are strings of TOML as well."""
    return json.dumps(value, ensure_ascii=False)
