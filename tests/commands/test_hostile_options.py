"""Whatever an option names, the answer is a sentence within two seconds, in little memory, and never a pass."""

from __future__ import annotations

import importlib
import json
import os
import resource
import socket
import subprocess
import time
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.broken import mini
from harness.cache.trees import remove
from harness.cli import COMMANDS, run
from tests.workflow_commands import COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 2.0  # of this process: a machine may be busy
KILOBYTES = 100 * 1024
LEVELS = 2_000
NAMES = {
    "newline": "line\n::error::forged\n##vso[task.complete result=Succeeded;]",
    "escape": "esc\x1b[2J\rsection_start:1:x\r\x1b[0K",
    "right-to-left": "rtl\u202egnp.\u2066txt\u2028::warning::x\x85::notice::y",
}


def fifo(folder: Path) -> Path:
    os.mkfifo(path := folder / "pipe")
    return path


def socket_file(folder: Path) -> Path:
    here = Path.cwd()
    os.chdir(folder)  # a socket's name may be no longer than 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("socket")
    finally:
        os.chdir(here)
    return folder / "socket"


def empty(folder: Path) -> Path:
    (path := folder / "empty").touch()
    return path


def huge(folder: Path) -> Path:
    with (path := folder / "huge").open("wb") as file:
        file.truncate(1 << 40)
    return path


