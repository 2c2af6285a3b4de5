from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.dependency_groups import resolve_dependency_groups
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from poetry.core.constraints.version import Version, parse_constraint
from poetry.core.factory import Factory

from harness.dependencies.declared.poetry import specifier
from harness.dependencies.declared.project_file import read_declared
from harness.dependencies.project import MAIN, Declared, Group, Kind, MalformedFileError

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "fixtures" / "sample"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def read(folder: Path, text: str, name: str = "pyproject.toml", **others: str) -> Declared:
    for other, content in others.items():
        (folder / other.replace("_", ".")).write_text(content)
    (folder / name).write_text(text)
    return read_declared(folder / name, folder)


def said(declared: Declared) -> list[str]:
    """Line, list and requirement of everything that is asked for."""
    return [f"{one.where.rpartition(':')[2]} {one.group}: {one.requirement}" for one in declared.asked]


def refused(folder: Path, text: str, name: str = "pyproject.toml", **others: str) -> list[str]:
    with pytest.raises(MalformedFileError) as caught:
        read(folder, text, name, **others)
    return str(caught.value).split("\n")


STANDARD = {
    "the main list": (
        '[project]\nname = "desk"\ndependencies = ["requests>=2", "Zope.Interface"]\n',
        ["3 main: requests>=2", "3 main: Zope.Interface"],
    ),
    "a line for each": (
        '[project]\ndependencies = [\n  "a", # "b"\n  "c",\n\n  \'b[x,y] >=1 ; python_version < "3.13"\',\n]\n',
        ["3 main: a", "4 main: c", '6 main: b[x,y]>=1; python_version < "3.13"'],
    ),
    "extras": (
        "[project.optional-dependencies]\ndata = [\n'pandas',\n]\nPost_Gres = ['psycopg2']\n",
        ["3 extra data: pandas", "5 extra post-gres: psycopg2"],
    ),
    "one requirement in two lists": (
        (
            "[project]\ndependencies = [\n'a',\n]\n[project.optional-dependencies]\nx = [\n'a',\n]\n"
            "[dependency-groups]\ny=['a']"
        ),
        ["3 main: a", "7 extra x: a", "10 group y: a"],
    ),
    "one requirement twice in a list": (
        '[project]\ndependencies = [\n"a; os_name==\'nt\'",\n"a",\n"a; os_name==\'nt\'",\n]\n',
        ['3 main: a; os_name == "nt"', "4 main: a", '5 main: a; os_name == "nt"'],
    ),
    "groups, and groups that they include": (
        "[dependency-groups]\ntest = [\n'pytest',\n]\nDev = [\n{include-group = 'Test'},\n'ruff',\n]\n",
        ["3 group test: pytest", "7 group dev: ruff", "3 group dev: pytest"],
    ),
    "a group that comes along by two ways": (
        "[dependency-groups]\na=['x']\nb=[{include-group='a'}]\nc=[{include-group='a'},{include-group='b'}]\n",
        ["2 group a: x", "2 group b: x", "2 group c: x"],
    ),
    "the project's own extra in another": (
        (
            "[project]\nname='Parcel.Desk'\n[project.optional-dependencies]\npg=['psycopg2']\n"
            "all=['parcel_desk[pg]','x']\n"
        ),
        ["4 extra pg: psycopg2", "4 extra all: psycopg2", "5 extra all: x"],
    ),
    "the project's own extra under a condition": (
        (
            "[project]\nname='desk'\n[project.optional-dependencies]\npg=['a', \"b; os_name == 'nt'\"]\n"
            "[dependency-groups]\ndev=[\"desk[PG]; python_version < '3'\"]\n"
        ),
        [
            "4 extra pg: a",
            '4 extra pg: b; os_name == "nt"',
            '4 group dev: a; python_version < "3"',
            '4 group dev: b; python_version < "3" and os_name == "nt"',
        ],
    ),
    "extras that ask for one another": (
        "[project]\nname='desk'\n[project.optional-dependencies]\na=['desk[b]','x']\nb=['desk[a]','y']\n",
        ["5 extra a: y", "4 extra a: x", "4 extra b: x", "5 extra b: y"],
    ),
    "the project itself in a group": (
        "[project]\nname='desk'\n[dependency-groups]\ndev=['desk', 'x']\n",
        ["4 group dev: x"],
    ),
    "uv's older list": ("[tool.uv]\ndev-dependencies = [\n'ruff',\n]\n", ["3 group dev: ruff"]),
    "uv's older list beside the standard's": (
        "[dependency-groups]\ndev = ['a']\n[tool.uv]\ndev-dependencies = ['b']\n",
        ["2 group dev: a", "4 group dev: b"],
    ),
    "PDM's older lists": (
        "[tool.pdm.dev-dependencies]\nlint = ['ruff']\ntest = ['-e ./x', '-e file:///${PROJECT_ROOT}/y#egg=y']\n",
        ["2 group lint: ruff", "3 group test: y @ file:///${PROJECT_ROOT}/y#egg=y"],
    ),
    "nothing": ("", []),
    "other people's tables": ("[tool.ruff]\nline-length = 120\n", []),
}


