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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.artifact.store import Store
from harness.engines.cgroup import limited
from harness.engines.environment import HOME, broken_cache, prepare, unusable_cache
from harness.engines.interpreters import Interpreter, Rejected, find
from harness.engines.protocol import Answers, Exited, Job, Observation, Progress, Unavailable
from harness.engines.sandbox import Plain, Sandbox, Trees, sandbox
from harness.engines.shipping import MB, SUPERVISOR_PROCESSES, Parcel, probe_command, time_limit
from harness.model import EngineInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MACHINES = {"x86_64": ("x86_64", "amd64"), "arm64": ("aarch64", "arm64")}


@dataclass(frozen=True, slots=True)
class ProcessEngine:
    """Starts handlers with CPython of this machine.

    Attributes:
        environ: The user's environment, to find interpreters in; no handler sees it.
        cache: Where the runtime's packages are kept.
        python: The interpreter that the user names, if one.
        sandboxed: False starts plain processes even where bubblewrap works.
    """

    environ: Mapping[str, str]
    cache: Path
    python: Path | None = None
    sandboxed: bool = True

    def run(self, job: Job, progress: Progress) -> Answers:
        """Start every handler in a sandbox of its own, as many at a time as there are cores.

        Raises:
            Unavailable: This machine cannot run the functions: no Linux, another architecture, no such CPython, no
                room for what plays the runtime.
        """
        interpreter = self._interpreter(job)
        tmp_bytes = job.policy.limits.tmp_mb * MB
        shut = sandbox(self.environ, tmp_bytes) if self.sandboxed else Plain("plain processes were asked for")
        try:
            environment = prepare(job.policy, interpreter, self.cache, progress)
            trees = Trees(job.task, job.opt, environment)
            if shut.paths(trees):
                trees = replace(trees, task=self._copied(job.task), opt=job.opt and self._copied(job.opt))
        except OSError as error:
            raise Unavailable(f"{unusable_cache(self.cache, error)}.") from error
        crew = Crew(len(job.starts), progress)
        jobs = [replace(job, starts=(start,)) for start in job.starts]
        with ThreadPoolExecutor(min(len(jobs), os.cpu_count() or 1)) as pool:
            try:
                observations = list(pool.map(lambda one: crew.run(one, trees, shut), jobs))
            except Unavailable as reason:
                crew.dismiss()
                raise (reason if trees.intact else Unavailable(f"{reason} {broken_cache(self.cache)}")) from None
            except BaseException:
                crew.dismiss()  # before the pool waits for its threads
                raise
        return Answers(EngineInfo("process", python=interpreter.version, caveats=shut.caveats), tuple(observations))

    def _copied(self, tree: Path) -> Path:
        """The tree, and of a folder of the user's own a copy: code that nothing shuts in could write into it."""
        store = Store(self.cache / "trees")
        return tree if tree.is_relative_to(self.cache) else store.merged([store.merged([]), tree])

    def _interpreter(self, job: Job) -> Interpreter:
        if sys.platform != "linux":
            raise Unavailable(
                f"the process engine starts Linux archives and this machine is {platform.system()}: start Docker, "
                "and use --engine container."
            )
        if platform.machine() not in MACHINES[job.architecture]:
            raise Unavailable(
                f"the archives are for {job.architecture} and this machine is {platform.machine()}: use "
                "--engine container with a daemon that runs that architecture, or --engine none."
            )
        interpreter, rejected = find(job.policy.python, self.environ, self.python)
        if interpreter is None:
            raise Unavailable(_not_found(job.policy.python, rejected, self.python))
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
    """The supervisors of one run; knows them all, so that none outlives it."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._living: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._dismissed = False
        self._done, self._total, self._progress = 0, total, progress

    def dismiss(self) -> None:
        """End all, and start no more."""
        with self._lock:
            self._dismissed = True
            for process in self._living:
                process.kill()

    def run(self, job: Job, trees: Trees, shut: Sandbox) -> Observation:
        """What happened to the one handler of the job."""
        parcel, back = _parcel(job, trees, shut)
        python = str(trees.environment.lang / "bin" / trees.environment.python)
        python = python if shut.paths(trees) else f"/var/lang/bin/{trees.environment.python}"
        command = shut.wrap(trees, probe_command(python))
        processes = job.policy.limits.processes + SUPERVISOR_PROCESSES
        with tempfile.TemporaryFile() as errors, limited(command, processes) as command:
            process = self._hire(command, errors.fileno())
            watchdog = threading.Timer(time_limit(job), process.kill)
            watchdog.daemon = True
            watchdog.start()
            try:
                found = _converse(process, parcel, back)
            finally:
                watchdog.cancel()
                self._let_go(process)
            errors.seek(0)
            said = errors.read(8192).decode("utf-8", "replace").strip()
        with self._lock:
            self._done += 1
            self._progress(f"started {self._done} of {self._total} handlers")
        if parcel.python is None:
            raise Unavailable(f"the sandbox did not start: {said or f'exit status {process.returncode}'}.")
        if found is None and "Traceback" in said:
            raise RuntimeError(f"the probe broke: {said}")
        # Without a word and without a fault of the probe's own: the handler took its supervisor with it.
        return found or Observation(job.starts[0].function, Exited(process.returncode or -9, 0.0), output=back(said))

    def _hire(self, command: list[str], errors: int) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._dismissed:
                raise Unavailable("the run was stopped")
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env={}, start_new_session=True
            )
            self._living.add(process)
            return process

    def _let_go(self, process: subprocess.Popen[bytes]) -> None:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            process.wait(2)  # the end of its input tells it to end, with all that it started
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with self._lock:
            self._living.discard(process)


def _converse(process: subprocess.Popen[bytes], parcel: Parcel, back: Callable[[str], str]) -> Observation | None:
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise RuntimeError("a supervisor was started without its pipes")
    with contextlib.suppress(BrokenPipeError):  # it ended at once; what it said on standard error tells why
        stdin.write(parcel.line)
        stdin.flush()
    chunks = iter(lambda: os.read(stdout.fileno(), 1 << 16), b"")
    return next(iter(list(parcel.read(chunks, lambda _: None, back))), None)


def _parcel(job: Job, trees: Trees, shut: Sandbox) -> tuple[Parcel, Callable[[str], str]]:
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
        workers=1,
        alone=not paths,
        process_limit=job.policy.limits.processes if not paths and _counts_by_namespace() else None,
    )
    return parcel, back


def _counts_by_namespace() -> bool:
    """Whether the limit on a user's processes counts those of the sandbox alone, as it does from Linux 5.14 on."""
    version = [int(part) for part in re.findall(r"\d+", platform.release())[:2]]
    return version >= [5, 14]


# One of Lambda's folders at the beginning of a value or of an element of a search path.
PATHS = re.compile(r"(?<![^:])(/var/task|/var/lang|/var/runtime|/home/sbx_user1051|/opt)(?=[/:]|$)")
