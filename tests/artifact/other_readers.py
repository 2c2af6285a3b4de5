"""What other readers of zip archives see: Python's, Java's two, unzip, bsdtar and 7z, and where they are odd."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from harness.artifact.archive import read
from harness.artifact.entries import Kind, Refused, Role
from harness.artifact.inflate import content
from harness.artifact.zip_directory import Bytes
from harness.cache.trees import remove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.artifact.entries import Archive

JAVA = Path(__file__).parent / "readers/Readers.java"


class Seen(NamedTuple):
    """One path, as a reader sees it.

    Attributes:
        mode: Permission bits; None where neither the archive nor the reader states them.
        content: Size and CRC-32 of a file's content or of a link's target.
    """

    kind: str
    mode: int | None
    content: tuple[int, int]


View: TypeAlias = dict[str, Seen] | str
"""By path; or why the reader refuses."""

NOTHING = (0, 0)


def _checked(data: bytes) -> tuple[int, int]:
    return len(data), zlib.crc32(data)


def ours(path: Path) -> dict[str, Seen] | None:
    """What our reader sees; None where it refuses."""
    archive = read(path, path.name, Role.CODE)
    if archive.refusals:
        return None
    try:
        return _ours(archive)
    except Refused:
        return None


def _ours(archive: Archive) -> dict[str, Seen]:
    stated = _stated_modes(archive.path)
    seen: dict[str, Seen] = {}
    with archive.path.open("rb") as file:
        data = Bytes(file.fileno())
        for entry in archive.entries:
            inside = b"".join(content(data, entry))
            mode = stated.get(entry.name)
            seen[entry.name] = Seen(entry.kind, None if mode is None else mode & 0o777, _checked(inside))
    return seen


def _stated_modes(path: Path) -> dict[str, int]:
    """The modes that an archive states as a Unix system would."""
    with zipfile.ZipFile(path) as file:
        return {
            _plain(info.filename): info.external_attr >> 16
            for info in file.infolist()
            if info.create_system in (3, 19) and (mode := info.external_attr >> 16)
            if not info.is_dir() or stat.S_ISDIR(mode)
        }


def _plain(name: str) -> str:
    while name.startswith("./"):
        name = name[2:]
    return name.removesuffix("/")


def python(path: Path) -> View:
    """Python's zipfile."""
    try:
        with zipfile.ZipFile(path) as file:
            found = [(info.filename, file.read(info)) for info in file.infolist()]
    except Exception as error:  # noqa: BLE001 - whatever it raises is its refusal
        return f"{type(error).__name__}: {error}"
    return _named(found)


def _named(found: Sequence[tuple[str, bytes]]) -> View:
    return _by_name([(name, _checked(inside)) for name, inside in found])


def _by_name(found: Sequence[tuple[str, tuple[int, int]]]) -> View:
    seen = {_plain(name): Seen("directory" if name.endswith("/") else "file", None, inside) for name, inside in found}
    return seen if len(seen) == len(found) else "the same name twice"


def java(paths: Sequence[Path], folder: Path) -> tuple[list[View], list[View]]:
    """Java's ZipFile, which begins at the end, and its ZipInputStream, which begins at the beginning."""
    subprocess.run(["javac", "-d", str(folder), str(JAVA)], check=True)  # noqa: S607 - any JDK
    done = subprocess.run(
        ["java", "-XX:+UseSerialGC", "-cp", str(folder), "Readers"],  # noqa: S607 - the same
        input="".join(f"{path}\n" for path in paths),
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    views: dict[str, list[View]] = {"file": [], "stream": []}
    for block in done.stdout.split("archive ")[1:]:
        lines = [line.split(" ") for line in block.splitlines()[1:]]
        for reader, those in views.items():
            mine = [line[1:] for line in lines if line[0] == reader]
            those.append(_java(mine))
    return views["file"], views["stream"]


def _java(lines: Sequence[Sequence[str]]) -> View:
    if any(line[0] == "error" for line in lines):
        return " ".join(next(line for line in lines if line[0] == "error")[1:])
    return _by_name([(bytes.fromhex(line[1]).decode(), (int(line[2]), int(line[3]))) for line in lines])


COMMANDS = {
    "unzip": ("unzip", "-qq", "-o", "{archive}", "-d", "{folder}"),
    "bsdtar": ("bsdtar", "-x", "-p", "-f", "{archive}", "-C", "{folder}"),
    "7z": ("7z", "x", "-y", "-snl", "-o{folder}", "{archive}"),
}
WARNING = 1
"""The code with which unzip and 7z say that they have done it nevertheless."""


def unpacked(tool: str, path: Path) -> View:
    """What a tool makes of an archive on the disk."""
    folder = Path(tempfile.mkdtemp())
    try:
        command = [word.format(archive=path, folder=folder) for word in COMMANDS[tool]]
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            umask=0,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        )
        if done.returncode > (0 if tool == "bsdtar" else WARNING):
            return f"exit code {done.returncode}: {(done.stderr or done.stdout)[-300:].decode('utf-8', 'replace')}"
        return dict(_walk(folder))
    finally:
        remove(folder)


