"""The engine that needs nothing but CPython of the function's version on this machine."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING

from harness.artifact.store import Store
from harness.engines.bytecode import BytecodeStore, Lending, content_key
from harness.engines.cgroup import limited
from harness.engines.environment import HOME, Environment, broken_cache, prepare, unusable_cache
from harness.engines.interpreters import Interpreter, Rejected, find
from harness.engines.once import Once
from harness.engines.protocol import Answers, Exited, Job, Observation, Progress, Unavailable
from harness.engines.relay import Relay
from harness.engines.sandbox import Plain, Sandbox, Trees, sandbox
from harness.engines.shipping import MB, SUPERVISOR_PROCESSES, Parcel, probe_command, spent, time_limit
from harness.model import EngineInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from harness.policy import RuntimePolicy

MACHINES = {"x86_64": ("x86_64", "amd64"), "arm64": ("aarch64", "arm64")}


@dataclass(frozen=True, slots=True)
class Ready:
    """What jobs of one runtime are started with."""

    environment: Environment
    sandbox: Sandbox


@dataclass(frozen=True, slots=True)
class ProcessEngine:
    """Starts handlers with CPython of this machine.

    Attributes:
        environ: The user's environment, to find interpreters in; no handler sees it.
        cache: Where the runtime's packages are kept.
        python: The interpreter that the user names, if one.
        sandboxed: False starts plain processes even where bubblewrap works.
        bytecode: Where compiled modules are kept; None lets every handler compile what it loads.
    """

    environ: Mapping[str, str]
    cache: Path
    python: Path | None = None
    sandboxed: bool = True
    bytecode: Path | None = None
    _ready: Once[Ready] = field(default_factory=Once, compare=False, repr=False)

    def prepare(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> bool:
        """Find the interpreter, and make or check what plays the runtime; False where that cannot be done."""
        try:
            self._prepared(policy, architecture, progress)
        except (Unavailable, OSError):
            return False
        return True

    def run(self, job: Job, progress: Progress) -> Answers:
        """Start every handler in one sandbox, as many at a time as there are cores.

        Raises:
            Unavailable: This machine cannot run the functions: no Linux, another architecture, no such CPython, no
                room for what plays the runtime.
        """
        began = time.perf_counter()
        try:
            ready = self._prepared(job.policy, job.architecture, progress)
            trees = Trees(job.task, job.opt, ready.environment)
            if ready.sandbox.paths(trees):
                trees = replace(trees, task=self._copied(job.task), opt=job.opt and self._copied(job.opt))
        except OSError as error:
            raise Unavailable(f"{unusable_cache(self.cache, error)}.") from error
        crew = Crew(trees, ready.sandbox, self._lending(trees, ready.sandbox), progress)
        began, prepared = time.perf_counter(), time.perf_counter() - began
        try:
            found = crew.run(job)
        except Unavailable as reason:
            self._ready.forget((job.policy.runtime, job.architecture))
            raise (reason if trees.intact else Unavailable(f"{reason} {broken_cache(self.cache)}")) from None
        info = EngineInfo("process", python=ready.environment.interpreter.version, caveats=ready.sandbox.caveats)
        seconds = spent(prepared, time.perf_counter() - began, crew.started, crew.seconds)
        return Answers(info, tuple(found[start.function] for start in job.starts), seconds)

    def _prepared(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> Ready:
        """What is the same for all jobs of a runtime, found once.

        Raises:
            Unavailable: This machine cannot run the functions.
            OSError: The cache cannot be used.
        """

        def made() -> Ready:
            interpreter = self._interpreter(policy, architecture)
            tmp_bytes = policy.limits.tmp_mb * MB
            shut = sandbox(self.environ, tmp_bytes) if self.sandboxed else Plain("plain processes were asked for")
            return Ready(prepare(policy, interpreter, self.cache, progress), shut)

        return self._ready.get((policy.runtime, architecture), made)

    def _lending(self, trees: Trees, shut: Sandbox) -> Lending | None:
        """The bytecode for a run.

        None without a sandbox: a second start would meet what the first one left in ``/tmp``.
        """
        if self.bytecode is None or shut.paths(trees):
            return None
        environment = trees.environment
        roots = dict.fromkeys(("/var/lang/", "/var/runtime/"), environment.home.name)
        roots = {root: f"{key} {root}" for root, key in roots.items()}
        for root, tree in (("/var/task/", trees.task), ("/opt/", trees.opt)):
            if tree and (key := content_key(tree, self.cache)):
                roots[root] = f"{key} cpython-{environment.interpreter.version}"
        return Lending(BytecodeStore(self.bytecode), roots)

    def _copied(self, tree: Path) -> Path:
        """The tree, and of a folder of the user's own a copy: code that nothing shuts in could write into it."""
        store = Store(self.cache / "trees")
        return tree if tree.is_relative_to(self.cache) else store.merged([store.merged([]), tree])

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


