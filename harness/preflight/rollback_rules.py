"""Rules about going back: archives that were published before the deployed ones, and the way to get there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import Finding, Note, Severity
from harness.preflight.account import LATEST
from harness.preflight.rule import RuleResult, grouped, listed, moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.preflight.account import Account, FunctionVersion, LayerRef, PublishedLayer
    from harness.preflight.deployment import Pair, PlannedArchive
    from harness.preflight.rule import Context

_ANEW = (
    "build the {what} again, verify it (`lambda-artifact verify`) and upload it. If going back is intended, use "
    "--rollback: {way}"
)
_CAUSE = (
    "the archive is an old one under a name that looks right: a build that was skipped for a cache's key that misses "
    "an input, or an upload that never happened"
)


def code(context: Context) -> Iterator[RuleResult]:
    """Code archives that are what was published before the version that callers get."""
    found: dict[tuple[str, ...], list[tuple[FunctionVersion, str]]] = {}
    for pair in context.there:
        if (older := _older(pair)) is not None and pair.live is not None:
            live = "$LATEST" if pair.live.version == LATEST else f"version {pair.live.version}"
            key = (pair.planned.code.source, older.version, live, _way(pair, context.account))
            found.setdefault(key, []).append((older, pair.name))
    for (source, version, live, way), ones in found.items():
        said = (
            f"{source} is the code of version {version} ({moment(ones[0][0].modified)}), and callers get {live}, "
            "which came later: the deployment would go back"
        )
        yield _result("code", source, said, way, tuple(name for _, name in ones), meant=context.backwards)


def layers(context: Context) -> Iterator[RuleResult]:
    """Layer archives that are what was published before the version that functions carry."""
    found = [
        ((archive.source, old, carried, _way(pair, context.account), _older(pair) is not None), pair.name)
        for pair in context.there
        for archive, old, carried in old_layers(pair, context.account)
    ]
    for (source, old, carried, way, with_code), names in grouped(found).items():
        said = (
            f"{source} is what was published as {old.carried} on {moment(old.created)}, and the function carries "
            f"{carried}: the deployment would go back"
        )
        once = "" if context.backwards and with_code else way  # it is said of the code already
        yield _result("layer", source, said, once, names, meant=context.backwards)


def _result(what: str, source: str, said: str, way: str, names: tuple[str, ...], *, meant: bool) -> RuleResult:  # noqa: PLR0913 - a finding's parts
    if meant:
        return RuleResult(f"{what}-goes-back", Note("; ".join(filter(None, (said, way))), limit=True), names)
    remedy = _ANEW.format(what=what, way=way)
    return RuleResult(f"{what}-goes-back", Finding(said, source, Severity.WARNING, remedy, _CAUSE), names)


def old_layers(pair: Pair, account: Account) -> Iterator[tuple[PlannedArchive, PublishedLayer, LayerRef]]:
    """Each archive that is an older version of the layer than the function carries: that version, and the carried."""
    for archive, arn in zip(pair.planned.layers, pair.layers, strict=True):
        layer = account.layer(arn)
        if archive.arn is not None or layer is None or pair.deployed is None:
            continue
        same = layer.having(archive.code_sha256)
        for carried in (pair.live or pair.deployed.latest).layers:  # of an alias's callers, not of what is edited
            if carried.layer == arn and same and all(one.carried.version < carried.version for one in same):
                yield archive, same[0], carried


def _older(pair: Pair) -> FunctionVersion | None:
    """The published version that has the code of the manifest, where the deployed version is newer."""
    live, planned = pair.live, pair.planned.code.code_sha256
    if live is None or pair.deployed is None or not planned or live.code_sha256 == planned:
        return None
    published = [one for one in pair.deployed.versions if one.version.isdecimal()]
    same = [one for one in published if one.code_sha256 == planned]
    # What $LATEST has came after all that is published, unless it was published itself.
    as_live = [one for one in published if one.code_sha256 == live.code_sha256] if live.version == LATEST else [live]
    newest = max(same, key=_number, default=None)
    if newest is None or (as_live and _number(newest) > max(map(_number, as_live))):
        return None
    return newest


def _number(version: FunctionVersion) -> int:
    return int(version.version)


def _way(pair: Pair, account: Account) -> str:
    """The one way back: to a published version of the function where one has it all, else to versions of layers."""
    old = [published.carried.arn for _, published, _ in old_layers(pair, account)]
    if (whole := _whole(pair, account)) is not None and pair.planned.alias:
        return (
            f"point the alias {pair.planned.alias} to version {whole.version} (`aws lambda update-alias`), which has "
            "this code and these layers; nothing has to be uploaded or published"
        )
    if old:
        return f"attach {listed(old)}; no layer has to be published"
    return "this deployment uploads it again, and its layers stay as they are"


def _whole(pair: Pair, account: Account) -> FunctionVersion | None:
    """The newest published version of the function that has the code and the layers which are to come."""
    planned = [*_versions(pair, account)]
    if pair.deployed is None or not all(planned):
        return None
    fits = [
        one
        for one in pair.deployed.versions
        if one.version.isdecimal()
        and one.code_sha256 == pair.planned.code.code_sha256
        and len(one.layers) == len(planned)
        and all(layer in versions for layer, versions in zip(one.layers, planned, strict=True))
    ]
    return max(fits, key=_number, default=None)


def _versions(pair: Pair, account: Account) -> Iterator[frozenset[LayerRef]]:
    """For each layer that is to come, the published versions with its content."""
    for archive, arn in zip(pair.planned.layers, pair.layers, strict=True):
        if archive.arn:
            yield frozenset([archive.arn])
        else:
            layer = account.layer(arn)
            yield frozenset(one.carried for one in (layer.having(archive.code_sha256) if layer else ()))
