"""Read an archive without unpacking it.

A zip archive describes each entry twice and itself from its end. Whatever two readers could understand differently is
refused here, so that Lambda unpacks what is verified.
"""

from __future__ import annotations

import base64
import calendar
import hashlib
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from harness import regular_files
from harness.artifact import folder, names
from harness.artifact.entries import Archive, Entry, Kind, Refusals, Refused
from harness.artifact.inflate import content
from harness.artifact.zip_directory import Bytes, find_directory
from harness.artifact.zip_layout import locate
from harness.artifact.zip_records import (
    DEFLATED,
    ENCRYPTED,
    MASKED,
    PATCHED,
    STORED,
    STRONGLY_ENCRYPTED,
    decoded_name,
    records,
)

if TYPE_CHECKING:
    from pathlib import Path

    from harness.artifact.entries import Role
    from harness.artifact.zip_records import Header, Record

_CHUNK = 4 * 1024 * 1024
_UNIX = 3
_UNIX_HOSTS = (_UNIX, 19)  # the other is macOS
_DOS_FOLDER = 0x10
_NEWEST_VERSION = 45  # zip64; nothing that is stored or deflated needs a newer one, and unzip refuses some of them
_LONGEST_TARGET = 4096
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}


def read(path: Path, source: str, role: Role) -> Archive:
    """Read a zip archive or an unpacked folder.

    Bad content never raises: it is in the archive's refusals. Sizes and checksums are those that the archive declares;
    they are compared with the bytes when it is unpacked.

    Args:
        path: The file or folder on this machine.
        source: The user's name for it.
        role: A layer may have no symlinks.

    Raises:
        OSError: The file or folder does not exist or may not be read.
    """
    if path.is_dir():
        return folder.read(path, source, role)
    refusals = Refusals()
    with regular_files.opened(path, regular_files.LARGEST_ARCHIVE) as file, ThreadPoolExecutor(max_workers=1) as pool:
        data = Bytes(file.fileno())
        hashing = pool.submit(_digest, data)
        entries = _entries(data, role, refusals)
        digest = hashing.result()
    return Archive(
        role=role,
        source=source,
        path=path,
        sha256=digest.hex(),
        code_sha256=base64.b64encode(digest).decode(),
        zipped_bytes=data.size,
        entries=entries,
        refusals=refusals.found(),
    )


def _digest(data: Bytes) -> bytes:
    digest = hashlib.sha256()
    for at in range(0, data.size, _CHUNK):
        digest.update(data.read(at, _CHUNK))
    return digest.digest()


def _entries(data: Bytes, role: Role, refusals: Refusals) -> tuple[Entry, ...]:
    try:
        directory = find_directory(data)
        found = records(data, directory, refusals)
    except Refused as refused:
        refusals.add(None, refused.refusal.reason, refused.refusal.remedy)
        return ()
    # A record that was refused leaves a gap, which would be reported as hidden bytes.
    located = locate(data, found, directory.offset, refusals) if len(found) == directory.count else {}
    entries = [entry for record in found if (entry := _entry(data, record, located.get(record.offset), refusals))]
    names.check_names(entries, refusals)
    names.check_links(entries, role, refusals)
    return tuple(entries)


def _entry(data: Bytes, record: Record, start: int | None, refusals: Refusals) -> Entry | None:
    """The entry of a record; None where it is refused."""
    header = record.header
    try:
        name, is_folder = _name(header)
        kind = _kind(record, is_folder=is_folder)
        _check_storage(header, kind)
    except Refused as refused:
        refusals.add(record.label, refused.refusal.reason, refused.refusal.remedy)
        return None
    entry = Entry(
        name=name,
        kind=kind,
        mode=_mode(record, is_folder=is_folder),
        size=header.size,
        zipped=header.zipped,
        modified=_modified(*header.stamp),
        offset=start or 0,
        method=header.method,
        crc=header.crc,
    )
    if entry.kind is not Kind.SYMLINK or start is None:
        return entry
    try:
        return replace(entry, target=b"".join(content(data, entry)).decode())
    except Refused as refused:
        refusals.add(name, refused.refusal.reason)
    except UnicodeDecodeError:
        refusals.add(name, "is a symbolic link to a path that is not UTF-8")
    return None


