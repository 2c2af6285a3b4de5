from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.artifact.entries import Role
from harness.checks.extensions_load import check
from harness.facts.archive import ArchiveFacts
from harness.facts.installed.distributions import Distribution, Recorded
from harness.facts.native.binaries import Binary, Format
from harness.model import Finding, Note, Severity
from tests import build

if TYPE_CHECKING:
    from collections.abc import Mapping

FAST = "python/lib/_fast.cpython-312-x86_64-linux-gnu.so"
SLOW = "python/lib/_slow.abi3.so"
UNDEFINED = "undefined symbol: _Py_ZeroStruct"


def extension(module: str) -> Binary:
    return Binary(Format.ELF, ("x86_64",), "shared", 64, little_endian=True, init_functions=(module,))


BINARIES = {
    FAST: extension("_fast"),
    SLOW: extension("_slow"),
    # None of these would be imported: by its name, by its place, by what it is.
    "python/lib/_old.cpython-311-x86_64-linux-gnu.so": extension("_old"),
    "share/_else.abi3.so": extension("_else"),
    "python/lib.libs/libz.so": Binary(Format.ELF, ("x86_64",), "shared", 64, little_endian=True),
}
LIB = Distribution(
    "lib",
    "1.0",
    "python/lib-1.0.dist-info",
    record=(Recorded(FAST), Recorded(SLOW), Recorded("python/lib-1.0.dist-info/RECORD")),
)
FACTS = ArchiveFacts(binaries=BINARIES, distributions=(LIB,))
SUBJECT = build.subject(build.archive(*BINARIES, "python/lib-1.0.dist-info/RECORD"), facts=(FACTS,))


def said(*answer: Mapping[str, str | int | None]) -> list[Finding | Note]:
    return list(check.body(SUBJECT, build.Seen(answers=(json.dumps(answer), "[]"))))


def test_silence_when_all_load() -> None:
    assert said() == [Note("2 of 2 extensions can be loaded")]


@pytest.mark.parametrize(
    ("error", "signal", "message"),
    [
        (f"/opt/{FAST}: {UNDEFINED}", None, f"{UNDEFINED} (_fast.cpython-312-x86_64-linux-gnu.so of lib 1.0)"),
        ("libgomp.so.1: cannot open shared object file", None, "libgomp.so.1: cannot open shared object file (_fast"),
        (None, 11, "Runtime.ExitError: loading it ends the process: Segmentation fault (_fast"),
    ],
)
def test_the_loaders_words_come_first(error: str | None, signal: int | None, message: str) -> None:
    finding, note = said({"path": f"/opt/{FAST}", "error": error, "signal": signal})

    assert isinstance(finding, Finding)
    assert finding.message.startswith(message)
    assert finding.where == f"layer.zip!{FAST}"
    assert finding.remedy
    assert "lib==1.0" in finding.remedy
    assert note == Note("1 of 2 extensions can be loaded")


def test_one_finding_for_what_fails_alike() -> None:
    finding, _ = said(
        *({"path": f"/opt/{name}", "error": f"/opt/{name}: {UNDEFINED}", "signal": None} for name in (FAST, SLOW))
    )

    assert isinstance(finding, Finding)
    assert "and 1 more" in finding.message
    assert finding.cause == f"also /opt/{SLOW}"


@pytest.mark.parametrize(
    ("source", "severity"),
    [
        ("try:\n    from lib import _fast\nexcept ImportError:\n    _fast = None", Severity.WARNING),
        ("def quick():\n    from lib import _fast", Severity.WARNING),
        ("from . import _fast", Severity.ERROR),
        ("x = 1", Severity.WARNING),
    ],
)
def test_it_is_an_error_where_a_handler_cannot_start_without_it(source: str, severity: Severity) -> None:
    code, said_of_code = build.analysed({"app.py": "import lib\n"})
    archive, facts = build.analysed({"python/lib/__init__.py": source}, Role.LAYER)
    merged = build.archive(*BINARIES, *archive.entries)
    subject = build.subject(
        code,
        merged,
        facts=(said_of_code, replace(facts, binaries=BINARIES)),
        function=build.function(handler="app.handler"),
    )
    answer = json.dumps([{"path": f"/opt/{FAST}", "error": UNDEFINED, "signal": None}])

    finding, _ = check.body(subject, build.Seen(answers=(answer, "[]")))

    assert isinstance(finding, Finding)
    assert finding.severity is severity
