"""The kind of a file that should be a zip archive and is not: a web page, an error answer, half a download."""

from __future__ import annotations

import re

from harness.artifact.entries import Refusal, printable

HEAD = 1024
"""Bytes from the start of a file that are enough to recognise it."""

_REPACK = "Pack the same files as a zip archive: Lambda takes nothing else."
_DOWNLOAD = "Open the file to see what the server answered, then check the address and the credentials it was got with."
_LFS = "Get the file itself: `git lfs pull`, or `lfs: true` at the checkout step of the pipeline."
_KINDS = tuple(
    (re.compile(pattern, re.DOTALL | re.IGNORECASE), kind, remedy)
    for pattern, kind, remedy in (
        (rb"version https://git-lfs", "a Git LFS pointer", _LFS),
        (rb"<!doctype|.*<html", "an HTML page", _DOWNLOAD),
        (rb"(?:<\?xml|<Error)(?:.*<Code>(\w+)</Code>)?", "an XML document, such as S3's error answer", _DOWNLOAD),
        (rb"[{[]", "a JSON document", _DOWNLOAD),
        (rb"UEs[DF]B", "the base64 text of a zip archive", "Decode it first: `base64 --decode`."),
        (rb"\x1f\x8b", "a gzip file", _REPACK),
        (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", _REPACK),
        (rb"\xfd7zXZ\x00", "an xz file", _REPACK),
        (rb"BZh", "a bzip2 file", _REPACK),
        (rb"\x28\xb5\x2f\xfd", "a Zstandard file", _REPACK),
        (rb"Rar!\x1a\x07", "a RAR archive", _REPACK),
        (rb"\x7fELF", "an ELF executable", _REPACK),
        (rb".{257}ustar", "a tar archive", _REPACK),
    )
)


def kind(head: bytes) -> tuple[str, str] | None:
    """The kind of a file by its first :data:`HEAD` bytes, and a remedy; None for zip archives and unknown kinds."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for pattern, name, remedy in _KINDS:
        if match := pattern.match(start):
            code = f" ({match[1].decode()})" if match.re.groups and match[1] else ""
            return f"{name}{code}", remedy
    return None


def describe(head: bytes, size: int) -> Refusal:
    """The refusal of a file of so many bytes that has no end of a zip archive."""
    if not size:
        return Refusal(None, "is an empty file", "Look at the step that should have written it.")
    if head.startswith(b"PK\x03\x04"):
        return Refusal(
            None,
            f"begins as a zip archive, but its {size:,} bytes hold no end record: it is truncated",
            "Download or copy it again, and compare the sizes: the transfer or the build stopped early.",
        )
    if head.startswith((b"PK\x07\x08", b"PK00")):
        return Refusal(None, "is one part of an archive in several parts", "Build it in one part.")
    if known := kind(head):
        return Refusal(None, f"is {known[0]}, not a zip archive", known[1])
    begin = printable(head[:24].decode("latin-1"))
    return Refusal(None, f"is not a zip archive: it begins with “{begin}”", _REPACK)