@pytest.mark.parametrize("case", STANDARD)
def test_what_the_standard_s_tables_declare(case: str, tmp_path: Path) -> None:
    text, expected = STANDARD[case]

    assert said(read(tmp_path, text)) == expected


GAP = "a constraint with a gap, from end to end"  # PEP 508 has no words for it
POETRY = {
    "constraints": (
        '[tool.poetry.dependencies]\na = "^1.2"\nb = "~2.3"\nc = "1.*"\nd = "*"\ne = "1.2"\nf = ">=1,!=1.5,<2"\n',
        [
            *("2 main: a<2.0,>=1.2", "3 main: b<2.4,>=2.3", "4 main: c==1.*", "5 main: d", "6 main: e==1.2"),
            "7 main: f!=1.5,<2,>=1",
        ],
    ),
    "Python is none": ('[tool.poetry.dependencies]\npython = "^3.12"\na = "*"\n', ["3 main: a"]),
    GAP: (
        '[tool.poetry.dependencies]\na = ">=1,<2 || >=3,<4"\nb = {version = "<1 || >2", python = ">=3.9"}\n',
        ["2 main: a<4,>=1", '3 main: b; python_version >= "3.9"'],
    ),
    "extras and conditions": (
        (
            '[tool.poetry.dependencies]\na = {version = "^1", extras = ["x"], markers = "os_name == \'nt\'"}\n'
            'b = {version = "1", python = "<3.9", platform = "linux"}\n'
        ),
        ['2 main: a[x]<2,>=1; os_name == "nt"', '3 main: b==1; python_version < "3.9" and sys_platform == "linux"'],
    ),
    "several constraints": (
        (
            '[tool.poetry.dependencies]\na = [\n  {version = "1", python = "<3.9"},\n'
            '  {version = "2", python = ">=3.9"},\n]\n'
        ),
        ['3 main: a==1; python_version < "3.9"', '4 main: a==2; python_version >= "3.9"'],
    ),
    "repositories": (
        (
            f'[tool.poetry.dependencies]\na = {{git = "https://x.example/a.git", rev = "{COMMIT}"}}\n'
            'b = {git = "git@x.example:y/b.git", branch = "main", subdirectory = "s"}\n'
        ),
        [
            f"2 main: a @ git+https://x.example/a.git@{COMMIT}",
            "3 main: b @ git+ssh://git@x.example/y/b.git@main#subdirectory=s",
        ],
    ),
    "files": (
        (
            '[tool.poetry.dependencies]\na = {url = "https://x.example/a-1.0-py3-none-any.whl"}\n'
            'b = {path = "/b", extras = ["x"]}\nc = {file = "/c-1.whl", python = "^3.9"}\n'
        ),
        [
            "2 main: a @ https://x.example/a-1.0-py3-none-any.whl",
            "3 main: b[x] @ file:///b",
            '4 main: c @ file:///c-1.whl ; python_version >= "3.9" and python_version < "4.0"',
        ],
    ),
    "a table of its own": (
        '[tool.poetry.dependencies]\n[tool.poetry.dependencies.a]\nversion = "1"\n',
        ["2 main: a==1"],
    ),
    "what is optional belongs to extras": (
        (
            '[tool.poetry.dependencies]\na = {version = "1", optional = true}\n'
            'b = {version = "2", optional = true}\nc = "3"\n'
            '[tool.poetry.extras]\nx = ["A"]\ny = ["a", "b", "c"]\n'
        ),
        ["4 main: c==3", "2 extra x: a==1", "2 extra y: a==1", "3 extra y: b==2"],
    ),
    "groups": (
        (
            '[tool.poetry.group.dev.dependencies]\na = "1"\n[tool.poetry.group.Test]\noptional = true\n'
            '[tool.poetry.group.Test.dependencies]\na = "1"\n'
        ),
        ["2 group dev: a==1", "6 group test: a==1"],
    ),
    "groups of groups": (
        (
            '[tool.poetry.group.test.dependencies]\na = "1"\n[tool.poetry.group.all]\n'
            'include-groups = ["test", "lint"]\n'
            '[dependency-groups]\nlint = ["b"]\n'
        ),
        ["6 group lint: b", "2 group test: a==1", "2 group all: a==1", "6 group all: b"],
    ),
    "the older group": ('[tool.poetry.dev-dependencies]\na = "1"\n', ["2 group dev: a==1"]),
    "the older group only adds to the standard's": (
        '[dependency-groups]\ndev = ["a>=1"]\n[tool.poetry.dev-dependencies]\na = {source = "private"}\nb = "2"\n',
        ["2 group dev: a>=1"],
    ),
    "the main list only adds to the standard's": (
        '[project]\ndependencies = ["a>=1"]\n[tool.poetry.dependencies]\na = {source = "private"}\nb = "2"\n',
        ["2 main: a>=1"],
    ),
    "the standard's main list is empty": (
        '[project]\ndependencies = []\n[tool.poetry.dependencies]\na = "1"\n',
        ["4 main: a==1"],
    ),
    "the standard has extras alone": (
        '[project]\nname = "x"\n[project.optional-dependencies]\nx = ["b"]\n[tool.poetry.dependencies]\na = "1"\n',
        ["4 extra x: b"],
    ),
    "the standard has extras, and the main list is left to Poetry": (
        (
            '[project]\ndynamic = ["dependencies"]\n[project.optional-dependencies]\nx = ["b"]\n'
            '[tool.poetry.dependencies]\na = "1"\n'
        ),
        ["4 extra x: b", "6 main: a==1"],
    ),
    "a group only adds to the standard's": (
        '[dependency-groups]\ndev = ["a>=1"]\n[tool.poetry.group.dev.dependencies]\na = {source = "private"}\n',
        ["2 group dev: a>=1"],
    ),
}


