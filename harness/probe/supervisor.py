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
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .child import ATTEMPTS, descendants
from .keeper import TRACE_SECONDS, keep
from .shelf import NOTHING, Aside, Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator

PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 4, 24, 36, 38
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SLACK_SECONDS = 15.0  # beyond all of a keeper's own deadlines; then it is taken for stopped
NEARLY_FULL = 0.05  # of /tmp left free: what a handler filled, its neighbours could not use
# How near to a limit a handler may come with bytecode that Lambda does not have, so that it is no question that it
# stays within it without: compiling takes memory, some hundred times the source at worst, and time, which was measured
# when it was compiled here, and may take twice as long beside others.
MEMORY_SHARE, COMPILING_BYTES = 0.7, 100
TIME_SHARE, TOTAL_SHARE, COMPILING_TIMES = 0.5, 0.8, 2.0


FEW = 100  # files, which are compiled in a moment


class Keeper:
    """One forked keeper and the pipe that it answers on."""

    def __init__(self, job: dict[str, Any], start: dict[str, Any], shelf: Shelf | None) -> None:
        self.start, self._lends = start, shelf is not None
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
                loan = shelf.lend() if shelf else None
                said = memoryview(json.dumps(keep(job, start, loan)).encode())
                while said:
                    said = said[os.write(write, said) :]
                status = 0
            finally:
                os._exit(status)
        os.close(write)

    @cached_property
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
            "loan": None,
        }

    def counts(self, init_limit: float) -> bool:
        """Whether this is what happens in Lambda too: a handler that was lent bytecode has to have passed with ease."""
        loan, killed = self.result["loan"], self.result["init"]["kind"] == "killed"
        lent = loan["largest"] > 0 if loan else self._lends and killed
        return not lent or certain(self.result, self.start, init_limit)


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


def certain(result: dict[str, Any], start: dict[str, Any], init_limit: float) -> bool:
    """Whether a handler that was lent bytecode would have done as well without; else that was no observation."""
    loan = result["loan"]
    if failed(result) or (start["asks"] and any(map(complains, result["answers"]))):
        return False
    peak = result["max_rss_bytes"]
    if max(peak / MEMORY_SHARE, peak + COMPILING_BYTES * loan["largest"]) > start["memory"]:
        return False
    answers = all(easily(one["seconds"], loan["events"], start["timeout"]) for one in result["answers"])
    return answers and easily(result["init"]["seconds"], loan["init"], init_limit)


def easily(seconds: float, compiling: float, limit: float) -> bool:
    """Whether what took so long would have stayed within a limit without bytecode of ours."""
    return seconds <= TIME_SHARE * limit and seconds + COMPILING_TIMES * compiling <= TOTAL_SHARE * limit


def complains(answer: dict[str, Any]) -> bool:
    """Whether the answer to a question of ours tells of a fault: of a list each entry does, else ``error``."""
    with contextlib.suppress(ValueError, KeyError):
        said = json.loads(answer["body"])
        return bool(said["error"] if isinstance(said, dict) else said)
    return True


