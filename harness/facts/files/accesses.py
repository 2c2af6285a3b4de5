"""File accesses of first-party code, and whether a function reaches them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness.artifact.bundle import CODE_ROOT
from harness.facts.python.code import Guard
from harness.facts.python.developer_files import is_for_developers
from harness.facts.python.locations import Places
from harness.model import When

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.facts.python.file_uses import Use
    from harness.facts.python.program import Program
    from harness.facts.python.walk import Reach

# What a migration tool runs, mostly from a developer's machine.
_MIGRATIONS: Final = re.compile(r"(?:^|/)(?:migrations|alembic|versions)/")


@dataclass(frozen=True, slots=True)
class FileAccess:
    """One call that reads or writes files of the function.

    Attributes:
        file: The module that it stands in.
        paths: Where its path may lead; several in a namespace package.
        reach: How a handler gets to the module; None where no handler is known to.
        at_start: Whether the handler cannot start without it.
    """

    file: str
    use: Use
    paths: tuple[str, ...]
    reach: Reach | None
    at_start: bool

    @property
    def where(self) -> str:
        """Its place for a message."""
        return f"{self.file}:{self.use.line}"

    @property
    def chain(self) -> tuple[str, ...]:
        """The imports that lead to it."""
        return self.reach.chain if self.reach else ()


def own_uses(program: Program) -> Iterator[tuple[str, Use]]:
    """What first-party code reads and writes, each with its file."""
    for path in sorted(program.own):
        if found := program.facts.uses.get(path):
            yield from ((path, use) for use in found.uses)


def file_accesses(program: Program) -> Iterator[FileAccess]:
    """What first-party code reads and writes where its failure is no part of the plan.

    Left out is what expects to fail, what only runs elsewhere, and what no handler reaches. Without handlers, all
    counts but what nobody would want reached: tests, scripts.
    """
    places = Places(program)
    facts = program.facts
    expected = {name for path in program.own if path in facts.uses for name in facts.uses[path].guarded}
    moves = any(facts.uses[path].moves for path in program.own if path in facts.uses)
    for file, use in own_uses(program):
        reach = program.graph.reached.get(file)
        name = file.removeprefix(f"{CODE_ROOT}/")
        aside = name == file or is_for_developers(name) or bool(_MIGRATIONS.search(name))
        planned = use.guard is Guard.QUIET or use.elsewhere or use.function in expected
        relative = not use.location.anchor and not use.location.tail.startswith("/")
        if planned or (reach is None and (aside or program.handlers)) or (moves and relative):
            continue
        if paths := places.paths(use.location, file):
            starts = reach is not None and reach.when is When.AT_START
            yield FileAccess(file, use, paths, reach, at_start=starts and not (use.lazy or use.conditional))