@pytest.mark.parametrize("case", POETRY)
def test_what_poetry_s_tables_declare(case: str, tmp_path: Path) -> None:
    text, expected = POETRY[case]

    assert said(read(tmp_path, text)) == expected


@pytest.mark.parametrize("case", [case for case in POETRY if case != GAP])
def test_poetry_says_the_same(case: str, tmp_path: Path) -> None:
    text, _ = POETRY[case]
    if "[project]" in text:
        text = text.replace("[project]", '[project]\nname = "desk"\nversion = "1"', 1).replace('name = "x"\n', "", 1)
    else:
        text += '[tool.poetry]\nname = "desk"\nversion = "1"\nauthors = []\ndescription = ""\n'
    declared = read(tmp_path, text)

    package = Factory().create_poetry(tmp_path).package
    found: set[tuple[str, Requirement]] = set()
    for name in package.dependency_group_names(include_optional=True):
        for one in package.dependency_group(name).dependencies:
            requirement = Requirement(one.to_pep_508(with_extras=False))
            lists = one.in_extras if one.is_optional() else ["main"] if name == "main" else [f"group {name}"]
            found |= {(str(extra), requirement) for extra in lists}

    ours = {(str(one.group).removeprefix("extra "), one.requirement) for one in declared.asked}
    assert ours == found


