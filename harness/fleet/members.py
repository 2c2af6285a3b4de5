"""The members of a fleet in folders: manifests, and what other tools built."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from harness import regular_files
from harness.catalogue import waivable
from harness.discovery.find import builds
from harness.discovery.manifest import load_file
from harness.discovery.project import Project, root_of
from harness.manifest import FILE_NAME, declares
from harness.model import UsageError
from harness.policy import KNOWN_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.fleet.values import Member, MemberVerdict
    from harness.manifest import Manifest

M = TypeVar("M", bound="Member")

_PASSED_OVER: Final = frozenset({"node_modules", "venv", "__pycache__", "site-packages", "cdk.out", "build", "dist"})


@dataclass(frozen=True, slots=True)
class FileMember:
    """A member by its file.

    Attributes:
        path: A manifest, or what another tool built.
    """

    name: str
    team: str
    path: Path

    def manifest(self, environ: Mapping[str, str]) -> Manifest:
        """See :class:`harness.fleet.values.Member`."""
        return load_file(self.path, runtimes=KNOWN_RUNTIMES, checks=waivable, environ=environ)


def in_folder(root: Path) -> Iterator[FileMember]:
    """The members below a folder, each with the first folder on the way to it as its team.

    Raises:
        UsageError: It is no folder, or nothing in it can be verified.
    """
    if not root.is_dir():
        raise UsageError(f"{root} is no folder: name folders, or a list with --list")
    found = False
    for here, folders, _ in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _PASSED_OVER)
        for path in _files(Path(here)):
            found = True
            yield _member(path, root)
    if not found:
        raise UsageError(f"{root}: no manifest and no build output is in it; build first, or name another folder")


def of_list(file: Path) -> Iterator[FileMember]:
    """The members that a file lists: a folder, a manifest or a build output each line, relative to the file.

    Raises:
        UsageError: It cannot be read, or a line leads nowhere.
    """
    try:
        lines = regular_files.read(file).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--list {file}: cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not (text := line.partition("#")[0].strip()):
            continue
        path = file.parent / text
        paths = [path] if path.is_file() else list(_files(path))
        if not paths:
            raise UsageError(f"--list {file}:{number}: {text}: no manifest and no build output is there")
        yield from (_member(one, file.parent) for one in paths)


def _files(folder: Path) -> Iterator[Path]:
    """The manifest of a folder; without one, what other tools built there."""
    for name in (FILE_NAME, "pyproject.toml"):
        path = folder / name
        if path.is_file() and (name == FILE_NAME or declares(path)):
            yield path
            return
    yield from (build.path for build in builds(Project(root_of(folder), folder)))


def _member(path: Path, root: Path) -> FileMember:
    relative = Path(os.path.relpath(path, root))
    folder = relative.parent if relative.name in {FILE_NAME, "pyproject.toml"} else relative
    team = relative.parts[0] if len(relative.parts) > 1 else ""
    return FileMember(folder.as_posix() if folder.name else root.absolute().name, team, path)


def ordered(members: Sequence[M], last: Mapping[str, MemberVerdict]) -> list[M]:
    """Members with the same layers one after another, the sets and in them the members that took longest first.

    Args:
        members: In any order.
        last: Their verdicts in an earlier run, by name; what is not known comes first.
    """
    sets: dict[tuple[str, ...], list[M]] = {}
    for member in members:
        layers = last[member.name].layers if member.name in last else ()
        sets.setdefault(layers or ("", member.name), []).append(member)
    cost = {member.name: _seconds(member, last) for member in members}
    groups = [sorted(group, key=lambda one: (-cost[one.name], one.name)) for group in sets.values()]
    groups.sort(key=lambda group: (-sum(cost[one.name] for one in group), group[0].name))
    return [member for group in groups for member in group]


def sharded(members: Sequence[M], last: Mapping[str, MemberVerdict], index: int, count: int) -> list[M]:
    """One of several shares that take about as long, where members with the same layers stay together.

    A set of layers is divided where it is more than a fair share by itself.

    Args:
        members: In any order, the same for each share.
        last: As in :func:`ordered`.
        index: From 1 on.
        count: How many shares there are.
    """
    fair = sum(_seconds(member, last) for member in members) / count
    loads, shares = [0.0] * count, [list[M]() for _ in range(count)]
    at, layers = 0, None
    for member in ordered(members, last):
        own = last[member.name].layers if member.name in last else ()
        if not own or own != layers or loads[at] >= fair:
            at = min(range(count), key=lambda one: (loads[one], one))
        layers = own
        loads[at] += _seconds(member, last)
        shares[at].append(member)
    return shares[index - 1]


def _seconds(member: Member, last: Mapping[str, MemberVerdict]) -> float:
    known = [one.seconds for one in last.values()]
    usual = sum(known) / len(known) if known else 1.0
    return last[member.name].seconds if member.name in last else usual
