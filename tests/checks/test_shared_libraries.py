from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.checks.shared_libraries import check
from harness.model import Finding, Note, Severity, When
from tests.build import findings, function, manifest, said
from tests.natives import ARM64, MUSL, PROGRAM, X86_64, Files, installed, native, needing

if TYPE_CHECKING:
    from harness.facts.native.binaries import Binary

HANDLER = function(handler="app.handler")
TAG = "cp312-cp312-manylinux_2_17_x86_64"
EXT = "fast/_fast.cpython-312-x86_64-linux-gnu.so"
AT_START = {"app.py": "import fast\n\n\ndef handler(event, context): ...\n"}
LATER = {"app.py": "def handler(event, context):\n    import fast\n"}
NEVER = {"app.py": "def handler(event, context): ...\n"}
PACKAGE = {"fast/__init__.py": "from fast import _fast\n"}
LACKING = needing("libfoo.so.1", init="_fast")


def fast(extension: Binary = LACKING, **others: str | Binary) -> dict[str, str | Binary]:
    return installed("fast", "1.0", {**PACKAGE, EXT: extension, **others}, TAG)


SOUND: dict[str, tuple[Binary, Files]] = {
    "what the system has": (needing("libc.so.6", "libstdc++.so.6", "libz.so.1"), {}),
    "lib/ of the layer": (LACKING, {"lib/libfoo.so.1": X86_64}),
    "where DT_RPATH leads": (
        needing("libfoo-1a2b.so.1", rpath="$ORIGIN/../fast.libs"),
        {"python/fast.libs/libfoo-1a2b.so.1": X86_64},
    ),
    "a library for another machine is the affair of foreign-binaries": (LACKING, {"lib/libfoo.so.1": ARM64}),
    "so is musl": (MUSL, {}),
}


@pytest.mark.parametrize("case", SOUND)
def test_nothing_is_said_where_all_is_there(case: str) -> None:
    extension, layer = SOUND[case]

    assert said(check, native(AT_START, {**fast(extension), **layer}, function=HANDLER)) == []


def test_what_a_distribution_brought_may_have_been_loaded_before() -> None:
    layer = {**fast(), **installed("foo", "2.0", {"foo/lib/libfoo.so.1": X86_64}, TAG)}

    assert said(check, native(AT_START, layer, function=HANDLER)) == [
        Note(
            "fast 1.0 needs libfoo.so.1, which only Python code that opens /opt/python/foo/lib/libfoo.so.1 first gives "
            "it",
            limit=True,
        )
    ]


def test_so_may_a_library_of_its_own() -> None:
    assert said(check, native(AT_START, fast(**{"fast/lib/libfoo.so.1": X86_64}), function=HANDLER)) == []


def test_a_library_that_nothing_has_is_named_with_all_that_leads_to_it() -> None:
    layer = {**fast(needing("liba.so", init="_fast")), "lib/liba.so": needing("libfoo.so.1")}

    (finding,) = findings(check, native(AT_START, layer, function=HANDLER))

    assert finding == Finding(
        "Runtime.ImportModuleError: Unable to import module 'app': libfoo.so.1: cannot open shared object file: No "
        f"such file or directory (needed by /opt/python/{EXT} → /opt/lib/liba.so, of fast 1.0)",
        f"layer.zip!python/{EXT}",
        Severity.ERROR,
        "copy libfoo.so.1 from a container of Amazon Linux 2023 into lib/ of a layer (`dnf provides '*/libfoo.so.1'` "
        "names its package), or take a wheel that brings it along for liba.so",
        "Amazon Linux 2023, as Lambda has it, comes without it",
        ("app", "fast", "fast._fast"),
        When.AT_START,
        ("api",),
    )


CERTAINTY = [
    (AT_START, Severity.ERROR),
    (LATER, Severity.ERROR),
    (NEVER, Severity.WARNING),
    ({"app.py": "try:\n    import fast\nexcept ImportError:\n    pass\n"}, Severity.WARNING),
]


@pytest.mark.parametrize(("code", "severity"), CERTAINTY)
def test_it_is_an_error_where_no_handler_can_start_or_answer_without_it(
    code: dict[str, str], severity: Severity
) -> None:
    assert [one.severity for one in findings(check, native(code, fast(), function=HANDLER))] == [severity]


def test_one_library_is_one_finding_for_a_distribution() -> None:
    layer = fast(**{"fast/_more.cpython-312-x86_64-linux-gnu.so": needing("libfoo.so.1", init="_more")})

    (finding,) = findings(check, native(AT_START, layer, function=HANDLER))

    assert "and 1 more of its files, of fast 1.0" in finding.message