@given(
    st.lists(
        st.builds(
            "{}{}".format,
            st.sampled_from(["^", "~", "", ">=", "<", "!=", "==", ">", "<=", "~="]),
            st.sampled_from(["1.2", "0.3.1", "2.0", "0.0.4", "3.1.4", "1!2.0", "1.0a1"]),
        ),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([",", " || "]),
)
@example(["1.*"], ",")
@example(["<1.2", ">2.0"], " || ")
@settings(max_examples=200)
def test_a_specifier_lets_in_what_the_constraint_does(parts: list[str], between: str) -> None:
    constraint = between.join(parts)
    parsed = parse_constraint(constraint)
    if parsed.is_empty():
        with pytest.raises(ValueError, match="no constraint"):
            specifier(constraint)
        return

    found = specifier(constraint)

    for version in (
        *("0.0.3", "0.0.4", "0.3.1", "1.0", "1.2", "1.2.9", "1.9", "2.0", "2.1", "3.1.4", "4.0", "1!2.0", "1!3.0"),
    ):
        if parsed.allows(Version.parse(version)):
            assert found.contains(version, prereleases=True)
        elif "||" not in str(parsed):
            assert not found.contains(version, prereleases=True)


PIPFILE = {
    "packages": (
        '[packages]\na = "*"\nb = ">=1,<2"\nc = "==1.2"\nd = "1.2"\n"E.f" = "~=1.4"\n',
        ["2 main: a", "3 main: b<2,>=1", "4 main: c==1.2", "5 main: d==1.2", "6 main: E.f~=1.4"],
    ),
    "tables": (
        (
            '[packages]\na = {version = ">=1", extras = ["x", "y"], index = "private"}\n'
            'b = {version = "*", markers = "os_name == \'nt\'", sys_platform = "== \'win32\'"}\n'
        ),
        ["2 main: a[x,y]>=1", '3 main: b; os_name == "nt" and sys_platform == "win32"'],
    ),
    "repositories and files": (
        (
            f'[packages]\na = {{git = "https://x.example/a", ref = "{COMMIT}", editable = true}}\nb = {{path = "/b"}}\n'
            'c = {file = "https://x.example/c.zip"}\n'
        ),
        [
            f"2 main: a @ git+https://x.example/a@{COMMIT}",
            "3 main: b @ file:///b",
            "4 main: c @ https://x.example/c.zip",
        ],
    ),
    "categories": (
        (
            '[[source]]\nname = "x"\nurl = "https://x.example"\n[dev-packages]\na = "*"\n[Docs]\n'
            'a = "*"\n[packages]\na = "*"\n'
            '[scripts]\nrun = "a"\n[pipenv]\nallow_prereleases = true\n[requires]\npython_version = "3.12"\n'
        ),
        ["9 main: a", "5 group dev: a", "7 group docs: a"],
    ),
    "nothing": ("", []),
}


@pytest.mark.parametrize("case", PIPFILE)
def test_what_a_pipfile_declares(case: str, tmp_path: Path) -> None:
    text, expected = PIPFILE[case]

    assert said(read(tmp_path, text, "Pipfile")) == expected


MALFORMED = {
    "no TOML": ("[project\n", ["pyproject.toml:1: expected TOML: Expected ']' at the end of a table declaration"]),
    "TOML that ends too early": (
        "[project",
        ["pyproject.toml: expected TOML: Expected ']' at the end of a table declaration (at end of document)"],
    ),
    "a merge conflict": (
        "[project]\nname = 'x'\n<<<<<<< HEAD\nversion = '1'\n=======\n",
        ["pyproject.toml:3: unresolved merge conflict: expected one version, without git's marks"],
    ),
    "a table that is none": (
        "tool = 1\nproject = []\n",
        ["pyproject.toml:1: expected a table, found 1", "pyproject.toml:2: expected a table, found an array"],
    ),
    "a requirement that is none": (
        '[project]\ndependencies = [\n  "requests",\n  "requests >> 2",\n]\n',
        ["pyproject.toml:4: expected a requirement such as name>=1.2, found 'requests >> 2'"],
    ),
    "requirements that are no strings": (
        '[project]\ndependencies = "requests"\n[dependency-groups]\nx = 3\n',
        ["pyproject.toml:2: expected an array, found 'requests'", "pyproject.toml:4: expected an array, found 3"],
    ),
    "several things": (
        (
            '[dependency-groups]\nx = ["=="]\n[project]\nname = "a b"\nrequires-python = "three"\n'
            'dependencies = [1, true, "a", {}]\n'
        ),
        [
            "pyproject.toml:2: expected a requirement such as name>=1.2, found '=='",
            "pyproject.toml:4: expected the name of a distribution, of letters, digits, '.', '_' and '-', found 'a b'",
            "pyproject.toml:5: expected a specifier such as >=3.12, found 'three'",
            "pyproject.toml:6: expected a string, found 1",
            "pyproject.toml:6: expected a string, found true",
            "pyproject.toml:6: expected a string, found a table",
        ],
    ),
    "something long": (
        f'[project]\ndependencies = ["{"a b" * 50}"]\n',
        [f"pyproject.toml:2: expected a requirement such as name>=1.2, found '{('a b' * 50)[:79]}…"],
    ),
    "a group that is not there": (
        "[dependency-groups]\nx = [\n{include-group = 'y'},\n]\n",
        ["pyproject.toml:3: expected a group that there is, found 'y'"],
    ),
    "groups in a circle": (
        (
            "[dependency-groups]\nw = [{include-group = 'x'}]\nx = [{include-group = 'y'}]\ny = ['a',\n"
            "{include-group = 'x'}]\n"
        ),
        ["pyproject.toml:5: expected groups that do not include themselves, found 'x'"],
    ),
    "a group that includes itself": (
        "[dependency-groups]\nx = [{include-group = 'x'}]\n",
        ["pyproject.toml:2: expected groups that do not include themselves, found 'x'"],
    ),
    "Poetry's groups in a circle": (
        "[tool.poetry.group.x]\ninclude-groups = ['y']\n[tool.poetry.group.y]\ninclude-groups = ['x']\n",
        ["pyproject.toml:4: expected groups that do not include themselves, found 'x'"],
    ),
    "an include with something else": (
        "[dependency-groups]\nx = [{include-group = 'x', and = 1}]\n",
        ['pyproject.toml:2: expected a requirement such as name>=1.2, or {include-group = "name"}, found a table'],
    ),
    "Poetry's constraints": (
        (
            '[tool.poetry.dependencies]\na = ">= nope"\nb = 3\nc = {}\nd = ["1", {version = "?"}]\n"e f" = "1"\n'
            'g = "^1,^3"\nh = {version = "1", markers = "x"}\npython = "three"\n'
        ),
        [
            "pyproject.toml:2: expected a constraint such as \"^1.2\", or a table with one, found '>= nope'",
            'pyproject.toml:3: expected a constraint such as "^1.2", or a table with one, found 3',
            'pyproject.toml:4: expected a constraint such as "^1.2", or a table with one, found a table',
            "pyproject.toml:5: expected a constraint such as \"^1.2\", or a table with one, found '?'",
            "pyproject.toml:6: expected the name of a distribution, of letters, digits, '.', '_' and '-', found 'e f'",
            "pyproject.toml:7: expected a constraint such as \"^1.2\", or a table with one, found '^1,^3'",
            "pyproject.toml:8: expected a marker such as os_name == 'posix', found 'x'",
            "pyproject.toml:9: expected a constraint on Python such as \"^3.12\", found 'three'",
        ],
    ),
    "a part of what Poetry's table says": (
        (
            '[tool.poetry.dependencies]\na = {version = "1", python = "three"}\nb = {git = 3}\n'
            'c = {version = "?", markers = "x"}\nd = [\n  {version = "1"},\n  {markers = "y", version = "2"},\n]\n'
            '[tool.poetry.dependencies.e]\nversion = "1"\nmarkers = "z"\n'
        ),
        [
            "pyproject.toml:2: expected a constraint on Python such as \"^3.12\", found 'three'",
            "pyproject.toml:3: expected the URL of a repository, found 3",
            "pyproject.toml:4: expected a constraint such as \"^1.2\", or a table with one, found '?'",
            "pyproject.toml:7: expected a marker such as os_name == 'posix', found 'y'",
            "pyproject.toml:11: expected a marker such as os_name == 'posix', found 'z'",
        ],
    ),
    "Poetry's tables": (
        "[tool.poetry]\ndependencies = 1\nextras = 2\ndev-dependencies = 3\n[tool.poetry.group]\nx = 4\n",
        [f"pyproject.toml:{line}: expected a table, found {line - 1}" for line in (2, 3, 4)]
        + ["pyproject.toml:6: expected a table, found 4"],
    ),
    "setuptools' file that is not there": (
        "[project]\ndynamic = ['dependencies']\n[tool.setuptools.dynamic]\ndependencies = {file = ['x.txt']}\n",
        ["pyproject.toml:4: takes a list from x.txt: cannot be read: No such file or directory"],
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_malformed_is_told_with_its_line(case: str, tmp_path: Path) -> None:
    text, expected = MALFORMED[case]

    assert refused(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("packages = 1\n", ["Pipfile:1: expected a table, found 1"]),
        (
            '[packages]\na = "requests >> 2"\nb = 1\nc = {extras = 1}\n"d e" = "*"\n',
            [
                'Pipfile:2: expected a version such as "==1.2" or "*", or a table with one, found \'requests >> 2\'',
                'Pipfile:3: expected a version such as "==1.2" or "*", or a table with one, found 1',
                'Pipfile:4: expected a version such as "==1.2" or "*", or a table with one, found a table',
                "Pipfile:5: expected the name of a distribution, of letters, digits, '.', '_' and '-', found 'd e'",
            ],
        ),
        (
            '[packages]\na = {version = "==1", markers = "x"}\nb = {version = "*", os_name = "posix"}\n',
            [
                "Pipfile:2: expected a marker such as os_name == 'posix', found 'x'",
                "Pipfile:3: expected a comparison such as == 'posix', found 'posix'",
            ],
        ),
        ('[requires]\npython_version = "three"\n', ["Pipfile:2: expected a version such as \"3.12\", found 'three'"]),
    ],
)
def test_a_pipfile_that_is_malformed_is_told_with_its_line(text: str, expected: list[str], tmp_path: Path) -> None:
    assert refused(tmp_path, text, "Pipfile") == expected


def test_another_file_is_no_project(tmp_path: Path) -> None:
    assert refused(tmp_path, "a\n", "requirements.in") == [
        "requirements.in: expected a pyproject.toml or a Pipfile as the project"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[project]\nrequires-python = ">=3.12, <3.13"\n', (">=3.12, <3.13", "pyproject.toml:2")),
        ('[tool.poetry.dependencies]\npython = "^3.12"\n', ("<4.0,>=3.12", "pyproject.toml:2")),
        ('[tool.poetry.dependencies]\npython = "~3.12"\n', ("<3.13,>=3.12", "pyproject.toml:2")),
        ('[tool.poetry.dependencies]\npython = "~2.7 || ^3.6"\n', ("<4.0,>=2.7", "pyproject.toml:2")),
        ('[tool.poetry.dependencies]\npython = {version = "3.12.*"}\n', ("==3.12.*", "pyproject.toml:2")),
        ('[tool.poetry.dependencies]\npython = "*"\n', (None, None)),
        (
            '[tool.poetry.dependencies]\npython = "^3.11"\n[project]\nrequires-python = ">=3.12"\n',
            (">=3.12", "pyproject.toml:4"),
        ),
        ("[project]\n", (None, None)),
    ],
)
def test_what_is_required_of_python(text: str, expected: tuple[str | None, str | None], tmp_path: Path) -> None:
    found = read(tmp_path, text)

    assert (found.requires_python, found.requires_python_where) == expected
    SpecifierSet(found.requires_python or "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('python_version = "3.12"', ("==3.12.*", "Pipfile:2")),
        ('python_full_version = "3.12.4"', ("==3.12.4", "Pipfile:2")),
        ('python_version = "3.12"\npython_full_version = "3.12.4"', ("==3.12.4", "Pipfile:3")),
        ('python_version = "*"', (None, None)),
        ("", (None, None)),
    ],
)
def test_what_a_pipfile_requires_of_python(text: str, expected: tuple[str | None, str | None], tmp_path: Path) -> None:
    found = read(tmp_path, f"[requires]\n{text}\n", "Pipfile")

    assert (found.requires_python, found.requires_python_where) == expected


