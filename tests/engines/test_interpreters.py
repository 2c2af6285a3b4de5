"""CPython of a version is found wherever it is, and a candidate counts once it ran and told what it is."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.cache import sealed
from harness.engines.interpreters import Interpreter, Rejected, ask, candidates, find
from harness.engines.process import ProcessEngine
from harness.engines.protocol import Unavailable
from tests.engines.bench import Bench, start

if TYPE_CHECKING:
    from pathlib import Path

VERSION = (3, 99)  # one that no machine has, so that only what a test makes is found
SAID = {
    "name": "cpython",
    "version": [3, 99, 1],
    "threads": False,
    "executable": "/made/up/bin/python3.99",
    "prefix": "/made/up",
    "stdlib": "/made/up/lib/python3.99",
    "machine": "x86_64",
}


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(0o755)
    return path


def saying(answer: object) -> str:
    return f"cat <<'END'\n{json.dumps(answer)}\nEND"


def interpreter(path: Path, **said: object) -> Path:
    """An executable that answers like CPython 3.99.1, or as told."""
    return script(path, saying({**SAID, "executable": str(path), **said}))


REJECTED = {
    "a shim that fails": (
        "echo 'pyenv: python3.99: command not found' >&2; echo more >&2; exit 127",
        "it does not run: pyenv: python3.99: command not found",
    ),
    "a failure without a word": ("exit 3", "it does not run: exit status 3"),
    "another version": (saying({**SAID, "version": [3, 98, 4]}), "it is Python 3.98.4"),
    "PyPy": (saying({**SAID, "name": "pypy"}), "it is pypy, and Lambda runs CPython"),
    "free-threaded": (saying({**SAID, "threads": True}), "it is a free-threaded build, and Lambda's is not"),
    "not JSON": ("echo hello", "it does not run: Expecting value: line 1 column 1 (char 0)"),
    "other JSON": ("echo '[]'", "it does not answer as an interpreter does"),
    "less JSON": ('echo \'{"name": "cpython"}\'', "it does not answer as an interpreter does"),
}


@pytest.mark.parametrize(("text", "reason"), REJECTED.values(), ids=REJECTED)
def test_a_candidate_that_does_not_count(tmp_path: Path, text: str, reason: str) -> None:
    path = script(tmp_path / "bin" / "python3.99", text)
    assert find(VERSION, {"PATH": str(path.parent)}) == (None, (Rejected(path, reason),))


def test_the_next_one_is_asked(tmp_path: Path) -> None:
    first = script(tmp_path / "first" / "python3.99", "exit 1")
    second = interpreter(tmp_path / "second" / "python3", version=[3, 98, 0])
    third = interpreter(tmp_path / "third" / "python")
    found, rejected = find(VERSION, {"PATH": f"{first.parent}:{second.parent}:{tmp_path / 'none'}:{third.parent}"})
    assert found is not None
    assert (found.executable, found.version) == (third, "3.99.1")
    assert rejected == (Rejected(first, "it does not run: exit status 1"), Rejected(second, "it is Python 3.98.0"))


def test_only_what_can_be_run_is_a_candidate_and_only_once(tmp_path: Path) -> None:
    real = interpreter(tmp_path / "bin" / "python3.99")
    (tmp_path / "bin" / "python3").symlink_to(real)
    versions = tmp_path / ".pyenv" / "versions"
    (versions / "3.99.1" / "bin" / "python3.99").mkdir(parents=True)
    interpreter(versions / "3.99.2" / "bin" / "python3.99").chmod(0o644)
    (versions / "3.99.3" / "bin").mkdir(parents=True)
    (versions / "3.99.3" / "bin" / "python3.99").symlink_to(tmp_path / "gone")
    (versions / "3.99.4" / "bin").mkdir(parents=True)
    (versions / "3.99.4" / "bin" / "python3.99").symlink_to(real)
    assert list(candidates(VERSION, {"PATH": str(real.parent), "HOME": str(tmp_path)})) == [real]


PYENV, UV = "versions/3.99.1/bin/python3.99", "cpython-3.99.1-linux-x86_64-gnu/bin/python3.99"
MISE = "installs/python/3.99.1/bin/python3.99"
PLACES = {
    "PYENV_ROOT": ("PYENV_ROOT", PYENV),
    "pyenv in the home folder": ("HOME", f".pyenv/{PYENV}"),
    "UV_PYTHON_INSTALL_DIR": ("UV_PYTHON_INSTALL_DIR", UV),
    "uv in the home folder": ("HOME", f".local/share/uv/python/{UV}"),
    "mise in the home folder": ("HOME", f".local/share/mise/{MISE}"),
    "asdf": ("ASDF_DATA_DIR", MISE),
    "conda": ("CONDA_PREFIX", "bin/python3.99"),
}


@pytest.mark.parametrize(("variable", "place"), PLACES.values(), ids=PLACES)
def test_version_managers_although_nothing_is_on_the_path(tmp_path: Path, variable: str, place: str) -> None:
    path = interpreter(tmp_path / place)
    found, _ = find(VERSION, {"PATH": str(tmp_path / "none"), variable: str(tmp_path)})
    assert found is not None
    assert found.executable == path


def test_beside_a_folder_of_shims(tmp_path: Path) -> None:
    shim = script(tmp_path / "shims" / "python3.99", "exit 127")
    real = interpreter(tmp_path / PYENV)
    assert list(candidates(VERSION, {"PATH": str(shim.parent)})) == [real, shim]


@pytest.mark.parametrize(
    ("variable", "folder"),
    [("PYENV_ROOT", "versions/{}"), ("UV_PYTHON_INSTALL_DIR", "cpython-{}-linux-x86_64-gnu")],
    ids=["pyenv", "uv"],
)
def test_the_newest_patch_release_comes_first(tmp_path: Path, variable: str, folder: str) -> None:
    home = tmp_path / "2²"  # a digit that is no number to int()
    made = {
        patch: interpreter(home / folder.format(f"3.99.{patch}") / "bin" / "python3.99") for patch in ("2", "10", "9")
    }
    found = list(candidates(VERSION, {"PATH": str(tmp_path), variable: str(home)}))
    assert found == [made["10"], made["9"], made["2"]]


@pytest.mark.parametrize("how", ["--symlinks", "--copies"])
def test_a_virtual_environment_stands_for_what_it_was_made_from(python: Path, tmp_path: Path, how: str) -> None:
    subprocess.run([python, "-m", "venv", "--without-pip", how, tmp_path / "venv"], check=True)
    real, seen = ask(python, (3, 12)), ask(tmp_path / "venv" / "bin" / "python", (3, 12))
    assert isinstance(real, Interpreter)
    assert seen == real
    assert seen.executable == python
    assert (seen.stdlib / "json" / "__init__.py").is_file()


def test_the_one_that_the_user_names_is_the_only_candidate(tmp_path: Path) -> None:
    interpreter(tmp_path / "python3.99")
    named = interpreter(tmp_path / "named", version=[3, 98, 0])
    assert find(VERSION, {"PATH": str(tmp_path)}, named) == (None, (Rejected(named, "it is Python 3.98.0"),))


def unavailable(tmp_path: Path, environ: dict[str, str], python: Path | None = None) -> str:
    """Why the process engine cannot run a function of CPython 3.99."""
    bench = Bench(ProcessEngine(environ, tmp_path / "cache", python), tmp_path)
    job = bench.job(start("app.handler"))
    with pytest.raises(Unavailable) as reason:
        bench.engine.run(replace(job, policy=replace(job.policy, python=VERSION)), lambda _: None)
    return str(reason.value)


def test_what_is_said_of_the_one_that_the_user_names(tmp_path: Path) -> None:
    named = interpreter(tmp_path / "named", version=[3, 98, 0])
    assert unavailable(tmp_path, {}, named) == f"--python {named} is no CPython 3.99: it is Python 3.98.0."
    missing = tmp_path / "missing"
    assert unavailable(tmp_path, {}, missing) == (
        f"--python {missing} is no CPython 3.99: it does not run: No such file or directory."
    )


def test_what_is_said_when_there_is_none(tmp_path: Path) -> None:
    said = unavailable(tmp_path, {"PATH": str(tmp_path), "HOME": str(tmp_path)})
    assert said.startswith("no CPython 3.99 was found on this machine: get one with `uv python install 3.99`")


def test_what_a_program_said_is_remembered(python: Path, tmp_path: Path) -> None:
    memory = tmp_path / "folder" / "interpreters.json"
    asked, _ = find((3, 12), {}, python, memory)
    assert asked is not None
    said = json.loads(sealed.load(memory) or b"")
    changed = {key: {**one, "version": [3, 12, 99]} for key, one in said.items()}
    sealed.save(memory, json.dumps(changed).encode())

    heard, _ = find((3, 12), {}, python, memory)

    assert heard == replace(asked, version="3.12.99")


def test_a_script_is_asked_every_time(tmp_path: Path) -> None:
    path, memory = interpreter(tmp_path / "python3.99"), tmp_path / "interpreters.json"
    assert find(VERSION, {}, path, memory)[0] is not None
    interpreter(path, version=[3, 98, 0])
    assert find(VERSION, {}, path, memory) == (None, (Rejected(path, "it is Python 3.98.0"),))


@pytest.mark.parametrize("content", ["", '{"x": 1}', "nonsense"])
def test_a_memory_without_its_seal_is_none(python: Path, tmp_path: Path, content: str) -> None:
    memory = tmp_path / "interpreters.json"
    memory.write_text(content, "utf-8")
    assert find((3, 12), {}, python, memory)[0] is not None
