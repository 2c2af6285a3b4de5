"""Real git repositories, for what is judged by them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_WHO = (
    "-c",
    "user.name=somebody",
    "-c",
    "user.email=somebody@example.com",
    "-c",
    "init.defaultBranch=main",
    "-c",
    "commit.gpgSign=false",
)


def git(folder: Path, *arguments: str) -> str:
    """What a git command says."""
    command = ["git", "-C", str(folder), *_WHO, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def files(folder: Path, texts: Mapping[str, str]) -> Path:
    """Write files into a folder; each line ending as it is."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    return folder


def repository(folder: Path, texts: Mapping[str, str]) -> Path:
    """A repository with one commit of these files."""
    files(folder, texts)
    git(folder, "init")
    git(folder, "add", "--all")
    git(folder, "commit", "--allow-empty", "-m", "first")
    return folder
