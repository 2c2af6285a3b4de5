"""The two sides of a comparison, and what differs between them."""

# More than 300 lines: the values of one report, with what each derives from its own.

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from harness.model import ExitCode, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.model import ArtifactInfo, EmulatedCall

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution as it is installed.

    Attributes:
        name: As its metadata has it.
        versions: In order; several where functions have archives of their own.
        asked_by: What requires it: ``requests>=2 in requirements.txt``, ``requests``.
        direct: Whether the project itself asks for it.
        digest: Of its modules; empty where they lie in a folder.
    """

    name: str
    versions: tuple[str, ...]
    asked_by: tuple[str, ...] = ()
    direct: bool = False
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """An environment variable that own code reads.

    Attributes:
        required: Whether nothing takes its place where it is not set.
        raises: Whether reading it fails then.
        where: The first place that reads it, one where that fails before others.
        unset: The functions that reach this place and do not set it.
    """

    name: str
    required: bool
    raises: bool
    where: str
    unset: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether the role of a function grants an action.

    Attributes:
        granted: None where the template does not tell.
        why: The same in words, with the role's place.
    """

    action: str
    function: str
    granted: bool | None
    why: str


@dataclass(frozen=True, slots=True)
class AwsCall:
    """An operation of AWS that own code calls.

    Attributes:
        service: As clients are made: ``dynamodb``.
        operation: ``PutItem``.
        actions: The IAM actions that it needs.
        where: The first place that calls it.
        functions: Those that reach it; each has a role of its own that must allow it.
        permissions: Of each function that a template with its role declares, and each action.
    """

    service: str
    operation: str
    actions: tuple[str, ...]
    where: str
    functions: tuple[str, ...] = ()
    permissions: tuple[Permission, ...] = ()


@dataclass(frozen=True, slots=True)
class Reached:
    """A module outside the own code that handlers reach.

    Attributes:
        name: Its first part: ``yaml``.
        of: Its distribution and version, where that is known.
        by: The own module that leads there.
    """

    name: str
    of: str
    by: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What the archives of one side contain, each by its name.

    Attributes:
        packages: By normalised name.
        files: A digest of the content of each own file, by path as the function sees it and the first of the functions
            that share its archive.
    """

    packages: Mapping[str, Package] = field(default_factory=dict)
    files: Mapping[tuple[str, str], str] = field(default_factory=dict)
    modules: Mapping[str, Reached] = field(default_factory=dict)
    variables: Mapping[str, Read] = field(default_factory=dict)
    calls: Mapping[str, AwsCall] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one function weighs, and what its start costs; None where that is not known.

    Attributes:
        init: Processor seconds of its init.
        memory: MB at most during init.
    """

    zipped: int | None = None
    unzipped: int | None = None
    init: float | None = None
    memory: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A finding.

    Attributes:
        key: The same on both sides, whatever the archives are called.
        fingerprint: As the report of ``verify`` has it.
        accepted: Whether a waiver or a baseline accepts it.
    """

    key: str
    fingerprint: str
    check: str
    function: str | None
    severity: Severity
    message: str
    where: str
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """What is compared.

    Attributes:
        name: As the user names it.
    """

    name: str
    artifacts: tuple[ArtifactInfo, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is known of one side.

    Attributes:
        costs: By function.
        judged: The checks that were completed, each with its function, or None where it is about the archives.
        skipped: Those that could not be done.
        contents: None where only a report is there.
        undone: What could not be done.
        called: What each function called of the emulated AWS, of those that were started with one.
    """

    side: Side
    costs: Mapping[str, Cost]
    findings: tuple[Found, ...]
    judged: frozenset[tuple[str, str | None]]
    skipped: frozenset[tuple[str, str | None]]
    contents: Contents | None
    undone: tuple[str, ...] = ()
    called: Mapping[str, tuple[EmulatedCall, ...]] = field(default_factory=dict)

    @property
    def checks(self) -> frozenset[str]:
        """The checks that judged or should have judged something."""
        return frozenset(check for check, _ in self.judged | self.skipped)


class Kind(StrEnum):
    """What became of a thing."""

    NEW = "new"
    UP = "up"
    DOWN = "down"
    CHANGED = "changed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A distribution that differs; the rest is as in ``Package``."""

    kind: Kind
    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    asked_by: tuple[str, ...]
    direct: bool


@dataclass(frozen=True, slots=True)
class FileChange:
    """An own file that differs.

    Attributes:
        functions: Those that have it, where others have the same file without the change.
    """

    kind: Kind
    path: str
    functions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair(Generic[T]):
    """A value on both sides; None where there is none.

    Attributes:
        differs: Whether it differs by more than measurements do by themselves.
    """

    before: T | None
    after: T | None
    differs: bool = False


@dataclass(frozen=True, slots=True)
class FunctionChange:
    """The cost of one function on both sides.

    Attributes:
        kind: None where the function is on both sides.
    """

    name: str
    kind: Kind | None
    zipped: Pair[int]
    unzipped: Pair[int]
    init: Pair[float]
    memory: Pair[float]

    @property
    def differs(self) -> bool:
        """Whether there is something to show."""
        return self.kind is not None or any(one.differs for one in (self.zipped, self.unzipped, self.init, self.memory))


@dataclass(frozen=True, slots=True)
class Diff:
    """What a release changes.

    Attributes:
        called: The operations of the emulated AWS that functions newly called, with the event as their place.
        compared: Whether contents were compared; a report of ``verify`` has none.
        judges: Whether the user asked to fail on a new error or warning.
        undone: What could not be compared and was asked for.
    """

    version: str
    before: Side
    after: Side
    packages: tuple[PackageChange, ...]
    files: tuple[FileChange, ...]
    modules: tuple[Reached, ...]
    variables: tuple[Read, ...]
    calls: tuple[AwsCall, ...]
    called: tuple[AwsCall, ...]
    functions: tuple[FunctionChange, ...]
    new: tuple[Found, ...]
    gone: tuple[Found, ...]
    compared: bool
    judges: bool
    undone: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """A failure outweighs incompleteness."""
        if self.judges and self.new:
            return Verdict.FAIL
        return Verdict.INCOMPLETE if self.undone else Verdict.PASS

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that the verdict earns."""
        return self.verdict.exit_code
