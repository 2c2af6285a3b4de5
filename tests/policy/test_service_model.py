"""The policy beside the service model that the installed botocore has: what AWS changes shows as a red build."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import botocore.session
import pytest

from harness.manifest import functions, tables
from harness.policy import KNOWN_RUNTIMES, limits, runtime_policy
from harness.sources.aws_calls import ALLOWED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from botocore.model import ServiceModel, Shape

    from harness.policy import Limits

SESSION = botocore.session.get_session()
MODEL: ServiceModel = SESSION.get_service_model("lambda")
LIMITS = limits()
# Runtimes that Lambda runs no longer: they are refused by name, and nothing is known of them.
ENDED = {"python2.7", "python3.6", "python3.7", "python3.8", "python3.9"}
ONE = "1"
# The shape, the member of it or none, the figure below which and the figure above which the service refuses, and the
# type of the manifest's key. With an accelerator, /tmp may be larger than `tmp_max_mb`: no limit of ours.
RANGES: tuple[tuple[str, str, str, str, Any], ...] = (
    ("MemorySize", "", "memory_min_mb", "memory_managed_max_mb", tables.Memory),
    ("Timeout", "", ONE, "timeout_managed_max_seconds", tables.Timeout),
    ("EphemeralStorage", "Size", "tmp_mb", "", tables.Scratch),
    ("DurableConfig", "ExecutionTimeout", ONE, "durable_execution_max_seconds", tables.DurableTimeout),
    ("DurableConfig", "RetentionPeriodInDays", ONE, "durable_retention_max_days", tables.Retention),
    (
        "LambdaManagedInstancesCapacityProviderConfig",
        "PerExecutionEnvironmentMaxConcurrency",
        ONE,
        "managed_concurrency_max",
        tables.Concurrency,
    ),
)
COMPARED = {name for _, _, *names, _ in RANGES for name in names} - {ONE, ""} | {"managed_mb_per_vcpu"}
STATES = ("State", "StateReason", "StateReasonCode", "LastUpdateStatus", "LastUpdateStatusReason")
# What the code reads of answers, and what its messages name of requests: dots lead into structures and lists.
ANSWERS = {
    "lambda.GetFunctionConfiguration": (
        *("FunctionArn", "FunctionName", "Version", "Runtime", "Architectures", "Handler", "MemorySize", "Timeout"),
        *("CodeSha256", "CodeSize", "Layers.Arn", "Environment.Variables", "LastModified", "PackageType", *STATES),
        *("LastUpdateStatusReasonCode", "TenancyConfig.TenantIsolationMode", "ConfigSha256"),
    ),
    "lambda.GetFunction": (
        *("Configuration.CodeSha256", "Code.RepositoryType", "Code.Location", "Code.Error.ErrorCode"),
        *("Code.ResolvedS3Object.S3Bucket", "Code.ResolvedS3Object.S3Key", "Code.ResolvedS3Object.S3ObjectVersion"),
    ),
    "lambda.GetAlias": ("FunctionVersion", "RoutingConfig.AdditionalVersionWeights"),
    "lambda.ListAliases": ("Aliases.Name", "Aliases.FunctionVersion", "NextMarker"),
    "lambda.ListVersionsByFunction": ("Versions.Version", "NextMarker"),
    "lambda.ListFunctions": (
        *(
            f"Functions.{key}"
            for key in ("FunctionArn", "FunctionName", "CodeSha256", "Handler", "Runtime", "PackageType")
        ),
        *("Functions.Architectures", "Functions.MemorySize", "Functions.Timeout", "Functions.EphemeralStorage.Size"),
        *("Functions.Environment.Variables", "Functions.Layers.Arn", "NextMarker"),
    ),
    "resourcegroupstaggingapi.GetResources": (
        *("ResourceTagMappingList.ResourceARN", "ResourceTagMappingList.Tags.Key", "ResourceTagMappingList.Tags.Value"),
        "PaginationToken",
    ),
    "lambda.ListLayerVersions": ("LayerVersions.LayerVersionArn", "LayerVersions.CreatedDate", "NextMarker"),
    "lambda.GetLayerVersion": ("Content.CodeSha256", "Content.CodeSize", "LayerVersionArn", "CreatedDate"),
    "lambda.GetLayerVersionByArn": ("Content.Location", "CompatibleRuntimes", "CompatibleArchitectures"),
    "lambda.ListCodeSigningConfigs": (
        *("CodeSigningConfigs.CodeSigningConfigArn", "NextMarker"),
        "CodeSigningConfigs.CodeSigningPolicies.UntrustedArtifactOnDeployment",
    ),
    "lambda.ListFunctionsByCodeSigningConfig": ("FunctionArns", "NextMarker"),
    "lambda.GetAccountSettings": ("AccountUsage.TotalCodeSize", "AccountLimit.TotalCodeSize"),
    "s3.HeadObject": ("ETag", "ContentLength", "LastModified", "ChecksumSHA256", "ChecksumCRC32", "ChecksumCRC64NVME"),
    "s3.GetObject": ("Body",),
    "s3.CreateSession": ("Credentials.SessionToken",),
    "s3.HeadBucket": ("BucketRegion",),
}
REQUESTS = {
    "CreateFunction": ("CapacityProviderConfig.LambdaManagedInstancesCapacityProviderConfig", "SnapStart.ApplyOn"),
    "UpdateFunctionCode": ("DryRun", "S3Bucket", "S3Key", "S3ObjectVersion", "RevisionId", "ZipFile"),
    "UpdateFunctionConfiguration": ("Layers", "Handler", "Runtime", "Environment", "MemorySize", "Timeout"),
    "PublishLayerVersion": ("LayerName", "Content", "CompatibleRuntimes", "CompatibleArchitectures"),
}


def differences(known: Limits) -> Iterator[str]:
    """The figures that are not the service's, or not the manifest's."""
    for name, member, least, most, declared in RANGES:
        shape: Any = MODEL.shape_for(name)
        service = (shape.members[member] if member else shape).metadata
        ours = 1 if least == ONE else getattr(known, least), getattr(known, most) if most else known.tmp_max_mb
        manifest = get_args(declared)[1]
        yield from [least] if not ours[0] == service["min"] == manifest.ge else []
        yield from [most] if most and not ours[1] == service["max"] == manifest.le else []
        yield from ["tmp_max_mb"] if not most and ours[1] != manifest.le else []
    ratio: Any = MODEL.shape_for("ExecutionEnvironmentMemoryGiBPerVCpu")
    yield from ["managed_mb_per_vcpu"] if known.managed_mb_per_vcpu != ratio.metadata["min"] * 1024 else []
    for name, ours_, default in (
        ("memory_max_mb", known.memory_max_mb, functions.MOST_MEMORY),
        ("timeout_disputed_seconds", known.timeout_disputed_seconds, functions.MOST_TIMEOUT),
    ):
        yield from [name] if ours_ != default else []


def lacking(shape: Shape | None, paths: Collection[str]) -> list[str]:
    """The paths that lead to no member of a shape."""
    return [path for path in paths if not _leads(shape, path.split("."))]


def _leads(shape: Any, names: list[str]) -> bool:  # noqa: ANN401 - botocore's shapes have what their type has
    if shape is not None and shape.type_name == "list":
        return _leads(shape.member, names)
    if not names:
        return True
    return (
        shape is not None and names[0] in getattr(shape, "members", {}) and _leads(shape.members[names[0]], names[1:])
    )


def test_the_limits_are_the_services_and_the_manifests() -> None:
    assert list(differences(LIMITS)) == []


@pytest.mark.parametrize("name", [*sorted(COMPARED), "memory_max_mb", "timeout_disputed_seconds", "tmp_max_mb"])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_limit_that_is_changed_by_hand_is_noticed(name: str, by: int) -> None:
    assert set(differences(replace(LIMITS, **{name: getattr(LIMITS, name) + by}))) == {name}


def test_the_runtimes_are_the_services() -> None:
    named = {name for name in MODEL.shape_for("Runtime").metadata["enum"] if name.startswith("python")}
    assert named - ENDED == set(KNOWN_RUNTIMES)


def test_the_architectures_are_the_services() -> None:
    loaders = dict(runtime_policy("python3.12").loaders)
    assert set(MODEL.shape_for("Architecture").metadata["enum"]) == set(loaders)


@pytest.mark.parametrize("call", ALLOWED, ids=lambda call: f"{call.service}.{call.name}")
def test_answers_have_what_the_code_reads(call: Any) -> None:  # noqa: ANN401 - an operation
    shape = SESSION.get_service_model(call.service).operation_model(call.name).output_shape
    assert lacking(shape, (*ANSWERS[f"{call.service}.{call.name}"], "NoSuchMember")) == ["NoSuchMember"]


@pytest.mark.parametrize(("operation", "members"), REQUESTS.items())
def test_requests_have_what_messages_name(operation: str, members: tuple[str, ...]) -> None:
    assert lacking(MODEL.operation_model(operation).input_shape, (*members, "ZipFile.Name")) == ["ZipFile.Name"]
