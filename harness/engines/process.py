"""The engine that needs nothing but CPython of the function's version on this machine."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.cache.folder import broken_cache, unusable_cache
from harness.engines.bytecode import Compilation, compile_here
from harness.engines.concurrency import Once, StartPool
from harness.engines.interpreters import Interpreter, Rejected, find
from harness.engines.probe_messages import MB, SLACK_PROCESSES, observed, order, text
from harness.engines.protocol import Answers, Job, Observation, Progress, Start, Unavailable
from harness.engines.root import Root, prepare
from harness.engines.rungs import NotHere, Trees, rungs
from harness.engines.sandbox import Ladder, Sandbox
from harness.model import EngineInfo
from harness.probe.observer import observe
from harness.probe.output import Output
from harness.probe.runtime_api import RuntimeApi

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from harness.engines.rungs import Rung
    from harness.policy import RuntimePolicy

MOST_NAMES = 3
_EMPTY_MB = 512
# One of Lambda's folders at the beginning of a value or of an element of a search path, and in JSON.
PATHS = re.compile(r"(?<![^:])(/var/task|/var/lang|/var/runtime|/home/sbx_user1051|/opt)(?=[/:]|$)")
IN_JSON = re.compile(r"(?<![\w.-])(/var/task|/var/lang|/var/runtime|/opt)(?=[/\"]|$)")
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
    _roots: Once[Root] = field(default_factory=Once, init=False, compare=False, repr=False)
    _ladders: Once[Ladder] = field(default_factory=Once, init=False, compare=False, repr=False)

    def prepare(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> bool:
        """Find the interpreter, and make or check what plays the runtime; False where that cannot be done."""
        try:
            self._root(policy, architecture, progress)
        except (Unavailable, OSError):
            return False
        return True

    def identity(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> str:
        """See :class:`harness.engines.protocol.Engine`; an empty sandbox shows which kind of it works here.

        Raises:
            Unavailable: This machine cannot run the functions.
        """
        try:
            root, ladder = self._root(policy, architecture, progress), self._ladder
            if ladder.name is None:
                with ladder.sandbox(Trees(root.path / "opt", None, root), 1, MB, _EMPTY_MB * MB):
                    pass
        except (OSError, NotHere) as error:
            raise Unavailable(f"no sandbox could be started: {error}.") from error
        return json.dumps(["process", root.home.name, ladder.name, platform.release(), os.geteuid(), self.compiles])

    @property
    def _ladder(self) -> Ladder:
        return self._ladders.get("", lambda: Ladder(self.rungs or rungs(self.environ, self.cache)))

    def run(self, job: Job, progress: Progress) -> Answers:
        """Start every handler in a sandbox of its own, as many at a time as there are cores.

        Raises:
            Unavailable: This machine cannot run the functions: no Linux, another architecture, no such CPython, no
                room for what plays the runtime.
        """
        began = time.perf_counter()
        architecture = _architecture(job)
        try:
            root = self._root(job.policy, architecture, progress)
            trees = Trees(job.task, job.opt, root)
        except OSError as error:
            raise Unavailable(f"{unusable_cache(self.cache, error)}.") from error
        ladder = self._ladder
        prepared = time.perf_counter() - began
        began = time.perf_counter()
        compiler = partial(compile_here, root.lang / "bin" / root.python, {"LD_LIBRARY_PATH": f"{root.lang}/lib"})
        compilation = Compilation(job, trees.binds, compiler, self.cache) if self.compiles else None
        try:
            seen = Starts(job, trees, ladder, compilation, progress).run()
        except Unavailable as reason:
            self._roots.forget((job.policy.runtime, architecture))
            raise (reason if trees.intact else Unavailable(f"{reason} {broken_cache(self.cache)}")) from None
        ported = f"started on {architecture}: the archives are for {job.architecture} and have no compiled code"
        elsewhere = (ported,) if architecture != job.architecture else ()
        caveats = (*ladder.caveats, *_lacking(root), *elsewhere)
        info = EngineInfo("process", python=root.interpreter.version, caveats=caveats, sandbox=ladder.name)
        return Answers(info, seen, (("prepare", prepared), ("handlers", time.perf_counter() - began)))

    def _root(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> Root:
        """What plays the runtime, found once.

        Raises:
            Unavailable: This machine cannot run the functions.
            OSError: The cache cannot be used.
        """

        def made() -> Root:
            return prepare(policy, self._interpreter(policy, architecture), self.cache, progress)

        return self._roots.get((policy.runtime, architecture), made)

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


def _architecture(job: Job) -> str:
    """The architecture to start a job on: this machine's, where any will do."""
    here = next((one for one, names in MACHINES.items() if platform.machine() in names), job.architecture)
    return here if here != job.architecture and job.portable and job.portable() else job.architecture


