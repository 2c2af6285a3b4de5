"""The import graph: the modules that handlers reach, and by which chain."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from harness.facts.python.calls import Calls, Entry
from harness.facts.python.search import (
    DEEPEST,
    STANDARD_LIBRARY,
    Found,
    Given,
    Missing,
    Portions,
    Resolution,
    Search,
)
from harness.facts.python.walk import Edge, Reach, Walk, within
from harness.model import When
from harness.policy import preinstalled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.facts.python.imports import Import
    from harness.facts.python.routines import Flow
    from harness.facts.view import Modules


@dataclass(frozen=True, slots=True)
class Unresolved:
    """An import that finds nothing.

    Attributes:
        path: The file that it stands in.
        missing: The module that is not there: the first part of the name that fails. With dots in front, it is a
            relative import that leads beyond what has a name.
        name: What a ``from`` import wants of a module that is there; None where the module is missing.
    """

    path: str
    statement: Import
    missing: str
    name: str | None = None


class Graph:
    """The imports of all modules that a function sees.

    Follows the code of ``first_party`` into its functions, and everything else as far as it is imported when the
    handler is loaded: what a library imports inside its functions is mostly optional.
    """

    def __init__(
        self,
        modules: Modules,
        search: Search,
        handlers: Iterable[str],
        own: frozenset[str],
        called: Iterable[str] = (),
    ) -> None:
        """Prepare a graph.

        Args:
            modules: All source files, by path.
            search: Where modules are found.
            handlers: Names of the functions to start from: ``app.main.handler``.
            own: Paths of the first-party files.
            called: Names of the functions whose modules a handler loads with every event.
        """
        self._modules = modules
        self._search = search
        self._handlers = tuple(handlers)
        self._called = tuple(called)
        self._own = own
        self._calls = Calls(modules, search, own, self.absolute)
        self._lost: dict[str, tuple[Unresolved, ...]] = {}
        self._known: dict[str, tuple[Edge, ...]] = {}
        self._made: dict[Entry, tuple[Entry, ...]] = {}
        self._executed: dict[str, tuple[tuple[str, str], ...]] = {}

    @property
    def reached(self) -> Mapping[str, Reach]:
        """Every file that is reached, by path: as early as can be, and then by the shortest chain."""
        return self.walked.reached

    @cached_property
    def walked(self) -> Walk:
        """What all handlers reach together."""
        return self.walk(self._handlers, self._called)

    def walk(self, handlers: Iterable[str], called: Iterable[str] = ()) -> Walk:
        """What some handlers reach, and functions that these call with every event, by their names."""
        walk = Walk(self)
        roots = {**dict.fromkeys(called, When.AT_EVENT), **dict.fromkeys(handlers, When.AT_START)}
        for handler, when in roots.items():
            module, _, function = handler.rpartition(".")
            root = module.replace("/", ".")
            for name, path in self._files(root):
                walk.add(Reach(name, path, when))
            if isinstance(found := self._search.find(root), Found):
                reach = Reach(root, found.path, When.AT_EVENT)
                for entry in self._calls.resolve(f":{function}", Entry(found.path, "")):
                    walk.enter(entry, When.AT_EVENT, reach)
        walk.finish()
        return walk

    def edges(self, name: str, path: str) -> tuple[Edge, ...]:
        """What a module imports in its turn; found once."""
        if (known := self._known.get(path)) is None:
            known = self._known[path] = tuple(self._imported(name, path))
        return known

    def made(self, entry: Entry) -> tuple[Entry, ...]:
        """What a routine calls each time; found once."""
        if (known := self._made.get(entry)) is None:
            known = self._made[entry] = tuple(self._calls.made(entry))
        return known

    def flow(self, path: str) -> Flow | None:
        """What is known of a file's routines; None where it is not followed."""
        return self._calls.flow(path)

    def lazy(self, path: str, line: int) -> bool:
        """Whether an import stands on that line, in a function."""
        module = self._modules.get(path)
        return any(one.lazy for one in module.imports if one.line == line) if module else False

    def _imported(self, name: str, path: str) -> Iterator[Edge]:
        module = self._modules.get(path)
        flow = self.flow(path)
        for statement in module.imports if module else ():
            if statement.never or (statement.lazy and path not in self._own):
                continue
            if (statement.unless or statement.after) and not self.applies(statement, path):
                continue
            certain = statement.certain
            routine = flow.at(statement.line) if flow and statement.lazy else None
            if routine:
                certain = certain and not within(statement.line, routine.unsure)
            for target in self._plugins(statement, name, path) if statement.plugins else self.targets(statement, path):
                for found, file in self._files(target):
                    yield Edge(
                        found,
                        file,
                        statement.line,
                        certain,
                        statement.lazy,
                        routine.name if routine else None,
                        statement.guarded,
                    )

    def _files(self, name: str) -> tuple[tuple[str, str], ...]:
        """The files that importing a module executes, its parents' and its own, with their names."""
        if (known := self._executed.get(name)) is None:
            parent = name.rpartition(".")[0]
            resolution = self._search.find(name)
            own = ((name, resolution.path),) if isinstance(resolution, Found) else ()
            above = self._files(parent) if parent and name.count(".") <= DEEPEST else ()
            with_it = (file for other in self._search.imported_with(resolution) for file in self._files(other))
            known = self._executed[name] = (*above, *own, *with_it)
        return known

    def _plugins(self, statement: Import, own: str, path: str) -> Iterator[str]:
        """The submodules of a package that are imported by computed names."""
        if statement.module:
            folders = self._search.folders(statement.module)
        else:
            folders = (posixpath.dirname(path),) if path.endswith("/__init__.py") else ()
        for folder in folders:
            names = (self._search.module_name(path) for path in self._beside.get(folder, ()))
            yield from (name for name in names if name and name not in {own, statement.module})

    @cached_property
    def _beside(self) -> Mapping[str, tuple[str, ...]]:
        """The modules and packages of each folder."""
        found: dict[str, list[str]] = {}
        for path in sorted(self._modules):
            folder = posixpath.dirname(path)
            found.setdefault(folder, []).append(path)
            if path.endswith("/__init__.py"):
                found.setdefault(posixpath.dirname(folder), []).append(path)
        return {folder: tuple(paths) for folder, paths in found.items()}

    def targets(self, statement: Import, path: str) -> tuple[str, ...]:
        """The modules that a statement imports: the one that it names, and submodules among the names it takes."""
        base = self.absolute(statement.module, statement.level, path)
        if base is None:
            return ()
        children = (f"{base}.{name}" for name in self._taken(statement, base))
        return (base, *(child for child in children if isinstance(self._search.find(child), Found | Portions)))

    def _taken(self, statement: Import, base: str) -> tuple[str, ...]:
        """The names that a statement takes out of a module; with a star those that the module's ``__all__`` has."""
        if statement.names != ("*",):
            return statement.names
        found = self._search.find(base)
        module = self._modules.get(found.path) if isinstance(found, Found) else None
        return module.names.exported if module else ()

    def absolute(self, module: str, level: int, path: str) -> str | None:
        """The absolute name of what a file calls ``module``; None where it is beyond the top."""
        if not level:
            return module
        own = self._search.module_name(path)
        if own is None:
            return None
        parts = own.split(".") if path.endswith("/__init__.py") else own.split(".")[:-1]
        if level - 1 >= len(parts):
            return None
        parts = parts[: len(parts) - (level - 1)]
        return ".".join([*parts, module] if module else parts)

    def applies(self, statement: Import, path: str) -> bool:
        """Whether a statement that stands in for, or builds upon, another import is executed at all."""
        if not all(any(self._fails(name, path) for name in group) for group in statement.unless):
            return False
        return not any(self._fails(name, path) for name in statement.after)

    def _fails(self, dotted: str, path: str) -> bool:
        module = dotted.lstrip(".")
        name = self.absolute(module, len(dotted) - len(module), path)
        return name is None or isinstance(self._search.find(name), Missing)

    def unresolved(self, path: str) -> tuple[Unresolved, ...]:
        """The imports of a file that find nothing, but those that expect it or are not executed; found once."""
        if (known := self._lost.get(path)) is None:
            known = self._lost[path] = tuple(self._unresolved(path))
        return known

    def _unresolved(self, path: str) -> Iterator[Unresolved]:
        for statement in self._modules[path].imports:
            if statement.never or statement.guarded or statement.plugins or not self.applies(statement, path):
                continue
            base = self.absolute(statement.module, statement.level, path)
            if base is None:
                if path in self._own and self._search.module_name(path):
                    yield Unresolved(path, statement, "." * statement.level + statement.module)
                continue
            resolution = self._search.find(base)
            if isinstance(resolution, Missing):
                yield Unresolved(path, statement, resolution.name)
                continue
            taken = replace(statement, attribute=True) if statement.names == ("*",) else statement
            for name in self._taken(statement, base):
                lacks = self._lacks(base, resolution, name, statement, path)
                if lacks and not self._patched.intersection((f"{base}.{name}", f"{base}.*")):
                    yield Unresolved(path, taken, base, name)

    @cached_property
    def _patched(self) -> frozenset[str]:
        """The attributes of modules that first-party code and what is reached set: what needs them finds them."""
        paths = self._own.union(self.reached)
        return frozenset(name for path in paths if path in self._modules for name in self._modules[path].patches)

    def _lacks(self, base: str, resolution: Resolution, name: str, statement: Import, importer: str) -> bool:
        """Whether a module that is there certainly has no such name and no such submodule.

        Libraries find many ways to make names; of their modules, only what is certainly imported is looked up.
        """
        if isinstance(resolution, Given):
            of_python = resolution.by == STANDARD_LIBRARY
            return self._search.lacks(base, name) if of_python else not preinstalled.has_name(base, name)
        if not isinstance(self._search.find(f"{base}.{name}"), Missing):
            return False
        if isinstance(resolution, Portions):
            return True
        path = resolution.path if isinstance(resolution, Found) else ""
        module = self._modules.get(path)
        if module is None or not module.parsed or name.startswith("__"):
            return False
        if path == importer or path not in self._own:
            sure = importer in self._own or (statement.certain and not statement.lazy)
            return sure and not self._modules.may_bind(path, name, base if path == importer else None)
        absent = not module.names.open and name not in module.names.bound
        return absent and not self._modules.faults([path])