def deep(folder: Path) -> Path:
    (top := folder / "deep").mkdir()
    here = os.open(top, os.O_RDONLY)
    for _ in range(LEVELS):
        os.mkdir("dd", dir_fd=here)  # so that its path is too long for the system, wherever the folder is
        below = os.open("dd", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("main.py", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)
    return top


def unreadable(folder: Path) -> Path:
    (path := folder / "unreadable").touch(0)
    return path


def named(name: str) -> Callable[[Path], Path]:
    return lambda folder: folder / name


PATHS: dict[str, Callable[[Path], Path]] = {
    "a pipe": fifo,
    "a socket": socket_file,
    "a device without an end": lambda _: Path("/dev/zero"),
    "a device without anything": lambda _: Path("/dev/null"),
    "the root": lambda _: Path("/"),
    "an empty file": empty,
    "a huge file": huge,
    "a deep folder": deep,
    "an unreadable file": unreadable,
    **{f"a name with {what}": named(name) for what, name in NAMES.items()},
}

VERIFY = ["verify", "--engine", "none"]
SOUND = [*VERIFY, "--code", "code.zip", "--handler", "main.handler"]
OPTIONS: dict[str, list[str]] = {
    "verify --manifest": [*VERIFY, "--manifest", "{}"],
    "verify --code": [*VERIFY, "--code", "{}", "--handler", "main.handler"],
    "verify --layer": [*SOUND, "--layer", "{}"],
    "verify --requirements": [*SOUND, "--requirements", "{}"],
    "verify --project": [*SOUND, "--project", "{}"],
    "verify --event": [*SOUND, "--event", "{}"],
    "verify --output": [*SOUND, "--output", "json={}"],
    "match --report": ["match", "--report", "{}", "--code", "code.zip"],
    "match --code": ["match", "--report", "report.json", "--code", "{}"],
    "stamp": ["stamp", "--input", "requirements.txt", "{}"],
    "stamp --input": ["stamp", "--input", "{}", "code.zip"],
    "key --input": ["key", "--input", "{}"],
    "diff --against": ["diff", "--against", "{}", *SOUND[1:]],
    "transition --from": ["transition", "--engine", "none", "--from", "{}", "--code", "code.zip"],
    "transition --from-code": ["transition", "--engine", "none", "--from-code", "{}", *SOUND[3:]],
}
WORDS: dict[str, list[str]] = {
    "verify --handler": [*VERIFY, "--code", "code.zip", "--handler", "{}"],
    "verify --require": [*SOUND, "--require", "{}"],
    "verify --env": [*SOUND, "--env", "{}"],
    "verify --runtime": [*SOUND, "--runtime", "{}"],
    "verify --select": [*SOUND, "--select", "{}"],
    "verify --memory": [*SOUND, "--memory", "{}"],
    "verify --unknown": [*SOUND, "--unknown={}"],
    "explain": ["explain", "{}"],
}
NOT_ROOT = (pytest.mark.not_root, pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything"))
EARNED = {
    # A list of dependencies that is empty is a list, and an empty file is as good an input of a build as any other.
    ("verify --requirements", "an empty file"),
    ("stamp --input", "an empty file"),
    ("key --input", "an empty file"),
    # A report may be written over a file, and to one of any name.
    *(("verify --output", what) for what in ("an empty file", "a huge file", *(f"a name with {one}" for one in NAMES))),
}
"""What is right as it is."""


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """What a command imports counts in none of them: each test would find less of it left to do."""
    for name in ("boto3", "harness.catalogue", *(f"harness.{module}" for _, module in COMMANDS.values())):
        importlib.import_module(name)


@pytest.fixture
def path(what: str, tmp_path: Path) -> Iterator[Path]:
    (folder := tmp_path / "hostile").mkdir()
    yield PATHS[what](folder)
    remove(folder)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    mini(tmp_path / "code.zip", {"main.py": "def handler(e, c): pass\n"})
    (tmp_path / "requirements.txt").touch()
    passed = {"role": "code", "source": "code.zip", "sha256": "0" * 64, "code_sha256": "x"}
    report = {"schema": "lambda-artifact/report/v1", "verdict": "pass", "artifacts": [passed]}
    (tmp_path / "report.json").write_text(json.dumps(report))
    return environ


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("option", "what"),
    [
        pytest.param(option, what, marks=NOT_ROOT if what == "an unreadable file" else ())
        for option, what in [*product(OPTIONS, PATHS), *product(WORDS, [what for what in PATHS if "name" in what])]
    ],
)
def test_it_ends_in_a_sentence(
    option: str, what: str, path: Path, project: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    memory, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()

    code = run([word.format(path) for word in {**OPTIONS, **WORDS}[option]], project)

    assert time.process_time() - began < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < KILOBYTES
    said = capsys.readouterr()
    assert code in ({0} if (option, what) in EARNED else {1, 2, 3}), said
    assert said.out + said.err
    assert "Traceback" not in said.out + said.err
    assert not COMMAND.search(said.out + said.err)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "name",
    [
        *("lambda-artifact.toml", "pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "requirements.txt"),
        *("poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "Pipfile.lock"),
        *("Dockerfile", "Makefile", "template.yaml", ".python-version", ".tool-versions", "mise.toml", "runtime.txt"),
        *(".github/workflows/ci.yml", ".gitlab-ci.yml", ".circleci/config.yml", "azure-pipelines.yml"),
        *(".git", ".git/HEAD", ".git/config", ".git/index", ".gitignore", "src/main.py", "src/data.json"),
    ],
)
@pytest.mark.parametrize("trap", ["a pipe", "a device without an end"])
def test_what_is_read_by_itself_is_no_trap(
    name: str, trap: str, tmp_path: Path, project: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A repository in which one file is none; the verdict is that of a repository that lacks it."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/handler.py").write_text("def handler(e, c): pass\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)  # noqa: S607 - any git will do
    manifest = 'code = "code.zip"\nsource = "src"\n[functions.one]\nhandler = "main.handler"\n'
    (tmp_path / "own.toml").write_text(manifest)
    if (tmp_path / name).is_dir():
        remove(tmp_path / name)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(tmp_path / name) if trap == "a pipe" else (tmp_path / name).symlink_to("/dev/zero")
    memory, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()

    code = run([*VERIFY, "--manifest", "own.toml"], project)

    said = capsys.readouterr()
    assert code in {0, 1, 2, 3}
    assert "Traceback" not in said.out + said.err
    assert time.monotonic() - began < 5 * SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < KILOBYTES
