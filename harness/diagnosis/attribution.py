"""Complete findings from the archives and the repository: the functions that they stop, and their place."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from harness import regular_files
from harness.artifact.bundle import CODE_ROOT
from harness.facts.python.search import Found
from harness.model import Place, Severity, When

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.dependencies.comparison.dependency_lists import DependencyLists
    from harness.facts.python.program import Program
    from harness.model import Finding

_PLACE: Final = re.compile(r"(?P<path>.+?)(?::(?P<line>\d+))?")
_HANDLER: Final = re.compile(r"handler (\S+?)(?:, event .*)?")


def completed(finding: Finding, lists: DependencyLists, *, of_function: bool = False) -> Finding:
    """The finding, with the functions that it stops, those that it spares, and its place in the repository.

    Args:
        finding: As a check made it.
        lists: What it is about.
        of_function: Whether it is about one function, which then is the one that it stops.
    """
    functions, spared = finding.functions, finding.spared
    if not (of_function or functions or spared) and finding.chain:
        functions, spared = _reached(finding, lists.program)
    return replace(
        finding,
        functions=functions,
        spared=spared,
        when=finding.when if finding.when is not None else _when(finding, lists.program),
        source=finding.source or _source(finding.where, lists),
        trail=finding.trail or _trail(finding.chain, lists),
    )


def _trail(chain: tuple[str, ...], lists: DependencyLists) -> tuple[Place | None, ...]:
    """For each module of a chain its place in the repository, with the line of its import of the next."""
    program = lists.program
    if not chain or not lists.project.sources:
        return ()
    found = program.search.find(chain[-1])
    ways = [way.get(found.path) for way in program.reached_by.values()] if isinstance(found, Found) else []
    step, line = next((way for way in ways if way and way.chain == chain), None), None
    places: list[Place | None] = []
    while step:
        file = _file(step.path, lists)
        places.insert(0, Place(file, line) if file else None)
        line, step = step.line, step.parent
    return tuple(places) if any(places) else ()


def _when(finding: Finding, program: Program) -> When | None:
    """An error with a chain is noticed when a handler starts if Lambda has words for that, or its module may."""
    if finding.severity is not Severity.ERROR or not finding.chain:
        return None
    if finding.message.startswith("Runtime."):
        return When.AT_START
    found = program.search.find(finding.chain[-1])
    reach = program.graph.reached.get(found.path) if isinstance(found, Found) else None
    return When.PERHAPS_AT_START if reach and reach.when is When.PERHAPS_AT_START else When.AT_EVENT


def _reached(finding: Finding, program: Program) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The functions that import the last module of the chain when they start, and those that never do."""
    found = program.search.find(finding.chain[-1])
    if not isinstance(found, Found):
        return (), ()
    reaches = {name: reached.get(found.path) for name, reached in program.reached_by.items()}
    stopped = (name for name, reach in reaches.items() if reach and reach.when is When.AT_START)
    return tuple(stopped), tuple(name for name, reach in reaches.items() if reach is None)


def _source(where: str, lists: DependencyLists) -> Place | None:
    """The place in the repository that a place in an archive or in a function comes from."""
    functions = lists.manifest.functions if lists.manifest else ()
    if handler := _HANDLER.fullmatch(where):
        return next((one.declared_at for one in functions if one.handler == handler[1]), None)
    if of_one := next((one for one in functions if where.startswith(f"{one.name}: ")), None):  # a setting, an event
        return of_one.declared_at
    place = _PLACE.fullmatch(where)
    if place is None:
        return None
    line = int(place["line"]) if place["line"] else None
    file = _file(place["path"], lists)
    return Place(file, line) if file else None


def _file(path: str, lists: DependencyLists) -> str | None:
    """The first file of the repository that a path can mean, as reports name it."""
    return next((shown for file, shown in _files(path, lists) if regular_files.is_file(file)), None)


def _files(path: str, lists: DependencyLists) -> Iterator[tuple[Path, str]]:
    """The files of the repository that a path can mean, each with the way in which reports name it."""
    bundle = lists.program.facts.bundle
    code, archives = bundle.code, tuple(archive.source for archive in bundle.archives)
    inner = None
    if path.startswith(f"{CODE_ROOT}/"):
        inner = path.removeprefix(f"{CODE_ROOT}/")
    elif code and path.startswith(f"{code.source}!"):
        inner = path.removeprefix(f"{code.source}!")
    if inner:
        for root in lists.project.sources:
            yield root.path / inner, f"{root.shown}/{inner}".removeprefix("./")
    elif lists.manifest and not path.startswith(("/", *archives)):
        yield lists.manifest.folder / path, path
