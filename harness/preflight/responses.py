"""Parse Lambda's answers. The values of variables are measured here, and go no further."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from harness.policy import environment_size
from harness.preflight.account import Alias, CodeSigning, FunctionVersion, LayerRef, PublishedLayer, Storage, Variables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

T = TypeVar("T")
_FRAME: Final = environment_size({})


def each(key: str, parse: Callable[[Any], T]) -> Callable[[Any], list[T]]:
    """Parses all that a page lists."""
    return lambda page: [parse(said) for said in page[key]]


def live(said: MutableMapping[str, Any]) -> FunctionVersion:
    """A function's configuration; its variables are taken out of the answer."""
    arn = str(said["FunctionArn"])
    version = str(said.get("Version", "$LATEST"))
    return FunctionVersion(
        arn=":".join(arn.split(":")[:7]),
        name=str(said["FunctionName"]),
        version=version,
        runtime=str(said.get("Runtime", "")),
        architecture=str(next(iter(said.get("Architectures") or ("x86_64",)))),
        handler=str(said.get("Handler", "")),
        memory=int(said.get("MemorySize", 0)),
        timeout=int(said.get("Timeout", 0)),
        code_sha256=str(said.get("CodeSha256", "")),
        code_bytes=int(said.get("CodeSize", 0)),
        layers=tuple(LayerRef(str(layer["Arn"])) for layer in said.get("Layers") or ()),
        variables=_variables(said.pop("Environment", None)),
        modified=_moment(said.get("LastModified")),
        image=said.get("PackageType") == "Image",
        update=said.get("LastUpdateStatus"),
        update_reason=_reason(said, "LastUpdateStatusReason"),
        state=said.get("State"),
        state_reason=_reason(said, "StateReason"),
        tenant_isolation=(said.get("TenancyConfig") or {}).get("TenantIsolationMode") == "PER_TENANT",
        config_sha256=said.get("ConfigSha256"),
    )


def _reason(said: Mapping[str, Any], key: str) -> str | None:
    """Lambda's code for a reason and its words, as far as it tells them."""
    return ": ".join(str(one) for one in (said.get(f"{key}Code"), said.get(key)) if one) or None


def measured(variables: Mapping[str, str]) -> Variables:
    """Variables without their values."""
    sizes = tuple((name, environment_size({name: value}) - _FRAME) for name, value in variables.items())
    return Variables(sizes, environment_size(variables))


def _variables(environment: Mapping[str, Any] | None) -> Variables | None:
    if environment is None:
        return Variables()
    values = environment.get("Variables")  # without a right to the key that they are encrypted with, there is an error
    return None if values is None else measured(values)


def alias(said: Mapping[str, Any]) -> Alias:
    """An alias."""
    others = (said.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    parts = ((str(version), float(part)) for version, part in sorted(others.items()))
    return Alias(str(said["Name"]), str(said["FunctionVersion"]), tuple(one for one in parts if one[1]))


def listed(said: Mapping[str, Any]) -> PublishedLayer:
    """A version of a layer, as a listing has it: without its digest."""
    return PublishedLayer(LayerRef(str(said["LayerVersionArn"])), _moment(said.get("CreatedDate")))


def published(said: Mapping[str, Any]) -> PublishedLayer:
    """A version of a layer. Where it can be downloaded from is left behind."""
    content = said.get("Content") or {}
    return PublishedLayer(
        LayerRef(str(said["LayerVersionArn"])),
        _moment(said.get("CreatedDate")),
        str(content.get("CodeSha256", "")) or None,
        int(content.get("CodeSize", 0)),
    )


def code_signing(said: Mapping[str, Any]) -> CodeSigning:
    """A code signing configuration, without the functions that have it."""
    policy = (said.get("CodeSigningPolicies") or {}).get("UntrustedArtifactOnDeployment")
    return CodeSigning(str(said["CodeSigningConfigArn"]), policy == "Enforce", frozenset())


def storage(said: Mapping[str, Any], region: str) -> Storage:
    """The room for archives."""
    return Storage(region, int(said["AccountUsage"]["TotalCodeSize"]), int(said["AccountLimit"]["TotalCodeSize"]))


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
