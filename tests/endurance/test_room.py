"""A cache that is full, closed or somebody else's: the run is right, or says in a sentence what would help."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.cache import trees
from tests.endurance.scene import Scene, faults, soon, times

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.endurance.scene import Ended

pytestmark = [pytest.mark.network, pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")]
KB = 1024
USER = "tester"
SIZES = [size * KB for size in (16, 64, 128, 256, 300, 350, 400, 500, 600, 700, 800, 1000)]


def judge(scene: Scene, seen: Ended, right: Any) -> list[object]:  # noqa: ANN401 - JSON
    """What is wrong with a run in a cache that gave it trouble."""
    return faults(seen, right, str(scene.cache), "LAMBDA_ARTIFACT_CACHE")


@contextlib.contextmanager
def mounted(scene: Scene, size: int) -> Iterator[None]:
    """A cache of so many bytes, with a runtime in it already."""
    runtimes = {one.name: one.resolve() for one in (scene.cache / "runtimes").iterdir()}
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(scene.cache)], check=True)
    try:
        with contextlib.suppress(OSError):
            (scene.cache / "runtimes").mkdir()
            for name, path in runtimes.items():
                (scene.cache / "runtimes" / name).symlink_to(path)
        yield
    finally:
        subprocess.run(["/bin/umount", str(scene.cache)], check=True)


@pytest.mark.timeout(3000)
def test_full(a_scene: Scene) -> None:
    """It fills at another moment each time; what fits in the end is right."""
    right = a_scene.right().report
    wrong: list[object] = []
    complete = 0
    for size in SIZES if times(1, 0) else SIZES[::5]:
        with mounted(a_scene, size):
            seen = a_scene.run()
            complete += seen.report == right
            wrong += judge(a_scene, seen, right)
            wrong += judge(a_scene, a_scene.run(), right)
        wrong += soon(a_scene.left)
    assert wrong == []
    assert 0 < complete < len(SIZES)


@pytest.mark.timeout(3000)
def test_full_of_a_runtime(a_scene: Scene) -> None:
    """There is no room for what plays the runtime."""
    right = a_scene.right().report
    for made in (a_scene.cache / "runtimes").iterdir():
        made.unlink()
    wrong: list[object] = []
    for size in [20_000 * KB, 80_000 * KB][: times(2, 1)]:
        with mounted(a_scene, size):
            wrong += judge(a_scene, a_scene.run(), right)
            wrong += a_scene.half_made()
    assert wrong == []


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("state", ["nothing is there", "everything but the runtime", "everything"])
def test_read_only(a_scene: Scene, state: str) -> None:
    right = a_scene.right().report
    if state == "nothing is there":
        a_scene.empty()
    if state == "everything but the runtime":
        shutil.rmtree(a_scene.cache / "runtimes")
    subprocess.run(["/bin/mount", "--bind", str(a_scene.cache), str(a_scene.cache)], check=True)
    subprocess.run(["/bin/mount", "-o", "remount,bind,ro", str(a_scene.cache)], check=True)
    try:
        seen = a_scene.run()
    finally:
        subprocess.run(["/bin/umount", str(a_scene.cache)], check=True)
    assert judge(a_scene, seen, right) == []
    assert (seen.report == right) == (state == "everything")


@pytest.fixture
def open_scene(runtime: Path, environ: Mapping[str, str]) -> Iterator[Scene]:
    """A scene whose files another user may read."""
    if subprocess.run(["/usr/bin/id", USER], capture_output=True, check=False).returncode:
        pytest.skip(f"there is no user {USER}")
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))  # pytest's own folders are closed to other users
    folder.chmod(0o755)
    yield Scene("bubblewrap" if shutil.which("bwrap") else "namespaces", folder, runtime, environ)
    trees.remove(folder)


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("owner", ["root", USER])
def test_of_somebody_else(open_scene: Scene, owner: str) -> None:
    """Root in a user's cache, and a user in root's: by turns, so that each meets what the other has left."""
    roots = open_scene
    home = {
        **roots.environ,
        "HOME": f"/home/{USER}",
        "PYENV_ROOT": os.environ.get("PYENV_ROOT", f"{Path.home()}/.pyenv"),
    }
    users = replace(roots, environ=home, user=USER)
    right = roots.run().report
    roots.empty()
    if owner == USER:
        for path in (roots.cache, roots.cache / "runtimes"):
            shutil.chown(path, USER, USER)
    turns = [roots, users] if owner == "root" else [users, roots]
    wrong: list[object] = []
    for scene in turns * times(3, 2):
        wrong += judge(scene, scene.run(), right)
        wrong += soon(scene.left)
    assert wrong == []
