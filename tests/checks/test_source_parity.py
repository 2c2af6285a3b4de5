from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict, Unpack

import pytest

from fixtures.installed import distribution
from fixtures.zips import entry, write
from harness.artifact import folder as folder_reader
from harness.artifact.archive import read
from harness.artifact.entries import Role
from harness.check import Inapplicable
from harness.checks.source_parity import check
from harness.facts.archive import analyse
from harness.manifest import Source, SourceKind, VersionStamp
from harness.model import Finding, Note, Severity
from tests.build import POLICY, Seen, archive, function, manifest, subject
from tests.repositories import files, repository

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.check import Subject

E, W = Severity.ERROR, Severity.WARNING
MAIN = "from app import tracking\n\n\ndef handler(event, context):\n    return tracking.status()\n"
APP = {
    "VERSION": "3.8.0\n",
    "alembic.ini": "[alembic]\n",
    "alembic/env.py": "import alembic\n",
    "alembic/versions/0001_first.py": 'revision = "0001"\n',
    "app/__init__.py": "",
    "app/main.py": MAIN,
    "app/tracking.py": "def status():\n    return 1\n",
    "app/templates/mail.html": "<p>",
}
DEVELOPMENT = {
    "README.md": "",
    "Makefile": "",
    "pyproject.toml": "",
    "requirements.txt": "",
    "tests/test_main.py": "",
    "tests/data/event.json": "",
    "scripts/seed.py": "",
    "frontend/index.html": "",
    ".gitignore": "__pycache__/\n",
    "infra/main.tf": "",
}


class Declared(TypedDict, total=False):
    source: str
    source_excludes: tuple[str, ...]
    version_stamps: tuple[VersionStamp, ...]


def subject_of(root: Path, there: Mapping[str, str | bytes], **declared: Unpack[Declared]) -> Subject:
    """A code archive of these files beside a manifest that says that it is made of ``backend``."""
    contents = {name: text if isinstance(text, bytes) else text.encode() for name, text in there.items()}
    path = write(root / "code.zip", [entry(name, content) for name, content in contents.items()])
    code = read(path, "code.zip", Role.CODE)
    (root / "scratch").mkdir(exist_ok=True)
    facts = analyse(code, POLICY.python, root / "scratch")
    said = replace(
        manifest(function(handler="app.main.handler")),
        path=root / "lambda-artifact.toml",
        code=Source("code.zip", path, SourceKind.LOCAL),
        **{**declared, "source": root / declared.get("source", "backend")},  # type: ignore[arg-type]
    )
    return subject(code, declared=said, facts=(facts,))


def verdict(
    root: Path, here: Mapping[str, str], there: Mapping[str, str | bytes], **declared: Unpack[Declared]
) -> list[Finding]:
    """What is found of sources that are here, and of an archive that has what is there."""
    files(root / "backend", here)
    said = check.body(subject_of(root, there, **declared), Seen())
    return [one for one in said if isinstance(one, Finding)]


def without(texts: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: text for name, text in texts.items() if name not in names}


def test_an_archive_of_its_sources_passes(tmp_path: Path) -> None:
    files(tmp_path / "backend", APP | DEVELOPMENT)

    assert list(check.body(subject_of(tmp_path, APP), Seen())) == [Note("8 files are what backend has")]


def test_a_folder_that_is_no_sources_is_said_to_be_left_alone(tmp_path: Path) -> None:
    files(tmp_path / "backend", APP)
    files(tmp_path / "data", {f"{number}.csv": "" for number in range(1_100)})
    (tmp_path / "backend/app/data").symlink_to(tmp_path / "data")

    said = (
        "backend/app/data has more files than anybody's sources, and was not compared: if it is to stay out of the "
        "archive, name it in `source-excludes`"
    )
    assert list(check.body(subject_of(tmp_path, APP), Seen())) == [
        Note(said, limit=True),
        Note("8 files are what backend has"),
    ]


def test_so_it_does_where_git_says_what_belongs(tmp_path: Path) -> None:
    repository(tmp_path, {f"backend/{name}": text for name, text in (APP | DEVELOPMENT).items()})
    files(tmp_path, {"backend/app/__pycache__/main.cpython-312.pyc": ""})

    assert list(check.body(subject_of(tmp_path, APP), Seen())) == [Note("8 files are what backend has")]


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("app/new.py", "backend/app/new.py"),
        ("lambdas/worker.py", "backend/lambdas/worker.py"),
        ("alembic/versions/0002_second.py", "backend/alembic/versions/0002_second.py"),
        ("alembic/versions/0002_second.sql", "backend/alembic/versions/0002_second.sql"),
        ("app/templates/other.html", "backend/app/templates/other.html"),
        ("app/static/logo.svg", "backend/app/static/logo.svg"),
        ("settings.yaml", "backend/settings.yaml"),
    ],
)
def test_what_was_not_copied_is_missed(tmp_path: Path, name: str, where: str) -> None:
    (one,) = verdict(tmp_path, APP | {name: "x"}, APP)

    assert one.severity is E
    assert one.message == f"1 file of backend is not in code.zip: {where}"
    assert one.where == where
    assert one.remedy


