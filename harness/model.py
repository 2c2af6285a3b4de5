"""What a verification says: findings, outcomes, the report, and the exit code it earns."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TypeAlias


class UsageError(Exception):
    """The request itself is wrong; each line of the message is a sentence for the user."""


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"


class When(IntEnum):
    """When a function gets to a place in the code; what is earlier is more certain."""

    AT_START = 0
    """Each time it starts: it cannot start without."""
    AT_EVENT = 1
    """With every event: its handler certainly takes this path."""
    PERHAPS_AT_START = 2
    """When it starts, under a condition that only the run time tells."""
    LATER = 3
    """On some path: when a function is called that may be called."""
    NEVER = 4
    """Nothing is known to lead there."""

    @property
    def starting(self) -> bool:
        """Whether that is while the function starts, for certain or perhaps."""
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
class Edit:
    """One change that somebody has to make.

    Attributes:
        do: What to do, as an order.
        at: The file of the repository in which to do it; None for what is done elsewhere.
    """

    do: str
    at: Place | None = None

    def __str__(self) -> str:
        """``requirements.txt: add defusedxml==0.7.1``."""
        return f"{self.at}: {self.do}" if self.at else self.do


class Defect(StrEnum):
    """What can be at the bottom of a finding; each value completes the sentence with the name of something."""

    NO_MODULE = "there is no module"
    NO_DISTRIBUTION = "there is no distribution"
    NO_FILE = "there is no file"
    NO_LIBRARY = "there is no shared library"
    NO_HANDLER = "there is no handler"
    BAD_FILE = "this file is not what it should be:"
    FOREIGN = "this is built for another platform:"
    STALE = "this is older than what it is built from:"
    UNKEYED = "this cache brings back what is old:"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is at the bottom of a finding: ``Fault(Defect.NO_DISTRIBUTION, "defusedxml")``.

    Findings with one of these in common are one problem, whatever checks made them: the same edits mend them.
    """

    defect: Defect
    name: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        message: What is wrong; where Lambda has words for it, Lambda's words.
        where: The place: ``layer.zip!python/lib.so`` in an archive, ``/var/task/app/main.py:7`` in the function.
        severity: Whether it fails the verification.
        remedy: What to change, and in which file.
        cause: Why it is so, where facts prove it.
        chain: The modules whose imports led there, the handler's own first.
        when: When a function gets there; None where that is no question.
        functions: The names of the functions that it stops, or may stop; none where that is not known.
        edits: The remedy step by step, where each step has its place.
        faults: What is at the bottom of it.
        spared: The names of the functions that it certainly leaves alone.
        stage: When it is noticed, where ``when`` does not tell.
        source: The place in the repository; None: as ``where`` says, if that leads there.
        title: What is wrong in a few words, if the message is more than that.
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


@dataclass(frozen=True, slots=True)
class Problem:
    """Findings with one cause, as one: what the same edits mend.

    Attributes:
        id: Stable over runs, lines and machines.
        stage: When it is noticed on Lambda.
        title: What is wrong, in a few words.
        functions: Those that it stops, or may stop where it is no error.
        not_affected: Those that it certainly leaves alone; never one that failed.
        edits: What to change, in order.
        findings: Of each finding the index of its result in the report, and its own among the result's findings; the
            one that tells most is the first.
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
        limit: Whether it tells what the check could not judge, so that reports for people have it too.
    """

    text: str
    limit: bool = False


