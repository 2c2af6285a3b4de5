"""The ground truth of a layer: the runtime imports its modules and loads its libraries, without any check."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.crater import loader
from harness.engines.protocol import Answered, Job, Start
from harness.policy import runtime_policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.engines.protocol import Engine, Observation, Progress

RUNTIME, ARCHITECTURE = "python3.12", "x86_64"
_MEMORY_MB = 3008
_ELSEWHERE = re.compile(r"\.cpython-(?!312-)\d+-")  # an extension for another Python, which this one never asks for
_SOUND = ("unimportable", "dependent")  # there, complete, and not meant to be loaded in this way
_INIT_SECONDS, _SECONDS = 60, 2400


@dataclass(frozen=True, slots=True)
class Tried:
    """One thing that was tried in a process of its own.

    Attributes:
        name: ``numpy`` where it is a module, else the file below ``/opt/python``.
        kind: ``module``, ``extension``, ``unimportable``, ``library``, ``dependent``; see the loader.
        error: What it said; empty where it worked.
    """

    name: str
    kind: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Truth:
    """The result of a layer.

    Attributes:
        engine: What it was found out in.
        tried: Its modules and its libraries.
    """

    engine: str
    tried: tuple[Tried, ...]

    @property
    def imports(self) -> bool:
        """Whether a function can import what it is there for."""
        return not any(one.error for one in self.tried if one.kind == "module")

    @property
    def broken(self) -> tuple[Tried, ...]:
        """The modules that cannot be imported and the files that cannot be loaded."""
        failed = (one for one in self.tried if one.error and one.kind not in _SOUND)
        return tuple(one for one in failed if not _ELSEWHERE.search(one.name))

    def count(self, *kinds: str) -> int:
        """How many of these kinds were tried."""
        return sum(one.kind in kinds for one in self.tried)


class Unknowable(Exception):  # noqa: N818 - the machine's state, not an error of ours
    """The loader itself did not get through; the message says what happened to it."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Whoever is asked what a layer does.

    Attributes:
        engine: What runs the loader.
        name: What stands for the engine in an answer that is kept: another engine is asked anew.
        scratch: Where layers are unpacked for the while.
        progress: Told what is being done.
    """

    engine: Engine
    name: str
    scratch: Path
    progress: Progress

    def ask(self, layer: Path, modules: Sequence[str]) -> Truth:
        """Load everything in a layer, unless the answer is known from an earlier run.

        Args:
            layer: The archive; the answer is kept beside it.
            modules: What the function imports.

        Raises:
            Unavailable: The engine is not to be had.
            Unknowable: The loader did not get through.
        """
        source = Path(loader.__file__).read_bytes()
        with layer.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        key = hashlib.sha256(source + json.dumps([content, *modules, self.name]).encode()).hexdigest()
        kept = layer.with_name("truth.json")
        if (known := _read(kept, key)) is None:
            self.progress(f"{layer.parent.name}: loading everything that is in the layer")
            known = self._find_out(layer, source, modules)
            kept.write_text(json.dumps({"key": key, **asdict(known)}, indent=1) + "\n", encoding="utf-8")
        return known

    def _find_out(self, layer: Path, source: bytes, modules: Sequence[str]) -> Truth:
        with tempfile.TemporaryDirectory(dir=self.scratch, ignore_cleanup_errors=True) as folder:
            root = Path(folder).absolute()
            root.chmod(0o755)  # the function is another user's
            task, opt = root / "task", root / "opt"
            task.mkdir()
            (task / "loader.py").write_bytes(source)
            with zipfile.ZipFile(layer) as archive:
                archive.extractall(opt)  # by the standard library, and of any size
            event = json.dumps({"modules": list(modules)})
            start = Start("loader", "loader.handler", _MEMORY_MB, _SECONDS, events=(event,))
            job = Job(runtime_policy(RUNTIME), ARCHITECTURE, task, opt, (start,), float(_INIT_SECONDS))
            answers = self.engine.run(job, self.progress)
        return Truth(answers.info.name, _tried(answers.observations[0]))


def _read(kept: Path, key: str) -> Truth | None:
    try:
        stored = json.loads(kept.read_text(encoding="utf-8"))
        if stored["key"] == key:
            return Truth(stored["engine"], tuple(Tried(**one) for one in stored["tried"]))
    except (OSError, ValueError, TypeError, KeyError):
        pass
    return None


def _tried(seen: Observation) -> tuple[Tried, ...]:
    if seen.answers and isinstance(answer := seen.answers[0], Answered):
        return tuple(Tried(**one) for one in json.loads(answer.body))
    raise Unknowable(f"the loader did not get through: {seen.answers or seen.init}\n{seen.output[-2000:]}")
