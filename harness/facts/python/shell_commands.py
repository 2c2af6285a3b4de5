"""Programs that a shell command starts."""

from __future__ import annotations

import itertools
import re
import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN: Final = "\0"
"""A part of a command that only the run time tells."""

_SEPARATORS: Final = frozenset({"|", "||", "&&", ";", "&", "(", "|&"})
_BUILTINS: Final = frozenset(
    {
        *(".", ":", "alias", "cd", "declare", "eval", "exit", "export", "hash", "kill", "let", "popd", "pushd", "read"),
        *("return", "set", "shift", "shopt", "source", "trap", "type", "ulimit", "umask", "unset", "wait"),
        *("case", "done", "esac", "fi", "for", "function", "}"),
    }
)
_PREFIXES: Final = frozenset({"!", "command", "do", "else", "exec", "if", "then", "time", "until", "while", "{"})


def started(command: str) -> Iterator[tuple[str, bool]]:
    """The programs that a shell starts, as far as it is plain, and whether the command fails with them."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # a quotation without its end
        return
    begins = True
    own = {word for word, after in itertools.pairwise(words) if after == "()"}  # functions of the shell
    for place, word in enumerate(words):
        if word == "()":
            begins = True
        elif word in _SEPARATORS:
            begins = not (word == "(" and _assigns(words[place - 1 : place]))  # an array's values are no command
        elif begins and not (word in _PREFIXES or _assigns([word])):
            begins = False
            if re.fullmatch(r"[\w./+-]+", word) and word not in _BUILTINS | own:
                yield word, all(after == "&&" for after in words[place:] if after in _SEPARATORS)


def _assigns(words: list[str]) -> bool:
    return any(re.match(r"\w+\+?=", word) for word in words)
