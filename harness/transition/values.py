"""Values of a transition: orders, states, and what each function did in each of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.model import ExitCode, Severity, Verdict

if TYPE_CHECKING:
    from harness.model import ArtifactInfo, EngineInfo, Finding


class Order(StrEnum):
    """In which order a function is updated."""

    CODE_FIRST = "code-first"
    CONFIGURATION_FIRST = "configuration-first"
    ATOMIC = "atomic"

    @property
    def words(self) -> str:
        """As a sentence has it."""
        return "at once" if self is Order.ATOMIC else self.value.replace("-", " ")


STEPWISE = (Order.CODE_FIRST, Order.CONFIGURATION_FIRST)
"""The orders that have a state between the two calls."""


class State(StrEnum):
    """Which code is deployed with which configuration."""

    BEFORE = "before"
    CODE_FIRST = "code-first"
    CONFIGURATION_FIRST = "configuration-first"
    AFTER = "after"

    @property
    def new_code(self) -> bool:
        """Whether the code is the new one."""
        return self in {State.AFTER, State.CODE_FIRST}

    @property
    def new_configuration(self) -> bool:
        """Whether layers, handler, environment and runtime are the new ones."""
        return self in {State.AFTER, State.CONFIGURATION_FIRST}

    @property
    def same_code(self) -> State:
        """The state at an end of the way that has this code."""
        return State.AFTER if self.new_code else State.BEFORE

    @property
    def order(self) -> Order | None:
        """The order that leads through it; None for the ends of the way."""
        return Order(self.value) if self in {State.CODE_FIRST, State.CONFIGURATION_FIRST} else None


REPORTED = (State.AFTER, State.BEFORE, State.CODE_FIRST, State.CONFIGURATION_FIRST)
"""The order in which states are looked at and reported: the goal, the way back, what is between."""


class Kind(StrEnum):
    """What becomes of a function."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    NEW = "new"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between the sides.

    Attributes:
        what: ``code``, ``architecture``, ``layers``, ``handler``, ``runtime``, ``memory``, ``timeout`` or
            ``environment``.
        before: What it was; of variables only the names.
        after: What it becomes.
    """

    what: str
    before: str
    after: str

    @property
    def of_code(self) -> bool:
        """Whether ``UpdateFunctionCode`` makes it; else ``UpdateFunctionConfiguration`` does."""
        return self.what in {"code", "architecture"}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one function did in one state.

    Attributes:
        same_as: The state that it is no other than, where nothing is mixed.
        findings: Why it does not work.
        undone: Why it is not known, or not all of it.
        init_seconds: What its start cost; None where it was not started or did not get that far.
        events: How many events it was handed and answered as it should.
    """

    state: State
    same_as: State | None = None
    findings: tuple[Finding, ...] = ()
    undone: str | None = None
    init_seconds: float | None = None
    events: int = 0

    @property
    def works(self) -> bool | None:
        """Whether it starts and answers; None where it is not known."""
        if any(finding.severity is Severity.ERROR for finding in self.findings):
            return False
        return None if self.undone else True


@dataclass(frozen=True, slots=True)
class Way:
    """One function on its way.

    Attributes:
        seen: Each state that it was looked at in: a new function in one, a removed one in none.
        alias: The alias that callers use, where the manifest names one.
    """

    name: str
    kind: Kind
    changes: tuple[Change, ...] = ()
    seen: tuple[Seen, ...] = ()
    alias: str | None = None

    def at(self, state: State) -> Seen | None:
        """What it did there; None where it was not looked at there."""
        return next((seen for seen in self.seen if seen.state is state), None)

    def works(self, state: State) -> bool | None:
        """Whether it works there; None where that is not known."""
        seen = self.at(state)
        return seen.works if seen else None

    @property
    def calls(self) -> tuple[str, ...]:
        """The calls of Lambda that its update takes."""
        code = ("UpdateFunctionCode",) if any(change.of_code for change in self.changes) else ()
        rest = ("UpdateFunctionConfiguration",) if any(not change.of_code for change in self.changes) else ()
        return (*code, *rest)

    @property
    def ends(self) -> bool:
        """Whether it works before and after: else no order makes anything worse or better."""
        return self.kind is Kind.CHANGED and bool(self.works(State.BEFORE)) and bool(self.works(State.AFTER))


@dataclass(frozen=True, slots=True)
class Group:
    """Functions that are updated together, because what changes is one archive of all of them.

    Attributes:
        functions: Their names.
        safe: The orders in which every one of them works all the way; a switch at once is, where they work at its end.
        unknown: The orders of which that is not known.
    """

    functions: tuple[str, ...]
    safe: tuple[Order, ...]
    unknown: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """The deployed version, or the new one."""

    runtime: str
    architecture: str
    artifacts: tuple[ArtifactInfo, ...]


@dataclass(frozen=True, slots=True)
class Ran:
    """An engine, and for which runtime it was asked."""

    runtime: str
    architecture: str
    engine: EngineInfo


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding, and where it was made."""

    state: State
    function: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Undone:
    """What could not be looked at, and was needed."""

    state: State
    function: str
    reason: str


@dataclass(frozen=True, slots=True)
class Transition:
    """The whole way.

    Attributes:
        order: The order that the user declares; None where the report is to say which.
        judged: What is wrong, each with the severity that it has on this way.
        static: Whether the handlers were deliberately not started.
        seconds: Wall time.
    """

    version: str
    before: Side
    after: Side
    ran: tuple[Ran, ...]
    ways: tuple[Way, ...]
    groups: tuple[Group, ...]
    order: Order | None
    judged: tuple[Judged, ...]
    undone: tuple[Undone, ...]
    seconds: float
    static: bool = False
    notes: tuple[str, ...] = ()

    @property
    def safe(self) -> tuple[Order, ...]:
        """The orders that are safe for every function."""
        return tuple(order for order in Order if all(order in group.safe for group in self.groups))

    @property
    def verdict(self) -> Verdict:
        """A failure outweighs incompleteness."""
        if any(one.finding.severity is Severity.ERROR for one in self.judged):
            return Verdict.FAIL
        return Verdict.INCOMPLETE if self.undone else Verdict.PASS

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that the verdict earns."""
        return self.verdict.exit_code
