"""The buckets, queues, tables and other services that a template declares, as the seed of an emulated AWS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from harness.discovery.cloudformation.intrinsics import unknown
from harness.discovery.cloudformation.names import physical
from harness.discovery.document import mapping, sequence
from harness.manifest.seeds import Held, Seed, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from harness.discovery.cloudformation.template import Template

_PLACEHOLDER: Final = "not-the-real-one"


def services(name: str, path: Path, region: str, templates: Iterable[Template]) -> Seed | None:
    """What templates declare; None where that is nothing that can be emulated.

    A resource whose name only a deploy decides is left out.

    Args:
        name: The build, as reports name it.
        path: Its file.
        region: Where the stacks are.
        templates: They and their nested stacks.
    """
    found: dict[str, list[Any]] = {}
    for template in templates:
        for kind, generated, properties in template.declared(tuple(_READERS)):
            key, read = _READERS[kind]
            own = physical(kind, properties, generated)
            if not unknown(own):
                found.setdefault(key, []).append(read(own, properties))
    parameters = found.pop("parameters", [])
    content = {key: tuple(values) for key, values in found.items()}
    return (
        Seed(name, path, parameters=tuple(parameters), region=region, implied=True, **content)
        if found or parameters
        else None
    )


def _named(name: str, _: Mapping[str, Any]) -> str:
    return name


def _empty(name: str, _: Mapping[str, Any]) -> tuple[str, tuple[Held, ...]]:
    return name, ()


def _parameter(name: str, properties: Mapping[str, Any]) -> Held:
    return Held(name, str(properties.get("Value", _PLACEHOLDER)), None)


def _secret(name: str, properties: Mapping[str, Any]) -> Held:
    given = properties.get("SecretString")
    if isinstance(given, str):
        return Held(name, given, None)
    generated = mapping(properties.get("GenerateSecretString"))
    key = generated.get("GenerateStringKey")
    if not isinstance(key, str):
        return Held(name, _PLACEHOLDER, None)
    try:
        rest = mapping(json.loads(str(generated.get("SecretStringTemplate"))))
    except ValueError:
        rest = {}
    return Held(name, json.dumps({**rest, key: _PLACEHOLDER}), None)


def _table(name: str, properties: Mapping[str, Any]) -> Table:
    kinds = {
        str(mapping(one).get("AttributeName")): str(mapping(one).get("AttributeType"))
        for one in sequence(properties.get("AttributeDefinitions"))
    }
    keys = sorted(map(mapping, sequence(properties.get("KeySchema"))), key=lambda key: str(key.get("KeyType")))
    names = tuple(str(key.get("AttributeName")) for key in keys)
    return Table(name, names, (), tuple(kinds.get(key, "S") for key in names))


def _simple_table(name: str, properties: Mapping[str, Any]) -> Table:
    key = mapping(properties.get("PrimaryKey"))
    return Table(name, (str(key.get("Name", "id")),), (), (str(key.get("Type", "String"))[:1],))


# Of each type: the part of a seed that it goes to, and what makes it.
_READERS: Final[Mapping[str, tuple[str, Callable[[str, Mapping[str, Any]], Any]]]] = {
    "AWS::S3::Bucket": ("buckets", _empty),
    "AWS::SQS::Queue": ("queues", _empty),
    "AWS::SecretsManager::Secret": ("secrets", _secret),
    "AWS::SSM::Parameter": ("parameters", _parameter),
    "AWS::DynamoDB::Table": ("tables", _table),
    "AWS::DynamoDB::GlobalTable": ("tables", _table),
    "AWS::Serverless::SimpleTable": ("tables", _simple_table),
    "AWS::KMS::Alias": ("keys", _named),
    "AWS::SNS::Topic": ("topics", _named),
    "AWS::Events::EventBus": ("event_buses", _named),
}