def _lacking(root: Root) -> tuple[str, ...]:
    if not root.lacking:
        return ()
    shown, more = root.lacking[:MOST_NAMES], len(root.lacking) - MOST_NAMES
    names = f"{', '.join(shown)}{f' and {more} more' if more > 0 else ''}"
    return (f"what needs a program or library of Lambda's that this machine lacks fails here: {names}",)


class Starts:
    """The starts of one job, each in a sandbox of its own."""

    def __init__(
        self, job: Job, trees: Trees, ladder: Ladder, compilation: Compilation | None, progress: Progress
    ) -> None:
        self._job, self._trees, self._ladder = job, trees, ladder
        self._pool: StartPool[Sandbox] = StartPool(job, compilation, Sandbox.end, progress)

    def run(self) -> tuple[Observation, ...]:
        """What happened to each function, in the order of the job.

        Raises:
            Unavailable: A sandbox cannot be had.
        """
        return self._pool.run(self._start, os.cpu_count() or 1)

    def _start(self, start: Start) -> Observation:
        self._pool.compiled(start)
        with ExitStack() as stack:
            try:
                rung, sandbox = stack.enter_context(
                    self._ladder.sandbox(self._trees, 1 + start.emulated, start.tmp * MB, start.memory * MB)
                )
            except NotHere as reason:
                raise Unavailable(f"no sandbox could be started: {reason}.") from None
            stack.enter_context(self._pool.running(sandbox))
            result = self._result(start, rung, sandbox)
        if rung.in_place:
            result = _translated(result, self._back)
        return self._pool.observed(start, result)

    def _back(self, value: str) -> str:
        for there, here in self._trees.in_place.items():
            value = value.replace(here, there)
        return value

    def _result(self, start: Start, rung: Rung, sandbox: Sandbox) -> dict[str, Any]:
        job, paths = self._job, self._trees.in_place
        facts = observed(job, start, alone=rung.own_network)
        program = order(job, start, self._command(start, rung), dict(job.policy.image_environment))
        if rung.in_place:
            facts["events"] = [IN_JSON.sub(lambda found: paths[found[0]], event) for event in facts["events"]]
            program["environment"] = {"PYTHONDONTWRITEBYTECODE": "1", **program["environment"]}
            program = _translated(program, lambda value: PATHS.sub(lambda found: paths[found[0]], value))
        elif _counts_by_namespace():
            program["limits"]["RLIMIT_NPROC"] = job.policy.limits.processes + SLACK_PROCESSES
        program["user"], program["group"] = sandbox.user or (None, None)
        program["environment"]["AWS_LAMBDA_RUNTIME_API"] = sandbox.address(0)
        if start.emulated:
            program["environment"]["AWS_ENDPOINT_URL"] = f"http://{sandbox.address(1)}"
            threading.Thread(target=self._serve, args=(start.function, sandbox), daemon=True).start()
        api = RuntimeApi(sandbox.sockets[0], start.function, facts["events"], start.timeout, sandbox.admits)
        output = Output(sandbox.output)
        sandbox.go(program)
        return observe(facts, api, output, sandbox)

    def _serve(self, function: str, sandbox: Sandbox) -> None:
        """Hand each connection to the emulated AWS to the services of this run of the function."""
        outside, run, listening = self._job.outside, os.urandom(8).hex(), sandbox.sockets[1]
        with suppress(OSError):  # the sandbox has ended
            while True:
                connection, _ = listening.accept()
                with connection, suppress(OSError):  # the services are gone; the handler sees a connection that ends
                    if outside and sandbox.admits(connection):
                        outside.serve(function, run, connection)

    def _command(self, start: Start, rung: Rung) -> list[str]:
        python, bootstrap = f"/var/lang/bin/{self._trees.root.python}", "/var/runtime/bootstrap.py"
        arguments = [python, bootstrap, "/opt"] if rung.in_place else []
        if start.asks:
            return [python, "-c", text("questions"), bootstrap, *arguments[2:]]
        return ["/bin/sh", "/var/runtime/bootstrap", *arguments]


def _translated(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - JSON
    """JSON with all of its texts changed."""
    match value:
        case str():
            return change(value)
        case list():
            return [_translated(element, change) for element in value]
        case dict():
            return {name: _translated(element, change) for name, element in value.items()}
        case _:
            return value


def _counts_by_namespace() -> bool:
    """Whether the limit on a user's processes counts those of the sandbox alone, as it does from Linux 5.14 on."""
    version = [int(part) for part in re.findall(r"\d+", platform.release())[:2]]
    return version >= [5, 14] and os.geteuid() != 0
