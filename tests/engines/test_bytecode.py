"""Bytecode is put beside the sources of what handlers reach, once, and changes nothing that a handler does."""

from __future__ import annotations

import os
import py_compile
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.broken import mini
from harness.artifact.archive import read
from harness.artifact.entries import Role
from harness.artifact.store import Addition, Store
from harness.engines.bytecode import compiled_modules
from harness.engines.choice import Choice, engine
from harness.engines.protocol import Answered, Failed, Observation, Ready
from harness.probe.compiler import ROOM
from tests.engines.bench import Bench, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.engines.protocol import Engine

HANDLER = "def handler(event, context):\n    return {}\n"
CACHED = "import os, library\ndef handler(event, context):\n    return os.path.exists(library.__cached__)\n"
LIMIT = 262_144_000
VERSION = "cpython-312"


def heavy(lines: int) -> str:
    """A module that takes a while to compile and none to run."""
    return "\n".join(
        f"def f{number}(a, b=({number}, 'x')):\n    return a + {number} * len(b)" for number in range(lines)
    )


@pytest.fixture
def own_cache(cache: Path) -> Iterator[Path]:
    """A cache whose trees are a test's own."""
    (cache / "runtimes").mkdir(parents=True, exist_ok=True)
    own = Path(tempfile.mkdtemp(prefix="bytecode-of-a-test-", dir=cache))
    (own / "runtimes").symlink_to(cache / "runtimes")
    yield own
    (own / "runtimes").unlink()
    for path, _, _ in os.walk(own):
        Path(path).chmod(0o700)
    shutil.rmtree(own)


@pytest.fixture
def task(own_cache: Path, tmp_path: Path) -> Callable[..., Path]:
    """From files to their tree in that cache."""

    def task(files: Mapping[str, str | bytes], modes: Mapping[str, int] | None = None) -> Path:
        archive = read(mini(tmp_path / "code.zip", dict(files), modes=dict(modes or {})), "code.zip", Role.CODE)
        store = Store(own_cache / "trees")
        tree = store.tree(archive, LIMIT)
        return store.masked(tree) if modes else tree

    return task


@pytest.fixture
def made(engine_name: str, own_cache: Path) -> Engine:
    image = os.environ.get("LAMBDA_ARTIFACT_TEST_IMAGE") if engine_name == "container" else None
    return engine(Choice(engine_name), os.environ, own_cache, image, None)


def run(made: Engine, task: Path, handler: str, *reached: str) -> Observation:
    job = replace(Bench(made, task).job(start(handler, ["{}"]), init_timeout=20.0), reached=reached)
    return made.run(job, lambda _: None).observations[0]


def body(seen: Observation) -> str:
    (answer,) = seen.answers
    assert isinstance(answer, Answered), answer
    return answer.body


def test_what_handlers_reach_is_compiled_before_they_start(made: Engine, task: Callable[..., Path]) -> None:
    tree = task({"one.py": CACHED, "library.py": heavy(2000)})
    seen = run(made, tree, "one.handler", "/var/task/one.py", "/var/task/library.py")

    assert body(seen) == "true"
    assert seen.compiling > 0.01
    assert sorted(path.name for path in tree.glob("__pycache__/*")) == [f"library.{VERSION}.pyc", f"one.{VERSION}.pyc"]


def test_what_they_loaded_without_is_there_the_next_time(made: Engine, task: Callable[..., Path]) -> None:
    tree = task({"one.py": CACHED, "library.py": heavy(200)})

    assert [body(run(made, tree, "one.handler")) for _ in range(2)] == ["false", "true"]


def test_the_harness_holds_a_bounded_amount_of_it(made: Engine, task: Callable[..., Path]) -> None:
    """Fifteen bytes of source that become four thousand: more than there is room for in one module, and in all."""
    vast, large = ("".join(f'"{number:08d}"*512,\n' for number in range(count)) for count in (14_000, 4_000))
    files = {"vast.py": f"x = [\n{vast}]\n", **{f"large{number}.py": f"x = [\n{large}]\n" for number in range(4)}}
    tree = task({"one.py": CACHED, "library.py": HANDLER, **files})
    names = ("/var/task/one.py", "/var/task/library.py", *(f"/var/task/{name}" for name in files))
    seen = run(made, tree, "one.handler", *names)
    sizes = {path.name: path.stat().st_size for path in tree.glob("__pycache__/*")}

    assert body(seen) == "true"
    assert f"vast.{VERSION}.pyc" not in sizes
    assert 0 < sum(sizes.values()) <= ROOM
    assert len(sizes) < len(files) + 2


def test_a_warning_of_the_compiler_is_there_every_time(made: Engine, task: Callable[..., Path]) -> None:
    tree = task({"one.py": f"{HANDLER}x = 1 is 1\n"})
    seen = [run(made, tree, "one.handler", "/var/task/one.py") for _ in range(2)]

    assert ["SyntaxWarning" in one.output for one in seen] == [True, True]
    assert not (tree / "__pycache__").exists()


def test_what_does_not_compile_fails_in_pythons_words(made: Engine, task: Callable[..., Path]) -> None:
    tree = task({"one.py": "def handler(:\n"})
    seen = run(made, tree, "one.handler", "/var/task/one.py")

    assert isinstance(seen.init, Failed)
    assert seen.init.error.type == "Runtime.UserCodeSyntaxError"


