"""What an observer makes of output and of numbers that the kernel tells."""

from __future__ import annotations

import pytest

from harness.probe.output import without_ping

NUMBER = "c961373b-0000-4000-8000-08fb3bbed839"
PARSING = "Unable to parse Client Context JSON: Expecting value: line 1 column 1 (char 0)"
# As clients of these versions refuse the ping, between two lines of the function.
REFUSALS = {
    "1.2": f"[ERROR] Runtime.LambdaContextUnmarshalError: {PARSING}\rTraceback (most recent call last):\n",
    "2.0.12, JSON": (
        "LAMBDA_WARNING: Unhandled exception. The most likely cause\r"
        f'{{"log_level": "ERROR", "errorType": "Runtime.LambdaContextUnmarshalError", "requestId": "{NUMBER}"}}\n'
    ),
    "3.0": (
        f"[WARNING]\t2026-11-28T18:14:34.194Z\t{NUMBER}\tLAMBDA_WARNING: Unhandled exception.\r\n"
        f"[ERROR] Runtime.LambdaContextUnmarshalError: {PARSING}\rTraceback (most recent call last):\n"
    ),
    "3.0, JSON": (
        f'{{"level": "WARNING", "message": "LAMBDA_WARNING: Unhandled exception.", "requestId": "{NUMBER}"}}\n'
        f'{{"log_level": "ERROR", "errorType": "Runtime.LambdaContextUnmarshalError", "requestId": "{NUMBER}"}}\n'
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_the_refusal_of_the_ping_is_no_output(refusal: str) -> None:
    assert without_ping(f"import\r\n{refusal}called\nno end", NUMBER) == "import\r\ncalled\nno end"


def test_of_another_client_everything_is_output() -> None:
    assert without_ping("one\n\ntwo", "") == "one\n\ntwo"
