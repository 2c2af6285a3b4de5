"""Which caches can bring back a layer that is older than what it is built from."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from textwrap import indent
from typing import TYPE_CHECKING

import pytest

from harness.dependencies.comparison.cache_keys import Unkeyed, unkeyed
from harness.dependencies.inputs import Input, Inputs
from harness.manifest import Source, SourceKind
from tests.build import manifest

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOW = ".github/workflows/deploy.yml"
PIP = ("~/.cache/pip", "pip-${{ hashFiles('poetry.lock') }}")


def key(*patterns: str) -> str:
    said = ", ".join(f"'{pattern}'" for pattern in patterns)
    return f"layer-${{{{ hashFiles({said}) }}}}"


def found(
    root: Path,
    *caches: tuple[str, str],
    inputs: tuple[str, ...] = ("requirements.txt",),
    folder: str = ".",
    layers: tuple[str, ...] = ("build/layer.zip",),
    run: str = "./build.sh",
) -> tuple[Unkeyed, ...]:
    """What is wrong with a workflow that has these caches, by path and key."""
    (root / ".git").mkdir(parents=True, exist_ok=True)
    (root / folder).mkdir(parents=True, exist_ok=True)
    text = "jobs:\n  build:\n    steps:\n      - uses: actions/checkout@v4\n"
    for path, said in caches:
        text += f"      - uses: actions/cache@v4\n        with:\n          path: |\n{indent(path, ' ' * 12)}\n"
        text += f'          key: "{said}"\n'
    text += f"      - run: {run}\n"
    (root / WORKFLOW).parent.mkdir(parents=True, exist_ok=True)
    (root / WORKFLOW).write_text(text)
    here = root / folder
    files = []
    for name in inputs:
        (here / name.rstrip("?")).parent.mkdir(parents=True, exist_ok=True)
        (here / name.rstrip("?")).touch()
        files.append(Input(name.rstrip("?"), here / name.rstrip("?"), not name.endswith("?")))
    declared = replace(
        manifest(),
        path=here / "lambda-artifact.toml",
        code=Source("build/code.zip", here / "build/code.zip", SourceKind.LOCAL),
        layers=tuple(Source(name, here / name, SourceKind.LOCAL) for name in layers),
    )
    return unkeyed(declared, Inputs(here, tuple(files), "python3.12", "x86_64"))


LAYER = "build/layer.zip"


@pytest.mark.parametrize(
    ("step", "inputs"),
    [
        ((LAYER, key("requirements.txt")), ("requirements.txt",)),
        ((LAYER, key("**/requirements*.txt")), ("requirements.txt", "deps/requirements-base.txt")),
        ((LAYER, key("requirements.txt", "deps/**", "build.sh")), ("requirements.txt", "deps/base.txt", "build.sh")),
        ((LAYER, key("**")), ("requirements.txt", "build.sh")),
        # A lock from which the requirements are exported.
        ((LAYER, key("requirements.txt")), ("requirements.txt", "poetry.lock?")),
        ((LAYER, key("poetry.lock")), ("poetry.lock",)),
        # Somebody else's caches.
        (PIP, ("requirements.txt",)),
        ((".venv", key("poetry.lock")), ("requirements.txt",)),
        (("/tmp/docker-layers", key("Dockerfile")), ("requirements.txt",)),
        (("~/.cache/buildx/layers", key("Dockerfile")), ("requirements.txt",)),
        (("assets/player", key("package-lock.json")), ("requirements.txt",)),
        (("multilayered", key("package-lock.json")), ("requirements.txt",)),
        (("frontend/dist", key("package-lock.json")), ("requirements.txt",)),
        (("build\n!build/layer.zip", key("package-lock.json")), ("requirements.txt",)),
        (("build/other.zip", key("package-lock.json")), ("requirements.txt",)),
        # A key that only a run can tell.
        ((LAYER, "${{ steps.key.outputs.key }}"), ("requirements.txt",)),
        # What no key can have.
        ((LAYER, key("requirements.txt")), ("requirements.txt", "../../shared/base.txt")),
    ],
)
def test_a_cache_may_look_like_this(step: tuple[str, str], inputs: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path / "a" / "b", step, inputs=inputs) == ()


@pytest.mark.parametrize(
    ("step", "inputs", "missing", "own"),
    [
        ((LAYER, key("poetry.lock")), ("requirements.txt",), ["requirements.txt"], True),
        ((LAYER, key("poetry.lock")), ("requirements.txt", "poetry.lock?"), ["requirements.txt"], True),
        ((LAYER, key("pyproject.toml")), ("poetry.lock",), ["poetry.lock"], True),
        ((LAYER, key("requirements.txt")), ("requirements.txt", "deps/base.txt"), ["deps/base.txt"], True),
        ((LAYER, key("requirement.txt")), ("requirements.txt",), ["requirements.txt"], True),
        ((LAYER, "layer-v1"), ("requirements.txt", "build.sh"), ["requirements.txt", "build.sh"], True),
        (("build/*.zip", key("poetry.lock")), ("requirements.txt",), ["requirements.txt"], True),
        (("./build/layer.zip", key("poetry.lock")), ("requirements.txt",), ["requirements.txt"], True),
        (("build", key("poetry.lock")), ("requirements.txt",), ["requirements.txt"], False),
        (("build/", key("poetry.lock")), ("requirements.txt",), ["requirements.txt"], False),
        (("**/build", key("poetry.lock")), ("requirements.txt",), ["requirements.txt"], False),
        (("lambda-layer", key("poetry.lock")), ("requirements.txt",), ["requirements.txt"], False),
        (("dist/pythonLayer", key("poetry.lock")), ("requirements.txt",), ["requirements.txt"], False),
        (("~/.cache/layers", key("poetry.lock")), ("requirements.txt",), ["requirements.txt"], False),
        ((f"~/.cache/pip\n{LAYER}", key("poetry.lock")), ("requirements.txt",), ["requirements.txt"], True),
    ],
)
def test_an_input_that_is_not_in_the_key_is_named(
    step: tuple[str, str], inputs: tuple[str, ...], missing: list[str], tmp_path: Path, *, own: bool
) -> None:
    (one,) = found(tmp_path, step, inputs=inputs)

    assert (list(one.inputs), one.own) == (missing, own)


def test_it_says_what_the_key_is_made_of(tmp_path: Path) -> None:
    (one,) = found(tmp_path, (LAYER, key("poetry.lock", "build.sh", "*.lock")), inputs=("requirements.txt", "build.sh"))

    assert (one.keyed, one.empty, one.partly) == (("poetry.lock", "build.sh", "*.lock"), ("poetry.lock",), True)
    assert one.step.where == f"{WORKFLOW}:9"


INSTALLS = "pip install -r requirements.txt -t pkg/python && cd pkg && zip -qr ../build/layer.zip python"


@pytest.mark.parametrize(
    ("run", "path", "hashed", "said"),
    [
        (INSTALLS, "pkg/python", "poetry.lock", True),
        (INSTALLS, "pkg", "poetry.lock", True),
        (INSTALLS.replace("-t pkg", "--target=pkg"), "pkg/", "poetry.lock", True),
        (INSTALLS, "pkg/python", "requirements.txt", False),
        (INSTALLS, "pkg/wheels", "poetry.lock", False),
        (INSTALLS.replace("layer.zip", "lint.zip"), "pkg/python", "poetry.lock", False),
        ("pip install -r requirements.txt -t pkg/python", "pkg/python", "poetry.lock", False),
    ],
)
def test_the_folder_that_the_layer_is_made_of_counts_like_the_layer(
    run: str, path: str, hashed: str, tmp_path: Path, *, said: bool
) -> None:
    missing = [one.inputs for one in found(tmp_path, (path, key(hashed)), run=run)]
    assert missing == ([("requirements.txt",)] if said else [])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".gitlab-ci.yml", "a:\n  script: [RUN]\n  cache:\n    key: {files: [poetry.lock]}\n    paths: [pkg/python]\n"),
        (
            ".circleci/config.yml",
            (
                "jobs:\n  a:\n    steps:\n      - run: RUN\n      - save_cache:\n"
                '          key: v1-{{ checksum "poetry.lock" }}\n          paths: [pkg/python]\n'
            ),
        ),
        (
            "azure-pipelines.yml",
            "steps:\n  - task: Cache@2\n    inputs: {key: poetry.lock, path: pkg/python}\n  - script: RUN\n",
        ),
    ],
)
def test_so_it_does_in_other_systems(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text.replace("RUN", INSTALLS))
    assert [one.inputs for one in found(tmp_path)] == [("requirements.txt",)]


class TestFolders:
    """The manifest may lie in a folder of the repository; patterns are relative to its root."""

    @pytest.mark.parametrize(
        ("said", "missing"),
        [
            (key("backend/requirements.txt"), []),
            (key("**/requirements.txt"), []),
            (key("backend"), []),
            (key("requirements.txt"), ["backend/requirements.txt"]),
            (key("backend/poetry.lock"), ["backend/requirements.txt"]),
        ],
    )
    def test_inputs_are_named_from_the_root(self, said: str, missing: list[str], tmp_path: Path) -> None:
        told = found(tmp_path, ("backend/build/layer.zip", said), folder="backend")

        assert [name for one in told for name in one.inputs] == missing

    @pytest.mark.parametrize(
        ("path", "folder", "told"),
        [
            ("services/a/build/layer.zip", "services/a", True),
            ("services/a/layer", "services/a", True),
            ("services/layers", "services/a", True),
            ("layers", "services/a", True),
            ("services/b/layer.zip", "services/a", False),
            ("services/b/layer.zip", ".", False),
            ("services/c/layer.zip", ".", True),
        ],
    )
    def test_layers_of_other_manifests_are_theirs(self, path: str, folder: str, tmp_path: Path, *, told: bool) -> None:
        (tmp_path / "services" / "b").mkdir(parents=True)
        (tmp_path / "services" / "b" / "lambda-artifact.toml").touch()

        assert bool(found(tmp_path, (path, key("poetry.lock")), folder=folder)) is told


class TestExports:
    """Requirements that the pipeline writes from a lock are no input: the lock is."""

    RUN = "poetry export -o requirements.txt"

    @pytest.mark.parametrize(
        ("said", "inputs", "missing"),
        [
            (key("poetry.lock"), ("requirements.txt", "poetry.lock?"), []),
            (key("poetry.lock"), ("requirements.txt",), []),
            (key("pyproject.toml"), ("requirements.txt", "poetry.lock?"), ["poetry.lock"]),
            (key("poetry.lock"), ("requirements.txt", "poetry.lock?", "build.sh"), ["build.sh"]),
        ],
    )
    def test_exports(self, said: str, inputs: tuple[str, ...], missing: list[str], tmp_path: Path) -> None:
        told = found(tmp_path, (LAYER, said), inputs=inputs, run=self.RUN)

        assert [name for one in told for name in one.inputs] == missing

    @pytest.mark.parametrize("git", ["init", None])
    def test_what_git_ignores_is_written_by_a_build(self, git: str | None, tmp_path: Path) -> None:
        if git:
            subprocess.run([shutil.which("git") or "git", git, "-q"], cwd=tmp_path, check=True)
        (tmp_path / ".gitignore").write_text("requirements.txt\n")
        inputs = ("requirements.txt", "poetry.lock?")

        told = found(tmp_path, (LAYER, key("poetry.lock")), inputs=inputs, run="make layer")

        assert [name for one in told for name in one.inputs] == ([] if git else ["requirements.txt"])

    @pytest.mark.parametrize(
        "run", ["lambda-artifact key > .layer-key", "sha256sum requirements*.txt build.sh | tee .layer-key"]
    )
    def test_a_file_that_is_written_for_the_key_has_what_nobody_knows(self, run: str, tmp_path: Path) -> None:
        assert found(tmp_path, (LAYER, key(".layer-key")), run=run) == ()
        assert found(tmp_path, (LAYER, key(".other-key")), run=run) != ()

    def test_an_export_that_is_in_the_key_is_no_such_file(self, tmp_path: Path) -> None:
        told = found(tmp_path, (LAYER, key("requirements.txt")), inputs=("requirements.txt", "build.sh"), run=self.RUN)

        assert [one.inputs for one in told] == [("build.sh",)]


class TestSeveral:
    """Each of several layers can be built from some of the inputs."""

    LAYERS = ("build/a.zip", "build/b.zip")

    def test_an_input_must_be_in_the_key_of_one(self, tmp_path: Path) -> None:
        caches = (("build/a.zip", key("a.txt")), ("build/b.zip", key("b.txt")))

        assert found(tmp_path, *caches, inputs=("a.txt", "b.txt"), layers=self.LAYERS) == ()

    def test_one_that_is_in_none_is_named(self, tmp_path: Path) -> None:
        caches = (("build/a.zip", key("a.txt")), ("build/b.zip", key("b.txt")))

        told = found(tmp_path, *caches, inputs=("a.txt", "b.txt", "c.txt"), layers=self.LAYERS)

        assert [one.inputs for one in told] == [("c.txt",), ("c.txt",)]

    def test_two_caches_of_one_layer_are_judged_apart(self, tmp_path: Path) -> None:
        caches = ((LAYER, key("requirements.txt")), (LAYER, key("poetry.lock")))

        assert [one.keyed for one in found(tmp_path, *caches)] == [("poetry.lock",)]


@pytest.mark.parametrize(("layers", "told"), [((), True), ((LAYER,), False)])
def test_the_code_has_the_dependencies_where_no_layer_has(
    layers: tuple[str, ...], tmp_path: Path, *, told: bool
) -> None:
    assert bool(found(tmp_path, ("build/code.zip", key("src/**")), layers=layers)) is told


def test_a_layer_may_be_a_folder(tmp_path: Path) -> None:
    (one,) = found(tmp_path, ("build/x/python", key("poetry.lock")), layers=("build/x",))

    assert one.own
