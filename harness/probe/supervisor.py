"""Process 1 of the sandbox: a keeper for each handler, a bounded number at a time, a line for each result.

It forks one keeper per handler, so that a handler that kills its parent harms nobody but itself. It ends with all
that it started as soon as its standard input does: whoever asked for the work is gone then.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import os
import selectors
import shutil
import signal
import sys
import time
from typing import Any

from .child import ATTEMPTS, descendants
from .keeper import TRACE_SECONDS, keep

PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 4, 24, 36, 38
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SLACK_SECONDS = 15.0  # beyond all of a keeper's own deadlines; then it is taken for stopped
NEARLY_FULL = 0.05  # of /tmp left free: what a handler filled, its neighbours could not use


class Keeper:
    """One forked keeper and the pipe that it answers on."""

    def __init__(self, job: dict[str, Any], start: dict[str, Any]) -> None:
        self.start = start
        self.began = self.ended = time.monotonic()
        self.status = 0
        self.said = b""
        spans = [job["init_timeout"], TRACE_SECONDS, *[start["timeout"]] * len(start["events"]), SLACK_SECONDS]
        self.deadline = self.began + sum(spans)
        self.pipe, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.close(self.pipe)
                prctl(PR_SET_CHILD_SUBREAPER, 1)
                prctl(PR_SET_DUMPABLE, 1)  # or it could not open what is its own in /proc
                for number in IGNORED:
                    signal.signal(number, signal.SIG_DFL)  # a handler inherits what is ignored, and Lambda ignores none
                said = memoryview(json.dumps(keep(job, start)).encode())
                while said:
                    said = said[os.write(write, said) :]
                status = 0
            finally:
                os._exit(status)
        os.close(write)

    def result(self) -> dict[str, Any]:
        """What it said; where it did not live to say anything, that."""
        with contextlib.suppress(ValueError):
            return dict(json.loads(self.said))
        init = {"kind": "killed", "seconds": self.ended - self.began, "status": self.status}
        return {
            "function": self.start["function"],
            "init": init,
            "answers": [],
            "max_rss_bytes": 0,
            "output": "",
            "trace": None,
        }


def prctl(option: int, value: int) -> None:
    """Ask the kernel; where it refuses or there is no libc to ask through, go on without."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def rude(result: dict[str, Any]) -> bool:
    """Whether a handler ended in a way that its neighbours may have felt."""
    kinds = [result["init"]["kind"], *[answer.get("ended") for answer in result["answers"]]]
    status = result["init"].get("status") or 0
    return bool({"killed", "memory", "processes", "timeout"} & set(kinds)) or status < 0 or bool(result.get("filled"))


def failed(result: dict[str, Any]) -> bool:
    """Whether anything about the result is not a success."""
    return result["init"]["kind"] != "ready" or any("body" not in answer for answer in result["answers"])


