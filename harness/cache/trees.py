"""Trees of read-only files: walk, fingerprint, overlay and remove them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_CHUNK = 1024 * 1024
_READ_ONLY = 0o555
_ENTER = 0o500
_OPENED = 0o755
_LONG_PATH = 2048  # of 4095 characters that the kernel takes
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP)


class Source(NamedTuple):
    """A tree to lay over others.

    Attributes:
        linked: Whether its files may be shared by hard links: they are the store's own and never written again.
        without: Paths in it to leave out.
    """

    root: Path
    linked: bool
    without: frozenset[str] = frozenset()


def fingerprint(root: Path, without: frozenset[str] = frozenset()) -> str:
    """A digest of a tree's listing: paths, modes, sizes and times.

    Args:
        root: The tree.
        without: Paths in it to ignore.

    Raises:
        OSError: Something may not be read, or disappears meanwhile.
    """
    lines = sorted(
        f"{name}\0{status.st_mode:o} {0 if stat.S_ISDIR(status.st_mode) else status.st_size} {status.st_mtime_ns}\0"
        for name, status in walk(root)
        if name not in without
    )
    return hashlib.blake2b("".join(lines).encode("utf-8", "surrogateescape"), digest_size=32).hexdigest()


def walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Each path of a tree, relative to it: first the root, as the empty name; a folder before its content.

    Raises:
        OSError: Something may not be read, or disappears meanwhile.
    """
    top = os.fspath(root)
    status = os.lstat(top)
    yield "", status
    waiting = [""] if _enterable(status) else []
    while waiting:
        folder = waiting.pop()
        prefix = f"{folder}/" if folder else ""
        descriptor = os.open(f"{top}/{folder}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for child in os.listdir(descriptor):  # noqa: PTH208 - a descriptor, from which names are found fastest
                status = os.stat(child, dir_fd=descriptor, follow_symlinks=False)
                yield prefix + child, status
                if _enterable(status):
                    waiting.append(prefix + child)
        finally:
            os.close(descriptor)


def _enterable(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode) and status.st_mode & _ENTER == _ENTER


def remove(root: Path) -> None:
    """Remove a tree, with its read-only folders, if it exists.

    Raises:
        OSError: It belongs to another user.
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
                    path = child.path
                    if len(path) > _LONG_PATH:
                        path = f"{top}/.removed-{len(folders)}"
                        os.chmod(child.path, 0o700)  # noqa: PTH101 - a text, as all names here
                        os.rename(child.path, path)  # noqa: PTH104 - the same
                    folders.append(path)
                else:
                    os.unlink(child.path)  # noqa: PTH108 - the same
    for folder in reversed(folders):
        os.rmdir(folder)  # noqa: PTH106 - the same


def overlay(sources: Sequence[Source], destination: Path, *, masked: bool = False) -> None:
    """Make one tree of several; for each path, the last one replaces the others.

    Args:
        sources: The trees, the winning one last.
        destination: A folder that does not exist yet; its parent does.
        masked: Give to the owner of each file the rights of others, see :func:`masked_mode`, and to folders that others
            may not enter the mode that Lambda gives them.

    Raises:
        OSError: A source cannot be read or the destination not be written.
    """
    top = os.fspath(destination)
    folders: dict[str, os.stat_result] = {}
    for source in sources:
        for name, status in walk(source.root):
            if name in source.without:
                continue
            path = f"{top}/{name}"
            if stat.S_ISDIR(status.st_mode):
                if name not in folders:
                    _replacing(path, os.mkdir)
                folders[name] = status
                continue
            if name in folders:
                folders = {folder: own for folder, own in folders.items() if not _within(folder, name)}
            if masked and stat.S_ISREG(status.st_mode) and _hidden(status.st_mode):
                _replacing(path, _touch)
                _finish(path, status, masked_mode(status.st_mode))
            else:
                copy = partial(_copy, f"{source.root}/{name}", status, linked=source.linked)
                _replacing(path, copy)
    for name in sorted(folders, reverse=True):
        mode = folders[name].st_mode
        hidden = masked and _hidden(mode) and name  # the root is Lambda's own
        _finish(f"{top}/{name}", folders[name], _OPENED if hidden else mode)


def add(root: Path, folder: str, name: str, content: bytes) -> dict[str, tuple[int, int, int]]:
    """Put a file into a tree atomically, and make its folder where there is none.

    The folders above keep their modes and times.

    Args:
        root: The tree.
        folder: A path in it whose parent is there.
        name: Of the file.
        content: Of the file.

    Returns:
        The added paths: of each its mode, size (0 for a folder) and modification time in nanoseconds.

    Raises:
        OSError: The tree cannot be written.
    """
    folder = folder.removeprefix("/")
    target, above = root / folder, (root / folder).parent
    added: dict[str, tuple[int, int, int]] = {}
    with _writable(above):
        made = not target.exists()
        if made:
            target.mkdir()
    with _writable(target):
        draft = target / f".{name}"
        draft.write_bytes(content)
        draft.chmod(0o444)
        draft.replace(target / name)
    if made:
        target.chmod(_READ_ONLY)
        os.utime(target, ns=(0, 0))
        added[folder] = (target.stat().st_mode, 0, 0)
    status = (target / name).stat()
    return {**added, f"{folder}/{name}": (status.st_mode, status.st_size, status.st_mtime_ns)}


@contextlib.contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Let this user write into a folder, with its mode and time restored afterwards."""
    status = folder.stat()
    folder.chmod(status.st_mode | 0o700)
    try:
        yield
    finally:
        folder.chmod(stat.S_IMODE(status.st_mode))
        os.utime(folder, ns=(status.st_mtime_ns, status.st_mtime_ns))


def _replacing(path: str, make: Callable[[str], None]) -> None:
    """Make a file or folder in the place of an earlier source's, into which nothing is ever written."""
    try:
        make(path)
    except FileExistsError:
        remove(Path(path))
        make(path)


def _within(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f"{folder}/")


def _hidden(mode: int) -> bool:
    """Whether others may not read the file, or not list and enter the folder."""
    needed = stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
    return mode & needed != needed


def masked_mode(mode: int) -> int:
    """The mode with the rights of others for the owner, too: 0640 becomes 0040, 0700 becomes 0000."""
    return stat.S_IMODE(mode) & 0o077 | (mode & 0o007) << 6


def _touch(path: str) -> None:
    Path(path).touch(0o600, exist_ok=False)


def _copy(source: str, status: os.stat_result, path: str, *, linked: bool) -> None:
    if stat.S_ISLNK(status.st_mode):
        Path(path).symlink_to(Path(source).readlink())
        os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns), follow_symlinks=False)
        return
    if linked:
        try:
            os.link(source, path)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
        else:
            return
    with Path(source).open("rb") as original, Path(path).open("xb") as copy:
        shutil.copyfileobj(original, copy, _CHUNK)
    _finish(path, status, status.st_mode)


def _finish(path: str, status: os.stat_result, mode: int) -> None:
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    os.chmod(path, mode & _READ_ONLY)  # noqa: PTH101 - a text, as all names here
