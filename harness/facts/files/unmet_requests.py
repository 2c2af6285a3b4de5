"""Requests of code to Lambda's system that cannot be met."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from harness.artifact.bundle import CODE_ROOT, LAYER_ROOT
from harness.facts.files.executables import Obstacle, obstacle, search_path
from harness.facts.native.loader import Loader
from harness.facts.python.locations import Places
from harness.facts.python.search import Found
from harness.facts.python.system_requests import Kind, Request
from harness.facts.python.walk import weaker
from harness.model import When
from harness.policy.files import system_files
from harness.policy.needs import Need, needs
from harness.policy.programs import programs, uncertain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.facts.python.program import Program

FIND: Final = "find_library"
_SURE: Final = frozenset({When.AT_START, When.AT_EVENT})
# Where a function finds what it has put there itself, or what only the run time tells.
_WRITTEN: Final = ("/tmp/", "/mnt/", "/proc/", "/dev/")  # noqa: S108 - in the function
_CODESET: Final = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True, slots=True)
class UnmetRequest:
    """Something that is asked for in vain.

    Attributes:
        what: What is asked for, as the code has it.
        file: The module that asks for it.
        call: What is called; of a library that needs it, the library's name.
        when: When the function gets there.
        raises: Whether an error certainly follows.
        there: The file that is there and does not do.
        obstacle: Why that file cannot be started.
        need: What is known of the library that needs it.
    """

    kind: Kind
    what: str
    file: str
    line: int
    call: str
    when: When
    raises: bool
    there: str | None = None
    obstacle: Obstacle | None = None
    need: Need | None = None


class UnmetRequests:
    """Finds what is asked for in vain."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._facts = program.facts
        self._loader = Loader(program)
        self._places = Places(program)
        self._sure = program.policy.system_libraries_complete
        self._programs = programs(program.policy.python)

    def found(self) -> Iterator[UnmetRequest]:
        """All that is asked for in vain by code that a function gets to."""
        for file in sorted({*self._program.serving, *self._program.graph.reached}):
            module = self._facts.modules.get(file)
            for request in module.requests if module else ():
                when = self._when(file, request)
                if when is not When.NEVER and (lack := self._lack(file, request, when)):
                    yield lack
        yield from self._needed()

    def _when(self, file: str, request: Request) -> When:
        if file in self._program.own:
            when = self._program.when(file, request.line)
            if when is When.NEVER and not self._program.handlers:
                return When.LATER
            return weaker(when) if request.conditional and when is not When.NEVER else when
        reach = self._program.graph.reached[file]
        return reach.when if not (request.lazy or request.conditional) and reach.when in _SURE else When.NEVER

    def _lack(self, file: str, request: Request, when: When) -> UnmetRequest | None:
        match request.kind:
            case Kind.PROGRAM | Kind.SHELL | Kind.WHICH:
                return self._of_program(file, request, when)
            case Kind.LIBRARY:
                return self._of_library(file, request, when)
            case Kind.FIND:
                return self._unfound(file, request, when)
            case Kind.PATH | Kind.TEMPLATE:
                return None
            case Kind.LOCALE:
                names = {_folded(name) for name in (*self._locales[0], *self._locales[1], "")}
                return None if _folded(request.what.tail) in names else self._made(file, request, when)
            case _:
                return self._made(file, request, when)

    def _made(  # noqa: PLR0913 - what is known of it
        self,
        file: str,
        request: Request,
        when: When,
        *,
        certain: bool = True,
        there: str | None = None,
        why: Obstacle | None = None,
    ) -> UnmetRequest:
        what = (
            request.name
            if request.name is not None
            else next(iter(self._places.paths(request.what, file)), request.what.tail)
        )
        return UnmetRequest(
            request.kind, what, file, request.line, request.call, when, request.raises and certain, there, why
        )

    @property
    def _locales(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        known = system_files(self._program.policy.operating_system)
        return known.locales, known.some_locales

    def _of_program(self, file: str, request: Request, when: When) -> UnmetRequest | None:
        if request.name in uncertain(self._program.policy.python):
            return None
        if request.name is not None:
            paths: tuple[str, ...] = tuple(f"{folder}/{request.name}" for folder in search_path(self._program))
        else:
            paths = self._places.paths(request.what, file)
        if not paths or any(path in self._programs or path.startswith(_WRITTEN) for path in paths):
            return None
        name = posixpath.basename(paths[0])
        if (
            request.name is not None
            and "PATH" in self._moved
            and any(one.endswith(f"/{name}") for one in self._facts.bundle.items)
        ):
            return None
        for path in paths:
            if path in self._facts.bundle.items:
                why = obstacle(path, self._program, by_shell=request.kind is Kind.SHELL)
                if why is None:
                    return None
                return self._made(file, request, when, certain=why.certain, there=path, why=why)
        return self._made(file, request, when, certain=self._sure)

    @cached_property
    def _moved(self) -> frozenset[str]:
        """What the code changes about where something is looked for: ``PATH``, ``find_library``."""
        own = (self._facts.modules[path] for path in self._program.own)
        return frozenset(request.call for module in own for request in module.requests if request.kind is Kind.PATH)

    def _of_library(self, file: str, request: Request, when: When) -> UnmetRequest | None:
        name = request.name
        if name is None:
            path = next(iter(self._places.paths(request.what, file)), None)
            if path is None or path.startswith((f"{CODE_ROOT}/", f"{LAYER_ROOT}/", *_WRITTEN)):
                return None  # of the archives' files, referenced-files speaks
            name = posixpath.basename(path)
            if name in self._program.policy.system_libraries:
                return None
        elif ".so" not in name or self._loader.opens(name):
            return None
        there = next(iter(self._loader.by_name.get(name, ())), None)
        return self._made(file, request, when, certain=self._sure and there is None, there=there)

    def _unfound(self, file: str, request: Request, when: When) -> UnmetRequest | None:
        stem = f"lib{request.what.tail}.so"
        if request.name is None or self._is_given(stem) or FIND in self._moved:
            return None
        names = (name for name in self._loader.by_name if name.startswith(stem))
        there = next((self._loader.by_name[name][0] for name in names), None)
        return self._made(file, request, when, certain=self._sure, there=there)

    def _is_given(self, stem: str) -> bool:
        """Whether the system has a library whose name begins so."""
        return any(name.startswith(stem) for name in self._program.policy.system_libraries)

    def _needed(self) -> Iterator[UnmetRequest]:
        """What libraries are known to need."""
        variables = dict(self._program.environment)
        for need in needs():
            found = self._program.search.find(need.module)
            reach = self._program.graph.reached.get(found.path) if isinstance(found, Found) else None
            if reach is None or variables.keys() & set(need.unless) or not self._is_wanting(need):
                continue
            when = reach.when if need.at_import else When.LATER
            kind = Kind.PROGRAM if need.program else Kind.LIBRARY
            there = next(iter(self._loader.by_name.get(need.library or "", ())), None)
            line = reach.line if reach.parent else 1
            file = reach.parent.path if reach.parent else reach.path
            yield UnmetRequest(
                kind, need.program or need.library or "", file, line, need.module, when, self._sure, there, need=need
            )

    def _is_wanting(self, need: Need) -> bool:
        if any(isinstance(self._program.search.find(one), Found) for one in need.modules):
            return False
        if need.program:
            paths = [f"{folder}/{need.program}" for folder in search_path(self._program)]
            return not any(path in self._programs or path in self._facts.bundle.items for path in paths)
        library = need.library or ""
        if need.found and FIND in self._moved:
            return False
        return not (self._is_given(library) if need.found else self._loader.opens(library))


def _folded(locale: str) -> str:
    """A locale as the C library compares it: ``en_US.UTF-8`` is ``en_US.utf8``."""
    language, dot, codeset = locale.partition(".")
    return f"{language}{dot}{_CODESET.sub('', codeset.lower())}"
