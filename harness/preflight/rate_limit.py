"""Limit the rate of calls to AWS: to its quota, and lower where it throttles."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, TypeVar

from harness.sources.aws import AwsUnavailable, asking

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

TRIES: Final = 5
"""How often a call is made that is throttled; each time, the SDK has tried several times before."""
_SLOWEST: Final = 2.0  # seconds between two calls
_FIRST: Final = 0.1
_THROTTLED: Final = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"}


class Pace:
    """Keeps the calls of all threads apart.

    Args:
        per_second: How many calls may begin in a second; None for as many as there are.
        clock: Tells the time in seconds.
        sleep: Waits so many.
    """

    def __init__(
        self,
        per_second: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0
        self._lock = threading.Lock()

    def ask(self, name: str, resource: str, call: Callable[[], T]) -> T:
        """Make a call of Lambda's, when it is its turn; again, and all of them more slowly, where it is throttled.

        Args:
            name: ``ListAliases``.
            resource: What it is about, as the user named it.
            call: Makes it.

        Raises:
            AwsUnavailable: AWS did not answer, or refused.
        """
        for attempt in range(1, TRIES + 1):
            self._wait()
            try:
                with asking("lambda", name, resource):
                    return call()
            except AwsUnavailable as error:
                if error.code not in _THROTTLED or attempt == TRIES:
                    raise
                self._slower()
        raise AssertionError

    def _wait(self) -> None:
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._interval
        if turn > now:
            self._sleep(turn - now)

    def _slower(self) -> None:
        with self._lock:
            self._interval = min(max(2 * self._interval, _FIRST), _SLOWEST)
            self._next = max(self._next, self._clock()) + self._interval
