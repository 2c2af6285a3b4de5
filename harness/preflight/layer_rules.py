"""Rules about layers: attached, published, and declared."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from harness.model import Finding, Note, Severity
from harness.preflight.deployment import Other
from harness.preflight.rollback_rules import old_layers
from harness.preflight.rule import RuleResult, grouped, listed, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.preflight.account import FunctionVersion, Layer, LayerRef, PublishedLayer
    from harness.preflight.deployment import Pair, PlannedArchive
    from harness.preflight.rule import Context

_TRAP = (
    "Terraform's `ignore_changes = [layers]` has this effect: it publishes the layer and never attaches it. So has a "
    "deployment that publishes and forgets `update-function-configuration --layers`"
)


def unknown(context: Context) -> Iterator[RuleResult]:
    """Archives of which nothing says what layer they become."""
    found = []
    for pair in context.there:
        archives = tuple(
            archive.source
            for archive, arn in zip(pair.planned.layers, pair.layers, strict=True)
            if arn is None and archive.arn is None
        )
        if archives and (own := _own(pair)):
            found.append(((archives, own), pair.name))
    for (archives, carried), names in grouped(found).items():
        more = len(carried) > len(archives)
        yield RuleResult(
            "layers-known",
            Finding(
                f"it is not known which layer {listed(archives)} becomes: the function carries "
                f"{listed([str(one) for one in carried])}",
                "layers",
                Severity.ERROR if more else Severity.WARNING,
                "name the layers in `layers-deployed-as`, one for each of `layers`"
                + ("; declare the others, so that they are verified, too, or detach them" if more else ""),
                "it carries more layers than are declared: one was attached by hand" if more else None,
            ),
            names,
        )


def _own(pair: Pair) -> tuple[LayerRef, ...]:
    """The account's own layers that a function carries and that no archive is known to become."""
    if pair.deployed is None:
        return ()
    latest = pair.deployed.latest
    return tuple(one for one in latest.layers if one.account == latest.account and one.layer not in pair.layers)


def undeclared(context: Context) -> Iterator[RuleResult]:
    """Layers that functions carry and that are not declared."""
    found = []
    for pair in context.there:
        account = pair.deployed.latest.account if pair.deployed else ""
        known = None not in pair.layers  # else one of the account's own may be what an archive becomes
        left = [one for one in _all(pair) if one.layer not in pair.layers and (known or one.account != account)]
        declared = listed([layer.source for layer in pair.planned.layers])
        found += [((one, declared, one.account == account), pair.name) for one in left]
    for (carried, declared, own), names in grouped(found).items():
        yield RuleResult("layer-undeclared", _undeclared(carried, declared, own=own), names)


def _all(pair: Pair) -> tuple[LayerRef, ...]:
    """What the function carries, and what its callers get."""
    if pair.deployed is None:
        return ()
    return tuple(dict.fromkeys((*pair.deployed.latest.layers, *(pair.live.layers if pair.live else ()))))


def _undeclared(carried: LayerRef, declared: str, *, own: bool) -> Finding:
    attached = (
        "it was attached by hand, or by a tool that what deploys knows nothing of"
        if own
        else (f"it belongs to another account ({carried.account}): an extension, or the layer of a vendor")
    )
    return Finding(
        f"the function carries the layer {carried}, which is not declared "
        f"({'declared: ' + declared if declared else 'no layer is declared'})",
        carried.arn,
        Severity.ERROR if own else Severity.WARNING,
        f'declare it, so that it is verified, too: "{carried.arn}" in `layers`, at its place, and the same where the '
        "function is deployed from; or detach it, once nothing needs it",
        f"{attached}. A deployment that sets the layers removes it, and what needs it fails; one that does not "
        "(Terraform's `ignore_changes = [layers]`) leaves it, and the new code runs with files in /opt that nobody has "
        "verified it with",
    )


