"""Modules that a version of Python does not compile, found with ruff."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ruff  # type: ignore[import-untyped]  # it ships no types

from harness import regular_files
from harness.facts.python.encoding import declared_encoding, unix_lines
from harness.facts.python.parser import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# The rules whose every finding CPython's compiler refuses too; the syntax itself is not a rule, and always judged.
_RULES = (
    "F404",  # a late import from __future__
    "F406",  # import * in a function
    "F407",  # an unknown feature of __future__
    "F622",  # two starred expressions in an assignment
    "F701",  # break outside of a loop
    "F702",  # continue outside of a loop
    "F704",  # yield outside of a function
    "F706",  # return outside of a function
    "F707",  # a bare except that is not the last
    "PLE0115",  # both nonlocal and global
    "PLE0117",  # nonlocal without a binding
    "PLE0118",  # used before its global declaration
    "PLE1142",  # await outside of an async function
    "PLE1700",  # yield from in an async function
)
_SYNTAX = (None, "invalid-syntax")  # the code of what is no rule, by version
_UTF8 = ("utf-8", "utf-8-sig")
_BATCH_BYTES = 100_000  # of names on one command line: the least that systems allow is some 128 KiB
_STACK_BYTES = 64 * 1024 * 1024  # of each thread, as RUST_MIN_STACK: expressions of generated code are deep
_RELATIVE = re.compile(rb"\s*from\s*\.")
# Python 3.14 began to refuse it; of the patch releases of older versions, only some do.
_SINCE_314 = "f-string: newlines are not allowed in format specifiers"
_TABS, _SPACES = re.compile(rb"^ *\t", re.MULTILINE), re.compile(rb"^ ", re.MULTILINE)
# What no version of CPython takes, whatever ruff says.
_LIMITS = ("too many nested parentheses", "too many levels of indentation", "Exceeds the limit (")
_POSSIBLE = re.compile(r"possible values: ([\w, ]+)")


class SyntaxUnknown(OSError):  # noqa: N818 - named for what it is
    """Ruff could not be run, or answered what makes no sense."""


@dataclass(frozen=True, slots=True)
class SyntaxFault:
    """Why a module does not compile.

    Attributes:
        line: Where, counted from one.
        message: What is wrong, in words that follow ``Syntax error in module 'x':``.
    """

    line: int
    message: str


def syntax_faults(folder: Path, python: tuple[int, int], scratch: Path | None = None) -> dict[str, SyntaxFault]:
    """The modules below a folder that do not compile.

    Args:
        folder: Where they are; every file whose name ends in ``.py`` is judged, wherever it is.
        python: The version that is to compile them; of one that is too new to be known, the newest that is.
        scratch: A folder for files that are gone afterwards; None for the system's.

    Returns:
        The first fault of each module that has one, by its path from the folder on.

    Raises:
        SyntaxUnknown: Ruff could not be run, or answered what makes no sense.
        OSError: A file cannot be read.
    """
    root = folder.resolve()
    faults: dict[str, SyntaxFault] = {}
    judged: dict[str, str] = {}  # the name that is given to ruff → the path
    with tempfile.TemporaryDirectory(prefix="syntax-", dir=scratch) as copies:
        for path in _modules(root):
            source = regular_files.read(root / path, regular_files.LARGEST_ARCHIVE)
            text = _tab_fault(source) or _text(source)
            if isinstance(text, SyntaxFault):
                faults[path] = text
            elif text is None and _speakable(path):
                judged[str(root / path)] = path
            else:  # what ruff cannot read, or not name
                copy = Path(copies).resolve() / f"{len(judged)}.py"
                copy.write_bytes(source if text is None else text.encode("utf-8", "replace"))
                judged[str(copy)] = path
        for name, fault in _Ruff(python).faults(sorted(judged)).items():
            faults[judged[name]] = fault
    return dict(sorted(faults.items()))


def _modules(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if name.endswith(".py") and path.is_file():
                yield path.relative_to(root).as_posix()


def _speakable(path: str) -> bool:
    """Whether a name survives JSON; names that are not UTF-8 do not."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(source: bytes) -> str | SyntaxFault | None:
    """What CPython makes of the bytes before it reads the syntax: the text if it is not in UTF-8, a fault, or None."""
    if (null := source.find(b"\0")) >= 0:
        return SyntaxFault(_line(source[:null]), "source code string cannot contain null bytes")
    try:
        encoding = declared_encoding(source)
    except SyntaxError as error:
        return SyntaxFault(1, str(error))
    try:
        text = source.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding in _UTF8 and parse(source):  # in a comment, which Python does not decode
            return source.decode(encoding, "replace")
        return SyntaxFault(_line(source[: error.start]), f"(unicode error) {error}")
    except (LookupError, ValueError) as error:  # a codec that does not make text of bytes
        return SyntaxFault(1, f"encoding problem: {error}")
    return None if encoding in _UTF8 else text


