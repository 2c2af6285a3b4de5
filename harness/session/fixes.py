"""What a report's findings say that can be changed at once: lines of files, and archives, which become new ones."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from harness import regular_files
from harness.artifact.entries import Refused
from harness.artifact.rewrite import Changes, rewrite
from harness.diagnosis.problems import problems
from harness.model import Safety, UsageError
from harness.plain_text import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.manifest import Function, Manifest, Source
    from harness.model import Fix, Insert, Report

_LARGEST: Final = 16 * 1024 * 1024  # bytes of a file that is edited or copied


@dataclass(frozen=True, slots=True)
class Rewritten:
    """An archive, and the one that is made of it.

    Attributes:
        shown: Its name in reports.
        add: The names of entries to add, each with the file that it is copied from, as reports name it.
    """

    shown: str
    path: Path
    drop: frozenset[str]
    modes: Mapping[str, int]
    add: Mapping[str, str]

    @property
    def target(self) -> Path:
        """The new archive: ``code.fixed.zip`` for ``code.zip``."""
        return self.path.with_name(f"{self.path.stem}.fixed{self.path.suffix}")

    @property
    def summary(self) -> str:
        """What is changed, in a clause."""
        done = ("left out", self.drop), ("with other permissions", self.modes), ("added", self.add)
        return ", ".join(f"{files(len(names))} {what}" for what, names in done if names)

    @property
    def lines(self) -> Iterator[str]:
        """What is changed, line by line."""
        yield f"--- {self.path.name}"
        yield f"+++ {self.target.name}"
        yield from (f"-{name}" for name in sorted(self.drop))
        yield from (f"!{name} (mode {mode:04o})" for name, mode in sorted(self.modes.items()))
        yield from (f"+{name} (from {file})" for name, file in sorted(self.add.items()))


@dataclass(frozen=True, slots=True)
class Edited:
    """A file of the repository, and the lines to insert."""

    shown: str
    path: Path
    inserts: tuple[Insert, ...]

    @property
    def texts(self) -> tuple[list[str], list[str]]:
        """Its lines before and after, with their ends.

        Raises:
            OSError: It cannot be read.
        """
        before = regular_files.read(self.path, _LARGEST).decode("utf-8", "surrogateescape").splitlines(keepends=True)
        end = "\r\n" if before and before[0].endswith("\r\n") else "\n"
        after = list(before)
        for insert in sorted(self.inserts, key=lambda one: (-one.line, one.text)):
            after.insert(insert.line - 1, insert.text + end)
        return before, after


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that can be changed at once.

    Attributes:
        folder: The folder that the names of files are relative to.
        withheld: The number of changes that are unsafe, and were not asked for.
    """

    folder: Path
    archives: tuple[Rewritten, ...]
    edits: tuple[Edited, ...]
    withheld: int

    def __bool__(self) -> bool:
        """Whether there is anything to change."""
        return bool(self.archives or self.edits)

    @property
    def diff(self) -> str:
        """The changes as people read them: a unified diff of files, the changed entries of archives.

        Raises:
            OSError: A file cannot be read.
        """
        blocks = []
        for edit in self.edits:
            before, after = edit.texts
            lines = difflib.unified_diff(before, after, edit.shown, edit.shown)
            blocks.append("".join(line if line.endswith("\n") else f"{line}\n" for line in lines))
        blocks += ["\n".join(one.lines) + "\n" for one in self.archives]
        return "\n".join(blocks)

    def write(self) -> None:
        """Change the files, and write the new archives.

        Raises:
            UsageError: An archive cannot be written again.
            OSError: Something cannot be read or written.
        """
        for edit in self.edits:
            edit.path.write_bytes("".join(edit.texts[1]).encode("utf-8", "surrogateescape"))
        for one in self.archives:
            added = {name: regular_files.read(self.folder / file, _LARGEST) for name, file in one.add.items()}
            try:
                rewrite(one.path, one.target, Changes(one.drop, one.modes, added))
            except Refused as refused:
                raise UsageError(f"{one.shown} cannot be fixed: it {refused.refusal.reason}") from None

    def applied(self, manifest: Manifest) -> Manifest:
        """A manifest with the new archives in the place of the old ones."""
        targets = {one.path: one for one in self.archives}

        def source(old: Source) -> Source:
            one = targets.get(old.path) if old.path else None
            if one is None:
                return old
            return replace(old, path=one.target, text=old.text.removesuffix(one.path.name) + one.target.name)

        def function(old: Function) -> Function:
            return replace(old, code=source(old.code), layers=tuple(map(source, old.layers)))

        return replace(
            manifest,
            code=source(manifest.code) if manifest.code else None,
            layers=tuple(map(source, manifest.layers)),
            functions=tuple(map(function, manifest.functions)),
        )

    def notes(self, before: Report, after: Report) -> Iterator[str]:
        """A sentence on each change, with the digests of the archives before and after."""
        old = {one.source: one.sha256 for one in before.artifacts}
        new = {one.source: one.sha256 for one in after.artifacts}
        for edit in self.edits:
            yield f"fixed: {edit.shown}: added {', '.join(insert.text for insert in edit.inserts)}; build again"
        for one in self.archives:
            shown = one.shown.removesuffix(one.path.name) + one.target.name
            was, became = f"{one.shown} (sha256 {old.get(one.shown)})", f"{shown} (sha256 {new.get(shown)})"
            yield f"fixed: {was} became {became}: {one.summary}; the exit code is still that of {one.path.name}"


def plan(report: Report, manifest: Manifest, *, unsafe: bool) -> Plan:
    """The changes that the findings of a report ask for.

    Args:
        report: What was found.
        manifest: What was verified.
        unsafe: Whether changes are wanted that may take away what somebody wants.
    """
    found = dict.fromkeys(fix for result in report.results for finding in result.findings for fix in finding.fixes)
    wanted = [fix for fix in found if unsafe or fix.safety is Safety.SAFE]
    named = [manifest.code, *manifest.layers, *(one for f in manifest.functions for one in (f.code, *f.layers))]
    paths = {one.text: one.path for one in named if one and one.path and one.path.is_file()}
    archives = (_rewritten(name, path, [one for one in wanted if one.archive == name]) for name, path in paths.items())
    return Plan(
        manifest.folder,
        tuple(one for one in archives if one.summary),
        tuple(_edits(report, manifest.folder)),
        len([fix for fix in found if fix.archive in paths]) - len([fix for fix in wanted if fix.archive in paths]),
    )


def _rewritten(name: str, path: Path, fixes: Sequence[Fix]) -> Rewritten:
    drop = frozenset(entry for fix in fixes for entry in fix.drop)
    modes = {entry: mode for fix in fixes for entry, mode in fix.modes if entry not in drop}
    add = {entry: file for fix in fixes for entry, file in fix.copy}
    return Rewritten(name, path, drop, modes, add)


def _edits(report: Report, folder: Path) -> Iterator[Edited]:
    """The files of the repository that problems say to insert lines into."""
    inserts: dict[str, dict[Insert, None]] = {}
    for problem in problems(report):
        for edit in problem.edits:
            if edit.at and edit.insert:
                inserts.setdefault(edit.at.file, {})[edit.insert] = None
    for file, several in inserts.items():
        yield Edited(file, folder / file, tuple(several))