def behind(context: Context) -> Iterator[RuleResult]:
    """Functions that were updated and kept an old layer, or that have the new code with it."""
    half, kept = [], []
    for pair, archive, layer, carried in _attached(context):
        now = layer.find(carried)
        if not archive.code_sha256 or (now and now.code_sha256 == archive.code_sha256) or pair.deployed is None:
            continue
        latest = pair.deployed.latest
        newer = [one for one in layer.versions if one.carried.version > carried.version]
        planned = next((one for one in newer if one.code_sha256 == archive.code_sha256), None)
        if planned and latest.code_sha256 == pair.planned.code.code_sha256:
            half.append(((carried, planned.carried, archive.source, pair.planned.code.source), pair.name))
        elif (missed := _missed(latest, newer)) and not any(old_layers(pair, context.account)):
            kept.append(((carried, missed, layer.versions[0].carried), pair.name))
    for (carried, planned_one, source, code), names in grouped(half).items():
        yield RuleResult(
            "layer-behind",
            Finding(
                f"the function has the code of {code} already, and carries {carried} where {planned_one} has the "
                f"content of {source}: new code runs with an old layer",
                carried.arn,
                remedy=f"attach {planned_one.arn} (`aws lambda update-function-configuration --layers …`); where "
                "Terraform deploys, take `layers` out of `ignore_changes`",
                cause=f"the layer was published and not attached. {_TRAP}",
            ),
            names,
        )
    for (carried, missed, newest), names in grouped(kept).items():
        yield RuleResult("layer-behind", _kept(carried, missed, newest), names)


def _missed(latest: FunctionVersion, newer: list[PublishedLayer]) -> PublishedLayer | None:
    """The first newer version after whose publication the function was changed, and kept what it had."""
    modified = latest.modified
    found = [one for one in newer if one.created and modified and one.created < modified]
    return found[-1] if found else None


def _kept(carried: LayerRef, missed: PublishedLayer, newest: LayerRef) -> Finding:
    return Finding(
        f"the function carries {carried}, and kept it when it was changed after {missed.carried} was published "
        f"({moment(missed.created)}); the newest is {newest}",
        carried.arn,
        Severity.WARNING,
        "make sure that this deployment attaches the layer that it publishes, and look again after it: the code must "
        "not arrive alone. Where Terraform deploys, take `layers` out of `ignore_changes`",
        f"what deploys does not attach what it publishes, or somebody has gone back. {_TRAP}",
    )


def _attached(context: Context) -> Iterator[tuple[Pair, PlannedArchive, Layer, LayerRef]]:
    """Each archive that is no version yet, with its layer and the version of it that the function carries."""
    for pair in context.there:
        for archive, arn in zip(pair.planned.layers, pair.layers, strict=True):
            layer = context.account.layer(arn)
            if archive.arn is None and layer and pair.deployed:
                for carried in pair.deployed.latest.layers:
                    if carried.layer == arn:
                        yield pair, archive, layer, carried


def published(context: Context) -> Iterator[RuleResult]:
    """Archives that are published already, and layers that are published again and again."""
    seen: set[tuple[str, str]] = set()
    # Of what goes back, the rule about that says all there is to do.
    back = {
        (archive.source, old.carried.layer)
        for pair in context.there
        for archive, old, _ in old_layers(pair, context.account)
    }
    for pair in context.pairs:
        for archive, arn in zip(pair.planned.layers, pair.layers, strict=True):
            layer = context.account.layer(arn)
            if archive.arn is not None or layer is None or (archive.source, layer.arn) in seen:
                continue
            seen.add((archive.source, layer.arn))
            if (archive.source, layer.arn) not in back:
                yield from _published(archive, layer, context)
    for layer in context.account.layers:
        if any(layer.arn == arn for _, arn in seen):
            yield from _repeated(layer, context)


def _published(archive: PlannedArchive, layer: Layer, context: Context) -> Iterator[RuleResult]:
    if same := layer.having(archive.code_sha256):
        attached = _attached_one(same, context)
        words = f"{archive.source} is published already, as {attached}: attach that, and publish nothing"
        yield RuleResult("layer-republished", Note(words, limit=True))
    elif alike := next((carried for source, carried in layer.same if source == archive.source), None):
        yield RuleResult(
            "layer-republished",
            Finding(
                f"{archive.source} has the same files as {alike} and other bytes: it would be published again though "
                "nothing has changed",
                archive.source,
                Severity.WARNING,
                f"attach {alike.arn}, and publish nothing; let the build make the same bytes of the same files: "
                "one date "
                "for all (SOURCE_DATE_EPOCH, `touch`), sorted names, `zip -X`, no .pyc",
                "the build is not reproducible: dates, order or bytecode differ, so its digest differs every time, and "
                "Terraform and CodeSha256 see a change",
            ),
        )
    elif layer.looked_at < len(layer.versions) and archive.code_sha256:
        said = (
            f"{archive.source} is none of the newest {layer.looked_at} of {len(layer.versions):,} versions of "
            f"{layer.name}; older ones were not looked at"
        )
        yield RuleResult("layer-republished", Note(said, limit=True))


