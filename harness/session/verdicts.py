"""The verdict cache: reports by a digest of all that they depend on, in a folder or an S3 prefix that machines share.

A verdict is a function of the archives, of what is declared and chosen, of the files that the repository has, of the
engine and of this package. Of what checks read in the repository, only a run shows which files those are: their
answers are stored with the report, and compared before it is used. Whoever can write the store can forge a verdict, so
that entries may be signed.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol, get_type_hints

import msgspec

from harness import regular_files
from harness.cache import sealed
from harness.dependencies import git
from harness.diagnosis.problems import undone
from harness.model import Completed, NotApplicable, Report, Result, Skipped, Verdict
from harness.session.request_digest import SCHEMA, Digests, archives_of, request_sha256
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from harness.manifest import Manifest
    from harness.session.settings import Settings

_QUESTIONS: Final = {**regular_files.QUESTIONS, git.QUESTION: git.answer}
_TARGET: Final = "target"
"""The one question whose answer is a path."""


class _NotUsed(Exception):  # noqa: N818 - a reason, which becomes a note
    """An entry is not used; the message is a clause."""


class VerdictStore(Protocol):
    """Documents by name, each complete or absent."""

    @property
    def exists(self) -> bool:
        """Whether there is such a place, as far as that is known without a request."""

    def load(self, name: str) -> bytes | None:
        """A document; None where there is none.

        Raises:
            OSError, SourceUnavailable: The store cannot be read.
        """

    def save(self, name: str, document: bytes) -> None:
        """Write a document, in place of another of that name.

        Raises:
            OSError, SourceUnavailable: The store cannot be written.
        """


@dataclass(frozen=True, slots=True)
class FolderStore:
    """A folder, as several processes may use it at the same time."""

    folder: Path

    @property
    def exists(self) -> bool:
        """See :class:`VerdictStore`."""
        return self.folder.is_dir()

    def load(self, name: str) -> bytes | None:
        """See :class:`VerdictStore`."""
        try:
            return regular_files.read(self.folder / name)
        except FileNotFoundError:
            return None

    def save(self, name: str, document: bytes) -> None:
        """See :class:`VerdictStore`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        sealed.replace_file(self.folder / name, document, 0o644)


def seal(payload: bytes) -> bytes:
    """A payload behind its digest, which shows what was damaged, and not what was forged."""
    return f"{hashlib.sha256(payload).hexdigest()}\n".encode() + payload


def unseal(document: bytes) -> bytes | None:
    """The payload of a document; None where it is damaged."""
    digest, _, payload = document.partition(b"\n")
    return payload if hashlib.sha256(payload).hexdigest().encode() == digest else None


class _StoredResult(msgspec.Struct, omit_defaults=True):
    check: str
    title: str
    function: str | None
    seconds: float
    completed: Completed | None = None
    not_applicable: NotApplicable | None = None
    skipped: Skipped | None = None


class _Entry(msgspec.Struct):
    """A report, under the digest of what it depends on.

    Attributes:
        read: What was asked of the repository's files: question, subject and answer, with paths relative to the
            manifest's folder.
        report: All of it but its results.
    """

    schema: str
    key: str
    read: list[tuple[str, str, str]]
    report: dict[str, Any]
    results: list[_StoredResult]


