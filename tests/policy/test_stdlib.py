"""What each Python brings along, compared with the Pythons that are here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from harness.engines.interpreters import find
from harness.policy import KNOWN_RUNTIMES, runtime_policy

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSIONS = [runtime_policy(runtime).python for runtime in KNOWN_RUNTIMES]
LATER = {"_apple_support"}  # what came with a patch release

PRESENT = [
    # module, the minor versions that have it
    ("json", range(10, 16)),
    ("tomllib", range(11, 16)),
    ("binhex", range(10, 11)),
    ("distutils", range(10, 12)),
    ("imp", range(10, 12)),
    ("asyncore", range(10, 12)),
    ("smtpd", range(10, 12)),
    ("cgi", range(10, 13)),
    ("crypt", range(10, 13)),
    ("telnetlib", range(10, 13)),
    ("lib2to3", range(10, 13)),
    ("_xxsubinterpreters", range(10, 13)),
    ("_interpreters", range(13, 16)),
    ("annotationlib", range(14, 16)),
    ("compression", range(14, 16)),
    ("sre_parse", range(10, 15)),
    ("profiling", range(15, 16)),
    ("_osx_support", range(10, 16)),  # which is written in Python, and there
    ("test", range(10, 16)),
    ("__main__", range(10, 16)),
    ("winreg", range(0)),
    ("msvcrt", range(0)),
    ("msilib", range(0)),
    ("_scproxy", range(0)),
    ("setuptools", range(0)),
    ("typing_extensions", range(0)),
]

REMEDIES = [
    # runtime, module, cause, remedy
    ("python3.10", "urllib2", "Python 3.0 removed it", "use urllib.request and urllib.error"),
    ("python3.12", "distutils", "Python 3.12 removed it", "add setuptools to the requirements"),
    ("python3.12", "imp", "Python 3.12 removed it", "use importlib, or add zombie-imp to the requirements"),
    ("python3.12", "pkg_resources", "come without setuptools", "add setuptools<82 to the requirements"),
    ("python3.13", "pkg_resources", "come without setuptools", "add setuptools<82 to the requirements"),
    ("python3.13", "cgi", "Python 3.13 removed it", "add legacy-cgi to the requirements that the layer is built from"),
    ("python3.14", "telnetlib", "Python 3.13 removed it", "use telnetlib3, or add standard-telnetlib to"),
    ("python3.13", "lib2to3", "Python 3.13 removed it", "use fissix"),
    ("python3.15", "sre_parse", "Python 3.15 removed it", "use re"),
]

ASK = """
import importlib.util, json, sys
print(json.dumps({
    "listed": sorted(sys.stdlib_module_names),
    "absent": [name for name in sys.stdlib_module_names if importlib.util.find_spec(name) is None],
    "builtins": sorted(sys.builtin_module_names),
    "magic": int.from_bytes(importlib.util.MAGIC_NUMBER[:2], "little"),
}))
"""


def document() -> dict[str, Any]:
    return tomllib.loads(files("harness.policy").joinpath("stdlib.toml").read_text("utf-8"))


def answer(version: tuple[int, int]) -> dict[str, Any]:
    interpreter, _ = find(version, os.environ)
    if interpreter is None and version != sys.version_info[:2]:
        pytest.skip(f"no Python {version[0]}.{version[1]} here")
    executable = interpreter.executable if interpreter else sys.executable
    said = subprocess.run([executable, "-I", "-S", "-c", ASK], check=True, capture_output=True, text=True)
    return json.loads(said.stdout)  # type: ignore[no-any-return]  # the shape is above


def policy_of(version: tuple[int, int]) -> Any:  # noqa: ANN401 - a short name for a value of another module
    return runtime_policy(f"python{version[0]}.{version[1]}")


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: f"py{version[0]}{version[1]}")
def test_the_interpreter_agrees(version: tuple[int, int]) -> None:
    said, known = answer(version), policy_of(version)
    nowhere = set(document()["absent"]["values"])
    unlisted = set(document()["unlisted"]["values"])
    assert known.stdlib - unlisted - LATER == set(said["listed"]) - nowhere - LATER
    optional = {"_dbm", "_gdbm", "_tkinter", "_crypt", "nis", "ossaudiodev"}  # whether it was built with them
    assert set(said["absent"]) - nowhere <= optional | {"_ssl", "_curses", "_curses_panel", "readline", "_bz2", "_lzma"}
    assert known.builtins <= set(said["builtins"])
    assert known.bytecode_magic == said["magic"]


@pytest.mark.parametrize(("name", "minors"), PRESENT, ids=[name for name, _ in PRESENT])
def test_present(name: str, minors: range) -> None:
    assert [minor for _, minor in VERSIONS if name in policy_of((3, minor)).stdlib] == list(minors)


@pytest.mark.parametrize("runtime", KNOWN_RUNTIMES)
def test_what_is_removed_is_not_there(runtime: str) -> None:
    known = runtime_policy(runtime)
    removed = dict(known.removed_modules)
    assert not removed.keys() & (known.stdlib | dict(known.preinstalled_modules).keys())
    assert all(then.cause and then.remedy and not then.remedy.endswith(".") for then in removed.values())


@pytest.mark.parametrize(("older", "newer"), list(pairwise(VERSIONS)))
def test_every_public_module_that_left_has_a_remedy(older: tuple[int, int], newer: tuple[int, int]) -> None:
    left = {name for name in policy_of(older).stdlib - policy_of(newer).stdlib if not name.startswith("_")}
    assert left <= dict(policy_of(newer).removed_modules).keys()
    assert not left & dict(policy_of(older).removed_modules).keys()


@pytest.mark.parametrize(("runtime", "module", "cause", "remedy"), REMEDIES)
def test_remedy(runtime: str, module: str, cause: str, remedy: str) -> None:
    then = dict(runtime_policy(runtime).removed_modules)[module]
    assert cause in then.cause
    assert remedy in then.remedy


def test_setuptools_is_missed_only_where_it_is_missing() -> None:
    older = runtime_policy("python3.11")
    assert not {"pkg_resources", "setuptools"} & dict(older.removed_modules).keys()
    assert dict(older.preinstalled_modules)["pkg_resources"] == "setuptools"
    assert "pkg_resources" not in dict(runtime_policy("python3.12").preinstalled_modules)


@pytest.mark.parametrize("runtime", KNOWN_RUNTIMES)
def test_every_preinstalled_distribution_has_its_modules(runtime: str) -> None:
    known = runtime_policy(runtime)
    modules = dict(known.preinstalled_modules)
    assert set(modules.values()) == known.preinstalled
    assert modules["dateutil"] == "python-dateutil"
    assert modules["runtime_client"] == "awslambdaric"


def test_a_handler_cannot_be_named_like_these() -> None:
    assert {"time", "errno", "itertools", "posix", "sys", "builtins"} <= policy_of((3, 12)).builtins
    assert not {"math", "array", "json", "select"} & policy_of((3, 12)).builtins


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_builtins_are_standard_modules(version: tuple[int, int]) -> None:
    assert policy_of(version).builtins <= policy_of(version).stdlib


def test_the_known_are_no_standard_modules() -> None:
    known = policy_of((3, 12))
    assert "requests" in known.known_modules
    assert not known.known_modules & known.stdlib


def tables(table: dict[str, Any], name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every table that holds a figure."""
    if {"value", "values", "added", "removed"} & table.keys():
        yield name, table
        return
    for key, inner in table.items():
        if isinstance(inner, dict):
            yield from tables(inner, f"{name}.{key}".lstrip("."))
        else:
            yield f"{name}.{key}", {}


@pytest.mark.parametrize("name", dict(tables(document())))
def test_every_figure_names_its_source(name: str) -> None:
    assert len(dict(tables(document()))[name]["source"].split()) >= 3


def test_the_changes_change_something() -> None:
    for name in ("modules", "builtins"):
        found: set[str] = set()
        for change in document()[name].values():
            assert not found & set(change.get("added", ()))
            assert set(change.get("removed", ())) <= found
            found = found.union(change.get("added", ())).difference(change.get("removed", ()))
