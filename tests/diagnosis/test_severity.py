"""The one rule of how bad a finding is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.diagnosis.severity import disproved, less_spared, rated, settled, severity
from harness.model import Finding, Severity, When

FAILS = Finding("No module named 'x'", "/var/task/app.py:1")
RULE = {
    When.AT_START: Severity.ERROR,
    When.AT_EVENT: Severity.ERROR,
    When.PERHAPS_AT_START: Severity.WARNING,
    When.LATER: Severity.WARNING,
    When.NEVER: None,
}


@pytest.mark.parametrize("when", When)
def test_a_finding_is_as_bad_as_it_is_certain(when: When) -> None:
    found = rated(FAILS, when)

    assert severity(when) is RULE[when]
    assert (found.severity if isinstance(found, Finding) else None) is RULE[when]
    assert FAILS.message in (found.message if isinstance(found, Finding) else found.text)


def test_what_is_not_sure_to_fail_is_a_warning_at_most() -> None:
    found = rated(FAILS, When.AT_START, at_most=Severity.WARNING)

    assert isinstance(found, Finding)
    assert found.severity is Severity.WARNING


def test_what_started_is_no_error_about_the_start() -> None:
    at_start = Finding("m", "w", when=When.AT_START, functions=("api", "worker"))
    at_event = Finding("m", "w", when=When.AT_EVENT, functions=("api",))

    assert disproved(at_start, ["api"]).functions == ("worker",)
    assert disproved(at_start, ["api"]).severity is Severity.ERROR
    assert disproved(at_event, ["api"]) == at_event
    assert disproved(FAILS, ["api"]) == FAILS
    assert disproved(at_start, ["api", "worker"]).severity is Severity.WARNING


def test_what_every_start_has_settled_is_no_suspicion() -> None:
    suspected = Finding("m", "w", Severity.WARNING, when=When.AT_START, functions=("api", "worker"))

    assert settled(suspected, ["api", "worker"])
    assert not settled(suspected, ["api"])
    assert not settled(replace(suspected, severity=Severity.ERROR), ["api", "worker"])
    assert not settled(replace(suspected, when=When.LATER), ["api", "worker"])


def test_what_failed_is_not_called_unaffected() -> None:
    found = Finding("m", "w", cause="built: no\nnot affected: api, night", spared=("api", "night"))

    assert less_spared(found, ["api"]) == Finding("m", "w", cause="built: no\nnot affected: night", spared=("night",))
    assert less_spared(found, ["api", "night"]) == Finding("m", "w", cause="built: no")
    assert less_spared(found, []) is found
    possible = Finding("m", "w", cause="perhaps affected: api (a.py loads modules); night (b.py loads modules)")
    assert less_spared(possible, ["api"]).cause == "perhaps affected: night (b.py loads modules)"