@pytest.mark.parametrize(
    ("text", "beside", "expected"),
    [
        ("[tool.poetry]\n", [], "poetry"),
        ('[build-system]\nbuild-backend = "poetry.core.masonry.api"\n', [], "poetry"),
        ("[tool.uv]\n", [], "uv"),
        ('[build-system]\nbuild-backend = "uv_build"\n', [], "uv"),
        ("", ["uv.lock"], "uv"),
        ("[tool.pdm]\n", [], "pdm"),
        ('[build-system]\nbuild-backend = "pdm.backend"\n', ["uv.lock"], "uv"),
        ('[build-system]\nbuild-backend = "poetry.core.masonry.api"\n', ["uv.lock"], "uv"),
        ("[tool.poetry]\n[tool.uv]\n", [], "poetry"),
        ("[tool.poetry]\n[tool.uv]\n", ["poetry.lock", "uv.lock"], "poetry"),
        ('[build-system]\nbuild-backend = "hatchling.build"\n', [], None),
        ("", [], None),
    ],
)
def test_who_manages_a_project(text: str, beside: list[str], expected: str | None, tmp_path: Path) -> None:
    for name in beside:
        (tmp_path / name).touch()

    assert read(tmp_path, text).tool == expected


def test_pipenv_manages_a_pipfile(tmp_path: Path) -> None:
    assert read(tmp_path, "", "Pipfile").tool == "pipenv"


