"""The programs that are measured: the harness with caches of its own, and its peers."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchmarks import artifacts
from benchmarks.artifacts import Artifact, Shape, environment, module
from benchmarks.measure import Contender, Sample, Unmeasurable, file_system, nothing, timed
from harness.cache.folder import cache_folder
from harness.engines.daemon import connect
from harness.engines.interpreters import find
from harness.engines.protocol import Missing, Unavailable
from harness.policy import runtime_policy
from harness.session.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A module, as `python -m` and every test runner find it: by a path that is put first. The site's packages stay away.
BARE = "import importlib, sys; sys.path[:0] = sys.argv[2:]; importlib.import_module(sys.argv[1])"
RUNTIMES = "runtimes"
MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, on every Linux
VERSION = (3, 12)

Bytecode = Literal["kept", "written", "none"]
Engine = Literal["process", "container", "none"]


def static(cache: Path) -> Settings:
    """The options to verify without starting anything."""
    return Settings(Missing(""), cache, lambda _: None, datetime.now(tz=UTC).date(), static=True)


@dataclass(frozen=True)
class Workshop:
    """Makes contenders.

    Attributes:
        folder: Where everything is kept that can be made again.
        environ: The user's environment.
        image: What plays Lambda's image; None for Lambda's own.
        quick: Whether everything is to be small.
    """

    folder: Path
    environ: Mapping[str, str]
    image: str | None = None
    quick: bool = False

    def shared(self, shape: Shape, functions: int, *, invoked: bool = False) -> Artifact:
        """Functions over a layer; in a quick run few, and over a small one."""
        few = {1: 1, 8: 2, 100: 4}[functions] if self.quick else functions
        return artifacts.shared(
            artifacts.MINIATURE if self.quick else shape, few, self.folder / "artifacts", invoked=invoked
        )

    def sample(self) -> Artifact:
        """The sample application."""
        return self.shared(artifacts.SMALL, 8) if self.quick else artifacts.sample(self.folder / "artifacts")

    @cached_property
    def python(self) -> Path:
        """The functions' CPython.

        Raises:
            Unmeasurable: There is none here.
        """
        interpreter, _ = find(VERSION, self.environ)
        if interpreter is None:
            raise Unmeasurable("there is no CPython {}.{} on this machine".format(*VERSION))
        return interpreter.executable

    @cached_property
    def docker(self) -> tuple[str, str]:
        """Docker's command and the image.

        Raises:
            Unmeasurable: There is none, no daemon answers, or it has no image.
        """
        image = self.image or runtime_policy("python{}.{}".format(*VERSION)).image
        try:
            connect(self.environ).client.close()
        except Unavailable as reason:
            raise Unmeasurable(str(reason)) from reason
        command = shutil.which("docker")
        if command is None:
            raise Unmeasurable("there is no docker command, though a daemon answers")
        if subprocess.run([command, "image", "inspect", image], check=False, capture_output=True).returncode:
            raise Unmeasurable(f"the container daemon has no image {image}: `python -m fixtures.standin` makes one")
        return command, image

    def in_memory(self, artifact: Artifact) -> Path:
        """A folder in memory for what is written beside an artifact.

        Raises:
            Unmeasurable: This machine has no tmpfs that this user may write to.
        """
        if file_system(MEMORY) != "tmpfs" or not os.access(MEMORY, os.W_OK):
            raise Unmeasurable(f"{MEMORY} is no tmpfs here, or not for this user")
        return MEMORY / f"lambda-artifact-benchmarks-{os.getuid()}" / artifact.name

    def cache(self, kind: Literal["fresh", "kept"], place: Path | None = None) -> Path:
        """A cache folder for the harness, which shares the runtime client with the user's own."""
        folder = (place or self.folder) / "caches" / kind
        ours, theirs = folder / RUNTIMES, cache_folder(self.environ) / RUNTIMES
        theirs.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        if not ours.is_symlink() or ours.readlink() != theirs:
            remove(ours)
            ours.symlink_to(theirs)
        return folder

    def forget(self, place: Path | None = None) -> None:
        """Empty the fresh cache of everything that is about archives."""
        for entry in self.cache("fresh", place).iterdir():
            if entry.name != RUNTIMES:
                remove(entry)

    def verify(  # noqa: PLR0913 - what a run may differ in
        self,
        name: str,
        artifact: Artifact,
        engine: Engine,
        *options: str,
        cold: bool = False,
        rebuilt: bool = False,
        memory: bool = False,
        place: Path | None = None,
    ) -> Contender:
        """The command.

        Args:
            name: Of the contender.
            artifact: What is verified.
            engine: The engine to do it with.
            options: More options.
            cold: Whether the cache has seen no archive, else it has seen this one.
            rebuilt: Whether a file of the code is changed before each run, and the code zipped again.
            memory: Whether memory is looked at, which costs time.
            place: Where archives and cache are; in the workshop's folder where not given.
        """
        script = Path(sys.executable).with_name("lambda-artifact")
        manifest = artifact.manifest
        if place:
            manifest = artifacts.copied(artifact, place)
        command = [script, "verify", "--manifest", manifest, "--engine", engine, *options]
        command += ["--image", self.image] if engine == "container" and self.image else []
        environ = self._with_cache("fresh" if cold else "kept", place)
        run = partial(timed, command, environ=environ, memory=memory)

        def set_up() -> None:
            if engine == "container":
                _ = self.docker
            if engine == "process":
                _ = self.python
            if not cold or engine == "process":  # the latter: the runtime client is installed once per machine
                timed(command, environ=self._with_cache("kept", place))

        prepare = partial(artifacts.rebuild, artifact) if rebuilt else nothing
        return Contender(name, run, set_up, partial(self.forget, place) if cold else prepare)

    def pytest(self, name: str, artifact: Artifact) -> Contender:
        """The plug-in, in a project that has nothing else."""
        folder = artifact.manifest.parent
        command = [sys.executable, "-m", "pytest", "-q", "-m", "artifact", "-n", "2", "-p", "no:cacheprovider"]
        command += ["--artifact-engine", "process"]
        run = partial(timed, command, environ=self._with_cache("kept"), folder=folder)

        def set_up() -> None:
            (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")
            run()

        return Contender(name, run, set_up)

    def _with_cache(self, kind: Literal["fresh", "kept"], place: Path | None = None) -> dict[str, str]:
        return {**self.environ, "LAMBDA_ARTIFACT_CACHE": str(self.cache(kind, place)), "NO_COLOR": "1"}

    def start(self, name: str) -> Contender:
        """A Python that does nothing."""
        return Contender(name, partial(timed, [sys.executable, "-c", "pass"]))

    def container(self, name: str) -> Contender:
        """A container that does nothing."""

        def run() -> Sample:
            command, image = self.docker
            options = ["--rm", "--network", "none", "--read-only", "--entrypoint", "/bin/true"]
            return timed([command, "run", *options, image], environ=self.environ)

        return Contender(name, run, run)

    def imports(self, name: str, artifact: Artifact, some: int | None = None) -> Contender:
        """Each handler's module imported by a bare Python, one after another, with bytecode from an earlier import."""
        tree = self.folder / "trees" / artifact.name

        def set_up() -> None:
            remove(tree)
            unzip(artifact, tree)
            self._import(artifact, tree, "written")

        return Contender(name, lambda: self._import(artifact, tree, "kept", some), set_up)

    def by_hand(self, name: str, artifact: Artifact, bytecode: Bytecode) -> Contender:
        """Unzip both archives, then import each handler's module."""
        tree = self.folder / "trees" / "by-hand"
        return Contender(
            name,
            lambda: unzip(artifact, tree) + self._import(artifact, tree, bytecode),
            lambda: self.python,
            lambda: remove(tree),
        )

    def unzip(self, name: str, artifact: Artifact, place: Path | None = None) -> Contender:
        """Unzip both archives."""
        tree = (place or self.folder) / "trees" / "unzipped"
        return Contender(name, lambda: unzip(artifact, tree), prepare=lambda: remove(tree))

    def _import(self, artifact: Artifact, tree: Path, bytecode: Bytecode, some: int | None = None) -> Sample:
        command = [str(self.python), "-I", *(["-B"] if bytecode == "none" else []), "-c", BARE]
        task, site = tree / "task", tree / "opt" / "python"
        return sum(
            (
                timed([*command, module(one), str(task), str(site)], environ=environment(one), folder=task)
                for one in artifact.functions[:some]
            ),
            Sample(0.0, 0.0),
        )

    def test_zip(self, name: str, artifact: Artifact) -> Contender:
        """The standard library's own test of an archive."""
        command = [sys.executable, "-m", "zipfile", "-t"]
        return Contender(name, lambda: timed([*command, artifact.layer]) + timed([*command, artifact.code]))

    def pip_check(self, name: str, artifact: Artifact) -> Contender:
        """The check that pip makes of an unpacked layer, from an environment that has nothing but pip."""
        tree, home = self.folder / "trees" / f"{artifact.name}-pip", self.folder / "pip"
        environ = {**self.environ, "PYTHONPATH": str(tree / "opt" / "python")}
        command = [str(home / "bin" / "python"), "-m", "pip", "check", "--disable-pip-version-check"]

        def set_up() -> None:
            if not (home / "bin" / "pip").is_file():
                timed([self.python, "-m", "venv", home])
            remove(tree)
            unzip(artifact, tree)
            timed(command, environ=environ)

        return Contender(name, lambda: timed(command, environ=environ), set_up)


def unzip(artifact: Artifact, tree: Path) -> Sample:
    """Unpack code and layer as everybody does."""
    unpacker = shutil.which("unzip")
    if unpacker is None:
        raise Unmeasurable("there is no unzip on this machine")
    tree.mkdir(parents=True, exist_ok=True)
    archives = ((artifact.layer, tree / "opt"), (artifact.code, tree / "task"))
    return sum((timed([unpacker, "-q", archive, "-d", to]) for archive, to in archives), Sample(0.0, 0.0))


def remove(path: Path) -> None:
    """Remove a file or a tree, with folders that may not be written."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    for folder, _, _ in os.walk(path):
        with suppress(OSError):
            Path(folder).chmod(stat.S_IRWXU)
    shutil.rmtree(path, ignore_errors=True)


def versions(command: Sequence[str | Path], environ: Mapping[str, str] | None = None) -> str:
    """The first line of what a program says of itself; nothing where it is not there."""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environ, timeout=60)
        return done.stdout.strip().partition("\n")[0]
    return ""


def write_json(path: Path, value: object) -> None:
    """Write a file that a tool reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n", "utf-8")
