"""Terraform and OpenTofu: a plan, as ``terraform show -json PLAN`` writes it.

Source: Terraform's documentation of its JSON output format, version 1.
"""

# More than 300 lines: one format, read from top to bottom.

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from harness import regular_files
from harness.discovery.document import decoded, mapping, sequence, whole
from harness.discovery.values import IMAGE, Declared, Discovery, DiscoveryError, concurrency, durable, foreign
from harness.model import Place, Uncovered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.discovery.project import Project

NAMES: Final = ("tfplan.json", "plan.json", "plan.tfplan.json", "terraform-plan.json")
_LARGEST: Final = 64 * 1024 * 1024
"""Bytes; plans of large states have some 20 million."""
_MAJOR: Final = "1"
_HOOK: Final = "null_resource"
_FUNCTION, _LAYER = "aws_lambda_function", "aws_lambda_layer_version"
_INDEX: Final = re.compile(r"\[[^\[\]]*\]")


class _Resource(msgspec.Struct):
    address: str
    type: str
    mode: str = "managed"
    values: dict[str, Any] = {}
    sensitive_values: Any = None


class _Module(msgspec.Struct):
    resources: list[_Resource] = []
    child_modules: list[_Module] = []


class _Planned(msgspec.Struct):
    root_module: _Module = msgspec.field(default_factory=_Module)


class _Plan(msgspec.Struct):
    format_version: str
    planned_values: _Planned | None = None
    prior_state: dict[str, Any] | None = None
    configuration: dict[str, Any] = {}


@dataclass(frozen=True)
class _Read:
    """A plan, read.

    Attributes:
        folder: What its paths are relative to: the working directory of ``terraform plan``.
    """

    project: Project
    path: Path
    text: str
    folder: Path
    resources: tuple[_Resource, ...]
    configuration: Mapping[str, Any]

    def place(self, address: str) -> Place:
        """Where an address stands in the plan."""
        at = self.text.find(f'"{address}"')
        return Place(self.project.relative(self.path), self.text.count("\n", 0, max(at, 0)) + 1)


def is_plan(path: Path) -> bool:
    """Whether a file is a plan in JSON, or says that it is."""
    try:
        head = regular_files.read(path, _LARGEST)[:4096]
    except OSError:
        return False
    return b"format_version" in head.replace(b"\0", b"") and b"terraform_version" in head.replace(b"\0", b"")


def read(project: Project, path: Path) -> Discovery:
    """The functions of a plan.

    Raises:
        UsageError: It cannot be read, or is of a format that is not known here.
    """
    plan, text = _plan(path)
    resources = tuple(_walk((plan.planned_values or _Planned()).root_module))
    known = _Read(project, path, text, path.parent, resources, plan.configuration)
    functions = [_function(known, one) for one in resources if one.type == _FUNCTION and one.mode == "managed"]
    if not functions and not resources:
        raise DiscoveryError(f"{path}: it plans no resources: write it with `terraform show -json PLAN`")
    declared = tuple(one for one in functions if isinstance(one, Declared))
    return Discovery(
        tool="Terraform",
        file=path,
        functions=declared,
        uncovered=tuple(one for one in functions if isinstance(one, Uncovered)),
        notes=tuple(filter(None, (_stale(one, project.root / one.code) for one in declared))),
    )


def _plan(path: Path) -> tuple[_Plan, str]:
    try:
        data = regular_files.read(path, _LARGEST)
    except OSError as error:
        raise DiscoveryError(f"{path}: cannot be read: {error.strerror}") from None
    text = decoded(data, path)
    try:
        plan = msgspec.json.decode(text, type=_Plan)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DiscoveryError(f"{path}: no plan in JSON ({error}): write it with `terraform show -json PLAN`") from None
    if plan.format_version.partition(".")[0] != _MAJOR:
        raise DiscoveryError(
            f"{path}: its format_version is {plan.format_version}, and only {_MAJOR}.x is known: write it with another "
            "version of Terraform, or declare the functions in lambda-artifact.toml"
        )
    return plan, text


