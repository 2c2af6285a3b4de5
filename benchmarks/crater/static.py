"""The checks that need no runtime, over all layers that are there: every finding, by check."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.model import Completed, Crashed, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.model import Report, Result


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One finding on one artifact; a crash of a check is one too."""

    check: str
    severity: str
    name: str
    where: str
    message: str

    def __str__(self) -> str:
        """As one line, fit for grep."""
        return f"{self.severity:<7}  {self.check}  {self.name}  {self.where}  {' '.join(self.message.split())}"


def rows(name: str, report: Report) -> Iterator[Row]:
    """The findings of a report."""
    for result in report.results:
        if isinstance(result.outcome, Crashed):
            yield Row(result.check, "crash", name, "", result.outcome.summary)
        for finding in result.findings:
            yield Row(result.check, str(finding.severity), name, finding.where, finding.message)


def table(found: Sequence[Row], results: Iterable[Result]) -> Iterator[str]:
    """On how many artifacts each check ran, how many findings it has there, and what it took."""
    took: defaultdict[str, float] = defaultdict(float)
    ran: Counter[str] = Counter()
    for result in results:
        took[result.check] += result.seconds
        ran[result.check] += isinstance(result.outcome, Completed)
    yield f"{'check':<24} {'ran':>4} {'errors':>7} {'on':>4} {'warnings':>9} {'on':>4} {'crashes':>8} {'seconds':>8}"
    for check in took:
        of = [row for row in found if row.check == check]
        counts = []
        for severity in (Severity.ERROR, Severity.WARNING):
            having = [row for row in of if row.severity == severity]
            counts += [len(having), len({row.name for row in having})]
        errors, failing, warnings, warned = counts
        crashes = sum(row.severity == "crash" for row in of)
        figures = f"{errors:>7} {failing:>4} {warnings:>9} {warned:>4} {crashes:>8} {took[check]:>8.1f}"
        yield f"{check:<24} {ran[check]:>4} {figures}"
