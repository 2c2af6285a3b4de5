"""Evaluate CloudFormation's intrinsic functions, as far as that is possible before a deploy.

What only a deploy decides becomes a :class:`Placeholder`: a plausible text that knows what it stands for.
"""

# More than 300 lines: one function of CloudFormation after the other, each a few lines.

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from harness.discovery.cloudformation.names import GENERATED, attribute, reference
from harness.discovery.document import UnreadableDocumentError, mapping, sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.discovery.document import Document

ACCOUNT: Final = "123456789012"
"""The account number of AWS's own examples, which no account has."""
REGION: Final = "us-east-1"
_VARIABLE: Final = re.compile(r"\$\{(!?)([^{}]*)\}")
_DYNAMIC: Final = re.compile(r"\{\{resolve:([a-z-]+):([^{}]*)\}\}")
_MOST_TEXT: Final = 10_000_000  # characters that intrinsics write in one template; one may have a million itself
_LONGEST_ITEM: Final = 255  # characters of an item of Fn::ForEach, which becomes a part of a logical ID
_MOST: Final = 200_000  # evaluated values in one template; the largest that CloudFormation accepts have some 50,000
_DEEPEST: Final = 60


class Placeholder(str):
    """A text that stands for a value which only a deploy decides.

    Attributes:
        unknown: What decides it, such as ``Fn::ImportValue Network-Vpc``.
    """

    __slots__ = ("unknown",)
    unknown: tuple[str, ...]

    def __new__(cls, text: str, *unknown: str) -> Self:
        """Make one; ``unknown`` names what decides the value."""
        made = super().__new__(cls, text)
        made.unknown = tuple(dict.fromkeys(unknown))
        return made


class LayerArchive(str):
    """The path of the archive that a layer of a template is made of; it stands for the layer's ARN."""

    __slots__ = ()


class _Nothing:
    """What ``AWS::NoValue`` leaves: the key or the item is as if it were not there."""


NOTHING: Final = _Nothing()


def unknown(value: object) -> tuple[str, ...]:
    """What decides a value that only a deploy decides; empty for a known one."""
    if isinstance(value, Placeholder):
        return value.unknown
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return tuple(dict.fromkeys(name for part in parts for name in unknown(part)))


