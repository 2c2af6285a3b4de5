"""Which files the caches of pipelines are keyed on."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.dependencies.pipelines.cache_step import CacheStep
from harness.dependencies.pipelines.caches import cache_steps
from harness.dependencies.repository import repository_root

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOW = ".github/workflows/deploy.yml"
CHECKOUT = "- uses: actions/checkout@v4\n"


def steps(folder: Path, text: str, name: str = WORKFLOW) -> tuple[CacheStep, ...]:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return cache_steps(folder)


def workflow(step: str, env: str = "", before: str = CHECKOUT) -> str:
    return f"on: push\n{env}jobs:\n  build:\n    runs-on: x\n    steps:\n{indent(before + step, ' ' * 6)}"


def cache(key: str, path: str = "build/layer.zip", uses: str = "actions/cache@v4") -> str:
    return f"- uses: {uses}\n  with:\n    path: {path}\n    key: {key}\n"


ONE = "layer-${{ hashFiles('a.txt') }}"


class TestGitHub:
    """``actions/cache``."""

    @pytest.mark.parametrize(
        ("key", "hashed"),
        [
            (ONE, [["a.txt"]]),
            ("layer-${{ hashFiles('a.txt', '**/b.txt') }}", [["a.txt", "**/b.txt"]]),
            ("layer-${{hashFiles('a.txt')}}-${{ hashFiles('b.txt') }}", [["a.txt"], ["b.txt"]]),
            ("${{ runner.os }}-${{ matrix.python-version }}-${{ HASHFILES( 'a.txt' ) }}", [["a.txt"]]),
            ("${{ format('{0}-{1}', runner.os, hashFiles('a.txt')) }}", [["a.txt"]]),
            ("${{ github.ref_name }}-${{ hashFiles('it''s.txt') }}", [["it's.txt"]]),
            ("layer-v1", []),
            ("\"layer-${{ hashFiles('a.txt') }}\"", [["a.txt"]]),
            (">-\n      layer-${{ hashFiles('a.txt') }}", [["a.txt"]]),
        ],
    )
    def test_a_key_that_can_be_read(self, key: str, hashed: list[list[str]], tmp_path: Path) -> None:
        (step,) = steps(tmp_path, workflow(cache(key)))

        assert [list(group) for group in step.hashed] == hashed

    @pytest.mark.parametrize(
        "key",
        [
            "${{ steps.key.outputs.key }}",
            "layer-${{ steps.key.outputs.key }}-${{ hashFiles('a.txt') }}",
            *("${{ needs.build.outputs.key }}", "${{ inputs.key }}", "${{ vars.KEY }}", "${{ env.KEY }}"),
            *("${{ github.sha }}", "${{ github.run_id }}", "${{ hashFiles(env.FILES) }}"),
            "${{ hashFiles(format('{0}/a.txt', env.FOLDER)) }}",
            "${{ toJSON(github) }}",
        ],
    )
    def test_a_key_that_only_a_run_can_tell_is_left_alone(self, key: str, tmp_path: Path) -> None:
        assert steps(tmp_path, workflow(cache(key))) == ()

    @pytest.mark.parametrize(
        ("env", "key"),
        [
            ("env:\n  VERSION: v2\n", "${{ env.VERSION }}-${{ hashFiles('a.txt') }}"),
            ("env: {KEY: \"${{ hashFiles('a.txt') }}\"}\n", "layer-${{ env.KEY }}"),
        ],
    )
    def test_a_variable_of_the_file_is_read(self, env: str, key: str, tmp_path: Path) -> None:
        (step,) = steps(tmp_path, workflow(cache(key), env))

        assert step.hashed == (("a.txt",),)

    def test_one_that_a_step_sets_is_not(self, tmp_path: Path) -> None:
        sets = CHECKOUT + '- run: echo "KEY=$(lambda-artifact key)" >> "$GITHUB_ENV"\n'

        assert steps(tmp_path, workflow(cache("${{ env.KEY }}"), "env: {KEY: none}\n", sets)) == ()

    @pytest.mark.parametrize(
        ("path", "paths"),
        [
            ("build/layer.zip", ["build/layer.zip"]),
            ("|\n      build/layer.zip\n      ~/.cache/pip\n", ["build/layer.zip", "~/.cache/pip"]),
            ("${{ github.workspace }}/build/layer.zip", ["build/layer.zip"]),
            ("${{ env.OUT }}/layer.zip", ["dist/layer.zip"]),
            ("${{ steps.x.outputs.folder }}/layer.zip", []),
        ],
    )
    def test_paths(self, path: str, paths: list[str], tmp_path: Path) -> None:
        (step,) = steps(tmp_path, workflow(cache(ONE, path), "env: {OUT: dist}\n"))

        assert list(step.paths) == paths

    @pytest.mark.parametrize(
        ("uses", "found"),
        [
            ("actions/cache@v4", True),
            ("actions/cache/restore@v4", True),
            ("Actions/Cache@0c45773b623bea8c8e75f6c82b208c3cf94ea4f9 # v4", True),
            ("actions/cache/save@v4", False),
            ("actions/upload-artifact@v4", False),
            ("./.github/actions/cache@main", False),
        ],
    )
    def test_what_is_a_cache(self, uses: str, tmp_path: Path, *, found: bool) -> None:
        assert bool(steps(tmp_path, workflow(cache(ONE, uses=uses) + "# actions/cache\n"))) is found

    def test_the_place_is_the_line_of_the_key(self, tmp_path: Path) -> None:
        text = workflow(cache(ONE))
        line = text.splitlines().index(f"          key: {ONE}") + 1

        (step,) = steps(tmp_path, text)

        assert step.where == f"{WORKFLOW}:{line}"

    def test_before_the_checkout_there_is_nothing_to_be_hashed(self, tmp_path: Path) -> None:
        (step,) = steps(tmp_path, workflow(cache(ONE) + CHECKOUT, before=""))

        assert step.early
        assert not step.hashes("a.txt")

    def test_without_a_checkout_nobody_knows(self, tmp_path: Path) -> None:
        (step,) = steps(tmp_path, workflow(cache(ONE), before=""))

        assert step.hashes("a.txt")

    @pytest.mark.parametrize(
        ("with_", "inner"),
        [
            ("path: source", "source/a.txt"),
            ("path: ./source/", "source/a.txt"),
            ("path: .", "a.txt"),
            ("ref: main", "a.txt"),
        ],
    )
    def test_the_repository_may_lie_in_a_folder(self, with_: str, inner: str, tmp_path: Path) -> None:
        checkout = f"- uses: actions/checkout@v4\n  with: {{{with_}}}\n"

        (step,) = steps(tmp_path, workflow(cache(ONE.replace("a.txt", inner)), before=checkout))

        assert step.hashes("a.txt")
        assert not step.early

    def test_another_repository_is_not_meant(self, tmp_path: Path) -> None:
        other = "- uses: actions/checkout@v4\n  with: {repository: a/tools, path: tools}\n"

        (step,) = steps(tmp_path, workflow(cache(ONE), before=CHECKOUT + other))

        assert step.base == ""

    def test_an_action_that_is_made_of_steps(self, tmp_path: Path) -> None:
        text = f"runs:\n  using: composite\n  steps:\n{indent(cache(ONE), ' ' * 4)}"

        (step,) = steps(tmp_path, text, ".github/actions/layer/action.yml")

        assert step.where == ".github/actions/layer/action.yml:7"

    @pytest.mark.parametrize(
        ("command", "name"),
        [
            ("poetry export -f requirements.txt --output requirements.txt", "requirements.txt"),
            ("poetry export --output=build/requirements.txt", "requirements.txt"),
            ("uv export -o requirements.txt", "requirements.txt"),
            ("uv export --output-file 'requirements.txt'", "requirements.txt"),
            ("pipenv requirements > requirements.txt", "requirements.txt"),
            ("poetry export | tee requirements.txt", "requirements.txt"),
            ("pip-compile requirements.in", "requirements.txt"),
        ],
    )
    def test_files_that_the_pipeline_writes(self, command: str, name: str, tmp_path: Path) -> None:
        (step,) = steps(tmp_path, workflow(cache(ONE), before=f"{CHECKOUT}- run: {command}\n"))

        assert name in step.written

    @pytest.mark.parametrize("command", ["pip install -r requirements.txt", "pip install 'x>=1' -r requirements.txt"])
    def test_files_that_it_reads(self, command: str, tmp_path: Path) -> None:
        (step,) = steps(tmp_path, workflow(cache(ONE), before=f"{CHECKOUT}- run: {command}\n"))

        assert "requirements.txt" not in step.written


GITLAB = """\
variables:
  OUT: build
