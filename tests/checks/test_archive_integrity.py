from __future__ import annotations

import pytest

from harness.artifact.entries import Refusal
from harness.checks.archive_integrity import check
from tests.build import archive, code, findings, subject

TWICE = Refusal("python/x.py", "is in the archive twice", "Add each file once.")
PAGE = Refusal(None, "is an HTML page, not a zip archive", "Open the file.")

CASES = {
    "sound": ([code("app.py"), archive("python/x.py")], []),
    "no archives": ([], []),
    "an entry": (
        [archive(refusals=(TWICE,))],
        [("python/x.py is in the archive twice", "layer.zip!python/x.py", "Add each file once.")],
    ),
    "an entry of a folder": (
        [archive(refusals=(TWICE,), source="build", zipped=None)],
        [("python/x.py is in the archive twice", "build/python/x.py", "Add each file once.")],
    ),
    "a whole archive": (
        [archive(refusals=(PAGE,))],
        [("layer.zip is an HTML page, not a zip archive", "layer.zip", "Open the file.")],
    ),
    "several reasons in several archives": (
        [archive(refusals=(TWICE, PAGE)), archive(refusals=(PAGE,), source="other.zip")],
        [
            ("python/x.py is in the archive twice", "layer.zip!python/x.py", "Add each file once."),
            ("layer.zip is an HTML page, not a zip archive", "layer.zip", "Open the file."),
            ("other.zip is an HTML page, not a zip archive", "other.zip", "Open the file."),
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_refused_is_told_with_its_place_and_its_remedy(case: str) -> None:
    archives, expected = CASES[case]

    assert [(f.message, f.where, f.remedy) for f in findings(check, subject(*archives))] == expected
