"""The runtimes in Terraform's files, and in programs for the CDK and its kin, by their text."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from harness.dependencies.pythons.images import images
from harness.dependencies.pythons.pin import Kind, PythonPin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Comments, which are passed over, and strings, in which nothing is a comment or a bracket.
_LEXES: Final[Mapping[str, re.Pattern[str]]] = {
    "hcl": re.compile(r"(?P<comment>#[^\n]*|//[^\n]*|/\*.*?(?:\*/|\Z))|\"(?:\\.|[^\"\\\n])*\"", re.DOTALL),
    "python": re.compile(
        r"(?P<comment>#[^\n]*|\"\"\".*?(?:\"\"\"|\Z)|'''.*?(?:'''|\Z))|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'",
        re.DOTALL,
    ),
    "javascript": re.compile(
        r"(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`",
        re.DOTALL,
    ),
}
LANGUAGES: Final[Mapping[str, str]] = {
    ".tf": "hcl",
    ".tfvars": "hcl",
    ".hcl": "hcl",
    ".py": "python",
    ".ts": "javascript",
    ".mts": "javascript",
    ".js": "javascript",
    ".mjs": "javascript",
}
"""The language of a file, by its ending."""

_RUNTIME: Final = re.compile(
    r"(?P<quote>[\"'`])python(?P<text>\d+\.\d+)(?P=quote)"
    r"|\bRuntime\s*\.\s*PYTHON_(?P<major>\d)_(?P<minor>\d+)\b(?P<build>\s*\.\s*bundling)?"
)
# What a value is assigned to, with nothing but the rest of an expression in between: a condition, the name of a call.
_KEY: Final = re.compile(r"([\w-]+)[\"']?\s*(?::[^=,;()\[\]{}\n]*=|[=:])(?!=)\s*[^\n,;=]*\Z")
# Terraform's variables: what they are given, and where one stands for a runtime.
_VALUE: Final = re.compile(r"(?<![\w.-])([\w-]+)\s*=\s*(\"(?:python)?(3\.\d+)\")")
_REFERENCE: Final = re.compile(r"(?<![\w.-])(?:\"python\$\{\s*)?((?:local|var)\.[\w-]+)")
_FAR: Final = 500  # characters; what somebody assigned is not that far away
_HANDLER: Final = re.compile(r"(?<![\w.-])handler[\"']?\s*[=:]\s*([\"'`])([^\"'`\n$]+)\1")
_HEADER: Final = re.compile(r"^[ \t]*(?:variable|output)[ \t]+\"([^\"]+)\"[ \t]*$", re.MULTILINE)
_OPENING, _CLOSING = "([{", ")]}"
_TOLD: Final = re.compile(r"runtime|python|lambda", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a variable of Terraform: a version of Python.

    Attributes:
        written: How it is written, fit for a sentence.
        where: The file and the line.
    """

    written: str
    where: tuple[str, int]
    python: str


def assigned(text: str, name: str) -> Iterator[tuple[str, Value]]:
    """The versions of Python that a file of Terraform gives to locals (``local.x``) and variables (``var.x``)."""
    source = _Source(text, _LEXES["hcl"])
    for found in _VALUE.finditer(source.clean):
        header = source.clean[: max(source.around(found.start(2)), 0)].rpartition("\n")[2]
        variable = _HEADER.match(header)
        kind = "var" if variable or name.endswith(".tfvars") else "local"
        key = variable[1] if variable and found[1] == "default" else found[1]
        written = f"{found[1]} = {found[2]}"
        yield f"{kind}.{key}", Value(written, (name, source.line(found.start(2))), found[3])


def code(
    text: str, name: str, language: str, known: Mapping[str, Sequence[Value]] | None = None
) -> Iterator[PythonPin]:
    """Every Python runtime that a program names."""
    source = _Source(text, _LEXES[language])
    if known:
        yield from _referred(source, known)
    for found in _RUNTIME.finditer(source.clean):
        if found["quote"] and found.start() not in source.strings:
            continue  # in another string: a message, a command
        key, group = source.key(found.start())
        if found["quote"] and not _is_runtime(key, group, source):
            continue
        python = found["text"] or f"{found['major']}.{found['minor']}"
        written = f"{key} = {found[0]}" if key and found["quote"] else found[0]
        kind = Kind.BUILD if found["build"] else Kind.LAYER if "compatib" in key.lower() else Kind.FUNCTION
        handler = _HANDLER.search(source.direct(group)) if kind is Kind.FUNCTION else None
        yield PythonPin(written, kind, name, source.line(found.start()), python, handler[2] if handler else None)
    for number, line in enumerate(source.clean.splitlines(), 1):
        for image in images(line):
            if image.of_lambda:
                yield PythonPin(image.text, Kind.BUILD, name, number, image.python)


