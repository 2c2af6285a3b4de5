"""What handlers are lent speeds up a pass and does nothing else: nobody sees it, nobody can change it."""

from __future__ import annotations

import importlib.util
import json
import os
import py_compile
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.engines.bytecode import BytecodeStore, Index, Lending, content_key
from harness.engines.choice import Choice, engine
from harness.engines.protocol import Answered, Failed, Observation, Ready
from tests.engines.bench import Bench, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.engines.protocol import Engine

MAGIC = importlib.util.MAGIC_NUMBER.hex()
HANDLER = "def handler(event, context):\n    return {}\n"
LOOK = """
import importlib.machinery, importlib.util, json, os, sys, threading
modules = sorted(sys.modules)
from library import Thing, where
def folders():
    return {root: sorted(os.listdir(root)) for root in ("/var/task", "/var/task/library", "/var/runtime", "/tmp", "/")}
def handler(event, context):
    spec = importlib.util.find_spec("library")
    return {
        "modules": modules,
        "more": sorted(sys.modules),
        "flags": repr(sys.flags),
        "path": sys.path,
        "hooks": [repr(hook)[:30] for hook in (*sys.path_hooks, *sys.meta_path)],
        "environment": {k: v for k, v in os.environ.items() if k not in ("AWS_LAMBDA_RUNTIME_API",)},
        "cwd": os.getcwd(),
        "prefix": sys.pycache_prefix,
        "cached": [sys.modules["library"].__cached__, spec.cached, spec.origin, repr(type(spec.loader))],
        "main": sorted(vars(sys.modules["__main__"])),
        "code": [where(), Thing.method.__code__.co_filename, Thing.method.__code__.co_firstlineno, Thing.__doc__],
        "loader": [importlib.machinery.SourceFileLoader.get_code.__qualname__, sys.dont_write_bytecode],
        "folders": folders(),
        "threads": threading.active_count(),
    }
"""
LIBRARY = '''
import sys
def where():
    return sys._getframe().f_code.co_filename, sys._getframe().f_lineno
class Thing:
    """A docstring."""
    def method(self):
        assert False
'''


def heavy(lines: int) -> str:
    """A module that takes a while to compile and none to run."""
    return "\n".join(
        f"def f{number}(a, b=({number}, 'x')):\n    return a + {number} * len(b)" for number in range(lines)
    )


@pytest.fixture
def lends(engine_name: str, cache: Path) -> Iterator[Callable[[bool], Engine]]:
    """Each engine with bytecode that nobody else has a part in, or without any."""
    own = Path(tempfile.mkdtemp(prefix="bytecode-of-a-test-", dir=cache))
    image = os.environ.get("LAMBDA_ARTIFACT_TEST_IMAGE") if engine_name == "container" else None

    def lends(lending: bool) -> Engine:  # noqa: FBT001 - the question
        made = engine(Choice(engine_name), os.environ, cache, image, None)
        return replace(made, bytecode=own if lending else None)  # type: ignore[type-var]  # both engines have it

    yield lends
    shutil.rmtree(own)


def twice(made: Engine, task: Path, handler: str, **environment: object) -> tuple[Observation, Observation]:
    """What is seen at first, when nothing is kept, and then."""
    bench = Bench(made, task)
    job = replace(bench.job(start(handler, ["{}"], **environment), init_timeout=20.0), reached=())
    first, second = (made.run(job, lambda _: None).observations[0] for _ in range(2))
    return first, second


def body(seen: Observation) -> Any:  # noqa: ANN401 - whatever the handler says
    (answer,) = seen.answers
    assert isinstance(answer, Answered), answer
    return json.loads(answer.body)


def test_what_was_missed_is_lent_the_next_time(lends: Callable[[bool], Engine], unpack: Callable[..., Path]) -> None:
    task = unpack({"app.py": f"import heavy\n{HANDLER}", "heavy.py": heavy(2000)})

    first, second = twice(lends(True), task, "app.handler")

    assert isinstance(second.init, Ready)
    assert second.compiling > 2 * first.compiling  # of which the runtime's own client has a little at first
    assert body(first) == body(second) == {}


def test_what_will_be_reached_is_lent_the_first_time(
    lends: Callable[[bool], Engine], unpack: Callable[..., Path]
) -> None:
    task = unpack({"app.py": f"import heavy\n{HANDLER}", "heavy.py": heavy(500)})
    made = lends(True)
    job = Bench(made, task).job(start("app.handler"), init_timeout=20.0)
    job = replace(job, reached=("/var/task/app.py", "/var/task/heavy.py"))

    answers = made.run(job, lambda _: None)

    assert answers.observations[0].compiling > 0.0
    assert [name for name, _ in answers.seconds] == ["prepare", "start", "compile", "handlers", "end"]


