"""Compare the manifest with what the account has: pure, from values to a report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from harness import __version__
from harness.catalogue import PREFLIGHT
from harness.model import Completed, EngineInfo, Finding, FunctionInfo, NotApplicable, Note, Report, Result, Skipped
from harness.preflight import alias_rules, function_rules, layer_rules, limit_rules, rollback_rules
from harness.preflight.deployment import Change, Preflight, Row
from harness.preflight.rule import listed, short
from harness.runner import idle, waive
from harness.session.archives import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import date

    from harness.manifest import Manifest, Waiver
    from harness.preflight.account import Account, FunctionVersion, Layer, LayerRef, Undone
    from harness.preflight.deployment import Pair, PlannedArchive
    from harness.preflight.rule import Context, RuleResult

RULES: Final[tuple[Callable[[Context], Iterator[RuleResult]], ...]] = (
    function_rules.missing,
    function_rules.package,
    alias_rules.missing,
    alias_rules.dangling,
    function_rules.unfinished,
    function_rules.platform,
    function_rules.tenancy,
    function_rules.signing,
    limit_rules.deprecated,
    limit_rules.variables,
    layer_rules.undeclared,
    layer_rules.behind,
    rollback_rules.code,
    rollback_rules.layers,
    layer_rules.published,
    layer_rules.deleted,
    layer_rules.unknown,
    layer_rules.shared,
    alias_rules.siblings,
    alias_rules.deployed,
    alias_rules.behind,
    alias_rules.shared,
    alias_rules.at_latest,
    limit_rules.storage,
)
NEEDS_ONE: Final = frozenset(PREFLIGHT) - {"function-missing", "runtime-deprecated", "code-storage"}
"""What can say nothing where none of the functions is there."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for.

    Attributes:
        manifest: For its waivers, and the artifact's target.
        undone: What could not be asked for or read; without checks where it is everything.
        skip: The checks that nobody wants.
        strict: Whether a warning fails, too.
    """

    manifest: Manifest
    undone: tuple[Undone, ...]
    skip: tuple[str, ...] = ()
    strict: bool = False


def compare(asked: Asked, context: Context, seconds: float) -> Preflight:
    """Everything that is to be said.

    Args:
        asked: What is asked for.
        context: What the manifest has, and what is there.
        seconds: Wall time so far.
    """
    manifest = asked.manifest
    results = [*_all_results(asked, context)]
    archives = {id(one.archive): one for pair in context.pairs for one in (pair.planned.code, *pair.planned.layers)}
    lives = [pair.deployed.latest for pair in context.there if pair.deployed]
    return Preflight(
        report=Report(
            version=__version__,
            runtime=manifest.runtime,
            architecture=str(manifest.architecture),
            engine=EngineInfo("none"),
            artifacts=tuple(describe(one.archive) for one in archives.values() if one.archive),
            functions=tuple(FunctionInfo(pair.name, pair.planned.handler) for pair in context.pairs),
            results=tuple(results),
            seconds=seconds,
            strict=asked.strict,
            notes=tuple(idle([one for one in manifest.waivers if one.check in PREFLIGHT], results)),
        ),
        rows=tuple(row(pair, context.account, {one.planned.region for one in context.there}) for pair in context.pairs),
        account=next((live.account for live in lives), None),
        regions=context.account.regions,
        storage=context.account.storage,
        others=layer_rules.others(context),
    )


def _all_results(asked: Asked, context: Context) -> Iterator[Result]:
    for one in asked.undone:
        if not one.checks:
            yield Result("account", "The account answers.", None, Skipped(one.reason), 0.0)
            return
    rule_results = [one for rule in RULES for one in rule(context)]
    undone = (*asked.undone, *context.account.undone)
    for check in PREFLIGHT:
        if check not in asked.skip and not context.there and context.account.missing and check in NEEDS_ONE:
            yield Result(check, PREFLIGHT[check], None, NotApplicable("none of the functions is there"), 0.0)
        elif check not in asked.skip:
            yield from _results(
                check,
                [one for one in rule_results if one.check == check],
                undone,
                (asked.manifest.waivers, context.today),
            )


def _results(
    check: str, mine: Sequence[RuleResult], undone: Sequence[Undone], accepted: tuple[Sequence[Waiver], date]
) -> Iterator[Result]:
    """What one check says: of each function that it has a finding on, and of the rest together."""
    by: dict[str | None, list[Finding]] = {}
    for one in mine:
        if isinstance(one.content, Finding):
            for name in one.functions or (None,):
                by.setdefault(name, []).append(one.content)
    reasons = dict.fromkeys((one.function, one.reason) for one in undone if check in one.checks)
    notes = tuple(one.content for one in mine if isinstance(one.content, Note))
    title = PREFLIGHT[check]
    for name, findings in by.items():
        outcome = waive(check, Completed(tuple(findings)), *accepted)
        yield Result(check, title, name, outcome, 0.0)
    for name, reason in reasons:
        yield Result(check, title, name, Skipped(reason), 0.0)
    if notes or not (by or reasons):
        yield Result(check, title, None, Completed(notes=notes), 0.0)


def row(pair: Pair, account: Account, there: Collection[str | None] = ()) -> Row:
    """A function, with what its deployment would change.

    Args:
        pair: The function.
        account: Where it is.
        there: The regions in which functions of the manifest are.
    """
    planned, live = pair.planned, pair.live
    if live is None:
        missing = planned.name in account.missing
        return Row(planned.name, planned.called, not missing, alone=missing and planned.region not in there)
    return Row(
        name=planned.name,
        called=planned.called,
        exists=True,
        arn=live.arn,
        version=live.version,
        code_sha256=live.code_sha256,
        config_sha256=live.config_sha256,
        layers=tuple(layer.arn for layer in live.layers),
        variables=live.variables.names if live.variables else None,
        variables_size=live.variables.size if live.variables else None,
        changes=tuple(_all_changes(pair, live, account)),
        shares=tuple((share.version, share.part) for share in pair.shares),
    )


def _all_changes(pair: Pair, live: FunctionVersion, account: Account) -> Iterator[Change]:
    """What differs, of the version that callers get; then of those that get a part of an alias's calls."""
    changes = tuple(_changes(pair, live, account))
    yield from changes
    for share in pair.shares:
        part = f"{share.part:.0%} of the calls"
        if share.live is None:
            yield Change("code", f"not known ({part})", short(pair.planned.code.code_sha256) or "not known")
            continue
        for change in _changes(pair, share.live, account):
            if change not in changes:
                yield replace(change, live=f"{change.live} ({part})")


