"""The starts of one job side by side, and values that several threads find out once."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from harness.engines.probe_messages import observation, rule_out_the_runtime
from harness.engines.protocol import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from harness.engines.bytecode import Compilation
    from harness.engines.protocol import Job, Observation, Progress, Start

T = TypeVar("T")


class Once(Generic[T]):
    """Values by key, each made by the first thread that asks; the others wait. A copy in another process is empty."""

    def __init__(self) -> None:
        self._made: dict[Hashable, T] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Once[T]], tuple[()]]:
        return (type(self), ())

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value, made where it is not there; where that fails, the next call tries again."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]

    def forget(self, key: Hashable) -> None:
        """Make it again at the next call."""
        self._made.pop(key, None)


class StartPool(Generic[T]):
    """The starts of one job, some of them side by side; where one cannot be had, all are ended.

    Args:
        job: What is started.
        compilation: The bytecode that the starts wait for; None where each compiles for itself.
        end: Ends what a start runs in, from another thread.
        progress: Hears of each start that is over.
    """

    def __init__(self, job: Job, compilation: Compilation | None, end: Callable[[T], None], progress: Progress) -> None:
        self._job, self._compilation, self._end, self._progress = job, compilation, end, progress
        self._lock = threading.Lock()
        self._running = set[T]()
        self._stopped = False
        self._started = 0

    def run(self, start: Callable[[Start], Observation], workers: int) -> tuple[Observation, ...]:
        """What happened to each function, in the order of the job.

        Raises:
            Unavailable: A function could not be started.
        """
        with ThreadPoolExecutor(min(len(self._job.starts), workers)) as pool:
            try:
                if self._compilation:
                    self._compilation.begin()
                waiting = [pool.submit(start, one) for one in self._job.starts]
                try:
                    return tuple(future.result() for future in waiting)
                except BaseException:  # Ctrl-C above all
                    for future in waiting:
                        future.cancel()
                    self._stop()
                    raise
            finally:
                if self._compilation:
                    self._compilation.end()

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            running = tuple(self._running)
        for place in running:
            self._end(place)

    @contextlib.contextmanager
    def running(self, place: T) -> Iterator[None]:
        """Let a start be ended by ending what it runs in.

        Raises:
            Unavailable: All starts have been ended meanwhile.
        """
        with self._lock:
            self._running.add(place)
            stopped = self._stopped
        try:
            if stopped:
                raise Unavailable("it was ended before its time.")
            yield
        finally:
            self._running.discard(place)

    def compiled(self, start: Start) -> None:
        """Wait for the bytecode; a question needs next to none of it."""
        if self._compilation and not start.asks:
            self._compilation.ready()

    def observed(self, start: Start, result: dict[str, Any]) -> Observation:
        """What an observer saw, in Lambda's paths, as an observation.

        Raises:
            Unavailable: The runtime did not get as far as the handler.
        """
        with self._lock:
            self._started += 1
            self._progress(f"started {self._started} of {len(self._job.starts)} handlers")
        seen = observation(start, result)
        if self._compilation:
            seen = replace(seen, compiling=self._compilation.cost(result["modules"]))
        rule_out_the_runtime(start, seen, traced=result["trace"] is not None)
        return seen
