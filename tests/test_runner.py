"""How one check is run: what each ending becomes, how subjects are merged, and which findings are accepted."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from harness.artifact.entries import Refusal
from harness.check import Blocked, Check, Inapplicable, Need, Scope, Subject
from harness.engines.protocol import Unavailable
from harness.model import (
    Completed,
    Crashed,
    Finding,
    NotApplicable,
    Note,
    Outcome,
    Result,
    Severity,
    Skipped,
    Waived,
    When,
)
from harness.runner import held_against, idle, run
from tests.build import TODAY, Seen, archive, code, function, manifest, subject, waiver

if TYPE_CHECKING:
    from harness.check import Engines, Findings
    from harness.manifest import Waiver

ONE, TWO = Finding("libGL.so.1 is missing", "layer.zip!python/cv2.so"), Finding("libX.so is missing", "code.zip!x.so")
REFUSED = archive(refusals=(Refusal(None, "is an HTML page", "Look."),), source="page.zip")


def saying(*values: Finding | Note | Exception, need: Need = Need.SOUND) -> Check:
    """A check that says these things, and then raises the error among them."""

    def body(subject: Subject, engines: Engines) -> Findings:
        del subject, engines
        for value in values:
            if isinstance(value, Exception):
                raise value
            yield value

    return Check("shared-libraries", "Title.", "Title.", "0.1", Scope.ARTIFACT, need, body)


def outcome(check: Check, *subjects: Subject) -> Outcome:
    return run(check, subjects or (subject(code("app.py")),), Seen(), TODAY).outcome


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((), Completed()),
        ((ONE, TWO), Completed((ONE, TWO))),
        ((Note("fine"),), Completed(notes=(Note("fine"),))),
        ((ONE, Note("fine")), Completed((ONE,), notes=(Note("fine"),))),
        ((ONE, ONE), Completed((ONE,))),
        ((Inapplicable("nothing to judge"),), NotApplicable("nothing to judge")),
        ((Blocked("too large"),), Skipped("too large")),
        ((Unavailable("no engine"),), Skipped("no engine")),
        ((ONE, Unavailable("no engine")), Skipped("no engine", (ONE,))),
    ],
)
def test_what_a_check_says_becomes_its_outcome(said: tuple[Finding | Note | Exception, ...], expected: Outcome) -> None:
    assert outcome(saying(*said)) == expected


def test_a_check_that_breaks_is_a_crash_with_its_traceback_and_no_finding() -> None:
    crashed = outcome(saying(ONE, KeyError("x")))

    assert isinstance(crashed, Crashed)
    assert crashed.summary == "KeyError: 'x'"
    assert crashed.traceback.startswith("Traceback (most recent call last):")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_is_not_caught(error: type[BaseException]) -> None:
    def body(subject: Subject, engines: Engines) -> Findings:
        del subject, engines
        raise error
        yield

    with pytest.raises(error):
        outcome(Check("x", "X.", "X.", "0.1", Scope.ARTIFACT, Need.SOUND, body))


def test_an_archive_that_is_refused_is_looked_at_only_by_a_check_that_needs_nothing() -> None:
    reason = "page.zip could not be read; archive-integrity says why"

    assert outcome(saying(ONE), subject(REFUSED)) == Skipped(reason)
    assert outcome(saying(ONE, need=Need.RUNTIME), subject(REFUSED)) == Skipped(reason)
    assert outcome(saying(ONE, need=Need.NOTHING), subject(REFUSED)) == Completed((ONE,))


@pytest.mark.parametrize(("function_name", "expected"), [(None, None), ("api", "api")])
def test_a_result_names_its_check_and_its_function(function_name: str | None, expected: str | None) -> None:
    looked_at = subject(code("app.py"), function=function(function_name) if function_name else None)

    result = run(saying(), (looked_at,), Seen(), TODAY)

    assert (result.check, result.title, result.function) == ("shared-libraries", "Title.", expected)
    assert result.seconds >= 0


class TestSeveralSubjects:
    """One result for an artifact that is several code archives."""

    def test_what_was_found_twice_is_told_once(self) -> None:
        assert outcome(saying(ONE), subject(code("a")), subject(code("b"))) == Completed((ONE,))

    def test_one_that_could_not_be_looked_at_is_not_passed_over(self) -> None:
        assert isinstance(outcome(saying(), subject(code("a")), subject(REFUSED)), Skipped)

    def test_one_without_anything_to_judge_does_not_hide_the_other(self) -> None:
        def body(subject: Subject, engines: Engines) -> Findings:
            del engines
            if not subject.bundle.layers:
                raise Inapplicable("no layers")
            yield ONE

        check = Check("x", "X.", "X.", "0.1", Scope.ARTIFACT, Need.SOUND, body)

        assert outcome(check, subject(code("a")), subject(archive("b"))) == Completed((ONE,))
        assert outcome(check, subject(code("a")), subject(code("b"))) == NotApplicable("no layers")


EXPIRED = "the waiver that accepted it (accepted) expired on 2026-06-29"

WAIVERS: dict[str, tuple[list[Waiver], Completed]] = {
    "none": ([], Completed((ONE,))),
    "by its message": ([waiver("shared-libraries", "libGL.so.1")], Completed(waived=(Waived(ONE, "accepted"),))),
    "by its place": ([waiver("shared-libraries", "cv2.so")], Completed(waived=(Waived(ONE, "accepted"),))),
    "of another check": ([waiver("layer-count", "libGL.so.1")], Completed((ONE,))),
    "of something else": ([waiver("shared-libraries", "libfoo")], Completed((ONE,))),
    "in another case": ([waiver("shared-libraries", "LIBGL.SO.1")], Completed((ONE,))),
    "until tomorrow": (
        [waiver("shared-libraries", "libGL", expires=date(2026, 7, 1))],
        Completed(waived=(Waived(ONE, "accepted"),)),
    ),
    "until today": (
        [waiver("shared-libraries", "libGL", expires=TODAY)],
        Completed(waived=(Waived(ONE, "accepted"),)),
    ),
    "until yesterday": (
        [waiver("shared-libraries", "libGL", expires=date(2026, 6, 29))],
        Completed((Finding(ONE.message, ONE.where, remedy=EXPIRED),)),
    ),
    "renewed": (
        [waiver("shared-libraries", "libGL", expires=date(2026, 6, 29)), waiver("shared-libraries", "GL", "renewed")],
        Completed(waived=(Waived(ONE, "renewed"),)),
    ),
}


@pytest.mark.parametrize("case", WAIVERS)
def test_a_finding_is_accepted(case: str) -> None:
    waivers, expected = WAIVERS[case]
    looked_at = subject(code("app.py"), declared=manifest(waivers=tuple(waivers)))

    assert outcome(saying(ONE), looked_at) == expected


def test_an_expired_waiver_is_told_beside_the_remedy() -> None:
    waivers = (waiver("shared-libraries", "libGL", expires=date(2026, 6, 29)),)
    looked_at = subject(code("app.py"), declared=manifest(waivers=waivers))

    completed = outcome(saying(Finding("libGL is missing", "x", remedy="add it")), looked_at)

    assert isinstance(completed, Completed)
    assert [finding.remedy for finding in completed.findings] == [f"add it; {EXPIRED}"]


NOTHING_MATCHED = ["the waiver for 'libGL' of shared-libraries matches no finding: remove it"]

IDLE: dict[str, tuple[list[Outcome], list[str]]] = {
    "it matched what counts": ([Completed((ONE,))], []),
    "it matched what is accepted": ([Completed(waived=(Waived(ONE, "accepted"),))], []),
    "it matched in one of two functions": ([Completed(), Completed((ONE,))], []),
    "it matched nothing": ([Completed((TWO,))], NOTHING_MATCHED),
    "there was nothing to match": ([Completed(), NotApplicable("no")], NOTHING_MATCHED),
    "the check was not run": ([], []),
    "the check had nothing to judge": ([NotApplicable("no")], []),
    "the check was skipped": ([Skipped("no engine")], []),
    "the check was skipped in one of two functions": ([Completed(), Skipped("no engine")], []),
    "the check crashed": ([Completed(), Crashed("KeyError", "…")], []),
}


@pytest.mark.parametrize("case", IDLE)
def test_a_waiver_that_nothing_needs_is_noted_where_everything_was_looked_at(case: str) -> None:
    outcomes, notes = IDLE[case]
    results = [Result("shared-libraries", "Title.", str(n), one, 0.1) for n, one in enumerate(outcomes)]
    others = [Result("layer-count", "Title.", None, Completed((ONE,)), 0.1)]

    assert list(idle([waiver("shared-libraries", "libGL")], [*results, *others])) == notes


@pytest.mark.parametrize(
    ("check", "engine", "severity"),
    [
        ("imports-resolve", "process", Severity.WARNING),
        ("shared-libraries", "process", Severity.WARNING),
        ("symbol-versions", "process", Severity.ERROR),
        ("symbol-versions", "container", Severity.WARNING),
    ],
)
def test_a_start_with_another_c_library_proves_nothing_of_lambdas(check: str, engine: str, severity: Severity) -> None:
    found = Finding("m", "w", when=When.AT_START, functions=("api",))

    held = held_against(Result(check, "Title.", None, Completed((found,)), 0.0), {"api": True}, engine)

    assert isinstance(held.outcome, Completed)
    assert [one.severity for one in held.outcome.findings] == [severity]
