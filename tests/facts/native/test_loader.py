from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.artifact.entries import Role
from harness.facts.archive import ArchiveFacts
from harness.facts.native.binaries import Binary, Format
from harness.facts.native.loader import Loader, fits, is_musl
from tests.build import archive, function, manifest, subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.facts.native.loader import Load

SHARED = Binary(Format.ELF, ("x86_64",), "shared", 64, little_endian=True)
ARM = replace(SHARED, machines=("arm64",))
EXTENSION = "/opt/python/pkg/_x.so"


def needs(*names: str, rpath: str = "", runpath: str = "", soname: str | None = None) -> Binary:
    """A library; its search paths as they are written."""
    return replace(
        SHARED,
        needed=names,
        soname=soname,
        rpath=tuple(rpath.split(":")) if rpath else (),
        runpath=tuple(runpath.split(":")) if runpath else (),
    )


def load(binaries: Mapping[str, Binary], path: str = EXTENSION, **environment: str) -> Load:
    """What it takes to load a file; the paths are those of the function."""
    code = {name.removeprefix("/var/task/"): one for name, one in binaries.items() if name.startswith("/var/task/")}
    layer = {name.removeprefix("/opt/"): one for name, one in binaries.items() if name.startswith("/opt/")}
    seen = subject(
        archive(*code, role=Role.CODE),
        archive(*layer),
        declared=manifest(function(environment=environment)),
        facts=(ArchiveFacts(binaries=code), ArchiveFacts(binaries=layer)),
    )
    return Loader(seen.program).load(path)


# What an extension in /opt/python/pkg finds for libfoo.so.1: by its own search paths, and where the library is.
SEARCHES = [
    ("/opt/lib/libfoo.so.1", "", "", True),
    ("/var/task/lib/libfoo.so.1", "", "", True),
    ("/var/task/libfoo.so.1", "", "", True),
    ("/opt/python/libfoo.so.1", "", "", False),
    ("/opt/python/lib/libfoo.so.1", "", "", False),
    ("/opt/python/pkg/libfoo.so.1", "", "", False),
    ("/opt/libfoo.so.1", "", "", False),
    ("/opt/lib/libfoo.so", "", "", False),
    ("/opt/lib/libfoo.so.1.2", "", "", False),
    ("/opt/lib64/libfoo.so.1", "", "", False),
    ("/opt/python/pkg.libs/libfoo.so.1", "$ORIGIN/../pkg.libs", "", True),
    ("/opt/python/pkg.libs/libfoo.so.1", "", "$ORIGIN/../pkg.libs", True),
    ("/opt/python/pkg.libs/libfoo.so.1", "", "${ORIGIN}/../pkg.libs", True),
    ("/opt/python/pkg.libs/libfoo.so.1", "/nowhere:$ORIGIN/../pkg.libs", "", True),
    ("/opt/python/pkg.libs/libfoo.so.1", "$ORIGIN/../pkg.libs", "$ORIGIN", False),
    ("/opt/python/pkg/lib64/libfoo.so.1", "$ORIGIN/$LIB", "", True),
    ("/opt/python/pkg/libfoo.so.1", "$ORIGINS", "", False),
    ("/var/task/private/libfoo.so.1", "private", "", True),
]


@pytest.mark.parametrize(("place", "rpath", "runpath", "found"), SEARCHES)
def test_a_library_is_found_where_the_loader_looks(place: str, rpath: str, runpath: str, found: bool) -> None:  # noqa: FBT001 - a column
    seen = load({EXTENSION: needs("libfoo.so.1", rpath=rpath, runpath=runpath), place: SHARED})

    assert [one.name for one in seen.absent] == ([] if found else ["libfoo.so.1"])
    assert [one.path for one in seen.mapped] == [EXTENSION, *([place] if found else [])]


def test_the_systems_libraries_are_there() -> None:
    seen = load({EXTENSION: needs("libc.so.6", "libstdc++.so.6", "ld-linux-x86-64.so.2", "libpython3.12.so.1.0")})

    assert (seen.absent, seen.shipped) == ((), ())


# Who wins a library that the system has as well.
RIVALS = [
    ("LD_LIBRARY_PATH begins with the system's folders", needs("libz.so.1"), {}, "/opt/lib/libz.so.1", False),
    ("DT_RPATH comes first", needs("libz.so.1", rpath="/opt/own"), {}, "/opt/own/libz.so.1", True),
    ("DT_RUNPATH comes after", needs("libz.so.1", runpath="/opt/own"), {}, "/opt/own/libz.so.1", False),
    ("the function's own", needs("libz.so.1"), {"LD_LIBRARY_PATH": "/opt/lib:/lib64"}, "/opt/lib/libz.so.1", True),
    (
        "its own, without the folder",
        needs("libz.so.1"),
        {"LD_LIBRARY_PATH": "/opt/other"},
        "/opt/lib/libz.so.1",
        False,
    ),
]