@dataclass(frozen=True, slots=True)
class Waived:
    """A finding that the manifest accepts, and the reason it gives."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The check ran. No findings: it passed."""

    findings: tuple[Finding, ...] = ()
    waived: tuple[Waived, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The request asks for nothing that this check could judge."""

    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Asked for, and could not be done, or not all of it: then with what was found all the same."""

    reason: str
    findings: tuple[Finding, ...] = ()
    waived: tuple[Waived, ...] = ()


@dataclass(frozen=True, slots=True)
class Crashed:
    """The harness's own fault. Never a finding, never a pass."""

    summary: str
    traceback: str


Outcome: TypeAlias = Completed | NotApplicable | Skipped | Crashed


@dataclass(frozen=True, slots=True)
class Result:
    """What one check said of one function, or of the artifact as a whole (``function`` is None)."""

    check: str
    title: str
    function: str | None
    outcome: Outcome
    seconds: float

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings that count: those that no waiver accepts."""
        return self.outcome.findings if isinstance(self.outcome, Completed | Skipped) else ()


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What ran the handlers, and what it cannot vouch for.

    Attributes:
        sandbox: What the handlers were shut in: ``container``, ``bubblewrap``, ``namespaces``, ``chroot``,
            ``landlock`` or ``none``; None where nothing was started.
    """

    name: str
    image: str | None = None
    digest: str | None = None
    python: str | None = None
    caveats: tuple[str, ...] = ()
    sandbox: str | None = None


@dataclass(frozen=True, slots=True)
class ArtifactInfo:
    """One archive, by its content.

    Attributes:
        role: ``code`` or ``layer``.
        source: What the user named.
        sha256: Hexadecimal digest of the archive's bytes (of its listing and contents where it is a folder).
        code_sha256: The same digest in base64, as Lambda prints it; None for a folder, which Lambda never sees.
        zipped_bytes: Size of the archive file; None for a folder.
        unzipped_bytes: Sum of the sizes of its files.
        files: Number of its files.
        content_sha256: Hexadecimal digest of what is unpacked: paths, bytes, and what is executable, whatever their
            order, times and compression; None where they were not read.
    """

    role: str
    source: str
    sha256: str
    code_sha256: str | None
    zipped_bytes: int | None
    unzipped_bytes: int
    files: int
    content_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class FunctionInfo:
    """One function, and what its start cost; None where it was not started or did not get that far.

    Attributes:
        init_seconds: Wall time of init.
        init_cpu_seconds: Processor time of the same, by which it is judged: it does not depend on what else this
            machine does.
        runtime: What it is declared to run on, as is the architecture.
        declared_at: Where; None where no file declares it.
    """

    name: str
    handler: str
    init_seconds: float | None = None
    max_rss_mb: float | None = None
    init_cpu_seconds: float | None = None
    runtime: str | None = None
    architecture: str | None = None
    declared_at: Place | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a part of the work took.

    Attributes:
        name: What was done, in a few words.
        seconds: Wall time. What was done side by side is counted each time.
        parent: The name of the part that it is a part of, if it is one.
    """

    name: str
    seconds: float
    parent: str | None = None


class Verdict(StrEnum):
    """What a report says in one word."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCOMPLETE = "incomplete"


UNSHUT = ("landlock", "none")
"""What is no sandbox: the handlers ran in this machine's paths, with its programs and libraries."""


class ExitCode(IntEnum):
    """What each exit code of the command means."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3


@dataclass(frozen=True, slots=True)
class Report:
    """One verification, whole.

    Attributes:
        strict: Whether a warning fails it too.
        static: Whether the handlers were deliberately not started.
        seconds: Wall time.
        source_digests: Whether reports for people have the whole digests of the archives.
        timings: Where the time went, beside what the checks and the starts of the functions took.
    """

    version: str
    runtime: str
    architecture: str
    engine: EngineInfo
    artifacts: tuple[ArtifactInfo, ...]
    functions: tuple[FunctionInfo, ...]
    results: tuple[Result, ...]
    seconds: float
    strict: bool = False
    static: bool = False
    notes: tuple[str, ...] = field(default=())
    source_digests: bool = False
    timings: tuple[Timing, ...] = ()

    def count(self, severity: Severity) -> int:
        """How many findings of that severity count."""
        return sum(finding.severity is severity for result in self.results for finding in result.findings)

    @property
    def failed(self) -> bool:
        """Whether a finding fails the verification."""
        return bool(self.count(Severity.ERROR)) or (self.strict and bool(self.count(Severity.WARNING)))

    @property
    def incomplete(self) -> bool:
        """Whether something that was asked for was not done, or nothing was checked at all.

        Strictly, handlers without a sandbox around them have not been observed as Lambda would start them.
        """
        if self.strict and self.engine.sandbox in UNSHUT:
            return True
        outcomes = [result.outcome for result in self.results]
        return any(isinstance(o, Skipped | Crashed) for o in outcomes) or not any(
            isinstance(o, Completed) for o in outcomes
        )

    @property
    def verdict(self) -> Verdict:
        """A failure outweighs incompleteness: what was found stays found."""
        if self.failed:
            return Verdict.FAIL
        return Verdict.INCOMPLETE if self.incomplete else Verdict.PASS

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that the verdict earns."""
        match self.verdict:
            case Verdict.FAIL:
                return ExitCode.FINDINGS
            case Verdict.INCOMPLETE:
                return ExitCode.INCOMPLETE
            case Verdict.PASS:
                return ExitCode.OK
