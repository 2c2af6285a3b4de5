"""What a check is, what it looks at, and how one is defined."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from harness.model import Finding, Note

if TYPE_CHECKING:
    from harness.artifact.bundle import Bundle
    from harness.dependencies.comparison.dependency_lists import DependencyLists
    from harness.engines.protocol import Observation
    from harness.facts.python.program import Program
    from harness.facts.view import Facts
    from harness.manifest import Function, Manifest
    from harness.policy import RuntimePolicy


class Scope(StrEnum):
    """What a check is run once for."""

    ARTIFACT = "artifact"
    FUNCTION = "function"


class Need(StrEnum):
    """What a check needs beyond the listing of the archives."""

    NOTHING = "nothing"
    SOUND = "sound archives"
    RUNTIME = "a runtime"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at: one code archive with its layers and, for a check of functions, one function.

    Attributes:
        manifest: What is declared.
        policy: What Lambda promises for the runtime.
        bundle: The archives, laid over one another.
        lists: What their contents say, and what the repository says of dependencies.
        function: The function, where the check is one of functions.
    """

    manifest: Manifest
    policy: RuntimePolicy
    bundle: Bundle
    lists: DependencyLists
    function: Function | None = None

    @property
    def program(self) -> Program:
        """What the contents of the archives say."""
        return self.lists.program

    @property
    def facts(self) -> Facts:
        """What the archives say, by the paths that the function sees."""
        return self.program.facts


class Engines(Protocol):
    """What can be asked of the runtime."""

    def observe(self, function: Function) -> Observation:
        """What happened when the function was started.

        Raises:
            Unavailable: It could not be started here.
        """

    def ask(self, subject: Subject, questions: Sequence[str]) -> tuple[str, ...]:
        """What the runtime answers to questions about a subject's archives, each asked in a process of its own.

        Args:
            subject: The archives, and the variables of their functions.
            questions: JSON texts, as ``harness/probe/questions.py`` understands them; so are the answers.

        Raises:
            Unavailable: They could not be asked here, or got no answer.
        """


class Inapplicable(Exception):  # noqa: N818 - not an error: the request asks for nothing here
    """There is nothing that the check could judge; the message says why."""


class Blocked(Exception):  # noqa: N818 - not an error: a reason, which becomes a skip
    """The check could not do what was asked; the message says why."""


Findings: TypeAlias = Iterator[Finding | Note]
Body: TypeAlias = Callable[[Subject, Engines], Findings]


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        id: Its module's name, with hyphens.
        title: One sentence that is true of an artifact that passes.
        doc: Its page, in Markdown: why it matters, how to fix.
        since: The release that brought it.
    """

    id: str
    title: str
    doc: str
    since: str
    scope: Scope
    need: Need
    body: Body

    @property
    def starts_handlers(self) -> bool:
        """Whether it needs the handlers themselves, and not just a runtime."""
        return self.need is Need.RUNTIME and self.scope is Scope.FUNCTION


def define(*, since: str, scope: Scope = Scope.ARTIFACT, need: Need = Need.SOUND) -> Callable[[Body], Check]:
    """Make a check of a generator function: its module names it, its docstring documents it."""

    def make(body: Body) -> Check:
        doc = inspect.cleandoc(body.__doc__ or "")
        name = body.__module__.rpartition(".")[2].replace("_", "-")
        return Check(name, doc.partition("\n")[0], doc, since, scope, need, body)

    return make
