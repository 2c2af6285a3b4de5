"""The Python program that the archives make: what is the user's own, where modules are found, what handlers reach."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from harness.artifact.bundle import CODE_ROOT
from harness.artifact.entries import Role
from harness.facts.graph import Graph
from harness.facts.search import Found, Search, site_folders
from harness.facts.view import Facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.artifact.entries import Archive
    from harness.facts.graph import Reach, Walk
    from harness.model import When
    from harness.policy import RuntimePolicy

# What no import names: what macOS adds to archives, templates of files.
_NO_MODULE = re.compile(r"/(?:\._[^/]*|__MACOSX/.*)$|[{} ]")
# What is for developers, and nobody's to import; unwanted-files names it.
_ASIDE = re.compile(
    r"(?:^|/)(?:tests?|testing|e2e|docs?|examples?|benchmarks?|notebooks|infra|cdk|\.[^/]+)/"
    r"|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest|setup|noxfile|tasks|fabfile|locustfile|gunicorn[\w.]*)\.py$"
)
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
    """

    policy: RuntimePolicy
    facts: Facts = field(default_factory=Facts)
    architecture: str = "x86_64"
    handlers: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()

    @cached_property
    def search(self) -> Search:
        """Where modules are found."""
        return Search(self.facts, self.policy, self.architecture, dict(self.environment))

    @cached_property
    def own(self) -> frozenset[str]:
        """The paths of the first-party source files: those that no distribution brought."""
        return frozenset(path for path in self.facts.modules if self._is_own(path))

    @cached_property
    def serving(self) -> tuple[str, ...]:
        """The first-party files that are not for developers alone: a handler reaches them, or nothing says so."""
        return tuple(path for path in sorted(self.own) if path in self.graph.reached or not _ASIDE.search(path))

    @cached_property
    def graph(self) -> Graph:
        """The imports, from the handlers on."""
        return Graph(self.facts.modules, self.search, self.handlers, self.own)

    def when(self, path: str, line: int) -> When:
        """When a function gets to a line of a file, of the functions that get there the one that does so first."""
        return self.graph.walked.when(path, line)

    @cached_property
    def reached_by(self) -> Mapping[str, Mapping[str, Reach]]:
        """What each handler reaches by itself, by the name of its function and then by path."""
        return {name: walk.reached for name, walk in self.walks.items()}

    @cached_property
    def walks(self) -> Mapping[str, Walk]:
        """What each handler reaches by itself, by the name of its function."""
        apart = {handler: self.graph.walk((handler,)) for handler in dict.fromkeys(self.handlers)}
        return {name: apart[handler] for name, handler in zip(self.names, self.handlers, strict=False)}

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """The modules of the handlers."""
        return tuple(dict.fromkeys(_module(handler) for handler in self.handlers))

    def _is_own(self, path: str) -> bool:
        if path in self.facts.owners or _NO_MODULE.search(path) or self.facts.bundle.items[path].archive in self.bare:
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

    def _is_aside(self, folder: str, top: str) -> bool:
        """Whether a folder only has the name of a library: no ``__init__``, and the library itself is elsewhere.

        Such as the migrations in ``alembic/``, be Alembic there or not.
        """
        items = self.facts.bundle.items
        if f"{folder}/__init__.py" in items or f"{folder}.py" in items:
            return False
        return isinstance(self.search.find(top), Found) or f"{folder}/env.py" in items

    @cached_property
    def _folders(self) -> tuple[str, ...]:
        return tuple(sorted({*site_folders(self.policy.python), *self.search.path}, key=len, reverse=True))

    @cached_property
    def bare(self) -> tuple[Archive, ...]:
        """Layers without any metadata: what is in them was slimmed, and nothing tells whose it is."""
        archives = zip(self.facts.bundle.archives, self.facts.of, strict=True)
        return tuple(archive for archive, facts in archives if archive.role is Role.LAYER and not facts.distributions)

    @cached_property
    def _handled(self) -> frozenset[str]:
        return frozenset(root.partition(".")[0] for root in self.roots)

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
