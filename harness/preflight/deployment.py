"""The functions of the manifest paired with the deployed ones; and what a deployment would change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.artifact.entries import Archive
    from harness.model import Report
    from harness.preflight.account import DeployedFunction, FunctionVersion, LayerRef, Storage, Variables


@dataclass(frozen=True, slots=True)
class PlannedArchive:
    """An archive that is to be deployed.

    Attributes:
        source: As the user named it.
        code_sha256: As Lambda would print it; None where it is a folder, or could not be had.
        size: Of the archive, in bytes; None where that is not known.
        arn: Where it is a published version of a layer already.
        called: The name of the layer that it becomes, where the manifest says so.
        archive: Itself, where it was read.
        gone: Whether it is a version of a layer that is not there.
    """

    source: str
    code_sha256: str | None
    size: int | None = None
    arn: LayerRef | None = None
    called: str | None = None
    archive: Archive | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """A function that is to be deployed.

    Attributes:
        name: As the manifest has it.
        function: Its name or ARN in the account.
        alias: What its callers use; None for the function itself.
        region: None where the user's own holds.
        memory: MB; None where the manifest says nothing.
        timeout: Seconds; None where the manifest says nothing.
        variables: Those that are declared, by name and size.
        tenant_isolation: None where the manifest says nothing.
    """

    name: str
    function: str
    alias: str | None
    region: str | None
    runtime: str
    architecture: str
    handler: str
    memory: int | None
    timeout: int | None
    variables: Variables
    code: PlannedArchive
    layers: tuple[PlannedArchive, ...]
    tenant_isolation: bool | None = None

    @property
    def called(self) -> str:
        """Its name in the account, without what is common to all."""
        name = self.function.rpartition(":")[2]
        return f"{name}:{self.alias}" if self.alias else name


@dataclass(frozen=True, slots=True)
class Pair:
    """A function that is to be deployed, and what is there.

    Attributes:
        deployed: None where there is none, or it could not be asked for.
        layers: The ARN of the layer that each of its archives becomes, without a version; None where that is not known.
    """

    planned: Planned
    deployed: DeployedFunction | None
    layers: tuple[str | None, ...] = ()

    @property
    def name(self) -> str:
        """As the manifest has it."""
        return self.planned.name

    @property
    def live(self) -> FunctionVersion | None:
        """What its callers get now; ``$LATEST`` where they use no alias, or one that is not there; None: not known."""
        if self.deployed is None or (self.planned.alias and self.deployed.aliases is None):
            return None
        alias = self.deployed.alias(self.planned.alias) if self.planned.alias else None
        return self.deployed.at(alias.version) if alias else self.deployed.latest

    @property
    def shares(self) -> tuple[Share, ...]:
        """What else its callers get: the other versions of the alias that they use."""
        alias = self.deployed.alias(self.planned.alias) if self.deployed and self.planned.alias else None
        if alias is None or self.deployed is None:
            return ()
        return tuple(Share(version, part, self.deployed.at(version)) for version, part in alias.others)


@dataclass(frozen=True, slots=True)
class Share:
    """A version that gets a part of an alias's calls.

    Attributes:
        part: Of 1.
        live: None where it could not be asked for.
    """

    version: str
    part: float
    live: FunctionVersion | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between the deployed version and the manifest.

    Attributes:
        what: ``code``, ``layers``, ``runtime``, ``architecture``, ``handler``, ``memory``, ``timeout`` or
            ``variables``.
        live: As it is now.
        new: As it is declared.
    """

    what: str
    live: str
    new: str


@dataclass(frozen=True, slots=True)
class Row:
    """One function, and what its deployment would change.

    Attributes:
        called: In the account, with its alias.
        arn: None where it is not there.
        version: The one that is compared.
        config_sha256: Lambda's digest of its configuration: another one later means that somebody has changed it.
        changes: None where that is not known.
        alone: Whether it is not there, and none of the others is in its region: perhaps another one is meant.
        shares: The other versions that callers get, each with its part of the calls; compared as well.
    """

    name: str
    called: str
    exists: bool
    arn: str | None = None
    version: str | None = None
    code_sha256: str | None = None
    config_sha256: str | None = None
    layers: tuple[str, ...] = ()
    variables: tuple[str, ...] | None = None
    variables_size: int | None = None
    changes: tuple[Change, ...] | None = None
    alone: bool = False
    shares: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Other:
    """A function of the account that is not in the manifest, and carries versions of its layers."""

    arn: str
    layers: tuple[LayerRef, ...]

    @property
    def name(self) -> str:
        """Its name."""
        return self.arn.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found of it all.

    Attributes:
        report: The findings, as reports have them.
        rows: The functions, in the manifest's order.
        account: The account's id; None where nothing is there.
        regions: Those that were asked.
        others: Functions that are not in the manifest, and carry versions of its layers.
    """

    report: Report
    rows: tuple[Row, ...]
    account: str | None
    regions: tuple[str, ...]
    storage: tuple[Storage, ...] = ()
    others: tuple[Other, ...] = ()
