"""One verification for all workers of pytest-xdist, in a helper process of the controller.

The helper reads the archives while the workers start and collect, which takes a second or two. It gets the selection
once that is known, verifies it, and writes the reports to a folder. It holds a lock on that folder while it lives:
should it end without reports, the first worker to notice does its work.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle  # what is read was written by a process of the same run, into a folder of nobody else
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.model import UsageError
from harness.plugin.request import Request, planned, reports

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import NoReturn

    from harness.model import Report
    from harness.verify import Verification

LOCK, PLANNED, REPORTS = "lock", "planned", "reports"
STEP_SECONDS = 0.01


class Helper:
    """The helper process, as the controller sees it."""

    def __init__(self, request: Request) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lambda-artifact-"))
        lock = _locked(self.folder, wait=True)
        script = "from harness.plugin.xdist import serve; serve()"
        self._process = subprocess.Popen(
            # Without the working directory on its path, where anything may lie.
            [sys.executable, "-P", "-c", script, os.fspath(self.folder), json.dumps(asdict(request))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[lock],
        )
        os.close(lock)  # now it is the process's alone

    def choose(self, names: Collection[str]) -> None:
        """Send it the selected names."""
        if (stdin := self._process.stdin) is not None and not stdin.closed:
            with contextlib.suppress(OSError):  # it has ended, and a worker will do its work
                stdin.write(json.dumps(list(names)).encode())
                stdin.close()

    def end(self) -> None:
        """End it, wherever it is, and remove the folder."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def helper_names(folder: Path) -> list[str] | None:
    """The names of the checks that it can run; None where it has ended without them.

    Raises:
        UsageError: The manifest is wrong.
    """
    content = _awaited(folder, PLANNED)
    answer: dict[str, Any] = json.loads(content) if content else {}
    if problem := answer.get("problem"):
        raise UsageError(problem)
    return answer.get("names")


def helper_reports(folder: Path, make: Callable[[], dict[str, Report]]) -> dict[str, Report]:
    """Its reports; where it has ended without them, those that the first worker to notice makes."""
    content = _awaited(folder, REPORTS)
    if content is None:
        lock = _locked(folder, wait=True)
        try:
            if not (folder / REPORTS).exists():
                _write(folder, REPORTS, pickle.dumps(make()))
        finally:
            os.close(lock)
        content = (folder / REPORTS).read_bytes()
    made: dict[str, Report] = pickle.loads(content)  # noqa: S301 - see the import
    return made


def _awaited(folder: Path, name: str) -> bytes | None:
    """A file's content once it is there; None where the helper has ended without it."""
    while True:
        ended = not _is_locked(folder)
        with contextlib.suppress(FileNotFoundError):
            return (folder / name).read_bytes()
        if ended:
            return None
        time.sleep(STEP_SECONDS)


def _is_locked(folder: Path) -> bool:
    try:
        os.close(_locked(folder, wait=False))
    except BlockingIOError:
        return True
    return False


def _locked(folder: Path, *, wait: bool) -> int:
    """A descriptor that holds the lock until it is closed by all who have it.

    Raises:
        BlockingIOError: Another process has it, and this one does not wait.
    """
    import fcntl  # not everywhere

    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _write(folder: Path, name: str, content: bytes) -> None:
    """Write a file so that no moment shows half of it."""
    draft = folder / f"{name}.draft"
    draft.write_bytes(content)
    draft.rename(folder / name)


def serve() -> None:
    """Run as the helper process."""
    signal.signal(signal.SIGTERM, _end)
    with contextlib.suppress(KeyboardInterrupt):
        folder, request = Path(sys.argv[1]), Request(**json.loads(sys.argv[2]))
        _serve(folder, request, os.environ)


def _end(number: int, frame: object) -> NoReturn:
    """End in order, so that no handler is left behind."""
    del number, frame
    raise KeyboardInterrupt


def _serve(folder: Path, request: Request, environ: Mapping[str, str]) -> None:
    from harness.cache.folder import cache_folder, using

    with using(cache_folder(environ)):
        try:
            _work(folder, request.verification(environ))
        except UsageError as problem:
            _write(folder, PLANNED, json.dumps({"problem": str(problem)}).encode())


def _work(folder: Path, verification: Verification) -> None:
    """Write the names of the checks, read the archives, and run the selected checks once they are known."""
    known = planned(verification)
    _write(folder, PLANNED, json.dumps({"names": [one.name for one in known]}).encode())
    with contextlib.suppress(Exception):  # the check that needs them raises it again
        list(verification.workspace.subjects())
    if chosen := set(json.loads(sys.stdin.buffer.read() or b"[]")):
        selected = [one for one in known if one.name in chosen]
        _write(folder, REPORTS, pickle.dumps(reports(verification, selected)))
