"""Parser for source code that is newer than the Python that the harness runs on."""

from __future__ import annotations

import ast
import itertools
import re
import warnings
from typing import TYPE_CHECKING

from harness.facts.python.encoding import declared_encoding, unix_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

_FAILURES = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError, LookupError)
_GENERIC = re.compile(r"^[ \t]*(?:async[ \t]+def|def|class)[ \t]+\w+[ \t]*(?=\[)", re.MULTILINE)  # PEP 695
_ALIAS = re.compile(r"((?:^|[;:])[ \t]*)type[ \t]+(?=\w+[ \t]*[\[=])", re.MULTILINE)
_ALIASED = re.compile(r"\w+[ \t]*(?=\[)")
_EXCEPT = re.compile(  # PEP 758
    r"^([ \t]*except\b[ \t]*\*?[ \t]*)([\w.]+(?:[ \t]*,[ \t]*[\w.]+)+)(?:[ \t]*,)?(?=[ \t]*:)", re.MULTILINE
)
_LAZY = re.compile(r"^([ \t]*)lazy[ \t]+(?=(?:import|from)\b)", re.MULTILINE)  # PEP 810
_BRACKETS = re.compile(r"""[\[\](){}]|#[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*\"""")
_LONGEST = 10_000  # characters in such brackets: more is no type parameter
_ENDS = re.compile(r"[ \t]*[(:]")
_ALIAS_ENDS = re.compile(r"[ \t]*=")
_STRING = "string"
_LARGE = 256 * 1024  # bytes: what is smaller has fewer words than any limit
MOST = 800_000  # words of a source; some generated libraries have almost as many
MOST_OF_OWN = 400_000  # of one that no distribution brought, of which more is read
_WORDS = re.compile(
    rb"""#[^\n]*|(?:\"{3}|'{3})[\s\S]*?(?:\"{3}|'{3})|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\w+|[^\w\s]"""
)
_LONGEST_NAME = 2000  # names with dots between them: CPython's parser needs the square of their length
_NAME = re.compile(rb"(?:\.[\s\\]*+\w++[\s\\]*+){%d}" % _LONGEST_NAME)
_COMPREHENSIONS = frozenset({"list_comprehension", "set_comprehension", "generator_expression"})


def is_vast(source: bytes, most: int = MOST) -> bool:
    """Whether it takes minutes or gigabytes to parse a source: it has more words than that, or an endless name.

    A text counts as one word, and as more where it may be an f-string.
    """
    if source.count(b".") > _LONGEST_NAME and _NAME.search(source):
        return True
    if len(source) <= _LARGE:
        return False
    words = itertools.chain(_WORDS.finditer(source), itertools.repeat(None, source.count(b"{")))
    return any(True for _ in itertools.islice(words, most, None))


def parse(source: bytes) -> ast.Module | None:
    """The module that some bytes are, in as far as this Python can express it.

    Syntax that this Python does not know is left out, and what remains stands on the line where it was: type
    parameters (PEP 695, 696), ``type`` statements, which become assignments, f-strings that nest quotes (PEP 701) and
    t-strings (PEP 750), which become empty strings, and exceptions without parentheses (PEP 758).

    Returns:
        None where this Python cannot make sense of it even so, or where it is vast. Never raises, whatever the
        bytes are.
    """
    if is_vast(source):
        return None
    module = _parse(source)
    if module is not None:
        return module
    text = _decoded(source)
    if text is None:
        return None
    text = _LAZY.sub(r"\1", _EXCEPT.sub(r"\1(\2)", _without_type_parameters(text)))
    return _parse(text) or _parse(_without_newer_strings(text))


def _parse(source: bytes | str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that are invalid and the like
        try:
            return ast.parse(source)
        except _FAILURES:
            return None


def _decoded(source: bytes) -> str | None:
    """The text, with line endings as Python knows them; None where there is none, or where it cannot be a module."""
    try:
        return unix_lines(source).decode(declared_encoding(source))
    except _FAILURES:
        return None


def _without_type_parameters(text: str) -> str:
    """Without ``[T]`` behind the names of functions, classes and types, and without the word ``type``."""
    parts, end = [], 0
    starts = [(found.end(), _ENDS) for found in _GENERIC.finditer(text)]
    for found in _ALIAS.finditer(text):
        parts.append((found.end(1), found.end(), ""))
        if name := _ALIASED.match(text, found.end()):
            starts.append((name.end(), _ALIAS_ENDS))
    for start, ends in starts:
        close = _closing(text, start)
        if close and ends.match(text, close):
            parts.append((start, close, "\\\n" * text.count("\n", start, close)))
    pieces = []
    for start, close, instead in sorted(parts):
        if start >= end:
            pieces += [text[end:start], instead]
            end = close
    return "".join([*pieces, text[end:]])


def _closing(text: str, start: int) -> int | None:
    """The place behind the bracket that closes the one at a place."""
    depth = 0
    for found in _BRACKETS.finditer(text, start, start + _LONGEST):
        if found[0] in "[({":
            depth += 1
        elif found[0] in "])}":
            depth -= 1
            if not depth:
                return found.end()
    return None


def _without_newer_strings(text: str) -> str:
    """With empty strings for f-strings and t-strings, and with comprehensions that unpack nothing (PEP 798)."""
    from tree_sitter import Language, Parser  # noqa: PLC0415 - few archives need it
    from tree_sitter_python import language  # noqa: PLC0415 - the same

    source = text.encode("utf-8", "replace")
    pieces, end = [], 0
    for start, close, instead in _newer(Parser(Language(language())).parse(source).root_node):
        pieces += [source[end:start], instead]
        end = close
    return b"".join([*pieces, source[end:]]).decode()


def _newer(root: Node) -> Iterator[tuple[int, int, bytes]]:
    """What to replace by what, in the order of the text."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.type == _STRING and any(child.type == "interpolation" for child in node.children):
            lines = node.end_point.row - node.start_point.row
            yield node.start_byte, node.end_byte, b'"""' + b"\n" * lines + b'"""' if lines else b'""'
        elif node.type == _STRING and b"t" in (node.children[0].text or b"").lower():
            yield node.children[0].start_byte, node.children[0].end_byte, _untemplated(node.children[0])
        elif node.type == "list_splat" and node.parent is not None and node.parent.type in _COMPREHENSIONS:
            yield node.start_byte, node.start_byte + 1, b""
            waiting += reversed(node.children)
        else:
            waiting += reversed(node.children)


def _untemplated(start: Node) -> bytes:
    """The beginning of a t-string without its letter."""
    return (start.text or b"").replace(b"t", b"").replace(b"T", b"")
