"""Findings, what is behind them, and the problems that they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"


class When(IntEnum):
    """When a function reaches a place in the code; the earlier, the more certain."""

    AT_START = 0
    """Each time it starts: it cannot start without this."""
    AT_EVENT = 1
    """With every event: its handler certainly takes this path."""
    PERHAPS_AT_START = 2
    """When it starts, under a condition that only shows at run time."""
    LATER = 3
    """On some path: when a function is called that may be called."""
    NEVER = 4
    """Nothing is known to lead there."""

    @property
    def starting(self) -> bool:
        """Whether it is while the function starts, certainly or perhaps."""
        return self in {When.AT_START, When.PERHAPS_AT_START}


class Stage(StrEnum):
    """When a finding is noticed on Lambda, the worst first."""

    START = "start"
    EVENT = "event"
    DEPLOY = "deploy"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the repository.

    Attributes:
        file: Relative to the manifest's folder.
    """

    file: str
    line: int | None = None

    def __str__(self) -> str:
        """``requirements.txt:5``."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Insert:
    """A line to insert into a file, before the line of that number."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """One change to make.

    Attributes:
        do: What to do, in the imperative.
        at: The place in the repository to do it; None for somewhere else.
        insert: The same as a change of that file's text, where it is one.
    """

    do: str
    at: Place | None = None
    insert: Insert | None = None

    def __str__(self) -> str:
        """``requirements.txt: add defusedxml==0.7.1``."""
        return f"{self.at}: {self.do}" if self.at else self.do


class Defect(StrEnum):
    """The kinds of faults behind findings; each value completes a sentence with the name of something."""

    NO_MODULE = "there is no module"
    NO_DISTRIBUTION = "there is no distribution"
    NO_FILE = "there is no file"
    NO_NAME = "this lacks names that others import:"
    NO_LIBRARY = "there is no shared library"
    NO_HANDLER = "there is no handler"
    UNREADABLE = "Lambda's user cannot read"
    BAD_FILE = "this file is not what it should be:"
    FOREIGN = "this is built for another platform:"
    STALE = "this is older than what it is built from:"
    UNKEYED = "this cache brings back what is old:"


@dataclass(frozen=True, slots=True)
class Fault:
    """The fault behind a finding: ``Fault(Defect.NO_DISTRIBUTION, "defusedxml")``.

    Findings with a fault in common are one problem, whichever checks made them: the same edits fix them.
    """

    defect: Defect
    name: str


class Safety(StrEnum):
    """What may be lost by a fix: nothing, or something that somebody wants."""

    SAFE = "safe"
    UNSAFE = "unsafe"


@dataclass(frozen=True, slots=True)
class Fix:
    """A change of one archive that mends a finding.

    Attributes:
        archive: The archive, as reports name it.
        drop: The names of entries to leave out.
        modes: The names of entries, each with its permissions.
        copy: The names of entries to add, each with the file of the repository that it is copied from.
    """

    safety: Safety
    archive: str
    drop: tuple[str, ...] = ()
    modes: tuple[tuple[str, int], ...] = ()
    copy: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        message: What is wrong; where Lambda has words for it, Lambda's words.
        where: The place: ``layer.zip!python/lib.so`` in an archive, ``/var/task/app/main.py:7`` in the function.
        severity: Whether it fails the verification.
        remedy: What to change, and in which file.
        cause: Why, where facts prove it.
        chain: The modules whose imports lead there, the handler's own first.
        when: When a function gets there; None where that does not matter.
        functions: The names of the functions that it stops, or may stop; empty where that is not known.
        edits: The remedy step by step, where each step has its place.
        faults: The faults behind it.
        spared: The names of the functions that it certainly does not affect.
        stage: When it is noticed, where ``when`` does not say.
        source: The place in the repository; None where ``where`` already says it.
        title: What is wrong in a few words, where the message is longer.
        fixes: The changes of archives that mend it, one for each archive.
        trail: For each module of the chain its place in the repository; empty where none is known.
    """

    message: str
    where: str
    severity: Severity = Severity.ERROR
    remedy: str | None = None
    cause: str | None = None
    chain: tuple[str, ...] = ()
    when: When | None = None
    functions: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    faults: tuple[Fault, ...] = ()
    spared: tuple[str, ...] = ()
    stage: Stage | None = None
    source: Place | None = None
    title: str | None = None
    trail: tuple[Place | None, ...] = ()
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Findings with one cause, which the same edits fix.

    Attributes:
        id: Stable over runs, lines and machines.
        stage: When it is noticed on Lambda.
        title: What is wrong, in a few words.
        functions: Those that it stops, or may stop where it is no error.
        not_affected: Those that it certainly does not affect; never one that failed.
        edits: What to change, in order.
        findings: For each finding, the index of its result in the report and its own in the result; the most telling
            one first.
    """

    id: str
    severity: Severity
    stage: Stage
    title: str
    functions: tuple[str, ...]
    not_affected: tuple[str, ...]
    cause: str | None
    edits: tuple[Edit, ...]
    findings: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth knowing that is not wrong.

    Attributes:
        limit: Whether it says what the check could not judge, so that reports for people show it too.
    """

    text: str
    limit: bool = False


@dataclass(frozen=True, slots=True)
class Waived:
    """A finding that the manifest accepts, and the reason it gives."""

    finding: Finding
    reason: str
