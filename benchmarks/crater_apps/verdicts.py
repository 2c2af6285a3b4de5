"""The verdicts on findings, by somebody who read the application's code."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from harness.model import Crashed, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.model import Report

TABLE = Path(__file__).with_name("judged.toml")
COUNTED = (Severity.ERROR, Severity.WARNING)


class Word(StrEnum):
    """A verdict on a finding."""

    RIGHT = "right"  # so it is on Lambda, and the remedy mends it
    ARGUABLE = "arguable"  # true, and a team might well not want to hear it
    FALSE = "false"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A row of the table.

    Attributes:
        repository: ``owner/name``; ``*`` for any.
        check: Whose findings it is about.
        severity: With which severity they were judged: one that has become an error is judged anew.
        match: A part of the function's name, the place or the message; empty for all of them.
        word: What they are.
        why: One sentence.
    """

    repository: str
    check: str
    severity: Severity
    match: str
    word: Word
    why: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One finding on one application, with its judgement where there is one."""

    repository: str
    check: str
    severity: Severity
    function: str
    where: str
    message: str
    judgement: Judgement | None = None

    def __str__(self) -> str:
        """As one line, fit for grep."""
        place = " ".join(filter(None, (self.function, self.where)))
        return f"{self.severity:<7}  {self.repository}  {self.check}  {place}  {' '.join(self.message.split())}"


def judgements() -> list[Judgement]:
    """The table."""
    rows = tomllib.loads(TABLE.read_text("utf-8")).get("judged", [])
    return [
        Judgement(
            row["repository"], row["check"], Severity(row["severity"]), row["match"], Word(row["word"]), row["why"]
        )
        for row in rows
    ]


def seen(repository: str, report: Report, table: Sequence[Judgement]) -> Iterator[Seen]:
    """The errors and warnings of a report, judged; a crash of a check is an error that nobody has judged."""
    for result in report.results:
        function = result.function or ""
        if isinstance(result.outcome, Crashed):
            yield Seen(repository, result.check, Severity.ERROR, function, "", f"crash: {result.outcome.summary}")
        for one in result.findings:
            if one.severity in COUNTED:
                found = Seen(repository, result.check, one.severity, function, one.where, one.message)
                yield judged(found, table)


def judged(found: Seen, table: Iterable[Judgement]) -> Seen:
    """A finding with the first row that fits it."""
    for row in table:
        if _fits(row, found):
            return Seen(found.repository, found.check, found.severity, found.function, found.where, found.message, row)
    return found


def _fits(row: Judgement, found: Seen) -> bool:
    return (
        row.repository in (found.repository, "*")
        and (row.check, row.severity) == (found.check, found.severity)
        and row.match in f"{found.function} {found.where} {found.message}"
    )
