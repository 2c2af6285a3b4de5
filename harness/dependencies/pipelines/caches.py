"""Steps of CI pipelines and scripts that keep files from one run to the next, and what their keys are made of."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from harness import regular_files
from harness.dependencies.pipelines import azure, circleci, github, gitlab
from harness.dependencies.pipelines.scripts import by_hand, shell
from harness.dependencies.pipelines.shell import Shell
from harness.dependencies.pipelines.shell_text import REPOSITORY
from harness.dependencies.pipelines.shell_values import Text
from harness.dependencies.repository import below
from harness.dependencies.yaml_nodes import documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from yaml.nodes import Node

    from harness.dependencies.pipelines.cache_step import CacheStep

_LARGEST: Final = 1024 * 1024  # bytes; what is larger was not written by a person
_MOST: Final = 200  # files
_DEEPEST: Final = 3  # folders that scripts lie in


def _plain(document: Node, name: str, source: Callable[[str], str]) -> Iterator[CacheStep]:
    yield from by_hand(shell(document, name, source))


# Where each system has its files, and the words without which none of them keeps anything.
_SYSTEMS: Final[
    Sequence[tuple[tuple[str, ...], str, Callable[[Node, str, Callable[[str], str]], Iterator[CacheStep]]]]
] = (
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
    (("buildspec*.yml", "buildspec*.yaml", "bitbucket-pipelines.yml", ".buildkite/*.yml"), "sum", _plain),
)
# What scripts make digests with.
_DIGEST: Final = re.compile(
    r"sha\d*sum|md5|shasum|b[23]sum|cksum|xxh\w*sum|hashFiles|openssl|hash-object|Get-FileHash|HEAD:", re.IGNORECASE
)
# What commands write: `poetry export -o x`, `uv export --output-file x`, `… > x`, `| tee x`.
_WRITTEN: Final = re.compile(r"(?:>|\btee|(?<!\S)-o|--output(?:-file)?)[ \t=]*[\"']?([\w./-]+)")
_COMPILED: Final = re.compile(r"pip-compile\b[^\n]*?([\w./-]+)\.in\b")  # writes the .txt of that name
_RECIPE: Final = re.compile(r"\$\(shell ")
_VARIABLE: Final = re.compile(r"\$\((\w+)\)")
_SET: Final = re.compile(r"^(\w+)[ \t]*[:?]?:?=[ \t]*(.*)$", re.MULTILINE)


def cache_steps(root: Path) -> tuple[CacheStep, ...]:
    """The steps of a repository's pipelines and scripts that keep files under a key that can be read.

    A step whose key holds what only a run can tell (a commit, an unknown variable, what a program prints) is left out,
    and so is a file that is no YAML.

    Args:
        root: The repository's.
    """
    called: set[str] = set()

    def source(path: str) -> str:
        called.add(path)
        return _text(root / path) if not path.startswith(("/", "~", "*", "..")) else ""

    found = [*_steps(root, source)]
    return (*found, *_scripts(root, source, called))


def _steps(root: Path, source: Callable[[str], str]) -> Iterator[CacheStep]:
    for places, word, read in _SYSTEMS:
        found = sorted({path for place in places for path in root.glob(place)})
        for path in found[:_MOST]:
            text = _text(path)
            if word not in text and not _DIGEST.search(text) and ".sh" not in text:
                continue
            names = _written(text)
            for document in documents(text):
                for step in read(document, path.relative_to(root).as_posix(), source):
                    yield replace(step, written=names)


def _scripts(root: Path, source: Callable[[str], str], called: set[str]) -> Iterator[CacheStep]:
    """The scripts and makefiles that no pipeline calls, as far as it shows."""
    for path, _ in below(root, _DEEPEST):
        name = path.relative_to(root).as_posix()
        is_makefile = path.name in {"Makefile", "makefile", "GNUmakefile"} or path.suffix == ".mk"
        if (path.suffix not in {".sh", ".bash"} and not is_makefile) or name in called:
            continue
        text = _text(path)
        if _DIGEST.search(text):
            found = Shell(name, source=source, folder="" if is_makefile else None)
            found.variables["0"] = found.variables["BASH_SOURCE"] = Text(f"{REPOSITORY}/{name}")
            if is_makefile:
                found.folder = name.rpartition("/")[0]
            found.read(_of_makefile(text) if is_makefile else text)
            names = _written(text)
            yield from (replace(step, written=names) for step in by_hand(found))


def _of_makefile(text: str) -> str:
    """A makefile, as a shell would say it, line by line; its targets are taken to be looked for."""
    said = _SET.sub(lambda one: f"{one[1]}={one[2]}", text.replace("$$", "\0"))
    said = _VARIABLE.sub(r"${\1}", _RECIPE.sub("$(", said)).replace("\0", "$")
    lines = [
        f"test -e {line.partition(':')[0]}" if re.match(r"[^\t\s#=][^=\t]*:(?!=)", line) else line.lstrip("\t@-")
        for line in said.splitlines()
    ]
    return "\n".join(lines)


def _written(text: str) -> frozenset[str]:
    """The names of the files that commands write."""
    written = {found[1] for found in _WRITTEN.finditer(text)}
    written |= {f"{found[1]}.txt" for found in _COMPILED.finditer(text)}
    return frozenset(one.rpartition("/")[2] for one in written)


def _text(path: Path) -> str:
    try:
        return regular_files.read(path, _LARGEST).decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError):
        return ""
