"""Observe one start of a function from outside of what it is shut in.

The process engine observes from the harness itself, the container engine from process 1 of the container, which
belongs to another user than the handler. Nothing that is observed can reach the observer but by the Runtime API and by
its output, both of which are bounded.
"""

# More than 300 lines: it is a program that is shipped as one file.

from __future__ import annotations

import itertools
import os
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from .output import dumped, without_ping
from .outside import Outside
from .processes import busy, cpu, kill, peak, proportional, resident, unmapped, waited, yield_to_others

if TYPE_CHECKING:
    from .output import Output
    from .runtime_api import RuntimeApi

TICKS = os.sysconf("SC_CLK_TCK")
LOOK_SECONDS = 0.05  # between two looks at what the processes use
GRACE_SECONDS = 2.0  # for a process that has posted its error to end by itself, or its answer to ask for more
SETTLE_SECONDS = 1.0  # see ``_settled``
STAY_SECONDS = 0.25  # between two looks at the stack of a process
DUMP_SECONDS = 0.5  # for Python to write its stack
PROCESSES = 1024  # Lambda's quota for processes and threads (developer guide, gettingstarted-limits)
CROWD = 64  # processes; so many would leave little of the processors to the observer


class Tree(ABC):
    """The processes of one start, seen and ended from outside."""

    @abstractmethod
    def poll(self) -> int | None:
        """The exit status of the first of them (negative: the signal that ended it); None while it runs."""

    @abstractmethod
    def pids(self) -> list[int]:
        """The processes that are the function's own, the first one first."""

    @abstractmethod
    def first(self) -> list[int]:
        """The first of them alone, where there is one."""

    def crowd(self) -> int:
        """How many processes there are, in one system call or two; 0 where only ``pids`` can say."""
        return 0

    @abstractmethod
    def end(self) -> None:
        """End all of them."""

    def out_of_memory(self) -> bool:
        """Whether the kernel ended one of them because the memory of all was used up."""
        return False

    def memory(self) -> int | None:
        """The bytes that all of them hold together, where the kernel counts them."""
        return None


class Watch:
    """What the processes of a start use, looked at every now and then."""

    def __init__(self, tree: Tree, memory: int, outside: Outside) -> None:
        self.tree, self.memory, self.outside = tree, memory, outside
        self.peak = 0
        self._looked = 0.0
        self._number = 0
        self._limit: str | None = None
        self._aside: threading.Thread | None = None

    def exceeded(self) -> str | None:
        """Which limit is exceeded, if one is.

        A thousand processes that fork leave the observer no time for more than to count them: it looks at each of them
        aside, and whether there are too many of them does not wait for that.
        """
        crowd = self.tree.crowd()
        if crowd > PROCESSES:
            return "processes"
        if max(crowd, self._number) > CROWD:
            if self._aside is None or not self._aside.is_alive():
                self._aside = threading.Thread(target=self._look, daemon=True)
                self._aside.start()
        elif time.monotonic() - self._looked > LOOK_SECONDS:
            self._look()
        return self._limit

    def _look(self) -> None:
        self._looked = time.monotonic()
        pids = self.tree.pids()
        self._number = len(pids)
        if self._number > CROWD:
            yield_to_others(pids)
        self.peak = max([self.peak, *map(peak, pids)])
        if self._number > PROCESSES:
            self._limit = "processes"
        elif self._used(pids) > self.memory:
            self._limit = "memory"

    def _used(self, pids: list[int]) -> int:
        """The memory that processes hold, in bytes.

        Pages that processes share count once for each of them in the cheap sum; the dear one, which shares them out, is
        taken only where the cheap one is over the limit. Files in memory (``memfd_create``) that no process has mapped
        belong to no process's size, and are counted by their descriptors.
        """
        total, counted = sum(map(resident, pids)), self.tree.memory()
        if counted is not None:
            return max(total, counted) if len(pids) == 1 else counted
        files = unmapped(pids)
        if len(pids) > 1 and total + files > self.memory:
            total = sum(map(proportional, pids))
        return total + files

    def cpu_seconds(self) -> float:
        """Processor time of all that is running, and of what these have waited for."""
        pids = self.tree.pids()
        self.peak = max([self.peak, *map(peak, pids)])
        return sum(map(cpu, pids)) / TICKS

    def waited_seconds(self) -> float:
        """How long the first process was ready to run and got no processor."""
        return sum(map(waited, self.tree.first()))


