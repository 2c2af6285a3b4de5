"""What is declared, locked and built from, beside what is said where they do not agree."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from harness.check import Blocked
from harness.checks.declared_dependencies import check
from harness.dependencies.project import Project, UnknownLock
from harness.model import Defect, Edit, Fault, Finding, Insert, Note, Place, Severity, When
from tests.build import asked, building, declaring, findings, function, locking, manifest, program_of, said, wheel

CODE = {"app/__init__.py": "", "app/main.py": "import fastapi\n\n\ndef handler(event, context):\n    pass\n"}
LAYER = {
    **wheel("fastapi==0.1", requires=("starlette>=0.1", "httpx; extra == 'all'")),
    **wheel("starlette==0.2"),
}
DECLARED, BUILD = declaring("fastapi>=0.1"), building("fastapi==0.1")
API = function()


@dataclass(frozen=True)
class Row:
    """The lists, and what is said of them.

    Attributes:
        says: A severity and a part of each message; ``note`` for a note.
    """

    project: Project
    says: tuple[tuple[str, str], ...] = ()
    code: str = CODE["app/main.py"]
    layer: dict[str, str] | None = None


ROWS: dict[str, Row] = {
    "all agree": Row(Project(DECLARED, None, BUILD)),
    "a list of everything": Row(Project(DECLARED, None, building("fastapi==0.1", "starlette==0.2"))),
    "declared, not built from, imported": Row(
        Project(declaring("fastapi", "httpx"), None, BUILD),
        (("error", "httpx is declared, and not in requirements.txt, which the archives are built from; no archive"),),
        code="import fastapi\nimport httpx\n",
    ),
    "declared, not built from, imported late by a library": Row(
        Project(declaring("fastapi", "psycopg"), None, BUILD),
        (("warning", "psycopg is declared, and not in requirements.txt"),),
        layer={**LAYER, "python/fastapi/__init__.py": "def connect():\n    import psycopg\n"},
    ),
    "declared, not built from, and nobody imports it": Row(
        Project(declaring("fastapi", "uvicorn"), None, BUILD), (("warning", "uvicorn is declared, and not in"),)
    ),
    "declared, and only there because another brings it": Row(
        Project(declaring("fastapi", "starlette"), None, BUILD),
        (
            (
                "warning",
                "starlette is declared, and not in requirements.txt, which the archives are built from: it comes",
            ),
        ),
    ),
    "declared, and the runtime brings it": Row(
        Project(declaring("fastapi", "boto3"), None, BUILD),
        (("note", "boto3 is declared, and not in requirements.txt"),),
        code="import boto3\nimport fastapi\n",
    ),
    "declared, not built from, and imported if it is there": Row(
        Project(declaring("fastapi", "httpx"), None, BUILD),
        (("warning", "httpx is declared, and not in requirements.txt"),),
        code="import fastapi\ntry:\n    import httpx\nexcept ImportError:\n    httpx = None\n",
    ),
    "declared, and another with its modules is asked for": Row(
        Project(declaring("fastapi", "psycopg2"), None, building("fastapi==0.1", "psycopg2-binary==2.9")),
        (
            (
                "note",
                "psycopg2 is declared, and not in requirements.txt, which the archives are built from: psycopg2-binary",
            ),
        ),
        code="import fastapi\nimport psycopg2\n",
        layer={**LAYER, **wheel("psycopg2-binary==2.9", "psycopg2/__init__.py")},
    ),
    "another project of the repository": Row(
        Project(
            declaring("fastapi", "acme-core"),
            None,
            replace(BUILD, asked=(*BUILD.asked, replace(asked("acme-core"), folder="libs/core"))),
        ),
        code="import fastapi\nimport acme_core\n",
        layer={**LAYER, "python/acme_core/__init__.py": "import starlette\n"},
    ),
    "a flat list, and nothing tells who requires what": Row(
        Project(DECLARED, None, building("fastapi==0.1", "starlette==0.2", "anyio==4")),
        layer={path: text for path, text in LAYER.items() if "fastapi-0.1.dist-info" not in path},
    ),
    "nothing at all is declared": Row(
        Project(replace(DECLARED, asked=(), name="shop"), None, building("fastapi==0.1", "starlette==0.2")),
        (("note", "pyproject.toml lists no dependencies: requirements.txt alone says what production needs"),),
    ),
    "declared for another system": Row(Project(declaring("fastapi", "pywin32; sys_platform == 'win32'"), None, BUILD)),
    "declared for another Python": Row(Project(declaring("fastapi", "tomli; python_version < '3.11'"), None, BUILD)),
    "built from, and not declared": Row(
        Project(DECLARED, None, building("fastapi==0.1", "left-pad==1")),
        (("warning", "requirements.txt asks for left-pad, and pyproject.toml does not declare it"),),
    ),
    "built from, and declared for developers": Row(
        Project(declaring("fastapi", dev=("pytest",)), None, building("fastapi==0.1", "pytest==9")),
        (("warning", "does not declare it for production: it is in group dev, pytest (pyproject.toml:11)"),),
    ),
    "built from, and declared in a group that is deployed": Row(
        Project(declaring("fastapi", worker=("celery",)), None, building("fastapi==0.1", "celery==5"))
    ),
    "what comes along by the lock": Row(
        Project(
            declaring("fastapi", "celery"),
            locking({"fastapi==0.1": ("starlette",), "starlette==0.2": (), "celery==5": ("kombu",), "kombu==5": ()}),
            building("fastapi==0.1", "celery==5", "kombu==5"),
        ),
    ),
    "an extra that got lost": Row(
        Project(declaring("fastapi[all]"), None, BUILD),
        (
            (
                "error",
                "declares fastapi[all], and requirements.txt:1 asks for fastapi without the extra: httpx is in no",
            ),
        ),
    ),
    "an extra that is written out": Row(
        Project(declaring("fastapi[all]"), None, building("fastapi==0.1", "httpx==1")),
        layer={**LAYER, **wheel("httpx==1")},
    ),
    "a specifier that excludes the pin": Row(
        Project(declaring("fastapi>=0.2"), None, BUILD),
        (("error", "pyproject.toml:10 asks for fastapi>=0.2, and requirements.txt:1 has 0.1"),),
    ),
    "a specifier that excludes what is locked": Row(
        Project(declaring("fastapi>=0.2"), locking({"fastapi==0.1": ()}), building("fastapi")),
        (("error", "pyproject.toml:10 asks for fastapi>=0.2, and poetry.lock:1 has 0.1"),),
    ),
    "a pin that is not what is locked, and is built in, is said of the lock as a whole": Row(
        Project(DECLARED, locking({"fastapi==0.3": ()}), BUILD)
    ),
    "a pin that is neither locked nor built in": Row(
        Project(DECLARED, locking({"fastapi==0.3": ()}), building("fastapi==0.2")),
        (("warning", "requirements.txt:1 asks for fastapi==0.2, and poetry.lock:1 has 0.3"),),
    ),
    "a build with a label of its own": Row(Project(declaring("fastapi>=0.1,<0.2"), None, building("fastapi==0.1+cpu"))),
    "imported, and nobody declares it": Row(
        Project(DECLARED, None, BUILD),
        (
            (
                "warning",
                "imported, and not declared in pyproject.toml: starlette (/var/task/app/main.py:2, brought along by",
            ),
        ),
        code="import fastapi\nfrom starlette import requests\n",
    ),
    "imported if it is there": Row(
        Project(DECLARED, None, BUILD), code="try:\n    import starlette\nexcept ImportError:\n    pass\n"
    ),
    "imported, and of the runtime": Row(Project(DECLARED, None, BUILD), code="import boto3\nimport fastapi\n"),
    "dynamic": Row(
        Project(replace(DECLARED, dynamic=True, asked=()), None, BUILD),
        (("note", "pyproject.toml: its dependencies are computed by its build back-end"),),
    ),
    "built from the lock, which is older": Row(
        Project(declaring("fastapi", "httpx"), locking({"fastapi==0.1": ()}), None, built_from_lock=True),
        (("error", "httpx is declared, and not in poetry.lock, which the archives are built from"),),
        code="import fastapi\nimport httpx\n",
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_verdicts(row: Row) -> None:
    code = {**CODE, "app/main.py": row.code}
    subject = program_of(code, row.layer or LAYER, declared=manifest(API, layers=("layer.zip",)), project=row.project)

    told = said(check, subject)

    kinds = [("note", one.text) if isinstance(one, Note) else (str(one.severity), one.message) for one in told]
    assert len(kinds) == len(row.says), kinds
    for (kind, text), (expected, part) in zip(kinds, row.says, strict=True):
        assert (kind, part in text) == (expected, True), text


def test_the_remedy_names_each_file_and_what_to_do_in_it() -> None:
    project = Project(declaring("fastapi", "httpx"), locking({"fastapi==0.1": (), "httpx==0.28.1": ()}), BUILD)
    subject = program_of(
        {**CODE, "app/main.py": "import fastapi, httpx\ndef handler(event, context): ...\n"}, LAYER, project=project
    )

    (found,) = findings(check, subject)

    again = (
        "rebuild layer.zip from requirements.txt; a cache that may hold the old one must be keyed on "
        "requirements.txt (`lambda-artifact key` prints one over all that it is built from)"
    )
    assert found == Finding(
        "httpx is declared, and not in requirements.txt, which the archives are built from; no archive has it",
        "pyproject.toml:11",
        Severity.ERROR,
        f"1. requirements.txt: add httpx==0.28.1\n2. {again}",
        "/var/task/app/main.py:1 imports it",
        when=When.AT_START,
        edits=(Edit("add httpx==0.28.1", Place("requirements.txt"), Insert(1, "httpx==0.28.1")), Edit(again)),
        faults=(Fault(Defect.NO_DISTRIBUTION, "httpx"),),
    )


def test_what_a_vendors_layer_brings_is_declared_by_nobody() -> None:
    code = {**CODE, "app/main.py": "import fastapi\nimport agent\n"}
    project = Project(declaring("fastapi", dev=("agent",)), None, BUILD)

    assert findings(check, program_of(code, LAYER, wheel("agent==1"), project=project)) == []
    assert len(findings(check, program_of(code, {**LAYER, **wheel("agent==1")}, project=project))) == 1


def test_what_the_input_of_another_function_asks_for_is_not_missed_in_this_ones() -> None:
    project = Project(declaring("fastapi", "uvicorn"), None, BUILD)
    whole = program_of(CODE, LAYER, declared=manifest(API, layers=("layer.zip",)), project=project)
    other = program_of(CODE, wheel("uvicorn==6")).program

    assert len(findings(check, whole)) == 1
    assert findings(check, replace(whole, lists=replace(whole.lists, siblings=lambda: (other,)))) == []


def test_a_lock_of_an_unknown_format_is_not_compared() -> None:
    unknown = UnknownLock(DECLARED.path, "poetry.lock", "poetry.lock: format 9.0")
    with pytest.raises(Blocked, match=r"format 9\.0"):
        said(check, program_of(CODE, LAYER, project=Project(DECLARED, unknown, BUILD)))
