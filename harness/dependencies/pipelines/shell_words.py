"""From the text of a shell script to its simple commands; nothing is expanded here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEPARATOR: Final = re.compile(r"[|&]+|[;\n()]")
_GAP: Final = re.compile(r"[ \t\r]+|(?<![^\s|&;()<>])#[^\n]*")
_ESCAPED: Final = re.compile(r"\\(.?)", re.DOTALL)
_SINGLE_QUOTED: Final = re.compile(r"'([^']*)'?")
_EXPANSION: Final = re.compile(
    r"""
    \$\{\{ (?P<expression> .*? ) (?: \}\} | \Z )
  | \$\{ [!#]? (?P<braced> [A-Za-z_]\w* | [0-9@*] )? (?: \[[^\]}]*\] )?
         (?: :?[-=] (?P<default> [^}]* ) )? [^}]* (?: \} | \Z )
  | \$ (?P<name> [A-Za-z_]\w* | [0-9@*#?$!-] )
  | ` (?P<commands> [^`]* ) `?
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN: Final = re.compile(r"[^\s\\$`\"'|&;()<>]+")
_PLAIN_IN_QUOTES: Final = re.compile(r"[^\\$`\"]+")
_HERE_DOCUMENT: Final = re.compile(r"<<-?[ \t]*([\"']?)([\w.]+)\1")
_REDIRECTION: Final = re.compile(r"[<>][<>&|]*")
_BRACKET_OR_QUOTE: Final = re.compile(r"\\.?|['\"()]", re.DOTALL)
_LARGEST: Final = 100_000  # characters; what is longer was not written by a person
_UNCLOSED: Final = 500  # characters of brackets that nothing closes


@dataclass(frozen=True, slots=True)
class Variable:
    """``$NAME`` or ``${NAME:-default}``."""

    name: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Commands:
    """A command substitution: ``$(sha256sum poetry.lock)``."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Expression:
    """``${{ … }}``, which a CI system replaces before the shell sees it."""

    text: str
    line: int


Part: TypeAlias = str | Variable | Commands | Expression
Word: TypeAlias = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command.

    Attributes:
        words: Its program and arguments, with the assignments before them.
        redirected: Where its output goes, and where its input comes from: ``(">>", word)``.
        line: The line that it begins on.
        piped: Whether its input is the output of the command before it.
    """

    words: tuple[Word, ...]
    redirected: tuple[tuple[str, Word], ...]
    line: int
    piped: bool = False


def commands(text: str, first: int = 1) -> Iterator[Command]:
    """The simple commands of a script, in order; its first line has the number ``first``."""
    yield from _Reader(text[:_LARGEST], first).commands()


