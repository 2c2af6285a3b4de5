"""What processes print, to a bound: as text, without what is the observer's doing, and the last stack in it."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from typing import Any

HEAD_BYTES, TAIL_BYTES = 16_384, 65_536
STACK = re.compile(r"^(?:Current thread|Thread|Stack) .*\(most recent call first\):$")
FRAME = re.compile(r'^  File "(.+)", line (\d+) in ')


class Output:
    """What the processes print: the beginning and the end, and how much is missing between."""

    def __init__(self, descriptor: int) -> None:
        self._head, self._tail, self._lost = b"", b"", 0
        self._descriptor = descriptor
        self._text: str | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := os.read(self._descriptor, 65_536):
                room = HEAD_BYTES - len(self._head)
                self._head += chunk[:room]
                self._tail += chunk[room:]
                if (excess := len(self._tail) - TAIL_BYTES) > 0:
                    self._tail = self._tail[excess:]
                    self._lost += excess

    def close(self) -> None:
        """Wait for the end of what was printed."""
        self._reader.join(1.0)
        if not self._reader.is_alive():
            os.close(self._descriptor)

    def cut(self, text: str) -> None:
        """Forget what was printed after this."""
        self._text = text

    def text(self) -> str:
        """What was printed up to now."""
        if self._text is not None:
            return self._text
        gap = f"\n… {self._lost:,} bytes left out …\n".encode() if self._lost else b""
        return (self._head + gap + self._tail).decode("utf-8", "replace")


def dumped(text: str) -> dict[str, Any] | None:
    """What faulthandler wrote last, in the form of the bootstrap's own report: it lists frames innermost first."""
    found: list[dict[str, Any]] = []
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if STACK.match(line)]
    if not starts:
        return None
    for line in lines[starts[-1] + 1 :]:
        if not (frame := FRAME.match(line)):
            break
        if not frame[1].startswith("<"):
            found.insert(0, {"file": frame[1], "line": int(frame[2]), "module": None})
    return {"frames": found, "causes": [], "error": None, "missing": None} if found else None


def without_ping(text: str, ping: str) -> str:
    """The output without the lines in which the runtime client refuses the ping, and warns of it."""
    marks = ("Runtime.LambdaContextUnmarshalError", *([ping] if ping else []))
    lines = re.split(r"(?<=\n)", text)  # there are carriage returns in the client's lines
    return "".join(line for line in lines if not any(mark in line for mark in marks))
