"""Libraries that need something of the system: data, in ``needs.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from harness.policy.documents import read_toml


@dataclass(frozen=True, slots=True)
class Need:
    """A module's need of the system.

    Attributes:
        module: The module.
        words: What it says where that is not there.
        at_import: Whether it says so when it is imported; else when it is used.
        program: A program on the PATH.
        library: A shared library, or the beginning of its name.
        found: Whether it is looked for by ``find_library``, which does not know the archives' folders.
        modules: Modules any one of which stands in for it.
        unless: Variables any one of which changes where it looks.
        remedy: What to do, where there is something better than to bring it along.
    """

    module: str
    words: str
    at_import: bool
    program: str | None = None
    library: str | None = None
    found: bool = False
    modules: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    remedy: str | None = None


@cache
def needs() -> tuple[Need, ...]:
    """All known needs."""
    document = read_toml("needs.toml")
    return tuple(
        Need(
            module=row["module"],
            words=row["words"],
            at_import=row["at"] == "import",
            program=row.get("program"),
            library=row.get("library"),
            found=row.get("by") == "find_library",
            modules=tuple(row.get("modules", ())),
            unless=tuple(row.get("unless", ())),
            remedy=row.get("remedy"),
        )
        for row in document["needs"]
    )
