"""Trees of read-only files: what is in one, laying several over one another, taking one away."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Listing: TypeAlias = list[list[str | int]]
"""For each path its mode with the kind, its size (0 for a folder) and its modification time in nanoseconds."""

_READ_ONLY = 0o555
_ENTER = 0o500
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP)


class Source(NamedTuple):
    """A tree to lay over others.

    Attributes:
        linked: Whether its files may be shared by hard links: they are the store's own and never written again.
    """

    root: Path
    linked: bool


def listing(root: Path) -> Listing:
    """List a tree, symlinks not followed, without what is in folders that their owner may not enter.

    Those are left out even where this user could enter them, so that root and others make the same listing.

    Raises:
        OSError: Something may not be read, or disappears meanwhile.
    """
    return sorted(
        [name, status.st_mode, 0 if stat.S_ISDIR(status.st_mode) else status.st_size, status.st_mtime_ns]
        for name, status in walk(root)
    )


def walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Each path of a tree, relative to it: first the root itself, as the empty name; a folder before its content.

    Raises:
        OSError: Something may not be read, or disappears meanwhile.
    """
    top = os.fspath(root)
    status = os.lstat(top)
    yield "", status
    waiting = [""] if _enterable(status) else []
    while waiting:
        folder = waiting.pop()
        with os.scandir(f"{top}/{folder}") as found:
            for child in found:
                name = f"{folder}/{child.name}" if folder else child.name
                status = child.stat(follow_symlinks=False)
                yield name, status
                if _enterable(status):
                    waiting.append(name)


def _enterable(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode) and status.st_mode & _ENTER == _ENTER


def remove(root: Path) -> None:
    """Remove a tree, read-only folders included; one that is not there is removed already.

    Raises:
        OSError: It belongs to somebody else.
    """
    top = os.fspath(root)
    if not os.path.lexists(top):
        return
    if root.is_symlink() or not root.is_dir():
        root.unlink()
        return
    folders = [top]
    for folder in folders:  # grows as it goes; no recursion, since a name may be two thousand folders deep
        os.chmod(folder, 0o700)  # noqa: PTH101 - a text, as all names here
        with os.scandir(folder) as found:
            for child in found:
                if child.is_dir(follow_symlinks=False):
                    folders.append(child.path)
                else:
                    os.unlink(child.path)  # noqa: PTH108 - the same
    for folder in reversed(folders):
        os.rmdir(folder)  # noqa: PTH106 - the same


def overlay(sources: Sequence[Source], destination: Path, *, masked: bool = False) -> None:
    """Make one tree of several; per path the later one wins, by replacing.

    Args:
        sources: The trees, the winning one last.
        destination: A folder that does not exist yet; its parent does.
        masked: Give to the owner of each path the rights of others, see :func:`masked_mode`.

    Raises:
        OSError: A source cannot be read or the destination not be written.
    """
    folders: dict[str, os.stat_result] = {}
    for source in sources:
        for name, status in walk(source.root):
            path = destination / name
            if stat.S_ISDIR(status.st_mode):
                if not path.is_dir() or path.is_symlink():
                    path.unlink(missing_ok=True)
                    path.mkdir()
                folders[name] = status
                continue
            if name in folders:
                folders = {folder: own for folder, own in folders.items() if not _within(folder, name)}
            remove(path)
            if masked and stat.S_ISREG(status.st_mode) and _hidden(status.st_mode):
                path.touch(0o600)
                _finish(path, status, masked_mode(status.st_mode))
            else:
                _copy(source.root / name, path, status, linked=source.linked)
    for name in sorted(folders, reverse=True):
        mode = folders[name].st_mode
        hidden = masked and _hidden(mode) and destination / name != destination  # the root is Lambda's own
        _finish(destination / name, folders[name], masked_mode(mode) if hidden else mode)


def _within(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f"{folder}/")


def _hidden(mode: int) -> bool:
    """Whether others may not read the file, or not list and enter the folder."""
    needed = stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
    return mode & needed != needed


def masked_mode(mode: int) -> int:
    """The mode by which the owner may do what others may: 0640 becomes 0040, 0700 becomes 0000."""
    return stat.S_IMODE(mode) & 0o077 | (mode & 0o007) << 6


def _copy(source: Path, path: Path, status: os.stat_result, *, linked: bool) -> None:
    if stat.S_ISLNK(status.st_mode):
        path.symlink_to(source.readlink())
        os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns), follow_symlinks=False)
        return
    if linked:
        try:
            path.hardlink_to(source)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
        else:
            return
    shutil.copyfile(source, path)
    _finish(path, status, status.st_mode)


def _finish(path: Path, status: os.stat_result, mode: int) -> None:
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    path.chmod(mode & _READ_ONLY)
