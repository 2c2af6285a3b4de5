"""The values of a manifest, from file and options together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from harness.model import Place, Uncovered, UsageError

if TYPE_CHECKING:
    from datetime import date

    from harness.manifest.permissions import Permissions
    from harness.manifest.scopes import Scope
    from harness.manifest.seeds import Seed
    from harness.manifest.tables import ManifestTable


class ManifestError(UsageError):
    """The request itself is wrong, in one sentence per problem.

    Attributes:
        problems: The sentences; each names the file and its line, or the option, then the key and what to change.
        rest: What can be read without the wrong values, if that says what is to be verified.
    """

    def __init__(self, problems: tuple[str, ...], rest: Scope[ManifestTable] | None = None) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.rest = rest


class Architecture(StrEnum):
    """The instruction sets that Lambda offers, in Lambda's spelling."""

    X86_64 = "x86_64"
    ARM64 = "arm64"


class Upload(StrEnum):
    """The way of the archives to Lambda; a direct upload has the smaller limit."""

    DIRECT = "direct"
    S3 = "s3"


class SourceKind(StrEnum):
    """The place of an archive."""

    LOCAL = "local"
    S3 = "s3"
    REMOTE = "remote"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Source:
    """An archive of code or a layer, as it is declared.

    Attributes:
        text: As the user wrote it.
        path: The zip or folder; None for what is not on this machine.
        kind: ``LOCAL``, ``S3`` (``s3://bucket/key``), ``REMOTE`` (an ARN, or ``function:NAME``), or ``UNKNOWN`` (a
            layer that only the deploy decides).
    """

    text: str
    path: Path | None
    kind: SourceKind


@dataclass(frozen=True, slots=True)
class Event:
    """An event that a handler is invoked with after its init.

    Attributes:
        name: The file as the user wrote it.
        path: The file.
        payload: The event, as JSON text.
        expect: The JSON text that the response must contain; None if any response without an error passes.
    """

    name: str
    path: Path
    payload: str
    expect: str | None


@dataclass(frozen=True, slots=True)
class Function:
    """One function, with everything that it inherits.

    Attributes:
        source: The folder of the code archive's sources, where it is declared.
        seed: The initial content of its emulated AWS; None for a function that reaches nothing.
        network_known: Whether its init or its events are known to call services that are not here.
        deployed_as: Its name in the account, with an alias after a colon where its callers use one; None if undeclared.
        layers_deployed_as: The names of its layers in the account; empty if undeclared.
        file_systems: The folders below ``/mnt`` where it has a file system, of EFS or S3 Files.
        stated: Those of ``memory`` and ``timeout`` that are declared; the others are assumed.
        capacity_provider: Whether it runs on managed instances, which have other limits.
        max_concurrency: The processes of its execution environment on managed instances; None for Lambda's default.
        snap_start: Whether it starts from a snapshot of its init.
        durable: Whether its executions are durable: they are suspended, and resume from a history of their steps.
        tenant_isolation: Whether each tenant has execution environments of its own; None if undeclared.
        declared_at: Where it is declared; None where that is no file.
        runtime: As Lambda names it; None for the manifest's.
        architecture: None for the manifest's.
        requirements: What its layer is built from; None for the manifest's.
        tmp: MB of ``/tmp``.
        caveats: What its declaration leaves to the deploy, as clauses.
        permissions: What its role allows; None where no template that is read for it declares the function.
        whole_environment: Whether it has no variables but the declared ones, and those that Lambda sets.
    """

    name: str
    handler: str
    code: Source
    layers: tuple[Source, ...]
    memory: int
    timeout: int
    environment: tuple[tuple[str, str], ...]
    events: tuple[Event, ...]
    source: Path | None = None
    seed: Seed | None = None
    network_known: bool = False
    deployed_as: str | None = None
    layers_deployed_as: tuple[str, ...] = ()
    stated: frozenset[str] = frozenset()
    file_systems: tuple[str, ...] = ()
    capacity_provider: bool = False
    max_concurrency: int | None = None
    snap_start: bool = False
    durable: bool = False
    tenant_isolation: bool | None = None
    declared_at: Place | None = field(default=None, compare=False)
    runtime: str | None = None
    architecture: Architecture | None = None
    requirements: tuple[Path, ...] | None = None
    tmp: int = 512
    caveats: tuple[str, ...] = ()
    permissions: Permissions | None = field(default=None, compare=False)
    whole_environment: bool = False

    @property
    def prolonged(self) -> bool:
        """Whether its init may take longer than an on-demand function's."""
        return self.capacity_provider or self.snap_start


