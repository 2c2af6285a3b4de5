"""The files of a repository that people wrote, the nearest first; what was built or installed there is passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from harness import regular_files

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

# What is made, installed, tried out or described there deploys nothing.
_ASIDE: Final = frozenset(
    [
        *("node_modules", "venv", "env", "build", "dist", "out", "target", "cdk.out", "__pycache__", "site-packages"),
        *("vendor", "_vendor", "third_party", "package", "tests", "test", "testing", "__tests__", "testdata"),
        *("fixtures", "examples", "example", "docs", "doc", "htmlcov"),
    ]
)
MAKEFILES: Final = frozenset({"Makefile", "makefile", "GNUmakefile"})
_MOST: Final = 5_000  # files, and folders


def repository_root(folder: Path) -> Path:
    """The root of the repository that a folder is in; the folder itself where there is none."""
    absolute = folder.absolute()
    return next((one for one in (absolute, *absolute.parents) if regular_files.exists(one / ".git")), absolute)


def within_repository(folder: Path) -> str:
    """A folder as its path from the root of its repository; empty for the root."""
    absolute = regular_files.resolved(folder)
    return "" if absolute == (root := repository_root(absolute)) else absolute.relative_to(root).as_posix()


def below(
    folder: Path, deepest: int, left_out: Callable[[Path, Collection[str]], bool] = lambda _path, _names: False
) -> Iterator[tuple[Path, int]]:
    """The files of a folder and of those in it, each with its depth.

    Args:
        folder: The folder.
        deepest: How deep to look.
        left_out: Tells of a folder and the names of what is in it whether to pass over it.
    """
    waiting, seen = [(folder, 0)], 0
    for here, depth in waiting:
        files, folders = children(here)
        names = {path.name for path in (*files, *folders)}
        # Another repository speaks for what is there; and an environment, or what an installer filled, is nobody's.
        if here != folder and ("pyvenv.cfg" in names or ".git" in names or left_out(here, names)):
            continue
        if is_installed(names):
            continue
        seen += len(files) + 1
        if seen > _MOST:
            return
        yield from ((path, depth) for path in files)
        if depth < deepest:
            waiting += [(one, depth + 1) for one in folders if one.name not in _ASIDE and one.name[0] != "."]


def is_installed(names: Collection[str]) -> bool:
    """Whether an installer filled a folder, by the names of what is in it."""
    return any(name.endswith(".dist-info") for name in names)


def children(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files and the folders in a folder, by name; links to folders are not followed."""
    try:
        several = regular_files.listed(folder)
        files = [folder / one.name for one in several if one.is_file()]
        return files, [folder / one.name for one in several if one.is_dir(follow_symlinks=False)]
    except OSError:
        return [], []
