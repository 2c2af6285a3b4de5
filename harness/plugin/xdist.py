"""A verification for pytest, made by itself or in a process beside it.

Before the workers of pytest-xdist have collected anything, a second or two have passed. The controller therefore starts
a process that reads the archives meanwhile. It is told what was selected once that is known, verifies it once for all
workers, and leaves the reports in a folder. It holds a lock on that folder for as long as it lives: should it end
without them, the first worker to notice does its work.
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
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.model import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import NoReturn

    from harness.model import Report
    from harness.verify import Planned, Verification

# pytest's controller imports this module too, and needs nothing of a verification.

LOCK, PLANNED, REPORTS = "lock", "planned", "reports"
STEP_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Asked:
    """What to verify, and how."""

    manifest: str
    engine: str
    image: str | None
    python: str | None


def verification(asked: Asked, environ: Mapping[str, str]) -> Verification:
    """The verification of a manifest.

    Raises:
        UsageError: The manifest is wrong.
    """
    from harness.cache.folder import cache_folder  # noqa: PLC0415 - see the top
    from harness.engines.choice import Choice, engine  # noqa: PLC0415
    from harness.manifest import load  # noqa: PLC0415
    from harness.policy import known_runtimes  # noqa: PLC0415
    from harness.session.settings import Settings  # noqa: PLC0415
    from harness.verify import Verification  # noqa: PLC0415

    manifest = load(Path(asked.manifest), runtimes=known_runtimes(), checks=_waivable, environ=environ)
    cache, choice, python = cache_folder(environ), Choice(asked.engine), asked.python
    settings = Settings(
        engine=engine(choice, environ, cache, asked.image, Path(python) if python else None),
        cache=cache,
        progress=lambda _: None,
        today=datetime.now(tz=UTC).date(),
        static=choice is Choice.NONE,
    )
    return Verification(manifest, settings)


def _waivable() -> Collection[str]:
    from harness.catalogue import waivable  # noqa: PLC0415 - it knows all checks, and few manifests have waivers

    return waivable()


def planned(verification: Verification) -> tuple[Planned, ...]:
    """What there is to verify.

    Raises:
        UsageError: The manifest is wrong, or a file that it names.
    """
    from harness.verify import plan  # noqa: PLC0415 - see the top

    verification.read_repository()
    return plan(verification.manifest, verification.settings)


def reports(verification: Verification, chosen: Sequence[Planned]) -> dict[str, Report]:
    """Verify it together, and report on each check alone."""
    results = verification.results(chosen)
    report = replace(verification.report(results), timings=())
    return {one.name: replace(report, results=(result,)) for one, result in zip(chosen, results, strict=True)}


class Helper:
    """The process beside pytest, as the controller sees it."""

    def __init__(self, asked: Asked) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lambda-artifact-"))
        lock = _locked(self.folder, wait=True)
        script = "from harness.plugin.xdist import serve; serve()"
        self._process = subprocess.Popen(
            # Without the working directory on its path, where anything may lie.
            [sys.executable, "-P", "-c", script, os.fspath(self.folder), json.dumps(asdict(asked))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[lock],
        )
        os.close(lock)  # now it is the process's alone

    def choose(self, names: Collection[str]) -> None:
        """Tell it what was selected."""
        if (stdin := self._process.stdin) is not None and not stdin.closed:
            with contextlib.suppress(OSError):  # it has ended, and somebody else will do its work
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


def planned_by_helper(folder: Path) -> list[str] | None:
    """The names of what it can verify; None where it has ended without them.

    Raises:
        UsageError: The manifest is wrong.
    """
    content = _awaited(folder, PLANNED)
    said: dict[str, Any] = json.loads(content) if content else {}
    if problem := said.get("problem"):
        raise UsageError(problem)
    return said.get("names")


def reports_of_helper(folder: Path, make: Callable[[], dict[str, Report]]) -> dict[str, Report]:
    """The reports that it has made; where it has ended without them, those that the first one to notice makes."""
    content = _awaited(folder, REPORTS)
    if content is None:
        lock = _locked(folder, wait=True)
        try:
            if not (folder / REPORTS).exists():
                _write(folder, REPORTS, pickle.dumps(make()))
        finally:
            os.close(lock)
        content = (folder / REPORTS).read_bytes()
    found: dict[str, Report] = pickle.loads(content)  # noqa: S301 - see the import
    return found


def _awaited(folder: Path, name: str) -> bytes | None:
    """A file's content once it is there; None where nobody is left who would write it."""
    while True:
        left_alone = not _is_locked(folder)
        with contextlib.suppress(FileNotFoundError):
            return (folder / name).read_bytes()
        if left_alone:
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
        BlockingIOError: Somebody else has it, and one does not wait.
    """
    import fcntl  # noqa: PLC0415 - not everywhere

    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _write(folder: Path, name: str, content: bytes) -> None:
    """Write a file so that nobody sees half of it."""
    draft = folder / f"{name}.draft"
    draft.write_bytes(content)
    draft.rename(folder / name)


def serve() -> None:
    """What the process does."""
    signal.signal(signal.SIGTERM, _ended)
    with contextlib.suppress(KeyboardInterrupt):
        folder, asked = Path(sys.argv[1]), Asked(**json.loads(sys.argv[2]))
        _serve(folder, asked, os.environ)


def _ended(number: int, frame: object) -> NoReturn:
    """End in order, so that no handler is left behind."""
    del number, frame
    raise KeyboardInterrupt


def _serve(folder: Path, asked: Asked, environ: Mapping[str, str]) -> None:
    from harness.cache.folder import cache_folder, using  # noqa: PLC0415 - see the top

    with using(cache_folder(environ)):
        try:
            _work(folder, verification(asked, environ))
        except UsageError as problem:
            _write(folder, PLANNED, json.dumps({"problem": str(problem)}).encode())


def _work(folder: Path, under_way: Verification) -> None:
    """Say what there is to verify, read what that needs, and once it is known what was selected, verify it."""
    known = planned(under_way)
    _write(folder, PLANNED, json.dumps({"names": [one.name for one in known]}).encode())
    with contextlib.suppress(Exception):  # it comes again where it is told
        list(under_way.workspace.subjects())
    if chosen := set(json.loads(sys.stdin.buffer.read() or b"[]")):
        found = reports(under_way, [one for one in known if one.name in chosen])
        _write(folder, REPORTS, pickle.dumps(found))
