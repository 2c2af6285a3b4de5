"""The Python program that the archives make: first-party files, the search path, what handlers reach."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from harness.artifact.bundle import CODE_ROOT
from harness.artifact.entries import Role
from harness.facts.python.developer_files import is_for_developers
from harness.facts.python.graph import Graph
from harness.facts.python.possible_imports import possible
from harness.facts.python.search import Found, Search, site_folders
from harness.facts.python.search_path import Additions, View, additions, with_wrapper
from harness.facts.python.wrapped_handlers import Redirection, packaged, redirections
from harness.facts.python.wrapped_handlers import View as Handled
from harness.facts.view import Facts
from harness.model import When

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.artifact.entries import Archive
    from harness.facts.python.walk import Reach, Walk
    from harness.policy import RuntimePolicy

# What no import names: what macOS adds to archives, templates of files.
_SMALL = 100  # bytes; what is shorter is alike by chance
_NO_MODULE = re.compile(r"/(?:\._[^/]*|__MACOSX/.*)$|[{} ]")
_USUAL = ("handler", "lambda_handler")
_MOST_ROUNDS = 4  # of code that is found through folders which other code adds
_VENDORED = frozenset({"_vendor", "vendor", "vendored", "_vendored", "third_party", "node_modules", "site-packages"})


@dataclass(frozen=True)  # without slots: what is derived is computed once, and cached properties keep it in __dict__
class Program:
    """One code archive with its layers, as Python sees it.

    Attributes:
        policy: What the runtime brings.
        facts: What the archives say.
        architecture: ``x86_64`` or ``arm64``.
        handlers: The handlers of the functions that share these archives, as they are declared.
        names: The names of these functions, in the same order.
        environment: The variables that these functions declare, as far as they agree.
        variables: The variables of each function, in the order of their names.
        elsewhere: Handlers of other functions with the same code, and other layers.
    """

    policy: RuntimePolicy
    facts: Facts = field(default_factory=Facts)
    architecture: str = "x86_64"
    handlers: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[tuple[str, str], ...], ...] = ()
    elsewhere: tuple[str, ...] = ()

    @cached_property
    def _environment(self) -> Mapping[str, str]:
        return with_wrapper(self.facts, dict(self.environment))

    @cached_property
    def _base(self) -> Search:
        """Where modules are found before any code changes that."""
        return Search(self.facts, self.policy, self.architecture, self._environment)

    @cached_property
    def _found_out(self) -> tuple[View, Additions]:
        """Where modules are found, and what is imported then: code that is reached adds to the search path."""
        known, rounds = Additions(), 0
        while True:
            search = self._search(known)
            redirected = self._redirections(search)
            started = (*self.handlers, *(one.handler for one in redirected if one.when is When.AT_START))
            called = [one.handler for one in redirected if one.when is not When.AT_START]
            handlers = started or tuple(self._usual(search))
            graph = Graph(self.facts.modules, search, handlers, self.own, called)
            view = View(self.facts, search, graph, self._environment, redirected)
            known, before = additions(view), known
            rounds += 1
            if set(known.folders) <= set(before.folders) or rounds == _MOST_ROUNDS:
                return view, known

    def _search(self, added: Additions) -> Search:
        if not added.folders:
            return self._base
        return Search(self.facts, self.policy, self.architecture, self._environment, added.folders)

    def _usual(self, search: Search) -> Iterator[str]:
        """The handlers that there seem to be, where none is declared."""
        for path in sorted(self.own):
            name = search.module_name(path)
            yield from (f"{name}.{one}" for one in _USUAL if name and one in self.facts.modules[path].names.bound)

    @property
    def search(self) -> Search:
        """Where modules are found."""
        return self._found_out[0].search

    @property
    def added(self) -> Additions:
        """What code and wrappers put on the search path."""
        return self._found_out[1]

    @cached_property
    def widest(self) -> Search:
        """Where modules are found that no import leads to: what else may be loaded adds to the search path, too."""
        return self._search(additions(self._found_out[0], self.possible()))

    @cached_property
    def redirections(self) -> tuple[Redirection, ...]:
        """The handlers that variables name for a wrapper to call."""
        return self._redirections(self.search)

    def _redirections(self, search: Search) -> tuple[Redirection, ...]:
        view = Handled(search, self.facts.modules, self.own, self.facts.texts)
        named = zip(self.names, self.handlers, self.variables, strict=False)
        return tuple(one for each in named for one in redirections(*each, view))

    @cached_property
    def own(self) -> frozenset[str]:
        """The paths of the first-party source files: those that no distribution brought."""
        return frozenset(path for path in self.facts.modules if self._is_own(path))

    @cached_property
    def serving(self) -> tuple[str, ...]:
        """The first-party files that are not for developers alone: a handler reaches them, or nothing says so."""
        return tuple(path for path in sorted(self.own) if path in self.graph.reached or not is_for_developers(path))

    @property
    def graph(self) -> Graph:
        """The imports, from the handlers on."""
        return self._found_out[0].graph

    def when(self, path: str, line: int, function: str | None = None) -> When:
        """When a function gets to a line of a file.

        Args:
            path: The file, as the function sees it.
            line: The line.
            function: Its name; None for the one of all functions that gets there first.
        """
        walk = self._walk(function)
        if path in walk.reached:
            return walk.when(path, line)
        if not self.handlers and not self.graph.reached:  # nobody knows what they will be
            return When.LATER if path in self.serving else When.NEVER
        return When.LATER if path in self.possible(function) else When.NEVER

    def first(self, path: str, function: str | None = None) -> When:
        """When a function loads a file."""
        reach = self._walk(function).reached.get(path)
        return reach.when if reach else self.when(path, 0, function)

    def hit(self, path: str) -> tuple[str, ...]:
        """The functions that certainly load a file; where none does, those that may."""
        when = {name: self.first(path, name) for name in self.names}
        certain = tuple(name for name, one in when.items() if one <= When.AT_EVENT)
        return certain or tuple(name for name, one in when.items() if one is not When.NEVER)

    def _walk(self, function: str | None) -> Walk:
        return self.graph.walked if function is None else self.walks.get(function, self.graph.walked)

    def possible(self, function: str | None = None) -> Mapping[str, Reach]:
        """The first-party files that no import leads to from a function, or from any, and that it may load."""
        if function not in self._possible:
            walk = self._walk(function)
            others = self.others
            found = possible(self, walk)
            self._possible[function] = {path: reach for path, reach in found.items() if path not in others}
        return self._possible[function]

    @cached_property
    def _possible(self) -> dict[str | None, Mapping[str, Reach]]:
        return {}

    @cached_property
    def others(self) -> frozenset[str]:
        """What functions with the same code and other layers load, and is to be judged with those."""
        return frozenset(self.graph.walk(self.elsewhere).reached) - frozenset(self.graph.reached)

    @cached_property
    def reached_by(self) -> Mapping[str, Mapping[str, Reach]]:
        """What each handler reaches by itself, by the name of its function and then by path."""
        return {name: walk.reached for name, walk in self.walks.items()}

    @cached_property
    def walks(self) -> Mapping[str, Walk]:
        """What each handler reaches by itself, by the name of its function."""
        declared = zip(self.names, self.handlers, strict=False)
        handlers: dict[str, tuple[str, ...]] = {name: (handler,) for name, handler in declared}
        called: dict[str, tuple[str, ...]] = dict.fromkeys(handlers, ())
        for one in self.redirections:
            into = handlers if one.when is When.AT_START else called
            into[one.function] = (*into[one.function], one.handler)
        apart = {pair: self.graph.walk(*pair) for pair in zip(handlers.values(), called.values(), strict=True)}
        return {name: apart[handlers[name], called[name]] for name in handlers}

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """The modules of the handlers that load as a function starts."""
        every = (*self.handlers, *(one.handler for one in self.redirections if one.when is When.AT_START))
        return tuple(dict.fromkeys(_module(handler) for handler in every))

    def _is_own(self, path: str) -> bool:
        if self._is_brought(path) or _NO_MODULE.search(path) or self.facts.bundle.items[path].archive in self.bare:
            return False
        folder = next((folder for folder in self._folders if path.startswith(f"{folder}/")), None)
        if folder is None:
            return False  # no search reaches it; at /opt that is a library's data or a program
        parts = path[len(folder) + 1 :].split("/")
        top = parts[0].removesuffix(".py")
        if _VENDORED.intersection(parts[:-1]):
            return False
        if top in self._handled and folder == CODE_ROOT:
            return True
        if top in self._foreign and not self._is_aside(f"{folder}/{top}", top):
            return False
        packages = ("/".join([folder, *parts[:end], "__init__.py"]) for end in range(1, len(parts)))
        return not any(package in self.facts.owners for package in packages)

    def _is_brought(self, path: str) -> bool:
        """Whether a distribution has the file, or the same one elsewhere, or a tool made it: a handler of its own."""
        entry = self.facts.bundle.items[path].entry
        copied = entry.crc != 0 and (entry.crc, entry.size) in self._libraries
        return copied or path in self.facts.owners or path in self._packaged

    @cached_property
    def _packaged(self) -> frozenset[str]:
        return packaged(self.facts.texts)

    @cached_property
    def _libraries(self) -> frozenset[tuple[int, int]]:
        """What the modules of distributions hold, by their checksum and size."""
        items = self.facts.bundle.items
        entries = (items[path].entry for path in self.facts.owners if path in self.facts.modules)
        return frozenset((one.crc, one.size) for one in entries if one.size > _SMALL)

    def _is_aside(self, folder: str, top: str) -> bool:
        """Whether a folder only has the name of a library: no ``__init__``, and the library itself is elsewhere.

        Such as the migrations in ``alembic/``, be Alembic there or not.
        """
        items = self.facts.bundle.items
        if f"{folder}/__init__.py" in items or f"{folder}.py" in items:
            return False
        return isinstance(self._base.find(top), Found) or f"{folder}/env.py" in items

    @cached_property
    def _folders(self) -> tuple[str, ...]:
        return tuple(sorted({*site_folders(self.policy.python), *self._base.path}, key=len, reverse=True))

    @cached_property
    def bare(self) -> tuple[Archive, ...]:
        """Layers without any metadata: what is in them was slimmed, and nothing tells whose it is."""
        archives = zip(self.facts.bundle.archives, self.facts.of, strict=True)
        return tuple(archive for archive, facts in archives if archive.role is Role.LAYER and not facts.distributions)

    @cached_property
    def _handled(self) -> frozenset[str]:
        return frozenset(_module(handler).partition(".")[0] for handler in self.handlers)

    @cached_property
    def _foreign(self) -> frozenset[str]:
        """Top-level names that belong to a distribution, although no record says so file by file."""
        brought = (name for name, _ in self.policy.preinstalled_modules)
        return frozenset(self._unrecorded()).union(self.policy.known_modules, brought)

    def _unrecorded(self) -> Iterator[str]:
        for installed in self.facts.distributions:
            if installed.distribution.record is None:
                yield from installed.distribution.top_level
                yield installed.distribution.key.replace("-", "_")


def _module(handler: str) -> str:
    return handler.rpartition(".")[0].replace("/", ".")
