"""The functions of two manifests side by side, what differs, and how they are mixed between two calls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.transition.values import Change, Kind, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.artifact.bundle import Bundle
    from harness.artifact.entries import Archive
    from harness.artifact.entries import Kind as EntryKind
    from harness.manifest import Function, Manifest, Source


@dataclass(frozen=True, slots=True)
class Pair:
    """One function on both sides; at least one of them."""

    name: str
    before: Function | None
    after: Function | None


@dataclass(frozen=True, slots=True)
class Mixed:
    """A function in a state.

    Attributes:
        manifest: Of the side that its code is from, with the runtime and the architecture that hold.
    """

    state: State
    function: Function
    manifest: Manifest


def pairs(before: Manifest, after: Manifest) -> tuple[Pair, ...]:
    """The functions of the new manifest in its order, then those that only the old one has."""
    old = {function.name: function for function in before.functions}
    new = {function.name: function for function in after.functions}
    found = [Pair(name, old.get(name), function) for name, function in new.items()]
    return (*found, *(Pair(name, function, None) for name, function in old.items() if name not in new))


def mixed(pair: Pair, state: State, before: Manifest, after: Manifest) -> Mixed | None:
    """A function in a state; None where one side that it takes lacks it.

    The split is Lambda's: ``UpdateFunctionCode`` brings the archive and the architecture, and
    ``UpdateFunctionConfiguration`` everything else. The events come with the code that answers them.
    """
    code = pair.after if state.new_code else pair.before
    configuration = pair.after if state.new_configuration else pair.before
    if code is None or configuration is None:
        return None
    function = replace(
        code,
        handler=configuration.handler,
        layers=configuration.layers,
        memory=configuration.memory,
        timeout=configuration.timeout,
        environment=configuration.environment,
    )
    runtime = (after if state.new_configuration else before).of(configuration).runtime
    manifest = (after if state.new_code else before).of(code)
    function = replace(function, runtime=None, architecture=None)  # they are the manifest's from here on
    return Mixed(state, function, replace(manifest, runtime=runtime))


def kind(pair: Pair, changes: Sequence[Change]) -> Kind:
    """What becomes of a function."""
    if pair.before is None:
        return Kind.NEW
    if pair.after is None:
        return Kind.REMOVED
    return Kind.CHANGED if changes else Kind.UNCHANGED


def changes(old: Mixed, new: Mixed, before: Bundle | None, after: Bundle | None) -> Iterator[Change]:
    """What differs between a function before and after.

    Args:
        old: The function before.
        new: The function after.
        before: Its archives before; None where they could not be had: then names are compared, not contents.
        after: Its archives after.
    """
    was, will = old.function, new.function
    if not _same_code(was, will, before, after):
        yield Change("code", was.code.text, will.code.text)
    if old.manifest.architecture is not new.manifest.architecture:
        yield Change("architecture", str(old.manifest.architecture), str(new.manifest.architecture))
    if not _same_layers(was, will, before, after):
        yield Change("layers", _layers(was, before), _layers(will, after))
    plain = (
        ("handler", was.handler, will.handler),
        ("runtime", old.manifest.runtime, new.manifest.runtime),
        ("memory", f"{was.memory} MB", f"{will.memory} MB"),
        ("timeout", f"{was.timeout} s", f"{will.timeout} s"),
    )
    yield from (Change(what, one, other) for what, one, other in plain if one != other)
    one, other = dict(was.environment), dict(will.environment)
    if names := sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name)):
        # The names alone: values can be secrets.
        yield Change("environment", _listed(n for n in names if n in one), _listed(n for n in names if n in other))


def _listed(several: Iterator[str] | Sequence[Source]) -> str:
    return ", ".join(one if isinstance(one, str) else one.text for one in several) or "none"


def _layers(function: Function, bundle: Bundle | None) -> str:
    """The layers by their names; in place of a function that stands for them, those that it carries."""
    return _listed(layer.source for layer in bundle.layers) if bundle else _listed(function.layers)


def _same_code(was: Function, will: Function, before: Bundle | None, after: Bundle | None) -> bool:
    if before is None or after is None or before.code is None or after.code is None:
        return was.code == will.code
    return same(before.code, after.code)


def _same_layers(was: Function, will: Function, before: Bundle | None, after: Bundle | None) -> bool:
    if before is None or after is None:
        return was.layers == will.layers
    return len(before.layers) == len(after.layers) and all(map(same, before.layers, after.layers))


def same(one: Archive, other: Archive) -> bool:
    """Whether a function sees no difference: the same bytes, or the same files packed at another time."""
    if one.sha256 == other.sha256:
        return True
    if one.is_folder or other.is_folder or one.refusals or other.refusals:
        return False
    return _content(one) == _content(other)


def _content(archive: Archive) -> list[tuple[str, EntryKind, int, int, int, str | None]]:
    return [
        (entry.name, entry.kind, entry.mode, entry.size, entry.crc, entry.target)
        for entry in sorted(archive.entries, key=lambda entry: entry.name)
    ]


def distinguished(before: Manifest, after: Manifest) -> tuple[Manifest, Manifest]:
    """The manifests, with other names for archives that both call the same and that are not: ``live/code.zip``."""
    known: dict[str, set[str]] = {}
    for source in (*_sources(before), *_sources(after)):
        known.setdefault(source.text, set()).add(str(source.path))
    twice = {text for text, paths in known.items() if len(paths) > 1}

    def clear(source: Source | None) -> Source | None:
        return replace(source, text=str(source.path)) if source and source.path and source.text in twice else source

    return _renamed(before, clear), _renamed(after, clear)


def _sources(manifest: Manifest) -> Iterator[Source]:
    every = (manifest.code, *manifest.layers, *(s for f in manifest.functions for s in (f.code, *f.layers)))
    return (source for source in every if source)


def _renamed(manifest: Manifest, clear: Callable[[Source | None], Source | None]) -> Manifest:
    def several(sources: Sequence[Source]) -> tuple[Source, ...]:
        return tuple(one for one in map(clear, sources) if one)

    functions = (
        replace(one, code=clear(one.code) or one.code, layers=several(one.layers)) for one in manifest.functions
    )
    return replace(manifest, code=clear(manifest.code), layers=several(manifest.layers), functions=tuple(functions))
