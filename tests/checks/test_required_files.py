from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.checks.required_files import check
from harness.dependencies.project import Project, Sources
from harness.model import Finding, Note
from tests.build import archive, code, entry, manifest, program_of, said, subject
from tests.build import findings as found

if TYPE_CHECKING:
    from pathlib import Path

    from harness.artifact.entries import Archive, Entry

CODE = (
    "alembic.ini",
    "alembic/env.py",
    "alembic/versions/0001_first.py",
    "alembic/versions/archive/0000_old.py",
    "templates/[id].html",
    "templates/a-b.html",
    "app/.env",
    "stated/",
    "stated/deep/file.txt",
    "hollow/",
    entry("empty.txt", 0),
    entry("empties/a.txt", 0),
    entry("empties/b.txt", 0),
    "current -> alembic.ini",
    "versions -> alembic/versions",
    "broken -> nowhere",
    "loop -> loop",
    "blank -> empty.txt",
)
LAYER = ("python/certs/root.pem", entry("python/certs/none.crt", 0))


def verdict(pattern: str, *contents: str | Entry, layers: tuple[Archive, ...] = (archive(*LAYER),)) -> Finding | Note:
    own = code(*(contents or CODE))
    (one,) = said(check, subject(own, *layers, declared=manifest(required=(pattern,))))
    assert isinstance(one, Finding | Note)
    return one


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("alembic.ini", 1),
        ("./alembic.ini", 1),
        ("alembic//env.py", 1),
        ("app/../alembic.ini", 1),
        ("/var/task/alembic.ini", 1),
        ("/opt/python/certs/root.pem", 1),
        ("/opt/**/*.pem", 1),
        ("/opt/python/certs/*", 2),
        ("*.ini", 1),
        ("alembic.in?", 1),
        ("alembic/versions/*.py", 1),
        ("alembic/versions/**.py", 2),
        ("alembic/**/*.py", 3),
        ("alembic/**", 3),
        ("**/env.py", 1),
        ("**/alembic.ini", 1),
        ("**", 15),
        ("alembic/versions/[0-9]*.py", 1),
        ("alembic/versions/[!a-z]*.py", 1),
        ("alembic/versions/[^0]*.py", 1),
        ("alembic[!a]env.py", 0),
        ("alembic[/]env.py", 0),
        ("alembic[.-0]ini", 1),
        ("alembic[.-0]env.py", 0),
        ("alembic/versions/[9-0]*.py", 0),
        ("alembic/versions/[\\d]*.py", 0),
        ("templates/[id].html", 0),
        ("templates/[[]id].html", 1),
        ("templates/a[-_]b.html", 1),
        ("templates/(a|a-b).html", 0),
        ("app/*", 1),
        ("stated/*", 0),
        ("stated/**", 1),
        ("current", 1),
        ("Alembic.ini", 0),
        ("alembic*py", 0),
        ("lembic.ini", 0),
        ("alembic.ini.bak", 0),
        ("/etc/hosts", 0),
        ("/opt/alembic.ini", 0),
        ("certs/root.pem", 0),
    ],
)
def test_a_pattern_matches_files_with_something_in_them(pattern: str, count: int) -> None:
    found = verdict(pattern)

    if count:
        assert found == Note(f"{pattern}: {count}")
    else:
        assert isinstance(found, Finding)
        assert found.message.startswith(f"required file {pattern}: ")


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("nothing.txt", "not in the artifact"),
        ("alembic.in", "not in the artifact"),
        ("empty.txt", "matches only empty files (/var/task/empty.txt)"),
        ("empties/*", "matches only empty files (/var/task/empties/a.txt, /var/task/empties/b.txt)"),
        ("/opt/python/certs/*.crt", "matches only empty files (/opt/python/certs/none.crt)"),
        ("blank", "matches only empty files (/var/task/blank)"),
        ("broken", "matches only empty files (/var/task/broken)"),
        ("loop", "matches only empty files (/var/task/loop)"),
        ("stated", "matches only a folder (/var/task/stated)"),
        ("stated/", "matches only a folder (/var/task/stated)"),
        ("stated/*", "matches only a folder (/var/task/stated/deep)"),
        ("hollow", "matches only a folder (/var/task/hollow)"),
        ("alembic", "matches only a folder (/var/task/alembic)"),
        ("alembic/versions", "matches only a folder (/var/task/alembic/versions)"),
        ("versions", "matches only a folder (/var/task/versions)"),
        ("/opt/python", "matches only a folder (/opt/python)"),
    ],
)
def test_what_is_missing_empty_or_a_folder_is_told_apart(pattern: str, what: str) -> None:
    found = verdict(pattern)

    assert isinstance(found, Finding)
    assert found.message == f"required file {pattern}: {what}"


