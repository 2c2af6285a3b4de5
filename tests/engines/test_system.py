"""Shared libraries of this machine, and their names in the files that need them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.engines import system
from harness.engines.system import private_name

EXPAT = "libexpat.so.1"


@pytest.mark.parametrize(
    ("names", "content"),
    [
        ({EXPAT: private_name(EXPAT)}, b"\0lanexpat.so.1\0libz.so.1\0xlibexpat.so.1\0"),
        ({EXPAT: "libexp.so.1"}, b"\0libexp.so.1\0\0\0libz.so.1\0xlibexpat.so.1\0"),
        ({"libz.so.1": "lanz.so.1", EXPAT: EXPAT}, b"\0libexpat.so.1\0lanz.so.1\0xlibexpat.so.1\0"),
        ({"libm.so.6": "lanm.so.6"}, b"\0libexpat.so.1\0libz.so.1\0xlibexpat.so.1\0"),
    ],
    ids=["of equal length", "a shorter one", "the next one", "none"],
)
def test_a_library_gets_another_name(tmp_path: Path, names: dict[str, str], content: bytes) -> None:
    file = tmp_path / "module.so"
    file.write_bytes(b"\0libexpat.so.1\0libz.so.1\0xlibexpat.so.1\0")
    system.rename(file, names)
    assert file.read_bytes() == content


def test_what_a_program_needs(tmp_path: Path) -> None:
    shell, script = Path("/bin/sh").resolve(), tmp_path / "script"
    script.write_text("#!/bin/sh\n", "ascii")
    for files in ([shell], [script, shell]):
        found = system.needed(files)[shell]["libc.so.6"]
        assert found is not None
        assert Path(found).is_file()
    assert system.needed([script]) == {script: {}}
