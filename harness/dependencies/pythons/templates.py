"""The runtimes in templates of CloudFormation, SAM and the Serverless Framework."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness.dependencies.pythons.images import images
from harness.dependencies.pythons.pin import Kind, PythonPin
from harness.dependencies.yaml_nodes import child, documents, entries, is_scalar, items, line, mappings, scalar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from yaml.nodes import Node, ScalarNode

RUNTIME: Final = re.compile(r"python(\d+\.\d+)")
_KINDS: Final = {"compatibleruntimes": Kind.LAYER, "buildmethod": Kind.BUILD}
_RUNTIMES: Final = ("Runtime", "runtime")
_HANDLERS: Final = ("Handler", "handler")
_SHARED: Final = (("Globals", "Function", "Runtime"), ("provider", "runtime"))


def template(text: str, name: str) -> Iterator[PythonPin]:
    """Every Python runtime that a template names, in YAML or JSON.

    What functions share (SAM's globals, the provider's runtime, the default of a parameter) counts for each function
    that has it, and of none where there is no function.
    """
    for document in documents(text):
        several = [*mappings(document)]
        functions = [one for one in several if _first(one, _HANDLERS) is not None]
        defaults = {
            key: found for key, one in entries(child(document, "Parameters")) if (found := child(one, "Default"))
        }
        shared = next((found for way in _SHARED if (found := child(document, *way)) is not None), None)
        names = dict(_names(document))
        for one in several:
            yield from _others(one, name)
            if one in functions:
                node = _resolved(_first(one, _RUNTIMES) or shared, defaults)
                handler = _literal(_resolved(_first(one, _HANDLERS), defaults))
                yield from _function(node, name, handler, names.get(id(one)))
            elif not functions:
                yield from _function(_resolved(_first(one, _RUNTIMES), defaults), name, None, None)


def _first(node: Node, keys: tuple[str, ...]) -> Node | None:
    return next((found for key in keys if (found := child(node, key)) is not None), None)


def _function(node: Node | None, name: str, handler: str | None, function: str | None) -> Iterator[PythonPin]:
    if is_scalar(node) and (found := RUNTIME.fullmatch(node.value.strip())):
        written = f"Runtime: {node.value.strip()}"
        yield PythonPin(written, Kind.FUNCTION, name, line(node), found[1], handler, function)


def _others(node: Node, name: str) -> Iterator[PythonPin]:
    """The Pythons of layers and of builds."""
    for key, value in entries(node):
        for one in items(value) or (value,):
            if not is_scalar(one):
                continue
            kind = _KINDS.get(key.lower())
            if kind and (found := RUNTIME.fullmatch(one.value.strip())):
                yield PythonPin(f"{key}: {one.value.strip()}", kind, name, line(one), found[1])
            elif kind is None and "\n" not in one.value:
                for image in images(one.value):
                    if image.of_lambda:
                        yield PythonPin(f"{key}: {image.text}", Kind.BUILD, name, line(one), image.python)


def _names(document: Node) -> Iterator[tuple[int, str]]:
    """The names of functions, by the identity of the mapping that has their handler."""
    for key, one in entries(child(document, "Resources")):
        properties = child(one, "Properties")
        if properties is not None:
            yield id(properties), _literal(child(properties, "FunctionName")) or key
    for key, one in entries(child(document, "functions")):
        yield id(one), _literal(child(one, "name")) or key


def _resolved(node: Node | None, defaults: Mapping[str, Node]) -> Node | None:
    """A value, or the default of the parameter that it refers to."""
    if is_scalar(node) and str(node.tag) == "!Ref":
        return defaults.get(str(node.value))
    if (referred := scalar(child(node, "Ref"))) is not None:
        return defaults.get(referred)
    return node


def _literal(node: Node | None) -> str | None:
    """A text that is written there; a reference (`!GetAtt A.B`, `${self:custom.handler}`) tells nothing."""
    written = scalar(node)
    return None if written is None or "$" in written or not _is_text(node) else written


def _is_text(node: Node | None) -> bool:
    return is_scalar(node) and _tag(node).endswith(":str")


def _tag(node: ScalarNode) -> str:
    return str(node.tag)