TABLES = {
    "[project]\ndependencies = []\n": {"main": "[project] dependencies"},
    "[project]\n": {"main": "[project] dependencies"},
    "[project.optional-dependencies]\nPg = []\n[dependency-groups]\nDev = []\n": {
        "main": "[project] dependencies",
        "extra pg": "[project.optional-dependencies] Pg",
        "group dev": "[dependency-groups] Dev",
    },
    "[tool.poetry.dependencies]\n[tool.poetry.group.dev.dependencies]\n[tool.poetry.extras]\nx = []\n": {
        "main": "[tool.poetry.dependencies]",
        "extra x": "[tool.poetry.extras] x",
        "group dev": "[tool.poetry.group.dev.dependencies]",
    },
    "[project]\nname = 'x'\n[tool.poetry.dependencies]\n[tool.poetry.dev-dependencies]\n": {
        "main": "[tool.poetry.dependencies]",
        "group dev": "[tool.poetry.dev-dependencies]",
    },
    "[project]\n[tool.uv]\ndev-dependencies = []\n[tool.pdm.dev-dependencies]\nlint = []\n": {
        "main": "[project] dependencies",
        "group dev": "[tool.uv] dev-dependencies",
        "group lint": "[tool.pdm.dev-dependencies] lint",
    },
}


@pytest.mark.parametrize("text", TABLES)
def test_how_each_list_is_written(text: str, tmp_path: Path) -> None:
    assert {str(group): table for group, table in read(tmp_path, text).group_tables.items()} == TABLES[text]


def test_how_each_list_of_a_pipfile_is_written(tmp_path: Path) -> None:
    found = read(tmp_path, "[dev-packages]\n[docs]\n", "Pipfile").group_tables

    assert {str(group): table for group, table in found.items()} == {
        "main": "[packages]",
        "group dev": "[dev-packages]",
        "group docs": "[docs]",
    }


