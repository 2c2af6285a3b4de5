"""Bytecode next to the sources in the cache's own trees, made once by the functions' own Python.

Two thirds of most inits are compiling. What handlers reach is compiled before they start, in processes that execute
nothing of it. Lambda compiles in init, so what that took is measured and added to the init that is reported. No module
gets bytecode whose archive ships its own, or whose compilation warns.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import threading
from typing import TYPE_CHECKING, NamedTuple

from harness.artifact.store import Addition, Store
from harness.engines.probe_messages import text
from harness.probe.kernel import end_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from harness.engines.protocol import Job

LIMIT_SECONDS = 90  # of processor time; then the handlers compile for themselves
LIMIT_BYTES = 4 * 1024**3
OTHERS_READ, OTHERS_ENTER = 0o004, 0o001
MOST = 20_000  # files: what handlers report is not believed without end


class Compiled(NamedTuple):
    """One module.

    Attributes:
        shown: The path of its source in the function.
        name: Of the bytecode file below ``__pycache__``.
        content: Nothing where it is left to the handlers.
        seconds: Processor time that compiling it took.
    """

    shown: str
    name: str
    content: bytes
    seconds: float


def compile_here(
    python: Path, environment: Mapping[str, str], modules: Sequence[tuple[Path, str]]
) -> Iterable[Compiled]:
    """Compile source files with an interpreter of this machine; what cannot be compiled is missing from the answer.

    Args:
        python: The interpreter.
        environment: The variables that it needs to start.
        modules: Source files, each with the path at which its function sees it.
    """
    try:
        done = subprocess.run(
            [python, "-I", "-S", "-B", "-c", text("compiler")],
            input=request(modules),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
            env=environment,
            preexec_fn=_limit,
            start_new_session=True,
        )
    except OSError:
        return ()
    return compiled_modules(done.stdout)


def _limit() -> None:
    end_with_parent()
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_SECONDS, LIMIT_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))


def request(modules: Iterable[tuple[Path | str, str]]) -> bytes:
    """What the compiler is asked, see ``harness/probe/compiler.py``."""
    return json.dumps([[os.fspath(file), shown] for file, shown in modules]).encode() + b"\n"


def compiled_modules(printed: bytes) -> Iterable[Compiled]:
    """What the compiler's output says, as far as it is whole."""
    at = 0
    with contextlib.suppress(ValueError, KeyError):
        while at < len(printed):
            end = printed.index(b"\n", at)
            line = json.loads(printed[at:end])
            content = printed[end + 1 : end + 1 + line["size"]]
            if len(content) < line["size"]:
                return
            yield Compiled(line["shown"], line["name"], content, line["microseconds"] / 1e6)
            at = end + 1 + line["size"]


class Compilation:
    """The bytecode of one job's trees: what there is, what is made for it, and what it costs the handlers on Lambda.

    Args:
        job: What is started.
        binds: For each path in the function, the tree there. Those that are not the cache's own get nothing.
        compiler: Makes it.
        cache: The user's cache folder of this tool.
    """

    def __init__(
        self,
        job: Job,
        binds: Mapping[str, Path],
        compiler: Callable[[Sequence[tuple[Path, str]]], Iterable[Compiled]],
        cache: Path,
    ) -> None:
        self._store = Store(cache / "trees")
        self._version = "cpython-{}{}".format(*job.policy.python)
        self._trees = {f"{root}/": tree for root, tree in binds.items() if self._store.owns(tree)}
        self._compiler, self._reached = compiler, job.reached
        self._made: dict[str, dict[str, float]] = {}
        self._missed: set[str] = set()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def begin(self) -> None:
        """Compile what handlers will reach and what earlier ones missed, in another thread."""
        self._made = {root: self._store.additions(tree, self._version) for root, tree in self._trees.items()}
        self._thread.start()

    def ready(self) -> None:
        """Wait until it is there."""
        self._thread.join()

    def end(self) -> None:
        """Note what handlers loaded and was not there, so that it is there the next time."""
        self._thread.join()
        for root, tree in self._trees.items():
            if missed := _below(root, self._missed) - self._made[root].keys():
                with contextlib.suppress(OSError):
                    self._store.want(tree, self._version, missed)

    def cost(self, modules: Iterable[str]) -> float:
        """Seconds that compiling would have taken of modules that a handler loaded with this bytecode."""
        loaded = [path for path in modules if ".." not in path]
        self._missed.update(loaded)
        return sum(costs.get(name, 0.0) for root, costs in self._made.items() for name in _below(root, loaded))

    def _work(self) -> None:
        # A single start compiles what it loads as fast as anything could before it. What it has loaded is noted, and
        # compiled where the tree is met again.
        wanted: list[tuple[Path, str]] = []
        for root, tree in self._trees.items():
            names = _below(root, self._reached) | self._store.wanted(tree, self._version)
            names = {name for name in names - self._made[root].keys() if self._is_plain(tree, name)}
            wanted += [(tree / name, f"{root}{name}") for name in sorted(names)[:MOST]]
        with contextlib.suppress(OSError):
            compiled = list(self._compiler(wanted)) if wanted else []
            for root, tree in self._trees.items():
                added = [
                    Addition(module.shown.removeprefix(root), module.name, module.content, module.seconds)
                    for module in compiled
                    if module.shown.startswith(root)
                ]
                if added:
                    self._made[root] = self._store.add(tree, self._version, added)

    def _is_plain(self, tree: Path, name: str) -> bool:
        """Whether a name is that of a source file that handlers may read, and no bytecode was shipped for it."""
        path = tree / name
        if not name.endswith(".py") or ".." in name or not path.is_file() or path.resolve() != tree.resolve() / name:
            return False
        # Python that finds bytecode does not open the source, and so would not find that it may not.
        folders = [folder for folder in path.parents if folder.is_relative_to(tree)]
        modes = [(path, OTHERS_READ), *((folder, OTHERS_ENTER) for folder in folders)]
        shipped = path.parent / "__pycache__" / f"{path.stem}.{self._version}.pyc"
        return all(file.stat().st_mode & bit for file, bit in modes) and not shipped.exists()


def _below(root: str, paths: Iterable[str]) -> set[str]:
    """Paths below a root, without it."""
    return {path.removeprefix(root) for path in paths if path.startswith(root)}
