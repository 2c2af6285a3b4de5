"""The Pythons that CI pipelines run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness.project.documents import child, documents, entries, is_scalar, items, line, mappings
from harness.project.pythons.images import script
from harness.project.pythons.values import Kind, Mention
from harness.project.pythons.versions import version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.nodes import Node

# `python-version`, `PYTHON_VERSION`, `python`, `python.version`, and Azure's `versionSpec`, which Node.js has as well.
_KEY: Final = re.compile(r"(?:[\w-]*[_-])?py(?:thon)?(?:[._-]?versions?)?s?|versionSpec", re.IGNORECASE)
_PYTHON: Final = re.compile(r"\D*[23](?!\d)")
_BLOCK: Final = ("|", ">")


def pipeline(text: str, name: str) -> Iterator[Mention]:
    """Every Python that a pipeline's file names, in whatever job.

    What only a run can tell (an expression, another file) is left out, and so is a file that is no YAML.

    Args:
        text: The file.
        name: How a sentence names it.
    """
    for document in documents(text):
        inputs = {id(node) for node in mappings(child(document, "inputs"))}  # an action's own, which its callers give
        for one in mappings(document):
            if id(one) not in inputs:
                yield from _mapping(one, name)


def _mapping(node: Node, name: str) -> Iterator[Mention]:
    for key, value in entries(node):
        for one in items(value) or (value,):
            if not is_scalar(one):
                continue
            first = line(one) + (one.style in _BLOCK)
            if not _KEY.fullmatch(key):
                yield from script(one.value, name, Kind.PIPELINE, first)
                continue
            for number, text in enumerate(one.value.splitlines(), first):
                python = version(text)
                if python and _PYTHON.match(python):
                    yield Mention(f"{key}: {text.strip()}", Kind.PIPELINE, name, number, python)
