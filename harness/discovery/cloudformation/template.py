"""A CloudFormation template with its nested stacks: resources, values, archives, and where each is declared."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from harness.discovery import document
from harness.discovery.cloudformation.intrinsics import REGION, Evaluator, Placeholder, loops, unknown
from harness.discovery.cloudformation.roles import Roles
from harness.discovery.document import mapping
from harness.discovery.values import DiscoveryError
from harness.model import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from harness.discovery.document import Document

LAYERS: Final = ("AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion")
_STACKS: Final = {"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Serverless::Application": "Location"}
_POLLED: Final = "AWS::Lambda::EventSourceMapping"
_SOURCES: Final = {"sqs": "SQS", "dynamodb": "DynamoDB", "kinesis": "Kinesis"}
_MOST_RESOURCES: Final = 10_000  # CloudFormation accepts 500 in a template
_MOST_NESTED: Final = 20  # stacks within stacks; what is deeper refers to itself by way of copies


@dataclass(frozen=True)
class Settings:
    """How templates are read.

    Attributes:
        root: The project's folder; nothing outside of it is read.
        parameters: Override the defaults of parameters.
        code: Finds a function's archive from its evaluated ``Code`` or ``CodeUri``, its logical id and the resource's
            metadata; None where there is none.
    """

    root: Path
    parameters: Mapping[str, str] = field(default_factory=dict)
    stack: str = "stack"
    region: str = REGION
    code: Callable[[Any, Mapping[str, Any]], str | None] | None = None
    globals: bool = True


@dataclass
class Template:
    """One template, with its nested stacks.

    Attributes:
        prefix: Of the names of what it declares, where it is nested.
    """

    path: Path
    settings: Settings
    parameters: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""
    above: tuple[Path, ...] = ()
    content: Document | None = None
    origin: Template | None = None

    @cached_property
    def document(self) -> Document:
        """The file."""
        return self.content or document.read(self.path)

    @cached_property
    def resources(self) -> dict[str, tuple[dict[str, Any], str]]:
        """The resources, with the key that each stands under.

        Raises:
            DiscoveryError: It is no template, or has more resources than any.
        """
        template = mapping(self.document.value)
        if not isinstance(template.get("Resources"), dict):
            raise DiscoveryError(f"{self.path}: it has no Resources: name a CloudFormation template with --from")
        plain = Evaluator(self.document, self.parameters, self.settings.stack, self.settings.region)
        found: dict[str, tuple[dict[str, Any], str]] = {}
        for name, resource, key in loops(plain, template["Resources"]):
            found[name] = mapping(resource), key
            if len(found) > _MOST_RESOURCES:
                raise DiscoveryError(
                    f"{self.path}: more than {_MOST_RESOURCES:,} resources; CloudFormation accepts 500"
                )
        return found

    @cached_property
    def nested(self) -> dict[str, Template]:
        """The nested stacks whose templates are files of the project, by their logical ids."""
        stacks: dict[str, Template] = {}
        for name, (resource, _) in self.resources.items():
            key = _STACKS.get(str(resource.get("Type")))
            where = mapping(resource.get("Properties")).get(key) if key else None
            path = self.inside(where) if isinstance(where, str) and "://" not in where else None
            if path is None or not path.is_file():
                continue
            if path.resolve() in self.trail or len(self.trail) > _MOST_NESTED:
                raise DiscoveryError(f"{self.where(name)}: the stack {name} contains itself by way of {path}")
            raw = mapping(mapping(resource.get("Properties")).get("Parameters"))
            given = _Lazy(raw, self.evaluator.value)
            stacks[name] = Template(path, self.settings, given, f"{self.prefix}{name}/", self.trail)
        return stacks

    @property
    def trail(self) -> tuple[Path, ...]:
        """This template and those that it is nested in."""
        return (*self.above, self.path.resolve())

    @cached_property
    def evaluator(self) -> Evaluator:
        """What evaluates the template's values, the outputs of its nested stacks included."""
        return Evaluator(
            self.document, self.parameters, self.settings.stack, self.settings.region, self._layer, self._outputs_of
        )

    def _outputs_of(self, stack: str) -> Mapping[str, Any] | None:
        return self.nested[stack].outputs if stack in self.nested else None

    @cached_property
    def outputs(self) -> Mapping[str, Any]:
        """The template's outputs; a layer's ARN is the path of its archive."""
        declared = mapping(mapping(self.document.value).get("Outputs"))
        return _Lazy({name: mapping(output).get("Value") for name, output in declared.items()}, self.evaluator.value)

    def where(self, name: str) -> Place:
        """Where a resource is declared."""
        return self.place("Resources", self.key(name))

    def place(self, section: str, name: str, *keys: str) -> Place:
        """Where a value is declared: in the template that people edit, where it has what the built one has."""
        written = self.origin if self.origin and name in self.origin.section(section) else self
        return Place(written.shown, written.document.line((section, name, *keys)))

    def section(self, name: str) -> Mapping[str, Any]:
        """What stands under ``Resources`` or ``Globals``, as it was written."""
        return mapping(mapping(self.document.value).get(name))

    @property
    def shown(self) -> str:
        """The file, as reports name it."""
        path = self.path.absolute()
        return str(path.relative_to(self.settings.root)) if path.is_relative_to(self.settings.root) else str(self.path)

    def key(self, name: str) -> str:
        """What a resource stands under: the key of its loop, where it is of one."""
        return self.resources[name][1] if name in self.resources else name

    @cached_property
    def _root(self) -> Path:
        return self.settings.root.resolve()

    def inside(self, text: str) -> Path | None:
        """A path of the template; None where it leads out of the project."""
        path = self.path.parent / text.replace("\\", "/")
        try:
            return path if path.resolve().is_relative_to(self._root) else None
        except (OSError, ValueError, RuntimeError):
            return None

    @cached_property
    def roles(self) -> Roles:
        """The permissions of the functions' roles."""
        return Roles(self)

    @cached_property
    def polled(self) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
        """Of each function: the queues and streams that it is called for, as entries of SAM's ``Events`` have them."""
        found: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
        for name, (resource, _) in self.resources.items():
            if resource.get("Type") != _POLLED:
                continue
            properties = mapping(resource.get("Properties"))
            match properties.get("FunctionName"):
                case {"Ref": str(function)} | {"Fn::GetAtt": [str(function), "Arn"]}:
                    source = str(self.evaluator.value(properties.get("EventSourceArn")))
                    kind = next((kind for service, kind in _SOURCES.items() if f":{service}:" in source), "")
                    found.setdefault(function, []).append((name, kind, {"Queue": source, "Stream": source}))
                case _:
                    pass
        return found

    def declared(self, kinds: Collection[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Of each resource of some types, nested stacks included: its type, its generated name and its properties."""
        for name, (resource, _) in self.resources.items():
            kind = str(resource.get("Type"))
            if kind in kinds and self.exists(resource):
                properties = mapping(self.evaluator.value(mapping(resource.get("Properties"))))
                yield kind, f"{self.settings.stack}-{name}", properties
        for stack in self.nested.values():
            yield from stack.declared(kinds)

    def exists(self, resource: Mapping[str, Any]) -> bool:
        """Whether no condition leaves a resource out."""
        condition = resource.get("Condition")
        return not isinstance(condition, str) or self.evaluator.condition(condition) is not False

    def _layer(self, name: str) -> str | None:
        """The archive of a layer of this template; None for what is no layer, or has no archive here."""
        resource, _ = self.resources.get(name, ({}, ""))
        if resource.get("Type") not in LAYERS:
            return None
        properties = mapping(self.evaluator.value(mapping(resource.get("Properties"))))
        return self.archive(properties.get("ContentUri", properties.get("Content")), resource)

    def undecided(self, value: object) -> tuple[str, ...]:
        """What decides the place of an archive that only a deploy decides."""
        return unknown(value) or self.evaluator.made_up(json.dumps(value))

    def archive(self, content: object, resource: Mapping[str, Any]) -> str | None:
        """The archive that ``Code``, ``CodeUri`` or ``Content`` names, relative to the settings' root."""
        if self.settings.code is not None:
            return self.settings.code(content, resource)
        if isinstance(content, dict):
            bucket = content.get("S3Bucket", content.get("Bucket"))
            key = content.get("S3Key", content.get("Key"))
            version = content.get("S3ObjectVersion", content.get("Version"))
            if isinstance(bucket, str) and isinstance(key, str) and not self.undecided([bucket, key, version]):
                return f"s3://{bucket}/{key}" + (f"?versionId={version}" if version else "")
            return None
        if not isinstance(content, str) or unknown(content):
            return None
        if content.startswith("s3://"):
            return content
        path = self.inside(content)
        return os.path.relpath(path, self.settings.root) if path is not None else None


class _Lazy(Mapping[str, Any]):
    """A mapping whose values are evaluated when they are asked for, each once."""

    def __init__(self, raw: Mapping[str, Any], evaluate: Callable[[Any], Any]) -> None:
        self._raw = raw
        self._evaluate = evaluate
        self._values: dict[str, Any] = {}
        self._open: set[str] = set()

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - whatever the template has there
        if key not in self._values:
            if key in self._open:
                return Placeholder(f"<{key}>", f"{key}, which refers to itself")
            raw = self._raw[key]
            self._open.add(key)
            self._values[key] = self._evaluate(raw)
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)
