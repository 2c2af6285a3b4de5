"""Checks: their definition, the subject that they judge, and the engines that they may ask."""

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
    """What a check runs once for: the artifact, or each function."""

    ARTIFACT = "artifact"
    FUNCTION = "function"


class Need(StrEnum):
    """What a check needs beyond the listing of the archives."""

    NOTHING = "nothing"
    SOUND = "sound archives"
    RUNTIME = "a runtime"


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of a check: one code archive with its layers and, for a check of functions, one function.

    Attributes:
        manifest: What is declared.
        policy: What Lambda promises for the runtime.
        bundle: The archives, merged as Lambda merges them.
        lists: What their contents say, and what the repository says of dependencies.
        function: The function; None for a check of the artifact.
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
    """The questions that a check may ask the runtime."""

    def observe(self, function: Function) -> Observation:
        """Start a function, or return what happened when it was started.

        Raises:
            Unavailable: It could not be started here.
        """

    def ask(self, subject: Subject, questions: Sequence[str]) -> tuple[str, ...]:
        """Answer questions about a subject's archives in the runtime, each in a process of its own.

        Args:
            subject: The archives, and the variables of their functions.
            questions: JSON texts, as ``harness/probe/questions.py`` understands them; so are the answers.

        Raises:
            Unavailable: They could not be asked here, or got no answer.
        """


class Inapplicable(Exception):  # noqa: N818 - not an error: the request asks for nothing here
    """There is nothing for the check to judge; the message says why."""


class Blocked(Exception):  # noqa: N818 - not an error: a reason, which becomes a skip
    """The check cannot be done; the message says why."""


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
    """Make a check from a generator function: its module names it, its docstring is its page."""

    def make(body: Body) -> Check:
        doc = inspect.cleandoc(body.__doc__ or "")
        name = body.__module__.rpartition(".")[2].replace("_", "-")
        return Check(name, doc.partition("\n")[0], doc, since, scope, need, body)

    return make