SETUPTOOLS = "[project]\nname = 'x'\ndynamic = ['dependencies', 'optional-dependencies']\n[tool.setuptools.dynamic]\n"


@pytest.mark.parametrize("files", ["'a.txt'", "['a.txt']", "['b.txt', 'a.txt']"])
def test_setuptools_takes_the_main_list_from_files(files: str, tmp_path: Path) -> None:
    text = f"{SETUPTOOLS}dependencies = {{file = {files}}}\n"
    found = read(tmp_path, text, a_txt="# main\nrequests>=2\n", b_txt="")

    assert [(one.where, one.group, one.text) for one in found.asked] == [("a.txt:2", MAIN, "requests>=2")]
    assert not found.dynamic
    assert found.group_tables[MAIN].endswith(".txt")


def test_setuptools_takes_extras_from_files(tmp_path: Path) -> None:
    text = f"{SETUPTOOLS}optional-dependencies.Pg.file = ['a.txt']\n"
    found = read(tmp_path, text, a_txt="psycopg2\n")

    assert [(one.where, one.group) for one in found.asked] == [("a.txt:1", Group(Kind.EXTRA, "pg"))]
    assert found.dynamic


def test_a_list_from_a_file_can_be_part_of_another(tmp_path: Path) -> None:
    text = (
        f"{SETUPTOOLS}optional-dependencies.x.file = 'a.txt'\n[dependency-groups]\ndev = ['x[x] ; os_name == \"nt\"']\n"
    )
    found = read(tmp_path, text, a_txt="./a-1.2-py3-none-any.whl\nb @ https://x.example/b.zip\n")

    assert [str(one.requirement) for one in found.asked if one.group.name == "dev"] == [
        'a==1.2; os_name == "nt"',
        'b @ https://x.example/b.zip ; os_name == "nt"',
    ]


@pytest.mark.parametrize(
    ("text", "beside", "expected"),
    [
        ("[project]\ndynamic = ['dependencies']\n", [], True),
        ("[project]\ndynamic = ['version']\n", [], False),
        ("[project]\ndynamic = ['dependencies']\n[tool.poetry.dependencies]\na = '1'\n", [], False),
        ("[project]\n", ["setup.py"], False),
        ("[tool.ruff]\n", ["setup.py"], True),
        ("[tool.ruff]\n", ["setup.cfg"], True),
        ("[tool.ruff]\n", ["tox.ini"], False),
        ("[tool.poetry.dependencies]\n", ["setup.py"], False),
        ("[tool.ruff]\n", [], False),
    ],
)
def test_whether_a_build_back_end_computes_the_main_list(
    text: str, beside: list[str], expected: object, tmp_path: Path
) -> None:
    for name in beside:
        (tmp_path / name).write_text("[options]\ninstall_requires = six\n")

    assert read(tmp_path, text).dynamic is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[project]\ndependencies = [\"a  >= 1 ; os_name == 'nt'\"]\n", "a >= 1 ; os_name == 'nt'"),
        ('[tool.poetry.dependencies]\na = "^1"\n', 'a = "^1"'),
        ('[tool.poetry.dependencies.a]\nversion = "^1"\noptional = false\n', 'a = {version = "^1", optional = false}'),
        ('[tool.poetry.dependencies]\na = [{version = "1", extras = ["x"]}]\n', 'a = {version = "1", extras = ["x"]}'),
    ],
)
def test_a_sentence_quotes_it_as_it_is_written(text: str, expected: str, tmp_path: Path) -> None:
    assert [one.text for one in read(tmp_path, text).asked] == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"a @ git+https://x.example/a@{COMMIT}", True),
        (f"a @ git+https://x.example/a@{COMMIT}#subdirectory=x", True),
        ("a @ git+https://x.example/a@main", False),
        (f"a @ git+https://x.example/a@{COMMIT[:12]}", False),
        (f"a @ https://x.example/{COMMIT}", False),
        ("a @ https://x.example/a.zip#sha256=0123ab", True),
        ("a @ https://x.example/a.zip#egg=a&sha256=0123ab", True),
        ("a @ https://x.example/a.zip", False),
        ("a==1", False),
    ],
)
def test_whether_a_url_names_certain_bytes(text: str, expected: object, tmp_path: Path) -> None:
    (one,) = read(tmp_path, f"[project]\ndependencies = [{text!r}]\n").asked

    assert one.fixed is expected


