"""What fills an archive: its bytes by distribution, and by folder where no distribution brought them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.facts.installed.distributions import FOLDERS
from harness.model import Share

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.artifact.entries import Archive
    from harness.facts.installed.distributions import Distribution

LOOSE = "files of its own"
"""The share of what lies in no folder."""


def shares(archive: Archive, distributions: Iterable[Distribution]) -> tuple[Share, ...]:
    """The parts of an archive, the largest first; together they are all of its files.

    A file that no RECORD lists, such as bytecode, belongs to the distribution that alone has files in its folder.
    """
    recorded, folders, sites = dict[str, str](), dict[str, set[str]](), {""}
    for one in distributions:
        name = f"{one.name} {one.version}".strip()
        sites.add(one.site)
        for path in (*(file.path for file in one.record or ()), f"{one.folder}/"):
            recorded[path] = name
            if (folder := _folder(path, (one.site,))) is not None:
                folders.setdefault(folder, set()).add(name)
    longest_first = sorted(sites, key=len, reverse=True)
    sizes, counts = Counter[str](), Counter[str]()
    for entry in archive.files:
        name = recorded.get(entry.name) or ""
        if not name:
            folder = _folder(entry.name, longest_first)
            owners = folders.get(folder or "", set())
            name = next(iter(owners)) if len(owners) == 1 else folder or LOOSE
        sizes[name] += entry.size
        counts[name] += 1
    return tuple(Share(name, size, counts[name]) for name, size in sizes.most_common())


def _folder(path: str, sites: Iterable[str]) -> str | None:
    """The top folder of a file below the folder that it is installed in; None where it lies in none."""
    site = next((one for one in sites if path.startswith(one)), "")
    top, slash, _ = path.removeprefix(site).partition("/")
    is_shared = top.endswith(FOLDERS) or top in {"..", "__pycache__"}
    return f"{site}{top}{slash}" if slash and (not is_shared or top.endswith(FOLDERS)) else None
