"""The import statements of a module without the rest of it, where that is certainly enough.

Most of what a library's module holds has nothing to do with its imports. So the source is cut into the statements of
the module, and a large class into those of its body; only those are parsed in which the word ``import`` stands outside
of a longer string. They keep their lines, and what an import stands in, since that is in its statement too. A test
holds this against parsing everything.
"""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_right
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WORD = re.compile(rb"import[ \t(\\*_]")
# Up to a string of three quotes, and that string. Nothing is ever tried twice, so it takes time in proportion.
_LONG_STRING = re.compile(
    rb"""(?:[^"'#]++|"(?!"")(?:[^"\\\n]++|\\.)*+"?|'(?!'')(?:[^'\\\n]++|\\.)*+'?|#[^\n]*+)*+"""
    rb"""("{3}(?:[^"\\]++|\\.|"(?!""))*+(?:"{3}|\Z)|'{3}(?:[^'\\]++|\\.|'(?!''))*+(?:'{3}|\Z))""",
    re.DOTALL,
)
_CODING = re.compile(rb"\A(?:[^\n]*\n)?[ \t\f]*#[^\n]*coding[:=][ \t]*+(?!utf-?8\b)", re.IGNORECASE)
_CLASS = re.compile(rb"class\b[^\n:#\"'()]*(?:\([^()\n\"'#]*\))?[ \t]*:[ \t]*(?:#[^\n]*)?\n\s*?(?=([ \t]+)[^\s#])")
_BOM = b"\xef\xbb\xbf"
_LARGE = 2000  # bytes of a class from which on cutting it is faster than parsing it

Span = tuple[int, int]


def outline(source: bytes) -> ast.Module | None:
    """A tree of the statements that hold a module's imports, each on its line; None where only the whole tells."""
    source = source.removeprefix(_BOM).replace(b"\r\n", b"\n")
    if b"\r" in source or b"\f" in source or _CODING.match(source):
        return None
    words = [found.start() for found in _WORD.finditer(source)]
    if not words:
        return ast.Module([], [])
    strings = list(_long_strings(source)) if b'"""' in source or b"'''" in source else []
    words = _outside(words, strings)
    spans = []
    for start, stop in _statements(source, (0, len(source)), b"", words, strings):
        header = _CLASS.match(source, start, stop) if stop - start > _LARGE else None
        inside = [at for at in words if start <= at < stop]
        if header is None or not inside or inside[0] < header.end():
            spans.append((start, stop))
        else:
            spans.append((start, header.end()))
            spans += _statements(source, (header.end(), stop), header[1], inside, strings)
    return _parsed(source, spans)


def _long_strings(source: bytes) -> Iterator[Span]:
    at = 0
    while found := _LONG_STRING.match(source, at):
        yield found.span(1)
        at = found.end()


def _outside(places: Sequence[int], strings: Sequence[Span]) -> list[int]:
    """The places that are in none of these strings."""
    starts = [start for start, _ in strings]
    found = []
    for at in places:
        before = bisect_right(starts, at) - 1
        if before < 0 or at == starts[before] or at >= strings[before][1]:
            found.append(at)
    return found


def _statements(
    source: bytes, within: Span, indentation: bytes, words: Sequence[int], strings: Sequence[Span]
) -> list[Span]:
    """The statements of one indentation that hold one of these words, or that keep others from being reached."""
    start, stop = within
    begins, leaves = _edges(indentation)
    starts = [start, *_outside([found.end() for found in begins.finditer(source, start, stop)], strings)]
    wanted = {bisect_right(starts, at) - 1 for at in words}
    if source.startswith(b"raise", start + len(indentation)):
        wanted.add(0)
    wanted |= {bisect_right(starts, found.end()) - 1 for found in leaves.finditer(source, start, stop)}
    ends = [at - len(indentation) for at in starts[1:]] + [stop]
    return [(max(start, starts[one] - len(indentation)), ends[one]) for one in sorted(wanted)]


@cache
def _edges(indentation: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Where statements of an indentation begin, and one after which nothing of its block is reached."""
    margin = rb"\n" + indentation
    # Not with what continues or closes another.
    begins = margin + rb"(?=[^\s#)\]}])(?!(?:else|elif|except|finally)\b)"
    return re.compile(begins), re.compile(margin + rb"(?=raise\b)")


def _parsed(source: bytes, spans: Sequence[Span]) -> ast.Module | None:
    """These parts of the source, with empty lines between them."""
    parts, end = [], 0
    for start, stop in spans:
        parts += [b"\n" * source.count(b"\n", end, start), source[start:stop]]
        end = stop
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that are invalid and the like
        try:
            return ast.parse(b"".join(parts))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