def _walk(module: _Module) -> Iterator[_Resource]:
    waiting = [module]
    while waiting:
        current = waiting.pop(0)
        yield from current.resources
        waiting = [*current.child_modules, *waiting]


def _function(plan: _Read, resource: _Resource) -> Declared | Uncovered:
    values, place = resource.values, plan.place(resource.address)
    runtime = values.get("runtime")
    reason, undone = None, True
    if values.get("package_type") == "Image" or values.get("image_uri"):
        reason, undone = IMAGE, False
    elif not isinstance(runtime, str):
        reason = "its runtime is not known before the apply"
    elif other := foreign(runtime):
        reason, undone = other, False
    elif not isinstance(values.get("handler"), str):
        reason = "its handler is not known before the apply"
    code = _archive(plan, resource)
    if reason is None and code is None:
        reason = "its code is not known before the apply"
    if reason is not None:
        return Uncovered(resource.address, reason, place, undone)
    unknown: list[str] = []
    environment = _environment(resource, unknown)
    managed = _block(values, "capacity_provider_config")
    instances = _block(managed, "lambda_managed_instances_capacity_provider_config")
    executions = _block(values, "durable_config")
    return Declared(
        name=resource.address,
        handler=str(values["handler"]),
        runtime=str(runtime),
        code=str(code),
        place=place,
        architecture=next((str(name) for name in sequence(values.get("architectures"))), None),
        layers=tuple(_layers(plan, resource, unknown)),
        memory=whole(values.get("memory_size")),
        timeout=whole(values.get("timeout")),
        tmp=whole(_block(values, "ephemeral_storage").get("size")),
        environment=environment,
        file_systems=tuple(
            str(block["local_mount_path"])
            for block in map(mapping, sequence(values.get("file_system_config")))
            if isinstance(block.get("local_mount_path"), str)
        ),
        capacity_provider=bool(managed),
        max_concurrency=concurrency(
            whole(instances.get("per_execution_environment_max_concurrency")),
            instances.get("execution_environment_memory_gib_per_vcpu"),
            whole(values.get("memory_size")),
        ),
        snap_start=_block(values, "snap_start").get("apply_on") == "PublishedVersions",
        durable=durable(whole(executions.get("execution_timeout")), whole(executions.get("retention_period")))
        if executions
        else None,
        tenant_isolation=bool(_block(values, "tenancy_config")) or None,
        deployed_as=values["function_name"] if isinstance(values.get("function_name"), str) else None,
        sha256=values["source_code_hash"] if isinstance(values.get("source_code_hash"), str) else None,
        unknown=tuple(unknown),
    )


