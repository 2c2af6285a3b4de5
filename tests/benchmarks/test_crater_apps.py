from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks.crater_apps import page
from benchmarks.crater_apps.applications import Application, Unknown, applications
from benchmarks.crater_apps.verdicts import Judgement, Seen, Word, judged, judgements, seen
from harness.model import Completed, Crashed, EngineInfo, Finding, Report, Result, Severity

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION = Application("acme/shop", "0" * 40, "SAM", 2)
ROW = Judgement("acme/shop", "unpinned", Severity.WARNING, "requests", Word.RIGHT, "No lock pins it.")
FOUND = Seen("acme/shop", "unpinned", Severity.WARNING, "", "requirements.txt:3", "requests>=2 is not pinned")


def test_each_repository_is_listed_once_with_its_commit() -> None:
    listed = applications()
    assert len({one.name for one in listed}) == len(listed)
    assert all(len(one.commit) == 40 and one.functions for one in listed)
    with pytest.raises(Unknown, match="acme/nothing"):
        applications(["acme/nothing"])


def test_each_judgement_is_about_a_listed_repository() -> None:
    names = {one.name for one in applications()} | {"*"}
    rows = judgements()
    assert {row.repository for row in rows} <= names
    assert all(row.why for row in rows)


@pytest.mark.parametrize(
    ("found", "fits"),
    [
        (FOUND, True),
        (replace(FOUND, repository="acme/other"), False),
        (replace(FOUND, check="built-dependencies"), False),
        (replace(FOUND, severity=Severity.ERROR), False),  # it has become worse since somebody judged it
        (replace(FOUND, message="boto3 is not pinned"), False),
    ],
)
def test_a_judgement_fits_what_it_was_made_of(found: Seen, *, fits: bool) -> None:
    assert (judged(found, [ROW]).judgement is ROW) is fits


def test_a_report_yields_its_errors_and_warnings_and_the_checks_that_crashed() -> None:
    finding = Finding(FOUND.message, FOUND.where, Severity.WARNING)
    results = (
        Result("unpinned", "", None, Completed((finding,)), 0.1),
        Result("syntax", "", "api", Crashed("RecursionError", ""), 0.1),
    )
    report = Report("1", "python3.12", "x86_64", EngineInfo("none"), (), (), results, 1.0)
    said = list(seen("acme/shop", report, [ROW]))
    assert [(one.check, one.judgement) for one in said] == [("unpinned", ROW), ("syntax", None)]


@pytest.mark.parametrize(
    ("rows", "complaints"),
    [
        ([(Severity.ERROR, Word.RIGHT), (Severity.WARNING, Word.ARGUABLE)], []),
        ([(Severity.WARNING, None)], ["not judged"]),
        ([(Severity.ERROR, Word.RIGHT), (Severity.ERROR, Word.FALSE)], ["false error"]),
        ([(Severity.ERROR, Word.ARGUABLE)], ["no error of it is right"]),
        ([(Severity.WARNING, Word.FALSE), (Severity.WARNING, Word.RIGHT)], ["1 of 2 warnings are false"]),
    ],
)
def test_what_has_to_be_looked_at(
    rows: list[tuple[Severity, Word | None]], complaints: list[str], tmp_path: Path
) -> None:
    found = tuple(
        replace(FOUND, severity=severity, judgement=replace(ROW, severity=severity, word=word) if word else None)
        for severity, word in rows
    )
    done = [page.Verified(APPLICATION, 2, found)]
    said = list(page.complaints(done))
    assert len(said) == len(complaints)
    assert all(expected in text for expected, text in zip(complaints, said, strict=True))
    written = tmp_path / "page.md"
    written.write_text("Before.\n\n<!-- table -->\n<!-- end of table -->\n\nAfter.\n", "utf-8")
    page.write(done, written)
    page.write(done, written)
    text = written.read_text("utf-8")
    assert text.count("acme/shop") == 1
    assert text.startswith("Before.")
    assert text.endswith("After.\n")
