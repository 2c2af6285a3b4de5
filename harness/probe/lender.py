"""Lends the handler's process bytecode that was made before it started: compiling is two thirds of most inits.

Run by the runtime's bootstrap before anything else. The bytecode comes in a sealed file at a file descriptor; without
one, nothing happens. Only what ``SourceFileLoader.get_code`` returns comes from elsewhere: the environment,
``sys.flags``, ``sys.path``, ``sys.modules``, ``__cached__`` and all folders are as they would be. Whatever is not as
it was when the bytecode was made, or is changed by the handler (a subclass of the loader, a patch of it, another file),
goes Python's own way.

What was lent is told through a second descriptor: bytes 0 to 7 are the microseconds that compiling it took, 8 to 15 the
size of its largest source; then the paths of what might have been lent and was not there, each ended by a zero.
"""

from __future__ import annotations

import marshal
import posix  # and not os, which bootstrap.py has still to ask for
import sys

TYPE_CHECKING = False  # typing is not loaded yet, and a handler might see that it were
if TYPE_CHECKING:
    from typing import Any

KEPT, TOLD = 1000, 1001
SEAL = b"bytecode"
# Others may make the compiler do something else, or tell what it did.
HARMLESS = {
    b"PYTHONDONTWRITEBYTECODE",
    b"PYTHONFAULTHANDLER",
    b"PYTHONHASHSEED",
    b"PYTHONIOENCODING",
    b"PYTHONNOUSERSITE",
    b"PYTHONPATH",
    b"PYTHONUNBUFFERED",
    b"PYTHONUTF8",
}


class Lender:
    """What was lent to this process, and how much of it is used.

    Attributes:
        index: For each path its time, its size, where its bytecode is and how long, and the microseconds that it took.
    """

    def __init__(self, external: Any) -> None:  # noqa: ANN401 - the import system's module
        """Open it.

        Raises:
            OSError: Nothing was lent.
            ValueError: It is somebody else's, or not for an interpreter that was started like this.
        """
        size = posix.fstat(KEPT).st_size
        self._files = self._seen()
        trailer = posix.pread(KEPT, 16, size - 16)
        if trailer[8:] != SEAL:
            raise ValueError
        for descriptor in (KEPT, TOLD):
            posix.set_inheritable(descriptor, False)
        begin = int.from_bytes(trailer[:8], "little")
        magic, self.index = marshal.loads(posix.pread(KEPT, size - 16 - begin, begin))  # noqa: S302 - it is sealed
        self._cached_path = external.cache_from_source
        self._spent = self._largest = 0
        self._missed: set[str] = set()
        steered = any(name.startswith(b"PYTHON") and name not in HARMLESS for name in posix.environ)
        flags = sys.flags
        if magic != external.MAGIC_NUMBER or steered or flags.optimize or flags.verbose or flags.dev_mode:
            posix.close(KEPT)
            posix.close(TOLD)
            raise ValueError

    @staticmethod
    def _seen() -> tuple[int, int]:
        return posix.fstat(KEPT).st_ino, posix.fstat(TOLD).st_ino

    def code(self, path: str) -> Any:  # noqa: ANN401 - a code object
        """The code of a source file; None where it is not there.

        Raises:
            OSError: The file is gone, or the descriptors are.
        """
        if self._seen() != self._files:  # the handler put others there
            return None
        if path not in self.index:
            self._miss(path)
            return None
        modified, size, begin, length, cost = self.index[path]
        status = posix.stat(path)
        if int(status.st_mtime) != modified or status.st_size != size:
            return None
        code = marshal.loads(posix.pread(KEPT, length, begin))  # noqa: S302 - it is sealed
        self._spent, self._largest = self._spent + cost, max(self._largest, size)
        posix.pwrite(TOLD, self._spent.to_bytes(8, "little") + self._largest.to_bytes(8, "little"), 0)
        return code

    def _miss(self, path: str) -> None:
        if path in self._missed:
            return
        self._missed.add(path)
        try:
            posix.stat(self._cached_path(path))  # it has bytecode of its own
        except FileNotFoundError:
            posix.write(TOLD, path.encode("utf-8", "surrogateescape") + b"\0")


def lend() -> None:
    """Let the loader ask the lender first."""
    external: Any = sys.modules["_frozen_importlib_external"]
    try:
        lender = Lender(external)
    except (OSError, ValueError):
        return
    fix: Any = sys.modules["_imp"]._fix_co_filename  # noqa: SLF001 - what is lent stands in the import system
    loader, above, cached = external.SourceFileLoader, external.SourceLoader, external.cache_from_source
    original, translate = above.get_code, loader.source_to_code

    def usual(one: Any) -> bool:  # noqa: ANN401 - a loader
        same = above.get_code is original and loader.source_to_code is translate
        return type(one) is loader and same and external.cache_from_source is cached and sys.pycache_prefix is None

    def get_code(self: Any, fullname: str) -> Any:  # noqa: ANN401 - as the method that it stands before
        if usual(self) and self.name == fullname:
            try:
                code = lender.code(self.path)
            except OSError:  # if the file is gone, the import system will say so
                code = None
            if code is not None:
                if code.co_filename != self.path:
                    fix(code, self.path)
                return code
        return above.get_code(self, fullname)

    get_code.__doc__, get_code.__module__ = original.__doc__, original.__module__
    get_code.__qualname__ = original.__qualname__
    loader.get_code = get_code


lend()
