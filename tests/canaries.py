"""Secrets, planted wherever the suite's users have one, and read along for in whatever the harness tells a test.

What is read along with: all that commands print, in this process or another; all that the harness writes, as a report
or in a log; all that pytest captures while a test runs. A test in which one of the secrets comes out fails, whatever
else it is about.
"""

from __future__ import annotations

import re
import sys
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

KEY_ID = "AKIACANARYCANARY0001"
SECRET = "canary-secret-access-key/canary/canary/0"  # noqa: S105 - to be looked for in what is printed
SIGNATURE = "canary-signature-of-a-presigned-url"
VARIABLE = "canary-value-of-a-variable"
CANARIES = (KEY_ID, SECRET, SIGNATURE, VARIABLE)
PLANTED = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "PAYMENT_TOKEN": VARIABLE}
"""What is in the environment of every user."""


def canaries_in(text: str | bytes | None) -> list[str]:
    """The secrets that a text tells."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return [canary for canary in CANARIES if canary in (text or "")]


def _caller() -> str:
    """The module that called what is read along with, whatever the standard library put in between."""
    frame = sys._getframe(2)  # noqa: SLF001 - no other way tells
    while frame.f_back and frame.f_globals["__name__"] in ("contextlib", "pathlib", "subprocess"):
        frame = frame.f_back
    return str(frame.f_globals["__name__"])


class Overheard:
    """What is told while a test runs.

    Attributes:
        found: Where which secret came out.
    """

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def hear(self, where: str, *texts: str | bytes | None) -> None:
        """Read along."""
        self.found += [(where, canary) for text in texts for canary in canaries_in(text)]

    def processes(self, communicate: Callable[..., Any]) -> Callable[..., Any]:
        """``Popen.communicate``, and the reports that its command was told to write."""

        @wraps(communicate)
        def heard(process: subprocess.Popen[Any], *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as it is
            said = communicate(process, *arguments, **options)
            if _caller() == "botocore.credentials":  # a program that gives credentials, to the SDK and to nobody else
                return said
            command = [str(word) for word in process.args] if isinstance(process.args, list | tuple) else []
            self.hear(f"the output of {command[:4]}", *said)
            for report in re.findall(r"--output[ =][\w.-]+=(\S+)", " ".join(command)):
                if Path(report).is_file():
                    self.hear(f"the report {report}", Path(report).read_bytes())
            return said

        return heard

    def captured(self, read: Callable[..., Any]) -> Callable[..., Any]:
        """``CaptureFixture.readouterr``."""

        @wraps(read)
        def heard(fixture: object) -> Any:  # noqa: ANN401 - as it is
            said = read(fixture)
            self.hear("what was printed", *said)
            return said

        return heard

    def files(self, write: Callable[..., Any]) -> Callable[..., Any]:
        """``Path.write_text``, where the harness calls it."""

        @wraps(write)
        def heard(path: Path, text: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as it is
            if _caller().startswith("harness."):  # tests write what they plant themselves
                self.hear(f"the file {path.name}", text)
            return write(path, text, *arguments, **options)

        return heard
