"""Files that are complete or absent: written atomically, and read only with an intact seal."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

_SEAL_BYTES = 16


def load(path: Path) -> bytes | None:
    """The saved bytes; None where there are none, or they were changed."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    seal, packed = content[:_SEAL_BYTES], content[_SEAL_BYTES:]
    return packed if seal == _seal(packed) else None


def save(path: Path, packed: bytes, mode: int = 0o600) -> None:
    """Write a file with its seal.

    Raises:
        OSError: It cannot be written.
    """
    replace_file(path, _seal(packed) + packed, mode)


def replace_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file so that no moment shows half of it; of several processes that do so, one wins.

    A process that is killed leaves a file whose name begins with ``.draft-``.

    Raises:
        OSError: It cannot be written.
    """
    descriptor, draft = tempfile.mkstemp(prefix=".draft-", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(content)
        Path(draft).chmod(mode)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink()
        raise


def _seal(packed: bytes) -> bytes:
    """The digest before the bytes: bytes that were lost or changed must not read as something else."""
    return hashlib.blake2b(packed, digest_size=_SEAL_BYTES).digest()
