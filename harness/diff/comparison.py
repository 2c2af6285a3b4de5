"""Two sides compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from harness.diff.contents import ordered
from harness.diff.values import (
    AwsCall,
    Contents,
    Cost,
    FileChange,
    Found,
    FunctionChange,
    Kind,
    Package,
    PackageChange,
    Pair,
    Permission,
    Read,
    Snapshot,
)
from harness.sources import aws_actions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.manifest.permissions import Permissions

T = TypeVar("T")
N = TypeVar("N", int, float)

KB: Final = 1024
INIT: Final = "at init"
# Below these a difference is noise: that of two packings of the same files, and of two starts of the same handler.
_ZIPPED: Final = (10 * KB, 0.001)
_UNZIPPED: Final = (KB, 0.0)
_INIT: Final = (0.1, 0.2)
_MEMORY: Final = (5.0, 0.1)


def packages(before: Contents, after: Contents) -> Iterator[PackageChange]:
    """The distributions that are new, gone or in another version."""
    for key in sorted(before.packages.keys() | after.packages.keys()):
        old, new = before.packages.get(key), after.packages.get(key)
        shown = new or old
        if shown and (kind := _package_kind(old, new)):
            was, will = old.versions if old else (), new.versions if new else ()
            yield PackageChange(kind, shown.name, was, will, shown.asked_by, shown.direct)


def _package_kind(old: Package | None, new: Package | None) -> Kind | None:
    if old is None or new is None:
        return _kind(old, new)
    if old.versions != new.versions:
        return Kind.UP if ordered(new.versions[-1]) >= ordered(old.versions[-1]) else Kind.DOWN
    return Kind.CHANGED if old.digest and new.digest and old.digest != new.digest else None


def files(before: Contents, after: Contents) -> Iterator[FileChange]:
    """The own files that are new, gone or have another content; functions are named where only some of them differ."""
    having = defaultdict[str, set[str]](set)
    changed = defaultdict[tuple[Kind, str], list[str]](list)
    for key in sorted(before.files.keys() | after.files.keys()):
        path, group = key
        having[path].add(group)
        old, new = before.files.get(key), after.files.get(key)
        if old != new:
            changed[_kind(old, new) or Kind.CHANGED, path].append(group)
    for (kind, path), groups in changed.items():
        yield FileChange(kind, path, () if len(groups) == len(having[path]) else tuple(groups))


def _kind(old: object, new: object) -> Kind | None:
    return Kind.NEW if old is None else Kind.GONE if new is None else None


def added(before: Mapping[str, T], after: Mapping[str, T]) -> tuple[T, ...]:
    """What only the new side has."""
    return tuple(one for key, one in sorted(after.items()) if key not in before)


def calls(before: Contents, after: Contents, roles: Mapping[str, Permissions]) -> Iterator[AwsCall]:
    """The operations that are new, and then those that are new for a function.

    Args:
        before: The old side.
        after: The new side.
        roles: What the roles of the new side's functions allow, as far as a template has them.
    """
    for key, new in sorted(after.calls.items(), key=lambda pair: (pair[0] in before.calls, pair[0])):
        old = before.calls.get(key)
        if functions := tuple(one for one in new.functions if old is None or one not in old.functions):
            yield _permitted(replace(new, functions=functions), roles)


def called(before: Snapshot, after: Snapshot, roles: Mapping[str, Permissions]) -> Iterator[AwsCall]:
    """The operations of the emulated AWS that functions newly called, of those that both sides started with one."""
    new = dict[tuple[str, str], AwsCall]()
    for name in before.called.keys() & after.called.keys():
        old = {(one.service, one.operation) for one in before.called[name]}
        for one in after.called[name]:
            key = one.service, one.operation
            if key not in old:
                call = new.get(key) or AwsCall(*key, aws_actions.actions(*key), one.event or INIT)
                new[key] = replace(call, functions=tuple(dict.fromkeys((*call.functions, name))))
    yield from (_permitted(call, roles) for _, call in sorted(new.items()))


def _permitted(call: AwsCall, roles: Mapping[str, Permissions]) -> AwsCall:
    named = [(one, roles[one]) for one in call.functions if one in roles]
    found = (Permission(action, name, *role.grants(action)) for name, role in named for action in call.actions)
    return replace(call, permissions=tuple(found))


def variables(before: Contents, after: Contents, known: Iterable[str]) -> Iterator[Read]:
    """The variables that are newly read, or newly without a value, and that some function does not set.

    Args:
        before: The old side.
        after: The new side.
        known: The functions that the old side has too.
    """
    both = set(known)
    for name, new in sorted(after.variables.items()):
        old = before.variables.get(name)
        newly = (
            old is None
            or (new.required, new.raises) > (old.required, old.raises)
            or both & (set(new.unset) - set(old.unset))
        )
        if new.unset and newly:
            yield new


def functions(before: Snapshot, after: Snapshot) -> Iterator[FunctionChange]:
    """The costs of each function."""
    for name in dict.fromkeys((*after.costs, *before.costs)):
        old, new = before.costs.get(name), after.costs.get(name)
        was, will = old or Cost(), new or Cost()
        yield FunctionChange(
            name,
            _kind(old, new),
            _pair(was.zipped, will.zipped, *_ZIPPED),
            _pair(was.unzipped, will.unzipped, *_UNZIPPED),
            _pair(was.init, will.init, *_INIT),
            _pair(was.memory, will.memory, *_MEMORY),
        )


def _pair(old: N | None, new: N | None, least: float, part: float) -> Pair[N]:
    if old is None or new is None:
        return Pair(old, new)
    return Pair(old, new, abs(new - old) >= max(least, part * old))


def findings(before: Snapshot, after: Snapshot) -> tuple[tuple[Found, ...], tuple[Found, ...]]:
    """The findings that count on the new side alone, and on the old side alone.

    One is new if the old side ran its check, and could do it for that function. It is gone only if the new side has
    judged the same and did not find it, or has the function no more.
    """
    new = (one for one in _missing(after, before) if one.check in before.checks)
    gone = (one for one in _missing(before, after) if one.check in after.checks)
    return (
        tuple(one for one in new if (one.check, one.function) not in before.skipped),
        tuple(one for one in gone if (one.check, one.function) in after.judged or _is_without(after, one.function)),
    )


def _is_without(side: Snapshot, function: str | None) -> bool:
    return function is not None and function not in side.costs


def _missing(here: Snapshot, there: Snapshot) -> Iterator[Found]:
    """What one side finds, and the other does not; what is accepted is found."""
    left = Counter(one.key for one in there.findings)
    for one in sorted(here.findings, key=lambda found: not found.accepted):
        if left[one.key]:
            left[one.key] -= 1
        elif not one.accepted:
            yield one


def uncompared(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """The checks with a finding that judged one side alone."""
    judged = {one.check for one in (*before.findings, *after.findings)}
    return tuple(sorted(judged & (before.checks ^ after.checks)))