def observe(start: dict[str, Any], api: RuntimeApi, output: Output, tree: Tree) -> dict[str, Any]:
    """Everything about one start: how init ended, the answers to its events, its peak memory, its output.

    Args:
        start: ``function``, ``events``, ``timeout`` (seconds for each event), ``memory`` (bytes), ``init_timeout``
            (seconds), ``asks`` (its events are questions of ours) and ``alone`` (nobody else is on its network).
        api: What the processes talk to.
        output: What they print.
        tree: The processes. All of them have ended afterwards.
    """
    watch = Watch(tree, start["memory"], Outside(api, tree.pids, alone=start["alone"]))
    began = time.monotonic()
    try:
        init = _initialised(start, api, watch, began)
        failed: list[int | None] = [None] if watch.outside.failed() else []
        answers = _answered(start, api, watch, failed) if init["kind"] == "ready" else []
        if init["kind"] == "ready" and api.init_error is not None:  # so it was something else that asked for events
            init, answers = {"kind": "error", "seconds": init["seconds"], "error": api.init_error}, []
        waiting = _waiting(watch, output, init["kind"]) if init["kind"] in ("timeout", "outside") else None
        if init["kind"] == "error":
            _until(lambda: False, api, watch, time.monotonic() + GRACE_SECONDS)
    finally:
        tree.end()
        api.close()  # after the processes: the client would complain of it
        output.close()
    text = output.text()
    crashed = init["kind"] == "exit" and (init["status"] or 0) < 0
    imported = api.imported or {}
    modules = imported.get("modules")
    return {
        "function": start["function"],
        "init": init,
        "answers": answers,
        "max_rss_bytes": watch.peak,
        "output": without_ping(text, api.ping),
        "trace": imported if "frames" in imported else waiting or (dumped(text) if crashed else None),
        "calls": api.calls,
        "failed_calls": failed,
        "imports": {**(api.imports or {}), "origin": began},
        "modules": [one for one in modules if isinstance(one, str)] if isinstance(modules, list) else [],
    }


def _initialised(start: dict[str, Any], api: RuntimeApi, watch: Watch, began: float) -> dict[str, Any]:
    """How init ended: ``ready`` when the runtime client asked for its first event, else how it failed."""
    limit = began + start["init_timeout"]
    ended = _until(lambda: api.ready_at is not None or api.init_error is not None, api, watch, limit)
    if ended == "settled" and api.init_error is None:
        cpu_seconds, waited = watch.cpu_seconds(), watch.waited_seconds()
        ended = _settled(start, api, watch, limit)
        if ended == "settled" and api.init_error is None:
            seconds = (api.ready_at or began) - began
            undisturbed = max(0.0, seconds - waited)
            return {"kind": "ready", "seconds": seconds, "cpu_seconds": cpu_seconds, "undisturbed_seconds": undisturbed}
    seconds = time.monotonic() - began
    if api.init_error is not None:
        return {"kind": "error", "seconds": seconds, "error": api.init_error}
    return {"kind": ended, "seconds": seconds, "status": watch.tree.poll() if ended == "exit" else None}


def _settled(start: dict[str, Any], api: RuntimeApi, watch: Watch, limit: float) -> str:
    """Wait until the client that asked for the first event has shown that init is over.

    Any code can ask for an event while the import of the handler still goes on, and fail afterwards.
    """
    if start["asks"]:
        return "settled"

    def failed() -> bool:
        return api.init_error is not None

    def refused() -> bool:
        return api.settled_at is not None or failed()

    def imported() -> bool:
        return _has_imported(api) or failed()

    if api.genuine:
        ended = _until(refused, api, watch, time.monotonic() + start["init_timeout"])
        if ended != "settled" or _has_imported(api):
            return ended
    if api.importing:  # what has begun ends, or Lambda's limit comes first
        ended = _until(imported, api, watch, limit)
        if ended not in ("settled", "timeout") or failed() or api.genuine:
            return "settled" if ended == "timeout" else ended
    # A runtime of the user's own, of which nothing is reported: an error that follows its first request still counts.
    ended = _until(failed, api, watch, time.monotonic() + SETTLE_SECONDS)
    return "settled" if ended == "timeout" else ended