def _block(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A nested block, which a plan has as a list of one."""
    block = values.get(name)
    return mapping(block[0]) if isinstance(block, list) and block else mapping(block)


def _archive(plan: _Read, resource: _Resource) -> str | None:
    """The archive of a function or of a layer."""
    values = resource.values
    bucket, key, version = (values.get(name) for name in ("s3_bucket", "s3_key", "s3_object_version"))
    if (name := values.get("filename") or _built(plan, resource.address)) and isinstance(name, str):
        path = plan.folder / name
        return plan.project.relative(path) if plan.project.inside(path) else None
    if isinstance(bucket, str) and isinstance(key, str):
        return f"s3://{bucket}/{key}" + (f"?versionId={version}" if version else "")
    return None


def _built(plan: _Read, address: str) -> object:
    """What SAM's hook says that a resource is built into: a ``null_resource`` called ``sam_metadata_…`` names both.

    Source: AWS SAM developer guide, "Using the AWS SAM CLI with Terraform".
    """
    hooks = (mapping(one.values.get("triggers")) for one in plan.resources if one.type == _HOOK)
    paths = (hook.get("built_output_path") for hook in hooks if hook.get("resource_name") == address)
    return next(paths, None)


def _environment(resource: _Resource, unknown: list[str]) -> dict[str, str]:
    variables = _block(resource.values, "environment").get("variables")
    secret = _block(mapping(resource.sensitive_values), "environment").get("variables")
    values = {}
    for name, value in mapping(variables).items():
        hidden = secret is True or mapping(secret).get(name) is True
        if value is None or hidden:
            unknown.append(f"environment.{name}: it is {'sensitive' if hidden else 'known after the apply'}")
        values[str(name)] = f"<{name}>" if value is None or hidden else str(value)
    return values


def _layers(plan: _Read, resource: _Resource, unknown: list[str]) -> Iterator[str]:
    """The layers: ARNs as they are; those of this plan as the archives that they are made of.

    The ARN of a layer that the plan makes is null in it, and so is the whole list: the configuration then says which
    resources it refers to.
    """
    listed = resource.values.get("layers")
    if isinstance(listed, list) and all(isinstance(layer, str) for layer in listed):
        yield from map(str, listed)
        return
    references = _references(plan, resource)
    for reference in references:
        made = next((one for one in plan.resources if one.type == _LAYER and _same(one.address, reference)), None)
        archive = _archive(plan, made) if made else None
        if archive is None:
            unknown.append(f"layers: {reference}")
        yield archive or f"<{reference}>"
    if not references and (isinstance(listed, list) or "layers" not in resource.values):
        configured = _configured(plan, resource.address)
        if "layers" in mapping(mapping(configured).get("expressions")):
            unknown.append("layers: they are known after the apply")
            yield "<layers>"


def _configured(plan: _Read, address: str) -> dict[str, Any]:
    """The configuration of the resource at an address, in whichever module it is."""
    module = mapping(plan.configuration.get("root_module"))
    parts = _INDEX.sub("", address).split(".")
    while len(parts) > 2 and parts[0] == "module":  # noqa: PLR2004 - module.NAME.…
        module = mapping(mapping(mapping(module.get("module_calls")).get(parts[1])).get("module"))
        parts = parts[2:]
    wanted = ".".join(parts)
    return next((one for one in map(mapping, sequence(module.get("resources"))) if one.get("address") == wanted), {})


def _references(plan: _Read, resource: _Resource) -> list[str]:
    """The addresses that a function's ``layers`` refer to, each once, in their order."""
    expression = mapping(mapping(_configured(plan, resource.address).get("expressions")).get("layers"))
    prefix = ".".join(resource.address.split(".")[: -2 if resource.mode == "managed" else -3])
    addresses: list[str] = []
    for reference in map(str, sequence(expression.get("references"))):
        target, module = reference, prefix
        if reference.startswith("var."):
            target, module = _argument(plan, prefix, reference.split(".")[1])
        parts = target.split(".")
        if len(parts) < 2 or parts[0] not in (_LAYER, "module"):  # noqa: PLR2004 - TYPE.NAME
            continue
        address = ".".join((*([module] if module else []), *parts[:2]))
        if address not in addresses:
            addresses.append(address)
    return addresses


def _argument(plan: _Read, module: str, variable: str) -> tuple[str, str]:
    """What a module's variable is given where the module is called, and the module that calls it."""
    parts = _INDEX.sub("", module).split(".")
    above = parts[:-2]
    calls = mapping(plan.configuration.get("root_module"))
    for name in above[1::2]:
        calls = mapping(mapping(mapping(calls.get("module_calls")).get(name)).get("module"))
    call = mapping(mapping(calls.get("module_calls")).get(parts[-1] if parts else ""))
    given = sequence(mapping(mapping(call.get("expressions")).get(variable)).get("references"))
    return (str(given[0]) if given else ""), ".".join(above)


def _same(address: str, reference: str) -> bool:
    """Whether an address is what a reference means; a reference to a module means the layer in it."""
    plain = _INDEX.sub("", address)
    return plain == reference or (reference.split(".")[-2] == "module" and plain.startswith(f"{reference}."))


def _stale(declared: Declared, path: Path) -> str | None:
    """A sentence where the archive is not the one that was planned."""
    if declared.sha256 is None or not path.is_file():
        return None
    with regular_files.opened(path) as file:
        digest = base64.b64encode(hashlib.file_digest(file, "sha256").digest()).decode()
    if digest == declared.sha256:
        return None
    return (
        f"{declared.code} is not the archive that was planned for {declared.name} (SHA-256 {digest}, planned "
        f"{declared.sha256}): plan again, or build again"
    )
