from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.artifact.entries import Role
from harness.checks.stale_bytecode import check
from harness.facts.python.bytecode import source_hash
from harness.model import Finding, Note, Severity
from tests.build import analysed, findings, function, said, subject

if TYPE_CHECKING:
    from harness.check import Subject

MAGIC = {"2.7": 62211, "3.11": 3495, "3.12": 3531}
NOON = 1_700_000_000
SOURCE = "import lib\n"
CACHED = "app/__pycache__/main.cpython-312.pyc"
CANNOT = "Runtime.ImportModuleError: Unable to import module "
LATER = "def handler(event, context):\n    import lib\n"

Files = dict[str, str | bytes]


def timed(mtime: int = NOON, size: int = len(SOURCE), python: str = "3.12") -> bytes:
    return struct.pack("<H2sIII", MAGIC[python], b"\r\n", 0, mtime, size)


def hashed(source: str = SOURCE, *, checked: bool = False) -> bytes:
    flags = 0b11 if checked else 0b01
    return struct.pack("<H2sI", MAGIC["3.12"], b"\r\n", flags) + source_hash(source.encode(), (3, 12))


def of(own: Files, layer: Files | None = None, *, modified: float = NOON) -> Subject:
    """What a check looks at, with every file of that time."""
    pairs = [analysed(own), analysed(layer or {"python/x.py": ""}, Role.LAYER)]
    archives = [
        replace(read, entries=tuple(replace(entry, modified=modified) for entry in read.entries)) for read, _ in pairs
    ]
    return subject(*archives, facts=tuple(facts for _, facts in pairs), function=function())


GOOD: dict[str, Files] = {
    "the source's time and size": {"app/main.py": SOURCE, CACHED: timed()},
    "the source's hash, which nobody compares": {"app/main.py": SOURCE, CACHED: hashed()},
    "the source's hash": {"app/main.py": SOURCE, CACHED: hashed(checked=True)},
    "instead of the source": {"app/main.pyc": timed(1, 1)},
    "instead of a package's source": {"app/__init__.pyc": timed(1, 1), "app/main.py": ""},
    "of another Python, beside the source": {"app/main.py": SOURCE, "app/main.pyc": timed(python="2.7")},
    "of another Python, where no search leads": {"data/2.7/x.pyc": timed(python="2.7"), "app/main.py": ""},
}

STALE: dict[str, bytes] = {
    "another time": timed(NOON + 1),
    "another hour": timed(NOON + 3600),
    "another size": timed(size=3),
    "another source": hashed("x = 1\n", checked=True),
    "another Python under this one's name": timed(python="3.11"),
    "no bytecode": b"",
}


@pytest.mark.parametrize("case", GOOD)
def test_bytecode_may_be_like_this(case: str) -> None:
    assert findings(check, of(GOOD[case])) == []


def test_a_time_within_the_second_is_the_same() -> None:
    assert findings(check, of({"app/main.py": SOURCE, CACHED: timed()}, modified=NOON + 0.75)) == []


@pytest.mark.parametrize("case", STALE)
def test_what_does_not_fit_its_source_is_a_warning(case: str) -> None:
    (finding,) = findings(check, of({"app/main.py": SOURCE, CACHED: STALE[case]}))

    assert (finding.severity, finding.where) == (Severity.WARNING, f"code.zip!{CACHED}")
    assert finding.message == (
        "1 of 1 .pyc files (0.0 MB) are never used, since they do not fit their sources: Python compiles those modules "
        "again at every cold start"
    )


def test_it_is_one_warning_for_an_archive() -> None:
    own: Files = {"app/main.py": SOURCE, CACHED: timed()}
    for n in range(9):
        own |= {f"app/m{n}.py": SOURCE, f"app/__pycache__/m{n}.cpython-312.pyc": timed(NOON + 1)}
    layer: Files = {"python/lib.py": SOURCE, "python/__pycache__/lib.cpython-312.pyc": timed(1)}

    first, second = findings(check, of(own, layer))

    assert first.message.startswith("9 of 10 .pyc files")
    assert second.where == "layer.zip!python/__pycache__/lib.cpython-312.pyc"
    assert second.cause == (
        "/opt/python/__pycache__/lib.cpython-312.pyc names a source of 1970-01-01 00:00:01 with 11 bytes; the "
        "archive's is of 2023-11-14 22:13:20 and has 11"
    )
    assert second.remedy == (
        "compile with `python3.12 -m compileall -q --invalidation-mode unchecked-hash` after everything is installed, "
        "or leave __pycache__ out"
    )


