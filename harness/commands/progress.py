"""Progress on standard error, once a run takes longer than a second."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self, TextIO

from harness.plain_text import one_line

if TYPE_CHECKING:
    from types import TracebackType

PATIENCE_SECONDS = 1.0


class Progress:
    """Shows the step under way: a spinner on a terminal, a line elsewhere, and nothing for what is quick."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._text = ""
        self._shown = ""
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def show(self, text: str) -> None:
        """The step that begins now."""
        with self._changed:
            self._text = text
            self._changed.notify()

    def _watch(self) -> None:
        spinner = None
        with self._changed:
            self._changed.wait_for(lambda: self._ended, PATIENCE_SECONDS)
            while not self._ended:
                if self._text != self._shown:
                    self._shown = self._text
                    if self._stream.isatty():
                        spinner = spinner or _Spinner(self._stream)
                        spinner.show(self._text)
                    else:
                        print(f"… {one_line(self._text)}", file=self._stream, flush=True)
                self._changed.wait()
        if spinner is not None:
            spinner.stop()


class _Spinner:
    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._status = Console(file=stream).status("")
        self._status.start()

    def show(self, text: str) -> None:
        from rich.text import Text

        self._status.update(Text(one_line(text)))

    def stop(self) -> None:
        self._status.stop()
