"""What pipelines include of this repository, and the recipes: each of its service's schema, and its steps run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from fixtures.case import Case, lay_out
from tests.pages import PAGES, blocks

if TYPE_CHECKING:
    from fixtures.corpus import Case as Built

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
ACTION = ROOT / "action.yml"
COMPONENT = ROOT / "templates" / "verify.yml"
BIN = Path(sys.executable).parent
SCHEMAS = {
    ".gitlab-ci.yml": "gitlab-ci",
    "azure-pipelines.yml": "azure-pipelines",
    ".circleci/config.yml": "circle-ci",
}
"""The schema of each file that a recipe is, as check-jsonschema ships it."""

RECIPES = {block.title: block.text for block in blocks("docs/ci.md", "yaml") if block.title}


OPTIONS = {
    "gitlab-ci": ("--data-transform", "gitlab-ci"),
    "azure-pipelines": ("--data-transform", "azure-pipelines", "--regex-variant", "python"),
}


def check(schema: str, *files: Path) -> None:
    options = ["--builtin-schema", f"vendor.{schema}", *OPTIONS.get(schema, ())]
    done = run(str(BIN / "check-jsonschema"), *options, *map(str, files))
    assert done.returncode == 0, done.stdout + done.stderr


def run(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - of subprocess
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_recipe_is_of_its_services_schema(name: str, tmp_path: Path) -> None:
    file = tmp_path / Path(name).name
    file.write_text(RECIPES[name], "utf-8")
    check(SCHEMAS[name], file)


def test_workflows_of_the_pages_are_of_the_schema(tmp_path: Path) -> None:
    workflows = [block.text for page in ("README.md", "docs/ci.md") for block in blocks(page, "yaml")]
    files = []
    for number, text in enumerate(text for text in workflows if "runs-on:" in text):
        files.append(tmp_path / f"{number}.yml")
        files[-1].write_text(text if "\non:" in text else f"on: push\n{text}", "utf-8")
    assert len(files) > 2
    check("github-workflows", *files)


def test_the_action_is_of_the_schema() -> None:
    check("github-actions", ACTION)


def component(**inputs: str) -> str:
    """The job of the component, with its inputs filled in."""
    spec, job = COMPONENT.read_text("utf-8").split("\n---\n")
    values = {name: one["default"] for name, one in yaml.safe_load(spec)["spec"]["inputs"].items()} | inputs
    return re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda found: str(values[found[1]]), job)


def test_the_component_is_of_the_schema(tmp_path: Path) -> None:
    file = tmp_path / ".gitlab-ci.yml"
    file.write_text(component(), "utf-8")
    check("gitlab-ci", file)


def test_the_hook_is_one_of_pre_commit_at_the_push() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert hook["pass_filenames"] is False
    assert hook["stages"] == ["pre-push"]
    done = run(str(BIN / "pre-commit"), "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml"))
    assert done.returncode == 0, done.stdout
    config = yaml.safe_load(RECIPES[".pre-commit-config.yaml"])
    assert [one["id"] for repository in config["repos"] for one in repository["hooks"]] == [hook["id"]]


def step(name: str, **inputs: str) -> tuple[str, dict[str, str]]:
    """The script of a step of the action, and its variables, with the inputs filled in."""
    action: Any = yaml.safe_load(ACTION.read_text("utf-8"))
    values = {name: one["default"] for name, one in action["inputs"].items()} | {
        key.replace("_", "-"): value for key, value in inputs.items()
    }
    (found,) = (one for one in action["runs"]["steps"] if one["name"] == name)
    assert "${{" not in found["run"]  # an input in a script could be a command
    filled = {
        key: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda at: values[at[1]], value)
        for key, value in found["env"].items()
    }
    return found["run"], filled


def bash(script: str, folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A step as the runner starts it."""
    return run("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script, cwd=folder, env=variables)


@pytest.fixture
def job(tmp_path: Path, environ: dict[str, str]) -> dict[str, str]:
    """The environment of a job in which the command is installed, and of a repository that is built."""
    temporary = tmp_path / "temp"
    (temporary / "lambda-artifact" / "bin").mkdir(parents=True)
    (temporary / "lambda-artifact" / "bin" / "lambda-artifact").symlink_to(BIN / "lambda-artifact")
    (tmp_path / "work").mkdir()
    return environ | {
        "PATH": f"{BIN}{os.pathsep}{environ['PATH']}",
        "RUNNER_TEMP": str(temporary),
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_ACTION_PATH": str(ROOT),
    }


SOUND: Built = Case(name="sound")


@pytest.mark.parametrize(
    ("inputs", "code", "files"),
    [
        ({"arguments": "--engine none"}, 0, {"lambda-artifact.json"}),
        ({"arguments": "--engine  none --require *.none"}, 1, {"lambda-artifact.json"}),
        ({"arguments": "--engine none", "report": "my report.json"}, 0, {"my report.json"}),
        (
            {"arguments": "--engine none", "code_scanning": "true"},
            0,
            {"lambda-artifact.json", "lambda-artifact.json.sarif"},
        ),
        ({"manifest": "none.toml"}, 2, set()),
        ({"manifest": "x; touch owned", "arguments": "$(touch owned) `touch owned`"}, 2, set()),
    ],
    ids=["passes", "fails", "a name with a space", "code scanning", "a wrong request", "an attack"],
)
def test_the_action_verifies(
    job: dict[str, str], tmp_path: Path, inputs: dict[str, str], code: int, files: set[str]
) -> None:
    work = tmp_path / "work"
    lay_out(SOUND, work)
    before = {path.name for path in work.iterdir()}
    script, variables = step("Verify", **inputs)

    done = bash(script, work, job | variables)

    assert done.returncode == code, done.stderr
    assert (tmp_path / "output").read_text("utf-8") == f"exit-code={code}\n"
    assert {path.name for path in work.iterdir()} - before == files
    if code != 2:
        assert (tmp_path / "summary.md").read_text("utf-8").startswith("## Lambda artifact: ")
        assert ("::error " in done.stderr) == (code == 1)


@pytest.mark.network
def test_the_action_installs_what_is_beside_it(job: dict[str, str], tmp_path: Path) -> None:
    script, variables = step("Install lambda-artifact", extras="sbom")
    done = bash(script, tmp_path, job | variables | {"RUNNER_TEMP": str(tmp_path / "other")})
    assert done.returncode == 0, done.stderr
    lay_out(SOUND, tmp_path / "work")
    command = str(tmp_path / "other" / "lambda-artifact" / "bin" / "lambda-artifact")
    done = run(command, "verify", "--engine", "none", "--format", "cyclonedx", cwd=tmp_path / "work", env=job)
    assert (done.returncode, json.loads(done.stdout)["specVersion"]) == (0, "1.6")


def test_the_component_verifies_and_leaves_what_it_reports(job: dict[str, str], tmp_path: Path) -> None:
    work = tmp_path / "work"
    lay_out(SOUND, work)
    (built,) = yaml.safe_load(component(arguments="--engine none")).values()
    variables = {key: value for key, value in job.items() if not key.startswith("GITHUB_")} | {"GITLAB_CI": "true"}

    done = bash(built["script"][-1], work, variables)

    assert done.returncode == 0, done.stderr
    artifacts = built["artifacts"]
    for name in (*artifacts["paths"], *artifacts["reports"].values()):
        assert (work / name).is_file()
    assert json.loads((work / artifacts["reports"]["codequality"]).read_bytes()) == []


def test_the_recipes_steps_run(job: dict[str, str], tmp_path: Path) -> None:
    azure, circle = (yaml.safe_load(RECIPES[name]) for name in ("azure-pipelines.yml", ".circleci/config.yml"))
    scripts = [one["script"] for one in azure["steps"] if one.get("displayName") == "Verify"]
    scripts += [one["run"] for one in circle["jobs"]["deploy"]["steps"] if "verify" in str(one)]
    assert len(scripts) == 2
    work = tmp_path / "work"
    lay_out(SOUND, work)
    for script in scripts:
        lines = [line for line in script.splitlines() if not line.startswith("pip install")]
        done = bash("\n".join(lines).replace(" verify ", " verify --engine none "), work, job)
        assert done.returncode == 0, done.stderr
    assert (work / "lambda-artifact.xml").is_file()
    assert (work / "results" / "lambda-artifact.xml").is_file()


def test_every_input_is_described() -> None:
    inputs = yaml.safe_load(ACTION.read_text("utf-8"))["inputs"]
    assert [name for name in inputs if f"| `{name}` |" not in PAGES["docs/ci.md"]] == []
