"""Whether a start waits for what is not there: it called another machine, which failed, and now does nothing.

Here every such call fails at once, and what programs do then is wait and try again: an SDK for half a minute, a
driver's pool for ever. Nothing that follows can be known, so it is not waited for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .processes import busy, cpu, failures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .runtime_api import RuntimeApi

IDLE_SECONDS = 1.0  # of waiting, after the first call that failed, until a start is ended
LOOK_SECONDS = 0.05
LONGEST_LOOK = 4 * LOOK_SECONDS  # that counts: between two looks that are further apart, much may have happened
AGAIN, INSISTENT = 3, 64  # see ``bootstrap_patch.py``


class Outside:
    """Looks, during init or one event, whether there is anything left to wait for.

    Args:
        api: What has the calls that were reported.
        pids: The processes.
        alone: Whether nobody else is on their network, so that the kernel counts their failures alone.
    """

    def __init__(self, api: RuntimeApi, pids: Callable[[], Sequence[int]], *, alone: bool) -> None:
        self._api, self._pids, self._alone = api, pids, alone
        self._idle, self._looked, self._used = 0.0, 0.0, 0
        self._event: int | None = None
        self._before, self._counted = 0, 0

    def again(self, event: int) -> None:
        """Begin again, with an event."""
        if self.failed():
            self._before = self._counted
        self._event, self._idle, self._looked = event, 0.0, 0.0

    def failed(self) -> bool:
        """Whether a call to another machine has failed: the kernel counted it, or it was reported."""
        self._counted = max(self._counted, self._failures() or 0)
        return self._counted > self._before or any(map(self._must_fail, self._calls()))

    def waits(self) -> bool:
        """Whether it has waited long enough after a call that failed, or goes on calling."""
        if (now := time.monotonic()) - self._looked < LOOK_SECONDS:
            return False
        since, self._looked = now - self._looked, now
        is_over = self._event is None and self._api.ready_at is not None  # and the client waits for an event
        if is_over or not self.failed():
            return False
        if any(times(call) >= INSISTENT for call in self._calls()):
            return True
        pids = self._pids()
        used = sum(map(cpu, pids))
        if used == self._used and not any(map(busy, pids)):
            self._idle += min(since, LONGEST_LOOK)
        self._used = used
        return self._idle > IDLE_SECONDS

    def _must_fail(self, call: dict[str, object]) -> bool:
        """Whether a call must have failed: to another machine, or where nothing else tells, one that is made again."""
        return not near(call) or (not self._alone and times(call) >= AGAIN)

    def _calls(self) -> list[dict[str, object]]:
        return [call for call in self._api.calls if call["event"] == self._event]

    def _failures(self) -> int | None:
        """How often something had no way out; None where that is not counted for these processes alone."""
        if not self._alone or not (pids := self._pids()):
            return None
        return failures(pids[0])


def times(call: dict[str, object]) -> int:
    """How often a call had been made when it was reported; anybody can report anything."""
    found = call.get("times")
    return found if isinstance(found, int) else 1


def near(call: dict[str, object]) -> bool:
    """Whether a call was one to the loopback, where something may listen."""
    host = str(call.get("host")).rpartition(":")[0] or str(call.get("host"))
    return host in ("localhost", "::1") or host.startswith("127.")
