"""Rules about what AWS limits: the time of a runtime, the room for variables and for archives."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from harness.model import Finding, Note, Severity
from harness.policy.account import announced
from harness.preflight.rule import RuleResult, grouped, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.preflight.rule import Context

_NOTICE: Final = timedelta(days=180)
"""How long before AWS's support of a runtime ends a report tells of it: AWS itself does so 180 days before."""


def deprecated(context: Context) -> Iterator[RuleResult]:
    """Runtimes at their end."""
    for runtime, names in grouped((pair.planned.runtime, pair.name) for pair in context.pairs).items():
        known = announced(runtime)
        if known is None or context.today < known.deprecation - _NOTICE:
            continue
        as_of = f"as AWS had announced it by {known.as_of}; it has put such dates off before"
        ends = (
            f"functions cannot be created with it from {known.block_create} on, nor updated from {known.block_update} "
            f"on, {as_of}"
        )
        remedy = "move to a newer runtime: build and verify the archives for it, and change it in the same deployment"
        if context.today < known.deprecation:
            yield RuleResult(
                "runtime-deprecated", Note(f"{runtime} is supported until {known.deprecation}; {ends}", limit=True)
            )
            continue
        refused = None
        if context.today >= known.block_update:
            refused = f"AWS refuses to update functions with {runtime} since {known.block_update}, {as_of}"
        elif context.today >= known.block_create and context.account.missing:
            refused = f"AWS refuses to create functions with {runtime} since {known.block_create}, {as_of}"
        message = refused or f"{runtime} has no support and no security patches since {known.deprecation}"
        cause = None if refused else ends
        yield RuleResult("runtime-deprecated", Finding(message, "runtime", Severity.WARNING, remedy, cause), names)


def variables(context: Context) -> Iterator[RuleResult]:
    """Variables that are declared and not set, and the room for them."""
    unset, full = [], []
    for pair in context.there:
        live = pair.deployed.latest.variables if pair.deployed else None
        if live is None:
            continue
        lacking = [(name, size) for name, size in pair.planned.variables.sizes if name not in live.names]
        if lacking:
            unset.append((tuple(sorted(name for name, _ in lacking)), pair.name))
        if (size := live.size + sum(more + 1 for _, more in lacking)) > context.limits.environment_bytes and lacking:
            full.append((size, pair.name))
    for names, functions in grouped(unset).items():
        yield RuleResult(
            "variables",
            Finding(
                f"the manifest declares {listed(names)}, and the function in the account does not set "
                f"{'it' if len(names) == 1 else 'them'}",
                "environment",
                Severity.WARNING,
                "set it in the deployment, before the code arrives that reads it; or take it out of the manifest's "
                "`environment`, where nothing reads it",
                "archives are verified with the manifest's variables, so code that needs one starts here, and "
                "not there",
            ),
            functions,
        )
    for size, functions in grouped(full).items():
        yield RuleResult(
            "variables",
            Finding(
                f"with the variables that it does not set yet, it has some {size:,} bytes of them, and Lambda takes "
                f"{context.limits.environment_bytes:,}",
                "environment",
                Severity.WARNING,
                "keep what is large in Parameter Store or Secrets Manager",
                "what is declared here counts with the sizes that it has in the manifest",
            ),
            functions,
        )


def storage(context: Context) -> Iterator[RuleResult]:
    """The room for archives, with what the deployment adds."""
    for room in context.account.storage:
        added, unknown = _added(context, room.region)
        after = room.used + added
        said = (
            f"{room.used:,} of {room.limit:,} bytes for archives in {room.region} are used, and the deployment adds "
            f"{'at least ' if unknown else 'some '}{added:,}"
        )
        remedy = (
            "delete versions of functions and layers that nothing uses, or ask for a larger quota (Function and "
            "layer storage)"
        )
        if after > room.limit:
            message = f"CodeStorageExceededException: Code storage limit exceeded: {said}"
            yield RuleResult("code-storage", Finding(message, room.region, remedy=remedy))
        elif after > room.limit * 9 // 10:
            yield RuleResult("code-storage", Finding(said, room.region, Severity.WARNING, remedy))


def _added(context: Context, region: str) -> tuple[int, bool]:
    """The bytes that the deployment adds, and whether some are not known."""
    added, unknown = 0, False
    layers: dict[str, int] = {}
    for pair in context.pairs:
        if pair.deployed and pair.deployed.latest.region != region:
            continue
        code, latest = pair.planned.code, pair.deployed and pair.deployed.latest
        unknown |= code.size is None
        if latest is None and pair.name not in context.account.missing:
            unknown = True  # it could not be asked for
            continue
        if not latest:
            added += code.size or 0
        elif latest.code_sha256 != code.code_sha256 and code.size:
            keeps = bool(pair.deployed and pair.deployed.aliases)  # what is published stays
            added += code.size if keeps else max(code.size - latest.code_bytes, 0)
        for layer, arn in zip(pair.planned.layers, pair.layers, strict=False):
            known = context.account.layer(arn)
            if layer.arn is None and not (known and known.having(layer.code_sha256)):
                layers[layer.source] = layer.size or 0
                unknown |= layer.size is None
    return added + sum(layers.values()), unknown
