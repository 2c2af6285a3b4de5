"""The encoding that a Python source file declares."""

from __future__ import annotations

import io
import re
import tokenize

_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_MARK = b"\xef\xbb\xbf"


def declared_encoding(source: bytes) -> str:
    """The codec that Python reads a source file with, as PEP 263 has it: ``utf-8``, or ``utf-8-sig`` behind a mark.

    Whether the bytes are in that encoding is another question.

    Raises:
        SyntaxError: No codec has the declared name, or a byte order mark contradicts it.
    """
    mark = _MARK if source.startswith(_MARK) else b""
    lines = unix_lines(source[len(mark) :]).split(b"\n", 2)[:2]
    head = mark + _NOT_ASCII.sub(b"?", b"\n".join(lines))  # a comment before the declaration may be in its encoding
    return tokenize.detect_encoding(io.BytesIO(head).readline)[0]


def unix_lines(source: bytes) -> bytes:
    """The source with its line endings as Python's compiler sees them."""
    return source if b"\r" not in source else source.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
