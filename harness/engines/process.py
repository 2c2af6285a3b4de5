"""The engine that needs nothing but CPython of the function's version on this machine."""

from __future__ import annotations

import os
import platform
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from harness.cache.folder import broken_cache, unusable_cache
from harness.engines.bridge import Bridge
from harness.engines.bytecode import Compiler, Compiling
from harness.engines.enclosure import NotHere, Trees
from harness.engines.environment import Environment, prepare
from harness.engines.interpreters import Interpreter, Rejected, find
from harness.engines.observations import observation
from harness.engines.once import Once
from harness.engines.programs import text
from harness.engines.protocol import Answers, Job, Observation, Progress, Start, Unavailable
from harness.engines.rungs import rungs
from harness.engines.sandbox import Ladder, Sandbox
from harness.engines.starting import IN_TEXT, MB, PATHS, limits, observed, rule_out_the_runtime, variables
from harness.model import EngineInfo
from harness.probe.observer import Output, observe
from harness.probe.runtime_api import RuntimeApi

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from harness.engines.enclosure import Rung
    from harness.policy import RuntimePolicy

MOST_NAMES = 3
NETWORKS = ("bubblewrap", "namespaces")  # sandboxes with a network of their own, in which there is nothing
MACHINES = {"x86_64": ("x86_64", "amd64"), "arm64": ("aarch64", "arm64")}


