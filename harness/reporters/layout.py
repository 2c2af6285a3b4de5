"""How the reports for a terminal are set: fields with labels, blocks, colours."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from harness.plain_text import printed

if TYPE_CHECKING:
    from collections.abc import Sequence

INDENT = "  "
LABEL = 8
WIDTH = 100
"""Columns, where no terminal says how many it has."""
RED, YELLOW, GREEN = "31", "33", "32"


def page(blocks: Sequence[str]) -> str:
    """The blocks with an empty line between them; lines without trailing spaces, the last with its end."""
    lines = "\n\n".join(block for block in blocks if block).split("\n")
    return printed("\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n", coloured=True)


class Painter:
    """Marks words for a terminal, or leaves them alone."""

    def __init__(self, *, colour: bool) -> None:
        self.colour = colour

    def __call__(self, words: str, code: str) -> str:
        """The words, bold and in a colour."""
        return f"\x1b[1;{code}m{words}\x1b[0m" if self.colour else words


def field(label: str, words: str, width: int | None = None, *, indent: int = len(INDENT), wide: int = LABEL) -> str:
    """A labelled text; its further lines hang below its first, where none can pass for a line of ours.

    Args:
        label: In front of its first line.
        words: The text.
        width: Of the page, where the text is wrapped.
        indent: How many columns stand free in front of the label.
        wide: How many columns the label has.
    """
    column = indent + wide
    said = words.split("\n")
    hang = "  " if len(said) > 1 else ""  # which of several lines one belongs to
    lines = [wrapped for line in said for wrapped in wrap(line, width and max(width - column, 20), hang)]
    return f"{' ' * indent}{one_line(label):<{wide}}" + f"\n{' ' * column}".join(lines)


def wrap(line: str, width: int | None, hang: str) -> list[str]:
    """A line in lines of at most a width; the further ones begin with the hang."""
    if width is None or line.startswith(" "):  # an indented line is a command to copy
        return [line]
    broken = textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False, subsequent_indent=hang)
    return broken or [""]


def indented(words: str) -> str:
    """A message below its heading; its further lines are set off from it."""
    return INDENT + words.replace("\n", "\n" + INDENT * 2)


def one_line(words: str) -> str:
    """Words that must not begin a line of their own."""
    return words.replace("\n", "\\n")
