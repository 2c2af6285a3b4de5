"""What plays /var/lang and /var/runtime: made once, from nothing of this machine's but CPython, offline ever after."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from harness.engines.environment import Environment, prepare
from harness.engines.interpreters import Interpreter, ask
from harness.engines.protocol import Unavailable
from harness.policy import runtime_policy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("environment")]
POLICY = runtime_policy("python3.12")
INSTALLING = "installing the python3.12 runtime client and SDK (first use)"


@pytest.fixture(scope="module")
def interpreter(python: Path) -> Interpreter:
    found = ask(python, (3, 12))
    assert isinstance(found, Interpreter)
    return found


@pytest.fixture(scope="module")
def made(interpreter: Interpreter, cache: Path) -> Environment:
    return prepare(POLICY, interpreter, cache, lambda _: None)


@pytest.fixture
def _dead_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No index answers and nothing of pip's is cached."""
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        for name in [name for name in os.environ if name.startswith("PIP_")]:
            monkeypatch.delenv(name)
        settings = {"CONFIG_FILE": os.devnull, "NO_CACHE_DIR": "1", "RETRIES": "0"}
        settings["INDEX_URL"] = f"http://127.0.0.1:{bound.getsockname()[1]}/simple"
        for name, value in settings.items():
            monkeypatch.setenv(f"PIP_{name}", value)
        yield


def left(cache: Path) -> list[str]:
    """What lies beside the locks."""
    return sorted(path.name for path in (cache / "runtimes").iterdir() if path.suffix != ".lock")


@pytest.mark.usefixtures("_dead_index")
def test_it_is_made_once_and_needs_no_index_afterwards(made: Environment, cache: Path) -> None:
    said: list[str] = []
    assert prepare(POLICY, made.interpreter, cache, said.append) == made
    assert said == []


def test_only_the_runtimes_packages_are_in_it(made: Environment) -> None:
    packages = made.lang / "lib" / "python3.12" / "site-packages"
    assert not packages.is_symlink()
    installed = {path.name.partition("-")[0] for path in packages.glob("*.dist-info")}
    assert installed == {each.partition("==")[0].replace("-", "_") for each in POLICY.runtime_requirements}
    outside = [path for path in packages.rglob("*") if not path.resolve().is_relative_to(packages.resolve())]
    assert outside == []


def test_its_interpreter_is_at_home_in_it(made: Environment) -> None:
    look = "import sys, awslambdaric; print(sys.prefix, *sys.path, awslambdaric.__file__, sep='\\n')"
    done = subprocess.run(
        [made.lang / "bin" / made.python, "-I", "-c", look], env={}, capture_output=True, text=True, check=True
    )
    prefix, *places = done.stdout.splitlines()
    assert prefix == str(made.lang)
    assert [place for place in places if not place.startswith(f"{made.lang}/")] == []


@pytest.mark.usefixtures("_dead_index")
def test_an_installation_that_fails_leaves_nothing(interpreter: Interpreter, tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as reason:
        prepare(POLICY, interpreter, tmp_path, lambda _: None)
    assert str(reason.value).startswith(
        f"the process engine could not install {POLICY.runtime_requirements[0]} and the SDK for python3.12: ERROR: "
    )
    assert "It needs a package index once" in str(reason.value)
    assert left(tmp_path) == []


def half_make(interpreter: Interpreter, cache: Path, index: str) -> None:
    """What a process does that is killed while pip waits for an index that never answers."""
    os.setsid()
    os.environ.update(PIP_INDEX_URL=index, PIP_NO_CACHE_DIR="1", PIP_CONFIG_FILE=os.devnull)
    os.environ.pop("PIP_FIND_LINKS", None)
    prepare(POLICY, interpreter, cache, lambda _: None)


def test_what_a_killed_process_left_is_cleaned_away(interpreter: Interpreter, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        maker = multiprocessing.get_context("spawn").Process(target=half_make, args=(interpreter, tmp_path, index))
        maker.start()
        with contextlib.closing(silent.accept()[0]):  # pip asks, so the folder is half-made
            (half_made,) = left(tmp_path)
            assert ".tmp" in half_made
            assert maker.pid is not None
            os.killpg(maker.pid, signal.SIGKILL)
            maker.join()
    said: list[str] = []
    began = time.time()
    environment = prepare(POLICY, interpreter, tmp_path, said.append)
    assert said == [INSTALLING]
    assert left(tmp_path) == [environment.lang.parent.name]
    assert environment.lang.stat().st_mtime >= began - 1
