"""Rules about what each function is: its existence, package, state, platform, tenancy and signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.artifact.content_digest import is_signature
from harness.model import Finding, Note, Severity
from harness.policy.account import explaining_check
from harness.preflight.rule import RuleResult, grouped, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.preflight.deployment import Pair
    from harness.preflight.rule import Context


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
