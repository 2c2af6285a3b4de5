"""Bytecode for the handlers: what was kept, what is made now, and the sealed file in which they are lent it.

Nothing that a handler does can reach it: the file is complete and sealed before the first of them starts, and it is
compiled by this process's children, which execute nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import marshal
import os
import resource
import selectors
import signal
import sys
import time
import warnings
from typing import Any, NoReturn

SEALS, ALL_SEALS, FIXED_SIZE = 1033, 0b1111, 0b0111  # F_ADD_SEALS; what none may do any more: seal, shrink, grow, write
KEPT, TOLD = 1000, 1001  # as in lender.py
TOLD_BYTES = 1 << 16
SEAL = b"bytecode"
LARGEST_SOURCE = 1 << 20  # bytes; the memory that compiling takes grows with it
COMPILER_BYTES = 2 << 30  # of address space
SECONDS = 60.0  # for all that is to be compiled; what is not done by then, handlers compile themselves
FOLDER_FILES = 500  # of a folder that is to be compiled as a whole

NOTHING: dict[str, Any] = {"magic": "", "modules": {}, "bytes": 0}  # kept

Row = tuple[int, int, int, int, int]  # modification time, size, beginning and length of the bytecode, microseconds


class Shelf:
    """The file, and what is in it.

    Attributes:
        rows: For each path what the lender wants to know.
        kept: How many bytes of it came from outside.
        refused: The paths that handlers are to compile themselves: they ship bytecode of their own, or their
            compilation says something.
    """

    def __init__(self, kept: dict[str, Any], rest: bytes) -> None:
        """Take what was kept: the rows, and from standard input, after ``rest``, their bytecode."""
        usable = kept["magic"] == magic().hex()
        self.rows: dict[str, Row] = {path: tuple(row) for path, row in kept["modules"].items()} if usable else {}
        self.kept = self._end = size = kept["bytes"]
        self.refused: list[str] = []
        self.file: int | None = None
        with contextlib.suppress(OSError, AttributeError):  # a kernel or a sandbox without
            self.file = os.memfd_create("bytecode", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._write(0, rest)
        at = len(rest)
        while at < size:
            chunk = os.read(0, min(size - at, 1 << 20))
            if not chunk:
                os._exit(1)  # whoever asked for the work is gone
            self._write(at, chunk)
            at += len(chunk)

    def _write(self, at: int, data: bytes) -> None:
        view = memoryview(data)
        while view and self.file is not None:
            written = os.pwrite(self.file, view, at)
            view, at = view[written:], at + written

    def compile(self, paths: list[str], workers: int) -> None:
        """Compile files, and all in folders, on as many processes as there are workers."""
        wanted = self.wanting(paths)
        workers = max(1, min(workers, len(wanted)))
        running = [Compiler(wanted[number::workers]) for number in range(workers)]
        selector, deadline = selectors.DefaultSelector(), time.monotonic() + SECONDS
        selector.register(0, selectors.EVENT_READ)
        for one in running:
            selector.register(one.pipe, selectors.EVENT_READ, one)
        while len(selector.get_map()) > 1 and time.monotonic() < deadline:
            for key, _ in selector.select(1.0):
                if key.fd == 0:
                    os._exit(1)  # nothing comes but the end: whoever asked for the work is gone
                if not key.data.read():
                    selector.unregister(key.fd)
                for path, made in key.data.finished():
                    self._take(path, made)
        for one in running:
            self.refused += one.end()

    def wanting(self, paths: list[str]) -> list[str]:
        """The files, and those in folders, that are to be compiled: the largest first."""
        self.refused += [path for path in paths if not path.endswith(".py")]  # no file, and done with
        wanted = {file for path in paths for file in expanded(path)}
        return sorted(wanted.difference(self.rows), key=size_of, reverse=True)

    def take(self, aside: Aside) -> None:
        """Take what was compiled beside the handlers, as far as it got."""
        for path, made in aside.end():
            self._take(path, made)

    def _take(self, path: str, made: tuple[int, int, int, bytes] | None) -> None:
        if made is None:
            self.refused.append(path)
            return
        modified, size, cost, code = made
        self.rows[path] = (modified, size, self._end, len(code), cost)
        self._write(self._end, code)
        self._end += len(code)

    @property
    def made(self) -> tuple[dict[str, Any], int]:
        """What was compiled here: its rows, whose beginnings count from its own, and how many bytes it has."""
        rows = {
            path: (modified, size, begin - self.kept, length, cost)
            for path, (modified, size, begin, length, cost) in self.rows.items()
            if begin >= self.kept
        }
        return {"modules": rows, "refused": self.refused, "magic": magic().hex()}, self._end - self.kept

    def pieces(self) -> Any:  # noqa: ANN401 - an iterator of bytes
        """What was compiled here, piece by piece."""
        at = self.kept
        while self.file is not None and at < self._end:
            yield os.pread(self.file, min(1 << 20, self._end - at), at)
            at += 1 << 20

    def seal(self) -> None:
        """Complete the file: from now on nobody can change it."""
        if self.file is None:
            return
        index = marshal.dumps((magic(), self.rows))
        self._write(self._end, index + self._end.to_bytes(8, "little") + SEAL)
        try:
            fcntl.fcntl(self.file, SEALS, ALL_SEALS)
        except OSError:  # then it is lent to nobody
            os.close(self.file)
            self.file = None

    def lend(self) -> Loan | None:
        """What a handler's process is to inherit, be it nothing yet: it will say what it missed."""
        if self.file is None:
            return None
        with contextlib.suppress(OSError):
            return Loan(self.file)
        return None


