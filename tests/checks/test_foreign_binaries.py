from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.checks.foreign_binaries import check
from harness.dependencies.project import Project
from harness.manifest import Architecture
from harness.model import Finding, Note, Severity
from tests.build import building, findings, function, manifest, said
from tests.natives import ARM64, MACOS, MUSL, WINDOWS, X86_64, Files, installed, native, needing

if TYPE_CHECKING:
    from harness.facts.native.binaries import Binary

HANDLER = function(handler="app.handler")
HANDLED = "\n\ndef handler(event, context): ...\n"
CODE = {"app.py": f"import fast\n{HANDLED}"}
FALLBACK = {"fast/__init__.py": "try:\n    from fast import _fast\nexcept ImportError:\n    pass\n"}
NEEDED = {"fast/__init__.py": "from fast import _fast\n"}
GLIBC = "cp312-cp312-manylinux_2_17_x86_64"
RIGHT = "fast/_fast.cpython-312-x86_64-linux-gnu.so"
UNTAGGED = "fast/_fast.so"


def fast(files: Files, tag: str = GLIBC) -> dict[str, str | Binary]:
    return installed("fast", "1.0", files, tag)


# The file, the tag of its wheel, what is inside; and what is said of it.
FOREIGN = [
    ("fast/_fast.cpython-312-darwin.so", "cp312-cp312-macosx_11_0_arm64", MACOS, "macOS on arm64"),
    ("fast/_fast.cp312-win_amd64.pyd", "cp312-cp312-win_amd64", WINDOWS, "Windows on x86_64"),
    ("fast/_fast.cpython-312-aarch64-linux-gnu.so", "cp312-cp312-manylinux_2_17_aarch64", ARM64, "Linux on arm64"),
    ("fast/_fast.cpython-312-x86_64-linux-musl.so", "cp312-cp312-musllinux_1_2_x86_64", MUSL, "musl, the C library of"),
    ("fast/_fast.cpython-311-x86_64-linux-gnu.so", "cp311-cp311-manylinux_2_17_x86_64", X86_64, "CPython 3.11"),
    ("fast/_fast.cpython-313t-x86_64-linux-gnu.so", "cp313-cp313t-manylinux_2_17_x86_64", X86_64, "free-threaded"),
]


@pytest.mark.parametrize(("name", "tag", "binary", "built_for"), FOREIGN, ids=[row[3] for row in FOREIGN])
def test_an_extension_that_no_import_finds(name: str, tag: str, binary: Binary, built_for: str) -> None:
    (finding,) = findings(check, native(CODE, fast({**NEEDED, name: binary}, tag), function=HANDLER))

    assert finding.severity is Severity.ERROR
    assert finding.message.startswith(
        "Runtime.ImportModuleError: Unable to import module 'app': No module named 'fast._fast': fast 1.0 is built for "
        + built_for
    )
    assert finding.where == f"layer.zip!python/{name}"
    assert finding.chain == ("app", "fast")
    assert finding.cause == f"its WHEEL says {tag}"


@pytest.mark.parametrize(
    ("project", "what"),
    [
        (Project(), "fast==1.0 slow==1.0"),
        (Project(None, None, building("fast==1.0", "slow==1.0")), "-r requirements.txt"),
    ],
)
def test_several_of_one_archive_are_installed_by_one_command(project: Project, what: str) -> None:
    mac = "cp312-cp312-macosx_11_0_arm64"
    layer = fast({**NEEDED, FOREIGN[0][0]: MACOS}, mac) | installed(
        "slow", "1.0", {"slow/__init__.py": "from slow import _slow\n", "slow/_slow.cpython-312-darwin.so": MACOS}, mac
    )
    code = {"app.py": "import fast, slow\n\n\ndef handler(event, context): ...\n"}

    first, second = findings(check, native(code, layer, function=HANDLER, project=project))

    assert first.remedy == second.remedy
    assert f"--target python {what}`, or" in (first.remedy or "")
    assert first.edits == second.edits


# An import takes the file, and the loader does not.
TAKEN = [
    (UNTAGGED, MACOS, f"/opt/python/{UNTAGGED}: invalid ELF header"),
    (RIGHT, ARM64, f"/opt/python/{RIGHT}: cannot open shared object file: No such file or directory"),
    (RIGHT, MUSL, "libc.musl-x86_64.so.1: cannot open shared object file: No such file or directory"),
    ("fast/_fast.abi3.so", ARM64, "/opt/python/fast/_fast.abi3.so: cannot open shared object file: No such file or"),
]


@pytest.mark.parametrize(("name", "binary", "words"), TAKEN)
def test_what_the_name_says_proves_little(name: str, binary: Binary, words: str) -> None:
    (finding,) = findings(check, native(CODE, fast({**NEEDED, name: binary}), function=HANDLER))

    assert finding.message.startswith(f"Runtime.ImportModuleError: Unable to import module 'app': {words}")


