"""The distributions of an archive, by the metadata that their installer left."""

from __future__ import annotations

import csv
import json
import posixpath
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import importlib_metadata
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDERS = (".dist-info", ".egg-info")
EDITABLE = "__editable__"
"""How the files begin that setuptools leaves in the place of an editable install's modules."""

_LONGEST_SIZE = 20


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A name under which a distribution offers an object: ``value`` is ``module:attribute``."""

    group: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A file that the distribution's RECORD lists.

    Attributes:
        path: Inside the archive, with ``..`` resolved; beyond its root it begins with ``..``.
        size: Bytes, where the record says so.
    """

    path: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Distribution:
    """One installed distribution.

    Attributes:
        name: As its metadata has it; from the folder's name where there is no metadata.
        version: The same.
        folder: Its ``.dist-info`` inside the archive.
        requires: Its requirements, as it states them (PEP 508).
        requires_python: What it needs of Python.
        extras: The extras that it offers.
        entry_points: All of them.
        record: The files that it consists of; None where it has no RECORD.
        tags: The wheel tags that it was built for, such as ``cp312-cp312-manylinux_2_17_x86_64``.
        url: Where it was installed from, where that is no index.
        editable: Its files are not here, but where it was installed from.
        top_level: The import names that it states itself; see ``modules`` of the facts for those that it has.
        has_metadata: Whether METADATA (or PKG-INFO) is there, and says something.
    """

    name: str
    version: str
    folder: str
    requires: tuple[str, ...] = ()
    requires_python: str | None = None
    extras: tuple[str, ...] = ()
    entry_points: tuple[EntryPoint, ...] = ()
    record: tuple[Recorded, ...] | None = None
    tags: tuple[str, ...] = ()
    url: str | None = None
    editable: bool = False
    top_level: tuple[str, ...] = ()
    has_metadata: bool = True

    @property
    def key(self) -> str:
        """The name as it is compared (PEP 503)."""
        return canonicalize_name(self.name)

    @property
    def site(self) -> str:
        """The folder that it is installed in, with a trailing slash; the root is empty."""
        return self.folder.rpartition("/")[0] + "/" if "/" in self.folder else ""


class _Installed(importlib_metadata.Distribution):
    """The metadata files of one distribution, out of an archive."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._texts = files

    def read_text(self, filename: str) -> str | None:
        return self._texts.get(filename)

    def locate_file(self, path: object) -> PurePosixPath:  # type: ignore[override]  # there is no file system here
        return PurePosixPath(str(path))


def distribution(folder: str, files: Mapping[str, str]) -> Distribution:
    """Read one distribution; never raises: what cannot be read is left out.

    Args:
        folder: Its ``.dist-info`` or ``.egg-info`` inside the archive.
        files: The files in that folder, by their names.
    """
    installed = _Installed(files)
    stem = posixpath.splitext(posixpath.basename(folder))[0]
    stated_name, _, stated_version = stem.partition("-")
    has_metadata = bool(files.get("METADATA") or files.get("PKG-INFO"))
    metadata = installed.metadata if has_metadata else None
    wheel = _headers(files.get("WHEEL", ""))
    url, editable = _origin(files.get("direct_url.json", ""))
    return Distribution(
        name=(metadata and metadata.get("Name")) or stated_name,
        version=(metadata and metadata.get("Version")) or stated_version.partition("-py")[0],
        folder=folder,
        requires=tuple(installed.requires or ()) if has_metadata else (),
        requires_python=metadata.get("Requires-Python") if metadata else None,
        extras=tuple(metadata.get_all("Provides-Extra") or ()) if metadata else (),
        entry_points=_entry_points(installed),
        record=_record(folder, files["RECORD"]) if "RECORD" in files else None,
        tags=tuple(value for name, value in wheel if name == "tag"),
        url=url,
        editable=editable,
        top_level=tuple(files.get("top_level.txt", "").split()),
        has_metadata=has_metadata,
    )


def _headers(text: str) -> list[tuple[str, str]]:
    lines = (line.partition(":") for line in text.splitlines() if ":" in line)
    return [(name.strip().lower(), value.strip()) for name, _, value in lines]


def _origin(text: str) -> tuple[str | None, bool]:
    try:
        origin = json.loads(text)
        return str(origin["url"]), bool(origin.get("dir_info", {}).get("editable"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, False


def _entry_points(installed: _Installed) -> tuple[EntryPoint, ...]:
    try:
        return tuple(EntryPoint(point.group, point.name, point.value) for point in installed.entry_points)
    except (ValueError, TypeError):  # a line that is none
        return ()


def _record(folder: str, text: str) -> tuple[Recorded, ...]:
    site = posixpath.dirname(folder)
    files = []
    for line in text.splitlines():
        try:
            path, _, size = [*next(csv.reader([line]), ()), "", "", ""][:3]
        except csv.Error:  # endless
            continue
        if path:
            path = posixpath.normpath(posixpath.join(site, path.replace("\\", "/")))
            files.append(Recorded(path, int(size) if size.isdecimal() and len(size) < _LONGEST_SIZE else None))
    return tuple(files)
