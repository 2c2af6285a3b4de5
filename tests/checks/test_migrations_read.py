from __future__ import annotations

import json

import pytest

from harness.check import Inapplicable, Subject
from harness.checks.migrations_read import check
from harness.model import Finding, Note, Severity
from tests import build

ENVIRONMENT = {
    "app/main.py": "",
    "alembic.ini": "[alembic]\nscript_location = %(here)s/alembic\n",
    "alembic/env.py": "from alembic import context\n",
    "alembic/versions/a.py": "revision = 'a'\ndown_revision = None\n",
}
RUNS = {"app/main.py": "from alembic import command\n"}
ALEMBIC = {"python/alembic/__init__.py": "", "python/alembic/config.py": "", "python/alembic/script.py": ""}


def subject(code: dict[str, str], layer: dict[str, str]) -> Subject:
    return build.program_of(code, layer, function=build.function())


def said(code: dict[str, str], **answer: object) -> list[Finding | Note]:
    whole = {"heads": ["a"], "revisions": ["a"], "error": None, **answer}
    return list(check.body(subject(code, ALEMBIC), build.Seen(answers=(json.dumps(whole),))))


def test_a_note_when_alembic_agrees() -> None:
    assert said(ENVIRONMENT) == [Note("Alembic reads 1 revisions, head a")]


@pytest.mark.parametrize(("code", "severity"), [(ENVIRONMENT, Severity.WARNING), (ENVIRONMENT | RUNS, Severity.ERROR)])
def test_alembics_own_words(code: dict[str, str], severity: Severity) -> None:
    (finding,) = said(code, error="RuntimeError: no tenant")

    assert isinstance(finding, Finding)
    assert (finding.message, finding.severity) == ("RuntimeError: no tenant", severity)
    assert finding.remedy


def test_other_revisions_than_the_files_have() -> None:
    (finding,) = said(ENVIRONMENT, revisions=["a", "b"])

    assert isinstance(finding, Finding)
    assert finding.message == "Alembic reads 2 revisions where the files have 1: b"


@pytest.mark.parametrize(("code", "layer"), [({"app/main.py": ""}, ALEMBIC), (ENVIRONMENT, {"python/x.py": ""})])
def test_nothing_to_read_or_nobody_to_read_it(code: dict[str, str], layer: dict[str, str]) -> None:
    with pytest.raises(Inapplicable):
        list(check.body(subject(code, layer), build.Seen()))
