from __future__ import annotations

import re

import pytest

from harness.check import Inapplicable
from harness.checks.migrations import check
from harness.facts.migrations.environments import environments
from harness.model import Finding, Note, Severity
from tests.build import function, manifest, program_of, said

INI = "[alembic]\nscript_location = %(here)s/migrations\n"
ENV = "from alembic import context\n"
A = 'revision = "a"\ndown_revision = None\n'
B = 'revision = "b"\ndown_revision = "a"\n'
C = 'revision = "c"\ndown_revision = "a"\n'
SOUND = {
    "alembic.ini": INI,
    "migrations/env.py": ENV,
    "migrations/versions/a.py": A,
    "migrations/versions/b.py": B,
}
RUNS = "from alembic import command\nfrom alembic.config import Config\n\n\ndef handler(event, context): ...\n"
UPGRADES = RUNS.replace("...", "\n    command.upgrade(Config('alembic.ini'), 'heads')")
LAYER = {"python/alembic/__init__.py": "", "python/alembic/command.py": ""}


def verdict(*without: str, runs: str = RUNS, **changed: str) -> list[Finding | Note]:
    """What is said of the sound environment without some files, and with others: ``versions_c`` is versions/c.py."""
    files = {name: text for name, text in SOUND.items() if not name.startswith(without or "\0")}
    files |= {f"migrations/{name.replace('_', '/')}.py": text for name, text in changed.items() if name != "ini"}
    files |= {"alembic.ini": changed["ini"]} if "ini" in changed else {}
    declared = manifest(function(handler="migrate.handler"))
    return said(check, program_of({**files, "migrate.py": runs}, LAYER, declared=declared))


def test_a_sound_one_is_noted_with_its_head() -> None:
    assert verdict() == [Note("migrations: 2 revisions, head b")]


BROKEN: list[tuple[tuple[str, ...], dict[str, str], str, str]] = [
    (("migrations/env",), {}, "Can't find Python file /var/task/migrations/env.py", "code.zip!migrations"),
    (("migrations",), {}, "Path doesn't exist: /var/task/migrations", "code.zip!alembic.ini"),
    ((), {"ini": "[alembic]\n"}, "No 'script_location' key found in configuration", "code.zip!alembic.ini"),
    (
        (),
        {"ini": INI.replace("%(here)s", "/builds/shop")},
        "Path doesn't exist: /builds/shop/migrations",
        "code.zip!alembic.ini",
    ),
    (
        ("migrations/versions/a",),
        {},
        "KeyError: 'a': b.py follows or depends on that revision",
        "code.zip!migrations/versions/b.py",
    ),
    ((), {"versions_c": C}, "Multiple head revisions are present for given argument 'head'", "/var/task/migrations"),
    (
        (),
        {"versions_c": B},
        "Revision b is present more than once: in b.py and c.py",
        "code.zip!migrations/versions/c.py",
    ),
    (
        (),
        {"versions_a": A.replace("None", '"b"')},
        "Cycle is detected in revisions (a, b)",
        "/var/task/migrations",
    ),
    (
        (),
        {"versions_helpers": "def table(): ...\n"},
        "Could not determine revision id from filename helpers.py",
        "code.zip!migrations/versions/helpers.py",
    ),
]


@pytest.mark.parametrize(("without", "changed", "message", "where"), BROKEN, ids=[row[2] for row in BROKEN])
def test_what_alembic_will_say_is_said(
    without: tuple[str, ...], changed: dict[str, str], message: str, where: str
) -> None:
    (one,) = [one for one in verdict(*without, **changed) if isinstance(one, Finding)]

    assert one.message.startswith(message)
    assert (one.where, one.severity) == (where, Severity.ERROR)
    assert one.remedy


@pytest.mark.parametrize(("without", "changed", "message", "where"), BROKEN, ids=[row[2] for row in BROKEN])
def test_where_no_code_runs_alembic_it_is_a_warning(
    without: tuple[str, ...], changed: dict[str, str], message: str, where: str
) -> None:
    (one,) = [one for one in verdict(*without, runs="def handler(e, c): ...", **changed) if isinstance(one, Finding)]

    assert one.severity is Severity.WARNING
    assert (one.message[:9], one.where) == (message[:9], where)


@pytest.mark.parametrize(
    ("runs", "versions_c"),
    [(UPGRADES, C), (RUNS, C + "branch_labels = ('other',)\n"), (RUNS, C + "branch_labels = 'other'\n")],
)
def test_several_heads_may_be_meant(runs: str, versions_c: str) -> None:
    (one,) = verdict(runs=runs, versions_c=versions_c)

    assert isinstance(one, Finding)
    assert one.severity is Severity.WARNING


def test_no_revision_at_all_is_a_warning() -> None:
    (one,) = verdict("migrations/versions")

    assert isinstance(one, Finding)
    assert one.severity is Severity.WARNING
    assert "upgrading does nothing" in one.message