def test_the_remedy_is_the_command_for_the_function() -> None:
    declared = replace(manifest(HANDLER), architecture=Architecture.ARM64)

    (finding,) = findings(check, native(CODE, fast({**NEEDED, RIGHT: X86_64}), declared=declared))

    assert finding.remedy == (
        "install it for python3.12 on arm64: `pip install --platform manylinux_2_28_aarch64 --platform "
        "manylinux2014_aarch64 --only-binary=:all: --python-version 3.12 --target python fast==1.0`, or `uv pip "
        "install --python-platform aarch64-manylinux_2_28 --only-binary :all: --python-version 3.12 --target python "
        "fast==1.0`"
    )


def test_amazon_linux_2_takes_older_wheels() -> None:
    declared = replace(manifest(HANDLER), runtime="python3.11")

    (finding,) = findings(check, native(CODE, fast({**NEEDED, RIGHT: X86_64}), declared=declared))

    assert "pip install --platform manylinux2014_x86_64 --only-binary=:all: --python-version 3.11" in (
        finding.remedy or ""
    )


SOUND: dict[str, Files] = {
    "for this Python": {RIGHT: X86_64},
    "with the stable ABI": {"fast/_fast.abi3.so": X86_64},
    "without a tag": {UNTAGGED: needing(init="_fast")},
    "launchers for Windows": {RIGHT: X86_64, "fast/gui-64.exe": replace(WINDOWS, kind="executable")},
    "libraries for other systems, to choose from": {
        RIGHT: X86_64,
        "fast/native/libfast.dylib": MACOS,
        "fast/native/fast.dll": WINDOWS,
        "fast/native/linux-arm64/libfast.so": ARM64,
    },
    "helpers for other machines": {RIGHT: X86_64, "fast/attach_linux_arm64.so": ARM64},
    "object files": {RIGHT: X86_64, "fast/crt.o": replace(ARM64, kind="object")},
    "for other Pythons as well": {RIGHT: X86_64, "fast/_fast.cpython-311-x86_64-linux-gnu.so": X86_64},
    "for other Pythons alone, by the wheel's own design": {"fast/_hook.cpython-311-x86_64-linux-gnu.so": X86_64},
}


@pytest.mark.parametrize("case", SOUND)
def test_what_a_wheel_that_fits_brings_along_is_its_own_business(case: str) -> None:
    assert said(check, native(CODE, fast({**FALLBACK, **SOUND[case]}), function=HANDLER)) == []


def test_a_wheel_for_something_else_is_a_warning_where_python_code_steps_in() -> None:
    files: Files = {**FALLBACK, "fast/_fast.cpython-312-darwin.so": MACOS}

    (finding,) = findings(check, native(CODE, fast(files, "cp312-cp312-macosx_11_0_arm64"), function=HANDLER))

    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "No module named 'fast._fast': fast 1.0 is built for macOS on arm64 (file _fast.cpython-312-darwin.so), and "
        "the function runs CPython 3.12 on Linux x86_64"
    )


def test_a_package_that_may_make_its_module_in_other_ways() -> None:
    files: Files = {
        "fast/__init__.py": "import sys\n\nsys.modules['fast._fast'] = None\nfrom fast import _fast\n",
        "fast/_fast.cpython-311-x86_64-linux-gnu.so": X86_64,
    }
    another = "cp311-cp311-manylinux_2_17_x86_64"

    assert findings(check, native(CODE, fast(files), function=HANDLER)) == []
    assert [one.severity for one in findings(check, native(CODE, fast(files, another), function=HANDLER))] == [
        Severity.ERROR
    ]


def test_a_folder_of_stubs_does_not_stand_in_for_a_module() -> None:
    files: Files = {
        "fast/__init__.py": "from fast._fast import parse\n",
        "fast/_fast/__init__.pyi": "",
        "fast/_fast.cpython-312-darwin.so": MACOS,
    }

    (finding,) = findings(check, native(CODE, fast(files), function=HANDLER))

    assert "cannot import name … from 'fast._fast' (unknown location): fast 1.0 is built for" in finding.message


def test_it_is_said_what_steps_in() -> None:
    files: Files = {**NEEDED, "fast/_fast.py": "", "fast/_fast.cpython-312-darwin.so": MACOS}

    (finding,) = findings(check, native(CODE, fast(files, "cp312-cp312-macosx_11_0_arm64"), function=HANDLER))

    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "fast 1.0 is slower than it could be: _fast.cpython-312-darwin.so is built for macOS on arm64, and imports "
        "take /opt/python/fast/_fast.py in its place"
    )


def test_so_is_one_without_extension_modules() -> None:
    layer = fast({"fast/__init__.py": "", "fast/lib_fast.so": ARM64}, "py3-none-manylinux_2_17_aarch64")

    (finding,) = findings(check, native(CODE, layer, function=HANDLER))

    assert finding.message.startswith("/opt/python/fast/lib_fast.so: cannot open shared object file")