def _changes(pair: Pair, live: FunctionVersion, account: Account) -> Iterator[Change]:
    planned = pair.planned
    if planned.code.code_sha256 != live.code_sha256:
        yield Change("code", short(live.code_sha256), short(planned.code.code_sha256) or "not known")
    now = [str(layer) for layer in live.layers]
    new = [
        _becomes(archive, account.layer(arn), arn, live.layers)
        for archive, arn in zip(planned.layers, pair.layers, strict=True)
    ]
    if now != new:
        yield Change("layers", ", ".join(now) or "none", ", ".join(new) or "none")
    for what, has, wants in (
        ("runtime", live.runtime, planned.runtime),
        ("architecture", live.architecture, planned.architecture),
        ("handler", live.handler, planned.handler),
        ("memory", live.memory, planned.memory),
        ("timeout", live.timeout, planned.timeout),
    ):
        if wants is not None and has != wants:
            yield Change(what, str(has), str(wants))
    if live.variables is not None:
        lacking = [name for name in planned.variables.names if name not in live.variables.names]
        if lacking:
            yield Change("variables", f"{len(live.variables.names)} set", f"{listed(lacking)} too")


def _becomes(archive: PlannedArchive, layer: Layer | None, arn: str | None, carried: Sequence[LayerRef]) -> str:
    """The version that an archive is, or the layer that it will be a version of."""
    if archive.arn:
        return str(archive.arn)
    same = [one.carried for one in layer.having(archive.code_sha256)] if layer else []
    if same:
        return str(next((one for one in same if one in carried), same[0]))
    if arn is None:
        return archive.source
    known = layer is not None and archive.code_sha256 is not None  # else it may be published already
    return f"{arn.rpartition(':')[2]}:new" if known else f"{arn.rpartition(':')[2]} (version not known)"
