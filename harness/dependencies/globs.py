"""Patterns of files, as pipelines' caches understand them: minimatch's, without braces and extended patterns."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOKEN: Final = re.compile(
    r"\\(?P<literal>.)|(?P<stars>\*+)|(?P<one>\?)|\[(?P<not>[!^]?)(?P<any>[^\]/]+)\]|(?P<rest>.)"
)


def selects(patterns: Iterable[str], path: str) -> bool:
    """Whether patterns, one after another, select a file; one with ``!`` takes away what those before it selected.

    Args:
        patterns: As they are written; empty ones and comments count for nothing.
        path: Relative to where patterns are, with forward slashes.
    """
    selected = False
    for pattern in patterns:
        text = pattern.strip()
        taken = len(text) - len(text.lstrip("!"))
        if text and not text.startswith("#") and covers(text[taken:], path):
            selected = taken % 2 == 0
    return selected


def covers(pattern: str, path: str) -> bool:
    """Whether a pattern matches a file, or a folder that the file is in."""
    return _expression(pattern.strip(), below=True).fullmatch(path) is not None


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern matches a file itself."""
    return _expression(pattern.strip(), below=False).fullmatch(path) is not None


@lru_cache(maxsize=512)
def _expression(pattern: str, *, below: bool) -> re.Pattern[str]:
    parts = [part for part in pattern.split("/") if part not in {"", "."}]
    if pattern.startswith(("/", "~")) or ".." in parts:
        return re.compile("(?!)")  # outside of where paths are relative to
    if not parts:
        return re.compile(".*" if below else "(?!)")
    parents = ["(?:[^/]+/)*" if part == "**" else f"{_part(part)}/" for part in parts[:-1]]
    last = ".+" if parts[-1] == "**" else _part(parts[-1]) + ("(?:/.*)?" if below else "")
    try:
        return re.compile("".join((*parents, last)), re.DOTALL)
    except re.error:  # a range that runs backwards
        return re.compile("(?!)")


def _part(part: str) -> str:
    """The regular expression of a part between slashes; two stars in it are as good as one."""
    return "".join(map(_token, _TOKEN.finditer(part)))


def _token(found: re.Match[str]) -> str:
    if found["stars"]:
        return "[^/]*"
    if found["one"]:
        return "[^/]"
    if found["any"]:
        members = re.sub(r"([\\\[&~|^])", r"\\\1", found["any"])
        return f"[^/{members}]" if found["not"] else f"[{members}]"
    return re.escape(found["literal"] or found["rest"])