def _has_imported(api: RuntimeApi) -> bool:
    return api.imported is not None and "frames" not in api.imported


def _answered(start: dict[str, Any], api: RuntimeApi, watch: Watch, failed: list[int | None]) -> list[dict[str, Any]]:
    """One entry for each event: a body or an error, or how the process ended instead; none follow an end.

    The numbers of the events at which a call to another machine failed are added to ``failed``.
    """
    answers: list[dict[str, Any]] = []
    for number in range(1, len(start["events"]) + 1):
        began = time.monotonic()
        watch.outside.again(number - 1)

        def settled(number: int = number) -> bool:
            return len(api.answers) >= number

        ended = _until(settled, api, watch, began + start["timeout"])
        failed += [number - 1] if watch.outside.failed() else []
        if ended == "settled" and "body" in api.answers[number - 1]:
            ended = _over(number, api, watch, began + start["timeout"])
        if ended == "settled":
            answers.append(api.answers[number - 1])
            continue
        status = watch.tree.poll() if ended == "exit" else None
        answers.append({"seconds": time.monotonic() - began, "ended": ended, "status": status})
        break
    if answers:
        watch.cpu_seconds()  # a last look at the peak
    return answers


def _over(number: int, api: RuntimeApi, watch: Watch, deadline: float) -> str:
    """Wait for the end of an invocation, which is when the client asks for the next one and not when it answers."""

    def asks() -> bool:
        return api.waiting or api.handed_out is not None or len(api.answers) > number

    ended = _until(asks, api, watch, max(deadline, time.monotonic() + GRACE_SECONDS))
    return "settled" if ended == "outside" else ended


def _until(settled: Any, api: RuntimeApi, watch: Watch, deadline: float) -> str:  # noqa: ANN401 - a predicate
    """Wait for ``settled``.

    Returns:
        ``settled``, or what came first: ``exit``, ``timeout``, ``memory``, ``processes`` or ``outside``: it waits for
        what is not there.
    """
    while True:
        ended = watch.tree.poll() is not None
        with api.changed:
            # Looked at after the process: what it posted before it ended is here by now.
            if settled():
                return "settled"
            if not ended:
                api.changed.wait(0.01)
        if ended:
            return "memory" if watch.tree.out_of_memory() else "exit"
        if time.monotonic() > deadline:
            return "timeout"
        if limit := watch.exceeded():
            return limit
        if watch.outside.waits():
            return "outside"


def _waiting(watch: Watch, output: Output, kind: str) -> dict[str, Any] | None:
    """Where a process waits that was stopped, written by its own Python.

    What it was about to do at that moment is no place: only what it stays in is, and at a time-out only where it does
    nothing at all. A process that works would be somewhere else next time.
    """
    before = output.text()
    first, used = _stack(watch.tree, output), watch.cpu_seconds()
    time.sleep(STAY_SECONDS)
    moves = watch.cpu_seconds() != used or any(map(busy, watch.tree.pids()))
    second = _stack(watch.tree, output)
    output.cut(before)
    if not first or not second or (moves and kind == "timeout"):
        return None
    pairs = zip(first["frames"], second["frames"], strict=False)
    stayed = [one for one, other in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)]
    return {**first, "frames": stayed} if stayed else None


def _stack(tree: Tree, output: Output) -> dict[str, Any] | None:
    """The stack of a process that goes on for too long, written by its own Python."""
    from .bootstrap_patch import DUMP_SIGNAL  # noqa: PLC0415 - data of a module that runs in the handler's process

    before = output.text()
    kill(tree.first(), DUMP_SIGNAL)
    deadline = time.monotonic() + DUMP_SECONDS
    while time.monotonic() < deadline and not dumped(output.text()[len(before) :]):
        time.sleep(0.01)
    time.sleep(0.02)
    return dumped(output.text()[len(before) :])