@dataclass(frozen=True, slots=True)
class ProcessEngine:
    """Starts handlers with CPython of this machine.

    Attributes:
        environ: The user's environment, to find interpreters in; no handler sees it.
        cache: Where the runtime's packages are.
        python: The interpreter that the user names, if one.
        rungs: The kinds of sandbox to try, in this order; None for all that there are.
        compiles: Whether bytecode is put beside the sources.
    """

    environ: Mapping[str, str]
    cache: Path
    python: Path | None = None
    rungs: tuple[Rung, ...] | None = None
    compiles: bool = True
    _environments: Once[Environment] = field(default_factory=Once, init=False, compare=False, repr=False)
    _ladders: Once[Ladder] = field(default_factory=Once, init=False, compare=False, repr=False)

    def prepare(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> bool:
        """Find the interpreter, and make or check what plays the runtime; False where that cannot be done."""
        try:
            self._environment(policy, architecture, progress)
        except (Unavailable, OSError):
            return False
        return True

    def run(self, job: Job, progress: Progress) -> Answers:
        """Start every handler in a sandbox of its own, as many at a time as there are cores.

        Raises:
            Unavailable: This machine cannot run the functions: no Linux, another architecture, no such CPython, no
                room for what plays the runtime.
        """
        began = time.perf_counter()
        try:
            environment = self._environment(job.policy, job.architecture, progress)
            trees = Trees(job.task, job.opt, environment)
        except OSError as error:
            raise Unavailable(f"{unusable_cache(self.cache, error)}.") from error
        ladder = self._ladders.get("", lambda: Ladder(self.rungs or rungs(self.environ, self.cache)))
        prepared = time.perf_counter() - began
        crew = Crew(job, trees, ladder, self.cache, progress)
        began = time.perf_counter()
        compiling = Compiling(job, trees.binds, _compiler(environment), self.cache) if self.compiles else None
        try:
            if compiling:
                compiling.begin()
            seen = crew.run(compiling)
        except Unavailable as reason:
            self._environments.forget((job.policy.runtime, job.architecture))
            raise (reason if trees.intact else Unavailable(f"{reason} {broken_cache(self.cache)}")) from None
        finally:
            if compiling:
                compiling.end()
        rung = ladder.rung
        caveats = (*(rung.caveats if rung else ()), *_lacking(environment))
        info = EngineInfo(
            "process", python=environment.interpreter.version, caveats=caveats, sandbox=rung.name if rung else None
        )
        return Answers(info, seen, (("prepare", prepared), ("handlers", time.perf_counter() - began)))

    def _environment(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> Environment:
        """What plays the runtime, found once.

        Raises:
            Unavailable: This machine cannot run the functions.
            OSError: The cache cannot be used.
        """

        def made() -> Environment:
            return prepare(policy, self._interpreter(policy, architecture), self.cache, progress)

        return self._environments.get((policy.runtime, architecture), made)

    def _interpreter(self, policy: RuntimePolicy, architecture: str) -> Interpreter:
        if sys.platform != "linux":
            raise Unavailable(
                f"the process engine starts Linux archives and this machine is {platform.system()}: start Docker, "
                "and use --engine container."
            )
        if platform.machine() not in MACHINES[architecture]:
            raise Unavailable(
                f"the archives are for {architecture} and this machine is {platform.machine()}: use "
                "--engine container with a daemon that runs that architecture, or --engine none."
            )
        interpreter, rejected = find(
            policy.python, self.environ, self.python, self.cache / "runtimes" / "interpreters.json"
        )
        if interpreter is None:
            raise Unavailable(_not_found(policy.python, rejected, self.python))
        return interpreter


def _not_found(version: tuple[int, int], rejected: tuple[Rejected, ...], explicit: Path | None) -> str:
    dotted = f"{version[0]}.{version[1]}"
    if explicit is not None:
        reason = rejected[0].reason if rejected else "it is not there"
        return f"--python {explicit} is no CPython {dotted}: {reason}."
    return (
        f"no CPython {dotted} was found on this machine: get one with `uv python install {dotted}`, "
        f"`pyenv install {dotted}` or your system's package python{dotted}, name it with --python PATH, or start "
        "Docker for the Lambda image."
    )


def _compiler(environment: Environment) -> Compiler:
    """The functions' own Python, as a program of this machine."""
    return Compiler(environment.lang / "bin" / environment.python, (("LD_LIBRARY_PATH", f"{environment.lang}/lib"),))


def _lacking(environment: Environment) -> tuple[str, ...]:
    if not environment.lacking:
        return ()
    shown, more = environment.lacking[:MOST_NAMES], len(environment.lacking) - MOST_NAMES
    names = f"{', '.join(shown)}{f' and {more} more' if more > 0 else ''}"
    return (f"what needs a program or library of Lambda's that this machine lacks fails here: {names}",)


class Crew:
    """The starts of one job, some of them side by side."""

    def __init__(self, job: Job, trees: Trees, ladder: Ladder, cache: Path, progress: Progress) -> None:
        self._job, self._trees, self._ladder, self._cache, self._progress = job, trees, ladder, cache, progress
        self._lock = threading.Lock()
        self._running = set[Sandbox]()
        self._stopped = False
        self._started = 0

    def run(self, compiling: Compiling | None) -> tuple[Observation, ...]:
        """What happened to each function, in the order of the job.

        Raises:
            Unavailable: A sandbox cannot be had.
        """
        starts = self._job.starts
        with ThreadPoolExecutor(min(len(starts), os.cpu_count() or 1)) as pool:
            waiting = [pool.submit(self._start, start, compiling) for start in starts]
            try:
                return tuple(one.result() for one in waiting)
            except BaseException:  # Ctrl-C above all
                for one in waiting:
                    one.cancel()
                self._stop()
                raise

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            running = tuple(self._running)
        for sandbox in running:
            sandbox.end()

    def _start(self, start: Start, compiling: Compiling | None) -> Observation:
        job = self._job
        if compiling:
            compiling.ready()
        tmp_bytes = job.policy.limits.tmp_mb * MB
        sockets = 1 + start.emulated
        with ExitStack() as stack:
            try:
                rung, sandbox = stack.enter_context(
                    self._ladder.sandbox(self._trees, sockets, tmp_bytes, start.memory * MB)
                )
            except NotHere as reason:
                raise Unavailable(f"no sandbox could be started: {reason}.") from None
            with self._lock:
                self._running.add(sandbox)
                stopped = self._stopped
            stack.callback(self._running.discard, sandbox)
            if stopped:
                raise Unavailable("it was ended before its time.")
            found = self._observed(start, rung, sandbox, stack)
            self._tell()
        seen = observation(found, self._back(rung))
        if compiling:
            seen = replace(seen, compiling=compiling.cost(found["modules"], self._back(rung)))
        rule_out_the_runtime(seen, found["trace"], frozenset(dict(start.environment)))
        return seen

    def _tell(self) -> None:
        with self._lock:
            self._started += 1
            self._progress(f"started {self._started} of {len(self._job.starts)} handlers")

    def _observed(self, start: Start, rung: Rung, sandbox: Sandbox, stack: ExitStack) -> dict[str, Any]:
        job, trees = self._job, self._trees
        paths = rung.paths(trees)

        def here(value: str) -> str:
            """Lambda's paths in a variable or an argument, as they are on this machine."""
            return PATHS.sub(lambda found: paths.get(found[0], found[0]), value)

        facts = observed(job, start, alone=rung.name in NETWORKS)
        if paths and start.asks:
            facts["events"] = [IN_TEXT.sub(lambda found: paths.get(found[0], found[0]), one) for one in start.events]
        api = RuntimeApi(sandbox.sockets[0], start.function, facts["events"], start.timeout, sandbox.admits)
        environment = {name: here(value) for name, value in variables(job, start, self._image(paths)).items()}
        environment["AWS_LAMBDA_RUNTIME_API"] = _address(sandbox, 0)
        outside = job.outside
        if start.emulated and outside is not None:
            run = os.urandom(8).hex()
            bridge = Bridge(sandbox.sockets[1], lambda: outside.connect(start.function, run), sandbox.admits)
            stack.callback(bridge.close)
            environment["AWS_ENDPOINT_URL"] = f"http://{_address(sandbox, 1)}"
        output = Output(sandbox.output)
        sandbox.go(
            {
                "command": self._command(start, here),
                "environment": environment,
                "cwd": here("/var/task"),
                "limits": limits(job, processes=not paths and _counts_by_namespace()),
                "user": sandbox.user and sandbox.user[0],
                "group": sandbox.user and sandbox.user[1],
            }
        )
        return observe(facts, api, output, sandbox)

    def _image(self, paths: Mapping[str, str]) -> dict[str, str]:
        found = dict(self._job.policy.image_environment)
        # Without a root of its own, the loader must find this machine's libraries, too.
        return {**found, "PYTHONDONTWRITEBYTECODE": "1"} if paths else found

    def _command(self, start: Start, here: Callable[[str], str]) -> list[str]:
        python, bootstrap = here(f"/var/lang/bin/{self._trees.environment.python}"), here("/var/runtime/bootstrap.py")
        if start.asks:
            return [python, "-c", text("questions"), bootstrap, here("/opt")]
        return ["/bin/sh", here("/var/runtime/bootstrap.sh"), python, bootstrap, here("/opt"), start.handler]

    def _back(self, rung: Rung) -> Callable[[str], str]:
        """The way back from this machine's paths to Lambda's."""
        paths = rung.paths(self._trees)

        def back(value: str) -> str:
            for there, path in paths.items():
                value = value.replace(path, there)
            return value

        return back


def _address(sandbox: Sandbox, number: int) -> str:
    return f"127.0.0.1:{sandbox.sockets[number].getsockname()[1]}"


def _counts_by_namespace() -> bool:
    """Whether the limit on a user's processes counts those of the sandbox alone, as it does from Linux 5.14 on."""
    version = [int(part) for part in re.findall(r"\d+", platform.release())[:2]]
    return version >= [5, 14] and os.geteuid() != 0