def _name(header: Header) -> tuple[str, bool]:
    """The name without the slash that marks a folder, and whether it had one.

    A ``./`` in front, which tar and its like write, names the root everywhere. The root itself is no entry: some
    readers take its mode for that of the folder that they unpack into, others stop.
    """
    stored = decoded_name(header)
    if stored.startswith("./"):
        stored = re.sub(r"^(\./)+", "", stored)
        if not stored:
            raise Refused("is the root of the archive itself", "Pack what is in the folder: `zip -r ../code.zip *`.")
    name = stored.removesuffix("/")
    if why := names.fault(name or stored):
        raise Refused(why, names.RENAME)
    return name, name != stored


def _kind(record: Record, *, is_folder: bool) -> Kind:
    """The kind of an entry, by its name and by its Unix mode, which must agree."""
    kind = stat.S_IFMT(record.attributes >> 16)
    is_unix = record.host in _UNIX_HOSTS
    if kind == stat.S_IFLNK:
        if is_folder or record.host != _UNIX:
            raise Refused("is a symbolic link to some readers and something else to others")
        return Kind.SYMLINK
    if is_folder:  # whatever the mode: packers of Java archives write nonsense there, and every reader uses the name
        return Kind.DIRECTORY
    if record.attributes & _DOS_FOLDER:
        raise Refused('is a folder by its attributes and a file by its name, which lacks the "/" at its end')
    if is_unix and kind == stat.S_IFDIR:
        raise Refused('is a folder by its mode and a file by its name, which lacks the "/" at its end')
    if is_unix and kind not in (0, stat.S_IFREG):
        raise Refused("is a device, a pipe or a socket")
    return Kind.FILE


def _mode(record: Record, *, is_folder: bool) -> int:
    mode = record.attributes >> 16
    # A folder with the mode of a file, as packers of Java archives write it, is a folder without a mode everywhere.
    if mode and record.host in _UNIX_HOSTS and not (is_folder and not stat.S_ISDIR(mode)):
        return stat.S_IMODE(mode)
    return 0o755 if is_folder else 0o644


def _check_storage(header: Header, kind: Kind) -> None:
    if header.flags & (ENCRYPTED | STRONGLY_ENCRYPTED | MASKED):
        raise Refused("is encrypted, and Lambda has no password", "Pack it without a password.")
    if header.method not in (STORED, DEFLATED):
        method = _METHODS.get(header.method, f"number {header.method}")
        remedy = "Pack it with the default method, deflate."
        raise Refused(f"is compressed with a method ({method}) that Lambda is not known to read", remedy)
    if header.version > _NEWEST_VERSION or header.flags & PATCHED:
        raise Refused("needs a newer version of the zip format than there is")
    if header.method == STORED and header.size != header.zipped:
        raise Refused("is stored as it is, but declares two different sizes")
    if kind is Kind.DIRECTORY and header.size:
        raise Refused("is a folder that has content")
    if kind is Kind.SYMLINK and header.size > _LONGEST_TARGET:
        raise Refused(f"is a symbolic link to a path of more than {_LONGEST_TARGET:,} bytes")


@lru_cache(maxsize=1024)  # a build often gives all its files a few times
def _modified(date: int, time: int) -> float:
    """A DOS date and time as seconds since the epoch; a day or month 0, which some packers write, counts as 1."""
    month = min(max(date >> 5 & 0xF, 1), 12)
    day = max(date & 0x1F, 1)
    return float(calendar.timegm((1980 + (date >> 9), month, day, time >> 11, time >> 5 & 0x3F, (time & 0x1F) * 2)))
