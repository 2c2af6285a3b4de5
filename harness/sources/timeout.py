"""A limit for calls that have none of their own."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T]) -> T:
    """The result of work that ends within so many seconds.

    The work has a thread of its own, since nothing else ends a wait that begins again with every byte. Where it takes
    longer, the thread is abandoned; it ends with the process at the latest.

    Raises:
        TimeoutError: It has taken longer.
        BaseException: The error that the work raises.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(timeout=max(seconds, 0))
