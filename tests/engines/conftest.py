"""A folder of handlers, and everything that starts them: the Lambda image, and each kind of sandbox of this machine."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from harness.engines.interpreters import Interpreter, ask
from harness.engines.protocol import Answered, Unavailable
from harness.engines.root import Root, prepare
from harness.policy import runtime_policy
from tests.conftest import missing, not_wanted
from tests.engines.bench import Bench, start, unpacked
from tests.engines.bench import made as engine_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from harness.engines.protocol import Engine

SHUT_IN = ("container", "bubblewrap", "namespaces")
OPEN = ("chroot", "landlock")
LOOK = """
import os
def signalled(pid):
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
def handler(event, context):
    seen = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return {"processes": len(seen), "parent": os.getppid(), "reached": signalled(event)}
"""


def kinds(*names: str) -> list[object]:
    """Parameters of a fixture: what needs a daemon or a package registry has its mark."""
    return [
        pytest.param(name, marks=pytest.mark.docker if name == "container" else pytest.mark.network) for name in names
    ]


@pytest.fixture(scope="session")
def unpack(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """From files to the tree that stands at /var/task, as a verification makes it."""

    def unpack(files: Mapping[str, str | bytes], modes: Mapping[str, int] | None = None) -> Path:
        return unpacked(cache, tmp_path_factory.mktemp("code") / "code.zip", files, modes)

    return unpack


@pytest.fixture(scope="session")
def interpreter(python: Path) -> Interpreter:
    """CPython of the functions' version."""
    found = ask(python, (3, 12))
    assert isinstance(found, Interpreter)
    return found


@pytest.fixture(scope="session")
def made(interpreter: Interpreter, cache: Path) -> Root:
    """The root of most tests, made by the first that asks for it."""
    return prepare(runtime_policy("python3.12"), interpreter, cache, lambda _: None)


@dataclass
class Machine:
    """What this machine and this user can start handlers with; each is tried once."""

    request: pytest.FixtureRequest
    cache: Path
    unpack: Callable[..., Path]
    _reasons: dict[str, str] = field(default_factory=dict)
    _walled: set[str] = field(default_factory=set)

    def engine(self, kind: str) -> Engine:
        """The one of that name; the test is skipped where it is not to be had."""
        not_wanted(kind)
        self.request.getfixturevalue("image" if kind == "container" else "python")
        engine = engine_of(kind, self.cache)
        if kind not in self._reasons:
            bench = Bench(engine, self.unpack({"app.py": "def handler(event, context):\n    pass\n"}))
            self._reasons[kind] = ""
            try:
                bench.run(start("app.handler"), init_timeout=30.0)
            except Unavailable as reason:
                self._reasons[kind] = str(reason)
        if self._reasons[kind]:
            missing(kind, self._reasons[kind])
        return engine

    def walled(self, kind: str) -> None:
        """Show by a handler that it sees and reaches its own processes alone."""
        engine = self.engine(kind)
        if kind not in self._walled:
            seen = Bench(engine, self.unpack({"look.py": LOOK})).start("look.handler", [str(os.getpid())])
            assert [type(answer) for answer in seen.answers] == [Answered], seen
            (answer,) = seen.answers
            assert isinstance(answer, Answered)
            found = json.loads(answer.body)
            assert found["processes"] <= 3, found
            assert (found["parent"], found["reached"]) == (1, False), found
            self._walled.add(kind)


@pytest.fixture(scope="session")
def machine(request: pytest.FixtureRequest, cache: Path, unpack: Callable[..., Path]) -> Machine:
    return Machine(request, cache, unpack)


@pytest.fixture(params=kinds(*SHUT_IN))
def an_engine(request: pytest.FixtureRequest, machine: Machine) -> Engine:
    """Each that has Lambda's world and walls around it, in turn."""
    return machine.engine(request.param)


@pytest.fixture(params=kinds(*SHUT_IN, *OPEN))
def any_engine(request: pytest.FixtureRequest, machine: Machine) -> Engine:
    """Each in turn; what a handler does may not harm the machine."""
    return machine.engine(request.param)


@pytest.fixture(params=kinds(*SHUT_IN))
def walled(request: pytest.FixtureRequest, machine: Machine) -> str:
    """The name of each from within which nothing outside can be harmed, which is shown first."""
    machine.walled(request.param)
    return str(request.param)