@dataclass(frozen=True, slots=True)
class VerdictCache:
    """Reports that were made before.

    Attributes:
        name: The folder or the prefix, as the user names it.
        writes: Whether new reports are stored: the right of the gate alone.
        seal: Makes the document of a payload, and
        unseal: the payload of a document; None where it was changed, or nobody trusted has signed it.
        apart: What runs themselves write, on which no verdict depends: the store, reports.
    """

    name: str
    store: VerdictStore
    writes: bool = False
    seal: Callable[[bytes], bytes] = seal
    unseal: Callable[[bytes], bytes | None] = unseal
    apart: tuple[Path, ...] = ()
    _digests: Digests = field(default_factory=dict, compare=False, repr=False)

    def report(
        self, manifest: Manifest, settings: Settings, make: Callable[[], Report], is_cut: Callable[[], bool]
    ) -> Report:
        """The report that is stored for a request, else a new one.

        Args:
            manifest: What is to be verified, and
            settings: how.
            make: Verifies it.
            is_cut: Whether something was stopped at a limit of time meanwhile, which another run need not be.
        """
        began = time.perf_counter()
        key = request_sha256(manifest, settings, self._digests)
        if key is None:
            return make()
        stored, remark = self._find(key, manifest.folder)
        if stored:
            return replace(stored, from_verdict_cache=True, seconds=time.perf_counter() - began)
        if not self.writes:
            report, remark = make(), remark or self.absence
        else:
            with regular_files.recording(settings.cache, *self.apart, *archives_of(manifest)) as record:
                report = make()
            if is_lasting(report) and not is_cut():
                remark = self._save(key, manifest, settings, report, record) or remark
        return replace(report, notes=(*report.notes, remark)) if remark else report

    @property
    def absence(self) -> str:
        """A remark where nothing can be found, because nothing was ever stored; else empty."""
        absent = not self.writes and not self.store.exists
        return f"the verdict cache {self.name} does not exist; --write-verdict-cache makes it" if absent else ""

    def _find(self, key: str, folder: Path) -> tuple[Report | None, str]:
        """The stored report of a key, and a remark on an entry that is not used."""
        try:
            document = self.store.load(f"{key}.json")
        except (OSError, SourceUnavailable) as error:
            return None, f"the verdict cache {self.name} cannot be read: {_reason(error)}"
        if document is None:
            return None, ""
        try:
            return self._opened(document, key, folder), ""
        except (_NotUsed, KeyError, TypeError, ValueError) as error:
            return None, f"an entry of the verdict cache {self.name} is not used: {error}"

    def _opened(self, document: bytes, key: str, folder: Path) -> Report:
        """The report of a document.

        Raises:
            _NotUsed, KeyError, TypeError, ValueError: It is not one of this request.
        """
        if (payload := self.unseal(document)) is None:
            raise _NotUsed("it was changed since it was written, or nobody trusted has signed it")
        entry = msgspec.json.decode(payload, type=_Entry)
        if (entry.schema, entry.key) != (SCHEMA, key):
            raise _NotUsed("it is of another request")
        if stale := next(_stale(entry, folder), None):
            raise _NotUsed(f"{stale} has changed since it was written")
        return _decoded(entry)

    def _save(
        self, key: str, manifest: Manifest, settings: Settings, report: Report, record: regular_files.Record
    ) -> str:
        """Store a report, unless something that it depends on has changed meanwhile; returns a remark."""
        entry = _encoded(key, report, record, manifest.folder)
        if key != request_sha256(manifest, settings, {}) or next(_stale(entry, manifest.folder), None):
            return f"nothing is added to the verdict cache {self.name}: what was verified has changed meanwhile"
        try:
            self.store.save(f"{key}.json", self.seal(msgspec.json.encode(entry)))
        except (OSError, SourceUnavailable) as error:
            return f"the verdict cache {self.name} cannot be written: {_reason(error)}"
        return ""


def is_lasting(report: Report) -> bool:
    """Whether a report says the same whenever it is made: it passed or failed, and nothing was left undone."""
    return not undone(report) and report.verdict in {Verdict.PASS, Verdict.FAIL}


def _stale(entry: _Entry, folder: Path) -> Iterator[str]:
    """The files about which the repository gives another answer than when the report was made."""
    for question, subject, answer in entry.read:
        path, *rest = subject.split("\0")
        absolute = os.path.normpath(os.path.join(os.path.abspath(folder), path))  # noqa: PTH100, PTH118 - as recorded
        ask = _QUESTIONS.get(question)
        if ask is None or answer != _portable(question, ask("\0".join((absolute, *rest))), folder):
            yield path


def _portable(question: str, answer: str, folder: Path) -> str:
    return os.path.relpath(answer, os.path.realpath(folder)) if question == _TARGET else answer


def _encoded(key: str, report: Report, record: regular_files.Record, folder: Path) -> _Entry:
    base, read = os.path.abspath(folder), []  # noqa: PTH100 - it follows no link
    for (question, subject), answer in record.answers.items():
        path, *rest = subject.split("\0")
        name = "\0".join((os.path.relpath(path, base), *rest))
        read.append((question, name, _portable(question, answer, folder)))
    results = []
    for one in report.results:
        outcome = one.outcome
        stored = _StoredResult(one.check, one.title, one.function, one.seconds)
        stored.completed = outcome if isinstance(outcome, Completed) else None
        stored.not_applicable = outcome if isinstance(outcome, NotApplicable) else None
        stored.skipped = outcome if isinstance(outcome, Skipped) else None
        results.append(stored)
    return _Entry(SCHEMA, key, read, msgspec.to_builtins(replace(report, results=())), results)


def _decoded(entry: _Entry) -> Report:
    """The report of an entry.

    Raises:
        KeyError, TypeError, ValueError: It is none.
    """
    types = _types()
    values = {name: msgspec.convert(value, types[name]) for name, value in entry.report.items() if name != "results"}
    outcomes = [one.completed or one.not_applicable or one.skipped for one in entry.results]
    results = [
        Result(one.check, one.title, one.function, outcome, one.seconds)
        for one, outcome in zip(entry.results, outcomes, strict=True)
        if outcome
    ]
    report = Report(**values, results=tuple(results))
    if len(results) != len(outcomes) or not is_lasting(report):
        raise ValueError("it is no report that is stored")
    return report


@cache
def _types() -> Mapping[str, Any]:
    """The type of each field of a report."""
    return get_type_hints(Report)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error).removesuffix(".")
