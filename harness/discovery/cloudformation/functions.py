"""The functions of a CloudFormation template, as values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from harness.discovery.cloudformation.events import sample
from harness.discovery.cloudformation.intrinsics import unknown
from harness.discovery.document import mapping, sequence
from harness.discovery.values import IMAGE, Declared, Unlocated, concurrency, durable, foreign
from harness.model import Place, Uncovered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.discovery.cloudformation.template import Template

_FUNCTIONS: Final = ("AWS::Serverless::Function", "AWS::Lambda::Function")
_UNCOVERED: Final = {
    "AWS::Lambda::WebFunction": "it is a web function, which is not covered",
    "AWS::Lambda::MicrovmImage": "it is an image of a MicroVM, which is not covered",
}
_TRANSFORMS: Final = ("AWS::Serverless-2016-10-31", "AWS::LanguageExtensions")  # which add no variable


def functions_of(template: Template) -> Iterator[Declared | Uncovered]:
    """The functions of a template and of its nested stacks."""
    for name, (resource, _) in template.resources.items():
        kind = str(resource.get("Type"))
        if kind in _FUNCTIONS and template.exists(resource):
            yield _Function(template, name, resource).read()
        elif kind in _UNCOVERED and template.exists(resource):
            yield Uncovered(template.prefix + name, _UNCOVERED[kind], template.where(name))
    for stack in template.nested.values():
        yield from functions_of(stack)


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
            raw = _merged(self._shared, raw)
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
        key = self.template.key(self.name)
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
        return mapping(self.template.section("Globals").get("Function"))


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