@pytest.mark.parametrize(
    ("binary", "environment", "place", "wins"), [row[1:] for row in RIVALS], ids=[row[0] for row in RIVALS]
)
def test_the_first_folder_wins(binary: Binary, environment: dict[str, str], place: str, wins: bool) -> None:  # noqa: FBT001 - a column
    seen = load({EXTENSION: binary, place: SHARED}, **environment)

    assert seen.absent == ()
    assert dict(seen.shipped) == ({"libz.so.1": place} if wins else {})


def test_a_variable_of_the_functions_takes_opt_lib_off_the_path() -> None:
    binaries = {EXTENSION: needs("libfoo.so.1"), "/opt/lib/libfoo.so.1": SHARED}

    seen = load(binaries, LD_LIBRARY_PATH="/opt/other")

    assert [one.name for one in seen.absent] == ["libfoo.so.1"]


@pytest.mark.parametrize(("runpath", "found"), [("", True), ("$ORIGIN/elsewhere", False)])
def test_an_rpath_is_inherited_by_what_has_no_runpath(runpath: str, found: bool) -> None:  # noqa: FBT001 - a column
    binaries = {
        EXTENSION: needs("liba.so", rpath="$ORIGIN/../libs"),
        "/opt/python/libs/liba.so": needs("libb.so", runpath=runpath),
        "/opt/python/libs/libb.so": SHARED,
    }

    assert (load(binaries).absent == ()) is found


def test_a_runpath_is_not_inherited() -> None:
    binaries = {
        EXTENSION: needs("liba.so", runpath="$ORIGIN/../libs"),
        "/opt/python/libs/liba.so": needs("libb.so"),
        "/opt/python/libs/libb.so": SHARED,
    }

    (absent,) = load(binaries).absent

    assert (absent.name, absent.by.chain) == ("libb.so", (EXTENSION, "/opt/python/libs/liba.so"))


@pytest.mark.parametrize("first", ["liba.so", "pkg.libs/liba.so"])
def test_what_is_loaded_answers_to_its_soname(first: str) -> None:
    binaries = {
        EXTENSION: needs("libc-1.so", "libd.so", rpath="$ORIGIN/../libs"),
        "/opt/python/libs/libc-1.so": needs(soname="libshared.so.3"),
        "/opt/python/libs/libd.so": needs("libshared.so.3", runpath="/nowhere"),
        f"/opt/python/{first}": SHARED,
    }

    assert load(binaries).absent == ()


def test_libraries_may_need_one_another() -> None:
    binaries = {"/opt/lib/liba.so": needs("libb.so"), "/opt/lib/libb.so": needs("liba.so"), EXTENSION: needs("liba.so")}

    seen = load(binaries)

    assert [one.path for one in seen.mapped] == [EXTENSION, "/opt/lib/liba.so", "/opt/lib/libb.so"]
    assert seen.absent == ()


def test_a_library_for_another_machine_is_passed_over() -> None:
    binaries = {EXTENSION: needs("libfoo.so.1"), "/var/task/lib/libfoo.so.1": ARM, "/opt/lib/libfoo.so.1": SHARED}

    assert dict(load(binaries).shipped) == {"libfoo.so.1": "/opt/lib/libfoo.so.1"}


def test_if_nothing_else_is_there_it_is_named() -> None:
    (absent,) = load({EXTENSION: needs("libfoo.so.1"), "/opt/lib/libfoo.so.1": ARM}).absent

    assert absent.unfit == "/opt/lib/libfoo.so.1"


def test_a_link_is_followed() -> None:
    code = archive(
        "lib/libfoo.so.1 -> libfoo.so.1.2", "lib/libfoo.so.1.2", "lib/round -> round", "x.so", role=Role.CODE
    )
    binaries = {"x.so": needs("libfoo.so.1", "round"), "lib/libfoo.so.1.2": SHARED}
    seen = Loader(subject(code, facts=(ArchiveFacts(binaries=binaries),)).program).load("/var/task/x.so")

    assert dict(seen.shipped) == {"libfoo.so.1": "/var/task/lib/libfoo.so.1.2"}
    assert [one.name for one in seen.absent] == ["round"]


def test_a_path_is_no_search() -> None:
    binaries = {EXTENSION: needs("/opt/lib/liba.so", "./libb.so", "gone/libc.so.6"), "/opt/lib/liba.so": SHARED}

    assert [one.name for one in load({**binaries, "/var/task/libb.so": SHARED}).absent] == ["gone/libc.so.6"]


FIT = [
    (SHARED, True),
    (replace(SHARED, kind="executable"), True),
    (replace(SHARED, kind="object"), False),
    (ARM, False),
    (replace(SHARED, machines=("i386",), bits=32), False),
    (replace(SHARED, format=Format.MACHO), False),
    (replace(SHARED, format=Format.PE), False),
]


@pytest.mark.parametrize(("binary", "fit"), FIT)
def test_what_fits_a_function_on_x86_64(binary: Binary, fit: bool) -> None:  # noqa: FBT001 - a column
    assert fits(binary, "x86_64") is fit


def test_musl_shows_in_what_is_needed_whatever_the_files_name() -> None:
    assert is_musl(needs("libc.musl-x86_64.so.1"))
    assert is_musl(replace(SHARED, interpreter="/lib/ld-musl-aarch64.so.1"))
    assert not is_musl(needs("libc.so.6"))
