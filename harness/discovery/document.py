"""A JSON or YAML file as plain values, with the line of each of them."""

# More than 300 lines: two notations of one kind of value.

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from harness import regular_files
from harness.dependencies.yaml_nodes import is_deep
from harness.model import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
Node: TypeAlias = "Any"  # of PyYAML, which is imported where a file needs it

MOST_YAML: Final = 2 * 1024 * 1024
"""Bytes; CloudFormation accepts templates of up to 1 MB (AWS CloudFormation quotas), and comments may come on top."""
MOST_JSON: Final = 16 * 1024 * 1024
MOST_VALUES: Final = 1_000_000
"""Values after aliases are expanded; the 500 resources that CloudFormation accepts have some 50,000."""

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECIMAL: Final = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")
_BLANK: Final = re.compile(r"[ \t\r\n]*")
_OWN_TAG: Final = "tag:yaml.org,2002:"
_SHORT: Final = re.compile(r"!([A-Za-z0-9]+(?:::[A-Za-z0-9]+)?)")


class UnreadableDocumentError(UsageError):
    """A file that is to be read is not what it should be; the message names the file and the line."""


@dataclass(frozen=True)
class Document:
    """A file, read.

    Attributes:
        path: The file.
        value: What it contains; short intrinsic functions of CloudFormation are written out.
        within: The keys under which ``value`` stands in the file.
    """

    path: Path
    value: Value
    within: tuple[str, ...] = ()
    _text: str = ""
    _root: Node = None
    _members: dict[int, dict[str, int]] = field(default_factory=dict)

    def line(self, keys: Iterable[str | int]) -> int:
        """The line of what stands under these keys, or of the nearest thing above it."""
        keys = (*self.within, *keys)
        return self._yaml_line(keys) if self._root is not None else self._json_line(keys)

    def _yaml_line(self, keys: Iterable[str | int]) -> int:
        node = self._root
        line = 1
        for key in keys:
            pair = _member(node, key)
            if pair is None:
                break
            line, node = pair
        return line

    def _json_line(self, keys: Iterable[str | int]) -> int:
        position = 0
        for key in keys:
            found = self._json_members(position).get(str(key))
            if found is None:
                break
            position = found
        return self._text.count("\n", 0, position) + 1

    def _json_members(self, position: int) -> dict[str, int]:
        """Where the members of the object or the list at a position begin."""
        position = _blank(self._text, position)
        if position not in self._members:
            self._members[position] = _scan(self._text, position)
        return self._members[position]


def read(path: Path) -> Document:
    """Read a JSON or YAML file.

    Raises:
        UnreadableDocumentError: It cannot be read, or is neither.
    """
    try:
        data = regular_files.read(path, MOST_JSON)
    except OSError as error:
        raise UnreadableDocumentError(f"{path}: cannot be read: {error.strerror}") from None
    text = decoded(data, path)
    if text.lstrip()[:1] == "{":
        return _json(path, text)
    if len(data) > MOST_YAML:
        raise UnreadableDocumentError(
            f"{path}: it has {len(data):,} bytes; CloudFormation accepts templates of up to 1,048,576"
        )
    return _yaml(path, text)