.cache: &cache
  key:
    files: [a.txt, "**/b.txt"]
    prefix: $CI_JOB_NAME
  paths: [$OUT/layer.zip, "${CI_PROJECT_DIR}/x", $UNKNOWN/y]
build:
  cache: *cache
verify:
  cache:
    - <<: *cache
      policy: pull
    - key: {files: [pip.txt]}
      paths: [.cache/pip]
"""
CIRCLE = """\
jobs:
  build:
    working_directory: ~/shop
    steps:
      - checkout
      - when:
          condition: x
          steps:
            - save_cache:
                key: layer-{{ arch }}-{{ .Branch }}-{{ checksum "a.txt" }}-{{ checksum "~/shop/b.txt" }}
                paths:
                  - ~/shop/build/layer.zip
                  - build
"""
AZURE = """\
variables:
- name: python
  value: "3.12"
jobs:
- job: build
  steps:
  - task: Cache@2
    inputs:
      key: 'layer | "$(Agent.OS)" | $(python) | a.txt | $(Build.SourcesDirectory)/b.txt,!c/**'
      path: $(System.DefaultWorkingDirectory)/build
"""


class TestOthers:
    """GitLab, CircleCI and Azure Pipelines."""

    def test_gitlab(self, tmp_path: Path) -> None:
        assert steps(tmp_path, GITLAB, ".gitlab-ci.yml") == (
            CacheStep(".gitlab-ci.yml:5", ("build/layer.zip", "x"), (("a.txt", "**/b.txt"),)),
            CacheStep(".gitlab-ci.yml:14", (".cache/pip",), (("pip.txt",),)),
        )

    @pytest.mark.parametrize(
        "key",
        [
            "$CI_COMMIT_REF_SLUG",
            "{files: [$FILE]}",
            "{files: [a.txt], prefix: $KEY}",
            "{files: [a.txt], prefix: $CI_COMMIT_SHA}",
            "{prefix: x}",
        ],
    )
    def test_gitlab_leaves_alone(self, key: str, tmp_path: Path) -> None:
        assert steps(tmp_path, f"build:\n  cache:\n    key: {key}\n    paths: [layer.zip]\n", ".gitlab-ci.yml") == ()

    def test_circleci(self, tmp_path: Path) -> None:
        assert steps(tmp_path, CIRCLE, ".circleci/config.yml") == (
            CacheStep(".circleci/config.yml:10", ("build/layer.zip", "build"), (("a.txt",), ("b.txt",))),
        )

    @pytest.mark.parametrize(
        "key", ["layer-{{ .Environment.KEY }}", "layer-{{ .Revision }}", "{{ epoch }}", "layer-<< parameters.key >>"]
    )
    def test_circleci_leaves_alone(self, key: str, tmp_path: Path) -> None:
        text = f'jobs: {{b: {{steps: [{{save_cache: {{key: "{key}", paths: [layer.zip]}}}}]}}}}\n'

        assert steps(tmp_path, text, ".circleci/config.yml") == ()

    def test_azure(self, tmp_path: Path) -> None:
        assert steps(tmp_path, AZURE, "azure-pipelines.yml") == (
            CacheStep("azure-pipelines.yml:9", ("build",), (("3.12",), ("a.txt",), ("b.txt", "!c/**"))),
        )

    @pytest.mark.parametrize(
        "key", ["layer | $(key)", "layer | $(Build.SourceVersion)", "layer | ${{ parameters.key }}", "$[variables.key]"]
    )
    def test_azure_leaves_alone(self, key: str, tmp_path: Path) -> None:
        text = f"steps:\n- task: Cache@2\n  inputs:\n    key: '{key}'\n    path: build\n"

        assert steps(tmp_path, text, "azure-pipelines.yml") == ()


@pytest.mark.parametrize(
    "text",
    [
        *("{{ actions/cache", "actions/cache: [", "actions/cache\x00", "- actions/cache@v4\n"),
        "jobs: [actions/cache@v4]\n",
        "jobs: {build: {steps: {uses: actions/cache@v4}}}\n",
        "jobs: {build: {steps: [{uses: actions/cache@v4}]}}\n",
        "jobs: {build: {steps: [{uses: actions/cache@v4, with: {key: [1], path: {}}}]}}\n",
        "jobs: &x {build: *x, steps: [{uses: actions/cache@v4, with: *x}]}\n",
        "a: &a {<<: *a, actions/cache: 1}\n",
        "actions/cache: !!python/object:os.system x\n",
    ],
)
def test_what_is_malformed_says_nothing(text: str, tmp_path: Path) -> None:
    assert steps(tmp_path, text) == ()


def test_bytes_that_are_no_text_say_nothing(tmp_path: Path) -> None:
    (tmp_path / ".gitlab-ci.yml").write_bytes(b"cache: \xff")
    (tmp_path / "azure-pipelines.yml").mkdir()

    assert cache_steps(tmp_path) == ()


EVERY = {
    WORKFLOW: workflow(cache(ONE)),
    ".gitlab-ci.yml": GITLAB,
    ".circleci/config.yml": CIRCLE,
    "azure-pipelines.yml": AZURE,
}


@given(name=st.sampled_from([*EVERY]), at=st.integers(0, 600), gone=st.integers(0, 30), put=st.text(max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_of_a_pipeline_breaks_its_reading(name: str, at: int, gone: int, put: str, tmp_path: Path) -> None:
    text = EVERY[name]
    changed = text[:at] + put + text[at + gone :]
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(changed.encode("utf-8", "surrogatepass"))

    cache_steps(tmp_path)


def test_a_repository_begins_where_git_says(tmp_path: Path) -> None:
    (tmp_path / "shop" / "backend").mkdir(parents=True)
    (tmp_path / "shop" / ".git").write_text("gitdir: elsewhere\n")

    assert repository_root(tmp_path / "shop" / "backend") == tmp_path / "shop"
    assert repository_root(tmp_path / "shop") == tmp_path / "shop"
