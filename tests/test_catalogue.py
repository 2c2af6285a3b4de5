"""What the catalogue demands of every check."""

from __future__ import annotations

import re
from pkgutil import iter_modules

import pytest

import harness.checks
from fixtures.corpus import CASES
from harness.catalogue import CATALOGUE, named
from harness.check import Check
from harness.model import UsageError

SECTIONS = ["## Why it matters", "## How to fix"]


@pytest.fixture(params=CATALOGUE, ids=lambda check: check.id)
def check(request: pytest.FixtureRequest) -> Check:
    found = request.param
    assert isinstance(found, Check)
    return found


def test_every_module_is_a_check_of_the_catalogue_under_its_own_name() -> None:
    modules = [module.name.replace("_", "-") for module in iter_modules(harness.checks.__path__)]

    assert sorted(check.id for check in CATALOGUE) == sorted(modules)


def test_a_title_is_a_sentence(check: Check) -> None:
    assert re.fullmatch(r"[A-Z].{20,90}\.", check.title)
    assert check.doc.startswith(f"{check.title}\n\n")


def test_a_page_says_why_it_matters_and_ends_in_a_remedy(check: Check) -> None:
    assert [line for line in check.doc.splitlines() if line.startswith("#")] == SECTIONS
    for section in re.split("|".join(SECTIONS), check.doc)[1:]:
        assert len(section.split()) >= 15


def test_a_check_says_since_when_it_is_there(check: Check) -> None:
    assert re.fullmatch(r"\d+\.\d+", check.since)


def test_the_corpus_has_a_case_that_it_fails(check: Check) -> None:
    assert [case.name for case in CASES if check.id in case.checks | case.warnings]


def test_the_corpus_has_cases_that_it_passes(check: Check) -> None:
    others = [case.name for case in CASES if check.id not in case.checks | case.warnings]

    assert "sound" in others
    assert len(others) > len(CASES) / 2


def test_the_corpus_names_no_other_check() -> None:
    assert {name for case in CASES for name in case.checks | case.warnings} <= {check.id for check in CATALOGUE}


def test_a_check_is_found_by_its_id(check: Check) -> None:
    assert named(check.id) is check


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("layer_layout", "no check is named layer_layout: did you mean layer-layout?"),
        ("quota", "no check is named quota; `lambda-artifact checks` lists them"),
        ("", "no check is named ; `lambda-artifact checks` lists them"),
    ],
)
def test_one_that_is_not_there_is_named_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        named(name)
