"""What an account has, and what is to be deployed there: plain values, without the value of any variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from harness.artifact.entries import Archive
    from harness.model import Report

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
class Carried:
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
class Live:
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
    layers: tuple[Carried, ...] = ()
    variables: Variables | None = Variables()
    modified: datetime | None = None
    image: bool = False
    update: str | None = None
    update_reason: str | None = None
    state: str | None = None
    state_reason: str | None = None

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
class Deployed:
    """A function in the account.

    Attributes:
        latest: ``$LATEST``.
        aliases: By name; None where they could not be asked for.
        versions: What is published, as far as it was asked for: those that aliases point to, or all of them.
    """

    latest: Live
    aliases: tuple[Alias, ...] | None = ()
    versions: tuple[Live, ...] = ()

    def alias(self, name: str) -> Alias | None:
        """The alias of that name."""
        return next((alias for alias in self.aliases or () if alias.name == name), None)

    def at(self, version: str) -> Live | None:
        """That version."""
        return next((live for live in (self.latest, *self.versions) if live.version == version), None)


@dataclass(frozen=True, slots=True)
class Published:
    """A version of a layer.

    Attributes:
        code_sha256: As Lambda prints it; None where it was not looked at.
        created: When it was published.
    """

    carried: Carried
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
    versions: tuple[Published, ...] = ()
    gone: tuple[Carried, ...] = ()
    same: tuple[tuple[str, Carried], ...] = ()

    @property
    def name(self) -> str:
        """Its name."""
        return self.arn.rpartition(":")[2]

    @property
    def looked_at(self) -> int:
        """How many of its versions were looked at."""
        return sum(version.code_sha256 is not None for version in self.versions)

    def find(self, carried: Carried) -> Published | None:
        """That version."""
        return next((version for version in self.versions if version.carried == carried), None)

    def having(self, code_sha256: str | None) -> tuple[Published, ...]:
        """The versions with that content, the newest first."""
        return tuple(version for version in self.versions if version.code_sha256 == code_sha256 is not None)


@dataclass(frozen=True, slots=True)
class Storage:
    """The room for archives of an account in a region, in bytes."""

    region: str
    used: int
    limit: int


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
    """

    functions: Mapping[str, Deployed]
    missing: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()
    storage: tuple[Storage, ...] = ()
    undone: tuple[Undone, ...] = ()
    regions: tuple[str, ...] = ()
    others: tuple[Live, ...] = ()

    def layer(self, arn: str | None) -> Layer | None:
        """That layer."""
        return next((layer for layer in self.layers if layer.arn == arn), None)


@dataclass(frozen=True, slots=True)
class WantedArchive:
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
    arn: Carried | None = None
    called: str | None = None
    archive: Archive | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """A function that is to be deployed.

    Attributes:
        name: As the manifest has it.
        function: Its name or ARN in the account.
        alias: What its callers use; None for the function itself.
        region: None where the user's own holds.
        memory: MB; None where the manifest says nothing.
        timeout: Seconds; None where the manifest says nothing.
        variables: Those that are declared, by name and size.
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
    code: WantedArchive
    layers: tuple[WantedArchive, ...]

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

    wanted: Wanted
    deployed: Deployed | None
    layers: tuple[str | None, ...] = ()

    @property
    def name(self) -> str:
        """As the manifest has it."""
        return self.wanted.name

    @property
    def live(self) -> Live | None:
        """What its callers get now; ``$LATEST`` where they use no alias, or one that is not there; None: not known."""
        if self.deployed is None or (self.wanted.alias and self.deployed.aliases is None):
            return None
        alias = self.deployed.alias(self.wanted.alias) if self.wanted.alias else None
        return self.deployed.at(alias.version) if alias else self.deployed.latest

    @property
    def shares(self) -> tuple[Share, ...]:
        """What else its callers get: the other versions of the alias that they use."""
        alias = self.deployed.alias(self.wanted.alias) if self.deployed and self.wanted.alias else None
        if alias is None or self.deployed is None:
            return ()
        return tuple(Share(version, part, self.deployed.at(version)) for version, part in alias.others)


@dataclass(frozen=True, slots=True)
class Share:
    """A version that gets a part of an alias's calls, beside the one that it points to.

    Attributes:
        part: Of 1.
        live: None where it could not be asked for.
    """

    version: str
    part: float
    live: Live | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between what is live and what is declared.

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
    layers: tuple[Carried, ...]

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
