"""Read the functions of a CloudFormation template and of the nested stacks beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from harness.discovery import document
from harness.discovery.cloudformation.events import sample
from harness.discovery.cloudformation.intrinsics import REGION, Evaluator, Placeholder, loops, unknown
from harness.discovery.cloudformation.roles import Roles
from harness.discovery.document import mapping, sequence
from harness.discovery.values import IMAGE, Declared, DiscoveryError, Unlocated, concurrency, durable, foreign
from harness.model import Place, Uncovered

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from harness.discovery.document import Document

FUNCTIONS: Final = ("AWS::Serverless::Function", "AWS::Lambda::Function")
LAYERS: Final = ("AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion")
_STACKS: Final = {"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Serverless::Application": "Location"}
_UNCOVERED: Final = {
    "AWS::Lambda::WebFunction": "it is a web function, which is not covered",
    "AWS::Lambda::MicrovmImage": "it is an image of a MicroVM, which is not covered",
}
_TRANSFORMS: Final = ("AWS::Serverless-2016-10-31", "AWS::LanguageExtensions")  # which add no variable
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
        return self.place("Resources", self._key(name))

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

    def _key(self, name: str) -> str:
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

    def functions(self) -> Iterator[Declared | Uncovered]:
        """The functions of the template and of its nested stacks."""
        for name, (resource, _) in self.resources.items():
            kind = str(resource.get("Type"))
            if kind in FUNCTIONS and self.exists(resource):
                yield _Function(self, name, resource).read()
            elif kind in _UNCOVERED and self.exists(resource):
                yield Uncovered(self.prefix + name, _UNCOVERED[kind], self.where(name))
        for stack in self.nested.values():
            yield from stack.functions()

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


@dataclass
class _Function:
    """One function's resource on its way to a value."""

    template: Template
    name: str
    resource: Mapping[str, Any]
    unknown: list[str] = field(default_factory=list)

    @property
    def shown(self) -> str:
        return self.template.prefix + self.name

    def read(self) -> Declared | Uncovered:
        """The function; what keeps it from being verified where something does."""
        properties = self._properties()
        if found := self._uncovered(properties):
            reason, undone = found
            return Uncovered(self.shown, reason, self.template.where(self.name), undone)
        content = properties.get("CodeUri", properties.get("Code", properties.get("FunctionCode")))
        code = self.template.archive(content, self.resource)
        declared = self._declared(properties, code or "")
        if code is None:
            return Unlocated(self.shown, self._no_code(content), declared.place, undone=True, declared=declared)
        return declared

    def _declared(self, properties: Mapping[str, Any], code: str) -> Declared:
        layers = list(self._layers())
        memory = self._number(properties.get("MemorySize"), "memory")
        managed = mapping(properties.get("CapacityProviderConfig"))
        managed |= mapping(managed.get("LambdaManagedInstancesCapacityProviderConfig"))  # SAM has its keys one level up
        return Declared(
            name=self.shown,
            handler=str(properties["Handler"]),
            runtime=str(properties["Runtime"]),
            code=code,
            place=self.template.where(self.name),
            architecture=self._text(sequence(properties.get("Architectures"))[:1], "architecture"),
            layers=tuple(layers),
            memory=memory,
            timeout=self._number(properties.get("Timeout"), "timeout"),
            tmp=self._number(mapping(properties.get("EphemeralStorage")).get("Size"), "tmp"),
            environment=self._environment(properties),
            file_systems=tuple(
                str(system["LocalMountPath"])
                for system in map(mapping, sequence(properties.get("FileSystemConfigs")))
                if isinstance(system.get("LocalMountPath"), str)
            ),
            capacity_provider=bool(managed),
            max_concurrency=concurrency(
                self._number(managed.get("PerExecutionEnvironmentMaxConcurrency"), "max-concurrency"),
                managed.get("ExecutionEnvironmentMemoryGiBPerVCpu"),
                memory,
            ),
            snap_start=mapping(properties.get("SnapStart")).get("ApplyOn") == "PublishedVersions",
            durable=dict(self._durable(mapping(properties["DurableConfig"])))
            if "DurableConfig" in properties
            else None,
            tenant_isolation=bool(mapping(properties.get("TenancyConfig"))) or None,
            deployed_as=self._deployed_as(properties),
            places=self._places(),
            events=dict(self._events(properties)),
            unknown=tuple(dict.fromkeys(self.unknown)),
            permissions=self.template.roles.permissions(self.name, self._raw, serverless=self._serverless),
            whole_environment=self._is_whole(properties),
        )

    def _properties(self) -> dict[str, Any]:
        raw = mapping(self.resource.get("Properties"))
        self._serverless = self.resource.get("Type") == "AWS::Serverless::Function"
        if self._serverless and self.template.settings.globals:
            shared = mapping(mapping(mapping(self.template.document.value).get("Globals")).get("Function"))
            raw = _merged(shared, raw)
        self._raw = raw
        value = self.template.evaluator.value({key: item for key, item in raw.items() if key != "Layers"})
        return mapping(value)

    def _uncovered(self, properties: Mapping[str, Any]) -> tuple[str, bool] | None:
        """Why the function is not verified, and whether it should have been."""
        if properties.get("PackageType") == "Image" or "ImageUri" in properties or self._image(properties.get("Code")):
            return IMAGE, False
        if "InlineCode" in properties or "ZipFile" in mapping(properties.get("Code")):
            return "its code stands in the template, where no archive can lack anything", False
        runtime, handler = properties.get("Runtime"), properties.get("Handler")
        if missing := unknown(runtime):
            return f"its Runtime is not known before the deploy: {', '.join(missing)}", True
        if runtime and (other := foreign(str(runtime))):
            return other, False
        if missing := unknown(handler):
            return f"its Handler is not known before the deploy: {', '.join(missing)}", True
        lacking = [name for name, value in (("Runtime", runtime), ("Handler", handler)) if not isinstance(value, str)]
        return (f"it declares no {lacking[0]}", True) if lacking else None

    @staticmethod
    def _image(code: object) -> bool:
        return "ImageUri" in mapping(code)

    def _no_code(self, content: object) -> str:
        if missing := self.template.undecided(content):
            return f"its code is not known before the deploy: {', '.join(missing)}"
        if isinstance(content, str):
            return f"its code, {content}, is outside of the project, where nothing is read"
        return "it names no archive of its code"

    def _layers(self) -> Iterator[str]:
        raw = self._raw.get("Layers")
        value = self.template.evaluator.value(raw)
        for item in value if isinstance(value, list) else [value] if value is not None else []:
            for layer in item if isinstance(item, list) else [item]:
                missing = self.template.undecided(layer)
                self.unknown += [f"layers: {name}" for name in missing]
                yield f"<{', '.join(missing)}>" if missing else str(layer)

    def _text(self, values: list[Any], named: str) -> str | None:
        self.unknown += [f"{named}: {name}" for name in unknown(values)]
        return str(values[0]) if values and not unknown(values) else None

    def _number(self, value: object, named: str) -> int | None:
        if missing := unknown(value):
            self.unknown += [f"{named}: {name}" for name in missing]
            return None
        try:
            return int(str(value)) if value is not None else None
        except ValueError:
            return None

    def _durable(self, configured: Mapping[str, Any]) -> Mapping[str, int]:
        return durable(
            self._number(configured.get("ExecutionTimeout"), "durable.execution-timeout"),
            self._number(configured.get("RetentionPeriodInDays"), "durable.retention-days"),
        )

    def _environment(self, properties: Mapping[str, Any]) -> dict[str, str]:
        variables = mapping(mapping(properties.get("Environment")).get("Variables"))
        found = {}
        for name, value in variables.items():
            self.unknown += [f"environment.{name}: {missing}" for missing in unknown(value)]
            text = ("true" if value else "false") if isinstance(value, bool) else value
            found[str(name)] = "" if text is None else str(text)
        return found

    def _is_whole(self, properties: Mapping[str, Any]) -> bool:
        """Whether the names of its variables stand in the template: no condition and no macro decides them."""
        template = mapping(self.template.document.value)
        transforms = template.get("Transform", [])
        raw = self._raw.get("Environment", {})
        variables = raw.get("Variables", {}) if isinstance(raw, dict) and raw.keys() <= {"Variables"} else None
        return (
            isinstance(variables, dict)
            and variables.keys() == mapping(mapping(properties.get("Environment")).get("Variables")).keys()
            and "Fn::Transform" not in mapping(self.resource.get("Properties"))
            and not any(str(name).startswith("Fn::") for name in variables)
            and all(one in _TRANSFORMS for one in (transforms if isinstance(transforms, list) else [transforms]))
        )

    def _events(self, properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        entries = (
            (name, str(mapping(entry).get("Type")), mapping(mapping(entry).get("Properties")))
            for name, entry in mapping(properties.get("Events")).items()
        )
        for name, kind, own in (*entries, *self.template.polled.get(self.name, ())):
            if (event := sample(kind, own, self.template.settings.region)) is not None:
                yield str(name), json.dumps(event)

    def _deployed_as(self, properties: Mapping[str, Any]) -> str | None:
        name = properties.get("FunctionName")
        if not isinstance(name, str) or unknown(name):
            return None
        alias = properties.get("AutoPublishAlias")
        return f"{name}:{alias}" if isinstance(alias, str) and not unknown(alias) else name

    def _places(self) -> dict[str, Place]:
        key = self.template._key(self.name)  # noqa: SLF001 - of this module
        names = {
            "handler": "Handler",
            "runtime": "Runtime",
            "architecture": "Architectures",
            "code": "CodeUri" if "CodeUri" in mapping(self.resource.get("Properties")) else "Code",
            "layers": "Layers",
            "memory": "MemorySize",
            "timeout": "Timeout",
            "tmp": "EphemeralStorage",
            "environment": "Environment",
        }
        own = mapping(self.resource.get("Properties"))
        place = self.template.place
        return {
            named: place("Resources", key, "Properties", declared)
            if declared in own
            else place("Globals", "Function", declared)
            for named, declared in names.items()
            if declared in own or declared in self._shared
        }

    @cached_property
    def _shared(self) -> dict[str, Any]:
        return mapping(mapping(mapping(self.template.document.value).get("Globals")).get("Function"))


def _merged(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a function with SAM's ``Globals``: mappings are merged, lists appended, its own values win.

    Source: AWS SAM developer guide, "Globals section of the AWS SAM template".
    """
    merged = {**shared, **own}
    for key in shared.keys() & own.keys():
        left, right = shared[key], own[key]
        if isinstance(left, list) and isinstance(right, list):
            merged[key] = [*left, *right]
        elif isinstance(left, dict) and isinstance(right, dict) and not (_call(left) or _call(right)):
            merged[key] = _merged(left, right)
    return merged


def _call(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is a call of an intrinsic function."""
    return len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref"))
