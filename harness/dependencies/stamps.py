"""Stamps: what an archive was built from, as a value and as the text of the file in the archive."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from harness.artifact.archive import read
from harness.artifact.entries import Refused, Role
from harness.artifact.stamp import STAMP, is_taken, put_stamp, stamp_in
from harness.dependencies.inputs import digest
from harness.dependencies.project import MalformedFileError
from harness.dependencies.text_files import convert, parse_json
from harness.model import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.artifact.entries import Archive
    from harness.dependencies.inputs import Inputs

SCHEMA: Final = "lambda-artifact/stamp/v1"
_DIGITS: Final = 32  # of the digest, in a key
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_NAME: Final = re.compile(r"(?!/)[^\x00-\x1f\x7f\ud800-\udfff]+")
_TARGET: Final = re.compile(r"[\w.-]+")  # a runtime, an architecture
_AGAIN: Final = "build it again and stamp it in that step (--replace stamps it as it is)"

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Stamp:
    """The inputs that an archive was built from.

    Attributes:
        runtime: Lambda's name for the runtime that it was built for.
        architecture: The same.
        inputs: Names, relative to the manifest's folder, and digests; sorted.
        image: What it was built in, as the build named it; best with its digest.
        tools: Names and versions of what built it; sorted.
        complete: Whether the inputs are all that the manifest named, rather than some for this archive.
    """

    runtime: str
    architecture: str
    inputs: Pairs
    image: str | None = None
    tools: Pairs = ()
    complete: bool = True

    @property
    def key(self) -> str:
        """The same text for the same inputs, and no other: ``python3.12-x86_64-`` and 32 hexadecimal digits."""
        identity = json.dumps(self._identity(), sort_keys=True, separators=(",", ":"))
        return f"{self.runtime}-{self.architecture}-{hashlib.sha256(identity.encode()).hexdigest()[:_DIGITS]}"

    @property
    def text(self) -> str:
        """The file: the same bytes wherever and whenever it is made."""
        content = {**self._identity(), "key": self.key, "complete": self.complete}
        return json.dumps(content, sort_keys=True, indent=2) + "\n"

    def _identity(self) -> dict[str, object]:
        return {
            "schema": SCHEMA,
            "runtime": self.runtime,
            "architecture": self.architecture,
            "inputs": dict(self.inputs),
            "image": self.image,
            "tools": dict(self.tools),
        }


class _Table(msgspec.Struct, kw_only=True):
    """The file; keys that a later release adds are ignored."""

    key: str
    runtime: str
    architecture: str
    inputs: dict[str, str]
    image: str | None = None
    tools: dict[str, str] = {}
    complete: bool = True


class _Schema(msgspec.Struct):
    """The part that every version of the file has."""

    schema: str


def stamp_of(inputs: Inputs, image: str | None = None, tools: Pairs = (), *, complete: bool = True) -> Stamp:
    """The stamp of an archive that is built now.

    Raises:
        UsageError: An input cannot be read, or has a name that cannot be written down.
    """
    if odd := next((one for one in inputs.files if not _NAME.fullmatch(one.name)), None):
        raise UsageError(f"{odd.name!r}: a stamp has relative paths without control characters: name another file")
    digests = tuple(sorted((one.name, digest(one.path)) for one in inputs.files))
    return Stamp(inputs.runtime, inputs.architecture, digests, image, tuple(sorted(tools)), complete)


def parse_stamp(text: str, where: str) -> Stamp:
    """The stamp that a file's text is.

    Raises:
        MalformedFileError: It is none, or one of a later format.
    """
    document = parse_json(text, where)
    schema = convert(document, _Schema, text, where).schema
    if schema != SCHEMA:
        raise MalformedFileError(f"{where}: expected the format {SCHEMA}, found {json.dumps(schema)}")
    table = convert(document, _Table, text, where)
    for target in (table.runtime, table.architecture):
        if not _TARGET.fullmatch(target):
            raise MalformedFileError(f"{where}: expected a runtime and an architecture, found {json.dumps(target)}")
    for name, value in table.inputs.items():
        if not (_NAME.fullmatch(name) and _DIGEST.fullmatch(value)):
            raise MalformedFileError(
                f"{where}: expected relative paths with digests, found {json.dumps({name: value})}"
            )
    stamp = Stamp(
        runtime=table.runtime,
        architecture=table.architecture,
        inputs=tuple(sorted(table.inputs.items())),
        image=table.image,
        tools=tuple(sorted(table.tools.items())),
        complete=table.complete,
    )
    if table.key != stamp.key:
        raise MalformedFileError(f"{where}: its key is not that of its inputs: it was changed after it was written")
    return stamp


def put(stamp: Stamp, paths: Sequence[Path], *, replace: bool = False) -> tuple[Path, ...]:
    """Write a stamp into archives, zips or folders; all of them, or none.

    An archive that has it already is left alone. One with another stamp was not built just now: it is refused, because
    a new stamp would hide what it was built from.

    Returns:
        The archives that were written.

    Raises:
        UsageError: One is not there, is not sound, or has another stamp.
        OSError: One cannot be written.
    """
    problems: list[str] = []
    waiting: list[tuple[Path, Archive]] = []
    for path in dict.fromkeys(paths):
        try:
            archive = _accepted(path)
            if _differs(archive, stamp, replace=replace):
                waiting.append((path, archive))
        except UsageError as problem:
            problems.append(str(problem))
    if problems:
        raise UsageError("\n".join(problems))
    for path, archive in waiting:
        try:
            put_stamp(archive, stamp.text)
        except Refused as refused:
            raise UsageError(f"{path}: {refused}. {refused.refusal.remedy}") from None
    return tuple(path for path, _ in waiting)


def _accepted(path: Path) -> Archive:
    try:
        archive = read(path, str(path), Role.CODE)  # the one that may have more
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist: build it first") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if archive.refusals:
        refusal = archive.refusals[0]
        raise UsageError(
            f"{path} is no sound archive: {Refused(refusal.reason, entry=refusal.entry)}. {refusal.remedy}"
        )
    if is_taken(archive):
        raise UsageError(f"{path} has a folder named {STAMP}, where the stamp belongs: give the folder another name")
    return archive


def _differs(archive: Archive, stamp: Stamp, *, replace: bool) -> bool:
    """Whether an archive is still to be stamped.

    Raises:
        UsageError: It has another stamp, and that is not to be replaced.
    """
    try:
        text = stamp_in(archive)
        old = None if text is None else parse_stamp(text, "its stamp")
    except (Refused, MalformedFileError) as error:
        if replace:
            return True
        raise UsageError(f"{archive.source} has a stamp that cannot be read ({error}): {_AGAIN}") from None
    if old is None or replace:
        return old != stamp
    if old.key != stamp.key:
        raise UsageError(
            f"{archive.source} is stamped already, as built from other inputs ({', '.join(_differences(old, stamp))}): "
            f"it came out of a cache or is left from an earlier build; {_AGAIN}"
        )
    return False


def _differences(old: Stamp, new: Stamp) -> Iterator[str]:
    for olds, news in (dict(old.inputs), dict(new.inputs)), (dict(old.tools), dict(new.tools)):
        yield from (name for name in sorted(olds.keys() | news.keys()) if olds.get(name) != news.get(name))
    pairs = (old.runtime, new.runtime), (old.architecture, new.architecture), (old.image, new.image)
    yield from (f"{was or 'no image'} instead of {now or 'no image'}" for was, now in pairs if was != now)