def _walk(top: Path) -> Iterator[tuple[str, Seen]]:
    for root, folders, files in os.walk(top):
        for name in (*folders, *files):
            path = Path(root, name)
            status = path.lstat()
            inside = NOTHING
            if stat.S_ISLNK(status.st_mode):
                kind, inside = "symlink", _checked(os.fsencode(path.readlink()))
            elif stat.S_ISDIR(status.st_mode):
                kind = "directory"
            else:
                kind, inside = "file", _checked(path.read_bytes())
            yield path.relative_to(top).as_posix(), Seen(kind, status.st_mode & 0o777, inside)


def of_library(seen: dict[str, Seen]) -> dict[str, Seen]:
    """Ours, as a reader tells it that knows names and contents alone."""
    return {
        name: Seen("directory" if one.kind == Kind.DIRECTORY else "file", None, one.content)
        for name, one in seen.items()
    }


class Difference(NamedTuple):
    """One thing in which another reader disagrees with ours; the name is empty where it is about the whole."""

    name: str
    said: str


def differences(seen: dict[str, Seen], view: View) -> Iterator[Difference]:
    """In what another reader disagrees with ours."""
    if isinstance(view, str):
        yield Difference("", f"refuses it: {view}")
        return
    implied = {folder for name in seen for folder in _above(name)}
    for name in sorted(seen.keys() | view.keys()):
        mine, theirs = seen.get(name), view.get(name)
        if mine is None and theirs is not None and theirs.kind == "directory" and name in implied:
            continue
        if mine is None or theirs is None:
            yield Difference(name, f"has {name!r}: {theirs}, where ours has {mine}")
        elif (mine.kind, mine.content) != (theirs.kind, theirs.content):
            yield Difference(name, f"sees {theirs} in {name!r}, where ours sees {mine}")
        elif mine.kind != "symlink" and mine.mode is not None and theirs.mode not in (None, mine.mode):
            yield Difference(name, f"gives {name!r} the mode {theirs.mode:o}, where the archive states {mine.mode:o}")


def _above(name: str) -> Iterator[str]:
    while name := name.rpartition("/")[0]:
        yield name


@dataclass(frozen=True)
class Case:
    """A difference, and what is stated of the entries."""

    said: str
    entry: zipfile.ZipInfo | None
    entries: Sequence[zipfile.ZipInfo]

    @property
    def about_mode(self) -> bool:
        """Whether a mode differs."""
        return self.said.startswith("gives ")

    def any(self, holds: Callable[[zipfile.ZipInfo], object]) -> bool:
        """Whether something holds of one of the entries."""
        return any(map(holds, self.entries))

    @property
    def is_late_folder(self) -> bool:
        """Whether the entry is a folder that stands behind something in it."""
        at = next((at for at, one in enumerate(self.entries) if one is self.entry), 0)
        inside = _plain(self.entries[at].filename) + "/"
        return any(_plain(one.filename).startswith(inside) for one in self.entries[:at])


def _mode(entry: zipfile.ZipInfo | None) -> int:
    return entry.external_attr >> 16 if entry else 0


DARWIN, FAT, HPFS = 19, 0, 6
LEVEL, DESCRIBED = 6, 8


@dataclass(frozen=True)
class Quirk:
    """Where a tool is odd by itself, and not the archive ambiguous."""

    tools: tuple[str, ...]
    reason: str
    applies: Callable[[Case], object]


