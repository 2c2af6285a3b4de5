"""The baseline: findings that were there when the gate was introduced. They are accepted, and new ones are not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from harness import regular_files
from harness.diagnosis.fingerprints import fingerprint, plain
from harness.diagnosis.problems import stage
from harness.model import Completed, Edit, NotApplicable, Severity, Skipped, Stage, UsageError, Waived
from harness.plain_text import few, printed_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.model import ArtifactInfo, Finding, Report, Result

SCHEMA: Final = "lambda-artifact/baseline/v1"
SHOWN: Final = 5
"""Entries without a finding that a note names."""

Day: TypeAlias = Annotated[date, Meta(description="as 2027-01-31")]

_LARGEST: Final = 64 * 1024 * 1024


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Findings of one fingerprint: equal but for their lines.

    Attributes:
        where: The place, for people; without its line.
        count: The number of findings that it accepts.
        reason: Why they are accepted; what keeps a function from starting needs one.
        expires: The last day on which they are.
    """

    check: str
    function: str | None = None
    where: str
    message: str
    fingerprint: str
    count: Annotated[int, Meta(ge=1)] = 1
    reason: str | None = None
    expires: Day | None = None


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    schema: Literal["lambda-artifact/baseline/v1"]
    findings: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a file accepts.

    Attributes:
        shown: The name of the file in reports.
    """

    shown: str
    entries: tuple[Entry, ...] = ()

    @property
    def text(self) -> str:
        """The content of the file."""
        document = msgspec.json.encode(File(SCHEMA, self.entries))
        return printed_json(msgspec.json.format(document, indent=1).decode()) + "\n"


def read(path: Path) -> Baseline:
    """Read a baseline.

    Raises:
        UsageError: It cannot be read, or is none.
    """
    try:
        return Baseline(path.name, msgspec.json.decode(regular_files.read(path, _LARGEST), type=File).findings)
    except FileNotFoundError:
        raise UsageError(f"the baseline {path} does not exist: write it with --write-baseline") from None
    except OSError as error:
        raise UsageError(f"the baseline {path} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise UsageError(f"the baseline {path} is not one: {error}; write it with --write-baseline") from None


def applied(result: Result, baseline: Baseline, artifacts: Sequence[ArtifactInfo], today: date) -> Result:
    """A result without the findings that a baseline accepts: of each entry as many as it counts."""
    if not isinstance(result.outcome, Completed | Skipped):
        return result
    entries = {entry.fingerprint: entry for entry in baseline.entries if entry.check == result.check}
    used: Counter[str] = Counter()
    counted, accepted = [], []
    for finding in result.findings:
        mark = fingerprint(result.check, result.function, finding, artifacts)
        entry = entries.get(mark)
        if entry is None or used[mark] >= entry.count:
            counted.append(finding)
        elif why := _refused(entry, result.check, finding, today):
            remedy = f"{finding.remedy}; {why}" if finding.remedy else why
            edits = (*finding.edits, Edit(why)) if finding.edits else ()
            counted.append(replace(finding, remedy=remedy, edits=edits))
        else:
            used[mark] += 1
            reason = f": {entry.reason}" if entry.reason else ""
            accepted.append(Waived(finding, f"in the baseline {baseline.shown}{reason}"))
    waived = (*result.outcome.waived, *accepted)
    return replace(result, outcome=replace(result.outcome, findings=tuple(counted), waived=waived))


def _refused(entry: Entry, check: str, finding: Finding, today: date) -> str | None:
    """What an entry lacks that does not accept a finding."""
    if entry.expires and entry.expires < today:
        return f"or renew its entry in the baseline, which expired on {entry.expires}"
    if stops(check, finding) and not entry.reason:
        return "or give its entry in the baseline a `reason`: it keeps a function from starting"
    return None


def stops(check: str, finding: Finding) -> bool:
    """Whether a finding keeps a function from starting."""
    return finding.severity is Severity.ERROR and stage(check, finding) is Stage.START


def gone(report: Report, baseline: Baseline) -> Iterator[str]:
    """A note on the entries that accept more findings than there are, where their check ran completely."""
    found = _found(report)
    complete = {(one.check, one.function) for one in report.results if isinstance(one.outcome, Completed)}
    left = [
        f"{entry.check}: {entry.message} ({entry.where})"
        for entry in baseline.entries
        if (entry.check, entry.function) in complete and len(found.get(entry.fingerprint, ())) < entry.count
    ]
    if left:
        yield f"the baseline {baseline.shown} accepts what is no longer there; write it again: {few(left, SHOWN, '; ')}"


def of(report: Report, old: Baseline, reason: str | None) -> Baseline:
    """The baseline of a report that was made without one; what keeps a function from starting needs a reason.

    Args:
        report: What was found.
        old: The present file, whose reasons and dates stay; so do its entries on checks that needed an engine and
            had deliberately none.
        reason: For the findings that keep a function from starting; None leaves those out that have none yet.
    """
    before = {entry.fingerprint: entry for entry in old.entries}
    idle = {(one.check, one.function) for one in report.results if isinstance(one.outcome, NotApplicable)}
    entries = [one for one in old.entries if report.static and (one.check, one.function) in idle]
    for mark, several in _found(report).items():
        result, finding = several[0]
        known = before.get(mark)
        given = (known and known.reason) or (reason if stops(result.check, finding) else None)
        if stops(result.check, finding) and not given:
            continue
        entries.append(
            Entry(
                check=result.check,
                function=result.function,
                where=plain(finding.where, report.artifacts),
                message=plain(finding.message, report.artifacts),
                fingerprint=mark,
                count=len(several),
                reason=given,
                expires=known.expires if known else None,
            )
        )
    return Baseline(old.shown, tuple(sorted(entries, key=lambda one: (one.check, one.where, one.fingerprint))))


def _found(report: Report) -> dict[str, list[tuple[Result, Finding]]]:
    """The findings that count or that a baseline accepted, by their fingerprint."""
    found: dict[str, list[tuple[Result, Finding]]] = {}
    for result in report.results:
        waived = result.outcome.waived if isinstance(result.outcome, Completed | Skipped) else ()
        for finding in (*result.findings, *(one.finding for one in waived)):
            mark = fingerprint(result.check, result.function, finding, report.artifacts)
            found.setdefault(mark, []).append((result, finding))
    return found
