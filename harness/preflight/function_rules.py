"""Rules about each function by itself: its existence, platform, state and variables."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from harness.artifact.content_digest import is_signature
from harness.model import Finding, Note, Severity
from harness.policy.account import announced, explaining_check
from harness.preflight.rule import RuleResult, grouped, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.preflight.deployment import Pair
    from harness.preflight.rule import Context

_NOTICE: Final = timedelta(days=180)
"""How long before AWS's support of a runtime ends a report tells of it: AWS itself does so 180 days before."""


def missing(context: Context) -> Iterator[RuleResult]:
    """Functions that are not in the account."""
    absent = [pair for pair in context.pairs if pair.name in context.account.missing]
    called = listed([pair.planned.function for pair in absent])
    rename = (
        "say what it is called in the account: `deployed-as` in the manifest, --deployed-as or --function; the account "
        "is chosen by --profile, the region by AWS_DEFAULT_REGION"
    )
    if absent and len(absent) == len(context.pairs):
        yield RuleResult(
            "function-missing",
            Finding(
                f"ResourceNotFoundException: none of the functions is in {_regions(context)}: {called}",
                "deployed-as",
                cause="nothing is deployed yet, or they are called otherwise, or this is not their account or region",
                remedy=rename,
            ),
        )
        return
    for pair in absent:
        yield RuleResult(
            "function-missing",
            Finding(
                f"ResourceNotFoundException: {pair.planned.function} is not in {_place(pair, context)}: the deployment "
                "would create it",
                "deployed-as",
                Severity.WARNING,
                f"nothing, where it is new; else {rename}",
            ),
            (pair.name,),
        )


def _place(pair: Pair, context: Context) -> str:
    return pair.planned.region or _regions(context)


def _regions(context: Context) -> str:
    return listed(context.account.regions) or "the account"


def package(context: Context) -> Iterator[RuleResult]:
    """Functions that take no archive."""
    images = tuple(pair.name for pair in context.there if pair.deployed and pair.deployed.latest.image)
    if images:
        yield RuleResult(
            "function-package",
            Finding(
                "InvalidParameterValueException: Please provide ImageUri when updating a function with packageType "
                "Image: it is made of a container image, and takes no archive and no layer",
                "PackageType",
                remedy="a function keeps its package type: delete it and create it again, or deploy an image",
            ),
            images,
        )


def unfinished(context: Context) -> Iterator[RuleResult]:
    """Functions that are not ready, or whose last update is not done or failed."""
    lives = [(pair.deployed.latest, pair.name) for pair in context.there if pair.deployed]
    for (state, why), names in grouped(((live.state, live.state_reason), name) for live, name in lives).items():
        if (finding := _state(state, f" ({why})" if why else "")) is not None:
            yield RuleResult("update-unfinished", finding, names)
    for (update, why), names in grouped(((live.update, live.update_reason), name) for live, name in lives).items():
        if (finding := _update(update, f" ({why})" if why else "")) is not None:
            yield RuleResult("update-unfinished", finding, names)


def _state(state: str | None, why: str) -> Finding | None:
    if state == "Failed":
        return Finding(
            f"State Failed{why}: Lambda could not set the function up, and it cannot be invoked",
            "State",
            Severity.WARNING,
            f"mend what the reason names{_verified(why)}, and deploy; where that does not help, delete the function "
            "and create it again",
        )
    if state == "Pending":
        return Finding(
            f"State Pending{why}: Lambda is setting the function up, and refuses other calls meanwhile",
            "State",
            Severity.WARNING,
            "let it end first: `aws lambda wait function-active-v2`",
        )
    return None


def _update(state: str | None, why: str) -> Finding | None:
    if state == "InProgress":
        return Finding(
            f"ResourceConflictException: an update is in progress{why}",
            "LastUpdateStatus",
            Severity.WARNING,
            "let it end first (`aws lambda wait function-updated-v2`): meanwhile every other update is refused, and "
            "this report may be outdated",
            "another deployment runs, or somebody changes the function",
        )
    if state == "Failed":
        return Finding(
            f"the last update has failed{why}: what is configured is not what runs",
            "LastUpdateStatus",
            Severity.WARNING,
            f"mend what the reason names{_verified(why)}; this deployment's own update can mend it, too"
            if why
            else "look for LastUpdateStatusReason in `aws lambda get-function-configuration`",
        )
    return None


def _verified(why: str) -> str:
    """The check that finds what one of Lambda's reasons names, in the words of a remedy."""
    check = explaining_check(why.removeprefix(" (").partition(":")[0].rstrip(")"))
    return f" (`lambda-artifact verify --select {check}` shows it)" if check else ""


def platform(context: Context) -> Iterator[RuleResult]:
    """Functions with another runtime or architecture than was verified for."""
    for what, key in (("runtime", "runtime"), ("architecture", "architecture")):
        found = [
            ((str(getattr(pair.deployed.latest, key)), str(getattr(pair.planned, key))), pair.name)
            for pair in context.there
            if pair.deployed and not pair.deployed.latest.image
        ]
        for (live, planned), names in grouped(found).items():
            if live != planned:
                yield RuleResult(
                    "platform",
                    Finding(
                        f"its {what} is {live}, and the archives are verified for {planned}",
                        what,
                        Severity.WARNING,
                        f"let the same deployment that brings the archives change the {what} (`lambda-artifact "
                        f"transition` says in which order), or declare `{what}` as it is, and verify for that",
                        f"a deployment that brings archives alone leaves the {what} as it is",
                    ),
                    names,
                )


def tenancy(context: Context) -> Iterator[RuleResult]:
    """Functions that were created with another isolation of tenants than is declared."""
    found = (
        (pair.planned.tenant_isolation, pair.name)
        for pair in context.there
        if pair.deployed and pair.planned.tenant_isolation not in {None, pair.deployed.latest.tenant_isolation}
    )
    for wanted, names in grouped(found).items():
        there, wants = ("off", "on") if wanted else ("on", "off")
        yield RuleResult(
            "tenancy",
            Finding(
                f"its tenant isolation is {there}, and {wants} is declared: Lambda sets it when a function is created, "
                "and no update changes it",
                "TenancyConfig",
                remedy="create another function with it and let callers move there (CloudFormation replaces the "
                f"function by itself), or declare `tenant-isolation = {'false' if wanted else 'true'}`",
            ),
            names,
        )


def signing(context: Context) -> Iterator[RuleResult]:
    """Archives without a signature, for functions whose code signing configuration looks for one."""
    unsigned = []
    for config in context.account.signing:
        for pair in context.there:
            if pair.deployed and pair.deployed.latest.arn in config.functions:
                archives = (one.archive for one in (pair.planned.code, *pair.planned.layers))
                bare = (one.source for one in archives if one and not any(map(is_signature, one.entries)))
                unsigned += [((config.enforced, source), pair.name) for source in bare]
    for (enforced, source), names in grouped(unsigned).items():
        if not enforced:
            yield RuleResult("code-signing", Note(f"{source} is not signed: Lambda deploys it, and reports it (Warn)"))
            continue
        yield RuleResult(
            "code-signing",
            Finding(
                f"CodeVerificationFailedException: {source} has no signature, and the function's code signing "
                "configuration refuses such an archive (Enforce)",
                source,
                Severity.WARNING,
                "nothing, where the deployment signs it (`sam deploy --signing-profiles`, a signing job of AWS Signer; "
                "`lambda-artifact match` accepts the signed archive); else sign it before",
            ),
            names,
        )


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