def test_beside_a_single_handler_it_is_compiled_for_the_next_time(
    lends: Callable[[bool], Engine], unpack: Callable[..., Path]
) -> None:
    names = [f"m{number}" for number in range(120)]
    app = f"import time\nimport {', '.join(names)}\ntime.sleep(1)\n{HANDLER}"
    files = {f"{name}.py": heavy(5) for name in names}
    task = unpack({"app.py": app, **files})
    made = lends(True)
    job = replace(Bench(made, task).job(start("app.handler")), reached=tuple(f"/var/task/{name}" for name in files))

    first, second = (made.run(job, lambda _: None).observations[0] for _ in range(2))

    assert isinstance(first.init, Ready)
    if (os.cpu_count() or 1) > 1:
        assert first.compiling == 0.0
    assert second.compiling > 0.0


def test_a_handler_sees_nothing_of_it(lends: Callable[[bool], Engine], unpack: Callable[..., Path]) -> None:
    task = unpack({"look.py": LOOK, "library/__init__.py": LIBRARY})

    _, lent = twice(lends(True), task, "look.handler")
    without, _ = twice(lends(False), task, "look.handler")

    assert lent.compiling > 0.0
    assert body(lent) == {**body(without), "loader": ["SourceLoader.get_code", False]}


FAULTY: dict[str, dict[str, str | bytes]] = {
    "an error in init": {"app.py": f"import heavy\nraise ValueError('no')\n{HANDLER}"},
    "an error in an event": {"app.py": "import heavy\ndef handler(event, context):\n    raise ValueError('no')\n"},
    "a module that is not there": {"app.py": f"import heavy, absent\n{HANDLER}"},
    "a syntax error": {"app.py": f"import heavy, wrong\n{HANDLER}", "wrong.py": "def f(:\n"},
    "an exit": {"app.py": f"import heavy, os\nos._exit(3)\n{HANDLER}"},
    "four fifths of its memory": {
        "app.py": f"import heavy\nx = bytearray(170 << 20)\nx[::4096] = x[1::4096]\n{HANDLER}"
    },
    "half of its time": {"app.py": "import heavy, time\ndef handler(event, context):\n    time.sleep(1.6)\n"},
}


@pytest.mark.parametrize("name", FAULTY)
def test_what_is_not_a_pass_with_ease_counts_without(
    name: str, lends: Callable[[bool], Engine], unpack: Callable[..., Path]
) -> None:
    task = unpack({"heavy.py": heavy(500), **FAULTY[name]})

    first, second = twice(lends(True), task, "app.handler")
    without, _ = twice(lends(False), task, "app.handler")

    assert second.compiling == 0.0
    for seen in (first, second):
        assert type(seen.init) is type(without.init)
        assert [type(answer) for answer in seen.answers] == [type(answer) for answer in without.answers]
        assert seen.trace == without.trace
        if isinstance(without.init, Failed):
            assert isinstance(seen.init, Failed)
            assert seen.init.error == without.init.error


def test_what_met_its_own_leftovers_is_started_in_a_clean_place(
    lends: Callable[[bool], Engine], unpack: Callable[..., Path]
) -> None:
    """The start that is thrown away leaves a folder behind; in Lambda, there is none."""
    once = f"import heavy, os\nos.mkdir('/tmp/own')\nx = bytearray(170 << 20)\nx[::4096] = x[1::4096]\n{HANDLER}"
    task = unpack({"heavy.py": heavy(500), "app.py": once})

    _, second = twice(lends(True), task, "app.handler")

    assert isinstance(second.init, Ready), second


def test_neighbours_that_make_the_same_folder_do_not_disturb_each_other(
    lends: Callable[[bool], Engine], unpack: Callable[..., Path]
) -> None:
    made = lends(False)
    bench = Bench(made, unpack({"app.py": f"import os\nos.mkdir('/tmp/own')\n{HANDLER}"}))
    starts = [replace(start("app.handler"), function=f"number {number}") for number in range(3)]

    assert all(isinstance(seen.init, Ready) for seen in bench.run(*starts))


WARNS = "x = '\\d'\ny = 1 is 1\n"


def test_a_warning_of_the_compiler_is_there_every_time(
    lends: Callable[[bool], Engine], unpack: Callable[..., Path]
) -> None:
    task = unpack({"app.py": f"import warns, heavy\n{HANDLER}", "warns.py": WARNS, "heavy.py": heavy(200)})

    first, second = twice(lends(True), task, "app.handler")

    assert second.compiling > 0.0
    assert first.output.count("SyntaxWarning") == second.output.count("SyntaxWarning") == 2


