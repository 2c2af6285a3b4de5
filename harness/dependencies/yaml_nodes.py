"""YAML documents with the lines of what they say; what is no YAML has none."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeGuard

    from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_MERGE: Final = "<<"
_DEEPEST: Final = 200  # levels; what people write has some 20
_MOST: Final = 200  # mappings that one is merged of


def documents(text: str) -> tuple[Node, ...]:
    """The documents of a text, up to the first that is none."""
    import yaml  # noqa: PLC0415 - few repositories have any, and all runs would wait for it

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first is ten times as fast, and not everywhere
    if is_deep(text):
        return ()
    found: list[Node] = []
    with suppress(yaml.YAMLError, ValueError, RecursionError):  # a template, a character that YAML has none for
        found.extend(yaml.compose_all(text, Loader=loader))
    return tuple(found)


def is_deep(text: str) -> bool:
    """Whether a text is nested deeper than anything that people write: libyaml then recurses until it crashes."""
    # Each level takes an opening bracket, or at least one more column.
    most = text.count("[") + text.count("{") + max(map(len, text.splitlines()), default=0)
    if most <= _DEEPEST:
        return False
    import yaml  # noqa: PLC0415 - as above

    depth = 0
    with suppress(yaml.YAMLError, ValueError):
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                return True
    return False


def is_mapping(node: object) -> TypeGuard[MappingNode]:
    """Whether a node has keys and values."""
    return getattr(node, "id", None) == "mapping"


def is_sequence(node: object) -> TypeGuard[SequenceNode]:
    """Whether a node has items."""
    return getattr(node, "id", None) == "sequence"


def is_scalar(node: object) -> TypeGuard[ScalarNode]:
    """Whether a node is a text."""
    return getattr(node, "id", None) == "scalar"


def entries(node: Node | None, seen: set[int] | None = None) -> Iterator[tuple[str, Node]]:
    """The keys and values of a mapping, merged ones after its own; of anything else, none.

    What is merged more than once is merged once.
    """
    seen = set() if seen is None else seen
    if not is_mapping(node) or id(node) in seen or len(seen) > _MOST:
        return
    seen.add(id(node))
    for key, value in node.value:
        if is_scalar(key) and key.value != _MERGE:
            yield str(key.value), value
    for key, value in node.value:
        if is_scalar(key) and key.value == _MERGE:
            for merged in items(value) or (value,):
                yield from entries(merged, seen)


def child(node: Node | None, *keys: str) -> Node | None:
    """The value of a mapping under a key, of that under the next, and so on; None where there is none."""
    for key in keys:
        node = next((value for name, value in entries(node) if name == key), None)
    return node


def items(node: Node | None) -> tuple[Node, ...]:
    """The items of a sequence; of anything else, none."""
    return tuple(node.value) if is_sequence(node) else ()


def scalar(node: Node | None) -> str | None:
    """The text of a scalar; None for anything else."""
    return str(node.value) if is_scalar(node) else None


def scalars(node: Node | None) -> tuple[str, ...]:
    """The texts of a scalar or of a sequence of them."""
    found = (scalar(one) for one in items(node) or ((node,) if node else ()))
    return tuple(text for text in found if text is not None)


def line(node: Node) -> int:
    """The line that something begins on."""
    return int(node.start_mark.line) + 1


def mappings(node: Node | None) -> Iterator[Node]:
    """Every mapping of a document, each once, however often it is referred to."""
    waiting, seen = [node] if node else [], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if is_mapping(one):
            yield one
            waiting += [part for pair in reversed(one.value) for part in pair]
        elif is_sequence(one):
            waiting += reversed(one.value)