def test_one_full_file_among_empty_ones_is_enough() -> None:
    assert verdict("v/*", entry("v/a.py", 0), entry("v/b.py", 1)) == Note("v/*: 2")


ELSEWHERE = "move it, or require that path"
REMEDIES: list[tuple[str, str | Entry, str, str]] = [
    ("a.ini", "b", "code.zip: /var/task/a.ini", "copy a.ini into the folder that code.zip is made from"),
    ("a.ini", "x/a.ini", "code.zip: /var/task/a.ini", f"it is at /var/task/x/a.ini: {ELSEWHERE}"),
    ("a.ini", "A.INI", "code.zip: /var/task/a.ini", f"it is at /var/task/A.INI: {ELSEWHERE}"),
    ("/opt/a", "b", "layer.zip: /opt/a", "copy a into the folder that layer.zip is made from"),
    ("/opt/root.pem", "b", "layer.zip: /opt/root.pem", f"it is at /opt/python/certs/root.pem: {ELSEWHERE}"),
    ("/etc/a", "b", "code.zip: /etc/a", "archives fill /var/task and /opt only: name a path there"),
    ("../a", "b", "code.zip: /var/a", "archives fill /var/task and /opt only: name a path there"),
    ("f", "f/x", "code.zip: /var/task/f", "require the files in it: f/**"),
    ("f/", "f/x", "code.zip: /var/task/f", "require the files in it: f/**"),
    (
        "e",
        entry("e", 0),
        "code.zip: /var/task/e",
        "look at the build step that wrote it: a copy that failed leaves an empty file",
    ),
]


@pytest.mark.parametrize(("pattern", "content", "where", "remedy"), REMEDIES)
def test_the_remedy_fits(pattern: str, content: str | Entry, where: str, remedy: str) -> None:
    found = verdict(pattern, content)

    assert isinstance(found, Finding)
    assert (found.where, found.remedy) == (where, remedy)


def test_a_layer_that_is_not_there_is_not_named() -> None:
    found = verdict("/opt/a", "b", layers=())

    assert isinstance(found, Finding)
    assert (found.where, found.remedy) == ("/opt/a", "copy a into the folder that the archive is made from")


def test_a_later_layer_decides() -> None:
    empty = archive(entry("python/certs/root.pem", 0), source="later.zip")

    found = verdict("/opt/python/certs/root.pem", "app.py", layers=(archive(*LAYER), empty))

    assert isinstance(found, Finding)


@pytest.mark.parametrize(
    ("code", "layer"),
    [
        ({}, {"python/alembic/__init__.py": "", "python/alembic/templates/async/env.py": ""}),
        ({"pkg/__init__.py": "", "pkg/env.py": ""}, {"python/x.py": ""}),
        ({"other/env.py": ""}, {"python/x.py": ""}),
    ],
)
def test_a_file_of_the_same_name_is_no_copy(code: dict[str, str], layer: dict[str, str]) -> None:
    files = {"app.py": "", **code}

    (one,) = found(check, program_of(files, layer, declared=manifest(required=("alembic/env.py",))))

    assert one.remedy == "copy alembic/env.py into the folder that code.zip is made from"


def test_the_same_file_in_another_folder_is_one() -> None:
    files = {"app.py": "", "backend/alembic/env.py": ""}

    (one,) = found(check, program_of(files, declared=manifest(required=("alembic/env.py",))))

    assert one.remedy == "it is at /var/task/backend/alembic/env.py: move it, or require that path"


def test_the_sources_have_what_is_to_be_copied(tmp_path: Path) -> None:
    (tmp_path / "alembic").mkdir()
    (tmp_path / "alembic" / "env.py").touch()
    project = Project(sources=(Sources(tmp_path, "backend"),))

    (one,) = found(check, program_of({"app.py": ""}, declared=manifest(required=("alembic/*.py",)), project=project))

    assert one.remedy == "copy backend/alembic/*.py into the folder that code.zip is made from"
