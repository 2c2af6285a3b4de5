"""The lines of the keys and items of a TOML document; its readers keep no positions."""

from __future__ import annotations

import re
import tomllib
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.manifest.errors import At

_TOKEN: Final = re.compile(
    r'''
    (?P<aside> [ \t\r]+ | \#[^\n]* )
    | (?P<string>
        """ (?: [^"\\] | \\. | "{1,2}(?!") )* "{3,5}
        | \'\'\' (?: [^'] | '{1,2}(?!') )* '{3,5}
        | " (?: [^"\\\n] | \\[^\n] )* "
        | ' [^'\n]* '
      )
    | (?P<mark> [\n\[\]{}=,.] )
    | (?P<bare> [^\s\[\]{}=,.\#"']+ )
    ''',
    re.VERBOSE | re.DOTALL,
)


def line_of(text: str, at: At) -> int | None:
    """The line of a key or an item of a TOML document, or of what holds it; None in JSON, which has a brace first."""
    return None if text.lstrip().startswith("{") else Lines(text).of(*at)


class Lines:
    """The lines of a TOML document, by the way to a table, a key or an item."""

    def __init__(self, text: str) -> None:
        """Take the text of a document, which must be TOML."""
        self._lines: dict[At, int] = {}
        self._last: Counter[At] = Counter()
        self._tokens = deque(_tokens(text))
        table: At = ()
        while self._tokens:
            table = self._statement(table)

    def of(self, *way: str | int) -> int | None:
        """The line of a table, a key or an item: ``of("project", "dependencies", 3)``; or of what holds it."""
        return next((self._lines[way[:end]] for end in range(len(way), 0, -1) if way[:end] in self._lines), None)

    def __contains__(self, way: At) -> bool:
        """Whether there is a table, a key or an item at the end of a way."""
        return way in self._lines

    def _statement(self, table: At) -> At:
        """Take a header, an assignment or the end of a line; the table that holds what follows."""
        if self._taken("\n"):
            return table
        if not self._taken("["):
            self._assignment(table)
            return table
        is_item = self._taken("[")
        keys, line = self._keys()
        while self._taken("]"):
            pass
        way: At = ()
        for depth, key in enumerate(keys, 1):
            way = (*way, key)
            self._lines.setdefault(way, line)
            self._last[way] += is_item and depth == len(keys)
            if count := self._last[way]:  # of an array of tables, the last one so far is meant
                way = (*way, count - 1)
                self._lines.setdefault(way, line)
        return way

    def _assignment(self, table: At) -> None:
        keys, line = self._keys()
        self._taken("=")
        for end in range(1, len(keys) + 1):
            self._lines.setdefault((*table, *keys[:end]), line)
        self._value((*table, *keys))

    def _value(self, way: At) -> None:
        if self._taken("["):
            count = 0
            while not self._taken("]"):
                if self._taken(","):
                    count += 1
                elif not self._taken("\n"):
                    self._lines.setdefault((*way, count), self._tokens[0][1])
                    self._value((*way, count))
        elif self._taken("{"):
            while not self._taken("}"):
                if not (self._taken(",") or self._taken("\n")):
                    self._assignment(way)
        else:
            while self._tokens and self._tokens[0][0] not in {"\n", ",", "]", "}"}:
                self._tokens.popleft()

    def _keys(self) -> tuple[list[str], int]:
        """The parts of a key, and its line."""
        line = self._tokens[0][1]
        keys = [self._key()]
        while self._taken("."):
            keys.append(self._key())
        return keys, line

    def _key(self) -> str:
        text, _ = self._tokens.popleft()
        return next(iter(tomllib.loads(f"{text}=0"))) if text[0] in "\"'" else text

    def _taken(self, mark: str) -> bool:
        """Whether a mark comes next; it is taken then."""
        taken = bool(self._tokens) and self._tokens[0][0] == mark
        if taken:
            self._tokens.popleft()
        return taken


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """The tokens of a document, without space and comments, each with its line."""
    line = 1
    for token in _TOKEN.finditer(text):
        if not token["aside"]:
            yield token[0], line
        line += token[0].count("\n")
