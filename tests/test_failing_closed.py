"""Whatever is raised on the way from the entry point to the report, the exit code is never that of a pass."""

from __future__ import annotations

import builtins
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import types
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING
from zlib import crc32

import pytest

import harness.__main__ as entry
from fixtures.broken import mini
from fixtures.case import lay_out
from fixtures.corpus import CASES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

pytestmark = pytest.mark.slow

EXCEPTIONS: tuple[BaseException, ...] = (
    SystemExit(0),
    SystemExit(),
    KeyboardInterrupt(),
    BrokenPipeError(32, "Broken pipe"),
    GeneratorExit(),
    MemoryError(),
    RecursionError(),
    StopIteration(),
    AssertionError(),
    ValueError("expected"),
    KeyError("key"),
    AttributeError("attribute"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
    FileNotFoundError(2, "No such file or directory"),
    TimeoutError(110, "timed out"),
)
PACKAGE = str(Path(entry.__file__).parent)
RAISE = "_raise_for_test"
FULL = "LAMBDA_ARTIFACT_TEST_ALL_EXCEPTIONS"
"""Set, every function is made to raise each exception: most of an hour. Else its name decides which one."""

EARNED: Mapping[str, type[BaseException]] = {
    "commands/progress.py:Progress._watch": BaseException,  # a thread of its own, which only shows what is being done
    "cache/folder.py:sweep": OSError,  # what killed runs left behind may stay until the next run
    "regular_files.py:listed": OSError,  # a folder of the repository that nobody may read is no part of a build
    "cache/usage.py:_append": OSError,  # how useful the cache is, on a disk that may be full
    "commands/ci.py:_shown": OSError,  # what a CI service shows beside the reports that were asked for
    # A module that nests deeper than anybody writes is not read, which a remark says; it is compiled all the same.
    **dict.fromkeys(
        (
            "facts/migrations/revisions.py",
            *(f"facts/python/{path.name}" for path in Path(PACKAGE).glob("facts/python/*.py")),
        ),
        RecursionError,
    ),
}
"""What may fail in such ways without a loss of what was verified: functions, and all functions of a file."""


@dataclass
class Raising:
    """What a function raises in place of what it does, and whether it was called."""

    error: BaseException
    called: bool = False

    def __call__(self) -> None:
        self.called = True
        raise type(self.error)(*self.error.args)  # a new one: an exception holds all frames that it has passed


def _raise(*_: object, **__: object) -> None:
    _raise_for_test()  # type: ignore[name-defined]  # noqa: F821 - among the builtins, for as long as a test needs it


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mini(tmp_path_factory.mktemp("archive") / "code.zip", {"main.py": "import json\ndef handler(e, c): pass\n"})


def code_of(archive: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of one static verification, from the entry point on."""
    report = cache / "report.json"
    argv = ["lambda-artifact", "verify", "--engine", "none", "--code", str(archive), "--handler", "main.handler"]
    argv += ["--format", "json", "--output", f"markdown={report}", "--output", f"terminal={report}.txt"]
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setenv("LAMBDA_ARTIFACT_CACHE", str(cache / "cache"))
    heard = signal.getsignal(signal.SIGINT)
    try:
        entry.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    finally:
        signal.signal(signal.SIGINT, heard)
        gc.unfreeze()
        gc.enable()
    raise AssertionError("it returned")


def functions_on_the_way(run: Callable[[], object]) -> list[types.CodeType]:
    """The code of every function of the package that a run calls, in the order of their first calls."""
    seen: dict[types.CodeType, None] = {}

    def note(frame: types.FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE) and "<" not in frame.f_code.co_name:
            seen.setdefault(frame.f_code)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return list(seen)


class Functions:
    """The functions of the package, so that one can be made to raise wherever it is known by which name."""

    def __init__(self) -> None:
        self._homes: dict[types.CodeType, types.FunctionType] = {}
        for one in gc.get_objects():
            if isinstance(one, types.FunctionType) and one.__code__.co_filename.startswith(PACKAGE):
                self._note(one.__code__, one)

    def _note(self, code: types.CodeType, home: types.FunctionType) -> None:
        self._homes.setdefault(code, home)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._note(constant, home)

    @contextmanager
    def raising(self, code: types.CodeType, error: BaseException) -> Iterator[Raising]:
        """Each call of one function raises, be it a method, a property, or a function inside another."""
        home = self._homes[code]
        own, instead = home.__code__, Raising(error)
        setattr(builtins, RAISE, instead)
        home.__code__ = _replaced(own, code)
        try:
            yield instead
        finally:
            home.__code__ = own
            delattr(builtins, RAISE)


def _replaced(code: types.CodeType, target: types.CodeType) -> types.CodeType:
    """The code with that of one function in it, or itself, replaced by one that raises."""
    if code is target:
        return _raise.__code__.replace(co_freevars=code.co_freevars)
    constants = (_replaced(one, target) if isinstance(one, types.CodeType) else one for one in code.co_consts)
    return code.replace(co_consts=tuple(constants))


def name_of(code: types.CodeType) -> str:
    return f"{Path(code.co_filename).relative_to(PACKAGE)}:{code.co_qualname}"


@pytest.mark.timeout(3_600)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_no_exception_on_the_way_is_a_pass(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    numbers = count()

    def code_now() -> int:
        (folder := tmp_path / f"{next(numbers)}").mkdir()
        return code_of(archive, folder, monkeypatch)

    assert [code_now(), code_now()] == [0, 0]  # everything is imported
    codes = functions_on_the_way(code_now)
    functions = Functions()
    everything = FULL in os.environ
    passed, called = list[str](), 0
    for code in codes:
        if code is entry.main.__code__:
            continue  # what is raised there is raised by nobody below it
        chosen = EXCEPTIONS if everything else (EXCEPTIONS[crc32(name_of(code).encode()) % len(EXCEPTIONS)],)
        for error in chosen:
            with functions.raising(code, error) as raising:
                ended = code_now()
            capfd.readouterr()
            called += raising.called
            earned = tuple(EARNED.get(one, NoneType) for one in (name_of(code), name_of(code).partition(":")[0]))
            if raising.called and ended == 0 and not isinstance(error, earned):
                passed.append(f"{name_of(code)}: {error!r}")

    assert passed == []
    assert called > len(codes) / 2
    sys.stdout.write(f"{len(codes):,} functions, {called:,} exceptions\n")


WAYS = (
    "harness.manifest:load",
    "harness.plan:plan",
    "harness.verify:run",
    "harness.verify:Verification.read_repository",
    "harness.verify:Verification.report",
    "harness.plugin.verifications:reports",
    "harness.plugin.items:report_of",
)
ERRORS = ("SystemExit(0)", "GeneratorExit()", "BrokenPipeError()")
IN_PYTEST = """
import importlib, itertools, json, os, sys
import pytest

def ended(way, error):
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if way:
        broken(way, error)
    options = ["-m", "artifact", "--artifact-engine", "none", "-k", "upload-size", "-p", "no:cacheprovider"]
    try:
        code = pytest.main(options)
    except SystemExit as exited:
        code = exited.code or 0
    except BaseException:
        code = 1  # as Python itself ends then
    os._exit(code)

def broken(way, error):
    module, _, inside = way.partition(":")
    *owners, name = inside.split(".")
    owner = importlib.import_module(module)
    for one in owners:
        owner = getattr(owner, one)
    def fail(*_, **__):
        open("called", "a").write(way + error)
        raise eval(error)
    setattr(owner, name, fail)

ways, errors = json.loads(sys.argv[1])
for way in ways:
    importlib.import_module(way.partition(":")[0])  # once, and not in each process
found = [[way, error, ended(way, error)] for way, error in [("", ""), *itertools.product(ways, errors)]]
print(json.dumps(found), file=sys.stderr)
"""


def test_nor_is_it_in_pytest(tmp_path: Path, environ: dict[str, str]) -> None:
    lay_out(next(case for case in CASES if case.name == "sound"), tmp_path)
    command = [sys.executable, "-c", IN_PYTEST, json.dumps([WAYS, ERRORS])]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)

    (_, _, untouched), *seen = json.loads(done.stderr.splitlines()[-1])
    assert untouched == 0
    called = (tmp_path / "called").read_text("utf-8")
    assert [(way, error) for way, error, _ in seen if way + error not in called] == []
    passes = {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    assert [(way, error) for way, error, code in seen if code in passes] == []
    assert len(seen) == len(WAYS) * len(ERRORS)