class Supervisor:
    """Runs the job's handlers; see the module."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.selector = selectors.DefaultSelector()
        self.selector.register(0, selectors.EVENT_READ)

    def run(self) -> None:
        """All handlers side by side; then, alone, those that may have failed because of a neighbour."""
        finished = self.round(self.job["starts"], self.job["workers"])
        alone = [start for keeper, result, start in finished if failed(result) and self.disturbed(keeper, finished)]
        for _, result, start in finished:
            if start not in alone:
                self.say("result", result)
        for start in alone:
            if self.job["alone"]:
                clean("/tmp")  # noqa: S108 - the sandbox's own
            ((_, result, _),) = self.round([start], 1)
            self.say("result", result)

    @staticmethod
    def disturbed(keeper: Keeper, finished: list[tuple[Keeper, dict[str, Any], dict[str, Any]]]) -> bool:
        """Whether a rude neighbour lived at the same time."""
        return any(
            rude(result) and other is not keeper and other.began < keeper.ended and keeper.began < other.ended
            for other, result, _ in finished
        )

    def round(self, starts: list[dict[str, Any]], workers: int) -> list[tuple[Keeper, dict[str, Any], dict[str, Any]]]:
        """Start each, at most ``workers`` at a time, and wait for all."""
        waiting, running = list(starts), dict[int, Keeper]()
        finished = []
        while waiting or running:
            while waiting and len(running) < workers:
                keeper = Keeper(self.job, waiting.pop(0))
                running[keeper.pipe] = keeper
                self.selector.register(keeper.pipe, selectors.EVENT_READ)
            for keeper in self.ended(running):
                result = keeper.result()
                if self.job["alone"]:
                    room = os.statvfs("/tmp")  # noqa: S108 - the sandbox's own
                    result["filled"] = room.f_bavail < NEARLY_FULL * room.f_blocks
                finished.append((keeper, result, keeper.start))
                self.say("progress", {"function": keeper.start["function"]})
                self.sweep({other.pid for other in running.values()})
        return finished

    def ended(self, running: dict[int, Keeper]) -> list[Keeper]:
        """The keepers that ended since the last look; ends everything when nobody waits for the answer any more."""
        done = []
        for key, _ in self.selector.select(0.5):
            if key.fd == 0:
                if not os.read(0, 4096):
                    self.abandon()
                continue
            keeper = running[key.fd]
            chunk = os.read(key.fd, 1 << 20)
            keeper.said += chunk
            if not chunk:
                done.append(keeper)
        for keeper in running.values():
            if time.monotonic() > keeper.deadline and keeper not in done:
                os.kill(keeper.pid, signal.SIGKILL)
                done.append(keeper)
        for keeper in done:
            del running[keeper.pipe]
            self.selector.unregister(keeper.pipe)
            os.close(keeper.pipe)
            keeper.status = os.waitstatus_to_exitcode(os.waitpid(keeper.pid, 0)[1])
            keeper.ended = time.monotonic()
        return done

    def sweep(self, keepers: set[int]) -> None:
        """Kill what lost its keeper and came to us instead."""
        for attempt in itertools.count():
            kept = keepers.union(*(descendants(pid) for pid in keepers))
            strays = [pid for pid in descendants(os.getpid()) if pid not in kept]
            if not strays:
                return
            if self.job["alone"] and attempt > ATTEMPTS:
                os.kill(-1, signal.SIGKILL)  # keepers too: theirs are handlers that a fork bomb disturbed anyway
            for pid in strays:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            time.sleep(0.002)

    def abandon(self) -> None:
        """End with everything that was started."""
        if self.job["alone"]:
            with contextlib.suppress(OSError):
                os.kill(-1, signal.SIGKILL)
        self.sweep(set())
        os._exit(1)

    def say(self, kind: str, value: dict[str, Any]) -> None:
        """One line of the protocol; the token tells it from what a handler may print."""
        line = memoryview(f"\n{self.job['token']}{json.dumps({'type': kind, **value})}\n".encode())
        while line:
            line = line[os.write(1, line) :]


def clean(folder: str) -> None:
    """Empty a folder, whatever the modes in it."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isdir(path) and not os.path.islink(path):
            with contextlib.suppress(RecursionError):  # a handler may dig deeper than rmtree goes
                shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                os.unlink(path)


def confine() -> None:
    """Give up what no handler needs: capabilities, new privileges, and being looked into by one's children."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    for capability in range(64):
        prctl(PR_CAPBSET_DROP, capability)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)


def main(job: dict[str, Any]) -> None:
    """Run the job that arrived on standard input."""
    confine()
    supervisor = Supervisor(job)
    seen = {}
    for root in job["roots"]:
        with contextlib.suppress(OSError):
            seen[root] = sorted(os.listdir(root))[:100]
    supervisor.say("ready", {"python": sys.version.split()[0], "seen": seen})
    if all(seen.get(root, []) == names for root, names in job["roots"].items()):
        supervisor.run()
    supervisor.say("done", {})