def test_bytecode_of_the_archive_stays_what_is_executed(
    lends: Callable[[bool], Engine], unpack: Callable[..., Path], python: Path, tmp_path: Path
) -> None:
    """Unchecked, and of another source: what Lambda would execute, however wrong."""
    del python
    (tmp_path / "m.py").write_text("x = 'stale'\n", "utf-8")
    stale = py_compile.compile(
        str(tmp_path / "m.py"), dfile="/var/task/m.py", invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    assert stale
    with open(stale, "rb") as file:  # noqa: PTH123 - a text
        content = file.read()
    app = "import m, heavy\ndef handler(event, context):\n    return m.x\n"
    files = {"app.py": app, "m.py": "x = 'fresh'\n", "heavy.py": heavy(200)}
    task = unpack({**files, "__pycache__/m.cpython-312.pyc": content})

    first, second = twice(lends(True), task, "app.handler")
    without, _ = twice(lends(False), task, "app.handler")

    assert second.compiling > 0.0
    assert body(first) == body(second) == body(without)


REWRITES = """
import importlib.machinery, importlib.util, sys
class Loader(importlib.machinery.SourceFileLoader):
    def source_to_code(self, data, path, *, _optimize=-1):
        return super().source_to_code(data.replace(b"plain", b"other"), path, _optimize=_optimize)
def load(name):
    path = f"/var/task/{name}.py"
    spec = importlib.util.spec_from_file_location(name, path, loader=Loader(name, path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
"""
PATCHES = """
import importlib.machinery
loader = importlib.machinery.SourceFileLoader
original = loader.source_to_code
def source_to_code(self, data, path, *, _optimize=-1):
    return original(self, data.replace(b"plain", b"other"), path, _optimize=_optimize)
"""


@pytest.mark.parametrize(
    "how",
    [
        "import plain, rewrites\nx = rewrites.load('plain').x\n",
        "import patches\npatches.loader.source_to_code = patches.source_to_code\nfrom plain import x\n",
    ],
    ids=["a loader of its own", "a patch of the loader"],
)
def test_a_handler_that_rewrites_its_modules_does(
    how: str, lends: Callable[[bool], Engine], unpack: Callable[..., Path]
) -> None:
    app = f"{how}def handler(event, context):\n    return x\n"
    files = {"app.py": app, "plain.py": "x = 'plain'\n", "rewrites.py": REWRITES, "patches.py": PATCHES}

    first, second = twice(lends(True), unpack(files), "app.handler")

    assert body(first) == body(second) == "other"


@pytest.mark.parametrize(("name", "expected"), [("PYTHONOPTIMIZE", None), ("COLOUR", "AssertionError")])
def test_variables_that_steer_the_compiler_do(
    name: str, expected: str | None, lends: Callable[[bool], Engine], unpack: Callable[..., Path]
) -> None:
    checks = (
        "def check():\n    try:\n        assert False\n    except AssertionError:\n        return 'AssertionError'\n"
    )
    app = "import checks\ndef handler(event, context):\n    return checks.check()\n"
    task = unpack({"app.py": app, "checks.py": checks})
    made = lends(True)
    twice(made, task, "app.handler")

    first, second = twice(made, task, "app.handler", **{name: "1"})

    assert body(first) == body(second) == expected


TAMPERS = """
import os
def attempt(deed):
    try:
        deed()
    except OSError as error:
        return type(error).__name__
    return "done"
def handler(event, context):
    return [
        attempt(lambda: os.pwrite(1000, b"x", 0)),
        attempt(lambda: os.ftruncate(1000, 0)),
        attempt(lambda: os.pwrite(os.open("/proc/self/fd/1000", os.O_RDWR), b"x", 0)),
        attempt(lambda: os.pwrite(1001, b"x", 1 << 20)),
    ]
"""


def test_nobody_can_change_what_others_are_lent(lends: Callable[[bool], Engine], unpack: Callable[..., Path]) -> None:
    _, second = twice(lends(True), unpack({"app.py": TAMPERS}), "app.handler")
    assert second.compiling > 0.0
    assert "done" not in body(second)


@pytest.mark.parametrize(
    "closes",
    ["os.closerange(3, 1024)", "os.dup2(os.open('/etc/passwd', os.O_RDONLY), 1000)", "os.closerange(1001, 1002)"],
)
def test_a_handler_that_closes_everything_compiles_for_itself(
    closes: str, lends: Callable[[bool], Engine], unpack: Callable[..., Path]
) -> None:
    # In a thread of the runtime client nothing is open yet but what is ours.
    app = f"import os\n{closes}\nimport late\ndef handler(event, context):\n    return late.x\n"
    task = unpack({"app.py": app, "late.py": "x = 1\n", "heavy.py": heavy(200)})

    _, second = twice(lends(True), task, "app.handler")

    assert isinstance(second.init, Ready)
    assert body(second) == 1


@pytest.mark.network
@pytest.mark.usefixtures("python")
def test_a_folder_of_the_users_own_gets_none(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(f"import heavy\n{HANDLER}", "utf-8")
    (tmp_path / "heavy.py").write_text(heavy(200), "utf-8")
    made = engine(Choice.PROCESS, os.environ, cache, None, None)

    seen = twice(made, tmp_path, "app.handler")

    assert content_key(tmp_path, cache) is None
    (tmp_path / "heavy.py").write_text("raise ValueError('another')\n", "utf-8")
    assert [isinstance(one.init, Ready) for one in seen] == [True, True]
    assert isinstance(twice(made, tmp_path, "app.handler")[1].init, Failed)


ROWS = Index(MAGIC, {"a.py": (1, 2, 0, 3, 4)}, ("b.py",))


def test_what_is_kept_is_there_again(tmp_path: Path) -> None:
    store = BytecodeStore(tmp_path)
    store.keep("a tree", ROWS, [memoryview(b"one")])
    store.keep("a tree", Index(MAGIC, {"c.py": (5, 6, 0, 3, 7)}, ()), [memoryview(b"two")])

    found = store.kept("a tree")

    assert found.index.modules == {"a.py": (1, 2, 0, 3, 4), "c.py": (5, 6, 3, 3, 7)}
    assert (found.index.refused, bytes(found.content)) == (("b.py",), b"onetwo")
    assert store.kept("another tree").index == Index()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".draft-")] == []


