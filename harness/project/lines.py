"""On which line of a TOML text something stands; its readers keep no positions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADER = re.compile(r"\s*\[\[?\s*(?P<name>[^\[\]#]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*(?P<key>[A-Za-z0-9_.\"'-]+)\s*=")


class Lines:
    """The lines of a TOML text, by table and key.

    A search and not a parse: a multi-line string that looks like TOML can mislead it, which costs a wrong number in a
    message that is right otherwise.
    """

    def __init__(self, text: str) -> None:
        """Take the text of a file."""
        self._lines = text.split("\n")
        self._keys: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        for number, line in enumerate(self._lines, 1):
            if header := _HEADER.match(line):
                table = _parts(header["name"])
                self._keys.setdefault(table, number)
            elif key := _KEY.match(line):
                self._keys.setdefault((*table, *_parts(key["key"])), number)

    def of(self, *way: str) -> int | None:
        """The line of a table or a key, or of what holds it."""
        for end in range(len(way), 0, -1):
            if (line := self._keys.get(way[:end])) is not None:
                return line
        return None

    def holding(self, text: str, way: Sequence[str], nth: int = 0) -> int | None:
        """The line of a quoted string in the value of a key.

        Args:
            text: The string.
            way: The table and the key.
            nth: How many equal ones in that value come before it.
        """
        start = self.of(*way)
        if start is None:
            return None
        # The end of the value is not known; strings of other values come later.
        quoted = (f'"{text}"', f"'{text}'", f'"{text}"'.replace('"', '\\"'), _escaped(text))
        found = (
            number
            for number, line in enumerate(self._lines[start - 1 :], start)
            for _ in range(max(line.count(one) for one in quoted))
        )
        for _ in range(nth):
            next(found, None)
        return next(found, start)


def _escaped(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.\s]+", dotted))
