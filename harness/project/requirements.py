"""Reads requirements files, as pip does, with what they include; nothing is fetched, and no variable expanded."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from harness.project.reading import read_text, shown
from harness.project.values import Asked, BuildInput, MalformedFileError, Unnamed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pip_requirements_parser import InstallRequirement, RequirementsFile

_SCHEME = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]+:/")
_COMMIT = re.compile(r"@[0-9a-f]{40}(?:$|#)")
_DIGEST = re.compile(r"[#&](?:sha256|sha384|sha512)=")
_HASHES = re.compile(r"\s--hash[= ]\S+")
_YOUNGER = re.compile(r"\s(?:--hash|--config-settings?|-C)[= ]\S+")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
_LONGEST = 80


def read_requirements(paths: Sequence[Path], folder: Path) -> BuildInput:
    """Everything that requirements files ask for.

    Args:
        paths: The files.
        folder: The manifest's, which names of files are relative to.

    Raises:
        MalformedFileError: One cannot be read, or a line of one is no requirement; with every such line.
    """
    reading = _Reading(folder)
    for path in paths:
        reading.take(path, constraints=False, included_at=None)
    if reading.problems:
        raise MalformedFileError("\n".join(reading.problems))
    return BuildInput(
        files=tuple(reading.files),
        shown=tuple(shown(path, folder) for path in paths),
        asked=tuple(reading.asked),
        constraints=tuple(reading.constraints),
        unnamed=tuple(reading.unnamed),
    )


@dataclass
class _Reading:
    """What was read so far."""

    folder: Path
    files: dict[Path, None] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    constraints: list[Asked] = field(default_factory=list)
    unnamed: list[Unnamed] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _done: set[tuple[Path, bool]] = field(default_factory=set)

    def take(self, path: Path, *, constraints: bool, included_at: str | None) -> None:
        """Read one file and what it includes; each is read once."""
        path = path.parent.resolve() / path.name
        if (path, constraints) in self._done:
            return
        self._done.add((path, constraints))
        name = shown(path, self.folder.resolve())
        try:
            read_text(path, name)  # which says what is wrong with it
        except MalformedFileError as error:
            self.problems.append(f"{included_at}: includes {error}" if included_at else str(error))
            return
        self.files[path] = None
        parsed = _parse(path)
        for line in parsed.invalid_lines:
            self._unread(line.line, f"{name}:{line.line_number}", constraints=constraints)
        for one in parsed.requirements:
            self._requirement(one, f"{name}:{one.line_number}", constraints=constraints)
        for line in parsed.options:
            where = f"{name}:{line.line_number}"
            for option in ("requirements", "constraints"):
                for included in line.options.get(option) or ():
                    self._include(path, included, where, constraints=constraints or option == "constraints")

    def _include(self, path: Path, included: str, where: str, *, constraints: bool) -> None:
        if _SCHEME.match(included):
            self.unnamed.append(Unnamed(included, where))
        else:
            self.take(path.parent / included, constraints=constraints, included_at=where)

    def _unread(self, line: str, where: str, *, constraints: bool) -> None:
        """A line that the parser does not take: one with options that are younger than it is, or none at all."""
        text = _YOUNGER.sub("", line).strip()
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            self.problems.append(_problem(where, line))
        else:
            found = Asked(
                canonicalize_name(requirement.name), requirement, text, where, hashed=bool(_HASHES.search(line))
            )
            (self.constraints if constraints else self.asked).append(found)

    def _requirement(self, one: InstallRequirement, where: str, *, constraints: bool) -> None:
        text = " ".join(_HASHES.sub("", f" {one.requirement_line.line}").split())
        try:
            requirement = _named(one, text)
        except InvalidRequirement:
            self.problems.append(_problem(where, text))
            return
        if requirement is None:
            self.unnamed.append(Unnamed(text, where, bool(one.is_editable)))
            return
        url = requirement.url or (one.link.url if one.link else "")
        found = Asked(
            name=canonicalize_name(requirement.name),
            requirement=requirement,
            text=text,
            where=where,
            hashed=bool(one.hash_options),
            editable=bool(one.is_editable),
            fixed=bool(one.hash_options or _COMMIT.search(url) or _DIGEST.search(url)),
        )
        (self.constraints if constraints else self.asked).append(found)


def _parse(path: Path) -> RequirementsFile:
    # Here, since it is needed where a requirements file is named, and takes longer than --help may.
    from pip_requirements_parser import RequirementsFile  # noqa: PLC0415

    parsed: RequirementsFile = RequirementsFile.from_file(str(path))
    return parsed


def _named(one: InstallRequirement, text: str) -> Requirement | None:
    """What a line asks for; None where it says no name.

    Raises:
        InvalidRequirement: It is none.
    """
    url = one.link.url if one.link else ""
    if not url or (one.is_url and not (one.is_editable or _SCHEME.match(text))):
        return Requirement(text)
    marker = f" ; {one.marker}" if one.marker else ""
    extras = f"[{','.join(sorted(one.extras))}]" if one.extras else ""
    wheel = os.path.basename(urlsplit(url).path)  # noqa: PTH119 - the path of a URL
    if wheel.endswith(".whl"):
        try:
            name, version, _, _ = parse_wheel_filename(wheel)
        except InvalidWheelFilename as error:
            raise InvalidRequirement(str(error)) from error
        return Requirement(f"{name}{extras}=={version}{marker}")
    if egg := _EGG.search(url):
        return Requirement(f"{egg[1]}{extras} @ {url}{marker}")
    return None


def _problem(where: str, line: str) -> str:
    found = line.strip() if len(line.strip()) <= _LONGEST else f"{line.strip()[:_LONGEST]}…"
    return f"{where}: expected a requirement such as name==1.2, found {found}"
