"""The runtimes in templates of CloudFormation, SAM and the Serverless Framework."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness.project.documents import child, documents, entries, is_scalar, items, line, mappings, scalar
from harness.project.pythons.images import images
from harness.project.pythons.values import Kind, Mention

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.nodes import Node

RUNTIME: Final = re.compile(r"python(\d+\.\d+)")
_KINDS: Final = {
    "runtime": Kind.FUNCTION,
    "default": Kind.FUNCTION,  # of a parameter that a Runtime refers to
    "compatibleruntimes": Kind.LAYER,
    "buildmethod": Kind.BUILD,
}
_HANDLERS: Final = ("Handler", "handler")


def template(text: str, name: str) -> Iterator[Mention]:
    """Every Python runtime that a template names, in YAML or JSON.

    Args:
        text: The file.
        name: How a sentence names it.
    """
    for document in documents(text):
        for one in mappings(document):
            yield from _mapping(one, name)


def _mapping(node: Node, name: str) -> Iterator[Mention]:
    for key, value in entries(node):
        for one in items(value) or (value,):
            if not is_scalar(one):
                continue
            kind = _KINDS.get(key.lower())
            if kind and (found := RUNTIME.fullmatch(one.value.strip())):
                handler = _handler(node) if kind is Kind.FUNCTION else None
                yield Mention(f"{key}: {one.value.strip()}", kind, name, line(one), found[1], handler)
            elif kind is None and "\n" not in one.value:
                for image in images(one.value):
                    if image.of_lambda:
                        yield Mention(f"{key}: {image.text}", Kind.BUILD, name, line(one), image.python)


def _handler(node: Node) -> str | None:
    """The handler beside a runtime, if it is written there."""
    found = next((one for key in _HANDLERS if (one := child(node, key)) is not None), None)
    written = scalar(found)
    # A reference (`!Ref Handler`, `${self:custom.handler}`) tells nothing.
    return None if written is None or "$" in written or not str(found and found.tag).endswith(":str") else written
