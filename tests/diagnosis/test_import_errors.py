"""A module that is not found, beside what the lists, the repository and the archives show of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from harness.dependencies.comparison.dependency_lists import DependencyLists
from harness.dependencies.project import MAIN, Declared, Edge, Group, Kind, Project, Sources, UnknownLock
from harness.diagnosis.import_errors import NOTHING_INSTALLED, advice, chain, message, of_a_name
from harness.model import Defect, Fault
from tests.build import asked, building, declaring, function, locking, manifest, program_of, wheel

if TYPE_CHECKING:
    from pathlib import Path

CODE = {
    "app/__init__.py": "",
    "app/main.py": "from app import orders\n\n\ndef handler(event, context):\n    pass\n",
    "app/orders.py": "import tinyxml\n",
    "app/night.py": "def handler(event, context):\n    import tinyxml\n",
    "app/sweep.py": "def handler(event, context):\n    pass\n",
}
LAYER = wheel("fastapi==0.1")
FUNCTIONS = (
    function("api", "app.main.handler"),
    function("night", "app.night.handler"),
    function("sweep", "app.sweep.handler"),
)
FAILS = "Runtime.ImportModuleError: Unable to import module 'app.main': "
REACHED = (
    "affected, when they start: api (app.main:1 → app.orders:1)\n"
    "affected, with every event: night (app.night:2)\n"
    "not affected: sweep"
)
AUDIT = {"pip-audit==2.10": ("cyclonedx",), "cyclonedx==9.0": ("tinyxml",), "tinyxml==1.2": (), "fastapi==0.1": ()}
KEY = "(`lambda-artifact key` prints one over all that it is built from)"
REBUILD = (
    "rebuild layer.zip from requirements.txt; a cache that may hold the old one must be keyed on "
    f"requirements.txt {KEY}"
)
ADD = (
    "copy 'tinyxml' into the code archive if it is code of your own; else add the distribution that provides 'tinyxml' "
    "to the requirements that the layer is built from, and build the layer again"
)
AGAIN = REBUILD.replace("requirements.txt", "poetry.lock")
THROUGH = "cyclonedx ← pip-audit (pyproject.toml:11)"
UV_THROUGH = "cyclonedx ← pip-audit (pyproject.toml:12)"
SEARCHED = "pyproject.toml, requirements.txt, the metadata in code.zip and layer.zip, the table of well-known names"


def lists(project: Project, layer: dict[str, str] | None = None, code: dict[str, str] | None = None) -> DependencyLists:
    declared = manifest(*FUNCTIONS, layers=("layer.zip",))
    return program_of(code or CODE, LAYER if layer is None else layer, declared=declared, project=project).lists


@dataclass(frozen=True)
class Row:
    """The lists, and what is said of ``tinyxml``.

    Attributes:
        cause: Its lines, up to those on handlers, which are always the same.
        remedy: Its lines.
    """

    project: Project
    cause: tuple[str, ...]
    remedy: tuple[str, ...]
    layer: dict[str, str] = field(default_factory=lambda: LAYER)


def dev() -> Declared:
    return replace(declaring("fastapi", dev=("pip-audit",)), tool="uv")


ROWS: dict[str, Row] = {
    "through a developers' tool": Row(
        Project(dev(), locking(AUDIT), building("fastapi==0.1")),
        (
            "provided by: tinyxml (a distribution of that name)",
            "declared: pyproject.toml does not have it",
            f"locked: poetry.lock:3 has 1.2, not for production, but for group dev, through {THROUGH}",
            "built from: requirements.txt does not ask for it",
            "built: not in code.zip or layer.zip",
        ),
        (
            "1. pyproject.toml: add tinyxml>=1.2 to [project] dependencies, and lock again: `poetry lock`",
            "2. requirements.txt: add tinyxml==1.2",
            f"3. {REBUILD}",
        ),
    ),
    "of a project of Poetry's": Row(
        Project(
            replace(declaring("fastapi"), tool="poetry", group_tables={MAIN: "[tool.poetry.dependencies]"}),
            locking(AUDIT),
            building("fastapi==0.1"),
        ),
        (
            "provided by: tinyxml (a distribution of that name)",
            "declared: pyproject.toml does not have it",
            "locked: poetry.lock:3 has 1.2, not for production",
            "built from: requirements.txt does not ask for it",
            "built: not in code.zip or layer.zip",
        ),
        (
            '1. pyproject.toml: add tinyxml = "^1.2" under [tool.poetry.dependencies], and lock again: `poetry lock`',
            "2. requirements.txt: add tinyxml==1.2",
            f"3. {REBUILD}",
        ),
    ),
    "declared for developers": Row(
        Project(declaring("fastapi", dev=("tinyxml>=1",)), None, building("fastapi==0.1")),
        (
            "provided by: tinyxml (a distribution of that name)",
            "declared: pyproject.toml has it for group dev (pyproject.toml:11) alone, not for production",
            "built from: requirements.txt does not ask for it",
            "built: not in code.zip or layer.zip",
        ),
        (
            "1. pyproject.toml:11: move tinyxml>=1 from group dev to [project] dependencies",
            "2. requirements.txt: add tinyxml",
            f"3. {REBUILD}",
        ),
    ),
    "declared, and the lock is older": Row(
        Project(replace(declaring("tinyxml"), tool="uv"), locking({"fastapi==0.1": ()}), None, built_from_lock=True),
        (
            "provided by: tinyxml (a distribution of that name)",
            "declared: pyproject.toml:10 has it, as tinyxml",
            "locked: poetry.lock does not have it",
            "built from: poetry.lock",
            "built: not in code.zip or layer.zip",
        ),
        (
            "1. poetry.lock: it is older than pyproject.toml; lock again: `poetry lock`",
            f"2. {AGAIN}",
        ),
    ),
    "declared, and the lock, which says what the project asks for, is older": Row(
        Project(
            replace(declaring("fastapi", "tinyxml", dev=("pip-audit",)), tool="uv"),
            replace(
                locking(AUDIT),
                tool="uv",
                roots={MAIN: (Edge("fastapi"),), Group(Kind.GROUP, "dev"): (Edge("pip-audit"),)},
            ),
            building("fastapi==0.1"),
        ),
        (
            "provided by: tinyxml (a distribution of that name)",
            "declared: pyproject.toml:11 has it, as tinyxml",
            f"locked: poetry.lock:3 has 1.2, not for production, but for group dev, through {UV_THROUGH}",
            "built from: requirements.txt does not ask for it",
            "built: not in code.zip or layer.zip",
        ),
        (
            "1. poetry.lock: it is older than pyproject.toml; lock again: `uv lock`",
            "2. requirements.txt: add tinyxml==1.2",
            f"3. {REBUILD}",
        ),
    ),
    "asked for, and not built": Row(
        Project(None, None, building("fastapi==0.1", "tinyxml==1.2")),
        (
            "provided by: tinyxml (a distribution of that name)",
            "built from: requirements.txt:2 asks for it, as tinyxml==1.2",
            "built: not in code.zip or layer.zip",
        ),
        (REBUILD,),
    ),
    "asked for on another system": Row(
        Project(None, None, building("fastapi==0.1", "tinyxml==1.2; sys_platform == 'win32'")),
        (
            "provided by: tinyxml (a distribution of that name)",
            'built from: requirements.txt:2 asks for it where sys_platform == "win32", which does not hold here',
            "built: not in code.zip or layer.zip",
        ),
        (
            "1. requirements.txt:2: correct the condition of tinyxml==1.2; sys_platform == 'win32'",
            f"2. {REBUILD}",
        ),
    ),
    "it comes along, and was not built": Row(
        Project(
            declaring("fastapi"), locking({"fastapi==0.1": ("tinyxml",), "tinyxml==1.2": ()}), building("fastapi==0.1")
        ),
        (
            "provided by: tinyxml (a distribution of that name)",
            "declared: pyproject.toml does not name it; it comes along, through fastapi (pyproject.toml:10)",
            "locked: poetry.lock:2 has 1.2 for production, through fastapi (pyproject.toml:10)",
            "built from: requirements.txt does not name it; it comes along, through fastapi (requirements.txt:1)",
            "built: not in code.zip or layer.zip",
        ),
        (REBUILD,),
    ),
    "of a distribution with another name, by its RECORD": Row(
        Project(None, None, building("fastapi==0.1", "fast-xml==1.0")),
        (
            "provided by: fast-xml (its RECORD lists the module)",
            "built from: requirements.txt:2 asks for it, as fast-xml==1.0",
            "built: layer.zip has its metadata, and none of its modules",
        ),
        (REBUILD,),
        {
            **LAYER,
            **{path: text for path, text in wheel("fast-xml==1.0", "tinyxml/__init__.py").items() if "info" in path},
        },
    ),
    "nobody knows it": Row(
        Project(declaring("fastapi"), None, building("fastapi==0.1")),
        (f"looked for 'tinyxml' in {SEARCHED}: no distribution there is known to have it",),
        (ADD,),
    ),
    "a lock that cannot be read": Row(
        Project(
            None, UnknownLock(dev().path, "uv.lock", "uv.lock: format 9"), building("fastapi==0.1", "tinyxml==1.2")
        ),
        (
            "provided by: tinyxml (a distribution of that name)",
            "locked: uv.lock: format 9",
            "built from: requirements.txt:2 asks for it, as tinyxml==1.2",
            "built: not in code.zip or layer.zip",
        ),
        (REBUILD,),
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_lists(row: Row) -> None:
    found = advice("tinyxml", lists(row.project, row.layer))

    assert found.cause == "\n".join([*row.cause, REACHED])
    assert found.remedy == "\n".join(row.remedy)


def test_without_lists_only_the_handlers_are_told() -> None:
    found = advice("tinyxml", lists(Project()))

    assert found.cause == REACHED
    assert found.remedy == ADD


def test_what_a_library_imports_is_no_code_of_your_own() -> None:
    layer = {**wheel("pad==1"), "python/pad/__init__.py": "import tinyxml\n"}

    found = advice("tinyxml", lists(Project(), layer, {"app/main.py": "import pad\n"}))

    assert found.remedy.startswith("add the distribution that provides 'tinyxml' to the requirements")


def test_what_a_function_of_a_library_imports_affects_no_handler_beside_ones_own_imports() -> None:
    layer = {**wheel("pad==1"), "python/pad/__init__.py": "def read():\n    import tinyxml\n"}

    found = advice("tinyxml", lists(Project(), layer, {**CODE, "app/sweep.py": f"import pad\n{CODE['app/sweep.py']}"}))

    assert found.cause == REACHED


def test_a_part_of_a_namespace_is_looked_for_by_its_full_name() -> None:
    code = {**CODE, "app/orders.py": "from google.cloud import storage\n"}
    project = Project(None, None, building("fastapi==0.1", "google-cloud-storage==3"))

    found = advice("google", lists(project, code=code))

    assert (found.cause or "").startswith(
        "provided by: google-cloud-storage (its releases have the module)\n"
        "built from: requirements.txt:2 asks for it, as google-cloud-storage==3\n"
    )


HEADERS = {
    "uv export --no-dev --output-file requirements.txt": (
        "# This file was autogenerated by uv via the following command:\n"
        "#    uv export --no-dev --output-file requirements.txt\nfastapi==0.1\n"
    ),
    "pip-compile --generate-hashes": (
        "#\n# This file is autogenerated by pip-compile with Python 3.12\n# by the following command:\n#\n"
        "#    pip-compile --generate-hashes\n#\nfastapi==0.1\n"
    ),
}


def test_another_project_of_the_repository_is_copied_and_asked_of_no_index() -> None:
    local = replace(asked("tinyxml"), folder="libs/tinyxml")
    build = replace(building("fastapi==0.1"), asked=(*building("fastapi==0.1").asked, local))

    found = advice("tinyxml", lists(Project(declaring("fastapi"), None, build)))

    assert found.remedy.startswith(
        "copy the modules of libs/tinyxml into the code archive, or install that folder into it"
    )


def test_lines_with_hashes_want_more_of_them() -> None:
    build = building("fastapi==0.1")
    hashed = replace(build, asked=tuple(replace(one, hashed=True) for one in build.asked))

    found = advice("tinyxml", lists(Project(None, locking(AUDIT), hashed)))

    assert "requirements.txt: add tinyxml==1.2 with its hashes, or write the file again" in found.remedy


@pytest.mark.parametrize(("command", "text"), HEADERS.items())
def test_a_file_that_a_tool_writes_is_written_anew(command: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(text, encoding="utf-8")
    build = replace(building("fastapi==0.1"), files=(tmp_path / "requirements.txt",))

    found = advice("tinyxml", lists(Project(declaring("fastapi", "tinyxml"), None, build)))

    assert found.remedy.split("\n")[0] == (
        f"1. requirements.txt: write it again, with tinyxml in what it is made of: `{command}`"
    )


def test_a_module_of_the_repository_that_was_not_copied(tmp_path: Path) -> None:
    (tmp_path / "backend" / "tinyxml").mkdir(parents=True)
    (tmp_path / "backend" / "tinyxml" / "__init__.py").touch()
    project = Project(None, None, building("fastapi==0.1"), sources=(Sources(tmp_path / "backend", "backend"),))

    found = advice("tinyxml", lists(project))

    assert found.remedy == "copy backend/tinyxml/__init__.py into the folder that code.zip is made from"
    assert found.cause == f"backend/tinyxml/__init__.py is in the repository, and in no archive\n{REACHED}"


def test_a_module_that_may_not_be_read() -> None:
    whole = lists(Project(), {**LAYER, "python/tinyxml/__init__.py": ""})
    bundle = whole.program.facts.bundle
    layer = bundle.layers[0]
    hidden = replace(layer, entries=tuple(replace(one, mode=0o600) for one in layer.entries))
    facts = replace(whole.program.facts, bundle=replace(bundle, layers=(hidden,)))

    found = advice("tinyxml", DependencyLists(replace(whole.program, facts=facts)))

    assert found.remedy.startswith("make the archive's files readable for others")
    assert (
        found.cause
        == "/opt/python/tinyxml/__init__.py is there, and the user that the function runs as may not read it"
    )


def test_a_pin_that_is_asked_for_twice_counts_once() -> None:
    build = building("fastapi==0.1")
    twice = replace(
        build, asked=(*build.asked, asked("tinyxml==1.2"), asked("tinyxml==1.2", where="requirements.txt:3"))
    )

    assert "requirements.txt:1 asks for it" in (advice("tinyxml", lists(Project(None, None, twice))).cause or "")


@pytest.mark.parametrize(
    ("installed", "are_one"),
    [
        ({}, True),
        ({"six-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: six\nVersion: 1.0\n"}, False),
    ],
)
def test_where_nothing_is_installed_one_edit_is_that_of_all(installed: dict[str, str], *, are_one: bool) -> None:
    nothing = program_of({"app/main.py": "import requests, defusedxml", **installed}, function=function()).lists

    found = [advice(module, nothing) for module in ("requests", "defusedxml")]

    assert (found[0].edits == found[1].edits == (NOTHING_INSTALLED,)) == are_one
    assert [one.faults[-1] for one in found] == [
        Fault(Defect.NO_DISTRIBUTION, "requests"),
        Fault(Defect.NO_DISTRIBUTION, "defusedxml"),
    ]


@pytest.mark.parametrize(
    ("code", "path", "expected"),
    [
        ({"app/main.py": "import lib"}, "app/main.py", f"{FAILS}No module named 'lib'"),
        ({"app/main.py": "from app import x", "app/x.py": "import lib.a"}, "app/x.py", f"{FAILS}No module named 'lib'"),
        (
            {"app/main.py": "import x.y", "x.py": ""},
            "app/main.py",
            f"{FAILS}No module named 'x.y'; 'x' is not a package",
        ),
        (
            {"app/main.py": "from x import y", "x.py": ""},
            "app/main.py",
            f"{FAILS}cannot import name 'y' from 'x' (/var/task/x.py)",
        ),
        # What fails later ends an invocation, or nobody knows what, and not the start.
        ({"app/main.py": "def handler(event, context):\n    import lib"}, "app/main.py", "No module named 'lib'"),
        ({"app/main.py": "", "app/other.py": "import lib"}, "app/other.py", "No module named 'lib'"),
    ],
)
def test_the_message_is_lambdas_if_the_handler_does_not_start(code: dict[str, str], path: str, expected: str) -> None:
    program = program_of(code, {"python/filler.py": ""}, function=function()).program

    (one,) = program.graph.unresolved(f"/var/task/{path}")

    assert message(one, program) == expected


def test_the_chain_is_the_one_that_leads_there() -> None:
    code = {"app/main.py": "from app import x", "app/x.py": "import lib", "app/y.py": "import lib"}
    program = program_of(code, {"python/filler.py": ""}, function=function()).program
    (reached,), (other,) = (tuple(program.graph.unresolved(f"/var/task/app/{name}.py")) for name in "xy")

    assert chain(reached, program) == ("app.main", "app.x")
    assert chain(other, program) == ()


@pytest.mark.parametrize(
    ("code", "module", "remedy"),
    [
        ({"src/main.py": "import tools\n", "src/tools.py": ""}, "tools", "import src.tools instead"),
        (
            {"src/__init__.py": "", "src/main.py": "from tools.x import y\n", "src/tools/x.py": ""},
            "tools.x",
            "import src.tools.x instead",
        ),
        (
            {"src/main.py": "import other.run\n", "other/run.py": "import tools\n", "src/tools.py": ""},
            "tools",
            "move what is in /var/task/src to the root of the code archive",
        ),
    ],
)
def test_a_module_beside_the_one_that_imports_it(code: dict[str, str], module: str, remedy: str) -> None:
    program = program_of(code, declared=manifest(function("api", "src.main.handler")))

    assert advice(module, program.lists).remedy == remedy


def test_a_name_that_a_namespace_lacks_is_another_distributions() -> None:
    program = program_of(
        {"app.py": "from google.cloud import storage\n"}, wheel("google-cloud-core==2.4", "google/cloud/client.py")
    )

    found = of_a_name("google.cloud", "storage", "/var/task/app.py", program.lists)

    assert found.remedy == (
        "add google-cloud-storage, which has 'google.cloud.storage', to the requirements that the layer is built from, "
        "and build the layer again"
    )


def test_a_module_that_a_distribution_in_the_code_lacks_is_not_ones_own() -> None:
    program = program_of({"app.py": "import fastapi.gone\n", **wheel("fastapi==0.1", folder="")})

    assert advice("fastapi.gone", program.lists).remedy == (
        "install a version of 'fastapi' that has 'fastapi.gone', or correct the import"
    )


def test_of_what_is_well_known_it_is_the_one_that_lambda_has_the_libraries_for() -> None:
    program = program_of({"app.py": "import cv2\n"}, wheel("fastapi==0.1"))

    assert advice("cv2", program.lists).remedy.startswith("add opencv-python-headless, which has 'cv2',")