def _tab_fault(source: bytes) -> SyntaxFault | None:
    """Where tabs and spaces indent lines in ways that depend on a tab's width: no version takes that, and ruff does."""
    if not (_TABS.search(source) and _SPACES.search(source)):
        return None
    error = _error(source)
    return _fault(error) if isinstance(error, TabError) else None


def limit_fault(source: bytes) -> SyntaxFault | None:
    """Where a source that cannot be parsed goes beyond what every version's compiler takes, and ruff takes more."""
    error = _error(source)
    return _fault(error) if error and error.msg.startswith(_LIMITS) else None


def _error(source: bytes) -> SyntaxError | None:
    """What this Python's parser says; nothing where it is out of its depth."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(source, "<source>", "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError):
        return None
    return None


def _fault(error: SyntaxError) -> SyntaxFault:
    return SyntaxFault(error.lineno or 1, error.msg)


def _line(before: bytes) -> int:
    return unix_lines(before).count(b"\n") + 1


class _Ruff:
    """Ruff, asked about files by name: so that no configuration, exclusion or suffix decides which it reads."""

    def __init__(self, python: tuple[int, int]) -> None:
        self._python = python
        self._target = f"py{python[0]}{python[1]}"

    def faults(self, names: Sequence[str]) -> dict[str, SyntaxFault]:
        """The first fault of each file that has one."""
        return {name: fault for batch in _batches(names) for name, fault in self._batch(batch)}

    def _batch(self, names: Sequence[str]) -> Iterator[tuple[str, SyntaxFault]]:
        done = self._run(names)
        if done.returncode == 2 and "--target-version" in done.stderr and (known := _POSSIBLE.search(done.stderr)):  # noqa: PLR2004 - wrong usage
            self._target = max(known[1].split(", "), key=lambda name: (len(name), name))
            done = self._run(names)
        if done.returncode not in {0, 1}:
            if done.returncode > 0 and not _crashed(done):
                raise SyntaxUnknown(f"ruff ended with code {done.returncode}: {done.stderr.strip()[:500]}")
            # Some generated code is nested so deep that it takes ruff down, and the verdict of all others with it.
            if len(names) > 1:
                yield from self._batch(names[: len(names) // 2])
                yield from self._batch(names[len(names) // 2 :])
            return
        yield from _firsts(filter(self._holds, _answers(done.stdout)), frozenset(names))

    def _holds(self, answer: dict[str, Any]) -> bool:
        """Whether CPython agrees, where ruff is known to be stricter."""
        if answer["message"].startswith(_SINCE_314):
            return self._python >= (3, 14)
        if answer["code"] in {"F404", "F407"} and self._python >= (3, 13):  # older ones took a relative import for it
            lines = Path(answer["filename"]).read_bytes().splitlines()
            return not _RELATIVE.match(lines[answer["location"]["row"] - 1])
        return True

    def _run(self, names: Sequence[str]) -> subprocess.CompletedProcess[str]:
        options = ["--isolated", "--no-cache", "--no-respect-gitignore", "--ignore-noqa", "--no-fix", "--quiet"]
        options += ["--target-version", self._target, "--select", ",".join(_RULES), "--output-format", "json"]
        try:
            return subprocess.run(
                [ruff.find_ruff_bin(), "check", *options, "--", *names],
                env={"RUST_MIN_STACK": str(_STACK_BYTES)},  # and none of the variables that configure ruff
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
        except OSError as error:
            raise SyntaxUnknown(f"ruff cannot be run: {error}") from error


def _crashed(done: subprocess.CompletedProcess[str]) -> bool:
    return "overflowed its stack" in done.stderr or "panicked" in done.stderr


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    start = size = 0
    for at, name in enumerate(names):
        size += len(os.fsencode(name)) + 1
        if size > _BATCH_BYTES and at > start:
            yield names[start:at]
            start, size = at, len(os.fsencode(name)) + 1
    if start < len(names):
        yield names[start:]


def _answers(output: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(output)
        return [one for one in found if one["code"] in _SYNTAX or one["code"] in _RULES]
    except (ValueError, TypeError, KeyError) as error:
        raise SyntaxUnknown(f"ruff's answer makes no sense: {output[:200]!r}") from error


def _firsts(found: Iterable[dict[str, Any]], names: frozenset[str]) -> Iterator[tuple[str, SyntaxFault]]:
    """Of each file, what comes first; the syntax before what only the compiler sees."""
    best: dict[str, tuple[bool, int, int, str]] = {}
    try:
        for one in found:
            place = one["location"]
            key = (one["code"] not in _SYNTAX, int(place["row"]), int(place["column"]), str(one["message"]))
            best[one["filename"]] = min(best.get(one["filename"], key), key)
    except (TypeError, KeyError, ValueError) as error:
        raise SyntaxUnknown(f"ruff's answer makes no sense: {error!r}") from error
    if strange := best.keys() - names:
        raise SyntaxUnknown(f"ruff judged {min(strange)!r}, which it was not asked about")
    for name, (_, line, _, message) in best.items():
        yield name, SyntaxFault(line, message)
