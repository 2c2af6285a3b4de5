"""The function that a call leads to, across first-party modules."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from harness.facts.python.routines import OWN, SELF, SUPER
from harness.facts.python.search import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.facts.python.routines import Flow, Routine
    from harness.facts.python.search import Search
    from harness.facts.view import Modules

_MOST_HOPS: Final = 20  # names that stand for others, and classes that derive from others


@dataclass(frozen=True, slots=True)
class Entry:
    """A routine that is entered.

    Attributes:
        path: Its file.
        name: Its name there; empty for the module's own level.
        itself: The file and the name of the class that ``self`` is of, where it is a method.
    """

    path: str
    name: str
    itself: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Index:
    """A module's flow, by names."""

    routines: Mapping[str, Routine]
    classes: Mapping[str, tuple[str, ...]]
    names: Mapping[str, tuple[str, ...]]


class Calls:
    """Resolves what routines call."""

    def __init__(
        self,
        modules: Modules,
        search: Search,
        own: frozenset[str],
        absolute: Callable[[str, int, str], str | None],
    ) -> None:
        """Prepare to resolve.

        Args:
            modules: All source files, by path.
            search: Where modules are found.
            own: Paths of the first-party files; others are not followed.
            absolute: Makes the absolute name of one with dots in front, in a file.
        """
        self._modules = modules
        self._search = search
        self._own = own
        self._absolute = absolute
        self._index = cache(self._indexed)

    def flow(self, path: str) -> Flow | None:
        """What is known of a file's routines; None where it is not followed."""
        return self._modules[path].flow if path in self._own and path in self._modules else None

    def routine(self, entry: Entry) -> Routine | None:
        """The routine that is entered."""
        index = self._index(entry.path)
        return index.routines.get(entry.name) if index else None

    def made(self, entry: Entry) -> Iterator[Entry]:
        """What a routine enters each time, directly."""
        routine = self.routine(entry)
        for text in routine.calls if routine else ():
            for called in self.resolve(text, entry):
                found = self.routine(called)
                if found and not found.deferred:
                    yield called

    def resolve(self, text: str, caller: Entry, hops: int = 0) -> Iterator[Entry]:
        """What a name that a routine calls leads to."""
        if hops > _MOST_HOPS:
            return
        if text.startswith(OWN):
            yield from self._own_name(caller.path, text.removeprefix(OWN), hops)
        elif text.startswith((SELF, SUPER)):
            if caller.itself:
                yield from self._of_object(text, caller, caller.itself, hops)
        else:
            yield from self._of_module(text, caller.path, hops)

    def _indexed(self, path: str) -> _Index | None:
        flow = self.flow(path)
        if flow is None:
            return None
        counts = Counter(one.name for one in flow.routines)
        routines = {one.name: one for one in flow.routines if counts[one.name] == 1}
        return _Index(routines, dict(flow.classes), dict(flow.names))

    def _own_name(self, path: str, name: str, hops: int) -> Iterator[Entry]:
        index = self._index(path)
        if index is None:
            return
        top, _, rest = name.partition(".")
        if name in index.routines and top not in index.classes:
            yield Entry(path, name)
        elif owner := _class(name, index.classes):
            method = name[len(owner) + 1 :] or "__init__"
            yield from self._method((path, owner), method, (path, owner), hops)
        elif top in index.names:
            for text in index.names[top]:
                yield from self.resolve(f"{text}.{rest}" if rest else text, Entry(path, ""), hops + 1)

    def _of_object(self, text: str, caller: Entry, itself: tuple[str, str], hops: int) -> Iterator[Entry]:
        """A method of the object itself; with ``super()`` of what the class is derived from that the caller is in."""
        if text.startswith(SELF):
            attribute, _, method = text.removeprefix(SELF).partition(".")
            if method:
                yield from self._of_attribute(itself, attribute, method, hops)
            else:
                yield from self._method(itself, attribute, itself, hops)
            return
        index = self._index(caller.path)
        owner = caller.name.rpartition(".")[0]
        for base in index.classes.get(owner, ()) if index else ():
            for path, name in self._bases(base, caller.path, hops):
                yield from self._method((path, name), text.removeprefix(SUPER), itself, hops + 1)
                return

    def _of_attribute(self, owner: tuple[str, str], attribute: str, method: str, hops: int) -> Iterator[Entry]:
        """A method of what an attribute of an object stands for."""
        path, name = owner
        index = self._index(path)
        for text in index.names.get(f"{name}.{attribute}", ()) if index else ():
            yield from self.resolve(f"{text}.{method}", Entry(path, ""), hops + 1)

    def _method(self, owner: tuple[str, str], method: str, itself: tuple[str, str], hops: int) -> Iterator[Entry]:
        """A method of a class, or of the first of its bases that has it."""
        path, name = owner
        index = self._index(path)
        if index is None or hops > _MOST_HOPS:
            return
        if f"{name}.{method}" in index.routines:
            yield Entry(path, f"{name}.{method}", itself)
            return
        for base in index.classes.get(name, ()):
            for found in self._bases(base, path, hops):
                yield from self._method(found, method, itself, hops + 1)
                return

    def _bases(self, text: str, path: str, hops: int) -> Iterator[tuple[str, str]]:
        """The class that a text names."""
        if hops > _MOST_HOPS:
            return
        name = text.removeprefix(OWN)
        if name == text:
            path, name = next(self._places(text, path), ("", ""))
        index = self._index(path)
        if index and name in index.classes:
            yield path, name
        elif index and name in index.names:
            for other in index.names[name]:
                yield from self._bases(other, path, hops + 1)

    def _of_module(self, text: str, path: str, hops: int) -> Iterator[Entry]:
        for file, name in self._places(text, path):
            yield from self._own_name(file, name, hops)

    def _places(self, text: str, path: str) -> Iterator[tuple[str, str]]:
        """The own file that the first part of a dotted name leads to, and the rest of the name."""
        module = text.lstrip(".")
        full = self._absolute(module, len(text) - len(module), path)
        parts = full.split(".") if full else []
        for end in range(len(parts) - 1, 0, -1):
            found = self._search.find(".".join(parts[:end]))
            if isinstance(found, Found):
                if found.path in self._own:
                    yield found.path, ".".join(parts[end:])
                return


def _class(name: str, classes: Mapping[str, tuple[str, ...]]) -> str | None:
    """The class that a name begins with; of classes inside of classes the innermost."""
    parts = name.split(".")
    found = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((one for one in found if one in classes), None)
