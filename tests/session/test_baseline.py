"""What a baseline accepts, and the mistakes that would let something in for good."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from harness.model import Completed, Edit, Finding, NotApplicable, Severity, Skipped, UsageError, Waived, When
from harness.runner import lowered, regraded
from harness.session.baseline import Baseline, Entry, applied, gone, of, read
from tests.build import TODAY
from tests.reporters.reports import MISSING, report, result

if TYPE_CHECKING:
    from pathlib import Path

    from harness.model import Report

UNPINNED = tuple(Finding(f"{name} is not pinned", f"requirements.txt:{line}") for line, name in enumerate("aab", 1))
FOUND = report(result("unpinned", Completed(UNPINNED)))
STOPPED = report(result("handler-imports", Completed((MISSING,)), "api"))
EMPTY = Baseline("old.json")


def after(report: Report, baseline: Baseline, today: date = TODAY) -> list[Finding]:
    """The findings that count with a baseline."""
    results = (applied(one, baseline, report.artifacts, today) for one in report.results)
    return [finding for one in results for finding in one.findings]


def changed(baseline: Baseline, **values: object) -> Baseline:
    return Baseline(baseline.shown, tuple(Entry(**{**_fields(one), **values}) for one in baseline.entries))  # type: ignore[arg-type]


def _fields(entry: Entry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in Entry.__struct_fields__}


def test_what_was_there_is_accepted_wherever_its_line_is_now() -> None:
    baseline = of(FOUND, EMPTY, None)
    moved = tuple(replace(one, where=f"requirements.txt:{70 + at}") for at, one in enumerate(UNPINNED))

    (accepted,) = (applied(one, baseline, FOUND.artifacts, TODAY) for one in FOUND.results)

    assert sorted(entry.count for entry in baseline.entries) == [1, 2]
    assert accepted.outcome == Completed(waived=tuple(Waived(one, "in the baseline old.json") for one in UNPINNED))
    assert after(report(result("unpinned", Completed(moved))), baseline) == []


def test_n_entries_accept_exactly_n_findings() -> None:
    baseline = of(FOUND, EMPTY, None)
    third, other = replace(UNPINNED[0], where="requirements.txt:9"), replace(UNPINNED[0], where="dev.txt:1")
    assert after(report(result("unpinned", Completed((*UNPINNED, third, other)))), baseline) == [third, other]
    assert after(report(result("built-dependencies", Completed(UNPINNED))), baseline) == list(UNPINNED)


@pytest.mark.parametrize(
    ("now", "named"),
    [
        (Completed(UNPINNED), []),
        (Completed(UNPINNED[1:]), ["a is not pinned"]),
        (Completed(), ["a is not pinned", "b is not pinned"]),
        (Skipped("no network"), []),
        (NotApplicable("nothing is declared"), []),
    ],
)
def test_an_entry_that_nothing_matches_is_reported_where_its_check_ran(
    now: Completed | Skipped | NotApplicable, named: list[str]
) -> None:
    said = "\n".join(gone(report(result("unpinned", now)), of(FOUND, EMPTY, None)))
    assert [name for name in ("a is not pinned", "b is not pinned") if name in said] == named
    assert ("write it again" in said) == bool(named)


def test_what_keeps_a_function_from_starting_needs_a_reason() -> None:
    assert of(STOPPED, EMPTY, None).entries == ()

    reasoned = of(STOPPED, EMPTY, "it is switched off")
    assert after(STOPPED, reasoned) == []
    (left,) = after(STOPPED, changed(reasoned, reason=None))
    assert (left.remedy or "").endswith(
        "or give its entry in the baseline a `reason`: it keeps a function from starting"
    )
    (stepwise,) = after(
        report(result("handler-imports", Completed((replace(MISSING, edits=(Edit("add it"),)),)), "api")),
        changed(reasoned, reason=None),
    )
    assert [edit.do.partition(":")[0] for edit in stepwise.edits] == [
        "add it",
        "or give its entry in the baseline a `reason`",
    ]
    static = report(result("imports-resolve", Completed((replace(MISSING, when=When.AT_START),))))
    assert of(static, EMPTY, None).entries == ()
    assert of(STOPPED, reasoned, None) == reasoned


@pytest.mark.parametrize(("days", "counts"), [(0, 0), (-1, 3)])
def test_an_entry_may_expire(days: int, counts: int) -> None:
    baseline = changed(of(FOUND, EMPTY, None), expires=TODAY + timedelta(days))
    left = after(FOUND, baseline)
    assert len(left) == counts
    assert all("or renew its entry in the baseline, which expired on 2026-06-29" in (one.remedy or "") for one in left)


def test_a_written_baseline_is_read_as_it_was_and_keeps_reasons_and_dates(tmp_path: Path) -> None:
    kept = changed(of(FOUND, EMPTY, None), reason="until May", expires=date(2027, 5, 1))
    file = tmp_path / "old.json"
    file.write_text(kept.text, "utf-8")
    assert read(file) == kept
    assert of(FOUND, kept, None) == kept


def test_without_an_engine_the_entries_of_what_was_not_started_stay() -> None:
    old = of(STOPPED, EMPTY, "known")
    idle = result("handler-imports", NotApplicable("static checks only"), "api")
    assert of(replace(report(idle), static=True), old, None) == old
    assert of(report(idle), old, None).entries == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "is not one: "),
        ('{"schema": "lambda-artifact/baseline/v2", "findings": []}', "is not one: Invalid enum value"),
        ('{"schema": "lambda-artifact/baseline/v1", "findings": [{"chek": 1}]}', "unknown field `chek`"),
        (None, "does not exist: write it with --write-baseline"),
    ],
)
def test_a_file_that_is_no_baseline_is_a_wrong_request(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "old.json").write_text(content, "utf-8")
    with pytest.raises(UsageError, match="the baseline") as refused:
        read(tmp_path / "old.json")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("level", "severities", "notes", "told"),
    [
        (None, ["error"] * 3, 0, []),
        ("error", ["error"] * 3, 0, []),
        ("warning", ["warning"] * 3, 0, ["errors of unpinned that [severity] makes warnings: 3"]),
        ("note", [], 3, ["errors of unpinned that [severity] makes notes: 3"]),
    ],
)
def test_a_check_has_the_severity_that_the_manifest_gives_it(
    level: str | None, severities: list[str], notes: int, told: list[str]
) -> None:
    (found,) = FOUND.results
    levels = {"unpinned": level} if level else {"syntax": "note"}
    graded = regraded(found, levels)
    assert list(lowered([found], levels)) == told
    assert isinstance(graded.outcome, Completed)
    assert [one.severity.value for one in graded.findings] == severities
    assert [note.text for note in graded.outcome.notes] == [f"{one.message} ({one.where})" for one in UNPINNED[:notes]]
    assert Severity.ERROR in {one.severity for one in found.findings}
