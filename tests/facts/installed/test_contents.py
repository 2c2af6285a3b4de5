"""Which distributions Python sees, and what is left of each."""

from __future__ import annotations

import pytest

from fixtures.installed import distribution
from harness.facts.installed.contents import effective, hollow, lost, module_name, needed, visible
from tests.build import program_of

SITE = "python/lib/python3.12/site-packages/"


def site(*names: str, version: str = "1.0", prefix: str = "python/") -> dict[str, str | bytes]:
    """A distribution of these files."""
    files = distribution("pad", version, dict.fromkeys(names or ("pad/__init__.py",), ""))
    return {f"{prefix}{name}": content for name, content in files.items()}


def versions(found: object, key: str = "pad") -> list[str]:
    assert isinstance(found, dict)
    return [one.distribution.version for one in found.get(key, ())]


@pytest.mark.parametrize(
    ("code", "layers", "expected"),
    [
        (None, [site(version="1"), site(version="2")], ["2", "1"]),
        (site(version="0", prefix=""), [site(version="1")], ["0", "1"]),
        (None, [site(version="1", prefix=SITE), site(version="2")], ["1", "2"]),
        (None, [site(prefix="lib/")], []),
        (None, [site(prefix="python/setuptools/_vendor/")], []),
    ],
)
def test_they_come_in_the_order_in_which_python_looks(
    code: dict[str, str | bytes] | None, layers: list[dict[str, str | bytes]], expected: list[str]
) -> None:
    assert versions(visible(program_of(code, *layers).program)) == expected


def test_the_first_folder_that_has_one_decides() -> None:
    program = program_of(site(version="0", prefix=""), site(version="1")).program

    assert versions(effective(program)) == ["0"]


def test_metadata_alone_is_no_distribution() -> None:
    left = {name: text for name, text in site(version="0", prefix="").items() if name != "pad/__init__.py"}

    assert versions(effective(program_of(left, site(version="1")).program)) == ["1"]


@pytest.mark.parametrize(
    "name",
    [
        "pad/x.py",
        "pad/_x.cpython-312-x86_64-linux-gnu.so",
        "pad/data/x.json",
        "pad/templates/x.html",
        "pad/testing/x.py",
        "pad/LICENSES.py",
        "pad/_licenses.cpython-312-x86_64-linux-gnu.so",
        "pad/manifest.json",
        "pad/cacert.pem",
        "pad.py",
    ],
)
def test_what_a_distribution_may_need(name: str) -> None:
    (one,) = program_of(site(name)).facts.distributions

    assert list(needed(one)) == [name]


@pytest.mark.parametrize(
    "name",
    [
        "bin/pad",
        "docs/x.py",
        "include/pad.h",
        "pad-nspkg.pth",
        "pad.libs/libx-1234.so.1",
        "pad/LICENSE",
        "pad/ThirdPartyNotices.txt",
        "pad/API_CHANGES.txt",
        "pad/README.md",
        "pad/__init__.pyi",
        "pad/__pycache__/x.cpython-312.pyc",
        "pad/_x.pyx",
        "pad/include/pad.h",
        "pad/py.typed",
        "pad/tests/data/x.json",
        "share/man/pad.1",
    ],
)
def test_what_nobody_misses(name: str) -> None:
    (one,) = program_of(site(name)).facts.distributions

    assert list(needed(one)) == []
    assert not hollow(one, program_of(site(name)).bundle)


def test_what_is_lost_is_what_no_archive_holds() -> None:
    files = site("pad/__init__.py", "pad/a.py", "pad/b.py", "pad/c.py", "pad/tests/x.py")
    kept = {name: text for name, text in files.items() if not name.endswith(("a.py", "b.py", "c.py", "x.py"))}
    subject = program_of(None, {**kept, "python/pad/b.pyc": b""}, {"python/pad/c.py": ""})
    (one,) = subject.facts.distributions

    assert lost(one, subject.bundle) == ("pad/a.py",)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("pad/__init__.py", "pad"),
        ("pad/a/b.py", "pad.a.b"),
        ("_x.cpython-312-x86_64-linux-gnu.so", "_x"),
        ("pad/_x.abi3.so", "pad._x"),
        ("pad/in-valid.py", None),
    ],
)
def test_the_name_of_a_module(file: str, name: str | None) -> None:
    assert module_name(file) == name
