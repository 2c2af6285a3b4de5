"""Waiting until something that is verified has changed, and is whole again."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from typing import TYPE_CHECKING, Self, TypeAlias

from harness.artifact import trees
from harness.artifact.entries import Refused
from harness.artifact.zipend import Bytes, find_directory

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

State: TypeAlias = tuple[int, ...] | None
"""What tells one content of a path from another without reading it; None where there is nothing."""

PAUSE_SECONDS = 1.0  # until one looks all the same: not every file system tells of changes
STEP_SECONDS = 0.1
QUIET_SECONDS = 0.3  # without a change, and a build has finished writing what is whole
PATIENCE_SECONDS = 5.0  # the same for what is not: an archive without its end, or none at all


class Watcher:
    """Watches files and folders, and the folders that they are in: builds replace what they write."""

    def __init__(self) -> None:
        self._states: dict[Path, State] = {}
        self._archives: frozenset[Path] = frozenset()
        self._told = threading.Event()
        self._folders: dict[tuple[str, bool], int] = {}
        self._listeners: list[_Listener] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listen({})

    def __len__(self) -> int:
        return len(self._states)

    def attend(self, archives: Iterable[Path], others: Iterable[Path]) -> None:
        """Watch these, and no others any more. Those that are watched already may have changed meanwhile.

        An archive that is new here, and not whole, is waited for.

        Args:
            archives: Zips and folders. A zip that is not whole may be one that is just being written.
            others: Other files.
        """
        self._archives = frozenset(archives)
        paths = dict.fromkeys((*self._archives, *others))
        self._listen(_folders(paths))
        known = self._states
        self._states = {path: known[path] if path in known else _state(path) for path in paths}
        if not all(map(_is_whole, self._archives - known.keys())):
            self._states |= {path: state for path, state in self._settled().items() if path not in known}

    def changed(self, seconds: float | None = None) -> tuple[Path, ...]:
        """Wait until something changes, and for as long as it still does.

        Args:
            seconds: How long to wait for a change; None: for ever.

        Returns:
            What is another than before, or gone; nothing where nothing has changed in that time.
        """
        began = time.monotonic()
        while True:
            if self._look() == self._states:
                if seconds is not None and time.monotonic() - began >= seconds:
                    return ()
                self._told.wait(PAUSE_SECONDS)
                self._told.clear()
                self._listen(_folders(self._states))
                continue
            before, self._states = self._states, self._settled()
            if changed := tuple(path for path, state in self._states.items() if state != before[path]):
                return changed

    def _look(self) -> dict[Path, State]:
        return {path: _state(path) for path in self._states}

    def _settled(self) -> dict[Path, State]:
        seen, since = self._look(), time.monotonic()
        while True:
            time.sleep(STEP_SECONDS)
            now = self._look()
            if now != seen:
                seen, since = now, time.monotonic()
            patience = QUIET_SECONDS if all(map(_is_whole, self._archives)) else PATIENCE_SECONDS
            if time.monotonic() - since >= patience:
                return seen

    def _listen(self, folders: Mapping[tuple[str, bool], int]) -> None:
        """Be told of changes in these folders; one that was replaced is another."""
        if folders == self._folders:
            return
        for listener in self._listeners:
            listener.stop()
        deep = [folder for folder, below in folders if below]
        flat = [folder for folder, below in folders if not below]
        self._listeners = [
            _Listener(several, self._told, recursive=several is deep) for several in (flat, deep) if several
        ]
        self._folders = dict(folders)


class _Listener:
    """A thread that waits for the file system: signals go to the main thread, and end it from wherever it is."""

    def __init__(self, folders: Collection[str], told: threading.Event, *, recursive: bool) -> None:
        self._folders = folders
        self._told = told
        self._recursive = recursive
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        from watchfiles import watch  # noqa: PLC0415 - only this takes it, and it is ready before it is needed

        changes = watch(
            *self._folders, watch_filter=None, debounce=200, stop_event=self._ended, recursive=self._recursive
        )
        # A folder that has just gone, or more than the system can watch: then one looks every now and then.
        with contextlib.suppress(OSError, RuntimeError):
            for _ in changes:
                self._told.set()


def _folders(paths: Iterable[Path]) -> dict[tuple[str, bool], int]:
    """The folders to listen to, each whether with all below it, and its inode."""
    found = {}
    for path in paths:
        # Where a link leads is what changes, and the link itself may be replaced.
        for place in dict.fromkeys((path.absolute(), path.resolve())):
            near = next(folder for folder in place.parents if folder.is_dir())
            found[os.fspath(near), False] = near.stat().st_ino
        if path.is_dir():
            found[os.fspath(path.resolve()), True] = path.stat().st_ino
    return found


def _state(path: Path) -> State:
    with contextlib.suppress(OSError):
        status = path.stat()
        if not stat.S_ISDIR(status.st_mode):
            return status.st_ino, status.st_size, status.st_mtime_ns
        return status.st_ino, hash(tuple(map(tuple, trees.listing(path))))
    return None


def _is_whole(archive: Path) -> bool:
    """Whether an archive ends like one; a folder has no end."""
    try:
        if archive.is_dir():
            return True
        with archive.open("rb") as file:
            find_directory(Bytes(file.fileno()))
    except (OSError, Refused):
        return False
    return True
