"""Where reports go: files, and standard output, which is written nowhere else."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness import regular_files
from harness.commands.options import files_of, one_of
from harness.model import ExitCode, UsageError
from harness.plain_text import printed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection, Mapping

    from harness.manifest import Manifest

STDERR: Final = 2
WIDEST: Final = 160
"""Columns; longer lines are hard to read."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What ``--format`` and ``--output`` ask for.

    Attributes:
        shown: The format for standard output.
        files: Format and path of each file.
    """

    shown: str
    files: tuple[tuple[str, Path], ...]

    @classmethod
    def of(cls, options: argparse.Namespace, formats: Collection[str]) -> Outputs:
        """Where the options want reports.

        Raises:
            UsageError: An option is wrong, or a file cannot be written.
        """
        files = tuple(_file(text, formats) for text in options.output)
        return cls(one_of("--format", options.format, formats), files)

    @property
    def formats(self) -> frozenset[str]:
        """The formats that are asked for."""
        return frozenset({self.shown, *(name for name, _ in self.files)})

    def spare(self, *manifests: Manifest) -> None:
        """Refuse a report that would overwrite what it is about, or another report.

        Raises:
            UsageError: One would.
        """
        taken = {path.resolve(): "verified" for manifest in manifests for path in files_of(manifest)}
        for name, path in self.files:
            if (use := taken.get(path.resolve())) is not None:
                raise UsageError(f"--output {name}={path}: that file is {use}; write the report to another")
            taken[path.resolve()] = "written by another --output"

    def write(self, render: Callable[..., str], environ: Mapping[str, str]) -> str:
        """Write the files, and return the text for standard output.

        Args:
            render: Takes a format and, for a terminal, its colours and width.
            environ: The user's environment.

        Raises:
            UsageError: One cannot be written.
        """
        for name, path in self.files:
            try:
                regular_files.write(path, render(name))
            except OSError as error:
                raise UsageError(f"--output {name}={path}: {error.strerror}") from error
        return render(self.shown, **(_style(environ) if self.shown == "terminal" else {}))


def _file(text: str, formats: Collection[str]) -> tuple[str, Path]:
    """Format and file of an ``--output``."""
    name, _, file = text.partition("=")
    if name not in formats or not file:
        raise UsageError(f"--output {text}: write it as FORMAT=FILE, with a format of {', '.join(formats)}")
    path = Path(file)
    if path.is_dir():
        raise UsageError(f"--output {text}: {path} is a folder; name a file in it")
    if path.exists() and (kind := regular_files.kind(path.stat())):
        raise UsageError(f"--output {text}: {path} is {kind}; name a file, or use --format for standard output")
    if not path.parent.is_dir():
        raise UsageError(f"--output {text}: the folder {path.parent} does not exist; make it first")
    return name, path


def _style(environ: Mapping[str, str]) -> Mapping[str, int]:
    """Whether standard output may have colours, and how wide it is where it is a terminal."""
    is_terminal = sys.stdout.isatty()
    plain = environ.get("NO_COLOR") or environ.get("TERM") == "dumb"
    style = {"colour": not plain and (is_terminal or bool(environ.get("FORCE_COLOR")))}
    if is_terminal:
        with contextlib.suppress(OSError, ValueError):
            if columns := os.get_terminal_size(sys.stdout.fileno()).columns:
                return {**style, "width": min(columns, WIDEST)}
    return style


def show(text: str, code: ExitCode = ExitCode.OK) -> ExitCode:
    """Write to standard output, whole.

    Args:
        text: Harmless lines, the last with its end.
        code: What the command found.

    Returns:
        The code; in place of 0, 3 where the reader has left before the end: nobody has what would count as a pass.

    Raises:
        OSError: It cannot be written.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered has nowhere to go; Python would complain of it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or ExitCode.INCOMPLETE
    return code


def complain(problem: str, prefix: str = "lambda-artifact: ") -> None:
    """Write to standard error, each line with a prefix."""
    for line in problem.split("\n"):
        print(printed(f"{prefix}{line}"), file=sys.stderr)


def annotate(commands: str) -> None:
    """Write commands of a CI service to standard error, which it reads too.

    Args:
        commands: Harmless lines, the last with its end.
    """
    sys.stderr.write(commands)


def open_streams() -> None:
    """Make sure that there are streams to write to, and that they take any character.

    Without one that the caller closed, the next file to be opened would be what processes write to.
    """
    while (spare := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(spare)
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as we live
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - the same
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a character must still get the others.
        sys.stdout.reconfigure(errors="backslashreplace")
