"""What holds of requirements on Lambda."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from fixtures.installed import distribution
from harness.facts.installed.contents import effective
from harness.facts.installed.requirements import accepts, marker_environment, python_fits, required
from tests.build import program_of


def wanted(architecture: str = "x86_64", /, **requires: tuple[str, ...]) -> list[str]:
    """What is required where distributions of these names require these."""
    files = {k: v for name, texts in requires.items() for k, v in distribution(name, "1", requires=texts).items()}
    found = effective(program_of(files).program)
    return [one.text for one in required(found, marker_environment((3, 12), architecture))]


@pytest.mark.parametrize(
    ("requirement", "text"),
    [
        ("urllib3<3,>=1.26", "urllib3<3,>=1.26"),
        ("Left.Pad (>=1)", "Left.Pad>=1"),
        ('six; python_version >= "3.12"', "six"),
        ('six; python_full_version > "3.12.4"', "six"),
        ('six; sys_platform == "linux" and os_name != "nt"', "six"),
        ('six; platform_machine == "x86_64"', "six"),
        ('six; platform_python_implementation == "CPython"', "six"),
        ("x[a,b]>1", "x[a,b]>1"),
        ("x @ https://h.example/x.whl", "x"),
    ],
)
def test_requirements_that_hold(requirement: str, text: str) -> None:
    assert wanted(a=(requirement,)) == [text]


@pytest.mark.parametrize(
    "requirement",
    [
        'six; python_version < "3.12"',
        'six; sys_platform == "win32"',
        'six; platform_machine == "aarch64"',
        'six; implementation_name == "pypy"',
        'six; extra == "fast"',
        'six; platform_release >= "6.1"',
        "six (from somewhere)",
    ],
)
def test_requirements_that_do_not(requirement: str) -> None:
    assert wanted(a=(requirement,)) == []


def test_the_architecture_is_the_functions() -> None:
    assert wanted("arm64", a=('six; platform_machine == "aarch64"',)) == ["six"]


def test_an_extra_holds_if_another_distribution_asks_for_it() -> None:
    assert wanted(a=('b[Fast]; extra == "all"',), b=('six; extra == "fast"',)) == []
    assert set(wanted(c=("a[all]",), a=('b[Fast]; extra == "all"',), b=('six; extra == "fast"',))) == {
        "a[all]",
        "b[Fast]",
        "six",
    }


@pytest.mark.parametrize(
    ("requirement", "version", "accepted"),
    [
        ("x>=1", "1.0", True),
        ("x>=1", "0.9", False),
        ("x", "3.0rc1", True),
        ("x>=2", "2.1.dev3", True),
        ("x>=2", "0.1.dev3+gabc", None),
        ("x>=2", "0.0.0", None),
        ("x>=2", "unknown", None),
        ("x<2", "2.1+cpu", False),
    ],
)
def test_whether_a_version_fits(requirement: str, version: str, accepted: bool | None) -> None:  # noqa: FBT001 - a table
    assert accepts(Requirement(requirement), version) is accepted


@pytest.mark.parametrize(
    ("specifier", "fits"),
    [
        (None, True),
        ("", True),
        (">=3.8", True),
        (">=3.12.4", True),
        (">=3.8,<4", True),
        (">=3.6, !=3.9.7", True),
        ("whatever", True),
        (">=3.13", False),
        ("<3.12", False),
        ("==3.11.*", False),
        ("~=3.13", False),
    ],
)
def test_whether_the_runtimes_python_fits(specifier: str | None, fits: bool) -> None:  # noqa: FBT001 - a table
    assert python_fits(specifier, (3, 12)) is fits