@dataclass
class Evaluator:
    """Evaluates the values of one template.

    Attributes:
        document: The template.
        parameters: The values that override its parameters' defaults.
        stack: Its name.
        layer: Gives the archive that a layer of the template is made of, by its logical id.
        outputs: Gives the outputs of a nested stack, by its logical id; None for what is no nested stack.
    """

    document: Document
    parameters: Mapping[str, Any] = field(default_factory=dict)
    stack: str = "stack"
    region: str = REGION
    layer: Callable[[str], str | None] = lambda _: None
    outputs: Callable[[str], Mapping[str, Any] | None] = lambda _: None
    _open: list[str] = field(default_factory=list)
    _count: int = 0
    _characters: int = 0

    def __post_init__(self) -> None:
        template = mapping(self.document.value)
        self._declared = mapping(template.get("Parameters"))
        self._mappings = mapping(template.get("Mappings"))
        self._conditions = mapping(template.get("Conditions"))
        self.resources = mapping(template.get("Resources"))

    def wrote(self, text: str, times: int = 1) -> str:
        """Count a text that an intrinsic writes.

        Raises:
            UnreadableDocumentError: All of them are longer than any template needs.
        """
        self._characters += len(text) * times
        if self._characters > _MOST_TEXT:
            raise UnreadableDocumentError(
                f"{self.document.path}: its texts expand to more than {_MOST_TEXT:,} characters"
            )
        return text

    def value(self, raw: object) -> Any:  # noqa: ANN401 - whatever the template has there
        """Evaluate a value and everything in it."""
        self._count += 1
        if self._count > _MOST or len(self._open) > _DEEPEST:
            raise UnreadableDocumentError(f"{self.document.path}: its values expand to more than {_MOST:,}")
        if isinstance(raw, dict):
            if len(raw) == 1:
                ((name, argument),) = raw.items()
                if name in ("Ref", "Condition") or name.startswith("Fn::"):
                    return self._call(name, argument)
            members = {name: self._nested(item) for name, item in raw.items()}
            return {name: item for name, item in members.items() if item is not NOTHING}
        if isinstance(raw, list):
            return [item for item in map(self._nested, raw) if item is not NOTHING]
        return self._dynamic(raw) if isinstance(raw, str) else raw

    def _nested(self, raw: object) -> Any:  # noqa: ANN401 - as above
        self._open.append("")
        try:
            return self.value(raw)
        finally:
            self._open.pop()

    def made_up(self, text: str) -> tuple[str, ...]:
        """What decides a place of an archive that holds an account's number or a name that stands for another."""
        account = ACCOUNT in text and "AWS::AccountId" not in self.parameters
        return (*(["AWS::AccountId"] if account else []), *(["a generated name"] if GENERATED in text.upper() else []))

    def condition(self, name: str) -> bool | None:
        """Whether a condition holds; None where only a deploy decides it.

        Raises:
            UnreadableDocumentError: Conditions refer to one another in a circle.
        """
        if name not in self._conditions:
            return None
        if (entry := f"condition {name}") in self._open:
            line = self.document.line(("Conditions", name))
            raise UnreadableDocumentError(f"{self.document.path}:{line}: the condition {name} refers to itself")
        self._open.append(entry)
        try:
            return _truth(self.value(self._conditions[name]))
        finally:
            self._open.pop()

    def _call(self, name: str, argument: object) -> Any:  # noqa: ANN401 - as above
        work = getattr(self, "_fn_" + name.removeprefix("Fn::").lower(), None)
        if work is None or "::" in name.removeprefix("Fn::"):
            return Placeholder(f"<{name}>", name)
        try:
            return work(argument)
        except (IndexError, KeyError, TypeError, ValueError, AttributeError):
            return Placeholder(f"<{name}>", f"{name}, which is not written as CloudFormation expects")

    def _fn_ref(self, name: object) -> Any:  # noqa: ANN401 - as above
        name = str(name)
        if name.startswith("AWS::"):
            return self._pseudo(name)
        if name in self._declared:
            return self._parameter(name)
        if name in self.resources:
            return self.resource(name, None)
        return Placeholder(f"<{name}>", f"Ref {name}, which the template does not declare")

    def _pseudo(self, name: str) -> Any:  # noqa: ANN401 - as above
        if name in self.parameters:
            return self.parameters[name]
        stack_id = f"arn:aws:cloudformation:{self.region}:{ACCOUNT}:stack/{self.stack}/00000000"
        known = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": self.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": self.stack,
            "AWS::StackId": stack_id,
            "AWS::NotificationARNs": [],
            "AWS::NoValue": NOTHING,
        }
        return known.get(name, Placeholder(f"<{name}>", name))

    def _parameter(self, name: str) -> Any:  # noqa: ANN401 - as above
        declared = mapping(self._declared[name])
        kind = str(declared.get("Type", "String"))
        value = self.parameters.get(name, declared.get("Default"))
        if value is None:
            allowed = sequence(declared.get("AllowedValues"))
            return Placeholder(
                str(allowed[0]) if allowed else f"<{name}>", f"the parameter {name}, which has no default"
            )
        if kind.startswith("AWS::SSM::Parameter::Value"):
            return Placeholder(f"<{value}>", f"the SSM parameter {value}")
        if kind == "CommaDelimitedList" or kind.startswith("List<"):
            if isinstance(value, list | LayerArchive):
                return value if isinstance(value, list) else [value]
            return [part.strip() for part in str(value).split(",")]
        return value if isinstance(value, Placeholder) else str(value) if isinstance(value, int | float) else value

    def resource(self, name: str, wanted: str | None) -> Any:  # noqa: ANN401 - as above
        """What a reference to a resource, or to one of its attributes, comes to."""
        resource = mapping(self.resources.get(name))
        kind = str(resource.get("Type", ""))
        if wanted and wanted.startswith("Outputs."):
            output, outputs = wanted.removeprefix("Outputs."), self.outputs(name)
            if outputs is not None and output in outputs:
                return outputs[output]
            return Placeholder(f"<{name}.{output}>", f"the output {output} of the stack {name}")
        if wanted in (None, "Arn", "LayerVersionArn") and (archive := self.layer(name)):
            return LayerArchive(archive)
        if f"resource {name}" in self._open:
            return Placeholder(f"{self.stack}-{name}", f"the name of {name}")
        self._open.append(f"resource {name}")
        try:
            properties = {
                key: self.value(item)
                for key, item in mapping(resource.get("Properties")).items()
                if key.endswith("Name") or key in ("FifoQueue", "FifoTopic", "StageName", "Name", "Path")
            }
        finally:
            self._open.pop()
        where = f"{self.stack}-{name}", self.region, ACCOUNT
        found = reference(kind, properties, *where) if wanted is None else attribute(kind, wanted, properties, *where)
        what = f"{name}.{wanted}" if wanted else name
        if found is None:
            return Placeholder(f"<{what}>", f"{'Fn::GetAtt' if wanted else 'Ref'} {what}")
        return Placeholder(found, *unknown(properties)) if unknown(properties) else found

    def _fn_getatt(self, argument: object) -> Any:  # noqa: ANN401 - as above
        parts = (
            argument.split(".", 1) if isinstance(argument, str) else [self._nested(part) for part in sequence(argument)]
        )
        name, wanted = str(parts[0]), ".".join(str(part) for part in parts[1:])
        return self.resource(name, wanted)

    def _fn_sub(self, argument: object) -> Any:  # noqa: ANN401 - as above
        text, own = (argument[0], mapping(argument[1])) if isinstance(argument, list) else (argument, {})
        missing: list[str] = []

        def replaced(match: re.Match[str]) -> str:
            literal, name = match[1], match[2].strip()
            if literal:
                return "${" + name + "}"
            if name in own:
                value = self._nested(own[name])
            elif "." in name:
                value = self._fn_getatt(name)
            else:
                value = self._fn_ref(name)
            missing.extend(unknown(value))
            return self.wrote(_text(value))

        result = self._dynamic(_VARIABLE.sub(replaced, str(text)))
        missing.extend(unknown(result))
        return Placeholder(result, *missing) if missing else result

    def _fn_join(self, argument: object) -> Any:  # noqa: ANN401 - as above
        separator, parts = argument[0], self._nested(argument[1])  # type: ignore[index]
        if isinstance(parts, Placeholder):
            return parts
        self.wrote(str(separator), len(parts))
        joined = str(separator).join(self.wrote(_text(part)) for part in parts)
        result = self._dynamic(joined)
        missing = (*unknown(parts), *unknown(result))
        return Placeholder(result, *missing) if missing else result

    def _fn_select(self, argument: object) -> Any:  # noqa: ANN401 - as above
        index, parts = self._nested(argument[0]), self._nested(argument[1])  # type: ignore[index]
        return parts if isinstance(parts, Placeholder) else parts[int(index)]

    def _fn_split(self, argument: object) -> Any:  # noqa: ANN401 - as above
        separator, text = str(argument[0]), self._nested(argument[1])  # type: ignore[index]
        parts = _text(text).split(separator)
        return [Placeholder(part, *unknown(text)) for part in parts] if unknown(text) else parts

    def _fn_findinmap(self, argument: object) -> Any:  # noqa: ANN401 - as above
        keys = [self._nested(key) for key in sequence(argument)[:3]]
        default = mapping(sequence(argument)[3]).get("DefaultValue") if len(sequence(argument)) > 3 else None  # noqa: PLR2004
        found: Any = self._mappings
        for key in keys:
            found = found.get(_text(key)) if isinstance(found, dict) else None
        if found is not None:
            return self.value(found)
        if default is not None:
            return self._nested(default)
        missing = unknown(keys) or (f"Fn::FindInMap {' '.join(map(_text, keys))}, which the template does not have",)
        return Placeholder("<Fn::FindInMap>", *missing)

    def _fn_if(self, argument: object) -> Any:  # noqa: ANN401 - as above
        name, yes, no = sequence(argument)
        holds = self.condition(str(name))
        if holds is not None:
            return self._nested(yes if holds else no)
        value = self._nested(yes)
        if value is NOTHING:
            value = self._nested(no)
        return Placeholder(_text(value), f"the condition {name}", *unknown(value))

    def _fn_condition(self, name: object) -> Any:  # noqa: ANN401 - as above
        holds = self.condition(str(name))
        return Placeholder("", f"the condition {name}") if holds is None else holds

    def _fn_equals(self, argument: object) -> Any:  # noqa: ANN401 - as above
        left, right = (self._nested(part) for part in sequence(argument))
        missing = (*unknown(left), *unknown(right))
        return Placeholder("", *missing) if missing else _text(left) == _text(right)

    def _fn_and(self, argument: object) -> Any:  # noqa: ANN401 - as above
        return self._all(argument, decisive=False)

    def _fn_or(self, argument: object) -> Any:  # noqa: ANN401 - as above
        return self._all(argument, decisive=True)

    def _all(self, argument: object, *, decisive: bool) -> Any:  # noqa: ANN401 - as above
        values = [self._nested(part) for part in sequence(argument)]
        if any(_truth(value) is decisive for value in values):
            return decisive
        missing = unknown(values)
        return Placeholder("", *missing) if missing else not decisive

    def _fn_not(self, argument: object) -> Any:  # noqa: ANN401 - as above
        value = self._nested(sequence(argument)[0])
        return value if unknown(value) else not _truth(value)

    def _fn_base64(self, argument: object) -> Any:  # noqa: ANN401 - as above
        text = self._nested(argument)
        coded = base64.b64encode(self.wrote(_text(text)).encode()).decode()
        return Placeholder(coded, *unknown(text)) if unknown(text) else coded

    def _fn_tojsonstring(self, argument: object) -> Any:  # noqa: ANN401 - as above
        value = self._nested(argument)
        text = self.wrote(json.dumps(value))
        return Placeholder(text, *unknown(value)) if unknown(value) else text

    def _fn_length(self, argument: object) -> Any:  # noqa: ANN401 - as above
        return len(self._nested(argument))

    def _fn_importvalue(self, argument: object) -> Any:  # noqa: ANN401 - as above
        name = _text(self._nested(argument))
        return Placeholder(f"<{name}>", f"Fn::ImportValue {name}")

    def _fn_getazs(self, argument: object) -> Any:  # noqa: ANN401 - as above
        region = _text(self._nested(argument)) or self.region
        return [Placeholder(f"{region}{letter}", "Fn::GetAZs") for letter in "abc"]

    def _dynamic(self, text: str) -> str:
        """A text whose dynamic references (``{{resolve:ssm:…}}``) are placeholders."""
        found = _DYNAMIC.findall(text)
        if not found:
            return text
        names = [f"the dynamic reference {service}:{name}" for service, name in found]
        return Placeholder(_DYNAMIC.sub(lambda match: f"<{match[2].split(':')[0]}>", text), *names)