def test_what_a_killed_process_left_is_cleaned_away(tmp_path: Path) -> None:
    store = BytecodeStore(tmp_path)
    store.keep("a tree", ROWS, [memoryview(b"one")])
    (kept,) = tmp_path.glob("*.kept")
    (tmp_path / f".draft-{kept.name}-1234").touch()
    store.keep("a tree", Index(MAGIC, {"c.py": (5, 6, 0, 3, 7)}, ()), [memoryview(b"two")])
    assert list(tmp_path.glob(".draft-*")) == []


def test_bytecode_of_another_interpreter_is_replaced(tmp_path: Path) -> None:
    store = BytecodeStore(tmp_path)
    store.keep("a tree", ROWS, [memoryview(b"one")])
    store.keep("a tree", Index("00", {"c.py": (5, 6, 0, 3, 7)}, ()), [memoryview(b"two")])
    assert store.kept("a tree").index == Index("00", {"c.py": (5, 6, 0, 3, 7)}, ())


@pytest.mark.parametrize("at", [0, 20, 40, -1], ids=["in its seal", "in its length", "in its index", "in the bytecode"])
def test_what_was_damaged_is_not_there(at: int, tmp_path: Path) -> None:
    store = BytecodeStore(tmp_path)
    store.keep("a tree", ROWS, [memoryview(b"one")])
    (path,) = tmp_path.glob("*.kept")
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    assert store.kept("a tree").index == Index()


def test_the_trees_of_a_job_lie_one_after_another(tmp_path: Path) -> None:
    lending = Lending(BytecodeStore(tmp_path), {"/var/task/": "code", "/opt/": "layers"})
    rows = {"/var/task/a.py": [1, 2, 0, 3, 4], "/opt/python/b.py": [5, 6, 3, 4, 7]}
    lending.keep({"magic": MAGIC, "modules": rows, "refused": ["/opt/python/c.py"]}, memoryview(b"onefour"))
    lending.miss(["/opt/python/d.py", "/opt/python/../e.py", "/elsewhere/f.py", "/opt/data.txt"])

    kept, contents, known = lending.kept()

    assert kept == {"magic": MAGIC, "bytes": 7, "modules": {path: tuple(row) for path, row in rows.items()}}
    assert b"".join(contents) == b"onefour"
    assert known == {*rows, "/opt/python/c.py"}
    assert lending.wanted(["/var/task/g.py", "/elsewhere/h.py"]) == {"/opt/python/d.py", "/var/task/g.py"}


def test_a_store_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "bytecode").touch()  # and no folder
    lending = Lending(BytecodeStore(tmp_path / "bytecode"), {"/opt/": "layers"})
    lending.keep({"magic": MAGIC, "modules": {"/opt/a.py": [1, 2, 0, 3, 4]}, "refused": []}, memoryview(b"one"))
    lending.miss(["/opt/b.py"])
    assert lending.kept()[0]["modules"] == {}
