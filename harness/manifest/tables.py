"""The tables of a manifest: every key, its type, and the description of that type for messages."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field

from harness.manifest.deployed_names import FUNCTION_PATTERN, FUNCTION_WORDS, LAYER_PATTERN, LAYER_WORDS
from harness.manifest.values import Architecture, Upload

# A description completes the sentence "expected …". NUL ends a string for the operating system, so no value holds one.
Text: TypeAlias = Annotated[str, Meta(pattern=r"\A[^\x00]+\Z", description="a string that is not empty")]
Value: TypeAlias = Annotated[str, Meta(pattern=r"\A[^\x00]*\Z", description="a string (a number goes in quotes)")]
Variable: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z][A-Za-z0-9_]+\Z",
        description="a name that Lambda accepts (a letter, then at least one more letter, digit or underscore)",
    ),
]
# Some of these need a capacity provider, which the whole manifest tells; see harness/manifest/functions.py.
Memory: TypeAlias = Annotated[
    int, Meta(ge=128, le=32_768, description="a whole number of megabytes from 128 to 32,768")
]
Timeout: TypeAlias = Annotated[int, Meta(ge=1, le=5400, description="a whole number of seconds from 1 to 5,400")]
Scratch: TypeAlias = Annotated[
    int, Meta(ge=512, le=10_240, description="a whole number of megabytes from 512 to 10,240")
]
Concurrency: TypeAlias = Annotated[int, Meta(ge=1, le=1600, description="a whole number of processes from 1 to 1,600")]
DurableTimeout: TypeAlias = Annotated[
    int, Meta(ge=1, le=31_622_400, description="a whole number of seconds from 1 to 31,622,400 (366 days)")
]
Retention: TypeAlias = Annotated[int, Meta(ge=1, le=90, description="a whole number of days from 1 to 90")]
Mount: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"\A/mnt/[a-zA-Z0-9._-]+\Z",
        max_length=160,
        description='a folder in /mnt, such as "/mnt/data"',
    ),
]
Day: TypeAlias = Annotated[date, Meta(description="a date without quotes, such as 2027-01-31")]

Chip: TypeAlias = Annotated[Architecture, Meta(description='"x86_64" or "arm64"')]
Route: TypeAlias = Annotated[Upload, Meta(description='"direct" or "s3"')]
DeployedFunction: TypeAlias = Annotated[str, Meta(pattern=FUNCTION_PATTERN, description=FUNCTION_WORDS)]
DeployedLayer: TypeAlias = Annotated[str, Meta(pattern=LAYER_PATTERN, description=LAYER_WORDS)]

Level: TypeAlias = Annotated[Literal["error", "warning", "note"], Meta(description='"error", "warning" or "note"')]
Known: TypeAlias = Annotated[Literal["known"], Meta(description='"known"')]
Yes: TypeAlias = Annotated[Literal[True], Meta(description="true")]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """The base of all tables: keys have hyphens, and others than the fields are refused."""


class DurableTable(Table, frozen=True, kw_only=True):
    """``durable``: that executions are durable, and how long they and their history last."""

    execution_timeout: DurableTimeout | None = None
    retention_days: Retention | None = None


class Settings(Table, frozen=True, kw_only=True):
    """The keys of a function's table and, for all functions, of the file."""

    runtime: Text | None = None
    architecture: Chip | None = None
    code: Text | None = None
    layers: tuple[Text, ...] | None = None
    requirements: tuple[Text, ...] | None = None
    source: Text | None = None
    memory: Memory | None = None
    timeout: Timeout | None = None
    tmp: Scratch | None = None
    capacity_provider: bool | None = None
    max_concurrency: Concurrency | None = None
    snap_start: bool | None = None
    durable: DurableTable | None = None
    tenant_isolation: bool | None = None
    environment: dict[Variable, Value] | None = None
    file_systems: tuple[Mount, ...] | None = None
    deployed_as: DeployedFunction | None = None
    layers_deployed_as: tuple[DeployedLayer, ...] | None = None


class FunctionTable(Settings, frozen=True, kw_only=True):
    """``[functions.NAME]``; only a function of a template (``from``) may leave out its handler."""

    handler: Text | None = None
    events: tuple[Text, ...] = ()
    aws_seed: Text | None = None
    network_at_init: Known | None = None


class WaiverTable(Table, frozen=True, kw_only=True):
    """``[[waivers]]``."""

    check: Text
    match: Text
    reason: Text
    expires: Day | None = None


class VersionStampTable(Table, frozen=True, kw_only=True):
    """``[[version-stamps]]``: one of the last three says what the file must hold."""

    file: Text
    key: Text | None = None
    equals: Text | None = None
    environment: Variable | None = None
    commit: Yes | None = None


class ManifestTable(Settings, frozen=True, kw_only=True):
    """The file, or ``[tool.lambda-artifact]``."""

    template: Text | None = field(default=None, name="from")
    required_files: tuple[Text, ...] | None = None
    project: Text | None = None
    inputs: tuple[Text, ...] | None = None
    source_excludes: tuple[Text, ...] | None = None
    version_stamps: tuple[VersionStampTable, ...] | None = None
    upload: Route | None = None
    functions: dict[Text, FunctionTable] = {}
    waivers: tuple[WaiverTable, ...] = ()
    baseline: Text | None = None
    severity: dict[Text, Level] = {}
