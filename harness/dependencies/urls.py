"""Names, versions and credentials in the URLs of distributions."""

from __future__ import annotations

import re
from posixpath import basename
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from packaging.utils import (
    InvalidName,
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

if TYPE_CHECKING:
    from packaging.utils import NormalizedName
    from packaging.version import Version

_USERINFO: Final = re.compile(r"(?<=://)(?P<info>[^/\s\"]+)@")
_NO_SECRET: Final = re.compile(r"git|(?:\$\{[A-Z0-9_]+\}:?)+")  # the user of every SSH host, and what pip puts in
_COMMIT: Final = re.compile(r"^[a-z]+\+.*@(?:[0-9a-f]{40}|[0-9a-f]{64})(?:#|$)", re.IGNORECASE)
_DIGEST: Final = re.compile(r"#(?:.*&)?(?:md5|sha1|sha224|sha256|sha384|sha512)=[0-9a-f]+", re.IGNORECASE)


def names_bytes(url: str | None) -> bool:
    """Whether a URL names certain bytes: a file with its hash, or a full commit."""
    return url is not None and (_COMMIT.search(url) or _DIGEST.search(url)) is not None


def of_archive(url: str) -> tuple[NormalizedName, Version] | None:
    """The name and the version of a distribution, by the name of the file that a URL or a path leads to.

    A wheel's always tells; a source archive's does where a build tool named it, which a repository's snapshot that is
    downloaded from its host was not.
    """
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    file = basename(unquote(path))
    try:
        if file.endswith(".whl"):
            name, version, _, _ = parse_wheel_filename(file)
        elif file.endswith(".tar.gz") and "/archive/" not in path:
            name, version = parse_sdist_filename(file)
        else:
            return None
        return canonicalize_name(name, validate=True), version
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidName):
        return None


def masked(text: str) -> str:
    """A text without the names and passwords in its URLs, fit for a log."""
    return _USERINFO.sub(lambda found: found[0] if _NO_SECRET.fullmatch(found["info"]) else "***@", text)