class _Reader:
    def __init__(self, text: str, line: int) -> None:
        self._text, self._at, self._line = text, 0, line
        self._parts: list[Part] = []
        self._is_word = False
        self._words: list[Word] = []
        self._redirected: list[tuple[str, Word]] = []
        self._operator: str | None = None
        self._here_document: str | None = None
        self._begins = line

    def commands(self) -> Iterator[Command]:
        piped = False
        while self._at < len(self._text):
            if not self._is_array() and (separator := self._take(_SEPARATOR)):
                command = self._command(piped=piped)
                if command:
                    yield command
                if command or separator[0] != "\n":  # a pipe goes on in the next line
                    piped = re.match(r"\|(?!\|)", separator[0]) is not None
                if separator[0] == "\n" and self._here_document:
                    self._skip_here_document(self._here_document)
            elif self._take(_GAP):
                self._end_word()
            else:
                if not self._is_word and not self._words:
                    self._begins = self._line
                self._part()
        if command := self._command(piped=piped):
            yield command

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The match at this place; the reader goes on behind it."""
        if found := pattern.match(self._text, self._at):
            self._line += found[0].count("\n")
            self._at = found.end()
        return found

    def _is_array(self) -> bool:
        """Whether an opening bracket begins an array, rather than a subshell or the body of a function."""
        last = self._parts[-1] if self._parts else None
        return self._text[self._at] == "(" and isinstance(last, str) and last.endswith("=")

    def _part(self) -> None:
        """Part of a word, or a redirection."""
        if self._text[self._at] in "<>":
            self._redirection()
        elif quoted := self._take(_SINGLE_QUOTED):
            self._add(quoted[1])
        elif self._text[self._at] == '"':
            self._at += 1
            self._is_word = True
            while self._at < len(self._text) and self._text[self._at] != '"':
                self._piece(_PLAIN_IN_QUOTES, quoted=True)
            self._at += 1
        else:
            self._piece(_PLAIN, quoted=False)

    def _piece(self, plain: re.Pattern[str], *, quoted: bool) -> None:
        line = self._line
        if escaped := self._take(_ESCAPED):
            if escaped[1] != "\n":
                self._add(escaped[1] if not quoted or escaped[1] in '$`"\\' else escaped[0])
        elif self._text.startswith("$(", self._at):
            self._at += 1
            self._add(Commands(self._brackets(), line))
        elif expansion := self._take(_EXPANSION):
            self._add(_expansion(expansion, line))
        elif run := self._take(plain):
            self._add(run[0])
        else:
            self._add(self._text[self._at])
            self._at += 1

    def _brackets(self) -> str:
        """The content of brackets, with inner ones and quotes; the reader goes on behind them."""
        depth, quote, begin, end = 0, "", self._at + 1, len(self._text)
        for mark in _BRACKET_OR_QUOTE.finditer(self._text, self._at):
            if quote or mark[0] in "'\"":
                quote = mark[0] if not quote else "" if mark[0] == quote else quote
            elif mark[0] in "()":
                depth += 1 if mark[0] == "(" else -1
                if depth == 0:
                    end = mark.start()
                    break
        self._line += self._text.count("\n", begin, end)
        self._at = end + 1
        # A shell refuses brackets that nothing closes, and what is in them is likely to be short.
        return self._text[begin:end] if depth == 0 else self._text[begin : begin + _UNCLOSED]

    def _redirection(self) -> None:
        if self._parts and all(isinstance(part, str) and part.isdecimal() for part in self._parts):
            self._parts, self._is_word = [], False  # 2>&1
        self._end_word()
        if document := self._take(_HERE_DOCUMENT):
            self._here_document = document[2]
        elif operator := self._take(_REDIRECTION):
            self._operator = operator[0]
            if self._text.startswith("(", self._at):  # <(command)
                self._add(Commands(self._brackets(), self._line))

    def _skip_here_document(self, end: str) -> None:
        self._here_document = None
        while self._at < len(self._text):
            begin, self._at = self._at, self._text.find("\n", self._at) + 1 or len(self._text)
            self._line += 1
            if self._text[begin : self._at].strip() == end:
                return

    def _add(self, part: Part) -> None:
        self._is_word = True
        if isinstance(part, str) and self._parts and isinstance(self._parts[-1], str):
            self._parts[-1] += part
        else:
            self._parts.append(part)

    def _end_word(self) -> None:
        if not self._is_word:
            return
        if self._operator is None:
            self._words.append(tuple(self._parts))
        else:
            self._redirected.append((self._operator, tuple(self._parts)))
        self._parts, self._is_word, self._operator = [], False, None

    def _command(self, *, piped: bool) -> Command | None:
        self._end_word()
        command = Command(tuple(self._words), tuple(self._redirected), self._begins, piped)
        self._words, self._redirected, self._operator = [], [], None
        return command if command.words or command.redirected else None


def _expansion(found: re.Match[str], line: int) -> Part:
    if found["expression"] is not None:
        return Expression(found["expression"], line)
    if found["commands"] is not None:
        return Commands(found["commands"], line)
    return Variable(found["name"] or found["braced"] or "?", found["default"])
