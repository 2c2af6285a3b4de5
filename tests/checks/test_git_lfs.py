from __future__ import annotations

import pytest

from harness.checks.git_lfs import check
from harness.model import Severity
from tests.build import findings, function, program_of

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1234\n"
HANDLER = function(handler="app.handler")
READS = "open('model.pkl', 'rb').read()"


@pytest.mark.parametrize(
    ("source", "severity"),
    [
        (f"MODEL = {READS}\n\n\ndef handler(event, context): ...\n", Severity.ERROR),
        (f"def handler(event, context):\n    return {READS}\n", Severity.ERROR),
        (f"def handler(event, context):\n    if event:\n        return {READS}\n", Severity.WARNING),
        ("def handler(event, context): ...\n", Severity.WARNING),
    ],
)
def test_it_is_as_bad_as_what_reads_it(source: str, severity: Severity) -> None:
    (finding,) = findings(check, program_of({"app.py": source, "model.pkl": POINTER}, function=HANDLER))

    assert finding.severity is severity
    assert "is a pointer of Git LFS, a few lines of text in the place of 1,234 bytes" in finding.message
    assert "git lfs pull" in (finding.remedy or "")


def test_one_finding_for_an_archive() -> None:
    files = {f"data/{number}.bin": POINTER for number in range(6)}
    (finding,) = findings(check, program_of({"app.py": "", **files}, function=HANDLER))

    assert "; so are 1.bin, 2.bin, 3.bin and 2 more" in finding.message


@pytest.mark.parametrize("text", [f"# Of pointers\n{POINTER}", POINTER.replace("size", "length"), "version 1\n", ""])
def test_what_is_none(text: str) -> None:
    assert findings(check, program_of({"app.py": "", "model.pkl": text}, function=HANDLER)) == []
