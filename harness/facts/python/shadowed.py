"""Modules of the archives that cannot be imported, because another of the same name is found first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.facts.python.graph import Unresolved
from harness.facts.python.search import Found, Missing, Portions, Search
from harness.model import When

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.facts.python.program import Program


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A package or module that is not found, although it is on ``sys.path``.

    Attributes:
        name: Its name, which something else has too.
        front: The file that is found under that name.
        path: Its own file, or its folder where it has no ``__init__``.
        modules: What it holds that cannot be imported at all, by full names; nothing where all of it is in front too.
        portion: Whether it is a portion of a namespace package: without an ``__init__``, or with one that shares.
    """

    name: str
    front: str
    path: str
    modules: tuple[str, ...]
    portion: bool


def shadowed(program: Program) -> Iterator[Shadowed]:
    """Everything that is hidden by a package or a module of the archives."""
    search = program.search
    for name in _twice(search, search.path):
        yield from _below(program, name, search.path)


def _twice(search: Search, folders: Iterable[str]) -> list[str]:
    """The names that more than one of these folders has."""
    seen, twice = set[str](), set[str]()
    for folder in folders:
        names = search.contents.get(folder, frozenset())
        twice |= seen & names
        seen |= names
    return sorted(twice - {"__init__"})


def _below(program: Program, name: str, folders: tuple[str, ...]) -> Iterator[Shadowed]:
    search = program.search
    last = name.rpartition(".")[2]
    front = search.find(name)
    shared = search.folders(name)
    if isinstance(front, Portions) or len(shared) > 1:
        for child in _twice(search, shared):
            yield from _below(program, f"{name}.{child}", shared)
    elif isinstance(front, Found):
        for folder in folders:
            behind = search.within((folder,), last)
            if isinstance(behind, Found) and behind != front:
                module = program.facts.modules.get(behind.path)
                portion = behind.package and module is not None and module.names.shared
                root = behind.path.rpartition("/")[0] if behind.package else None
                yield Shadowed(name, front.path, behind.path, _lost(search, name, root), portion)
            elif isinstance(behind, Portions) and (lost := _lost(search, name, behind.folders[0])):
                yield Shadowed(name, front.path, behind.folders[0], lost, portion=True)


def _lost(search: Search, name: str, root: str | None) -> tuple[str, ...]:
    """The modules below a folder that are not found under their names."""
    lost = []
    waiting = [(name, root)] if root else []
    while waiting:
        package, folder = waiting.pop()
        for child in search.contents.get(folder, ()):
            full = f"{package}.{child}"
            if child == "__init__":
                continue
            if isinstance(search.find(full), Missing) and search.within((folder,), child):
                lost.append(full)
            waiting.append((full, f"{folder}/{child}"))
    return tuple(sorted(lost))


def misled(
    program: Program, name: str, lacks: Callable[[str], bool], paths: Iterable[str] | None = None
) -> tuple[Unresolved, ...]:
    """The imports that want of a module what it does not have, and must succeed; what fails first comes first.

    Args:
        program: The program.
        name: The module's name.
        lacks: Whether it lacks a name, or a submodule.
        paths: The files to look at: if not given, those that are first-party, or that a handler loads when it starts.
    """
    modules = program.facts.modules
    looked = looked_at(program) if paths is None else [path for path in paths if path in modules]
    return by_time(program, (one for path in looked for one in _wanted(program, name, path, lacks)))


def looked_at(program: Program) -> list[str]:
    """The source files whose imports count: what is first-party and a function may load, and what it loads at first."""
    reached = program.graph.reached
    own = (path for path in program.own if program.when(path, 0) is not When.NEVER)
    paths = {*own, *(path for path, reach in reached.items() if reach.when < When.LATER)}
    return [path for path in paths if path in program.facts.modules]


def by_time(program: Program, found: Iterable[Unresolved]) -> tuple[Unresolved, ...]:
    """Imports in the order in which a function gets to them."""

    def order(one: Unresolved) -> tuple[int, str, int]:
        return program.when(one.path, one.statement.line), one.path, one.statement.line

    return tuple(sorted(found, key=order))


def _wanted(program: Program, name: str, path: str, lacks: Callable[[str], bool]) -> Iterator[Unresolved]:
    for statement in program.facts.modules[path].imports:
        # What uses an attribute is judged by itself, as what the module lacks.
        unsure = not statement.certain or statement.plugins or statement.attribute
        if unsure or (statement.lazy and path not in program.own):
            continue
        base = program.graph.absolute(statement.module, statement.level, path)
        if base is None or not f"{base}.".startswith(f"{name}.") or not program.graph.applies(statement, path):
            continue
        if base != name:
            resolution = program.search.find(base)
            if isinstance(resolution, Missing):
                yield Unresolved(path, statement, resolution.name)
            continue
        for wanted in statement.names:
            if wanted != "*" and not wanted.startswith("__") and lacks(wanted):
                yield Unresolved(path, statement, name, wanted)


def closed_to(program: Program, front: Found, name: str, wanted: str) -> bool:
    """Whether a module certainly has neither a name nor a submodule of that name."""
    module = program.facts.modules.get(front.path)
    if module is None or not module.parsed or module.names.open or wanted in module.names.bound:
        return False
    absent = isinstance(program.search.find(f"{name}.{wanted}"), Missing)
    return absent and not program.facts.modules.faults([front.path])
