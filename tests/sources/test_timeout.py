"""Somebody who sends one byte a second keeps every single read within its limits; all together have one."""

from __future__ import annotations

import hashlib
import io
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from harness.sources.aws import AwsUnavailable
from harness.sources.download import LEAST_SECONDS, SLOWEST, Remote, piecewise, receive
from harness.sources.timeout import within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.sources.download import Read

CONTENT = b"PK" * 4_000_000


class Line:
    """A connection on which so many bytes arrive in a second of a clock of its own."""

    def __init__(self, speed: int) -> None:
        self.speed = speed
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    @contextmanager
    def opened(self, start: int) -> Iterator[Read]:
        left = memoryview(CONTENT)[start:]

        def read(size: int) -> bytes:
            nonlocal left
            self.now += 1
            piece, left = left[: min(size, self.speed)], left[min(size, self.speed) :]
            return bytes(piece)

        yield read

    def received(self) -> str:
        remote = Remote("s3://b/k", "k", len(CONTENT), None, None, self.opened)
        return receive(remote, io.BytesIO(), lambda _: None, lambda _: None, self.clock)


def test_a_slow_line_is_waited_for() -> None:
    assert Line(SLOWEST).received() == hashlib.sha256(CONTENT).hexdigest()


def test_one_byte_a_second_is_not() -> None:
    line = Line(1)
    with pytest.raises(AwsUnavailable, match=r"s3://b/k: \d+ of 8,000,000 bytes came within 198 seconds"):
        line.received()
    assert line.now < LEAST_SECONDS + len(CONTENT) / SLOWEST + 2


def test_what_has_arrived_is_read_before_the_rest_comes() -> None:
    class Raw:
        def read(self, size: int) -> bytes:
            raise AssertionError(size)

        def read1(self, size: int) -> bytes:
            return b"x"[:size]

    assert piecewise(Raw())(1_000_000) == b"x"
    assert piecewise(io.BytesIO(b"all"))(100) == b"all"


class TestWithin:
    def test_its_result_and_its_error_are_those_of_the_work(self) -> None:
        assert within(10, lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            within(10, lambda: 1 // 0)

    def test_work_that_does_not_end_is_left_behind(self) -> None:
        never = threading.Event()
        with pytest.raises(TimeoutError):
            within(0.05, never.wait)
        never.set()
