"""A report as people read it, whatever it is about: what the terminal and the Markdown renderer lay out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.diagnosis.problems import title
from harness.model import Severity, Skipped, Verdict
from harness.reporters import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.model import ArtifactInfo, Finding, FunctionInfo, Result
    from harness.reporters.timings import Row


@dataclass(frozen=True, slots=True)
class ProblemText:
    """One problem.

    Attributes:
        title: What is wrong, in a few words.
        consequence: What it does to whom, in words that follow the title.
        message: What is wrong in full, where the title is not all of it.
        place: In the repository, else in the archive or the function.
        steps: What to do; several steps are numbered.
        chain: The imports that lead there.
        also: What else the same steps mend.
        findings: Its findings, each with its check and functions.
        pages: The addresses of its checks' pages.
    """

    severity: Severity
    title: str
    consequence: str
    message: str
    place: str
    steps: str
    chain: str = ""
    cause: str = ""
    also: str = ""
    findings: tuple[text.Group, ...] = ()
    pages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotDone:
    """What crashed or was skipped; ``traceback`` is empty where it was skipped."""

    subjects: str
    reason: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A line below the problems: what the verdict rests on.

    Attributes:
        brief: The words of a brief report; None: the same, empty: the line is left out.
    """

    label: str
    words: str
    brief: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A row for each function; the first column is its name."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Link:
    """Another report, beside this one: a word on it, and its file."""

    name: str
    word: str
    file: str


@dataclass(frozen=True, slots=True)
class Document:
    """A report of any kind.

    Attributes:
        subject: What it is about, for its heading.
        summary: The verdict in the reader's words, in one line.
        problems: Explained in any case.
        warnings: Explained in a verbose report only, one short line each in a brief one.
        archives: Each with a word on which side it is from.
        functions: Those that were verified, and
        stopped: the names of those that an error stops at their start.
        unzipped_limit: Bytes that the archives of one function may have unpacked.
        links: The reports behind it, for a page.
        judges: Whether it judges anything; else there is no pass, and it begins with its subject.
        timings: Where the time went.
        seconds: Wall time.
    """

    subject: str
    verdict: Verdict
    summary: str
    problems: tuple[ProblemText, ...]
    facts: tuple[Fact, ...]
    archives: tuple[tuple[str, ArtifactInfo], ...]
    table: Table | None = None
    warnings: tuple[ProblemText, ...] = ()
    not_done: tuple[NotDone, ...] = ()
    timings: tuple[Row, ...] = ()
    seconds: float = 0.0
    functions: tuple[FunctionInfo, ...] = ()
    stopped: tuple[str, ...] = ()
    unzipped_limit: int = 0
    judges: bool = True
    links: tuple[Link, ...] = ()

    @property
    def word(self) -> str:
        """What it says in one word."""
        return (self.verdict if self._is_judged else self.subject).upper()

    @property
    def heading(self) -> str:
        """Its subject, with its verdict where there is one."""
        return f"{self.subject}: {self.word}" if self._is_judged else self.subject

    @property
    def _is_judged(self) -> bool:
        return self.judges or self.verdict is not Verdict.PASS


def problem_texts(findings: Iterable[tuple[str, str | None, Finding]]) -> Iterator[ProblemText]:
    """Findings by check and function as problems, errors first; a cause that was given before is referred to."""
    gathered = text.gather(((check, finding), function) for check, function, finding in findings)
    groups = [
        text.Group(check, finding, tuple(name for name in names if name))
        for (check, finding), names in gathered.items()
    ]
    causes: dict[str, int] = {}
    for number, group in enumerate(sorted(groups, key=lambda one: one.finding.severity is not Severity.ERROR), 1):
        finding, cause = group.finding, group.finding.cause or ""
        first = causes.setdefault(cause, number)
        heading = title(finding)
        yield ProblemText(
            severity=finding.severity,
            title=heading,
            consequence=f"{finding.severity}: {text.about(group.check, group.functions)}",
            message="" if finding.message == heading else finding.message,
            place=finding.where,
            steps=finding.remedy or "",
            chain=text.chain(finding.chain) if finding.chain[1:] else "",
            cause=cause if first == number or not cause else f"as in {first}",
            findings=(group,),
        )


def skips(results: Iterable[Result]) -> Iterator[NotDone]:
    """The checks that were skipped; the same reason is given once."""
    skipped = ((one.outcome.reason, (one.check, one.function)) for one in results if isinstance(one.outcome, Skipped))
    for reason, checks in text.gather(skipped).items():
        yield NotDone(text.subjects(checks), reason)