@dataclass(frozen=True, slots=True)
class VersionStamp:
    """A file of the artifact that holds its version; one of ``equals``, ``environment`` and ``commit`` is expected.

    Attributes:
        file: Below ``/var/task``, or absolute.
        key: The key in it, if it is JSON or TOML: ``build.commit``.
        equals: The text itself.
        environment: The variable that has it.
        value: The value of that variable for the harness; None where it is not set.
        commit: Whether it is the commit that is checked out.
    """

    file: str
    key: str | None = None
    equals: str | None = None
    environment: str | None = None
    value: str | None = None
    commit: bool = False


@dataclass(frozen=True, slots=True)
class Waiver:
    """A finding that the user accepts.

    Attributes:
        check: The check that reports it.
        match: A part of its message.
        reason: Why it is accepted.
        expires: The last day on which it is; None without an end.
    """

    check: str
    match: str
    reason: str
    expires: date | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that is to be verified.

    Attributes:
        path: The file it was read from; None when options alone made it.
        code: What functions inherit; None only where each names its own.
        layers: What functions inherit, in Lambda's order.
        requirements: What the layer is built from.
        project: What declares the dependencies.
        inputs: What else the archives are made from: build scripts, a Dockerfile.
        upload: How the archives reach Lambda; None where nothing says so.
        source: The folder whose content the code archive is made of.
        source_excludes: Patterns of what in it stays out of the archive.
        version_stamps: The files of the artifact that tell its version.
        functions: In the order of the file, or of the ``--handler`` options. Empty: only archives are to be verified.
        uncovered: The functions of the template that are not verified.
        notes: Sentences about the build that the template belongs to.
        baseline: The file of the findings that were there before; it may not exist yet.
        severity: For each check on other terms ``error``, ``warning`` or ``note``.
    """

    path: Path | None
    runtime: str
    architecture: Architecture
    code: Source | None
    layers: tuple[Source, ...]
    required_files: tuple[str, ...]
    requirements: tuple[Path, ...]
    project: Path | None
    upload: Upload | None
    functions: tuple[Function, ...]
    waivers: tuple[Waiver, ...]
    inputs: tuple[Path, ...] = ()
    source: Path | None = None
    source_excludes: tuple[str, ...] = ()
    version_stamps: tuple[VersionStamp, ...] = ()
    uncovered: tuple[Uncovered, ...] = ()
    notes: tuple[str, ...] = ()
    baseline: Path | None = None
    severity: tuple[tuple[str, str], ...] = ()

    def of(self, function: Function) -> Manifest:
        """The manifest with what the function declares of these for itself."""
        return replace(
            self,
            runtime=function.runtime or self.runtime,
            architecture=function.architecture or self.architecture,
            requirements=self.requirements if function.requirements is None else function.requirements,
        )

    @property
    def folder(self) -> Path:
        """The folder that the file's paths are relative to; without a file, the working directory."""
        return self.path.parent if self.path else Path()


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command line, which win over the file.

    Attributes:
        folder: The folder that their paths are relative to: the working directory.
        handlers: They replace the file's functions, and name their own.
        env: ``K=V``, each replacing that variable alone, in every function.
        events: They replace the events of every function.
    """

    folder: Path = field(default_factory=Path)
    template: str | None = None
    code: str | None = None
    layers: tuple[str, ...] = ()
    handlers: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    project: str | None = None
    inputs: tuple[str, ...] = ()
    runtime: str | None = None
    arch: str | None = None
    memory: int | None = None
    deployed_as: str | None = None
    env: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
