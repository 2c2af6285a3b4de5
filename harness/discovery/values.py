"""What discovery finds: functions as other tools declare them, as plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from harness.model import Place, Uncovered, UsageError
from harness.policy import limits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.manifest.permissions import Permissions
    from harness.manifest.seeds import Seed


_PYTHON: Final = re.compile(r"python\d+\.\d+")
IMAGE: Final = "it is deployed as an image, and only archives are verified"


def foreign(runtime: str) -> str | None:
    """Why a runtime is not covered; None for a Python."""
    if runtime == "custom":
        return "it runs on a runtime of the account's own (`Runtime: custom`), which is not covered"
    return None if _PYTHON.fullmatch(runtime) else f"it runs on {runtime}, and only Python is verified"


def concurrency(most: int | None, gib_per_vcpu: object, memory: int | None) -> int | None:
    """The processes of a function on managed instances, as far as it decides their number.

    Args:
        most: What it declares itself: ``PerExecutionEnvironmentMaxConcurrency``.
        gib_per_vcpu: The memory of one vCPU: ``ExecutionEnvironmentMemoryGiBPerVCpu``.
        memory: MB.
    """
    if most is not None or not isinstance(gib_per_vcpu, int | float) or gib_per_vcpu <= 0 or memory is None:
        return most
    return limits().managed_processes_per_vcpu * max(1, int(memory / (gib_per_vcpu * 1024)))


def durable(timeout: int | None, retention: int | None) -> Mapping[str, int]:
    """What is configured of durable executions, by its key in a manifest.

    Args:
        timeout: Seconds.
        retention: Days.
    """
    configured = {"execution-timeout": timeout, "retention-days": retention}
    return {key: value for key, value in configured.items() if value is not None}


class DiscoveryError(UsageError):
    """What other tools built cannot be read as a whole; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One function, as a tool declares it. None stands for what is not declared.

    Attributes:
        name: In the declaration: a logical id, a resource's address.
        deployed_as: The function's name in the account, with its alias where one is published.
        code: A zip or a folder, relative to the declaration's folder, or a place in S3.
        layers: The same, or ARNs, in Lambda's order.
        memory: MB.
        timeout: Seconds.
        tmp: MB of ``/tmp``.
        max_concurrency: The processes of an execution environment on managed instances.
        durable: What is configured of durable executions, by its key in a manifest.
        tenant_isolation: Whether each tenant has execution environments of its own.
        sha256: The digest of the code's zip, in Base64, where the tool recorded one.
        events: JSON texts of what calls it, by the names that the declaration has for them.
        first: The event by which its code is imported, where its init does not do that.
        places: Where each value is declared, by its key in a manifest.
        unknown: What only a deploy decides, as clauses: ``environment.TABLE: Fn::ImportValue Shared``.
        permissions: What its role allows; None where the tool's output is not read for it.
        whole_environment: Whether it has no variables but these, and those that Lambda sets.
    """

    name: str
    handler: str
    runtime: str
    code: str
    place: Place
    architecture: str | None = None
    layers: tuple[str, ...] = ()
    memory: int | None = None
    timeout: int | None = None
    tmp: int | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    file_systems: tuple[str, ...] = ()
    capacity_provider: bool = False
    max_concurrency: int | None = None
    snap_start: bool = False
    durable: Mapping[str, int] | None = None
    tenant_isolation: bool | None = None
    deployed_as: str | None = None
    sha256: str | None = None
    events: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    first: str | None = None
    places: Mapping[str, Place] = field(default_factory=lambda: MappingProxyType({}))
    unknown: tuple[str, ...] = ()
    permissions: Permissions | None = None
    whole_environment: bool = False


@dataclass(frozen=True, slots=True)
class Unlocated(Uncovered):
    """A function that lacks nothing but an archive, which a manifest or an option may name.

    Attributes:
        declared: All the rest of it; its code is an empty text.
    """

    declared: Declared | None = None


@dataclass(frozen=True, slots=True)
class Discovery:
    """What one build declares.

    Attributes:
        tool: ``SAM``, ``CDK``, ``Terraform`` …
        file: The file that was read first.
        services: The buckets, queues, tables and others that the same build declares; None where it has none.
        notes: Sentences about the build as a whole, such as that its sources are newer.
    """

    tool: str
    file: Path
    functions: tuple[Declared, ...] = ()
    uncovered: tuple[Uncovered, ...] = ()
    services: Seed | None = None
    notes: tuple[str, ...] = ()
