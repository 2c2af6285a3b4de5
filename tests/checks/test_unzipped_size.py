from __future__ import annotations

import pytest

from harness.checks.unzipped_size import check
from harness.model import Note
from tests.build import archive, code, entry, findings, said, subject

LIMIT = 262_144_000
ALONE = "Unzipped size must be smaller than 262144000 bytes"
TOGETHER = "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes"

CASES = {
    "small": ([code(entry("a", 1))], []),
    "one archive, a byte below": ([code(entry("a", LIMIT - 1))], []),
    "one archive, to the byte": ([code(entry("a", LIMIT))], [(ALONE, "code.zip")]),
    "one archive, a byte over": ([code(entry("a", LIMIT + 1))], [(ALONE, "code.zip")]),
    "one layer": ([archive(entry("a", LIMIT + 1))], [(ALONE, "layer.zip")]),
    "together, to the byte": ([code(entry("a", LIMIT - 9)), archive(entry("b", 9))], []),
    "together, a byte over": (
        [code(entry("a", LIMIT - 9)), archive(entry("b", 10))],
        [(TOGETHER, "code.zip, layer.zip")],
    ),
    "overwritten files count": (
        [archive(entry("a", LIMIT - 9)), archive(entry("a", 10), source="later.zip")],
        [(TOGETHER, "layer.zip, later.zip")],
    ),
    "a folder counts as an archive does": ([code(entry("a", LIMIT), zipped=None)], [(ALONE, "code.zip")]),
    "each that is too large alone": (
        [code(entry("a", LIMIT)), archive(entry("b", LIMIT))],
        [(ALONE, "code.zip"), (ALONE, "layer.zip")],
    ),
    "folders and symlinks weigh nothing": ([code("a/", "b -> a", entry("a/c", LIMIT - 1))], []),
}


@pytest.mark.parametrize("case", CASES)
def test_the_quota_holds_to_the_byte(case: str) -> None:
    archives, expected = CASES[case]

    found = findings(check, subject(*archives))

    assert [(f.where, f.message.startswith(message)) for f, (message, _) in zip(found, expected, strict=True)] == [
        (where, True) for _, where in expected
    ]


def test_lambda_tells_the_actual_size() -> None:
    (finding,) = findings(check, subject(code(entry("a", LIMIT - 1)), archive(entry("b", 3))))

    assert finding.message == f"{TOGETHER}. The actual size is 262144002 bytes."


def test_the_remedy_names_the_largest_parts_as_one_would_call_them() -> None:
    mb = 1024 * 1024
    own = code(entry("models/a.bin", 20 * mb), entry("models/b.bin", 20 * mb), entry("app.py", mb))
    layer = archive(
        entry("python/numpy/core.so", 150 * mb),
        entry("python/lib/python3.12/site-packages/scipy/x.so", 90 * mb),
        entry("lib/libgomp.so.1", 5 * mb),
    )

    (finding,) = findings(check, subject(own, layer))

    assert finding.remedy == (
        f"leave out {286 * mb - LIMIT:,} bytes; the largest parts are layer.zip!python/numpy (150.0 MB), "
        "layer.zip!python/lib/python3.12/site-packages/scipy (90.0 MB), code.zip!models (40.0 MB), "
        "layer.zip!lib (5.0 MB), code.zip!app.py (1.0 MB)"
    )


def test_what_fits_is_noted() -> None:
    assert said(check, subject(code(entry("a", LIMIT // 2)))) == [Note("125.0 of 250 MB unpacked")]
