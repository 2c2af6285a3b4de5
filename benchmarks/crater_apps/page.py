"""The figures of a run: the lines of the terminal, and the table of the documentation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.crater_apps.verdicts import COUNTED, Word
from harness.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.crater_apps.applications import Application
    from benchmarks.crater_apps.verdicts import Seen

PAGE = Path(__file__).parents[2] / "docs" / "crater-apps.md"
_START, _END = "<!-- table -->", "<!-- end of table -->"
FALSE_WARNINGS = 0.05  # of all warnings: what is more is a complaint


@dataclass(frozen=True, slots=True)
class Verified:
    """One application, and what was said of it."""

    application: Application
    functions: int
    found: tuple[Seen, ...]

    def count(self, severity: Severity, word: Word | None = None) -> int:
        """The number of findings of a severity and a judgement."""
        return sum(
            one.severity is severity and (word is None or (one.judgement is not None and one.judgement.word is word))
            for one in self.found
        )

    @property
    def only_arguable(self) -> bool:
        """Whether it fails, and not one of its errors is right."""
        return bool(self.count(Severity.ERROR)) and not self.count(Severity.ERROR, Word.RIGHT)


def complaints(done: Sequence[Verified]) -> Iterator[str]:
    """The faults to fix: in the harness, or in the table of judgements."""
    for one in done:
        for found in one.found:
            if found.judgement is None:
                yield f"not judged: {found}"
            elif found.severity is Severity.ERROR and found.judgement.word is Word.FALSE:
                yield f"false error: {found}\n  {found.judgement.why}"
        if one.only_arguable and all(found.judgement for found in one.found):
            yield f"{one.application.name} fails, and no error of it is right"
    warnings = sum(one.count(Severity.WARNING) for one in done)
    wrong = sum(one.count(Severity.WARNING, Word.FALSE) for one in done)
    if wrong > FALSE_WARNINGS * warnings:
        yield f"{wrong} of {warnings} warnings are false"


def figures(done: Sequence[Verified]) -> Iterator[tuple[str, int]]:
    """Names and numbers."""
    yield "applications", len(done)
    yield "functions", sum(one.functions for one in done)
    yield "applications that pass", sum(not one.count(Severity.ERROR) for one in done)
    for severity in COUNTED:
        yield f"{severity}s", sum(one.count(severity) for one in done)
        for word in Word:
            yield f"{severity}s that are {word}", sum(one.count(severity, word) for one in done)


def table(done: Sequence[Verified]) -> Iterator[str]:
    """A row for each application."""
    yield "| Repository | Commit | Deployed by | Functions | Errors | right | Warnings | right | arguable | false |"
    yield "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for one in done:
        counts = [one.functions, one.count(Severity.ERROR), one.count(Severity.ERROR, Word.RIGHT)]
        counts += [one.count(Severity.WARNING), *(one.count(Severity.WARNING, word) for word in Word)]
        application = one.application
        cells = [application.name, f"`{application.commit[:10]}`", application.deploys, *map(str, counts)]
        yield f"| {' | '.join(cells)} |"


def write(done: Sequence[Verified], page: Path = PAGE) -> None:
    """Replace the figures and the table of the page."""
    head, _, rest = page.read_text("utf-8").partition(_START)
    _, _, tail = rest.partition(_END)
    lines = [
        "| | |",
        "| --- | ---: |",
        *(f"| {name} | {number:,} |" for name, number in figures(done)),
        "",
        *table(done),
    ]
    page.write_text("\n".join([f"{head}{_START}", *lines, f"{_END}{tail}"]), "utf-8")


def checks(done: Sequence[Verified]) -> Iterator[str]:
    """The number of findings of each check, most first."""
    said = Counter((found.check, found.severity) for one in done for found in one.found)
    for (check, severity), number in said.most_common():
        yield f"{number:>5}  {severity:<7}  {check}"
