"""What Lambda says of an import that finds nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.facts.search import Found
from harness.model import When

if TYPE_CHECKING:
    from harness.facts.graph import Unresolved
    from harness.facts.program import Program


def words(one: Unresolved, program: Program) -> str:
    """The message: with Lambda's own words around Python's where the handler does not start for it."""
    if one.name is None:
        what = f"No module named {one.missing!r}"
        parent = one.missing.rpartition(".")[0]
        if parent and isinstance(found := program.search.find(parent), Found) and not found.package:
            what += f"; {parent!r} is not a package"
    else:
        what = f"cannot import name {one.name!r} from {one.missing!r}"
        if isinstance(found := program.search.find(one.missing), Found):
            what += f" ({found.path})"
    reach = program.graph.reached.get(one.path)
    if reach and reach.when is When.AT_START and not one.statement.lazy:
        return f"Runtime.ImportModuleError: Unable to import module {reach.chain[0]!r}: {what}"
    return what


def chain(one: Unresolved, program: Program) -> tuple[str, ...]:
    """The modules whose imports led there, the handler's own first; empty where none did."""
    reach = program.graph.reached.get(one.path)
    return reach.chain if reach else ()
