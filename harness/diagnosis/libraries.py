"""Why a shared library is not found, and what to do."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from harness.facts.loader import Absent
    from harness.facts.natives import Natives, Owner
    from harness.policy import RuntimePolicy

# Distributions that have a sibling which needs less of the system.
_SIBLINGS: Final = {
    "opencv-python": "opencv-python-headless",
    "opencv-contrib-python": "opencv-contrib-python-headless",
    "psycopg2": "psycopg2-binary",
    "psycopg-c": "psycopg-binary",
}


def explained(policy: RuntimePolicy, natives: Natives, owner: Owner, absent: Absent) -> tuple[str, str]:
    """Why it is not found, and what to do."""
    name, by = absent.name, absent.by.path
    if recorded := lost(owner, name):
        folder = posixpath.dirname(recorded)
        return (
            f"{owner.name} brought it along, as {recorded} in its RECORD, and the archive has it no more",
            f"keep {folder}/ when the archive is made: an exclude pattern, a clean-up or a cache took it out",
        )
    if copies := natives.loader.by_name.get(name):
        folders = ":".join(natives.loader.library_path)
        return (
            f"{copies[0]} is there, and the loader does not look there: {folders}",
            f"move it to lib/{name} of a layer, or to lib/{name} of the code archive",
        )
    if near := _near(natives, name):
        return (
            f"{near} is there, under another name, and the link that should lead to it is not",
            f"rename it to {name}, or copy it: a layer has no symbolic links",
        )
    version = f"{policy.operating_system}, as Lambda has it, comes without it"
    sibling = _SIBLINGS.get(owner.installed.distribution.key) if owner.installed else None
    if sibling:
        return version, f"install {sibling} instead, which needs none of it"
    remedy = (
        f"copy {name} from a container of {policy.operating_system} into lib/ of a layer (`dnf provides "
        f"'*/{name}'` names its package), or take a wheel that brings it along for {posixpath.basename(by)}"
    )
    return version, remedy


def lost(owner: Owner, name: str) -> str | None:
    """Where the distribution's RECORD has a library of that name, in the archive."""
    recorded = owner.installed.distribution.record if owner.installed else None
    return next((one.path for one in recorded or () if posixpath.basename(one.path) == name), None)


def _near(natives: Natives, name: str) -> str | None:
    """A library that would be meant if the link to it were there: libfoo.so.1.2 for libfoo.so.1."""
    stem = f"{name}."
    others = (path for other, paths in natives.loader.by_name.items() for path in paths if other.startswith(stem))
    return min(others, default=None)
