"""Rules about functions that belong together: their aliases, their code and their layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import Finding, Note, Severity
from harness.preflight.account import LATEST
from harness.preflight.rule import RuleResult, grouped, listed, moment, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.preflight.account import FunctionVersion
    from harness.preflight.deployment import Pair
    from harness.preflight.rule import Context


def missing(context: Context) -> Iterator[RuleResult]:
    """Aliases that are declared and not there."""
    found = [
        ((pair.planned.alias, tuple(alias.name for alias in pair.deployed.aliases)), pair.name)
        for pair in context.there
        if pair.deployed
        and pair.deployed.aliases is not None
        and pair.planned.alias
        and not pair.deployed.alias(pair.planned.alias)
    ]
    for (alias, others), names in grouped(found).items():
        yield RuleResult(
            "alias-missing",
            Finding(
                f"ResourceNotFoundException: the function has no alias {alias} ({listed(others) or 'none at all'}); "
                f"{LATEST} is compared in its place",
                "deployed-as",
                Severity.WARNING,
                "let the deployment create it, or correct `deployed-as`",
                "who calls the function by that alias gets an error",
            ),
            names,
        )


def dangling(context: Context) -> Iterator[RuleResult]:
    """Aliases that point to a version that is not there."""
    unknown = {one.function for one in context.account.undone if "alias-behind" in one.checks}
    found = [
        ((alias.name, alias.version), pair.name)
        for pair in context.there
        if pair.deployed and pair.name not in unknown
        for alias in pair.deployed.aliases or ()
        if pair.deployed.at(alias.version) is None
    ]
    for (name, version), functions in grouped(found).items():
        yield RuleResult(
            "alias-missing",
            Finding(
                f"ResourceNotFoundException: the alias {name} points to version {version}, which is not there",
                f"alias {name}",
                remedy=f"publish a version and point {name} to it (`aws lambda publish-version`, `update-alias`)",
                cause="the version was deleted: who calls the function by that alias gets an error",
            ),
            functions,
        )


def at_latest(context: Context) -> Iterator[RuleResult]:
    """Aliases that point to what is being edited."""
    found = [
        (alias.name, pair.name)
        for pair in context.there
        if pair.deployed
        for alias in pair.deployed.aliases or ()
        if alias.version == LATEST
    ]
    for name, functions in grouped(found).items():
        yield RuleResult(
            "alias-latest",
            Finding(
                f"the alias {name} points to {LATEST}",
                f"alias {name}",
                Severity.WARNING,
                f"publish a version and point {name} to it (`aws lambda publish-version`, `update-alias`), in "
                "this order, "
                "with each deployment",
                f"{LATEST} is whatever was uploaded last: each of the two calls that update code and "
                "configuration is live "
                "at once, with the old half of the other, and there is nothing to go back to",
            ),
            functions,
        )


def shared(context: Context) -> Iterator[RuleResult]:
    """Aliases that send a part of their calls to another version, which is other code or has other layers."""
    found = []
    for pair in context.there:
        for alias in (pair.deployed.aliases if pair.deployed else None) or ():
            main = pair.deployed.at(alias.version) if pair.deployed else None
            for number, share in alias.others:
                other = pair.deployed.at(number) if pair.deployed else None
                if main is None or other is None or _differs(main, other):
                    key = (alias.name, f"{share:.0%}", _dated(number, other, main), f"{alias.version}{_code(main)}")
                    found.append((key, pair.name))
    for (name, part, other_one, main_one), functions in grouped(found).items():
        yield RuleResult(
            "alias-behind",
            Finding(
                f"the alias {name} sends {part} of its calls to version {other_one}, and the others to {main_one}: "
                "its callers get both",
                f"alias {name}",
                Severity.WARNING,
                f"end the shift before this deployment: `aws lambda update-alias --name {name} --routing-config "
                "AdditionalVersionWeights={}`; or let the deployment set it, as `update-alias` leaves alone what it "
                "is not given",
                "a release is being shifted little by little, or was, and nobody ended it",
            ),
            functions,
        )


def _differs(one: FunctionVersion, other: FunctionVersion) -> bool:
    """Whether callers get something else of two versions."""
    keys = ("code_sha256", "layers", "runtime", "architecture", "handler")
    return any(getattr(one, key) != getattr(other, key) for key in keys)


def _dated(number: str, version: FunctionVersion | None, main: FunctionVersion | None) -> str:
    """A version with what tells how it stands to another."""
    if version is None:
        return f"{number} (not known: it could not be asked for)"
    older = version.modified and main and main.modified and version.modified < main.modified
    return f"{number}{_code(version)}{', which is older' if older else ''}"


def _code(version: FunctionVersion | None) -> str:
    return f" (code {short(version.code_sha256)}, {moment(version.modified)})" if version else ""


def behind(context: Context) -> Iterator[RuleResult]:
    """Aliases that stayed where they were while those of the same name moved on."""
    for siblings in _groups(context):
        names = {alias.name for pair in siblings if pair.deployed for alias in pair.deployed.aliases or ()}
        for name in sorted(names):
            yield from _behind(name, siblings)


def _behind(name: str, siblings: Sequence[Pair]) -> Iterator[RuleResult]:
    there = [(pair, version) for pair in siblings if (version := _version(pair, name))]
    if len({version.code_sha256 for _, version in there}) < 2:  # noqa: PLR2004 - else all are the same
        return
    dated = [(version.modified, pair, version) for pair, version in there if version.modified]
    if len(dated) < len(there):
        return
    when, ahead, newest = max(dated, key=lambda one: one[0])
    late = [
        (pair, version)
        for pair, version in there
        if version.code_sha256 != newest.code_sha256 and not _partly(pair, name, newest.code_sha256)
    ]
    for forgotten in (True, False):
        found = [
            (pair.name, version)
            for pair, version in late
            if pair.deployed and (pair.deployed.latest.code_sha256 == newest.code_sha256) is forgotten
        ]
        if not found:
            continue
        where = listed([f"{function} → {version.version} ({moment(version.modified)})" for function, version in found])
        cause = (
            "their code was updated, too, and their alias was not moved: half of the last release is live"
            if forgotten
            else "their code was not updated either: the last release did not reach them, or they are released apart"
        )
        yield RuleResult(
            "alias-behind",
            Finding(
                f"the alias {name} still points to older code ({where}), while that of {ahead.name} points to "
                f"{newest.version} ({moment(when)}); the manifest gives them one code archive",
                f"alias {name}",
                Severity.ERROR if forgotten else Severity.WARNING,
                f"publish a version of each and move {name} (`aws lambda publish-version`, `update-alias`); make "
                "sure that "
                "the deployment does so for every function that shares the archive",
                cause,
            ),
            tuple(function for function, _ in found),
        )


def _version(pair: Pair, name: str) -> FunctionVersion | None:
    """The published version that an alias points to."""
    alias = pair.deployed.alias(name) if pair.deployed else None
    if alias is None or pair.deployed is None or alias.version == LATEST:
        return None
    return pair.deployed.at(alias.version)


def _partly(pair: Pair, name: str, code_sha256: str) -> bool:
    """Whether an alias sends a part of its calls to a version with that code."""
    alias = pair.deployed.alias(name) if pair.deployed else None
    if alias is None or pair.deployed is None:
        return False
    versions = (pair.deployed.at(number) for number, _ in alias.others)
    return any(version is None or version.code_sha256 == code_sha256 for version in versions)


def siblings(context: Context) -> Iterator[RuleResult]:
    """Functions that are to have the same archives, and have different ones now."""
    known = {name for one in behind(context) for name in one.functions}
    for group in _groups(context):
        if not known & {pair.name for pair in group}:
            yield from _codes(group)
        yield from _layers(group)


def _codes(group: Sequence[Pair]) -> Iterator[RuleResult]:
    digests = grouped((pair.live.code_sha256, pair.name) for pair in group if pair.live)
    if len(digests) < 2:  # noqa: PLR2004 - else all are the same
        return
    shown = "; ".join(f"{listed(names)}: {short(digest)}" for digest, names in digests.items())
    yield RuleResult(
        "siblings",
        Finding(
            f"functions that share {group[0].planned.code.source} run {len(digests)} different codes ({shown})",
            "CodeSha256",
            Severity.WARNING,
            "deploy to all of them, and look whether the deployment has a list of functions that lacks some",
            "the last deployment did not reach all of them, or one was changed by hand",
        ),
        tuple(name for names in digests.values() for name in names),
    )


def _layers(group: Sequence[Pair]) -> Iterator[RuleResult]:
    """Where they stand on different versions of one layer."""
    for arn in dict.fromkeys(layer for pair in group for layer in pair.layers if layer):
        versions = grouped(
            (carried, pair.name) for pair in group if pair.live for carried in pair.live.layers if carried.layer == arn
        )
        if len(versions) < 2:  # noqa: PLR2004 - else all are the same
            continue
        shown = "; ".join(f"{listed(names)}: {carried}" for carried, names in versions.items())
        yield RuleResult(
            "siblings",
            Finding(
                f"functions that share {group[0].planned.code.source} stand on {len(versions)} versions of one "
                f"layer ({shown})",
                arn,
                Severity.WARNING,
                "attach one version to all of them, in the same deployment",
                "a version was attached to some of them only: by hand, or by a deployment that failed half-way "
                "or has a "
                "list of functions that lacks some",
            ),
            tuple(name for names in versions.values() for name in names),
        )


def _groups(context: Context) -> Iterator[tuple[Pair, ...]]:
    """The functions that are to have the same code and layers, and are there."""
    by: dict[tuple[str, tuple[str, ...]], list[Pair]] = {}
    for pair in context.there:
        key = (pair.planned.code.source, tuple(layer.source for layer in pair.planned.layers))
        by.setdefault(key, []).append(pair)
    for group in by.values():
        if len(group) > 1:
            yield tuple(group)


def deployed(context: Context) -> Iterator[RuleResult]:
    """Code that is live already."""
    found = [
        (pair.planned.code.source, pair.name)
        for pair in context.there
        if pair.live and pair.live.code_sha256 == pair.planned.code.code_sha256
    ]
    for source, names in grouped(found).items():
        yield RuleResult("siblings", Note(f"the code of {source} is live already in {listed(names)}", limit=True))
