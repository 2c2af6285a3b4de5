"""``verify --watch``: verified again whenever something changes."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.commands.options import archives_of, files_of
from harness.harmless import harmless
from harness.model import UsageError
from harness.project.gather import gather
from harness.project.inputs import inputs_of
from harness.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import NoReturn, TextIO

    from harness.commands.verifying import Request

CLEAR = "\x1b[H\x1b[2J\x1b[3J"
MOST_NAMES = 3
RETRY_SECONDS = 1.0


def watch(request: Request) -> NoReturn:
    """Verify whenever something has changed, until a signal ends it.

    Raises:
        UsageError: The request is wrong from the beginning. What goes wrong later is told, and may be mended.
    """
    screen = sys.stdout if request.format == "terminal" else sys.stderr
    changed: tuple[Path, ...] | None = None
    inputs: tuple[Path, ...] = ()
    complaint = ""
    with Watcher() as watcher:
        while True:
            try:
                manifest = request.manifest()
                watcher.attend(archives_of(manifest), (*files_of(manifest), *inputs))
                began = time.perf_counter()
                report = request.report(manifest)
                if changed is not None:
                    _separate(f"{_named(changed)}: verified again in {time.perf_counter() - began:.1f} s", screen)
                request.write(report)
                inputs = tuple(one.path for one in inputs_of(manifest, gather(manifest)).files)
                watcher.attend(archives_of(manifest), (*files_of(manifest), *inputs))
                complaint = ""
                _wait(watcher, screen)
            except UsageError as problem:
                if changed is None:
                    raise
                if str(problem) != complaint:
                    complaint = str(problem)
                    _separate(f"{_named(changed)}: not verified", screen)
                    print(*(f"lambda-artifact: {line}" for line in complaint.splitlines()), sep="\n", file=sys.stderr)
                    _wait(watcher, screen)
            # What is missing may be in no folder that is watched yet.
            changed = watcher.changed(RETRY_SECONDS if complaint else None)


def _wait(watcher: Watcher, screen: TextIO) -> None:
    print(f"\nwatching {len(watcher)} files and folders; Ctrl-C ends", file=screen, flush=True)


def _separate(line: str, screen: TextIO) -> None:
    """Begin another round: on an empty screen, or below a line where there is none to be emptied."""
    line = f"{datetime.now(tz=UTC).astimezone():%H:%M:%S} {harmless(line)}"
    print(f"{CLEAR}{line}\n" if screen.isatty() else f"\n==== {line} ====\n", file=screen, flush=True)


def _named(changed: Sequence[Path]) -> str:
    names = [os.path.relpath(path) for path in changed]
    more = f" and {len(names) - MOST_NAMES} more" if names[MOST_NAMES:] else ""
    return f"{', '.join(names[:MOST_NAMES])}{more} changed" if names else "what was missing is there"