def test_what_is_believed_and_wrong_is_an_error() -> None:
    (finding,) = findings(check, of({"app/main.py": SOURCE, CACHED: hashed("x = 1\n")}))

    assert (finding.severity, finding.where) == (Severity.ERROR, f"code.zip!{CACHED}")
    assert finding.message.startswith(
        f"Python runs /var/task/{CACHED} instead of /var/task/app/main.py, which is another"
    )


def test_the_bytecode_of_one_layer_does_not_fit_the_source_of_another() -> None:
    first: Files = {"python/lib.py": "old\n", "python/__pycache__/lib.cpython-312.pyc": hashed("old\n")}
    pairs = [
        analysed({"app/main.py": ""}),
        analysed(first, Role.LAYER),
        analysed({"python/lib.py": "new\n"}, Role.LAYER),
    ]

    (finding,) = findings(check, subject(*(read for read, _ in pairs), facts=tuple(facts for _, facts in pairs)))

    assert finding.severity is Severity.ERROR


@pytest.mark.parametrize(
    ("own", "layer", "message", "place"),
    [
        (
            {"app/main.pyc": timed(python="3.11")},
            {},
            (
                r"Runtime.ImportModuleError: Unable to import module 'app.main': bad magic number in 'app.main': "
                r"b'\xa7\r\r\n'"
            ),
            "code.zip!app/main.pyc",
        ),
        (
            {"app/main.py": SOURCE},
            {"python/lib/__init__.pyc": timed(python="2.7")},
            rf"{CANNOT}'app.main': bad magic number in 'lib': b'\x03\xf3\r\n'",
            "layer.zip!python/lib/__init__.pyc",
        ),
        (
            {"app/main.py": LATER},
            {"python/lib.pyc": timed(python="2.7")},
            r"bad magic number in 'lib': b'\x03\xf3\r\n'",
            "layer.zip!python/lib.pyc",
        ),
        ({"app/main.py": "", "x.pyc": b""}, {}, "bad magic number in 'x'", "code.zip!x.pyc"),
    ],
)
def test_bytecode_of_another_python_alone_is_an_error(own: Files, layer: Files, message: str, place: str) -> None:
    (finding,) = findings(check, of(own, layer or None))

    assert (finding.severity, finding.message, finding.where) == (Severity.ERROR, message, place)


def test_that_of_a_library_that_nobody_imports_is_a_warning() -> None:
    layer: Files = {
        "python/lib-1.0.dist-info/METADATA": "Name: lib\nVersion: 1.0\n",
        "python/lib-1.0.dist-info/RECORD": "lib/old.pyc,,\nlib/__init__.py,,\n",
        "python/lib/__init__.py": "",
        "python/lib/old.pyc": timed(python="2.7"),
    }

    (finding,) = findings(check, of({"app/main.py": SOURCE}, layer))

    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "name",
    ["app/__pycache__/main.cpython-311.pyc", "app/__pycache__/main.cpython-312.opt-1.pyc", "app/__pycache__/gone.pyc"],
)
def test_what_the_runtime_does_not_look_at_is_a_note(name: str) -> None:
    (note,) = said(check, of({"app/main.py": SOURCE, name: timed(python="3.11")}))

    assert note == Note(
        f"code.zip!{name}: 1 .pyc files (0.0 MB) are for another Python or belong to no module: the runtime does not "
        "look at them"
    )


def test_unless_it_is_heavy() -> None:
    own: Files = {"app/main.py": SOURCE, "app/__pycache__/main.cpython-311.pyc": timed(python="3.11") + bytes(2 << 20)}

    (finding,) = said(check, of(own))

    assert isinstance(finding, Finding)
    assert finding.severity is Severity.WARNING
    assert finding.message.startswith("1 .pyc files (2.0 MB) are for another Python")