def loops(evaluator: Evaluator, members: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """Members of a mapping with ``Fn::ForEach`` written out: name, value, and the key that it stands under."""
    for key, member in members.items():
        if not key.startswith("Fn::ForEach::"):
            yield key, member, key
            continue
        match member:
            case [str(variable), collection, dict(body)]:
                for item in sequence(evaluator.value(collection)):
                    for name, inner in body.items():
                        if len(str(item)) > _LONGEST_ITEM:
                            raise UnreadableDocumentError(
                                f"{evaluator.document.path}: {key} has an item that is no name"
                            )
                        filled = _filled({name: inner}, variable, str(item), evaluator.wrote)
                        yield from ((own, value, key) for own, value, _ in loops(evaluator, filled))
            case _:
                pass


def _filled(value: Any, variable: str, item: str, wrote: Callable[[str], str]) -> Any:  # noqa: ANN401 - whatever the template has there
    if isinstance(value, str):
        plain = re.sub(r"[^A-Za-z0-9]", "", item)
        filled = value.replace("${" + variable + "}", item).replace("&{" + variable + "}", plain)
        return filled if filled == value else wrote(filled)
    if isinstance(value, list):
        return [_filled(part, variable, item, wrote) for part in value]
    if value == {"Ref": variable}:
        return item
    if isinstance(value, dict):
        return {
            _filled(name, variable, item, wrote): _filled(part, variable, item, wrote) for name, part in value.items()
        }
    return value


def _text(value: object) -> str:
    """A value as CloudFormation writes it into a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return json.dumps(value) if isinstance(value, dict) else "" if value is None else str(value)


def _truth(value: object) -> bool | None:
    """Whether a condition's value is true; None for a placeholder."""
    if isinstance(value, Placeholder):
        return None
    return value is True or _text(value).lower() == "true"