@pytest.mark.parametrize(
    "name",
    [
        "app/tests/test_new.py",
        "app/conftest.py",
        "frontend/index.html",
        "scripts/seed.py",
        "deploy/release.py",
        "docs/index.html",
        "alembic/README",
        "alembic/script.py.mako",
        "poetry.lock",
        ".env",
        "app/.coveragerc",
        "infra/app.py",
        "template.yaml",
    ],
)
def test_what_is_for_developers_is_not(tmp_path: Path, name: str) -> None:
    assert verdict(tmp_path, APP | {name: "x"}, APP) == []


def test_tools_that_an_archive_has_some_of_are_missed(tmp_path: Path) -> None:
    here = APP | {"scripts/seed.py": "", "scripts/purge.py": ""}

    (one,) = verdict(tmp_path, here, without(here, "scripts/purge.py"))

    assert one.where == "backend/scripts/purge.py"


def test_bytecode_in_the_place_of_its_source_is_there(tmp_path: Path) -> None:
    there = {f"{name}c" if name.endswith(".py") else name: text for name, text in APP.items()}

    assert verdict(tmp_path, APP, there) == []


@pytest.mark.parametrize("name", ["app/main.py", "alembic.ini", "app/templates/mail.html"])
def test_other_content_is_a_stale_build(tmp_path: Path, name: str) -> None:
    (one,) = verdict(tmp_path, APP, APP | {name: "other"})

    assert one.severity is E
    assert one.message == f"1 file of code.zip is not what backend has: backend/{name}"
    assert one.where == f"code.zip!{name}"
    assert one.remedy == "build code.zip again: it was made of other sources than those that are checked out"


def test_what_a_handler_reaches_comes_first_and_ten_are_named(tmp_path: Path) -> None:
    here = APP | {f"app/a{number:02}.py": "" for number in range(12)}

    (one,) = verdict(tmp_path, here, {name: f"{text}\n" for name, text in here.items()})

    assert one.where == "code.zip!app/__init__.py"
    assert one.message.startswith(
        "20 files of code.zip are not what backend has: backend/app/__init__.py, backend/app/main.py, "
        "backend/app/tracking.py, backend/alembic/env.py, "
    )
    assert one.message.endswith(" and 10 more")


def test_of_line_endings_alone_there_is_a_word_of_its_own(tmp_path: Path) -> None:
    there = {name: text.replace("\n", "\r\n") for name, text in APP.items()} | {"app/tracking.py": "other\r\n"}

    stale, endings = verdict(tmp_path, APP, there)

    assert (stale.severity, stale.where) == (E, "code.zip!app/tracking.py")
    assert (endings.severity, endings.where) == (W, "code.zip!app/main.py")
    assert re.match("5 files of code.zip differ from backend by line endings alone: ", endings.message)


def test_line_endings_of_other_than_text_are_content(tmp_path: Path) -> None:
    (one,) = verdict(tmp_path, APP | {"app/a.bin": "\0\n"}, APP | {"app/a.bin": "\0\r\n"})

    assert one.severity is E


@pytest.mark.parametrize("name", ["README.md", "pyproject.toml", "requirements.txt"])
def test_what_is_for_developers_may_be_there_and_differ(tmp_path: Path, name: str) -> None:
    assert verdict(tmp_path, APP | DEVELOPMENT, APP | {name: "other"}) == []


@pytest.mark.parametrize("name", ["app/old.py", "old.py", "app/old.html", "build-info.json", "app/old.pyc"])
def test_what_only_the_archive_has_is_a_warning(tmp_path: Path, name: str) -> None:
    (one,) = verdict(tmp_path, APP, APP | {name: "x = 1"})

    assert one.severity is W
    assert one.message == f"1 file of code.zip is not in backend: code.zip!{name}"
    assert one.where == f"code.zip!{name}"


@pytest.mark.parametrize(
    "name",
    [
        "lambda-artifact-stamp.json",
        "app/__pycache__/main.cpython-312.pyc",
        "app/main.pyc",
        "requirements.txt",
        "some.libs/libz.so",
    ],
)
def test_some_of_what_only_it_has_is_nobodys_business(tmp_path: Path, name: str) -> None:
    assert verdict(tmp_path, APP, APP | {name: "x"}) == []


def test_what_distributions_brought_is_theirs(tmp_path: Path) -> None:
    recorded = distribution("tinyxml", "1.2.0", {"tinyxml/__init__.py": "", "tinyxml/data.json": "", "six.py": ""})
    loose = distribution("loose", "1.0", {"loose/__init__.py": "", "loose/data.json": ""}, record=False)

    assert verdict(tmp_path, APP, APP | recorded | loose) == []


def test_what_git_ignores_and_is_there_was_generated(tmp_path: Path) -> None:
    repository(tmp_path, {"backend/.gitignore": "_version.py\n", **{f"backend/{name}": APP[name] for name in APP}})
    (tmp_path / "backend/app/_version.py").write_text("version = 1")

    assert verdict(tmp_path, {}, APP | {"app/_version.py": "version = 1"}) == []


