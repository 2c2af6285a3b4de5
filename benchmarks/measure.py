"""Measure processes: wall time, processor time and memory, in runs that alternate."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MB = 1_000_000
LONGEST = 900
"""Seconds after which a command is ended: something hangs."""

_EVERY = 0.01  # seconds between two looks at the memory of processes
_SAID = 600  # characters of what a command said first, where findings are, and last
_OWN = (Path(sys.executable).resolve(), "ruff")


class Unmeasurable(Exception):  # noqa: N818 - a reason, which stands in the results
    """A measurement is not possible here; the message says why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of something.

    Attributes:
        seconds: Of wall time.
        cpu: Seconds of processor time, user and system, of the process and of those that it waited for. What a daemon
            does on its behalf is not among it.
        peak_mb: Where it was looked at, the most memory that was resident at a time, in MB.
    """

    seconds: float
    cpu: float
    peak_mb: float = 0.0

    def __add__(self, other: Sample) -> Sample:
        """One after the other."""
        return Sample(self.seconds + other.seconds, self.cpu + other.cpu, max(self.peak_mb, other.peak_mb))


def nothing() -> None:
    """No preparation."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A measured program.

    Attributes:
        name: Unique in its scene.
        run: Does it once.
        set_up: Done once before all runs, and not measured; raises :exc:`Unmeasurable` where it cannot be measured.
        prepare: Done before each run, and not measured.
        tear_down: Done once after all runs.
    """

    name: str
    run: Callable[[], Sample]
    set_up: Callable[[], object] = nothing
    prepare: Callable[[], object] = nothing
    tear_down: Callable[[], object] = nothing


@dataclass
class Runs:
    """The measurements of a scenario.

    Attributes:
        rounds: For each round, each contender's run.
        left_out: Contenders that could not be measured, and why.
    """

    rounds: list[dict[str, Sample]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def alternate(contenders: Sequence[Contender], rounds: int, say: Callable[[str], None]) -> Runs:
    """Run all in turn, several times: what disturbs the machine for a while disturbs them all."""
    runs = Runs()
    with contextlib.ExitStack() as stack:
        for one in contenders:
            say(f"{one.name}: setting up")
            stack.callback(one.tear_down)
            with _left_out(one, runs):
                one.set_up()
        _run(contenders, rounds, runs, say)
    return runs


def _run(contenders: Sequence[Contender], rounds: int, runs: Runs, say: Callable[[str], None]) -> None:
    for number in range(1, rounds + 1):
        samples: dict[str, Sample] = {}
        for one in contenders:
            if one.name not in runs.left_out:
                say(f"{one.name}: run {number} of {rounds}")
                with _left_out(one, runs):
                    one.prepare()
                    os.sync()  # what was written before is not to be written back while this one is measured
                    samples[one.name] = one.run()
        runs.rounds.append(samples)


@contextlib.contextmanager
def _left_out(one: Contender, runs: Runs) -> Iterator[None]:
    try:
        yield
    except (Unmeasurable, OSError, subprocess.SubprocessError) as reason:
        runs.left_out[one.name] = str(reason)


def timed(
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    memory: bool = False,
    expect: bytes = b"",
) -> Sample:
    """Run a command to its end.

    Args:
        command: The program and its arguments.
        environ: Its environment; our own where not given.
        folder: Where it runs.
        memory: Whether to look at its memory all the time, which costs it some of its time.
        expect: What it must have said.

    Raises:
        Unmeasurable: It failed, or did not say what was expected.
    """
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        with subprocess.Popen(
            command, env=environ, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        ) as process:
            watch = _Watch(process.pid) if memory else None
            watchdog = threading.Timer(LONGEST, process.kill)
            watchdog.start()
            try:
                _, status, usage = os.wait4(process.pid, 0)
            finally:
                watchdog.cancel()
            seconds = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
        if process.returncode or expect not in text:
            raise Unmeasurable(_failure(command, process.returncode, text))
    return Sample(seconds, usage.ru_utime + usage.ru_stime, watch.end() if watch else 0.0)


def _failure(command: Sequence[str | Path], code: int, said: bytes) -> str:
    text = " ".join(said.decode("utf-8", "replace").split())
    some = text if len(text) <= 2 * _SAID else f"{text[:_SAID]} […] {text[-_SAID:]}"
    return f"{Path(command[0]).name} ended with {code}: {some or 'it said nothing'}"


class _Watch:
    """Looks at the memory of a process and of its children that are the harness's own: its Python, and ruff.

    Handlers, and the sandboxes around them, are not: their interpreter is another file.
    """

    def __init__(self, pid: int) -> None:
        self._pid, self._peak, self._ended = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> float:
        """The most that was resident at a time, in MB."""
        self._ended.set()
        self._thread.join()
        return self._peak / MB

    def _look(self) -> None:
        while not self._ended.wait(_EVERY):
            sizes = [_sizes(pid) for pid in _own(self._pid)]
            # The kernel knows each one's own peak, however short; of several together, what is there now.
            self._peak = max([self._peak, sum(now for now, _ in sizes), *(most for _, most in sizes)])


def _own(pid: int) -> Iterator[int]:
    """A process and its children, as far as they are the harness's."""
    yield pid
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in thread.joinpath("children").read_text().split():
                program = Path(f"/proc/{child}/exe").readlink()
                if program in _OWN or program.name in _OWN:
                    yield from _own(int(child))


def _sizes(pid: int) -> tuple[int, int]:
    """A process's part of what is resident now, and the most that ever was resident of it, in bytes.

    What several share, as a process and its fork do, is parted between them.
    """
    return _field(pid, "smaps_rollup", "Pss"), _field(pid, "status", "VmHWM")


def _field(pid: int, file: str, name: str) -> int:
    with contextlib.suppress(OSError):  # it has ended
        for line in Path(f"/proc/{pid}/{file}").read_text("utf-8").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0


def file_system(folder: Path) -> str:
    """The kind of that which the folder is on."""
    real, found = folder.resolve(), ("", "unknown")
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mounts").read_text("utf-8").splitlines():
            _, where, kind, *_ = line.split()
            place = re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), where)
            if real.is_relative_to(place) and len(place) >= len(found[0]):
                found = place, kind
    return found[1]
