"""Which programs a shell starts for a command."""

from __future__ import annotations

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
    for place, word in enumerate(words):
        if word in _SEPARATORS:
            begins = True
        elif begins and not (word in _PREFIXES or re.match(r"\w+=", word)):
            begins = False
            if re.fullmatch(r"[\w./+-]+", word) and word not in _BUILTINS:
                yield word, all(after == "&&" for after in words[place:] if after in _SEPARATORS)
