"""Work that may wait for somebody else's answer, and an end to the waiting."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T]) -> T:
    """The result of work that is done in so many seconds, all its waiting together.

    The work has a thread of its own, since nothing else ends a wait that begins again with every byte. Where it takes
    longer, the thread is left behind; it ends with the process at the latest.

    Raises:
        TimeoutError: It has taken longer.
        BaseException: What the work raises.
    """
    done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the result is asked for
            done.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        found, error = done.get(timeout=max(seconds, 0))
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:,.0f} seconds") from None
    if error is not None:
        raise error
    return found  # type: ignore[return-value]  # None only beside an error, or where the work returns it
