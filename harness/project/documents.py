"""YAML documents with the lines of what they say; whatever is no YAML has nothing to say."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first is ten times as fast, and not everywhere
_MERGE: Final = "<<"
_MOST: Final = 200  # mappings that one is merged of


def documents(text: str) -> tuple[Node, ...]:
    """The documents of a text, up to the first that is none."""
    found: list[Node] = []
    with suppress(yaml.YAMLError, ValueError, RecursionError):  # a template, a character that YAML has none for
        found.extend(yaml.compose_all(text, Loader=_LOADER))
    return tuple(found)


def entries(node: Node | None, seen: set[int] | None = None) -> Iterator[tuple[str, Node]]:
    """The keys and values of a mapping, merged ones after its own; of anything else, none.

    What is merged more than once is merged once.
    """
    seen = set() if seen is None else seen
    if not isinstance(node, MappingNode) or id(node) in seen or len(seen) > _MOST:
        return
    seen.add(id(node))
    for key, value in node.value:
        if isinstance(key, ScalarNode) and key.value != _MERGE:
            yield str(key.value), value
    for key, value in node.value:
        if isinstance(key, ScalarNode) and key.value == _MERGE:
            for merged in items(value) or (value,):
                yield from entries(merged, seen)


def child(node: Node | None, *keys: str) -> Node | None:
    """What a mapping has under a key, that under the next, and so on; None where there is no such thing."""
    for key in keys:
        node = next((value for name, value in entries(node) if name == key), None)
    return node


def items(node: Node | None) -> tuple[Node, ...]:
    """The items of a sequence; of anything else, none."""
    return tuple(node.value) if isinstance(node, SequenceNode) else ()


def scalar(node: Node | None) -> str | None:
    """The text of a scalar; None for anything else."""
    return str(node.value) if isinstance(node, ScalarNode) else None


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
        if isinstance(one, MappingNode):
            yield one
            waiting += [part for pair in reversed(one.value) for part in pair]
        elif isinstance(one, SequenceNode):
            waiting += reversed(one.value)