class Loan:
    """The two descriptors of one handler."""

    descriptors = (KEPT, TOLD)

    def __init__(self, file: int) -> None:
        """Lay them where the lender looks for them.

        Raises:
            OSError: There are not so many descriptors.
        """
        told = os.memfd_create("told", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(told, TOLD_BYTES)
        os.lseek(told, 16, os.SEEK_SET)
        fcntl.fcntl(told, SEALS, FIXED_SIZE)
        os.dup2(file, KEPT)
        os.dup2(told, TOLD)
        os.close(told)

    @staticmethod
    def told() -> tuple[float, int, list[str]]:
        """The seconds that compiling what was lent took, the size of its largest source, and what was missed."""
        said = os.pread(TOLD, TOLD_BYTES, 0)
        names = [path.decode("utf-8", "replace") for path in itertools.takewhile(bool, said[16:].split(b"\0"))]
        return int.from_bytes(said[:8], "little") / 1e6, int.from_bytes(said[8:16], "little"), names


class Aside:
    """A process that compiles on an idle core while a handler runs, for the next time: into a file of its own.

    Attributes:
        pid: Whom nobody is to kill.
    """

    def __init__(self, paths: list[str]) -> None:
        self._paths = paths
        self._file = os.memfd_create("aside", os.MFD_CLOEXEC)
        self.pid = os.fork()
        if self.pid == 0:
            compile_all(paths, self._file)

    def end(self) -> Any:  # noqa: ANN401 - an iterator of paths and what became of them
        """End it: nobody waits for it. What is complete by now."""
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        at, size = 0, os.fstat(self._file).st_size
        while at + 4 <= size:
            end = at + 4 + int.from_bytes(os.pread(self._file, 4, at), "little")
            if end > size:
                break
            yield marshal.loads(os.pread(self._file, end - at - 4, at + 4))  # noqa: S302 - our own child made it
            at = end
        os.close(self._file)


def compile_all(paths: list[str], write: int) -> NoReturn:
    """Compile files, and write to a descriptor what became of each; ends the process."""
    try:
        resource.setrlimit(resource.RLIMIT_AS, (COMPILER_BYTES, COMPILER_BYTES))
        for path in paths:
            frame = marshal.dumps((path, compiled(path)))
            view = memoryview(len(frame).to_bytes(4, "little") + frame)
            while view:
                view = view[os.write(write, view) :]
    finally:
        os._exit(0)


class Compiler:
    """A process that compiles one share of the files, and the pipe on which it hands them over."""

    def __init__(self, paths: list[str]) -> None:
        self._paths, self._said = list(paths), b""
        self.pipe, write = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self.pipe)
            compile_all(paths, write)
        os.close(write)

    def read(self) -> bool:
        """Take what is there; False at the end."""
        chunk = os.read(self.pipe, 1 << 20)
        self._said += chunk
        return bool(chunk)

    def finished(self) -> Any:  # noqa: ANN401 - an iterator of paths and what became of them
        """What is complete by now."""
        at = 0
        while len(self._said) >= at + 4:
            end = at + 4 + int.from_bytes(self._said[at : at + 4], "little")
            if len(self._said) < end:
                break
            yield marshal.loads(self._said[at + 4 : end])  # noqa: S302 - our own child made it
            self._paths.pop(0)
            at = end
        self._said = self._said[at:]

    def end(self) -> list[str]:
        """End it; the file at which it broke, if one is."""
        os.close(self.pipe)
        with contextlib.suppress(OSError):
            os.kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        return self._paths[:1]


def expanded(path: str) -> list[str]:
    """The file, or the source files of a folder."""
    if path.endswith(".py"):
        return [path]
    found = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in sorted(names))
    return [file for file in found if file.endswith(".py")][:FOLDER_FILES]


def size_of(path: str) -> int:
    """The size of a file; 0 where it cannot be looked at."""
    with contextlib.suppress(OSError, ValueError):
        return os.stat(path).st_size
    return 0


def compiled(path: str) -> tuple[int, int, int, bytes] | None:
    """Time and size of the source, microseconds and bytecode; None where a handler is to compile it itself.

    A compilation that fails, or warns, has to do so where somebody sees it.
    """
    with contextlib.suppress(OSError), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        status = os.stat(path)
        if status.st_size > LARGEST_SOURCE or ships_bytecode(path):
            return None
        with open(path, "rb") as file:
            source = file.read()
        began = time.process_time()
        try:
            code = compile(source, path, "exec", dont_inherit=True)
        except Exception:  # noqa: BLE001 - whatever a source may raise, the handler will meet it
            return None
        cost = round((time.process_time() - began) * 1e6)
        if not warned:
            return int(status.st_mtime), status.st_size, cost, marshal.dumps(code)
    return None


def ships_bytecode(path: str) -> bool:
    """Whether there is any bytecode of that module beside it."""
    folder, name = os.path.split(path)
    stem = name.removesuffix(".py")
    if os.path.exists(f"{folder}/{stem}.pyc"):
        return True
    with contextlib.suppress(OSError):
        return any(
            other.startswith(f"{stem}.") and other.endswith(".pyc") for other in os.listdir(f"{folder}/__pycache__")
        )
    return False


def magic() -> bytes:
    """What bytecode of this interpreter begins with."""
    number: bytes = sys.modules["_frozen_importlib_external"].MAGIC_NUMBER  # importlib.util would be an import more
    return number
