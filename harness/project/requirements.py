"""Reads requirements files, as pip does, with what they include; nothing is fetched, and no variable expanded."""

from __future__ import annotations

import codecs
import os.path
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from harness.project.asking import VARIABLE, NotARequirementError, requested
from harness.project.reading import read_text, shown
from harness.project.toml import told
from harness.project.values import Asked, BuildInput, MalformedFileError, Unnamed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_REMOTE: Final = re.compile(r"(?:https?|ftp):", re.IGNORECASE)
_HERE: Final = re.compile(r"file:(?://(?:localhost)?(?=/))?", re.IGNORECASE)
_CODING: Final = re.compile(rb"[ \t]*#.*coding[:=][ \t]*([-\w.]+)")
# The marks of UTF-32 begin with those of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MOST: Final = 20


def read_requirements(paths: Sequence[Path], folder: Path) -> BuildInput:
    """Everything that requirements files ask for.

    Args:
        paths: The files.
        folder: The manifest's, which sentences name files from.

    Raises:
        MalformedFileError: One cannot be read, or a line of one is no requirement: a sentence for each.
    """
    reading = _Reading(folder)
    for path in paths:
        reading.read(path)
    if problems := reading.problems:
        more = [f"… and {len(problems) - _MOST} more"] if len(problems) > _MOST else []
        raise MalformedFileError("\n".join([*problems[:_MOST], *more]))
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

    def read(self, path: Path, *, constrains: bool = False, included: str = "") -> None:
        """Read a file and what it includes; each once as requirements, and once as constraints.

        Args:
            path: The file.
            constrains: Whether it only says what versions there may be.
            included: The line that includes it.
        """
        path = Path(os.path.normpath(path))
        if (path, constrains) in self._done:
            return
        self._done.add((path, constrains))
        name = shown(path, self.folder)
        try:
            text = _text(path, name)
        except MalformedFileError as error:
            self.problems.append(f"{included}: includes {error}" if included else str(error))
            return
        self.files[path] = None
        for number, line in _lines(text):
            self._line(line, path, f"{name}:{number}", constrains=constrains)

    def _line(self, line: str, path: Path, where: str, *, constrains: bool) -> None:
        # Here, since it is needed where a requirements file is named, and takes longer than --help may.
        from pip_requirements_parser import break_args_options  # noqa: PLC0415

        text, options = break_args_options(line)
        try:
            if text:
                found = requested(text, where, is_hashed=_hashed(options, line))
                self._add(found, constrains=constrains)
                return
            said = _options(options)
        except NotARequirementError:
            self.problems.append(f"{where}: expected a requirement such as name==1.2, found {told(line)}")
            return
        for editable in said.editables or ():
            self._add(requested(editable, where, is_editable=True), constrains=constrains)
        for one in said.requirements or ():
            self._include(one.lstrip("="), path, where, constrains=constrains)
        for one in said.constraints or ():
            self._include(one.lstrip("="), path, where, constrains=True)

    def _add(self, found: Asked | Unnamed, *, constrains: bool) -> None:
        if isinstance(found, Asked):
            (self.constraints if constrains else self.asked).append(found)
        elif not constrains:
            self.unnamed.append(found)

    def _include(self, target: str, path: Path, where: str, *, constrains: bool) -> None:
        if _REMOTE.match(target) or VARIABLE.search(target):
            self.unnamed.append(Unnamed(f"{'-c' if constrains else '-r'} {target}", where))
            return
        if beginning := _HERE.match(target):
            target = unquote(target[beginning.end() :])
        if target.isprintable():
            self.read(path.parent / target, constrains=constrains, included=where)
        else:
            self.problems.append(f"{where}: expected the path of a file, found {told(target)}")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, continued ones in one, each with the number that it begins on."""
    from pip_requirements_parser import CommentLine, preprocess  # noqa: PLC0415 - as above

    for line in preprocess(text):
        if not isinstance(line, CommentLine):
            yield line.line_number, line.line


def _hashed(options: str, line: str) -> bool:
    """Whether hashes are among the options of a requirement.

    Raises:
        NotARequirementError: What follows it are no options.
    """
    for option in options.split():
        if option.startswith("-") and not re.match(r"--[a-z]|-[A-Za-z]", option):
            raise NotARequirementError(line)
    return re.search(r"(?:^|\s)--hash[=\s]", options) is not None


def _options(text: str) -> Any:  # noqa: ANN401 - of a library without types
    """The options of a line without a requirement; those that only a younger pip knows say nothing here.

    Raises:
        NotARequirementError: It has none.
    """
    from pip_requirements_parser import OptionParsingError, get_line_parser  # noqa: PLC0415 - as above

    parse = get_line_parser()
    try:
        _, options, rest = parse(text)
    except OptionParsingError as error:
        if not re.match(r"--[a-z]", text) or "no such option" not in error.msg:
            raise NotARequirementError(text) from error
        _, options, _ = parse("")
    except ValueError as error:  # a quotation without an end
        raise NotARequirementError(text) from error
    else:
        if rest and rest[0].startswith("-"):  # a dash alone
            raise NotARequirementError(text)
    return options


def _text(path: Path, name: str) -> str:
    """The text of a file, in the encodings that pip reads.

    Raises:
        MalformedFileError: It cannot be read, or is not in the encoding that it claims, or else not in UTF-8.
    """
    start = b""
    with suppress(OSError):  # which says so below
        start = path.read_bytes()
    coded = next((found for line in start.split(b"\n")[:2] if (found := _CODING.match(line))), None)
    encoding = next((encoding for mark, encoding in _MARKS if start.startswith(mark)), None)
    encoding = encoding or (coded[1].decode("ascii") if coded else "utf-8")
    if encoding.lower().replace("_", "-") in {"utf-8", "utf8"}:
        return read_text(path, name)
    try:
        return start.decode(encoding)
    except (LookupError, ValueError):
        raise MalformedFileError(f"{name}: expected text in {encoding}, which it claims to be in") from None
