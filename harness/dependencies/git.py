"""Asks git about the repository that a folder is in."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from harness import regular_files

QUESTION: Final = "git"
"""The name of a question to git in a record of what was asked of a repository."""

_SECONDS: Final = 20
# What git opens whatever it is asked for, and waits for where somebody has put a pipe in its place.
_OPENED: Final = ("HEAD", "config", "index", "packed-refs", "info/exclude")
# Who checked the repository out is no business of who only reads it (in CI they are often two), and nothing that its
# configuration names is run.
_OPTIONS: Final = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")


class GitUnavailable(Exception):  # noqa: N818 - a reason, which becomes a skip
    """Git cannot say it here; the message is a clause that says why."""


def head(folder: Path) -> str:
    """The full hash of the commit that is checked out.

    Raises:
        GitUnavailable: There is no git, no repository, or no commit.
    """
    return _git(folder, "rev-parse", "--verify", "HEAD").strip()


def tracked(folder: Path) -> tuple[str, ...]:
    """The files below a folder that git tracks, or would if they were added: those that it ignores are left out.

    Their paths are relative to the folder, with forward slashes. A submodule is named as the folder that it is.

    Raises:
        GitUnavailable: There is no git or no repository.
    """
    names = _git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return tuple(dict.fromkeys(name.rstrip("/") for name in names.split("\0") if name))


def answer(subject: str) -> str:
    """What git says of a folder now, as it is recorded.

    Args:
        subject: The folder and git's arguments, with zeros between.
    """
    folder, *arguments = subject.split("\0")
    with regular_files.recording() as record, suppress(GitUnavailable):
        _git(Path(folder), *arguments)
    return record.answers[QUESTION, subject]


def _git(folder: Path, *arguments: str) -> str:
    subject = "\0".join((str(folder), *arguments))
    try:
        said = _asked(folder, *arguments)
    except GitUnavailable as reason:
        regular_files.recorded(QUESTION, subject, f"unavailable: {reason}")
        raise
    regular_files.recorded(QUESTION, subject, hashlib.sha256(os.fsencode(said)).hexdigest())
    return said


def _asked(folder: Path, *arguments: str) -> str:
    program = shutil.which("git")
    if program is None:
        raise GitUnavailable("git is not installed here")
    if trap := _trap(folder.absolute()):
        raise GitUnavailable(f"{trap} is no regular file, and git would wait for it")
    try:
        done = subprocess.run(
            [program, "-C", str(folder.absolute()), *_OPTIONS, *arguments],
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            env=_environment(),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise GitUnavailable(f"git cannot be run here: {_reason(error)}") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise GitUnavailable(
            f"git says of {folder.absolute()}: {lines[0] if lines else f'exit code {done.returncode}'}"
        )
    return os.fsdecode(done.stdout)


def _trap(folder: Path) -> Path | None:
    """A file that git would wait for, in the folders from here to the repository's root."""
    for above in (folder, *folder.parents):
        own = above / ".git"
        for path in (above / ".gitignore", *(own / name for name in _OPENED)):
            if path.exists() and not path.is_file():
                return path
        if own.exists():
            return None
    return None


def _environment() -> dict[str, str]:
    """None of the variables that lead git elsewhere: a hook that starts this has GIT_DIR and GIT_INDEX_FILE set."""
    own = {"PATH": os.defpath, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        return own | {"HOME": str(Path.home())}  # the user's own ignore rules
    except RuntimeError:  # nobody's home
        return own


def _reason(error: Exception) -> str:
    match error:
        case subprocess.TimeoutExpired():
            return f"no answer within {_SECONDS} seconds"
        case OSError(strerror=str(reason)):
            return reason
        case _:
            return str(error)
