"""What several callers, in several threads, want to find out once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


class Once(Generic[T]):
    """Values by their keys, each made by whoever asks first; the others wait. Another process begins anew."""

    def __init__(self) -> None:
        self._made: dict[Hashable, T] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Once[T]], tuple[()]]:
        return (type(self), ())

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value, made where it is not there; where that fails, the next one to ask tries again."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]

    def forget(self, key: Hashable) -> None:
        """Make it anew at the next call."""
        self._made.pop(key, None)