def test_a_setup_cfg_that_configures_linters_computes_nothing(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text("[flake8]\nmax-line-length = 120\n")

    assert not read(tmp_path, "[tool.ruff]\n").dynamic


def test_links_to_sources(tmp_path: Path) -> None:
    text = '[tool.poetry.dependencies]\na = {path = "a", develop = true}\nb = {path = "b"}\n'
    pipfile = '[packages]\na = {path = "a", editable = true}\nb = {path = "b"}\n'

    for found in (read(tmp_path, text), read(tmp_path, pipfile, "Pipfile")):
        assert [one.editable for one in found.asked] == [True, False]
        assert found.asked[0].requirement.url == (tmp_path / "a").as_uri()


def test_a_path_that_is_not_there_is_nobody_s_business(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    read(tmp_path, '[tool.poetry.dependencies]\na = {path = "gone", develop = true}\nb = {file = "gone.whl"}\n')

    assert capfd.readouterr() == ("", "")


def test_a_file_with_a_mark_and_carriage_returns(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b'\xef\xbb\xbf[project]\r\ndependencies = [\r\n  "a",\r\n  "b",\r\n]\r\n')

    assert said(read_declared(tmp_path / "pyproject.toml", tmp_path)) == ["3 main: a", "4 main: b"]


def test_sentences_name_the_file_from_the_manifest_s_folder(tmp_path: Path) -> None:
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "pyproject.toml").write_text("[project]\ndependencies = ['a']\n")

    found = read_declared(tmp_path / "backend" / "pyproject.toml", tmp_path)

    assert (found.shown, found.asked[0].where) == ("backend/pyproject.toml", "backend/pyproject.toml:2")


def test_the_sample() -> None:
    found = read_declared(SAMPLE / "pyproject.toml", SAMPLE)

    assert (found.name, found.tool, found.dynamic) == ("parcel-desk", "poetry", False)
    assert (found.requires_python, found.requires_python_where) == (">=3.12,<3.13", "pyproject.toml:5")
    assert [one.where for one in found.asked if one.group == MAIN] == [
        f"pyproject.toml:{line}" for line in range(7, 25)
    ]
    assert [(one.where, str(one.group), one.text) for one in found.asked if one.group != MAIN] == [
        ("pyproject.toml:31", "group dev", 'pytest = "^9.2"'),
        ("pyproject.toml:32", "group dev", 'ruff = "^0.17"'),
        ("pyproject.toml:34", "group dev", 'pip-audit = "^2.10"'),
    ]


def test_without_poetry_s_tables_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    text = (SAMPLE / "pyproject.toml").read_text().partition("[tool.poetry]")[0]
    (tmp_path / "pyproject.toml").write_text(text)
    code = (
        "import sys, pathlib; from harness.dependencies.declared.project_file import read_declared; "
        "folder = pathlib.Path(sys.argv[1]); read_declared(folder / 'pyproject.toml', folder); "
        "print([name for name in sys.modules if name.startswith(('poetry', 'pip_requirements_parser'))])"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], check=True, capture_output=True, text=True, cwd=ROOT)

    assert done.stdout == "[]\n"


@pytest.mark.parametrize("case", [case for case, (text, _) in STANDARD.items() if "include-group" in text])
def test_groups_are_what_the_standard_s_own_implementation_finds(case: str, tmp_path: Path) -> None:
    text, _ = STANDARD[case]
    groups = tomllib.loads(text)["dependency-groups"]
    found = read(tmp_path, text).asked

    for name in groups:
        ours = {str(one.requirement) for one in found if one.group.name == name.lower()}
        assert ours == set(resolve_dependency_groups(groups, name))


TEXTS = (
    *(text for text, *_ in (*STANDARD.values(), *POETRY.values(), *PIPFILE.values(), *MALFORMED.values())),
    (SAMPLE / "pyproject.toml").read_text(),
)
SCRAPS = (
    *('"', "'", "[", "]", "{", "}", ",", "\n", " = ", "1", "^", "||", "git", "path", "version", "x", " ", "*", "é"),
    *(";", "@", "\\"),
)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(st.sampled_from(SCRAPS)) + text[start + draw(st.integers(0, 8)) :]
    return text


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workshop")


@given(text=mutations(), name=st.sampled_from(["pyproject.toml", "Pipfile"]))
@example(text="x = " + "[" * 5000, name="pyproject.toml")
@example(text="x = " + "9" * 5000, name="Pipfile")
@settings(max_examples=400)
def test_whatever_a_file_says_it_is_read_or_refused(workshop: Path, text: str, name: str) -> None:
    (workshop / name).write_text(text)
    try:
        found = read_declared(workshop / name, workshop)
    except MalformedFileError as error:
        told = str(error).split("\n")
    else:
        told = [one.where for one in found.asked]

    assert all(line.startswith(name) for line in told)
