"""The edits of the repository after which a distribution is declared, locked, requested and built."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.dependencies.comparison.agreement import declares, lost_extras
from harness.dependencies.comparison.built import Presence
from harness.dependencies.declared.requirements import written_by
from harness.dependencies.project import MAIN, Kind
from harness.model import Edit, Insert, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.dependencies.comparison.cache_keys import Unkeyed
    from harness.dependencies.comparison.dependency_lists import DependencyLists

_LOCKING = {
    "poetry": "poetry lock",
    "uv": "uv lock",
    "pdm": "pdm lock",
    "pipenv": "pipenv lock",
    "pip": "pip lock",
}
_KEY = "`lambda-artifact key` prints one over all that it is built from"


def edits(lists: DependencyLists, name: str, version: str | None = None) -> tuple[Edit, ...]:
    """The smallest set of edits after which a distribution is declared, locked, asked for and built.

    Args:
        lists: The dependency lists.
        name: Of the distribution, normalised.
        version: What to pin it to, where no lock says.
    """
    entry = lists.locked.get(name)
    version = (entry.version if entry else None) or version
    if folder := lists.local(name):
        return (
            Edit(
                f"copy the modules of {folder} into the code archive, or install that folder into it; do not ask an "
                f"index for {name}, where a stranger may have taken the name"
            ),
        )
    built = lists.built(name).presence
    return (
        *_declare(lists, name, version),
        *_ask(lists, name, version),
        *(again(lists) if built in {Presence.ABSENT, Presence.ELSEWHERE} else ()),
    )


def again(lists: DependencyLists) -> tuple[Edit, ...]:
    """The edits: key the caches that would bring back the present archive, then build it again."""
    return (*map(rekey, lists.caches), Edit(rebuild(lists)))


def rekey(one: Unkeyed) -> Edit:
    """The edit: let the key of a cache change with what the cached archive is built from."""
    if one.step.early:
        return Edit(f"move the step that keeps {one.path} after the checkout, where its key finds files", _at(one))
    if one.step.by_hand:
        return Edit(f"hash {', '.join(one.inputs)} too for the key of {one.path} ({_KEY})", _at(one))
    return Edit(f"put {', '.join(one.inputs)} into the key of the cached {one.path} ({_KEY})", _at(one))


def _at(one: Unkeyed) -> Place:
    return place(one.step.where)


def place(where: str) -> Place:
    """The place that ``requirements.txt:5`` names."""
    file, _, line = where.rpartition(":")
    return Place(file, int(line)) if file and line.isdecimal() else Place(where)


def _declare(lists: DependencyLists, name: str, version: str | None) -> Iterator[Edit]:
    declared = lists.project.declared
    if declared is None or declared.dynamic or (lists.project.build and not declares(lists)):
        return
    tool = lists.lock.tool if lists.lock else declared.tool
    command = _LOCKING.get(tool or "")
    again = f", and lock again: `{command}`" if lists.lock and command else ""
    table = declared.group_tables.get(MAIN, "[project] dependencies")
    lines = lists.declared.get(name, ())
    if name in lists.main:
        if lists.lock and not lists.locks(name):
            how = f": `{command}`" if command else ""
            yield Edit(f"it is older than {declared.shown}; lock again{how}", Place(lists.lock.shown))
    elif name in lists.needs.get(MAIN, {}):
        return  # it comes along
    elif grouped := next((one for one in lines if one.group.kind is Kind.GROUP), None):
        yield Edit(f"move {grouped.text} from {grouped.group} to {table}{again}", place(grouped.where))
    elif excluded := next((one for one in lists.excluded(name) if one in declared.asked and one.group == MAIN), None):
        yield Edit(f"correct the condition of {excluded.text}{again}", place(excluded.where))
    else:
        poetry = table.startswith("[tool.poetry")
        line = f"{name}>={version}" if version else name
        if poetry:
            line = f'{name} = "^{version}"' if version else f'{name} = "*"'
        yield Edit(f"add {line} {'under' if poetry else 'to'} {table}{again}", Place(declared.shown))


def _ask(lists: DependencyLists, name: str, version: str | None) -> Iterator[Edit]:
    build = lists.project.build
    if build is None or name in lists.asked or name in lists.built_for:
        return
    excluded = next((one for one in lists.excluded(name) if one in build.asked), None)
    command = written_by(build.files[0]) if build.files else None
    lost = next((one for one in lost_extras(lists) if name in one.lost), None)
    if lost:
        yield Edit(f"write {lost.declared.requirement.name}[{lost.extra}]", place(lost.asked.where))
    elif excluded:
        yield Edit(f"correct the condition of {excluded.text}", place(excluded.where))
    elif command:
        yield Edit(f"write it again, with {name} in what it is made of: `{command}`", Place(build.shown[0]))
    else:
        hashed = any(one.hashed for one in build.asked)
        pin, how = f"{name}=={version}" if version else name, " with its hashes, or write the file again"
        lines = [at.line or 1 for one in build.asked if (at := place(one.where)).file == build.shown[0]]
        # In front of the last requirement, which may go on in further lines.
        insert = Insert(max(lines, default=1), pin) if version and not hashed else None
        yield Edit(f"add {pin}{how * hashed}", Place(build.shown[0]), insert)


def rebuild(lists: DependencyLists) -> str:
    """The order to build the archive again that holds the distributions."""
    held = lists.program.facts.bundle.archives
    counted = Counter(id(installed.archive) for several in lists.union.installed.values() for installed in several)
    chosen = max(held, key=lambda archive: (counted[id(archive)], archive.role == "layer"), default=None)
    source = chosen.source if chosen else "the archive"
    given = lists.input_shown
    if given is None:
        return f"rebuild {source}, with it"
    hint = "" if lists.caches else f"; a cache that may hold the old one must be keyed on {given} ({_KEY})"
    return f"rebuild {source} from {given}{hint}"