def test_a_catalogue_is_made_of_translations(tmp_path: Path) -> None:
    here = APP | {"app/locale/de/LC_MESSAGES/app.po": ""}

    assert verdict(tmp_path, here, APP | {"app/locale/de/LC_MESSAGES/app.mo": ""}) == []


def test_what_stays_out_on_purpose_or_is_generated_is_named(tmp_path: Path) -> None:
    here, there = APP | {"app/local.py": ""}, APP | {"app/_build.py": ""}

    assert len(verdict(tmp_path, here, there)) == 2
    assert verdict(tmp_path, here, there, source_excludes=("app/local.py", "_build.py")) == []


def test_stamped_files_are_written_by_the_build(tmp_path: Path) -> None:
    there = APP | {"VERSION": "3f78685", "build.json": "{}"}
    stamps = (VersionStamp("VERSION", commit=True), VersionStamp("/var/task/build.json", equals="1"))

    assert len(verdict(tmp_path, APP, there)) == 2
    assert verdict(tmp_path, APP, there, version_stamps=stamps) == []


SHIFTED = {
    "source-below": ("src/{}", "{}", "backend", "it has alembic/env.py, and backend has src/", "backend/src"),
    "source-at-the-top": ("src/{}", "{}", ".", "it has alembic/env.py, and . has backend/src/", "backend/src"),
    "source-above": ("{}", "backend/{}", "backend", "it has it below backend/, such as backend/alembic/", "."),
    "zipped-with-its-folder": ("{}", "package/{}", "backend", "it has it below package/", None),
}


@pytest.mark.parametrize("case", SHIFTED)
def test_one_folder_too_many_is_one_finding(tmp_path: Path, case: str) -> None:
    here, there, source, message, fitting = SHIFTED[case]

    (one,) = verdict(
        tmp_path,
        {here.format(name): text for name, text in APP.items()},
        {there.format(name): text for name, text in APP.items()},
        source=source,
    )

    assert one.severity is E
    assert f"code.zip has nothing of what {source} has at the same place: {message}" in one.message
    remedy = f'declare source = "{fitting}"' if fitting else "zip what is in backend, and not the folder that it is in"
    assert str(one.remedy).startswith(remedy)


def test_another_application_is_one_finding(tmp_path: Path) -> None:
    (one,) = verdict(tmp_path, APP, {"shop/main.py": "", "VERSION": "3.8.0\n"})

    assert one.message == "code.zip has nothing of what backend has: VERSION, alembic.ini, alembic/env.py"
    assert one.remedy == "build code.zip from backend, or name the folder that it is made of in `source`"


def test_a_folder_without_files_is_one_finding(tmp_path: Path) -> None:
    (tmp_path / "backend").mkdir()

    (one,) = verdict(tmp_path, {}, APP)

    assert one.message == "backend has no files"


def test_a_folder_that_plays_an_archive_is_compared_byte_by_byte(tmp_path: Path) -> None:
    files(tmp_path / "backend", APP | {"app/new.py": "a = 1\n"})
    files(tmp_path / "package", APP | {"app/new.py": "a = 2\n"})
    code = folder_reader.read(tmp_path / "package", "package", Role.CODE)
    (tmp_path / "scratch").mkdir()
    said = replace(
        manifest(function()),
        path=tmp_path / "lambda-artifact.toml",
        code=Source("package", tmp_path / "package", SourceKind.LOCAL),
        source=tmp_path / "backend",
    )

    facts = analyse(code, POLICY.python, tmp_path / "scratch")

    found = check.body(subject(code, declared=said, facts=(facts,)), Seen())

    (one,) = [one for one in found if isinstance(one, Finding)]
    assert (one.severity, one.where) == (E, "package/app/new.py")


def test_links_are_what_they_lead_to(tmp_path: Path) -> None:
    files(tmp_path / "backend", APP)
    (tmp_path / "backend/app/same.py").symlink_to("tracking.py")

    assert verdict(tmp_path, {}, APP | {"app/same.py": APP["app/tracking.py"]}) == []


def test_a_function_with_code_of_its_own_has_sources_of_its_own(tmp_path: Path) -> None:
    base = subject_of(tmp_path, APP)
    files(tmp_path / "worker", APP)
    assert base.manifest.code
    own = replace(function(), code=base.manifest.code, source=tmp_path / "worker")
    declared = replace(base.manifest, functions=(own,), source=None)

    assert list(check.body(replace(base, manifest=declared), Seen())) == [Note("8 files are what worker has")]


def test_sources_of_another_archive_are_not_compared(tmp_path: Path) -> None:
    base = subject_of(tmp_path, APP)
    other = replace(base.manifest, code=Source("other.zip", tmp_path / "other.zip", SourceKind.LOCAL))

    with pytest.raises(Inapplicable, match="declares no `source` for the code archive"):
        list(check.body(replace(base, manifest=other), Seen()))


def test_without_code_there_is_nothing_to_compare() -> None:
    with pytest.raises(Inapplicable, match="there is no code archive"):
        list(check.body(subject(archive("python/x.py")), Seen()))