def test_bytecode_of_the_archive_stays_what_is_executed(
    made: Engine, task: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "library.py").write_text("HERE = 'the bytecode'\n")
    os.utime(tmp_path / "library.py", (0, 0))
    shipped = tmp_path / "library.pyc"
    py_compile.compile(
        str(tmp_path / "library.py"), str(shipped), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    magic = bytes.fromhex("cb0d0d0a")  # of CPython 3.12
    tree = task(
        {
            "one.py": "import library\ndef handler(event, context):\n    return library.HERE\n",
            "library.py": "HERE = 'the source'\n",
            f"__pycache__/library.{VERSION}.pyc": magic + shipped.read_bytes()[4:],
        }
    )
    before = (tree / f"__pycache__/library.{VERSION}.pyc").read_bytes()
    run(made, tree, "one.handler", "/var/task/one.py", "/var/task/library.py")

    assert (tree / f"__pycache__/library.{VERSION}.pyc").read_bytes() == before


def test_what_others_may_not_read_gets_none(made: Engine, task: Callable[..., Path]) -> None:
    tree = task({"one.py": HANDLER}, modes={"one.py": 0o600})
    seen = run(made, tree, "one.handler", "/var/task/one.py")

    assert isinstance(seen.init, Failed)
    assert seen.init.error.type == "PermissionError"
    assert not (tree / "__pycache__").exists()


def test_a_folder_of_the_users_own_gets_none(made: Engine, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "one.py").write_text(HANDLER)
    (tmp_path / "one.py").chmod(0o644)
    seen = run(made, tmp_path, "one.handler", "/var/task/one.py")

    assert isinstance(seen.init, Ready)
    assert [path.name for path in tmp_path.iterdir()] == ["one.py"]


ONE = Addition("pkg/one.py", f"one.{VERSION}.pyc", b"bytecode", 0.25)
NONE = Addition("pkg/two.py", f"two.{VERSION}.pyc", b"", 0.5)


@pytest.fixture
def tree(task: Callable[..., Path]) -> Path:
    return task({"pkg/one.py": HANDLER, "pkg/two.py": HANDLER})


@pytest.fixture
def stored(own_cache: Path, tmp_path: Path) -> Callable[[], Path]:
    """The tree as another run finds it."""
    archive = read(tmp_path / "code.zip", "code.zip", Role.CODE)
    return lambda: Store(own_cache / "trees").tree(archive, LIMIT)


def test_a_tree_with_additions_is_found_as_it_is(tree: Path, stored: Callable[[], Path], own_cache: Path) -> None:
    store, inode = Store(own_cache / "trees"), tree.stat().st_ino
    times = (tree / "pkg").stat().st_mtime_ns

    assert store.add(tree, VERSION, [ONE, NONE]) == {"pkg/one.py": 0.25, "pkg/two.py": 0.0}
    assert stored().stat().st_ino == inode
    assert (tree / "pkg").stat().st_mtime_ns == times
    assert Store(own_cache / "trees").additions(tree, VERSION) == {"pkg/one.py": 0.25, "pkg/two.py": 0.0}


def test_a_tree_of_several_has_the_additions_of_none(tree: Path, own_cache: Path) -> None:
    store = Store(own_cache / "trees")
    store.add(tree, VERSION, [ONE])
    other = tree.parent / "other"
    other.mkdir()
    merged = store.merged([tree, other])

    assert sorted(path.name for path in (merged / "pkg").iterdir()) == ["one.py", "two.py"]


def changed(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(b"other bytes")


def removed(path: Path) -> None:
    path.parent.chmod(0o700)
    path.unlink()


def unknown(path: Path) -> None:
    """What a process that was killed leaves, before it has noted what it added."""
    path.parent.chmod(0o700)
    (path.parent / "three.pyc").write_bytes(b"")


@pytest.mark.parametrize("damage", [changed, removed, unknown], ids=lambda damage: damage.__name__)
def test_additions_that_are_not_as_they_were_are_not_there(
    damage: Callable[[Path], None], tree: Path, stored: Callable[[], Path], own_cache: Path
) -> None:
    Store(own_cache / "trees").add(tree, VERSION, [ONE])
    damage(tree / "pkg/__pycache__" / ONE.name)

    assert not (stored() / "pkg/__pycache__").exists()
    assert Store(own_cache / "trees").additions(stored(), VERSION) == {}


def test_a_record_of_them_that_is_damaged_is_none(tree: Path, stored: Callable[[], Path], own_cache: Path) -> None:
    Store(own_cache / "trees").add(tree, VERSION, [ONE])
    (record,) = tree.parent.glob("added-*")
    record.write_bytes(record.read_bytes()[:-1])

    assert not (stored() / "pkg/__pycache__").exists()


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (b"", []),
        (b'{"shown": "/x.py", "size": 3, "microseconds": 5, "name": "x.pyc"}\nabc', [b"abc"]),
        (b'{"shown": "/x.py", "size": 3, "microseconds": 5, "name": "x.pyc"}\nab', []),
        (b"Traceback (most recent call last):\n", []),
    ],
    ids=["nothing", "whole", "cut", "no answer"],
)
def test_of_the_compilers_answer_what_is_whole_counts(printed: bytes, expected: list[bytes]) -> None:
    assert [one.content for one in compiled_modules(printed)] == expected