def decoded(data: bytes, path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark, as PowerShell writes it.

    Raises:
        UnreadableDocumentError: It is in no such encoding.
    """
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableDocumentError(f"{path}: not UTF-8 at byte {error.start}: save it as UTF-8") from None


def _json(path: Path, text: str) -> Document:
    try:
        return Document(path, json.loads(text, object_pairs_hook=_unique), _text=text)
    except json.JSONDecodeError as error:
        raise UnreadableDocumentError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise UnreadableDocumentError(f"{path}: it is nested too deep to be a template") from None
    except ValueError as error:  # a key that is there twice, a number that is too long
        raise UnreadableDocumentError(f"{path}: {error}") from None


def _unique(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there twice in one object: remove one of the two")
    return members


def _blank(text: str, position: int) -> int:
    found = _BLANK.match(text, position)
    return found.end() if found else position


def _scan(text: str, position: int) -> dict[str, int]:
    """Where each member of the object or list at a position begins: an object's at its key, a list's at its value."""
    decode = json.JSONDecoder().raw_decode
    members: dict[str, int] = {}
    opening = text[position : position + 1]
    if opening not in ("{", "["):
        return members
    place = _blank(text, position + 1)
    while place < len(text) and text[place] not in "}]":
        if opening == "{":
            key, end = decode(text, place)
            value = _blank(text, _blank(text, end) + 1)
            members[key] = value
        else:
            value = place
            members[str(len(members))] = value
        _, end = decode(text, value)
        place = _blank(text, end)
        if text[place : place + 1] == ",":
            place = _blank(text, place + 1)
    return members


def _yaml(path: Path, text: str) -> Document:
    import yaml  # noqa: PLC0415 - JSON documents do not need it

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first is ten times as fast, and not everywhere
    try:
        deep = is_deep(text)
        root = None if deep else yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UnreadableDocumentError(f"{path}{line}: not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise UnreadableDocumentError(f"{path}: not YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise UnreadableDocumentError(f"{path}: it is nested too deep to be a template") from None
    if deep:
        raise UnreadableDocumentError(f"{path}: it is nested too deep to be a template")
    return Document(path, _Builder(path).value(root), _text=text, _root=root)


@dataclass
class _Builder:
    """Builds plain values from YAML nodes; an alias is the value that it stands for, not a copy of it."""

    path: Path
    _built: dict[int, tuple[Value, int]] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)

    def value(self, node: Node) -> Value:
        """The value of a document."""
        value, size = self._sized(node)
        if size > MOST_VALUES:
            raise UnreadableDocumentError(
                f"{self.path}: its aliases expand to more than {MOST_VALUES:,} values: write out what is meant"
            )
        return value

    def _sized(self, node: Node) -> tuple[Value, int]:
        if node is None:
            return None, 1
        key = id(node)
        if key in self._open:
            raise self._error(node, "an alias that contains itself")
        if key not in self._built:
            self._open.add(key)
            self._built[key] = self._build(node)
            self._open.discard(key)
        return self._built[key]

    def _build(self, node: Node) -> tuple[Value, int]:
        value: Value
        if node.id == "mapping":
            value, size = self._mapping(node)
        elif node.id == "sequence":
            parts = [self._sized(item) for item in node.value]
            value, size = [part for part, _ in parts], 1 + sum(size for _, size in parts)
        else:
            value, size = _scalar(node), 1
        if not node.tag.startswith(_OWN_TAG):
            value = self._intrinsic(node, value)
        elif "python" in node.tag:
            raise self._error(node, f"the tag {node.tag.replace(_OWN_TAG, '!!')} is no part of a template")
        return value, min(size, MOST_VALUES + 1)

    def _mapping(self, node: Node) -> tuple[dict[str, Value], int]:
        own: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        total = 1
        for key, item in node.value:
            if key.id != "scalar":
                raise self._error(key, "a key that is no text")
            value, size = self._sized(item)
            total += size
            if key.value == "<<":
                for part in value if isinstance(value, list) else [value]:
                    merged = {**part, **merged} if isinstance(part, dict) else merged
            elif key.value in own:
                raise self._error(key, f"the key {key.value} is there twice in one mapping: remove one of the two")
            else:
                own[str(key.value)] = value
        return {**merged, **own}, total

    def _intrinsic(self, node: Node, value: Value) -> Value:
        """``!Ref X`` as ``{"Ref": "X"}``, and every other short form likewise."""
        found = _SHORT.fullmatch(node.tag)
        if found is None:
            raise self._error(node, f"the tag {node.tag} is no part of a template")
        name = found[1]
        if name == "GetAtt" and isinstance(value, str):
            return {"Fn::GetAtt": list(value.split(".", 1))}
        return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}

    def _error(self, node: Node, what: str) -> UnreadableDocumentError:
        return UnreadableDocumentError(f"{self.path}:{node.start_mark.line + 1}: {what}")


def _scalar(node: Node) -> Value:
    """A scalar's value: a number only where it is written as a decimal, so that account 012345678901 stays a text."""
    text = str(node.value)
    kind = str(node.tag).removeprefix(_OWN_TAG)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in ("true", "yes", "on")
    if kind == "int" and _DECIMAL.fullmatch(text) and len(text) < 100:  # noqa: PLR2004 - Python refuses longer ones
        return int(text)
    if kind == "float" and not any(letter.isalpha() for letter in text):
        return float(text.replace("_", "")) if ":" not in text else text
    return text


def _member(node: Node, key: str | int) -> tuple[int, Node] | None:
    """The line of a member of a node, and the member."""
    if node is None:
        return None
    if node.id == "sequence" and isinstance(key, int) and key < len(node.value):
        item = node.value[key]
        return item.start_mark.line + 1, item
    if node.id == "mapping":
        for name, item in node.value:
            if name.value == key:
                return name.start_mark.line + 1, item
        for name, item in node.value:
            if name.value == "<<":
                for merged in item.value if item.id == "sequence" else [item]:
                    if found := _member(merged, key):
                        return found
    return None


def mapping(value: object) -> dict[str, Any]:
    """A mapping as it is; anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """A list as it is; anything else as an empty one."""
    return value if isinstance(value, list) else []


def whole(value: object) -> int | None:
    """A whole number as it is, also where it is written as 128.0; None for anything else."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0 else None
