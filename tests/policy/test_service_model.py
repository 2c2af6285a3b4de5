"""The policy beside the service model that the installed botocore has: what AWS changes shows as a red build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import botocore.session
import pytest

from harness.policy import KNOWN_RUNTIMES, limits, runtime_policy

if TYPE_CHECKING:
    from botocore.model import ServiceModel

MODEL: ServiceModel = botocore.session.get_session().get_service_model("lambda")
LIMITS = limits()
# Runtimes that Lambda runs no longer: they are refused by name, and nothing is known of them.
ENDED = {"python2.7", "python3.6", "python3.7", "python3.8", "python3.9"}


@pytest.mark.parametrize(
    ("shape", "least", "most"),
    [
        ("MemorySize", LIMITS.memory_min_mb, LIMITS.memory_managed_max_mb),
        ("Timeout", 1, LIMITS.timeout_managed_max_seconds),
    ],
)
def test_the_ranges_are_the_services(shape: str, least: int, most: int) -> None:
    known = MODEL.shape_for(shape).metadata
    assert (known["min"], known["max"]) == (least, most)


def test_the_runtimes_are_the_services() -> None:
    named = {name for name in MODEL.shape_for("Runtime").metadata["enum"] if name.startswith("python")}
    assert named - ENDED == set(KNOWN_RUNTIMES)


def test_the_architectures_are_the_services() -> None:
    loaders = dict(runtime_policy("python3.12").loaders)
    assert set(MODEL.shape_for("Architecture").metadata["enum"]) == set(loaders)


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("CreateFunction", {"CapacityProviderConfig", "SnapStart", "DurableConfig", "TenancyConfig"}),
        ("UpdateFunctionCode", {"DryRun", "S3Bucket", "S3Key", "S3ObjectVersion", "RevisionId", "ZipFile"}),
        ("PublishLayerVersion", {"LayerName", "Content", "CompatibleRuntimes", "CompatibleArchitectures"}),
    ],
)
def test_requests_have_what_the_code_speaks_of(operation: str, members: set[str]) -> None:
    request = MODEL.operation_model(operation).input_shape
    assert request is not None
    assert members <= set(request.members)
