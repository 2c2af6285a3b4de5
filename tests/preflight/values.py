"""Accounts as values: what is there and what is to be, without an account."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from harness.model import Finding, Note
from harness.policy import limits
from harness.preflight.account import (
    LATEST,
    Account,
    Alias,
    DeployedFunction,
    FunctionVersion,
    Layer,
    LayerRef,
    PublishedLayer,
    Storage,
    Variables,
)
from harness.preflight.comparison import RULES
from harness.preflight.deployment import Planned, PlannedArchive
from harness.preflight.pairs import pairs
from harness.preflight.rule import Context, RuleResult

if TYPE_CHECKING:
    from collections.abc import Sequence

TODAY = date(2026, 6, 1)
HOME = "arn:aws:lambda:eu-west-1:123456789012"
VENDOR = "arn:aws:lambda:eu-west-1:464622532012"
GB = 1024**3


def day(number: int) -> datetime:
    """That day of May."""
    return datetime(2026, 4, 30, tzinfo=UTC) + timedelta(days=number)


def version(name: str, number: int, home: str = HOME) -> LayerRef:
    return LayerRef(f"{home}:layer:{name}:{number}")


DEPS1, DEPS2, DEPS3 = (version("deps", number) for number in (1, 2, 3))
EXTENSION = version("Datadog-Extension", 65, VENDOR)
HOTFIX = version("hotfix", 1)
LAYER = PlannedArchive("layer.zip", "new", 1000)
CODE = PlannedArchive("code.zip", "code2", 1000)


def planned(name: str = "api", layers: Sequence[PlannedArchive] = (LAYER,), **more: Any) -> Planned:  # noqa: ANN401 - any field
    one = Planned(
        name=name,
        function=name,
        alias=None,
        region=None,
        runtime="python3.12",
        architecture="x86_64",
        handler="app.main.handler",
        memory=None,
        timeout=None,
        variables=Variables(),
        code=CODE,
        layers=tuple(layers),
    )
    return replace(one, **more)


def live(name: str = "api", layers: Sequence[LayerRef] = (DEPS1,), **more: Any) -> FunctionVersion:  # noqa: ANN401 - the same
    one = FunctionVersion(
        arn=f"{HOME}:function:{name}",
        name=name,
        version=LATEST,
        runtime="python3.12",
        architecture="x86_64",
        handler="app.main.handler",
        memory=512,
        timeout=30,
        code_sha256="code1",
        code_bytes=900,
        layers=tuple(layers),
        modified=day(2),
    )
    return replace(one, **more)


def deployed(latest: FunctionVersion, *versions: FunctionVersion, **aliases: str) -> DeployedFunction:
    return DeployedFunction(latest, tuple(Alias(name, number) for name, number in aliases.items()), versions)


def shelf(*digests: str, name: str = "deps", **more: Any) -> Layer:  # noqa: ANN401 - the same
    """A layer whose versions have these contents, the first one's first; one is published each fifth day."""
    versions = [PublishedLayer(version(name, at), day(5 * at), digest) for at, digest in enumerate(digests, 1)]
    return Layer(f"{HOME}:layer:{name}", tuple(reversed(versions)), **more)


def scene(
    ones: Sequence[Planned] | Planned,
    functions: dict[str, DeployedFunction] | FunctionVersion | DeployedFunction,
    *layers: Layer,
    today: date = TODAY,
    backwards: bool = False,
    **more: Any,  # noqa: ANN401 - the same
) -> Context:
    one = (ones,) if isinstance(ones, Planned) else tuple(ones)
    if isinstance(functions, FunctionVersion):
        functions = deployed(functions)
    there = {one[0].name: functions} if isinstance(functions, DeployedFunction) else functions
    missing = tuple(each.name for each in one if each.name not in there)
    account = Account(there, missing, layers, **more)
    return Context(pairs(one, account), account, today, limits(), backwards)


def rule_results(of: Context) -> list[RuleResult]:
    return [one for rule in RULES for one in rule(of)]


def findings(of: Context) -> dict[str, Finding]:
    """What is wrong, by its id."""
    return {one.check: one.content for one in rule_results(of) if isinstance(one.content, Finding)}


def notes(of: Context) -> str:
    return "\n".join(one.content.text for one in rule_results(of) if isinstance(one.content, Note))


def room(used: float, limit: float = 75) -> Storage:
    """So many GB of so many."""
    return Storage("eu-west-1", int(used * GB), int(limit * GB))
