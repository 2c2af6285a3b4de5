"""Reading an archive: everything that can be known about it without unpacking it.

A zip archive describes each entry twice and itself from its end. Whatever two readers could understand differently is
refused here, so that what is verified is what Lambda unpacks.
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
from harness.artifact.entries import Archive, Entry, Kind, Refusal, Refusals, Refused
from harness.artifact.inflate import content
from harness.artifact.zip_directory import REBUILD, Bytes, find_directory
from harness.artifact.zip_layout import locate
from harness.artifact.zip_records import (
    DEFLATED,
    ENCRYPTED,
    MASKED,
    PATCHED,
    STORED,
    STRONGLY_ENCRYPTED,
    Malformed,
    decoded_name,
    records,
)

if TYPE_CHECKING:
    from pathlib import Path

    from harness.artifact.entries import Role
    from harness.artifact.zip_records import Header, Record

_CHUNK = 4 * 1024 * 1024  # bytes: between chunks, a thread waits for the interpreter's lock
_UNIX_HOSTS = (3, 19)
_DOS_FOLDER = 0x10
_NEWEST_VERSION = 45  # zip64; nothing that is stored or deflated needs a newer one, and unzip refuses some of them
_LONGEST_TARGET = 4096
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}


def read(path: Path, source: str, role: Role) -> Archive:
    """Read a zip archive or an unpacked folder.

    Bad content never raises: it is in the archive's refusals. Sizes and checksums are those that the archive declares;
    they are held against the bytes when it is unpacked.

    Args:
        path: The file or folder on this machine.
        source: How the user named it.
        role: What Lambda does with it; a layer may have no symlinks.

    Raises:
        OSError: The file or folder does not exist or may not be read.
    """
    if path.is_dir():
        return folder.read(path, source, role)
    refusals = Refusals()
    with regular_files.opened(path, regular_files.LARGEST_ARCHIVE) as file, ThreadPoolExecutor(max_workers=1) as beside:
        data = Bytes(file.fileno())
        hashing = beside.submit(_digest, data)
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
    at = 0
    while chunk := data.read(at, _CHUNK):
        digest.update(chunk)
        at += len(chunk)
    return digest.digest()


def _entries(data: Bytes, role: Role, refusals: Refusals) -> tuple[Entry, ...]:
    try:
        directory = find_directory(data)
        understood = []
        for record in records(data, directory):
            if isinstance(record, Refusal):
                refusals.add(record.entry, record.reason, record.remedy)
            else:
                understood.append(record)
    except Refused as refused:
        refusals.add(refused.refusal.entry, refused.refusal.reason, refused.refusal.remedy)
        return ()
    # A record that was not understood leaves a gap, which would be reported as hidden bytes.
    complete = len(understood) == directory.count
    located = locate(data, understood, directory.offset, refusals) if complete else {}
    read_entries = (_entry(data, record, located.get(record.offset), refusals) for record in understood)
    entries = [entry for entry in read_entries if entry]
    names.check_names(entries, refusals)
    names.check_links(entries, role, refusals)
    return tuple(entries)


def _entry(data: Bytes, record: Record, start: int | None, refusals: Refusals) -> Entry | None:
    """The entry of a record; None where the reason why there is none was noted."""
    header = record.header
    try:
        name, is_folder = _name(header)
        kind = _kind(record, is_folder=is_folder)
        _check_storage(header, kind)
    except Malformed as malformed:
        refusals.add(record.label, malformed.reason, malformed.remedy)
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
    except (Refused, UnicodeDecodeError) as error:
        reason = (
            error.refusal.reason if isinstance(error, Refused) else "is a symbolic link to a path that is not UTF-8"
        )
        refusals.add(name, reason, REBUILD)
        return None


def _name(header: Header) -> tuple[str, bool]:
    """The name without the slash that marks a folder, and whether it had one.

    A ``./`` in front, which tar's relatives write when they pack the folder they stand in, names the root everywhere.
    The root itself is no entry: some readers take its mode for that of the folder that they unpack into, others stop.
    """
    stored = decoded_name(header)
    if stored.startswith("./"):
        stored = re.sub(r"^(\./)+", "", stored)
        if not stored:
            raise Malformed("is the root of the archive itself", "Pack what is in the folder: `zip -r ../code.zip *`.")
    name = stored.removesuffix("/")
    if why := names.fault(name or stored):
        raise Malformed(why, names.RENAME)
    return name, name != stored


def _kind(record: Record, *, is_folder: bool) -> Kind:
    """What the entry is by its name and by its Unix mode, where the two agree."""
    kind = stat.S_IFMT(record.attributes >> 16)
    is_unix = record.host in _UNIX_HOSTS
    if kind == stat.S_IFLNK:
        if is_folder or not is_unix:
            raise Malformed("is a symbolic link to some readers and something else to others")
        return Kind.SYMLINK
    if is_folder:  # whatever the mode: packers of Java archives write nonsense there, and every reader goes by the name
        return Kind.DIRECTORY
    if record.attributes & _DOS_FOLDER:
        raise Malformed('is a folder by its attributes and a file by its name, which lacks the "/" at its end')
    if is_unix and kind == stat.S_IFDIR:
        raise Malformed('is a folder by its mode and a file by its name, which lacks the "/" at its end')
    if is_unix and kind not in (0, stat.S_IFREG):
        raise Malformed("is a device, a pipe or a socket")
    return Kind.FILE


def _mode(record: Record, *, is_folder: bool) -> int:
    mode = record.attributes >> 16
    # A folder with the mode of a file, as packers of Java archives write it, is a folder without a mode everywhere.
    if mode and record.host in _UNIX_HOSTS and not (is_folder and not stat.S_ISDIR(mode)):
        return stat.S_IMODE(mode)
    return 0o755 if is_folder else 0o644


def _check_storage(header: Header, kind: Kind) -> None:
    if header.flags & (ENCRYPTED | STRONGLY_ENCRYPTED | MASKED):
        raise Malformed("is encrypted, and Lambda has no password", "Pack it without a password.")
    if header.method not in (STORED, DEFLATED):
        method = _METHODS.get(header.method, f"number {header.method}")
        remedy = "Pack it with the default method, deflate."
        raise Malformed(f"is compressed with a method ({method}) that Lambda is not known to read", remedy)
    if header.version > _NEWEST_VERSION or header.flags & PATCHED:
        raise Malformed("needs a newer version of the zip format than there is")
    if header.method == STORED and header.size != header.zipped:
        raise Malformed("is stored as it is, but declares two different sizes")
    if kind is Kind.DIRECTORY and header.size:
        raise Malformed("is a folder that has content")
    if kind is Kind.SYMLINK and header.size > _LONGEST_TARGET:
        raise Malformed(f"is a symbolic link to a path of more than {_LONGEST_TARGET:,} bytes")


@lru_cache(maxsize=1024)  # a build often gives all its files a few times
def _modified(date: int, time: int) -> float:
    """A DOS date and time as seconds since the epoch; a day or month 0, which some packers write, counts as 1."""
    month = min(max(date >> 5 & 0xF, 1), 12)
    day = max(date & 0x1F, 1)
    return float(calendar.timegm((1980 + (date >> 9), month, day, time >> 11, time >> 5 & 0x3F, (time & 0x1F) * 2)))