@pytest.mark.parametrize(
    "setting",
    [
        "Config().set_main_option('script_location', 'app:migrations')",
        "config.set_section_option('alembic', 'script_location', x)",
        "__import__('os').chdir",
    ],
)
def test_a_location_that_the_code_sets_is_not_the_files(setting: str) -> None:
    runs = f"import os\n{RUNS}\n{setting}\nos.chdir(x)\n" if "chdir" in setting else f"{RUNS}\n{setting}\n"

    assert verdict("migrations", runs=runs) == []


LOCATIONS = [
    ("[alembic]\nscript_location = %(here)s/migrations", "migrations"),
    ("[alembic]\nscript_location = migrations", "migrations"),
    ("[alembic]\nscript_location = ./migrations/", "migrations"),
    ("[alembic]\nscript_location = /var/task/migrations", "migrations"),
    ("[alembic]\nscript_location = app:migrations", "app/migrations"),
    ("[alembic]\nscript_location = app:db:migrations", "app/db/migrations"),
    ("[alembic]\nscript_location = space:migrations", "space/migrations"),
    ("[alembic]\nroot = %(here)s\nscript_location = %(root)s/migrations", "migrations"),
    ("[other]\nscript_location = migrations", "migrations"),
]


@pytest.mark.parametrize(("ini", "folder"), LOCATIONS)
def test_a_location_is_a_path_or_a_resource(ini: str, folder: str) -> None:
    files = {"alembic.ini": ini, f"{folder}/env.py": ENV, f"{folder}/versions/a.py": A, "app/__init__.py": ""}

    (one,) = environments(program_of(files).program)

    assert (one.folder, one.there, one.script) == (f"/var/task/{folder}", True, True)
    assert one.history is not None
    assert one.history.heads == ("a",)


@pytest.mark.parametrize(
    "said_so",
    [
        "version_locations = %(here)s/one %(here)s/two",
        "version_locations = %(here)s/one, %(here)s/two",
        "version_locations = %(here)s/one:%(here)s/two\nversion_path_separator = os",
        "version_locations = %(here)s/one:%(here)s/two\npath_separator = :",
        "version_locations = %(here)s/one;two\npath_separator = ;",
        "version_locations =\n  %(here)s/one\n  two\npath_separator = newline",
        "version_locations = one two\npath_separator = space",
    ],
)
def test_versions_may_lie_in_several_places(said_so: str) -> None:
    files = {"alembic.ini": f"{INI}\n{said_so}\n", "migrations/env.py": ENV, "one/a.py": A, "two/b.py": B}

    (one,) = environments(program_of(files).program)

    assert one.versions == ("/var/task/one", "/var/task/two")
    assert one.history is not None
    assert one.history.heads == ("b",)


def test_a_pyproject_configures_as_well() -> None:
    toml = '[tool.alembic]\nscript_location = "%(here)s/migrations"\nversion_locations = ["%(here)s/one"]\n'
    files = {"pyproject.toml": toml, "alembic.ini": "[alembic]\n", "migrations/env.py": ENV, "one/a.py": A}

    (one,) = environments(program_of(files).program)

    assert (one.section, one.versions) == ("tool.alembic", ("/var/task/one",))


def test_subfolders_count_where_the_configuration_says_so() -> None:
    files = {**SOUND, "migrations/versions/old/c.py": 'revision = "c"\ndown_revision = "b"\n'}
    recursive = {**files, "alembic.ini": INI + "recursive_version_locations = true\n"}

    heads = [environments(program_of(each).program)[0].history for each in (files, recursive)]

    assert [one.heads for one in heads if one] == [("b",), ("c",)]


def test_an_environment_that_nothing_names_is_found_where_it_lies() -> None:
    files = {name: text for name, text in SOUND.items() if name != "alembic.ini"}

    (one,) = environments(program_of(files).program)

    assert (one.config, one.folder) == (None, "/var/task/migrations")


@pytest.mark.parametrize(
    "files",
    [
        {"app.py": ""},
        {"pyproject.toml": "[project]\nname = 'x'\n"},
        {"pyproject.toml": "not toml"},
        {"alembic/versions/notes.txt": ""},
        {"blog/env.py": "", "blog/versions/a.py": A},
    ],
)
def test_without_an_environment_there_is_nothing_to_judge(files: dict[str, str]) -> None:
    with pytest.raises(Inapplicable, match=re.escape("the artifact has no Alembic environment")):
        said(check, program_of(files))


def test_a_librarys_own_is_its_own_affair() -> None:
    record = "airline/__init__.py,,\nairline/alembic.ini,,\nairline-1.dist-info/METADATA,,\n"
    layer = {
        "python/airline/__init__.py": "",
        "python/airline/alembic.ini": "[alembic]\nscript_location = nowhere\n",
        "python/airline-1.dist-info/METADATA": "Name: airline\nVersion: 1\n",
        "python/airline-1.dist-info/RECORD": record,
    }

    assert environments(program_of({"app.py": ""}, layer).program) == ()
