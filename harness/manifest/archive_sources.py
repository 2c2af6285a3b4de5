"""The sources of archives and other paths that a manifest names: each must have the right form, and exist."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from harness import regular_files
from harness.manifest.values import Source, SourceKind

if TYPE_CHECKING:
    from collections.abc import Callable

_OBJECT = r"s3://(?!arn:)[^/]+/.+|s3://arn:[^:/]+:s3(-object-lambda)?:[^:/]*:\d{12}:accesspoint[/:][^/:]+/.+"
_FUNCTION = "function:"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9$_-]+)?")
_FUNCTION_ARN = r"arn:[^:]+:lambda:[^:]+:\d{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9$_-]+)?"
_LAYER_ARN = rf"arn:[^:]+:lambda:[^:]+:\d{{12}}:layer:[A-Za-z0-9_-]+:\d+|{_FUNCTION_ARN}"


class Paths:
    """Turns the texts of a manifest into sources and paths.

    Args:
        problem: Takes a sentence on each that is wrong.
    """

    def __init__(self, problem: Callable[[str], object]) -> None:
        self._problem = problem

    def code(self, text: str, folder: Path, where: str) -> Source:
        """The source of a function's code."""
        path = folder / text
        if _NAME.fullmatch(text) and not text.startswith(_FUNCTION) and not os.path.lexists(path):
            # Far more often a folder that was not built than the name of a function.
            self._problem(
                f"{where}: {path} does not exist: build it first; a function in AWS is named by its ARN, or as "
                f"{_FUNCTION}{text}"
            )
            return Source(text, path, SourceKind.LOCAL)
        return self._source(text, folder, where, _FUNCTION_ARN, "a function")

    def layer(self, text: str, folder: Path, where: str) -> Source:
        """The source of a layer."""
        return self._source(text, folder, where, _LAYER_ARN, "a layer's version")

    def _source(self, text: str, folder: Path, where: str, arn: str, what: str) -> Source:
        if text.startswith("<"):  # a template's placeholder
            return Source(text.strip("<>"), None, SourceKind.UNKNOWN)
        for start, pattern, expected, kind in (
            ("s3://", _OBJECT, "s3://bucket/key", SourceKind.S3),
            (_FUNCTION, _FUNCTION + _NAME.pattern, f"{_FUNCTION}NAME", SourceKind.REMOTE),  # as a layer: its layers
            ("arn:", arn, f"the ARN of {what}", SourceKind.REMOTE),
        ):
            if text.startswith(start):
                if not re.fullmatch(pattern, text):
                    self._problem(f'{where}: expected {expected}, found "{text}"')
                return Source(text, None, kind)
        path = folder / text
        if self.exists(path, where):
            if not path.is_dir() and (kind_of := regular_files.kind(path.stat())):
                self._problem(f"{where}: {path} is {kind_of}; expected a zip archive or a folder")
            elif path.resolve() == Path(path.resolve().anchor):
                self._problem(f"{where}: {path} is the root of the file system; expected a zip archive or a folder")
        return Source(text, path, SourceKind.LOCAL)

    def file(self, path: Path, where: str) -> Path:
        """The path of a file."""
        if self.exists(path, where) and not path.is_file():
            self._problem(f"{where}: {path} is not a file")
        return path

    def folder(self, path: Path, where: str) -> Path:
        """The path of a folder."""
        if self.exists(path, where) and not path.is_dir():
            self._problem(f"{where}: {path} is not a folder")
        return path

    def exists(self, path: Path, where: str) -> bool:
        """Whether there is something at a path."""
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            self._problem(f"{where}: {path} does not exist")
        except OSError as error:  # no permission, a name that is too long
            self._problem(f"{where}: {path} cannot be read: {error.strerror}")
        except ValueError:
            self._problem(f"{where}: {str(path)!r} is no path: it has a NUL in it")
        else:
            return True
        return False
