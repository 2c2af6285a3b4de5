"""What a script's words are, and what is known of the texts that they become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

_LONGEST: Final = 4_000  # characters; no name is longer
_MOST: Final = 200  # files in one digest


@dataclass(frozen=True, slots=True)
class Variable:
    """``$NAME`` or ``${NAME:-default}``."""

    name: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Commands:
    """What a command substitution runs: ``$(sha256sum poetry.lock)``."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Expression:
    """``${{ … }}``, which a CI system puts in before the shell sees it."""

    text: str
    line: int


Part: TypeAlias = str | Variable | Commands | Expression
Word: TypeAlias = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command.

    Attributes:
        words: Its program and arguments; assignments before them, too.
        redirected: Where its output goes, and where its input comes from: ``(">>", word)``.
        line: The one that it begins on.
        piped: Whether its input is the output of the command before it.
    """

    words: tuple[Word, ...]
    redirected: tuple[tuple[str, Word], ...]
    line: int
    piped: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A text, as far as it can be known without running anything.

    Attributes:
        text: With a star in place of what is not known.
        files: The patterns of the files whose digest is in it.
        place: Where that digest is made: ``deploy.sh:7``.
        changing: Whether something else in it may change from run to run: a commit, a date, what an unknown command
            prints.
    """

    text: str
    files: tuple[str, ...] = ()
    place: str = ""
    changing: bool = False

    def __add__(self, other: Text) -> Text:
        """Both, one after the other."""
        files = (*self.files, *(one for one in other.files if one not in self.files))
        return Text(
            (self.text + other.text)[:_LONGEST],
            files[:_MOST],
            self.place or other.place,
            self.changing or other.changing or len(files) > _MOST,
        )

    @property
    def keyed(self) -> bool:
        """Whether it changes with the content of certain files, and with nothing else."""
        return bool(self.files) and not self.changing


UNKNOWN = Text("*", changing=True)
SOME = Text("*")
"""What is not known, and says nothing of any file: the name of a bucket, a stage."""
