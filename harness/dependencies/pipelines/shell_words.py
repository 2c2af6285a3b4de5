"""From the text of a shell script to its simple commands; nothing is expanded here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness.dependencies.pipelines.shell_values import Command, Commands, Expression, Variable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.dependencies.pipelines.shell_values import Part, Word

_NAME: Final = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!-]")
_BRACED: Final = re.compile(r"[!#]?([A-Za-z_]\w*|[0-9@*])(?:\[[^\]]*\])?(?::?[-=]([^}]*))?")
_PLAIN: Final = re.compile(r"[^\s\\$`\"'|&;()<>]+")
_QUOTED: Final = re.compile(r"[^\\$`\"]+")
_HERE: Final = re.compile(r"<<-?[ \t]*([\"']?)([\w.]+)\1")
_LARGEST: Final = 100_000  # characters; what is longer was not written by a person


def commands(text: str, first: int = 1) -> Iterator[Command]:
    """The simple commands of a script, in order.

    Args:
        text: The script.
        first: The number of its first line.
    """
    yield from _Reader(text[:_LARGEST], first).commands()


class _Reader:
    """Goes through a script, one character after another."""

    def __init__(self, text: str, line: int) -> None:
        self._text = text
        self._at = 0
        self._line = line
        self._parts: list[Part] = []
        self._is_word = False
        self._words: list[Word] = []
        self._redirected: list[tuple[str, Word]] = []
        self._operator: str | None = None
        self._here: str | None = None
        self._begins = line

    def commands(self) -> Iterator[Command]:
        piped = False
        while self._at < len(self._text):
            one = self._text[self._at]
            if one in "|&;\n()" and not (one == "(" and self._is_word and not self._ends_word_before_group()):
                command = self._command(piped=piped)
                if command:
                    yield command
                if command or one != "\n":  # a pipe goes on in the next line
                    piped = one == "|" and self._text[self._at + 1 : self._at + 2] != "|"
                self._separator(one)
            elif one in " \t\r":
                self._word()
                self._at += 1
            else:
                self._character(one)
        if command := self._command(piped=piped):
            yield command

    def _ends_word_before_group(self) -> bool:
        """Whether an opening bracket begins a subshell or a function's body, rather than an array."""
        return not (self._parts and isinstance(self._parts[-1], str) and self._parts[-1].endswith("="))

    def _separator(self, one: str) -> None:
        self._at += 1
        while one in "|&" and self._text[self._at : self._at + 1] in {"|", "&"}:
            self._at += 1
        if one == "\n":
            self._line += 1
            if self._here:
                self._skip_document(self._here)

    def _skip_document(self, end: str) -> None:
        self._here = None
        while self._at < len(self._text):
            line = self._text[self._at : self._end("\n")]
            self._at += len(line) + 1
            self._line += 1
            if line.strip() == end:
                return

    def _character(self, one: str) -> None:
        """What is part of a word, or begins a redirection or a comment."""
        if not self._is_word and not self._words:
            self._begins = self._line
        if one == "#" and not self._is_word:
            end = self._text.find("\n", self._at)
            self._at = end if end >= 0 else len(self._text)
        elif one in "<>":
            self._redirection()
        elif one == "'":
            self._add(self._until("'"))
        elif one == '"':
            self._at += 1
            self._is_word = True
            while self._at < len(self._text) and self._text[self._at] != '"':
                self._inside(quoted=True)
            self._at += 1
        else:
            self._inside(quoted=False)

    def _inside(self, *, quoted: bool) -> None:
        """One character of a word, or all of an expansion."""
        one = self._text[self._at]
        if one == "\\":
            following = self._text[self._at + 1 : self._at + 2]
            self._line += following == "\n"
            self._at += 2
            if following != "\n":
                self._add(following if not quoted or following in '$`"\\' else f"\\{following}")
        elif one == "$":
            self._dollar()
        elif one == "`":
            line = self._line
            self._add(Commands(self._until("`"), line))
        else:
            found = (_QUOTED if quoted else _PLAIN).match(self._text, self._at)
            run = found[0] if found else one
            self._skip(len(run))
            self._add(run)

    def _dollar(self) -> None:
        text, at, line = self._text, self._at, self._line
        if text.startswith("${{", at):
            end = self._end("}}")
            inner = text[at + 3 : end]
            self._skip(end + 2 - at)
            self._add(Expression(inner, line))
        elif text.startswith("$(", at):
            self._add(Commands(self._balanced(at + 1), line))
        elif text.startswith("${", at):
            end = self._end("}")
            found = _BRACED.match(text, at + 2, end)
            self._skip(end + 1 - at)
            self._add(Variable(found[1], found[2]) if found else Variable("?"))
        elif found := _NAME.match(text, at + 1):
            self._at = found.end()
            self._add(Variable(found[0]))
        else:
            self._at += 1
            self._add("$")

    def _end(self, closing: str) -> int:
        """Where something that is open closes; the end of the text where it does not."""
        found = self._text.find(closing, self._at)
        return len(self._text) if found < 0 else found

    def _balanced(self, begin: int) -> str:
        """What stands in brackets, of which quotes and inner brackets are part; goes on behind them."""
        depth, at, quote = 0, begin, ""
        while at < len(self._text):
            one = self._text[at]
            if one == "\\":
                at += 1
            elif quote:
                quote = "" if one == quote else quote
            elif one in "'\"":
                quote = one
            elif one in "()":
                depth += 1 if one == "(" else -1
                if depth == 0:
                    break
            at += 1
        inner = self._text[begin + 1 : at]
        self._skip(at + 1 - self._at)
        return inner

    def _until(self, end: str) -> str:
        """What stands in quotes; goes on behind them."""
        close = self._text.find(end, self._at + 1)
        close = len(self._text) if close < 0 else close
        inner = self._text[self._at + 1 : close]
        self._skip(close + 1 - self._at)
        return inner

    def _skip(self, count: int) -> None:
        self._line += self._text.count("\n", self._at, self._at + count)
        self._at += count

    def _add(self, part: Part) -> None:
        self._is_word = True
        if isinstance(part, str) and self._parts and isinstance(self._parts[-1], str):
            self._parts[-1] += part
        else:
            self._parts.append(part)

    def _redirection(self) -> None:
        if self._parts and all(isinstance(one, str) and one.isdecimal() for one in self._parts):
            self._parts, self._is_word = [], False  # 2>&1
        self._word()
        if found := _HERE.match(self._text, self._at):
            self._here = found[2]
            self._at = found.end()
            return
        end = self._at
        while end < len(self._text) and self._text[end] in "<>&|":
            end += 1
        self._operator = self._text[self._at : end]
        self._at = end
        if self._text[end : end + 1] == "(":  # <(command)
            line = self._line
            self._add(Commands(self._balanced(end), line))

    def _word(self) -> None:
        if not self._is_word:
            return
        word = tuple(self._parts)
        if self._operator is None:
            self._words.append(word)
        else:
            self._redirected.append((self._operator, word))
        self._parts, self._is_word, self._operator = [], False, None

    def _command(self, *, piped: bool) -> Command | None:
        self._word()
        if not self._words and not self._redirected:
            return None
        command = Command(tuple(self._words), tuple(self._redirected), self._begins, piped)
        self._words, self._redirected, self._operator = [], [], None
        return command