def _attached_one(same: Sequence[PublishedLayer], context: Context) -> str:
    """Of versions with one content, the ARN of the one that functions carry; else of the newest."""
    carried = {one for pair in context.there if pair.deployed for one in pair.deployed.latest.layers}
    return next((one for one in same if one.carried in carried), same[0]).carried.arn


def _repeated(layer: Layer, context: Context) -> Iterator[RuleResult]:
    newest = layer.versions[0].code_sha256 if layer.versions else None
    run = list(takewhile(lambda one: one.code_sha256 == newest is not None, layer.versions))
    if len(run) > 1:
        planned = {one.code_sha256 for pair in context.pairs for one in pair.planned.layers}
        yield RuleResult(
            "layer-republished",
            Finding(
                f"{run[-1].carried} to {run[0].carried} ({len(run)} versions) have the same content: the layer "
                "is published "
                "again though nothing has changed",
                layer.arn,
                Severity.WARNING,
                "publish only where the archive's CodeSha256 is not that of the newest version (`aws lambda "
                "get-layer-version`)"
                + (f"; nothing has to be published now: {_attached_one(run, context)}" if newest in planned else ""),
                "what deploys publishes on every run without a look at what is there; functions then stand on "
                "different "
                "versions of one content, and each version takes room in the account's code storage",
            ),
        )


def deleted(context: Context) -> Iterator[RuleResult]:
    """Versions that functions carry or are to carry, and that are gone."""
    gone = {carried for layer in context.account.layers for carried in layer.gone}
    lost = [(layer.arn, pair) for pair in context.pairs for layer in pair.planned.layers if layer.arn and layer.gone]
    gone |= {carried for carried, _ in lost}
    refused = [(carried, pair.name) for carried, pair in lost if carried not in _latest(pair)]
    for carried, names in grouped(refused).items():
        yield RuleResult(
            "layer-deleted",
            Finding(
                f"InvalidParameterValueException: Layer version {carried.arn} does not exist: it was deleted, or never "
                "published, and AWS refuses a deployment that attaches it",
                carried.arn,
                remedy="publish its archive again, and declare that version (`aws lambda list-layer-versions "
                f"--layer-name {carried.name}` lists those that are there)",
            ),
            names,
        )
    found = [(one, pair.name) for pair in context.there for one in _all(pair) if one in gone]
    for carried, names in grouped(found).items():
        yield RuleResult(
            "layer-deleted",
            Finding(
                f"the function carries {carried}, which was deleted: it runs on, and no function can be given that "
                "layer again",
                carried.arn,
                Severity.WARNING,
                "keep the deployed version until nothing uses it; to be able to go back, publish the archive again",
                "something tidies up versions of layers without regard for functions: there is no rollback to this one",
            ),
            names,
        )


def _latest(pair: Pair) -> tuple[LayerRef, ...]:
    return pair.deployed.latest.layers if pair.deployed else ()


def shared(context: Context) -> Iterator[RuleResult]:
    """Functions that are not in the manifest, and carry versions of its layers."""
    found = [(layer.name, f"{one.name} ({layer})") for one in others(context) for layer in one.layers]
    for layer, functions in grouped(found).items():
        count = "1 function" if len(functions) == 1 else f"{len(functions):,} functions"
        said = f"{layer} is carried by {count} that the manifest does not name: {listed(functions)}"
        yield RuleResult("layer-shared", Note(f"{said}; this deployment does not update them", limit=True))


def others(context: Context) -> tuple[Other, ...]:
    """The functions of the account that are not in the manifest, and carry versions of its layers."""
    own = {arn for pair in context.pairs for arn in pair.layers if arn}
    own |= {archive.arn.layer for pair in context.pairs for archive in pair.planned.layers if archive.arn}
    found = []
    for live in context.account.others:
        layers = tuple(layer for layer in live.layers if layer.layer in own and layer.account == live.account)
        if layers:
            found.append(Other(live.arn, layers))
    return tuple(sorted(found, key=lambda one: one.arn))