QUIRKS = (
    Quirk(
        ("unzip", "bsdtar", "7z"),
        "takes no mode from an entry that was made on macOS by its number for it, 19, though it is a Unix",
        lambda case: case.about_mode and case.entry and case.entry.create_system == DARWIN,
    ),
    Quirk(
        ("unzip", "7z"),
        "takes no mode from an entry whose mode has no type of file, as Python's `ZipInfo` is often given one",
        lambda case: case.about_mode and stat.S_IFMT(_mode(case.entry)) == 0,
    ),
    Quirk(
        ("unzip",),
        "sets no mode of a folder that something in it has made before",
        lambda case: case.about_mode and case.is_late_folder,
    ),
    Quirk(
        ("unzip",),
        "takes a name for one in DOS's character set where the entry is from DOS or OS/2, though it is marked as UTF-8",
        lambda case: (
            case.said.startswith("has ")
            and case.any(lambda one: one.create_system in (FAT, HPFS) and not one.filename.isascii())
        ),
    ),
    Quirk(
        ("unzip",),
        "sees an overlap where a Unicode name and a data descriptor come together",
        lambda case: (
            "overlapped components" in case.said
            and case.any(lambda one: b"up" in one.extra)
            and case.any(lambda one: one.flag_bits & DESCRIBED)
        ),
    ),
    Quirk(
        ("7z",),
        "complains of bits that tell how hard the packer tried, where an entry is stored or one header lacks them",
        lambda case: "Headers Error" in case.said,
    ),
    Quirk(
        ("unzip",),
        "reads attributes of a text file that nobody sets, and then takes no mode",
        lambda case: case.about_mode and case.entry and case.entry.internal_attr > 1,
    ),
    Quirk(
        ("7z",),
        "gives a folder what its owner needs to write into it",
        lambda case: case.about_mode and _mode(case.entry) & stat.S_IRWXU != stat.S_IRWXU,
    ),
    Quirk(
        ("7z",),
        "makes no link whose path goes up, though it stays inside",
        lambda case: "Dangerous link path" in case.said,
    ),
    Quirk(
        ("bsdtar",),
        "stops at a field for AES, though the entry is not encrypted",
        lambda case: "AES field" in case.said,
    ),
    Quirk(
        ("bsdtar",),
        "stops at an empty field of times, which says nothing",
        lambda case: "Incomplete extended time field" in case.said,
    ),
    Quirk(
        ("java ZipFile",),
        "stops at a comment that is not UTF-8",
        lambda case: "malformed input" in case.said and case.any(lambda one: not _is_utf8(one.comment)),
    ),
    Quirk(
        ("java ZipFile", "java ZipInputStream"),
        "stops at an entry that is compressed into no bytes at all, which no other reader inflates",
        lambda case: (
            ("Unexpected end of ZLIB" in case.said or "invalid stored block lengths" in case.said)
            and case.any(lambda one: one.compress_type == zipfile.ZIP_DEFLATED and not one.compress_size)
        ),
    ),
    Quirk(
        ("java ZipInputStream",),
        "stops at an entry that is stored and has a data descriptor, as others cannot find its end from the beginning",
        lambda case: "only DEFLATED entries can have EXT descriptor" in case.said,
    ),
    Quirk(
        ("java ZipInputStream",),
        "expects 32 bits in the data descriptor of whatever is small, before Java 22; Python writes 64 to a pipe",
        lambda case: "invalid entry size (expected 0" in case.said and case.any(lambda one: one.flag_bits & DESCRIBED),
    ),
)


def _is_utf8(comment: bytes) -> bool:
    try:
        comment.decode()
    except UnicodeDecodeError:
        return False
    return True


def unexplained(tool: str, path: Path, seen: dict[str, Seen], view: View) -> tuple[list[str], list[Quirk]]:
    """In what a tool disagrees with ours for no known reason, and its quirks that explain the rest."""
    found, known = list[str](), list[Quirk]()
    with zipfile.ZipFile(path) as file:
        entries = file.infolist()
    by_name = {_plain(one.filename): one for one in entries}
    for name, said in differences(seen, view):
        case = Case(said, by_name.get(name), entries)
        quirk = next((one for one in QUIRKS if tool in one.tools and one.applies(case)), None)
        if quirk:
            known.append(quirk)
        else:
            found.append(said)
    return found, known


def missing(tool: str) -> str | None:
    """Why a tool cannot be asked here."""
    needed = ("java", "javac") if tool.startswith("java") else (tool,) if tool in COMMANDS else ()
    absent = [one for one in needed if shutil.which(one) is None]
    return f"{', '.join(absent)} not installed" if absent else None
