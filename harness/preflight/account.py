"""The contents of an account: plain values, without the value of any variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


LATEST = "$LATEST"


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of a function.

    Attributes:
        sizes: Each name, with the bytes that it and its value take in what Lambda counts.
        size: Bytes, as Lambda counts them.
    """

    sizes: tuple[tuple[str, int], ...] = ()
    size: int = 2

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, sorted."""
        return tuple(sorted(name for name, _ in self.sizes))


@dataclass(frozen=True, slots=True)
class LayerRef:
    """A version of a layer, by its ARN."""

    arn: str

    @property
    def layer(self) -> str:
        """The layer's ARN, whatever its version."""
        return self.arn.rpartition(":")[0]

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.rpartition(":")[2]

    @property
    def version(self) -> int:
        """Its number."""
        return int(self.arn.rpartition(":")[2])

    @property
    def account(self) -> str:
        """Whose it is."""
        return self.arn.split(":")[4]

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """A function as the account has it: ``$LATEST``, or one published version.

    Attributes:
        arn: Without a qualifier.
        version: ``$LATEST``, or a number.
        code_sha256: As Lambda prints it.
        code_bytes: The size of its archive.
        modified: When it was last changed; for a published version, before it was published.
        variables: None where Lambda does not tell.
        image: Whether it is made of a container image.
        update: How its last update went (``InProgress``, ``Failed``); None where Lambda does not tell.
        update_reason: Why it failed, with Lambda's code for it.
        state: ``Active``, ``Inactive``, ``Pending`` or ``Failed``; None where Lambda does not tell.
        state_reason: Why it is in that state, with Lambda's code for it.
        tenant_isolation: Whether each tenant has execution environments of its own.
        config_sha256: Lambda's digest of its configuration; None where Lambda does not tell.
    """

    arn: str
    name: str
    version: str
    runtime: str
    architecture: str
    handler: str
    memory: int
    timeout: int
    code_sha256: str
    code_bytes: int
    layers: tuple[LayerRef, ...] = ()
    variables: Variables | None = Variables()
    modified: datetime | None = None
    image: bool = False
    update: str | None = None
    update_reason: str | None = None
    state: str | None = None
    state_reason: str | None = None
    tenant_isolation: bool = False
    config_sha256: str | None = None

    @property
    def account(self) -> str:
        """Whose it is."""
        return self.arn.split(":")[4]

    @property
    def region(self) -> str:
        """Where it is."""
        return self.arn.split(":")[3]


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias.

    Attributes:
        version: Where it points to.
        others: The other versions that get calls, each with its part of them.
    """

    name: str
    version: str
    others: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class DeployedFunction:
    """A function in the account.

    Attributes:
        latest: ``$LATEST``.
        aliases: By name; None where they could not be asked for.
        versions: What is published, as far as it was asked for: those that aliases point to, or all of them.
    """

    latest: FunctionVersion
    aliases: tuple[Alias, ...] | None = ()
    versions: tuple[FunctionVersion, ...] = ()

    def alias(self, name: str) -> Alias | None:
        """The alias of that name."""
        return next((alias for alias in self.aliases or () if alias.name == name), None)

    def at(self, version: str) -> FunctionVersion | None:
        """That version."""
        return next((live for live in (self.latest, *self.versions) if live.version == version), None)


@dataclass(frozen=True, slots=True)
class PublishedLayer:
    """A version of a layer.

    Attributes:
        code_sha256: As Lambda prints it; None where it was not looked at.
        created: When it was published.
    """

    carried: LayerRef
    created: datetime | None = None
    code_sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of the account, and what is published of it.

    Attributes:
        arn: Without a version.
        versions: The newest first; only the newest are looked at, and those that functions carry.
        gone: The versions that functions carry and that are there no more.
        same: The published version that has the same files as an archive though other bytes, by the archive's source.
    """

    arn: str
    versions: tuple[PublishedLayer, ...] = ()
    gone: tuple[LayerRef, ...] = ()
    same: tuple[tuple[str, LayerRef], ...] = ()

    @property
    def name(self) -> str:
        """Its name."""
        return self.arn.rpartition(":")[2]

    @property
    def looked_at(self) -> int:
        """How many of its versions were looked at."""
        return sum(version.code_sha256 is not None for version in self.versions)

    def find(self, carried: LayerRef) -> PublishedLayer | None:
        """That version."""
        return next((version for version in self.versions if version.carried == carried), None)

    def having(self, code_sha256: str | None) -> tuple[PublishedLayer, ...]:
        """The versions with that content, the newest first."""
        return tuple(version for version in self.versions if version.code_sha256 == code_sha256 is not None)


@dataclass(frozen=True, slots=True)
class Storage:
    """The room for archives of an account in a region, in bytes."""

    region: str
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class CodeSigning:
    """A code signing configuration.

    Attributes:
        enforced: Whether Lambda refuses an archive that none of its profiles has signed; else it only warns.
        functions: The ARNs of the functions that have it.
    """

    arn: str
    enforced: bool
    functions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Undone:
    """What could not be asked for, or read.

    Attributes:
        checks: The checks that can say nothing without it.
        function: As the manifest has it; None where it is not about one.
    """

    checks: tuple[str, ...]
    function: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Account:
    """What was found there.

    Attributes:
        functions: Those that are there, by their names in the manifest.
        missing: Those that are not, by the same.
        layers: By their ARNs.
        regions: Those that were asked.
        others: The functions of the account that are not in the manifest, where they were asked for.
        signing: The code signing configurations of these regions.
    """

    functions: Mapping[str, DeployedFunction]
    missing: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()
    storage: tuple[Storage, ...] = ()
    undone: tuple[Undone, ...] = ()
    regions: tuple[str, ...] = ()
    others: tuple[FunctionVersion, ...] = ()
    signing: tuple[CodeSigning, ...] = ()

    def layer(self, arn: str | None) -> Layer | None:
        """That layer."""
        return next((layer for layer in self.layers if layer.arn == arn), None)
