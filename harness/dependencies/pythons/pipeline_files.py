"""The Pythons that CI pipelines run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness.dependencies.pythons.images import script
from harness.dependencies.pythons.pin import Kind, PythonPin
from harness.dependencies.pythons.settings_files import version
from harness.dependencies.yaml_nodes import child, documents, entries, is_scalar, items, line, mappings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yaml.nodes import Node

# `python-version`, `PYTHON_VERSION`, `python`, `python.version`, and Azure's `versionSpec`, which Node.js has as well.
_KEY: Final = re.compile(r"(?:[\w-]*[_-])?py(?:thon)?(?:[._-]?versions?)?s?|versionSpec", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]+")
_FOR_TOOLS: Final = re.compile(r"UV_PYTHON|PYENV_VERSION|PDM_PYTHON|HATCH_PYTHON|POETRY_PYTHON")
_PYTHON: Final = re.compile(r"\D*[23](?!\d)")
_BLOCK: Final = ("|", ">")


def pipeline(text: str, name: str, scripts: Callable[[], str] = lambda: "") -> Iterator[PythonPin]:
    """Every Python that a pipeline's file names, in whatever job.

    What only a run can tell (an expression, another file) is left out, and so are a variable that nothing uses, and a
    file that is no YAML.

    Args:
        text: The file.
        name: Its name in a message.
        scripts: The texts of what the pipeline may call, which may use its variables.
    """
    for document in documents(text):
        inputs = {id(node) for node in mappings(child(document, "inputs"))}  # an action's own, which its callers give
        for one in mappings(document):
            if id(one) not in inputs:
                yield from _mapping(one, name, lambda key: _is_used(key, text) or _is_used(key, scripts()))


def _is_used(key: str, text: str) -> bool:
    """Whether something reads a variable; some are for tools."""
    return bool(
        _FOR_TOOLS.fullmatch(key) or re.search(rf"(?:\$[({{]?|\benv[.:]|\bvariables\.|%){re.escape(key)}\b", text)
    )


def _mapping(node: Node, name: str, is_used: Callable[[str], bool]) -> Iterator[PythonPin]:
    for key, value in entries(node):
        if _VARIABLE.fullmatch(key) and _KEY.fullmatch(key) and not is_used(key):
            continue
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
                    yield PythonPin(f"{key}: {text.strip()}", Kind.PIPELINE, name, number, python)