def _referred(source: _Source, known: Mapping[str, Sequence[Value]]) -> Iterator[PythonPin]:
    """The runtimes that a function or a layer takes from a variable: ``local.python``, ``"python${var.python}"``."""
    for found in _REFERENCE.finditer(source.clean):
        key, group = source.key(found.start())
        if "runtime" not in key.lower():
            continue
        kind = Kind.LAYER if "compatib" in key.lower() else Kind.FUNCTION
        handler = _HANDLER.search(source.direct(group)) if kind is Kind.FUNCTION else None
        for value in known.get(found[1], ()):
            yield PythonPin(value.written, kind, *value.where, value.python, handler[2] if handler else None)


def _is_runtime(key: str, group: int, source: _Source) -> bool:
    """Whether a string that reads like a runtime is one: some name interpreters."""
    if key != "default":
        return "runtime" in key.lower()
    header = source.clean[:group].rpartition("\n")[2]
    found = _HEADER.match(header)
    return bool(found and _TOLD.search(found[1]))


@dataclass(frozen=True)  # without slots: what is derived is computed once, and cached properties keep it in __dict__
class _Source:
    """A program's text."""

    text: str
    lexis: re.Pattern[str]

    @cached_property
    def clean(self) -> str:
        """It without comments, every character where it was."""
        return self.lexis.sub(lambda found: _blank(found[0]) if found["comment"] else found[0], self.text)

    @cached_property
    def strings(self) -> frozenset[int]:
        """The beginnings of strings."""
        return frozenset(found.start() for found in self.lexis.finditer(self.clean))

    @cached_property
    def bare(self) -> str:
        """It without what strings hold, either."""
        return self.lexis.sub(lambda found: f"{found[0][0]}{_blank(found[0][1:-1])}{found[0][-1:]}", self.clean)

    @cached_property
    def _lines(self) -> list[int]:
        return [found.end() for found in re.finditer("\n", self.text)]

    @cached_property
    def _parents(self) -> Mapping[int, int]:
        """The opening bracket around each opening bracket, and each closing one's own; -1 is the whole file."""
        found: dict[int, int] = {}
        open_ = [-1]
        for one in re.finditer(r"[(\[{}\])]", self.bare):
            if one[0] in _OPENING:
                found[one.start()] = open_[-1]
                open_.append(one.start())
            elif len(open_) > 1:
                found[one.start()] = open_.pop()
        return found

    @cached_property
    def _brackets(self) -> list[int]:
        return list(self._parents)

    def line(self, at: int) -> int:
        """The number of a place's line."""
        return bisect_right(self._lines, at) + 1

    def around(self, at: int) -> int:
        """The opening bracket that a place is in; -1 where it is in none."""
        before = bisect_right(self._brackets, at - 1) - 1
        if before < 0:
            return -1
        bracket = self._brackets[before]
        return bracket if self.bare[bracket] in _OPENING else self._parents[self._parents[bracket]]

    def key(self, at: int) -> tuple[str, int]:
        """The name that a value is assigned to, or an empty one, and the bracket that the assignment is in."""
        group = self.around(at)
        while True:
            if found := _KEY.search(self.direct(group, at)[-_FAR:]):
                return found[1], group
            if group < 0 or self.bare[group] == "{":
                return "", group
            at, group = group, self._parents[group]

    def direct(self, group: int, end: int | None = None) -> str:
        """The text in a bracket itself, and not in one that is inside it; up to some place."""
        parts, at = [], group + 1
        for bracket in self._brackets[bisect_right(self._brackets, group) :]:
            if end is not None and bracket >= end:
                break
            if self.bare[bracket] in _OPENING:
                if self._parents[bracket] == group:
                    parts.append(self.clean[at:bracket])
            elif self._parents[bracket] == group:
                return "".join((*parts, self.clean[at:bracket]))
            elif self._parents[self._parents[bracket]] == group:
                at = bracket + 1
        return "".join((*parts, self.clean[at : len(self.clean) if end is None else end]))


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
