"""The revisions of an Alembic environment, as Alembic's script directory would find them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TRIGGER = b"down_revision"
"""A source without it is no revision; it need not be analysed."""

_VARIABLES = frozenset({"revision", "down_revision", "branch_labels", "depends_on"})


@dataclass(frozen=True, slots=True)
class Revision:
    """What one file says of itself.

    Attributes:
        id: Its ``revision``; None where the text does not tell.
        parents: Its ``down_revision``; None where the text does not tell.
        labels: Its ``branch_labels``.
        depends: Its ``depends_on``: ids or branch labels.
        line: Where ``down_revision`` is set.
        certain: Whether all four are constants.
    """

    id: str | None
    parents: tuple[str, ...] | None
    labels: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    line: int = 1
    certain: bool = True


@dataclass(frozen=True, slots=True)
class History:
    """The revisions of one environment, as Alembic would chain them.

    Attributes:
        revisions: By their id, each with its file.
        heads: The ids that nobody follows.
        duplicates: Ids that more than one file has, with those files.
        missing: Ids that a file follows or depends on and that none has, with that file.
        cyclic: Ids that no chain connects with a beginning and a head.
    """

    revisions: tuple[tuple[str, str], ...] = ()
    heads: tuple[str, ...] = ()
    duplicates: tuple[tuple[str, tuple[str, ...]], ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    cyclic: tuple[str, ...] = ()


def revision(tree: ast.Module) -> Revision | None:
    """The revision that a module is; None where it sets no ``down_revision`` of its own."""
    values: dict[str, ast.expr | None] = {}
    lines: dict[str, int] = {}
    for name, value, line in _assigned(tree.body):
        if name in _VARIABLES:
            values[name] = None if name in values else value  # set twice: which one counts is not for the text to tell
            lines[name] = line
    if "down_revision" not in values:
        return None
    found = {name: _constants(value) for name, value in values.items()}
    ids = found.get("revision")
    return Revision(
        id=ids[0] if ids else None,
        parents=found["down_revision"],
        labels=found.get("branch_labels", ()) or (),
        depends=found.get("depends_on", ()) or (),
        line=lines["down_revision"],
        certain=bool(ids) and None not in found.values(),
    )


def _assigned(body: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.expr | None, int]]:
    for statement in body:
        match statement:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name):
                        yield target.id, value, statement.lineno
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value, statement.lineno
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                for inner in ast.walk(statement):
                    if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                        yield inner.id, None, statement.lineno
            case _:
                pass


def _constants(value: ast.expr | None) -> tuple[str, ...] | None:
    """The strings of a constant, as Alembic takes them: None is none, a string is one, a collection all of its own."""
    match value:
        case ast.Constant(value=None):
            return ()
        case ast.Constant(value=str() as text):
            return (text,) if text else ()
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            texts = [one.value for one in elements if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            return tuple(texts) if len(texts) == len(elements) else None
        case _:
            return None


def history(files: Mapping[str, Revision]) -> History:
    """Chain the revisions of one environment.

    Args:
        files: Its files, by path, with what each says; all of them must be certain.
    """
    holders: dict[str, list[str]] = {}
    for path in sorted(files):
        holders.setdefault(files[path].id or "", []).append(path)
    last = {name: files[paths[-1]] for name, paths in holders.items()}
    labels = {label: name for name, one in last.items() for label in one.labels}
    missing = tuple(
        (wanted, path)
        for path in sorted(files)
        for wanted in (*(files[path].parents or ()), *files[path].depends)
        if not _stands_for(wanted, last, labels)
    )
    parents = {name: tuple(one for one in last[name].parents or () if one in last) for name in last}
    followed = {parent for of in parents.values() for parent in of}
    heads = tuple(name for name in last if name not in followed)
    needs = {
        name: (*of, *(_stands_for(one, last, labels) or name for one in last[name].depends))
        for name, of in parents.items()
        if not any(one not in last and one not in labels for one in last[name].depends)
    }
    return History(
        revisions=tuple((name, paths[-1]) for name, paths in holders.items()),
        heads=heads,
        duplicates=tuple((name, tuple(paths)) for name, paths in holders.items() if len(paths) > 1),
        missing=missing,
        cyclic=_cyclic(parents) or _cyclic(needs),
    )


def _stands_for(wanted: str, known: Mapping[str, Revision], labels: Mapping[str, str]) -> str | None:
    return wanted if wanted in known else labels.get(wanted)


def _cyclic(parents: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The ids from which following parents leads back: those that remain when all that has a beginning is taken out."""
    waiting = {name: {one for one in of if one in parents} for name, of in parents.items()}
    while ready := [name for name, of in waiting.items() if not of]:
        for name in ready:
            del waiting[name]
        for of in waiting.values():
            of.difference_update(ready)
    return tuple(sorted(waiting))