class Supervisor:
    """Runs the job's handlers; see the module."""

    def __init__(self, job: dict[str, Any], shelf: Shelf) -> None:
        self.job, self.shelf = job, shelf
        self.lived: list[Keeper] = []
        self.later: Shelf | None = None
        self.aside: Aside | None = None
        self.selector = selectors.DefaultSelector()
        self.selector.register(0, selectors.EVENT_READ)
        self.relay = None
        if any(start["emulated"] for start in job["starts"]):
            from .relay import Relay  # noqa: PLC0415 - not sent where no handler needs it

            self.relay = Relay(self.selector, self.say)

    def run(self) -> None:
        """All handlers side by side; then, alone, those that may have failed because of a neighbour."""
        doubtful = []
        for one in self.round(self.job["starts"], self.job["workers"], self.shelf if self.job["lends"] else None):
            self.say("progress", {"function": one.start["function"]})
            if failed(one.result):
                doubtful.append(one)
            else:
                self.say("result", one.result)
        lived = list(self.lived)
        for one in doubtful:
            if self.disturbed(one, lived):
                if self.job["alone"]:
                    clean("/tmp")  # noqa: S108 - the sandbox's own
                (one,) = self.round([one.start], 1, None)  # noqa: PLW2901 - the same handler's
            self.say("result", one.result)

    def disturbed(self, one: Keeper, lived: list[Keeper]) -> bool:
        """Whether a rude neighbour lived at the same time, or what it met in ``/tmp`` may have been another's."""
        others = [other for other in lived if other is not one and other.began < one.ended]
        if self.job["alone"] and others and os.listdir("/tmp"):  # noqa: S108 - the sandbox's own
            return True
        return any(rude(other.result) and one.began < other.ended for other in others)

    def round(self, starts: list[dict[str, Any]], workers: int, shelf: Shelf | None) -> Iterator[Keeper]:
        """Start each, at most ``workers`` at a time, and say what counts: each of them once.

        What does not count because of bytecode of ours is started again without.
        """
        waiting: list[tuple[dict[str, Any], Shelf | None]] = [(start, shelf) for start in starts]
        running = dict[int, Keeper]()
        while waiting or running:
            while waiting and len(running) < workers:
                start, lent = waiting.pop(0)
                keeper = Keeper(self.job, self.relay.opened(start) if self.relay else start, lent)
                running[keeper.pipe] = keeper
                self.selector.register(keeper.pipe, selectors.EVENT_READ)
            for keeper in self.ended(running):
                if self.relay:
                    self.relay.closed(keeper.start)
                if self.job["alone"]:
                    room = os.statvfs("/tmp")  # noqa: S108 - the sandbox's own
                    keeper.result["filled"] = room.f_bavail < NEARLY_FULL * room.f_blocks
                self.lived.append(keeper)
                self.sweep(frozenset(other.pid for other in (*running.values(), self.aside) if other))
                if keeper.counts(self.job["init_limit"]):
                    yield keeper
                else:
                    waiting.append((keeper.start, None))

    def ended(self, running: dict[int, Keeper]) -> list[Keeper]:
        """The keepers that ended since the last look; ends everything when nobody waits for the answer any more."""
        done = []
        for key, events in self.selector.select(0.5):
            if key.fd == 0:
                if not (heard := os.read(0, 1 << 16)):
                    self.abandon()
                if self.relay:
                    self.relay.heard(heard)
                continue
            if key.data:  # what a handler whose AWS is emulated does
                key.data(events)
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

    def sweep(self, keepers: frozenset[int]) -> None:
        """Kill what lost its keeper and came to us instead."""
        for attempt in itertools.count():
            if not (strays := descendants(os.getpid(), keepers)):
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
        self.sweep(frozenset())
        os._exit(1)

    def compile(self) -> None:
        """Compile what is missing: first, or where that would save nothing, beside the only handler."""
        job, later = self.job, Shelf(NOTHING, b"")
        if len(job["starts"]) > 1 or len(job["compile"]) <= FEW or job["cores"] == 1 or later.file is None:
            self.shelf.compile(job["compile"], job["cores"])
            self.hand_over(self.shelf)
        else:
            self.later, self.aside = later, Aside(later.wanting(job["compile"]))

    def conclude(self) -> None:
        """Hand over what was compiled beside the handler: the next one is lent it."""
        if self.later is not None and self.aside is not None:
            self.later.take(self.aside)
            self.hand_over(self.later)

    def hand_over(self, shelf: Shelf) -> None:
        """The bytecode that was made here, to be kept: a line, and the bytes that it announces."""
        made, size = shelf.made
        self.say("bytecode", {**made, "bytes": size})
        for piece in shelf.pieces():
            self.write(piece)

    def say(self, kind: str, value: dict[str, Any]) -> None:
        """One line of the protocol; the token tells it from what a handler may print."""
        self.write(f"\n{self.job['token']}{json.dumps({'type': kind, **value})}\n".encode())

    @staticmethod
    def write(data: bytes) -> None:
        """All of it, to whoever asked for the work."""
        view = memoryview(data)
        while view:
            view = view[os.write(1, view) :]


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


def main(job: dict[str, Any], rest: bytes) -> None:
    """Run the job that arrived on standard input; ``rest`` came after it."""
    confine()
    shelf = Shelf(job["kept"], rest)
    supervisor = Supervisor(job, shelf)
    seen = {}
    for root in job["roots"]:
        with contextlib.suppress(OSError):
            seen[root] = sorted(os.listdir(root))[:100]
    supervisor.say("ready", {"python": sys.version.split()[0], "seen": seen})
    seconds = {}
    if all(seen.get(root, []) == names for root, names in job["roots"].items()):
        began = time.monotonic()
        if job["compile"] and shelf.file is not None:
            supervisor.compile()
        shelf.seal()
        seconds["compile"] = time.monotonic() - began
        supervisor.run()
        supervisor.conclude()
        seconds["handlers"] = time.monotonic() - began - seconds["compile"]
    supervisor.say("done", {"seconds": seconds})
    os._exit(0)  # nothing is left to be tidied up
