"""Steps of CI pipelines that keep files from one run to the next, and which files their keys are made of."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from harness import opening
from harness.project.documents import documents
from harness.project.pipelines import azure, circleci, github, gitlab
from harness.project.pipelines.values import CacheStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from yaml.nodes import Node

__all__ = ["CacheStep", "cache_steps", "repository"]

_LARGEST: Final = 1024 * 1024  # bytes; what is larger was not written by a person
_MOST: Final = 200  # files
# Where each system has its files, and the word without which none of them keeps anything.
_SYSTEMS: Final[Sequence[tuple[tuple[str, ...], str, Callable[[Node, str], Iterator[CacheStep]]]]] = (
    (
        (
            ".github/workflows/*.yml",
            ".github/workflows/*.yaml",
            ".github/actions/**/action.yml",
            ".github/actions/**/action.yaml",
        ),
        "actions/cache",
        github.steps,
    ),
    ((".gitlab-ci.yml", ".gitlab/**/*.yml", ".gitlab-ci/**/*.yml"), "cache", gitlab.steps),
    ((".circleci/*.yml", ".circleci/*.yaml"), "save_cache", circleci.steps),
    (
        ("azure-pipelines*.yml", "azure-pipelines*.yaml", ".azure*/**/*.yml", ".azure*/**/*.yaml"),
        "Cache@",
        azure.steps,
    ),
)
# What commands write: `poetry export -o x`, `uv export --output-file x`, `… > x`, `| tee x`.
_WRITTEN: Final = re.compile(r"(?:>|\btee|(?<!\S)-o|--output(?:-file)?)[ \t=]*[\"']?([\w./-]+)")
_COMPILED: Final = re.compile(r"pip-compile\b[^\n]*?([\w./-]+)\.in\b")  # writes the .txt of that name


def repository(folder: Path) -> Path:
    """The root of the repository that a folder is in; the folder itself where there is none."""
    absolute = folder.absolute()
    return next((one for one in (absolute, *absolute.parents) if (one / ".git").exists()), absolute)


def cache_steps(root: Path) -> tuple[CacheStep, ...]:
    """The steps of a repository's pipelines that cache files under a key that can be read.

    A step whose key holds what only a run can tell (another step's output, a commit, an unknown variable) is left out,
    and so is a file that is no YAML.

    Args:
        root: The repository's.
    """
    return tuple(_steps(root))


def _steps(root: Path) -> Iterator[CacheStep]:
    for places, word, read in _SYSTEMS:
        found = sorted({path for place in places for path in root.glob(place)})
        for path in found[:_MOST]:
            text = _text(path)
            if word not in text:
                continue
            written = {found[1] for found in _WRITTEN.finditer(text)}
            written |= {f"{found[1]}.txt" for found in _COMPILED.finditer(text)}
            names = frozenset(one.rpartition("/")[2] for one in written)
            for document in documents(text):
                for step in read(document, path.relative_to(root).as_posix()):
                    yield replace(step, written=names)


def _text(path: Path) -> str:
    try:
        return opening.read(path, _LARGEST).decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError):
        return ""