OPTIONAL: dict[str, Files] = {
    "a module beside others that work": {
        "fast/_omp.cpython-312-x86_64-linux-gnu.so": needing("libgomp.so.1", init="_omp")
    },
    "a plug-in beside modules": {"fast/plugins/cuda.so": needing("libcudart.so.12")},
    "a program beside modules": {"fast/bin/tool": replace(PROGRAM, needed=("libX11.so.6",))},
}


@pytest.mark.parametrize("case", OPTIONAL)
def test_what_is_optional_is_worth_a_note(case: str) -> None:
    (note,) = said(check, native(AT_START, fast(needing(init="_fast"), **OPTIONAL[case]), function=HANDLER))

    assert isinstance(note, Note)
    assert note.text.startswith("fast 1.0 has parts that cannot be loaded on Lambda")


def test_the_only_library_of_a_distribution_is_no_option() -> None:
    layer = installed("boost", "1.0", {"boost/__init__.py": "", "boost/lib_boost.so": needing("libgomp.so.1")}, TAG)

    (finding,) = findings(check, native({"app.py": "import boost\n"}, layer, function=HANDLER))

    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "libgomp.so.1: cannot open shared object file: No such file or directory (needed by "
        "/opt/python/boost/lib_boost.so, of boost 1.0)"
    )


def test_the_only_module_of_a_distribution_is_no_option_beside_a_program() -> None:
    layer = fast(**{"fast.libs/libcore.so.5": PROGRAM})

    (finding,) = findings(check, native(NEVER, layer, function=HANDLER))

    assert finding.severity is Severity.WARNING


def test_vendored_libraries_that_the_archive_lost() -> None:
    extension = needing("libffi-ae16d830.so.6.0.4", rpath="$ORIGIN/../fast.libs", init="_fast")
    layer = fast(extension, **{"fast.libs/libffi-ae16d830.so.6.0.4": X86_64})
    del layer["python/fast.libs/libffi-ae16d830.so.6.0.4"]

    (finding,) = findings(check, native(AT_START, layer, function=HANDLER))

    assert "libffi-ae16d830.so.6.0.4: cannot open shared object file" in finding.message
    assert finding.cause == (
        "fast 1.0 brought it along, as python/fast.libs/libffi-ae16d830.so.6.0.4 in its RECORD, and the archive no "
        "longer has it"
    )
    assert (finding.remedy or "").startswith("keep python/fast.libs/ when the archive is made")


MISPLACED = [
    ("python/lib/libfoo.so.1", "move it to lib/libfoo.so.1 of a layer, or to lib/libfoo.so.1 of the code archive"),
    ("lib64/libfoo.so.1", "move it to lib/libfoo.so.1 of a layer, or to lib/libfoo.so.1 of the code archive"),
    ("lib/libfoo.so.1.2.3", "rename it to libfoo.so.1, or copy it: a layer has no symbolic links"),
]


@pytest.mark.parametrize(("place", "remedy"), MISPLACED)
def test_a_library_that_is_there_and_not_found(place: str, remedy: str) -> None:
    (finding,) = findings(check, native(AT_START, {**fast(), place: X86_64}, function=HANDLER))

    assert finding.severity is Severity.ERROR
    assert (finding.cause or "").startswith(f"/opt/{place} is there, ")
    assert finding.remedy == remedy


def test_a_distribution_that_has_a_sibling() -> None:
    layer = installed("opencv-python", "4.0", {"cv2/cv2.abi3.so": needing("libGL.so.1")}, TAG)

    (finding,) = findings(check, native(NEVER, layer, function=HANDLER))

    assert finding.remedy == "install opencv-python-headless instead, which does not need it"


def test_an_extension_of_lambda_is_started_always() -> None:
    layer = {"extensions/agent": replace(PROGRAM, needed=("libfoo.so.1",))}

    (finding,) = findings(check, native(NEVER, layer, function=HANDLER))

    assert finding.severity is Severity.ERROR
    assert finding.message.startswith(
        "Extension.Crash: /opt/extensions/agent: error while loading shared libraries: libfoo.so.1: cannot open shared "
        "object file"
    )


def test_where_the_system_is_not_known_it_is_a_warning() -> None:
    declared = replace(manifest(HANDLER), runtime="python3.11")
    layer = fast()
    layer["python/fast/_fast.cpython-311-x86_64-linux-gnu.so"] = layer.pop(f"python/{EXT}")

    (finding,) = findings(check, native(AT_START, layer, declared=declared))

    assert finding.severity is Severity.WARNING
    assert (finding.cause or "").startswith("of Amazon Linux 2 it is not known; ")


def test_a_file_that_the_loader_refuses() -> None:
    broken = replace(needing(init="_fast"), faults=("has a segment that is not properly aligned",))

    (finding,) = findings(check, native(AT_START, fast(broken), function=HANDLER))

    assert finding.severity is Severity.ERROR
    assert finding.message == (
        f"/opt/python/{EXT}: the loader refuses it: it has a segment that is not properly aligned (fast 1.0)"
    )
