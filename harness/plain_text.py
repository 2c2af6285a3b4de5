"""Text for people: what comes from outside made harmless, and lists, counts and sizes in one way.

File names, messages of exceptions and options can hold terminal escapes, reversed text, and lines that a CI service
takes for commands: GitHub's ``::name::`` and ``##[name]``, Azure's ``##vso[``, GitLab's ``section_start:``.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MB = 1024 * 1024
LONGEST = 4_000
"""Characters of one text that are shown to people; the JSON report has all of them."""

# GitHub skips white space before its mark; Azure and GitLab look for theirs anywhere in a line.
_COMMAND = re.compile(r"(?m)^\s*:(?=:)|#(?=#\w*\[)|section_(?:start|end)(?=:\d)")
_UNUSUAL = re.compile(r"[^\n -~]")
_OWN_COLOURS = re.compile(r"(\x1b\[(?:1;3[123]|0)m)")


def harmless(text: str, longest: int = LONGEST) -> str:
    """One text from outside, for use within our own words.

    Args:
        text: Anything.
        longest: How many characters of it are shown.

    Returns:
        Text of printable characters and newlines.
    """
    text = text.replace("\r\n", "\n").replace("\t", "    ").strip("\n")
    if len(text) > longest:
        half = longest // 2
        text = f"{text[:half]} … {len(text) - 2 * half:,} more characters … {text[-half:]}"
    return printed(text)


def printed(text: str, *, coloured: bool = False) -> str:
    """Whole lines, ready to be written; the last step, since wrapping makes new lines.

    Args:
        text: The lines.
        coloured: Whether the colours of the reports for a terminal stay.
    """
    pieces = _OWN_COLOURS.split(text) if coloured else [text]  # every second piece is a colour
    pieces[::2] = (_UNUSUAL.sub(_shown, piece) for piece in pieces[::2])
    return _COMMAND.sub(r"\g<0> ", "".join(pieces))


def one_line(text: str) -> str:
    """One text from outside, in one line."""
    return harmless(text).replace("\n", "\\n")


def printed_json(text: str) -> str:
    """A JSON document, ready to be written; its meaning does not change."""
    text = re.sub(r"#(?=#\w*\[)", r"\\u0023", _UNUSUAL.sub(_escaped, text))
    return re.sub(r"(section_(?:start|end)):(?=\d)", r"\1\\u003a", text)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like a wrong one, if any is."""
    import difflib  # noqa: PLC0415 - for what is wrong alone

    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def _shown(found: re.Match[str]) -> str:
    character = found[0]
    return character if _is_shown(character) else character.encode("unicode_escape").decode()


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if _is_shown(character):
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _is_shown(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def few(names: Iterable[str], limit: int, separator: str = ", ") -> str:
    """The first of several names and how many more there are: ``a, b and 1,200 more``."""
    shown = list(names)
    more = f" and {len(shown) - limit:,} more" if len(shown) > limit else ""
    return separator.join(shown[:limit]) + more


def and_more(count: int) -> str:
    """The rest of several things after the first: `` and 3 more``; empty for a single one."""
    return f" and {count - 1:,} more" if count > 1 else ""


def files(count: int) -> str:
    """``1 file``, ``1,200 files``."""
    return "1 file" if count == 1 else f"{count:,} files"


def megabytes(size: int) -> str:
    """A number of bytes as ``12.3 MB``."""
    return f"{size / MB:.1f} MB"
