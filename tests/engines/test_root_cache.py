"""The root of the sandbox is made once, and needs no package index ever after."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.engines.interpreters import Interpreter, ask
from harness.engines.process import ProcessEngine
from harness.engines.protocol import Answered, Unavailable
from harness.engines.root import Root, prepare
from harness.policy import runtime_policy
from tests.engines.bench import Bench, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


pytestmark = [pytest.mark.network, pytest.mark.xdist_group("environment")]
POLICY = runtime_policy("python3.12")
DEBIANS = Path("/usr/bin/python3.11")
CLIENT = "var/lang/lib/python3.12/site-packages/awslambdaric/bootstrap.py"
INSTALLING = "installing the python3.12 runtime client and SDK (first use)"


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
def test_it_is_made_once_and_needs_no_index_afterwards(made: Root, cache: Path) -> None:
    said: list[str] = []
    assert prepare(POLICY, made.interpreter, cache, said.append) == made
    assert said == []


def add(path: Path) -> None:
    path.with_name("added.py").touch()


def rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"#")


@pytest.mark.parametrize("change", [os.unlink, add, rewrite], ids=["a file is gone", "one is more", "one is another"])
def test_what_was_changed_by_hand_is_made_again(made: Root, tmp_path: Path, change: Callable[[Path], None]) -> None:
    home = tmp_path / "runtimes" / made.home.name
    shutil.copytree(made.home, home, symlinks=True)
    said: list[str] = []
    prepare(POLICY, made.interpreter, tmp_path, said.append)
    assert said == []
    change(home / "root" / CLIENT)

    before = os.umask(0o077)
    try:
        environment = prepare(POLICY, made.interpreter, tmp_path, said.append)
    finally:
        os.umask(before)

    assert said == [INSTALLING]
    assert environment.intact
    assert {path.stat().st_mode & 0o777 for path in (environment.path, environment.path / CLIENT)} == {0o755, 0o644}
    assert left(tmp_path) == [environment.home.name]


def test_an_interpreter_that_cannot_run_the_client_is_not_taken(interpreter: Interpreter, tmp_path: Path) -> None:
    stdlib = tmp_path / "stdlib"
    stdlib.mkdir()
    for entry in interpreter.stdlib.iterdir():
        if entry.name != "http":
            (stdlib / entry.name).symlink_to(entry)

    with pytest.raises(Unavailable) as reason:
        prepare(POLICY, replace(interpreter, stdlib=stdlib), tmp_path, lambda _: None)

    assert str(reason.value) == (
        "the runtime client does not start with the interpreter found here: ModuleNotFoundError: "
        "No module named 'http'."
    )
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        ("var/lang/bin/python3.12", "/var/runtime/bootstrap: line 19: /var/lang/bin/python3.12: No such file"),
        (CLIENT, "ImportError: cannot import name 'bootstrap' from 'awslambdaric'"),
    ],
)
def test_what_goes_while_it_is_used_is_not_the_handlers_fault(  # noqa: PLR0913, PLR0917 - a case and its tools
    gone: str, reason: str, made: Root, tmp_path: Path, unpack: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "runtimes" / made.home.name
    shutil.copytree(made.home, home, symlinks=True)
    (home / "root" / gone).unlink()
    monkeypatch.setattr("harness.engines.process.prepare", lambda *_: replace(made, home=home))
    engine = ProcessEngine(os.environ, tmp_path, made.interpreter.executable)
    task = unpack({"app.py": "def handler(event, context):\n    pass\n"})

    with pytest.raises(Unavailable) as told:
        Bench(engine, task).start("app.handler")

    assert str(told.value).startswith(f"the runtime did not get as far as the handler: {reason}")
    assert str(told.value).endswith(
        f". Something in the cache {tmp_path} was changed: empty it with `lambda-artifact cache prune`, and run again."
    )


def test_only_the_runtimes_packages_are_in_it(made: Root) -> None:
    packages = made.lang / "lib" / "python3.12" / "site-packages"
    assert not packages.is_symlink()
    installed = {path.name.partition("-")[0] for path in packages.glob("*.dist-info")}
    assert installed == {each.partition("==")[0].replace("-", "_") for each in POLICY.runtime_requirements}
    outside = [path for path in packages.rglob("*") if not path.resolve().is_relative_to(packages.resolve())]
    assert outside == []


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
    assert left(tmp_path) == [environment.home.name]
    assert environment.lang.stat().st_mtime >= began - 1


@pytest.mark.skipif(not DEBIANS.exists(), reason="no CPython of Debian's here")
def test_debians_cpython_starts_functions(tmp_path: Path, cache: Path, unpack: Callable[..., Path]) -> None:
    task = unpack({"app.py": "import boto3\n\ndef handler(event, context):\n    return boto3.__name__\n"})
    version = ask(DEBIANS, (3, 11))
    assert isinstance(version, Interpreter)
    job = Bench(ProcessEngine(os.environ, cache, DEBIANS), task).job(start("app.handler", ["{}"]))

    answers = ProcessEngine({"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}, cache, DEBIANS).run(
        replace(job, policy=runtime_policy("python3.11")), lambda _: None
    )

    assert answers.info.python == version.version
    assert [one.answers for one in answers.observations if isinstance(one.answers[0], Answered)]
