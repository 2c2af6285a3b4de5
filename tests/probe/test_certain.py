"""When a pass with bytecode of ours is a pass without: only where nothing else can be."""

from __future__ import annotations

from typing import Any

import pytest

from harness.probe.supervisor import certain, complains

MB = 1024 * 1024
LIMIT = 10.0
START = {"memory": 256 * MB, "timeout": 3, "asks": False}
LOAN = {"init": 1.0, "events": 0.0, "largest": 100_000}
PASSED: dict[str, Any] = {
    "init": {"kind": "ready", "seconds": 1.0},
    "answers": [{"seconds": 0.1, "body": "null"}],
    "max_rss_bytes": 100 * MB,
    "loan": LOAN,
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"answers": []}, True),
        ({"init": {"kind": "error", "seconds": 1.0}}, False),
        ({"init": {"kind": "exit", "seconds": 1.0, "status": 0}}, False),
        ({"answers": [{"seconds": 0.1, "error": {}}]}, False),
        ({"answers": [{"seconds": 0.1, "ended": "timeout"}]}, False),
        ({"max_rss_bytes": 179 * MB}, True),
        ({"max_rss_bytes": 180 * MB}, False),
        ({"loan": {**LOAN, "largest": 1_000_000}}, True),
        ({"loan": {**LOAN, "largest": 1_000_000}, "max_rss_bytes": 170 * MB}, False),
        ({"init": {"kind": "ready", "seconds": 5.0}}, True),
        ({"init": {"kind": "ready", "seconds": 5.1}}, False),
        ({"loan": {**LOAN, "init": 3.4}}, True),
        ({"loan": {**LOAN, "init": 3.6}}, False),
        ({"answers": [{"seconds": 1.5, "body": "null"}]}, True),
        ({"answers": [{"seconds": 1.6, "body": "null"}]}, False),
        ({"loan": {**LOAN, "events": 1.2}}, False),
    ],
)
def test_only_a_pass_with_ease_counts(change: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a verdict
    assert certain({**PASSED, **change}, START, LIMIT) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("[]", False),
        ('[{"path": "a.so", "error": "no", "signal": null}]', True),
        ('{"heads": ["a"], "revisions": ["a"], "error": null}', False),
        ('{"heads": [], "revisions": [], "error": "ValueError: no"}', True),
        ("{}", True),
        ("nonsense", True),
    ],
)
def test_an_answer_that_tells_of_a_fault_is_asked_for_again(body: str, expected: bool) -> None:  # noqa: FBT001 - the same
    assert complains({"seconds": 0.1, "body": body}) is expected
    asked = {**PASSED, "answers": [{"seconds": 0.1, "body": body}]}
    assert certain(asked, {**START, "asks": True}, LIMIT) is not expected
