"""A cache of a pipeline."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.dependencies.globs import selects

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class CacheStep:
    """A step that keeps files under a key.

    Attributes:
        where: The file and the line of the key: ``.github/workflows/deploy.yml:31``.
        paths: What it keeps, as patterns: relative to the workspace, or absolute.
        hashed: The patterns of the files whose content is in the key; one group for each digest.
        base: The folder of the workspace that has the repository; empty where that is the workspace itself.
        early: Whether it comes before the step that gets the repository: then there is no file yet to be hashed.
        written: Names of files that commands of the same pipeline write.
        by_hand: Whether scripts make the key and look for it themselves: then the paths are all that they name with it.
        installed: The requirements files from which the same scripts install something into a folder of its own.
        made: The archives and folders that they make.
    """

    where: str
    paths: tuple[str, ...]
    hashed: tuple[tuple[str, ...], ...] = ()
    base: str = ""
    early: bool = False
    written: frozenset[str] = frozenset()
    by_hand: bool = False
    installed: tuple[str, ...] = ()
    made: tuple[str, ...] = ()

    def inside(self, path: str) -> str:
        """A path of the repository, as the workspace has it."""
        return posixpath.join(self.base, path)

    def hashes(self, path: str) -> bool:
        """Whether the content of a file of the repository is in the key."""
        return not self.early and any(selects(group, self.inside(path)) for group in self.hashed)


def inside(path: str, *roots: str) -> str:
    """A path relative to the workspace where it is written with one of its names: ``$CI_PROJECT_DIR/build``."""
    text = path.strip().strip("\"'")
    for root in roots:
        if text == root or text.startswith(f"{root}/"):
            return text[len(root) :].lstrip("/") or "."
    return text


def substituted(text: str, expression: re.Pattern[str], values: Mapping[str, str]) -> str:
    """A text with known variables replaced; the first group of the expression that matched is the name."""
    return expression.sub(lambda found: values.get(next(filter(None, found.groups())), found[0]), text)
