"""A text of a script, as far as it is known without running anything."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# Variables that may be another in every run, where no script says what they are.
_CHANGING: Final = re.compile(
    r"SHA|COMMIT(?!_REF|_BRANCH)|REVISION|BUILD_|BUILDNUMBER|RUN_|PIPELINE_I|JOB_ID|DATE|TIME|STAMP|VERSION|TAG|HASH|"
    r"DIGEST|CHECKSUM|MD5|UUID|RANDOM|RELEASE|KEY|\A[\d@*?!$#-]\Z",
    re.IGNORECASE,
)
_OF_TOOLS: Final = re.compile(r"PY|RUNTIME|NODE|POETRY|UV|AWS|BUCKET", re.IGNORECASE)
_LONGEST: Final = 4_000  # characters; no name is longer
_MOST_FILES: Final = 200  # in one digest


@dataclass(frozen=True, slots=True)
class Text:
    """A text, as far as it is known without running anything.

    Attributes:
        text: With a star in place of what is not known.
        files: The patterns of the files whose digest is in it.
        place: Where that digest is made: ``deploy.sh:7``.
        changing: Whether something else in it may change from run to run: a commit, a date.
    """

    text: str
    files: tuple[str, ...] = ()
    place: str = ""
    changing: bool = False

    def __add__(self, other: Text) -> Text:
        """Both, one after the other."""
        files = tuple(dict.fromkeys((*self.files, *other.files)))
        return Text(
            (self.text + other.text)[:_LONGEST],
            files[:_MOST_FILES],
            self.place or other.place,
            self.changing or other.changing or len(files) > _MOST_FILES,
        )

    @property
    def keyed(self) -> bool:
        """Whether it changes with the content of certain files, and with nothing else."""
        return bool(self.files) and not self.changing

    @property
    def without_text(self) -> Text:
        """The same without its characters: what a digest of it depends on."""
        return replace(self, text="")


UNKNOWN = Text("*", changing=True)
CONSTANT = Text("*")
"""Unknown, and independent of any file: the name of a bucket, a stage."""


def joined(texts: Iterable[Text], gap: str = "") -> Text:
    """Texts one after the other, each followed by a gap."""
    return sum((text + Text(gap) for text in texts), Text(""))


def unknown(name: str) -> Text:
    """The value of a variable that no script sets."""
    return UNKNOWN if _CHANGING.search(name) and not _OF_TOOLS.search(name) else CONSTANT
