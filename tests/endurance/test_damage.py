"""What is kept and was damaged is not believed: the next run is right, or says in a sentence what to do."""

from __future__ import annotations

import os
import random
import shutil
from typing import TYPE_CHECKING

import pytest

from harness.cache import trees
from tests.endurance.scene import soon, times

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.endurance.scene import Scene

KINDS = {
    "sources": "trees/*/tree/**/*.py",
    "bytecode": "trees/*/tree/**/*.pyc",
    "notes on bytecode": "trees/*/added-*",
    "seals of trees": "trees/*/seal",
    "facts": "facts/*.msgpack",
    "seals of runtimes": "runtimes/*/seal",
    "a runtime's files": "runtimes/*/*/var/**/*.py",
    "interpreters": "runtimes/interpreters.json",
    "uses": "uses",
    "locks": "**/*.lock",
}
CONTAINERS_ONLY = {"bootstraps": "runtimes/*-*.py"}
# The content of unpacked files is not read again at each run, which would cost more than all else that a run does: a
# change that leaves size and time as they were is somebody's deed, and that of whoever may write here.
TIMED = ("sources", "bytecode", "a runtime's files")


def flip(content: bytes, generator: random.Random) -> bytes:
    """One bit is another."""
    at = generator.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << generator.randrange(8)]) + content[at + 1 :]


def truncate(content: bytes, generator: random.Random) -> bytes:
    """The end is lost, or all."""
    return content[: generator.randrange(len(content))]


def zero(content: bytes, generator: random.Random) -> bytes:
    """The file is as long as before, and a part of it was never written."""
    at = generator.randrange(len(content))
    return content[:at].ljust(len(content), b"\0")


def damage(path: Path, change: Callable[[bytes, random.Random], bytes], generator: random.Random, *, old: bool) -> None:
    """Change a file where it is; ``old`` with the times that it had."""
    status, content = path.stat(), path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(change(content, generator))
    path.chmod(status.st_mode)
    if old:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.timeout(6000)
@pytest.mark.parametrize("what", [*KINDS, *CONTAINERS_ONLY])
def test_of_every_kind(scene: Scene, what: str, tmp_path: Path) -> None:
    contained = scene.kind == "container"
    if scene.kind == "namespaces" or (contained != (what in CONTAINERS_ONLY)):
        pytest.skip("the same for another engine")
    generator = random.Random(11)  # noqa: S311 - places, not secrets
    own_runtime(scene)
    right = scene.right()
    assert scene.run().report == right.report
    sound = tmp_path / "sound"
    copy(scene.cache, sound)
    wrong: list[object] = []
    changes = (flip, truncate, zero)
    for repetition in range(times(100 if "runtime" not in what else 20, 1)):
        trees.remove(scene.cache)
        copy(sound, scene.cache)
        change = changes[repetition % len(changes)]
        pattern = (KINDS | CONTAINERS_ONLY)[what]
        files = sorted(path for path in scene.cache.glob(pattern) if path.is_file() and path.stat().st_size)
        if what == "locks":
            files = sorted(path for path in scene.cache.glob(pattern) if path.is_file())
            generator.choice(files).write_bytes(b"\0" * generator.randrange(100))
        else:
            damage(generator.choice(files), change, generator, old=what not in TIMED and repetition % 2 == 0)
        after = scene.run()
        if after.report != right.report:
            wrong.append((repetition, change.__name__, after))
        if found := [*soon(scene.left), *scene.half_made()]:
            wrong.append((repetition, found))
        if scene.run().report != right.report:
            wrong.append((repetition, "the one after it"))
    assert wrong == []


def own_runtime(scene: Scene) -> None:
    """Give the cache a runtime that may be damaged."""
    for made in (scene.cache / "runtimes").iterdir():
        real = made.resolve()
        made.unlink()
        shutil.copytree(real, made, symlinks=True) if real.is_dir() else shutil.copy2(real, made)


def copy(cache: Path, to: Path) -> None:
    """Copy a cache, its runtimes by links but for what is damaged in them."""

    def copied(source: str, target: str) -> str:
        if "/runtimes/" in source and not source.endswith((".py", "seal", ".json")):
            os.link(source, target)
            return target
        return str(shutil.copy2(source, target))

    shutil.copytree(cache, to, symlinks=True, copy_function=copied)
