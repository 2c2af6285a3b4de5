"""What the archives were to be built of, and what is in them, beside what is said where the two differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from harness.check import Blocked
from harness.checks import unpinned
from harness.checks.built_dependencies import check
from harness.dependencies.project import BuildInput, Project, UnknownLock, Unnamed
from harness.model import Note
from tests.build import asked, building, declaring, findings, function, locking, manifest, program_of, said, wheel

CODE = {"app/__init__.py": "", "app/main.py": "import fastapi\n\n\ndef handler(event, context):\n    pass\n"}
FASTAPI = wheel("fastapi==0.1", requires=("starlette>=0.1", "httpx; extra == 'all'"))
LAYER = {**FASTAPI, **wheel("starlette==0.2")}
BUILD = building("fastapi==0.1")
LOCK = locking({"fastapi==0.1": ("starlette", "all: httpx"), "starlette==0.2": (), "httpx==1.0": ()})
API = function()


@dataclass(frozen=True)
class Row:
    """The lists, the layer, and what is said.

    Attributes:
        says: A severity and a part of each message; ``note`` for a note.
    """

    project: Project
    layer: dict[str, str]
    says: tuple[tuple[str, str], ...] = ()


def bare(pin: str) -> dict[str, str]:
    """A distribution whose metadata was thrown away."""
    return {path: text for path, text in wheel(pin).items() if ".dist-info" not in path}


ROWS: dict[str, Row] = {
    "all there": Row(Project(None, None, BUILD), LAYER),
    "all there, and locked": Row(Project(declaring("fastapi"), LOCK, BUILD), LAYER),
    "one is not there": Row(
        Project(None, None, building("fastapi==0.1", "pydantic==2.1")),
        LAYER,
        (("warning", "requirements.txt:2 asks for pydantic==2.1, and it is not in code.zip or layer.zip"),),
    ),
    "one that a library cannot be imported without is not there": Row(
        Project(None, None, building("fastapi==0.1", "pydantic==2.1")),
        {**LAYER, "python/fastapi/__init__.py": "import pydantic"},
        (("error", "requirements.txt:2 asks for pydantic==2.1, and it is not in code.zip or layer.zip"),),
    ),
    "one is not asked for on this system": Row(
        Project(None, None, building("fastapi==0.1", "pywin32==1; sys_platform == 'win32'")), LAYER
    ),
    "nothing is there": Row(
        Project(None, None, building("fastapi==0.1", "pydantic==2.1")),
        {"python/README.txt": ""},
        (("error", "layer.zip: no distribution in it, and requirements.txt asks for 2"),),
    ),
    "one without its metadata": Row(
        Project(None, None, building("fastapi==0.1", "pydantic==2.1")), {**LAYER, **bare("pydantic==2.1")}
    ),
    "the runtime has it": Row(
        Project(None, None, building("fastapi==0.1", "boto3==1.44.5")),
        LAYER,
        (("note", "asks for boto3==1.44.5, and only the runtime has it"),),
    ),
    "another version than the pin": Row(
        Project(None, None, building("fastapi==0.2")),
        LAYER,
        (("error", "fastapi 0.1 is built in, and requirements.txt:1 has 0.2"),),
    ),
    "another version than the specifier": Row(
        Project(None, None, building("fastapi>=0.2")),
        LAYER,
        (("error", "fastapi 0.1 is built in, and requirements.txt:1 has >=0.2"),),
    ),
    "another version than is locked, of what comes along": Row(
        Project(declaring("fastapi"), locking({"fastapi==0.1": ("starlette",), "starlette==0.3": ()}), BUILD),
        LAYER,
        (
            (
                "warning",
                "poetry.lock is not what is installed from requirements.txt: 1 differs: starlette 0.2 (locked 0.3)",
            ),
        ),
    ),
    "another version than is locked, and installed from the lock": Row(
        Project(
            declaring("fastapi"),
            locking({"fastapi==0.1": ("starlette",), "starlette==0.3": ()}),
            None,
            built_from_lock=True,
        ),
        LAYER,
        (("error", "starlette 0.2 is built in, and poetry.lock:2 has 0.3"),),
    ),
    "ranges that are newer than the lock": Row(
        Project(
            declaring("fastapi"),
            locking({"fastapi==0.0.9": ("starlette",), "starlette==0.1": ()}),
            building("fastapi>=0.1"),
        ),
        LAYER,
        (("warning", "2 differ: fastapi 0.1 (locked 0.0.9), starlette 0.2 (locked 0.1)"),),
    ),
    "what a folder of the repository needs": Row(
        Project(None, None, replace(BUILD, needed=(asked("idna>=3", where="lib/setup.py"),))),
        {**LAYER, **wheel("idna==3.7")},
    ),
    "what a line may need that says nothing": Row(
        Project(None, None, replace(BUILD, unnamed=(Unnamed("./lib", "requirements.txt:2"),))),
        {**LAYER, **wheel("idna==3.7")},
        (("note", "requirements.txt:2: ./lib says no name, and was not looked for"),),
    ),
    "another version than a constraint": Row(
        Project(None, None, replace(BUILD, constraints=(asked("starlette==0.4", where="constraints.txt:1"),))),
        LAYER,
        (("error", "starlette 0.2 is built in, and constraints.txt:1 has 0.4"),),
    ),
    "a pin that differs from the lock is the build's": Row(
        Project(declaring("fastapi"), locking({"fastapi==0.3": ("starlette",), "starlette==0.2": ()}), BUILD),
        LAYER,
        (
            (
                "warning",
                "poetry.lock is not what is installed from requirements.txt: 1 differs: fastapi 0.1 (locked 0.3)",
            ),
        ),
    ),
    "a build with a label of its own": Row(
        Project(None, None, building("torch==2.1")),
        {**wheel("torch==2.1+cpu"), **wheel("sympy==1")},
        (("warning", "built in, and nothing asks for it: sympy 1"),),
    ),
    "versions that are written differently": Row(Project(None, None, building("fastapi==0.1.0")), LAYER),
    "an extra that is not there whole": Row(
        Project(None, None, building("fastapi[all]==0.1")),
        LAYER,
        (("error", "requirements.txt:1 asks for fastapi[all], and httpx, which the extra brings, is in no archive"),),
    ),
    "an extra that is there": Row(Project(None, None, building("fastapi[all]==0.1")), {**LAYER, **wheel("httpx==1.0")}),
    "what nothing asks for": Row(
        Project(None, None, BUILD),
        {**LAYER, **wheel("left-pad==1.0")},
        (("warning", "built in, and nothing asks for it: left-pad 1.0 (0.0 MB); 0.0 MB in all"),),
    ),
    "what only developers ask for": Row(
        Project(
            declaring("fastapi", dev=("pip-audit",)),
            locking({"fastapi==0.1": ("starlette",), "starlette==0.2": (), "pip-audit==2": ("rich",), "rich==14": ()}),
            BUILD,
        ),
        {**LAYER, **wheel("rich==14"), **wheel("pydantic==1", requires=()), **wheel("anyio==1")},
        (
            ("warning", "built in, and asked for by group dev alone: rich 14 (0.0 MB, through pip-audit)"),
            ("warning", "built in, and nothing asks for it: anyio 1 (0.0 MB), pydantic 1 (0.0 MB)"),
        ),
    ),
    "a layer of which nothing is asked for is another's": Row(
        Project(None, None, building("app-secrets")), {**bare("app-secrets==1"), **wheel("datadog==1")}
    ),
    "built from the lock": Row(
        Project(declaring("fastapi[all]"), LOCK, None, built_from_lock=True),
        LAYER,
        (("warning", "poetry.lock:3 asks for httpx 1.0, and it is not in code.zip or layer.zip"),),
    ),
    "built from what is declared": Row(
        Project(declaring("fastapi>=0.1", "pydantic")),
        LAYER,
        (("warning", "pyproject.toml:11 asks for pydantic, and it is not in"),),
    ),
    "an extra that is declared, where nothing else says what is built from": Row(
        Project(declaring("fastapi[all]")),
        LAYER,
        (("error", "pyproject.toml:10 asks for fastapi[all], and httpx, which the extra brings, is in no archive"),),
    ),
    "metadata that was thrown away, of a distribution whose modules have names that nobody knows": Row(
        Project(None, None, building("fastapi==0.1", "some-driver==2")),
        {**bare("fastapi==0.1"), "python/driverlib/__init__.py": ""},
        (("note", "requirements.txt:2 asks for some-driver==2; without metadata in the layers, nothing tells"),),
    ),
    "more than anybody reads": Row(
        Project(None, None, building("fastapi==0.1", *(f"lib{number}==1" for number in range(30)))),
        LAYER,
        (("warning", "30 distributions of requirements.txt are not in code.zip or layer.zip: lib0==1, lib1==1"),),
    ),
    "a line without a name": Row(
        Project(None, None, replace(BUILD, unnamed=(Unnamed("./lib", "requirements.txt:2"),))),
        LAYER,
        (("note", "requirements.txt:2: ./lib says no name, and was not looked for"),),
    ),
    "another distribution with the same modules": Row(
        Project(None, None, building("fastapi==0.1", "opencv-python==4.9")),
        {**LAYER, **wheel("opencv-python-headless==4.9", "cv2/__init__.py")},
        (("warning", "requirements.txt:2 asks for opencv-python==4.9, and opencv-python-headless is built in"),),
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_verdicts(row: Row) -> None:
    subject = program_of(CODE, row.layer, declared=manifest(API, layers=("layer.zip",)), project=row.project)

    told = said(check, subject)

    kinds = [("note", one.text) if isinstance(one, Note) else (str(one.severity), one.message) for one in told]
    assert len(kinds) == len(row.says), kinds
    for (kind, text), (expected, part) in zip(kinds, row.says, strict=True):
        assert (kind, part in text) == (expected, True), text


def test_what_another_function_has_is_not_missed_in_this_one() -> None:
    build = building("fastapi==0.1", "pyyaml==6")
    whole = program_of(CODE, LAYER, declared=manifest(API, layers=("layer.zip",)), project=Project(None, None, build))
    other = program_of(CODE, wheel("pyyaml==6", "yaml/__init__.py")).program
    beside = replace(whole, lists=replace(whole.lists, siblings=lambda: (other,)))

    assert [one.message for one in findings(check, whole)] == [
        "requirements.txt:2 asks for pyyaml==6, and it is not in code.zip or layer.zip"
    ]
    assert findings(check, beside) == []


def test_a_lock_of_an_unknown_format_is_not_compared() -> None:
    unknown = UnknownLock(BUILD.files[0], "poetry.lock", "poetry.lock: format 9.0")
    for one in (check, unpinned.check):
        with pytest.raises(Blocked, match=r"format 9\.0"):
            said(one, program_of(CODE, LAYER, project=Project(None, unknown, BUILD)))


def hashed(*texts: str) -> BuildInput:
    build = building(*texts)
    return replace(build, asked=tuple(replace(one, hashed=True) for one in build.asked))


SHARED = replace(asked("fastapi"), text="./shared", folder="shared")
# The lists, and what is open.
OPEN: dict[str, tuple[Project, str | None]] = {
    "pinned, with what comes along": (Project(None, None, building("fastapi==0.1", "starlette==0.2")), None),
    "pinned, without what comes along": (
        Project(None, None, BUILD),
        "no pin, hash or lock binds starlette 0.2, which comes along",
    ),
    "open": (
        Project(None, None, building("fastapi>=0.1", "starlette==0.2")),
        "no pin, hash or lock binds fastapi>=0.1 (requirements.txt:1)",
    ),
    "a wildcard": (Project(None, None, building("fastapi==0.*", "starlette==0.2")), "binds fastapi==0.* (requirements"),
    "bound by the lock": (Project(declaring("fastapi"), LOCK, building("fastapi")), None),
    "bound by a constraint": (
        Project(None, None, replace(BUILD, constraints=(asked("starlette==0.2"),))),
        None,
    ),
    "bound by hashes": (Project(None, None, hashed("fastapi==0.1")), None),
    "a folder of the repository": (
        Project(None, None, replace(building("starlette==0.2"), asked=(*building("starlette==0.2").asked, SHARED))),
        None,
    ),
    "pinned by a folder of the repository": (
        Project(None, None, replace(BUILD, needed=(asked("starlette==0.2"),))),
        None,
    ),
}


@pytest.mark.parametrize(("project", "says"), OPEN.values(), ids=OPEN.keys())
def test_unpinned(project: Project, says: str | None) -> None:
    found = findings(unpinned.check, program_of(CODE, LAYER, project=project))
    assert [one.message.partition(": ")[2] for one in found if says] == [
        one.message.partition(": ")[2] for one in found
    ]
    assert (found == []) if says is None else says in found[0].message


def test_what_a_distribution_pins_that_is_there_is_bound() -> None:
    layer = {**wheel("fastapi==0.1", requires=("starlette==0.2",)), **wheel("starlette==0.2")}

    assert findings(unpinned.check, program_of(CODE, layer, project=Project(None, None, BUILD))) == []
