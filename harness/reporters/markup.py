"""GitHub's Markdown of words that may hold anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.plain_text import printed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# A comment holds 65,536 characters.
LONGEST = 1_000
LONGEST_CELL = 200

# As character references these are text wherever they stand: in a table's cell, in HTML, beside a backtick.
_SPECIAL = re.compile(r"[\\`*_\[\]{}<>&|~$#!@]")


def page(blocks: Iterable[str]) -> str:
    """The blocks that are not empty, as the lines of a file."""
    return printed("\n\n".join(block for block in blocks if block) + "\n")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; nothing where it has no rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join((f"| {' | '.join(header)} |", "|---" * len(header) + "|", *lines)) if lines else ""


def prose(words: str) -> str:
    """Text that means itself, whatever is in it."""
    # The empty comment keeps an @ from calling on the person or the team of that name.
    return _escaped(words).replace("&#64;", "&#64;<!-- -->").replace("\n", "<br>")


def code(words: str) -> str:
    """The same in a fixed width, on one line."""
    return f"<code>{_escaped(words).replace(chr(10), ' ')}</code>"


def _escaped(words: str) -> str:
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", words)


def block(words: str) -> str:
    """Text as it is, fenced."""
    longest = max((len(run) for run in re.findall(r"`+", words)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{words}\n{fence}"


def short(words: str) -> str:
    """The first line, for the cell of a table."""
    line = words.partition("\n")[0]
    return line if len(line) <= LONGEST_CELL else f"{line[:LONGEST_CELL]}…"
