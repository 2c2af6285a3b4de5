"""Handlers that a variable names, because the declared handler is that of a library which calls them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness.facts.python.search import Found

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.facts.python.search import Search
    from harness.facts.view import Modules

# DD_LAMBDA_HANDLER, NEW_RELIC_LAMBDA_HANDLER, SENTRY_INITIAL_HANDLER, LUMIGO_ORIGINAL_HANDLER, ORIG_HANDLER and more.
_NAME: Final = re.compile(r"(?:^|_)HANDLER(?:_NAME)?$")
_VALUE: Final = re.compile(r"[A-Za-z_]\w*(?:[./][A-Za-z_]\w*)+")
KNOWN: Final = frozenset(
    {
        "DD_LAMBDA_HANDLER",
        "NEW_RELIC_LAMBDA_HANDLER",
        "SENTRY_INITIAL_HANDLER",
        "LUMIGO_ORIGINAL_HANDLER",
        "ORIG_HANDLER",
    }
)
"""What wrappers of common libraries read."""


@dataclass(frozen=True, slots=True)
class View:
    """What handlers are looked for in: where modules are, what they say, and which are the user's own."""

    search: Search
    modules: Modules
    own: frozenset[str]


@dataclass(frozen=True, slots=True)
class Redirection:
    """One variable that names a handler.

    Attributes:
        function: The function that declares it.
        variable: Its name.
        handler: Its value.
        declared: The function's own handler, which calls that one.
    """

    function: str
    variable: str
    handler: str
    declared: str


def redirections(
    function: str, declared: str, variables: Iterable[tuple[str, str]], view: View
) -> Iterator[Redirection]:
    """The handlers that the variables of a function name, be they there or not.

    A variable of a name that nobody knows counts where its value is a function of the archives, and where the declared
    handler is a library's, or in a module that imports by computed names.
    """
    called = _found(declared, view)
    wraps = called is not None and (called not in view.own or bool(view.modules[called].loading.computed))
    for name, value in variables:
        if value == declared or not _VALUE.fullmatch(value):
            continue
        found = _found(value, view)
        bound = found in view.own and value.rpartition(".")[2] in view.modules[found].names.bound if found else False
        if name in KNOWN or (wraps and (bound or (found and _NAME.search(name)))):
            yield Redirection(function, name, value, declared)


def _found(handler: str, view: View) -> str | None:
    """The source file that a handler's name leads to."""
    module = handler.rpartition(".")[0].replace("/", ".")
    found = view.search.find(module) if module else None
    return found.path if isinstance(found, Found) and found.path in view.modules else None
