"""Rules for names: each by itself, together in a folder, and the targets of symlinks."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.artifact.entries import Entry, Kind, Refusals, Role, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST_COMPONENT = 255
"""Bytes that Linux allows for one name in a folder."""

LONGEST_PATH = 4096 - len("/var/task/")
"""Bytes of the longest path inside the function: Linux's longest path without the folder of the code."""

MOST_ENTRIES = 262_144
"""Entries and folders of one archive. Lambda states no limit; this one keeps a hostile archive from filling memory."""

_MOST_HOPS = 40  # what Linux follows before it says ELOOP

_DRIVE = re.compile("[A-Za-z]:")

_PLAIN = re.compile(r"(?:(?!\.\.?(?:/|\Z))[ !-.0-9;-\[\]-~]{1,255}+(?:/(?!\Z)|\Z))++")
"""Names of printable ASCII that break no rule but perhaps that of the longest: nearly all, at a tenth of the time."""

RENAME = "Rename it, or leave it out, where the archive is built."


def fault(name: str) -> str | None:
    """The fault of an entry's name (without the slash that marks a folder), as a clause; None for a good name."""
    if len(name) <= LONGEST_PATH and _PLAIN.fullmatch(name):
        return None
    components = name.split("/")
    rules = (
        (not name, "has an empty name"),
        ("\0" in name, "has a NUL in its name, where some programs end the name and others do not"),
        (_has(name, "Cs"), "has a name that is not UTF-8"),
        (_has(name, "Cc"), "has a control character in its name"),
        ("\\" in name, "has a backslash in its name, which is a folder separator to some programs"),
        (name.startswith("/"), "has an absolute name"),
        (_DRIVE.match(name), "has a name that starts with a drive letter"),
        (".." in components, 'climbs out of its folder with ".."'),
        ("." in components, 'has a "." component in its name'),
        ("" in components, 'has an empty component ("//") in its name'),
        (_longest(components) > LONGEST_COMPONENT, f"has a component of more than {LONGEST_COMPONENT} bytes"),
        (_longest([name]) > LONGEST_PATH, f"has a name of more than {LONGEST_PATH:,} bytes"),
    )
    return next((why for broken, why in rules if broken), None)


def _has(name: str, category: str) -> bool:
    return any(unicodedata.category(character) == category for character in name)


def _longest(names: Iterable[str]) -> int:
    return max(len(name.encode("utf-8", "surrogatepass")) for name in names)


def check_names(entries: Iterable[Entry], refusals: Refusals) -> None:
    """Refuse entries that cannot all exist together on every file system that the archive may meet."""
    tree = _Tree(refusals)
    for entry in entries:
        tree.insert(entry)
        if tree.count > MOST_ENTRIES:
            refusals.add(None, f"holds more than {MOST_ENTRIES:,} entries and folders", "Split the archive.")
            return


@dataclass(slots=True)
class _Node:
    """One path: the entry that states it (None for a folder that is only implied), and what is below it."""

    entry: Entry | None = None
    children: dict[str, _Node] = field(default_factory=dict)
    folded: dict[str, str] = field(default_factory=dict)


class _Tree:
    """The folders that the entries make. A tree and not a set of paths: deep names would fill memory with prefixes."""

    def __init__(self, refusals: Refusals) -> None:
        self.count = 0
        self._root = _Node()
        # The folder of the entry before: most lie in the same one or one below, and deep names need not be walked anew.
        self._last = "", self._root
        self._refusals = refusals

    def insert(self, entry: Entry) -> None:
        folder, _, own = entry.name.rpartition("/")
        if (parent := self._folder(folder, entry)) is None:
            return
        self._last = folder, parent
        node = self._child(parent, own, entry)
        if node.entry:
            self._refusals.add(entry.name, "is in the archive twice", "Add each file once.")
        elif node.children and entry.kind is not Kind.DIRECTORY:
            self._refusals.add(entry.name, f"is a {entry.kind} where other entries need a folder", RENAME)
        else:
            node.entry = entry

    def _folder(self, path: str, entry: Entry) -> _Node | None:
        """The folder in which an entry lies; None, with a refusal, where a file is in its way."""
        last, node = self._last
        if path == last:
            return node
        above, _, own = path.rpartition("/")
        below = [own]
        if above != last:
            node, below = self._root, path.split("/") if path else []
        for name in below:
            node = self._child(node, name, entry)
            if node.entry and node.entry.kind is not Kind.DIRECTORY:
                what = f"needs a folder where the {node.entry.kind} {printable(node.entry.name)} is"
                self._refusals.add(entry.name, what, RENAME)
                return None
        return node

    def _child(self, node: _Node, name: str, entry: Entry) -> _Node:
        if name in node.children:
            return node.children[name]
        self.count += 1
        # Only a new name can collide, so a folder is reported once and not for each file in it.
        twin = node.folded.setdefault(_fold(name), name)
        if twin != name:
            how = "case" if twin.casefold() == name.casefold() else "Unicode normalisation"
            what = (
                f"has a name ({printable(name)}) that differs from {printable(twin)} in the same folder only by {how}"
            )
            self._refusals.add(entry.name, what, RENAME)
        return node.children.setdefault(name, _Node())


def _fold(name: str) -> str:
    """The same text for all names that are one to a file system that ignores case or normalisation."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def check_links(entries: Iterable[Entry], role: Role, refusals: Refusals) -> None:
    """Refuse symlinks: in a layer every one, in code those that are absolute or lead out of the archive."""
    links = {entry.name: entry.target or "" for entry in entries if entry.kind is Kind.SYMLINK}
    for name, target in links.items():
        if role is Role.LAYER:
            what = f"is a symbolic link (to {printable(target)}), and Lambda fails to convert a layer that has one"
            refusals.add(name, what, "Put the file itself in its place: `cp -rL`, or `zip` without `--symlinks`.")
        elif why := _fault_of_link(name, target, links):
            refusals.add(name, why, "Link to a path inside the archive, relative to the link, or copy the file.")


def _fault_of_link(name: str, target: str, links: Mapping[str, str]) -> str | None:
    if not target:
        return "is a symbolic link to nothing"
    if "\0" in target:
        return "is a symbolic link with a NUL in its target"
    if target.startswith("/"):
        return f"is a symbolic link to the absolute path {printable(target)}"
    # Followed as the kernel does, link by link: text alone misjudges ".." behind another link.
    here = name.split("/")[:-1]
    ahead = target.split("/")[::-1]
    hops = 0
    while ahead:
        component = ahead.pop()
        if component == "..":
            if not here:
                return f"is a symbolic link that leaves the archive's root ({printable(target)})"
            here.pop()
        elif component not in ("", "."):
            here.append(component)
            onward = links.get("/".join(here))
            if onward is None:
                continue
            hops += 1
            if hops > _MOST_HOPS or onward.startswith("/"):
                return f"is a symbolic link that never arrives inside the archive ({printable(target)})"
            here.pop()
            ahead.extend(onward.split("/")[::-1])
    return None
