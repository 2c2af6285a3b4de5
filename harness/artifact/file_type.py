"""What a file is that was expected to be a zip archive and is not: a web page, an error answer, half a download."""

from __future__ import annotations

import re

from harness.artifact.entries import Refusal, printable

HEAD = 1024
"""How many bytes from the start of a file are enough to tell."""

_MAGIC = (
    (b"\x1f\x8b", "a gzip file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x7fELF", "an ELF executable"),
)
_TAR_MAGIC = slice(257, 262)
_REPACK = "Pack the same files as a zip archive: Lambda takes nothing else."
_DOWNLOAD = "Open the file to see what the server answered, then check the address and the credentials it was got with."


def describe(head: bytes, size: int) -> Refusal:
    """Say what a file without the end of a zip archive is.

    Args:
        head: The first :data:`HEAD` bytes.
        size: Bytes of the whole file.
    """
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
    return _text(head) or _binary(head)


def _text(head: bytes) -> Refusal | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"version https://git-lfs"):
        remedy = "Get the file itself: `git lfs pull`, or `lfs: true` at the checkout step of the pipeline."
        return Refusal(None, "is a Git LFS pointer, not the archive that it stands for", remedy)
    if text[:9].lower() == b"<!doctype" or b"<html" in text.lower():
        return Refusal(None, "is an HTML page, not a zip archive", _DOWNLOAD)
    if text.startswith((b"<?xml", b"<Error")):
        code = re.search(rb"<Code>(\w+)</Code>", text)
        said = f" ({code[1].decode()})" if code else ""
        return Refusal(None, f"is an XML document, such as S3's error answer{said}, not a zip archive", _DOWNLOAD)
    if text.startswith((b"{", b"[")):
        return Refusal(None, "is a JSON document, not a zip archive", _DOWNLOAD)
    if text.startswith((b"UEsDB", b"UEsFB")):
        remedy = "Decode it first: `base64 --decode`."
        return Refusal(None, "is the base64 text of a zip archive, not the archive", remedy)
    return None


def _binary(head: bytes) -> Refusal:
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return Refusal(None, f"is {what}, not a zip archive", _REPACK)
    if head[_TAR_MAGIC] == b"ustar":
        return Refusal(None, "is a tar archive, not a zip archive", _REPACK)
    begins = printable(head[:24].decode("latin-1"))
    return Refusal(None, f"is not a zip archive: it begins with “{begins}”", _REPACK)
