"""The distributions that Python finds, and which of their files are there."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.artifact.bundle import Bundle
    from harness.facts.python.program import Program
    from harness.facts.view import Installed

MODULES: Final = (".py", ".so")

# What nothing misses at run time, so that people leave it out on purpose: tests, documentation, bytecode, stubs,
# sources of extensions, other platforms' files, what an installer notes for itself. Libraries in `x.libs/` are missed,
# and shared-libraries says by what.
_DISPENSABLE: Final = re.compile(
    r"""
      (?:.*/)? (?: tests? | docs? | examples? | benchmarks? | __pycache__ | licenses? | man ) /.*
    | (?:.*/)? [^/]+\. (?: dist-info | egg-info | libs ) /.*
    | (?: bin | etc | include | share | Scripts ) /.*
    | (?:.*/)? include /.*\.(?: h | hpp | cuh | inc ) | (?:.*/)? conftest\.py
    | (?:.*/)? (?i: [^/]*licen[cs]e | [^/]*notices? | [^/]*changes | copying | readme | authors | history | manifest )
      [^/]* (?<! \.py ) (?<! \.so ) (?<! \.json )
    | .*\.(?: py[cio] | pyd | pxd | pyx | pxi | h | hh | hpp | cuh | c | cc | cpp | cxx | cu | f | f90 | a | la | lib
            | dll | dylib | exe | md | rst | cmake | ipynb | typed | map | pth )
    """,
    re.VERBOSE,
)


def visible(program: Program) -> Mapping[str, tuple[Installed, ...]]:
    """The distributions in folders of ``sys.path``, by their normalised name, in the order of ``sys.path``.

    Those of one folder come in the reverse order of their archives, since a later layer wins.
    """
    order = {folder: at for at, folder in enumerate(program.search.path)}
    archives = {id(archive): at for at, archive in enumerate(program.facts.bundle.archives)}
    found: dict[str, list[Installed]] = defaultdict(list)
    for installed in program.facts.distributions:
        if installed.site in order:
            found[installed.distribution.key].append(installed)
    return {
        key: tuple(sorted(several, key=lambda one: (order[one.site], -archives[id(one.archive)])))
        for key, several in found.items()
    }


def effective(program: Program) -> Mapping[str, tuple[Installed, ...]]:
    """Of each distribution what Python finds first: those in the first folder that has it, where one is the rule.

    Metadata whose modules are all gone does not count.
    """
    found = {}
    for key, several in visible(program).items():
        real = [one for one in several if not hollow(one, program.facts.bundle)]
        if real:
            found[key] = tuple(one for one in real if one.site == real[0].site)
    return found


def _recorded(installed: Installed) -> Iterator[str]:
    """The recorded files by their names inside its site folder."""
    site = installed.distribution.site
    for recorded in installed.distribution.record or ():
        if recorded.path.startswith(site) and not recorded.path.startswith(("../", "/")):
            yield recorded.path.removeprefix(site)


def _is_needed(name: str) -> bool:
    """Whether a recorded file may be needed at run time."""
    return not _DISPENSABLE.fullmatch(name)


def needed(installed: Installed) -> Iterator[str]:
    """The recorded files that the distribution may need at run time, by their names inside its site folder."""
    return filter(_is_needed, _recorded(installed))


def lost(installed: Installed, bundle: Bundle) -> tuple[str, ...]:
    """The files that may be needed and that no archive holds, by their names inside its site folder.

    A module of which there is bytecode in its place is there.
    """
    away = (name for name in _recorded(installed) if not _is_there(f"{installed.site}/{name}", bundle))
    return tuple(filter(_is_needed, away))


def hollow(installed: Installed, bundle: Bundle) -> bool:
    """Whether all that it consisted of is gone, and only its metadata is left."""
    gone = False
    for name in needed(installed):
        if _is_there(f"{installed.site}/{name}", bundle):
            return False
        gone = True
    return gone


def modules(installed: Installed) -> frozenset[str]:
    """The names inside its site folder of its recorded modules."""
    return frozenset(name for name in _recorded(installed) if name.endswith(MODULES) and _is_needed(name))


def module_name(name: str) -> str | None:
    """The name under which a file of a site folder is imported."""
    parts = posixpath.splitext(name)[0].split("/")
    parts[-1] = parts[-1].partition(".")[0]  # an extension's own tag
    dotted = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(dotted) if dotted and all(part.isidentifier() for part in dotted) else None


def _is_there(path: str, bundle: Bundle) -> bool:
    return path in bundle.items or (path.endswith(".py") and f"{path}c" in bundle.items)