class Crew:
    """The supervisors of one job: one for all handlers, and where it does not live to tell of one, another for that.

    Attributes:
        started: Seconds until the first one answered.
        seconds: What the first one says that it did, and how long it took.
    """

    def __init__(self, trees: Trees, shut: Sandbox, lending: Lending | None, progress: Progress) -> None:
        self.started, self.seconds = 0.0, dict[str, float]()
        self._trees, self._sandbox, self._lending, self._progress = trees, shut, lending, progress

    def run(self, job: Job) -> dict[str, Observation]:
        """What happened to each handler."""
        found = self._supervised(job)
        for start in job.starts:
            if start.function not in found:  # one that ran beside it took the supervisor with it
                found |= self._supervised(replace(job, starts=(start,), reached=()))
        return found

    def _supervised(self, job: Job) -> dict[str, Observation]:
        if job.ending.asked:
            raise Unavailable("it was ended before its time.")
        trees, shut = self._trees, self._sandbox
        parcel, back = _parcel(job, trees, shut, self._lending)
        python = str(trees.environment.lang / "bin" / trees.environment.python)
        python = python if shut.paths(trees) else f"/var/lang/bin/{trees.environment.python}"
        command = shut.wrap(trees, probe_command(python))
        processes = job.policy.limits.processes + SUPERVISOR_PROCESSES
        began = time.perf_counter()
        with tempfile.TemporaryFile() as errors, limited(command, processes) as command:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors.fileno(),
                env={},
                start_new_session=True,
            )
            watchdog = threading.Timer(time_limit(job), process.kill)
            watchdog.daemon = True
            watchdog.start()
            try:
                with job.ending.by(process.kill):
                    found = {seen.function: seen for seen in _converse(process, parcel, self._progress, back)}
            except BaseException:
                process.kill()
                raise
            finally:
                watchdog.cancel()
                _let_go(process)
            errors.seek(0)
            said = errors.read(8192).decode("utf-8", "replace").strip()
        self.started = self.started or parcel.answered - began
        self.seconds = self.seconds or parcel.seconds
        if parcel.python is None:
            raise Unavailable(f"the sandbox did not start: {said or f'exit status {process.returncode}'}.")
        if not found and "Traceback" in said:
            raise RuntimeError(f"the probe broke: {said}")
        if not found and len(job.starts) == 1:
            # Without a word and without a fault of the probe's own: the handler took its supervisor with it.
            (start,) = job.starts
            ended = Exited(process.returncode or -9, 0.0)
            return {start.function: Observation(start.function, ended, output=back(said))}
        return found


def _let_go(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    try:
        process.wait(2)  # the end of its input tells it to end, with all that it started
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _converse(
    process: subprocess.Popen[bytes], parcel: Parcel, progress: Progress, back: Callable[[str], str]
) -> Iterator[Observation]:
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise RuntimeError("a supervisor was started without its pipes")
    with contextlib.suppress(BrokenPipeError):  # it ended at once; what it said on standard error tells why
        for piece in parcel.pieces:
            stdin.write(piece)
        stdin.flush()
    chunks = iter(lambda: os.read(stdout.fileno(), 1 << 16), b"")
    with Relay(parcel.outside, parcel.token, lambda line: _write(stdin, line)) as relay:
        yield from parcel.read(chunks, relay, progress, back)


def _write(stream: IO[bytes], line: bytes) -> None:
    stream.write(line)
    stream.flush()


def _parcel(job: Job, trees: Trees, shut: Sandbox, lending: Lending | None) -> tuple[Parcel, Callable[[str], str]]:
    """The job for one supervisor, and the way back from this machine's paths to Lambda's."""
    paths = shut.paths(trees)

    def here(text: str) -> str:
        """Lambda's paths in a variable or an argument, as they are on this machine."""
        return PATHS.sub(lambda found: paths.get(found[0], found[0]), text)

    def back(text: str) -> str:
        for there, path in paths.items():
            text = text.replace(path, there)
        return text

    # Without a sandbox the code lies in the user's own folder, which no run may change.
    unwritten = {"PYTHONDONTWRITEBYTECODE": "1"} if paths else {}
    python, bootstrap = here(f"/var/lang/bin/{trees.environment.python}"), here("/var/runtime/bootstrap.py")
    parcel = Parcel(
        job,
        command=["/bin/sh", here("/var/runtime/bootstrap.sh"), python, bootstrap, here("/opt")],
        python=python,
        bootstrap=[bootstrap, here("/opt")],
        task=here("/var/task"),
        environment={**dict(job.policy.image_environment), "HOME": HOME, **unwritten},
        here=here,
        roots={},
        workers=min(len(job.starts), os.cpu_count() or 1),
        alone=not paths,
        lending=lending,
        process_limit=job.policy.limits.processes if not paths and _counts_by_namespace() else None,
    )
    return parcel, back


def _counts_by_namespace() -> bool:
    """Whether the limit on a user's processes counts those of the sandbox alone, as it does from Linux 5.14 on."""
    version = [int(part) for part in re.findall(r"\d+", platform.release())[:2]]
    return version >= [5, 14]


# One of Lambda's folders at the beginning of a value or of an element of a search path.
PATHS = re.compile(r"(?<![^:])(/var/task|/var/lang|/var/runtime|/home/sbx_user1051|/opt)(?=[/:]|$)")
