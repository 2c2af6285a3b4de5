from __future__ import annotations

from dataclasses import replace

import pytest

from harness.checks.symbol_versions import check
from harness.facts.native.binaries import Binary, VersionNeed
from harness.model import Finding, Severity
from tests.build import findings, function, manifest
from tests.natives import PROGRAM, X86_64, Files, demanding, installed, native, needing

HANDLER = function(handler="app.handler")
CODE = {"app.py": "import fast\n\n\ndef handler(event, context): ...\n"}
PACKAGE = {"fast/__init__.py": "from fast import _fast\n"}
EXT = "fast/_fast.cpython-312-x86_64-linux-gnu.so"
TAG = "cp312-cp312-manylinux_2_17_x86_64"


def fast(files: Files, tag: str = TAG) -> dict[str, str | Binary]:
    return installed("fast", "1.0", {**PACKAGE, **files}, tag)


VERSIONS = [
    ("libc.so.6", "GLIBC_2.2.5", None),
    ("libc.so.6", "GLIBC_2.34", None),
    ("libc.so.6", "GLIBC_2.35", Severity.ERROR),
    ("libm.so.6", "GLIBC_2.38", Severity.ERROR),
    ("libc.so.6", "GLIBC_ABI_DT_RELR", Severity.ERROR),
    ("libc.so.6", "GLIBC_PRIVATE", None),
    ("libstdc++.so.6", "GLIBCXX_3.4.29", None),
    ("libstdc++.so.6", "GLIBCXX_3.4.30", Severity.WARNING),
    ("libstdc++.so.6", "GLIBCXX_3.4.33", Severity.WARNING),
    ("libstdc++.so.6", "GLIBCXX_3.4.34", Severity.ERROR),
    ("libstdc++.so.6", "CXXABI_1.3.13", None),
    ("libstdc++.so.6", "CXXABI_1.3.15", Severity.WARNING),
    ("libstdc++.so.6", "CXXABI_1.3.16", Severity.ERROR),
    ("libstdc++.so.6", "CXXABI_TM_1", None),
    ("libgcc_s.so.1", "GCC_14.0.0", None),
    ("libssl.so.3", "OPENSSL_3.0.0", None),
    ("libssl.so.3", "OPENSSL_3.2.0", Severity.WARNING),
    ("libz.so.1", "ZLIB_1.2.9", None),
]


@pytest.mark.parametrize(("library", "version", "severity"), VERSIONS)
def test_the_newest_version_that_is_there(library: str, version: str, severity: Severity | None) -> None:
    found = findings(check, native(CODE, fast({EXT: demanding(library, version)}), function=HANDLER))

    assert [one.severity for one in found] == ([severity] if severity else [])


def test_amazon_linux_2_is_older() -> None:
    layer = fast({"fast/_fast.abi3.so": demanding("libc.so.6", "GLIBC_2.28")})

    found = findings(check, native(CODE, layer, declared=replace(manifest(HANDLER), runtime="python3.11")))

    assert [one.severity for one in found] == [Severity.ERROR]


def test_a_distribution_is_one_finding_in_the_loaders_words() -> None:
    files = {
        EXT: demanding("libc.so.6", "GLIBC_2.34", "GLIBC_2.38"),
        "fast/b.abi3.so": demanding("libm.so.6", "GLIBC_2.35"),
    }

    (finding,) = findings(check, native(CODE, fast(files, "cp312-cp312-manylinux_2_39_x86_64"), function=HANDLER))

    assert finding == Finding(
        "Runtime.ImportModuleError: Unable to import module 'app': /lib64/libc.so.6: version 'GLIBC_2.38' not found "
        f"(required by /opt/python/{EXT}): 2 files of fast 1.0 need GLIBC_2.38, GLIBC_2.35, and Amazon Linux 2023 is "
        "sure to have GLIBC_2.34 alone",
        f"layer.zip!python/{EXT}",
        Severity.ERROR,
        finding.remedy,
        "its WHEEL says cp312-cp312-manylinux_2_39_x86_64",
        ("app", "fast", "fast._fast"),
    )
    assert (finding.remedy or "").startswith("install it for python3.12 on x86_64: `pip install --platform")


LOOSE = [
    ("fast/plugin.so", TAG, Severity.WARNING),
    ("fast/plugin.so", "py3-none-manylinux_2_39_x86_64", Severity.ERROR),
    ("fast/plugin.so", "py3-none-linux_x86_64", Severity.ERROR),
]


@pytest.mark.parametrize(("name", "tag", "severity"), LOOSE)
def test_of_what_no_import_loads_the_wheels_word_counts(name: str, tag: str, severity: Severity) -> None:
    layer = fast({EXT: X86_64, name: demanding("libc.so.6", "GLIBC_2.38")}, tag)

    assert [one.severity for one in findings(check, native(CODE, layer, function=HANDLER))] == [severity]


@pytest.mark.parametrize("place", ["lib/libfoo.so.1", "bin/tool", "extensions/agent"])
def test_your_own_programs_and_libraries_count(place: str) -> None:
    binary = replace(
        demanding("libc.so.6", "GLIBC_2.38"), interpreter=PROGRAM.interpreter if "lib" not in place else None
    )

    (finding,) = findings(check, native(CODE, {place: binary}, function=HANDLER))

    assert finding.severity is Severity.ERROR
    assert finding.remedy == (
        "compile it inside public.ecr.aws/lambda/python:3.12, or on a system whose libraries are no newer"
    )


def test_a_library_behind_another_is_found_out() -> None:
    layer = {**fast({EXT: needing("libfoo.so.1")}), "lib/libfoo.so.1": demanding("libc.so.6", "GLIBC_2.38")}

    (finding,) = findings(check, native(CODE, layer, function=HANDLER))

    assert "(required by /opt/lib/libfoo.so.1): /opt/lib needs GLIBC_2.38" in finding.message
    assert finding.chain == ("app", "fast", "fast._fast")


NEWER = replace(X86_64, soname="libstdc++.so.6", version_definitions=("GLIBCXX_3.4.33", "GLIBCXX_3.4.34"))
OLDER = replace(NEWER, version_definitions=("GLIBCXX_3.4.29",))
# What is beside the extension, whether DT_RPATH leads there, and what is said.
SHIPPED = [
    (NEWER, True, None),
    (X86_64, True, None),
    (NEWER, False, "/lib64/libstdc++.so.6: version 'GLIBCXX_3.4.34' not found"),
    (OLDER, True, "/opt/python/fast.libs/libstdc++.so.6: version 'GLIBCXX_3.4.34' not found"),
]


@pytest.mark.parametrize(("library", "reached", "words"), SHIPPED)
def test_a_libstdcxx_that_is_shipped_counts_where_the_loader_takes_it(
    library: Binary,
    reached: bool,  # noqa: FBT001 - a column
    words: str | None,
) -> None:
    extension = replace(
        needing("libstdc++.so.6", rpath="$ORIGIN/../fast.libs" if reached else ""),
        version_needs=(VersionNeed("libstdc++.so.6", ("GLIBCXX_3.4.34",)),),
    )
    layer = fast({EXT: extension, "fast.libs/libstdc++.so.6": library})

    found = findings(check, native(CODE, layer, function=HANDLER))

    assert [words in one.message for one in found if words] == ([True] if words else [])
    assert bool(found) is bool(words)
