"""What the documentation shows is true: commands are run, outputs compared, examples loaded, links followed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from mkdocs.commands.build import build
from mkdocs.config import load_config
from msgspec import structs

from docs import generate
from fixtures.broken import with_file
from fixtures.case import Case, lay_out
from fixtures.corpus import CASES
from harness.catalogue import CATALOGUE, named
from harness.check import Need
from harness.engines import interpreters
from harness.manifest import load
from harness.manifest.tables import FunctionTable, ManifestTable, VersionStampTable, WaiverTable
from harness.policy import known_runtimes
from tests.pages import PAGES, ROOT, RUN, SCENES, blocks, consoles, essence, outputs, run, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.check import Check

STARTS = {"README.md", "docs/quickstart.md", "docs/emulator.md", "docs/reports.md", "docs/transition.md"}
"""The pages with commands that start handlers."""

COMMANDS = (
    "verify",
    "discover",
    "stamp",
    "key",
    "checks",
    "explain",
    "cache",
    "match",
    "policy",
    "preflight",
    "transition",
    "diff",
)


def needs_an_engine(environ: dict[str, str]) -> None:
    interpreter, _ = interpreters.find((3, 12), environ)
    if interpreter is None or interpreter.machine != "x86_64":
        pytest.skip("no CPython 3.12 for x86_64 on this machine")


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[pytest.mark.starts] if page in STARTS else []) for page in RUN]
)
def test_commands_print_what_is_shown(page: str, tmp_path: Path, environ: dict[str, str]) -> None:
    if page in STARTS:
        needs_an_engine(environ)
    if shutil.which("zip") is None and page not in SCENES:  # the others' archives are changed with it
        pytest.skip("zip is not installed")

    results = [shown(page, *printed) for printed in outputs(page, tmp_path, environ)]

    wrong = [(essence(block.text), essence(new)) for block, new, right in results if not right]
    assert wrong == [], "run `python -m tests.pages`"


def test_what_is_not_run_says_why() -> None:
    comments = [block.comment for page in PAGES for block in blocks(page, "console") if block not in consoles(page)]

    assert all(len(comment) > len("not run: ") for comment in comments)


@pytest.mark.slow
def test_the_site_has_no_dead_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(generate.WITHOUT_EXAMPLES, "1")
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path))

    build(config)  # strict: a link that leads nowhere ends it

    assert (tmp_path / "checks" / "layer-count" / "index.html").exists()


@pytest.mark.parametrize("check", CATALOGUE, ids=lambda check: check.id)
def test_a_check_has_a_page_with_an_example_that_can_be_verified(check: Check) -> None:
    case = generate.example_of(check)

    assert check.doc in generate.check_pages({})[f"checks/{check.id}.md"]
    assert case.engines == "all" or check.need is not Need.RUNTIME


def test_the_example_of_a_check_is_a_real_finding(tmp_path: Path) -> None:
    case, text = generate.finding(named("layer-count"), tmp_path)

    assert text.startswith("1  ")
    assert all(words in text for words in case.says)


@pytest.fixture(scope="module")
def reference() -> str:
    return generate.reference()


def test_the_reference_has_every_command_option_and_key(reference: str) -> None:
    pages = "\n".join(text for name, text in PAGES.items() if name not in {"CONTRIBUTING.md", "docs/pytest.md"})
    helps = {
        found[1]: found[2] for found in re.finditer(r"^## (\w+)\n(.*?)(?=^## )", reference, re.MULTILINE | re.DOTALL)
    }
    options = {(name, option) for name, rest in calls(pages) for option in re.findall(r"(?<!\S)--[a-z-]+", rest)}
    inline = set(re.findall(r"`(--(?!artifact)[a-z-]+)", pages))

    assert set(COMMANDS) <= set(helps)
    assert [(name, option) for name, option in options if option not in helps[name]] == []
    assert [option for option in inline if option not in reference] == []
    for name in generate.SCHEMAS:
        for part in json.loads((generate.DOCS / f"{name}.schema.json").read_text("utf-8"))["$defs"].values():
            assert [key for key in part["properties"] if f"| `{key}`" not in reference] == []


def calls(pages: str) -> Iterator[tuple[str, str]]:
    """Each call of the command on a page: the subcommand, and the rest of the line."""
    for found in re.finditer(rf"(?<![\w/.-])lambda-artifact ({'|'.join(COMMANDS)})\b([^\n`]*)", pages):
        yield found[1], found[2].partition("  ")[0]


def test_the_options_of_the_plugin_exist(environ: dict[str, str], tmp_path: Path) -> None:
    helped = run("pytest --help", tmp_path, environ)

    assert [
        option for option in re.findall(r"--artifact-[a-z-]+", PAGES["docs/pytest.md"]) if option not in helped
    ] == []


def test_the_report_that_is_shown_is_valid() -> None:
    schema = json.loads((generate.DOCS / "report-v1.schema.json").read_text("utf-8"))
    (report,) = blocks("docs/reports.md", "json")

    Draft202012Validator(schema).validate(json.loads(report.text))


def test_the_complete_manifest_is_one_and_every_key_is_described(tmp_path: Path) -> None:
    page = "docs/configuration.md"
    (block, _), (event,) = blocks(page, "toml"), blocks(page, "json")
    table = tomllib.loads(block.text)
    api, cleanup = table["functions"].values()
    inputs = [*table["requirements"], table["project"], *table["inputs"]]
    for name in [table["code"], *table["layers"], *inputs, *api["events"], cleanup["aws-seed"]]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(event.text if name.endswith(".json") else "", "utf-8")
    (tmp_path / table["source"]).mkdir()
    (tmp_path / "lambda-artifact.toml").write_text(block.text, "utf-8")

    manifest = load(tmp_path / "lambda-artifact.toml", runtimes=known_runtimes())

    assert json.loads(manifest.functions[0].events[0].expect or "") == json.loads(event.text)["expect"]
    assert {waiver.check for waiver in manifest.waivers} <= {check.id for check in CATALOGUE}
    tables = (ManifestTable, FunctionTable, VersionStampTable, WaiverTable)
    keys = {field.encode_name for kind in tables for field in structs.fields(kind)}
    named_as_tables = {"functions", "severity", "version-stamps", "waivers"}
    assert {key for key in keys if f"`{key}`" not in PAGES[page]} == named_as_tables


def test_the_manifest_of_names_in_the_account_is_one(tmp_path: Path) -> None:
    (block,) = blocks("docs/preflight.md", "toml")
    lay_out(CASES[0], tmp_path)
    (tmp_path / "lambda-artifact.toml").write_text(block.text.replace("build/", ""), "utf-8")

    manifest = load(tmp_path / "lambda-artifact.toml", runtimes=known_runtimes())

    assert [function.name for function in manifest.functions] == ["api", "worker"]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")])
def test_pipelines_are_yaml(page: str) -> None:
    assert all(yaml.safe_load(block.text) for block in blocks(page, "yaml"))


@pytest.mark.slow
@pytest.mark.starts
def test_the_fixtures_are_used_as_shown(tmp_path: Path, environ: dict[str, str]) -> None:
    needs_an_engine(environ)
    (block,) = blocks("docs/pytest.md", "python")
    lay_out(CASES[0], tmp_path)
    (tmp_path / "test_archives.py").write_text(block.text, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--artifact-engine", "process", "test_archives.py"]

    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)

    assert "2 passed" in done.stdout, done.stdout


def test_what_contributors_paste_works(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {block.title: block.text for block in blocks("CONTRIBUTING.md", "python")}
    module = ModuleType("harness.checks.site_customize")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    names: dict[str, Any] = {}

    for title, space in [
        ("harness/checks/site_customize.py", module.__dict__),
        ("tests/checks/test_site_customize.py", names),
        ("fixtures/cases_files.py", {"Case": Case, "with_file": with_file}),
    ]:
        exec(texts[title], space)  # noqa: S102 - a page of ours

    assert module.check.id == "site-customize"
    pasted = [value for name, value in names.items() if name.startswith("test_")]
    assert [test() for test in pasted] == [None, None]


def test_every_runtime_is_in_the_table() -> None:
    (row,) = re.findall(r"^\| Functions \| (.*), on x86_64 and arm64 \|$", PAGES["docs/usage.md"], re.MULTILINE)

    assert tuple(row.split(", ")) == known_runtimes()
