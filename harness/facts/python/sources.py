"""The Python sources of an archive, each read when it is first used."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.facts.python.module import Module, module
from harness.facts.python.module_names import may_bind
from harness.facts.python.parser import MOST, MOST_OF_OWN, is_vast
from harness.facts.python.syntax import SyntaxFault, limit_fault, syntax_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LONGEST = 16 * 1024 * 1024  # bytes: what is larger is no source that anybody wrote


@dataclass(frozen=True, slots=True)
class Known:
    """What was found of sources so far.

    Attributes:
        modules: What they say.
        faults: Why they do not compile for the runtime; None where they do.
        bound: Whether they may have names that other modules import: by source, name and importing package.
    """

    modules: dict[str, Module] = field(default_factory=dict)
    faults: dict[str, SyntaxFault | None] = field(default_factory=dict)
    bound: dict[tuple[str, str, str], bool] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How much is known."""
        return len(self.modules) + len(self.faults) + len(self.bound)

    def __or__(self, other: Known) -> Known:
        """What either has."""
        return Known(self.modules | other.modules, self.faults | other.faults, self.bound | other.bound)


def _nothing(name: str) -> bytes:
    raise KeyError(name)


class Sources(Mapping[str, Module]):
    """What each ``.py`` says, by its name in the archive.

    Most of a layer is never asked about: handlers reach a third of it. A library's module that nothing leads to is
    therefore not even parsed.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - all have defaults: of nothing
        self,
        names: Iterable[str] = (),
        recorded: frozenset[str] = frozenset(),
        python: tuple[int, int] = (3, 12),
        read: Callable[[str], bytes] = _nothing,
        known: Known | None = None,
        scratch: Path | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            names: The sources that there are.
            recorded: Those that a distribution brought, by its RECORD.
            python: The version of the runtime.
            read: Has the bytes of a source, by its name.
            known: What was found before; added to.
            scratch: A folder for files that are gone afterwards; None for the system's.
        """
        self._names = dict.fromkeys(names)
        self._recorded = recorded
        self._python = python
        self._read = read
        self._scratch = scratch
        self._last = "", b""
        self.known = known or Known()

    def __getitem__(self, name: str) -> Module:
        """What a source says.

        Raises:
            KeyError: There is none of that name.
            OSError: The archive cannot be read any more.
        """
        found = self.known.modules.get(name)
        if found is None:
            if name not in self._names:
                raise KeyError(name)
            found = module(self._read(name), self._python, recorded=name in self._recorded)
            self.known.modules[name] = found
        return found

    def __contains__(self, name: object) -> bool:
        """Whether there is a source of that name; reads nothing."""
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        """The names, in the archive's order."""
        return iter(self._names)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._names)

    def may_bind(self, source: str, name: str, package: str | None) -> bool:
        """Whether a source may have a name at its level; asked once, see ``module_names.may_bind``.

        Raises:
            OSError: The archive cannot be read any more.
        """
        key = source, name, package or ""
        if key not in self.known.bound:
            if self._last[0] != source:
                self._last = source, self._read(source)
            self.known.bound[key] = may_bind(self._last[1], name, package)
        return self.known.bound[key]

    def faults(self, names: Iterable[str]) -> dict[str, SyntaxFault]:
        """Why some sources do not compile for the runtime; without those that do, or that are too long to be read.

        Raises:
            OSError: They cannot be judged.
        """
        asked = [name for name in names if name in self._names]
        if unknown := [name for name in asked if name not in self.known.faults]:
            with tempfile.TemporaryDirectory(prefix=".draft-", dir=self._scratch) as draft:
                folder, scratch = Path(draft, "sources"), Path(draft, "scratch")
                folder.mkdir()
                scratch.mkdir()
                # By number, whatever their names: one may be two thousand folders deep.
                for number, name in enumerate(unknown):
                    if not self._is_vast(name):
                        Path(folder, f"{number}.py").write_bytes(self._read(name))
                found = syntax_faults(folder, self._python, scratch)
            for number, name in enumerate(unknown):
                fault = found.get(f"{number}.py")
                if fault is None and not self[name].parsed and not self._is_vast(name):
                    fault = limit_fault(self._read(name))
                self.known.faults[name] = fault
        faults = {name: self.known.faults[name] for name in asked}
        return {name: fault for name, fault in faults.items() if fault is not None}

    def _is_vast(self, name: str) -> bool:
        """Whether it would take minutes and gigabytes to judge it."""
        return is_vast(self._read(name), MOST if name in self._recorded else MOST_OF_OWN)
