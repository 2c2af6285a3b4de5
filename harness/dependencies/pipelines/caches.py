"""Steps of CI pipelines and scripts that keep files from one run to the next, and the files in their keys."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from harness import regular_files
from harness.dependencies.pipelines import github
from harness.dependencies.pipelines.other_systems import azure, circleci, gitlab
from harness.dependencies.pipelines.scripts import keys_by_hand, shell
from harness.dependencies.pipelines.shell import Shell
from harness.dependencies.pipelines.shell_state import REPOSITORY
from harness.dependencies.pipelines.shell_text import Text
from harness.dependencies.repository import MAKEFILES, below
from harness.dependencies.text_files import text_or_none
from harness.dependencies.yaml_nodes import documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from yaml.nodes import Node

    from harness.dependencies.pipelines.cache_step import CacheStep

_LARGEST: Final = 1024 * 1024  # bytes; what is larger was not written by a person
_MOST: Final = 200  # files
_DEEPEST: Final = 3  # folders that scripts lie in


def _scripts_alone(document: Node, name: str, source: Callable[[str], str]) -> Iterator[CacheStep]:
    yield from keys_by_hand(shell(document, name, source))


_GITHUB: Final = (".github/workflows/*.y*ml", ".github/actions/**/action.y*ml")
_GITLAB: Final = (".gitlab-ci.yml", ".gitlab/**/*.yml", ".gitlab-ci/**/*.yml")
_CIRCLECI: Final = (".circleci/*.y*ml",)
_AZURE: Final = ("azure-pipelines*.y*ml", ".azure*/**/*.y*ml")
_OTHERS: Final = ("buildspec*.y*ml", "bitbucket-pipelines.yml", ".buildkite/*.yml")
_Reader: TypeAlias = "Callable[[Node, str, Callable[[str], str]], Iterator[CacheStep]]"
# Where each system has its files, and the word without which none of them keeps anything.
_SYSTEMS: Final[Sequence[tuple[tuple[str, ...], str, _Reader]]] = (
    (_GITHUB, "actions/cache", github.steps),
    (_GITLAB, "cache", gitlab),
    (_CIRCLECI, "save_cache", circleci),
    (_AZURE, "Cache@", azure),
    (_OTHERS, "sum", _scripts_alone),
)
# What scripts make digests with.
_DIGEST: Final = re.compile(
    r"sha\d*sum|md5|shasum|b[23]sum|cksum|xxh\w*sum|hashFiles|openssl|hash-object|Get-FileHash|HEAD:", re.IGNORECASE
)
# What commands write: `poetry export -o x`, `uv export --output-file x`, `… > x`, `| tee x`.
_WRITTEN: Final = re.compile(r"(?:>|\btee|(?<!\S)-o|--output(?:-file)?)[ \t=]*[\"']?([\w./-]+)")
_COMPILED: Final = re.compile(r"pip-compile\b[^\n]*?([\w./-]+)\.in\b")  # writes the .txt of that name
_VARIABLE: Final = re.compile(r"\$\((\w+)\)")
_SET: Final = re.compile(r"^(\w+)[ \t]*[:?]?:?=[ \t]*(.*)$", re.MULTILINE)


def cache_steps(root: Path) -> tuple[CacheStep, ...]:
    """The steps of a repository's pipelines and scripts that keep files under a key that can be read.

    A step whose key holds what only a run can tell (a commit, an unknown variable, what a program prints) is left out,
    and so is a file that is no YAML.
    """
    called: set[str] = set()

    def source(path: str) -> str:
        called.add(path)
        return _text(root / path) if not path.startswith(("/", "~", "*", "..")) else ""

    in_pipelines = [*_steps(root, source)]
    return (*in_pipelines, *_scripts(root, source, called))


def _steps(root: Path, source: Callable[[str], str]) -> Iterator[CacheStep]:
    for places, word, read in _SYSTEMS:
        for path in sorted({path for place in places for path in regular_files.found(root, place)})[:_MOST]:
            text = _text(path)
            if word not in text and not _DIGEST.search(text) and ".sh" not in text:
                continue
            names = _written(text)
            for document in documents(text):
                for step in read(document, path.relative_to(root).as_posix(), source):
                    yield replace(step, written=names)


def _scripts(root: Path, source: Callable[[str], str], called: set[str]) -> Iterator[CacheStep]:
    """The caches of scripts and makefiles that no pipeline calls."""
    for path, _ in below(root, _DEEPEST):
        name = path.relative_to(root).as_posix()
        is_makefile = path.name in MAKEFILES or path.suffix == ".mk"
        if (path.suffix not in {".sh", ".bash"} and not is_makefile) or name in called:
            continue
        text = _text(path)
        if _DIGEST.search(text):
            state = Shell(name, source=source, folder=name.rpartition("/")[0] if is_makefile else None)
            state.variables["0"] = state.variables["BASH_SOURCE"] = Text(f"{REPOSITORY}/{name}")
            state.read(_of_makefile(text) if is_makefile else text)
            names = _written(text)
            yield from (replace(step, written=names) for step in keys_by_hand(state))


def _of_makefile(text: str) -> str:
    """A makefile as a shell script, line by line; its targets count as looked for."""
    script = _SET.sub(lambda found: f"{found[1]}={found[2]}", text.replace("$$", "\0"))
    script = _VARIABLE.sub(r"${\1}", script.replace("$(shell ", "$(")).replace("\0", "$")
    lines = [
        f"test -e {line.partition(':')[0]}" if re.match(r"[^\t\s#=][^=\t]*:(?!=)", line) else line.lstrip("\t@-")
        for line in script.splitlines()
    ]
    return "\n".join(lines)


def _written(text: str) -> frozenset[str]:
    """The names of the files that commands write."""
    outputs = [found[1] for found in _WRITTEN.finditer(text)]
    outputs += [f"{found[1]}.txt" for found in _COMPILED.finditer(text)]
    return frozenset(path.rpartition("/")[2] for path in outputs)


def _text(path: Path) -> str:
    return text_or_none(path, _LARGEST) or ""