def test_a_distribution_is_one_finding() -> None:
    files: Files = {**NEEDED, **{f"fast/_{n}.cpython-312-aarch64-linux-gnu.so": ARM64 for n in ("fast", "a", "b")}}

    (finding,) = findings(check, native(CODE, fast(files, "cp312-cp312-manylinux_2_17_aarch64"), function=HANDLER))

    assert "(3 files, such as _fast.cpython-312-aarch64-linux-gnu.so)" in finding.message


def test_of_numpy_it_is_said_what_numpy_says() -> None:
    files: Files = {
        "numpy/__init__.py": "from numpy import _core\n",
        "numpy/_core.cpython-311-x86_64-linux-gnu.so": X86_64,
    }
    layer = installed("numpy", "2.0.0", files, "cp311-cp311-manylinux_2_17_x86_64")

    (finding,) = findings(check, native({"app.py": "import numpy\n"}, layer, function=HANDLER))

    assert "you should not try to import numpy from its source directory" in (finding.cause or "")


def test_files_that_an_earlier_install_left() -> None:
    layer = {**fast({**NEEDED, RIGHT: X86_64}), "python/fast/_fast.cpython-310-x86_64-linux-gnu.so": X86_64}

    (finding,) = findings(check, native(CODE, layer, function=HANDLER))

    assert finding == Finding(
        "fast 1.0 is there for CPython 3.10 too: _fast.cpython-310-x86_64-linux-gnu.so, 0.0 MB that nothing loads; "
        f"/opt/python/{RIGHT} is the one that fits",
        "layer.zip!python/fast/_fast.cpython-310-x86_64-linux-gnu.so",
        Severity.WARNING,
        "leave these files out: an installer with --target leaves those of earlier runs, and a build step copies what "
        "lies in the source folder",
    )


def test_extensions_of_your_own() -> None:
    code: Files = {
        "app/__init__.py": "",
        "app/main.py": "from app import _fast\n",
        "app/_fast.cpython-311-x86_64-linux-gnu.so": X86_64,
    }

    (finding,) = findings(check, native(code, function=function(handler="app.main.handler")))

    assert finding.remedy == "build it for Linux on x86_64, inside public.ecr.aws/lambda/python:3.12"
    assert "No module named 'app._fast': /var/task/app is built for CPython 3.11" in finding.message
    assert finding.where == "code.zip!app/_fast.cpython-311-x86_64-linux-gnu.so"


def test_a_library_that_something_needs() -> None:
    layer = {**fast({**NEEDED, RIGHT: needing("libfoo.so.1")}), "lib/libfoo.so.1": ARM64}

    (finding,) = findings(check, native(CODE, layer, function=HANDLER))

    assert finding.severity is Severity.ERROR
    assert finding.message.startswith(
        f"libfoo.so.1: cannot open shared object file: No such file or directory (required by /opt/python/{RIGHT}): "
        "/opt/lib is built for Linux on arm64"
    )


@pytest.mark.parametrize("place", ["lib/libfoo.so.1", "bin/ffmpeg"])
def test_what_is_put_where_it_can_be_used_and_fits_nothing(place: str) -> None:
    (finding,) = findings(check, native(CODE, {place: ARM64}, function=HANDLER))

    assert finding.severity is Severity.WARNING
    assert finding.message.startswith(f"/opt/{place} is built for Linux on arm64, and the function runs on x86_64")


def test_other_pythons_folders_are_not_looked_at() -> None:
    files: Files = {**NEEDED, UNTAGGED: ARM64}
    layer = {f"python/lib/python3.11/site-packages/{name}": one for name, one in files.items()}

    assert said(check, native(CODE, layer, function=HANDLER)) == []


def test_a_wheel_that_was_built_here_is_worth_a_note() -> None:
    (note,) = said(check, native(CODE, fast({**NEEDED, RIGHT: X86_64}, "cp312-cp312-linux_x86_64"), function=HANDLER))

    assert isinstance(note, Note)
    assert note.text.startswith("fast 1.0 says cp312-cp312-linux_x86_64: it was built on some machine")


@pytest.mark.parametrize(
    ("folder", "source", "said_of"),
    [
        ("node_modules/@agent/vendor/", "", []),
        ("vendor/", "", ["fast 1.0 is built for CPython 3.11"]),
        ("node_modules/@agent/vendor/", "import os, sys\nsys.path.append(os.environ['MORE'])\n", []),
        ("more-modules/", "", []),
        ("more-modules/", "import os, sys\nsys.path.append(os.environ['MORE'])\n", ["fast 1.0 is built"]),
    ],
)
def test_a_folder_that_no_import_leads_to_is_no_place_of_modules(folder: str, source: str, said_of: list[str]) -> None:
    name, tag, binary, _ = FOREIGN[4]
    code = {"app.py": source + HANDLED} | installed("fast", "1.0", {**NEEDED, name: binary}, tag, prefix=folder)

    found = findings(check, native(code, function=HANDLER))

    assert [(one.title or "")[: len(words)] for one, words in zip(found, said_of, strict=True)] == said_of
