"""Handlers that a variable names, because the function's own setting names that of a library which calls them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness.facts.search import Found, Missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.facts.search import Search

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
    function: str, declared: str, variables: Iterable[tuple[str, str]], search: Search
) -> Iterator[Redirection]:
    """The handlers that the variables of a function name, be they there or not.

    A variable of a name that nobody knows counts where its value leads to a module of the archives.
    """
    for name, value in variables:
        if value == declared or not _NAME.search(name) or not _VALUE.fullmatch(value):
            continue
        module = value.rpartition(".")[0].replace("/", ".")
        found = search.find(module) if module else Missing(value)
        if isinstance(found, Found) or name in KNOWN:
            yield Redirection(function, name, value, declared)
