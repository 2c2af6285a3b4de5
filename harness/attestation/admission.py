"""What admits archives to a deploy: a policy, and whether an attestation satisfies it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from harness import regular_files
from harness.attestation import demand_packages
from harness.attestation.evidence import ReportedArchive, code_sha256
from harness.attestation.keys import envelope_of, is_signed_by, public_key
from harness.attestation.statement import PAYLOAD_TYPE, PREDICATE_TYPE, STATEMENT_TYPE, Level, Statement
from harness.model import UsageError
from harness.plain_text import harmless, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
SKEW = timedelta(minutes=5)
"""How far clocks of machines differ; what was verified later than that has a wrong time."""


class Refused(Exception):  # noqa: N818 - a verdict about an attestation, not an error of this program
    """An attestation does not admit; the message says why."""


class Signer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """A key or an identity of Sigstore, and the verifier that it may speak for; paths are relative to the policy.

    Attributes:
        verifier: The verifier's URI.
        key: The path of a public key in PEM.
        identity: A URI or a mail address, which
        issuer: vouches for.
        trusted_root: The path of Sigstore's root of trust, where it is not the public one.
    """

    verifier: str
    key: str | None = None
    identity: str | None = None
    issuer: str | None = None
    trusted_root: str | None = None

    def payload(self, text: bytes, folder: Path) -> tuple[str, bytes] | None:
        """The type and the payload of what this signer has signed; None where it has not.

        Raises:
            UsageError: What the policy says of it cannot be read.
        """
        if self.key is not None:
            envelope = envelope_of(text)
            signed = envelope and is_signed_by(envelope, public_key(folder / self.key))
            return (envelope.payload_type, envelope.payload) if envelope and signed else None
        demand_packages("sigstore")
        from harness.attestation.identities import payload_of  # noqa: PLC0415 - needs an extra

        root = folder / self.trusted_root if self.trusted_root else None
        return payload_of(text, self.identity or "", self.issuer or "", root)


class AdmissionPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """What a deploy step demands.

    Attributes:
        signers: Whom it believes.
        level: What the verification must have done.
        max_age: How old it may be: a number with m, h or d.
        resource: The URI that the attestation must be about.
        policy_sha256: The digest of what the archives must have been held against.
        configuration_sha256: The digest of what must have been asked for.
    """

    signers: tuple[Signer, ...]
    level: str
    max_age: str
    resource: str | None = None
    policy_sha256: str | None = None
    configuration_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """What an attestation that satisfies a policy says.

    Attributes:
        archives: The archives that passed.
        functions: The archives of each function, by their SHA-256, in Lambda's order; none where none was verified.
        summary: Who verified, when and how far.
    """

    archives: tuple[ReportedArchive, ...]
    functions: tuple[tuple[str, ...], ...]
    summary: str

    def refusal(self, code: Sequence[ReportedArchive], layers: Sequence[ReportedArchive]) -> str | None:
        """Why archives that passed do not go together; None where they do."""
        if not code:
            return None  # a layer by itself runs nothing
        named = (*(archive.sha256 for archive in code), *(archive.sha256 for archive in layers))
        together = self.functions or (tuple(archive.sha256 for archive in self.archives),)
        if named in together:
            return None
        expected = next((one for one in together if one[:1] == named[:1]), together[0])
        names = {archive.sha256: str(archive) for archive in self.archives}
        return f"these archives in this order were not verified together, but: {', '.join(names[o] for o in expected)}"


def read_policy(path: Path) -> AdmissionPolicy:
    """The policy of a TOML file.

    Raises:
        UsageError: It is none.
    """
    try:
        policy = msgspec.toml.decode(regular_files.read(path), type=AdmissionPolicy)
    except OSError as error:
        raise UsageError(f"--policy {path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"--policy {path}: {harmless(str(error))}") from error
    levels = [str(level) for level in Level]
    if policy.level not in levels:
        near = nearest(policy.level, levels)
        hint = f"; did you mean {near}?" if near else ""
        raise UsageError(f'--policy {path}: level: expected {", ".join(levels)}, found "{policy.level}"{hint}')
    if not policy.signers or not all(bool(one.key) != bool(one.identity and one.issuer) for one in policy.signers):
        expected = "at least one, each with a verifier, and either a key or an identity with its issuer"
        raise UsageError(f"--policy {path}: signers: expected {expected}")
    _age(policy, path)
    return policy


def admission(attestation: Path, policy_file: Path, now: datetime | None = None) -> Admission:
    """What an attestation says, if a policy is satisfied by it.

    Raises:
        UsageError: The policy is none, or a file cannot be read.
        Refused: It does not admit.
    """
    policy = read_policy(policy_file)
    try:
        text = regular_files.read(attestation)
    except OSError as error:
        raise UsageError(f"--attestation {attestation}: cannot be read: {error.strerror or error}") from error
    signed = [(signer, signer.payload(text, policy_file.parent)) for signer in policy.signers]
    payloads = {payload for _, payload in signed if payload}
    if len(payloads) != 1:
        raise Refused("no signer of the policy has signed this: it was changed since, or somebody else signed it")
    payload_type, payload = payloads.pop()
    if payload_type != PAYLOAD_TYPE:
        raise Refused(f"its payload is {harmless(payload_type)}, and not {PAYLOAD_TYPE}")
    verifiers = {signer.verifier for signer, found in signed if found}
    try:
        said = msgspec.json.decode(payload, type=Statement)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"its payload is no statement about a verification: {harmless(str(error))}") from error
    for reason in _refusals(said, policy, verifiers, _age(policy, policy_file), now or datetime.now(tz=UTC)):
        raise Refused(reason)
    extension, predicate = said.predicate.extension, said.predicate
    names = {subject.sha256: subject.name for subject in said.subject}
    archives = tuple(
        ReportedArchive(one.role, names[one.sha256], one.sha256, code_sha256(one.sha256), one.content)
        for one in extension.archives
    )
    return Admission(
        archives,
        tuple(function.archives for function in extension.functions),
        f"verified by {harmless(predicate.verifier.id)} at {harmless(predicate.timeVerified)}, level {policy.level}",
    )


def _refusals(
    said: Statement, policy: AdmissionPolicy, verifiers: set[str], age: timedelta, now: datetime
) -> Iterator[str]:
    predicate, extension = said.predicate, said.predicate.extension
    if (said.type, said.predicateType) != (STATEMENT_TYPE, PREDICATE_TYPE):
        yield f"it states {harmless(said.predicateType)}, and not {PREDICATE_TYPE}"
    if predicate.verifier.id not in verifiers:
        yield f"its signer may not speak for {harmless(predicate.verifier.id)}, but for {', '.join(sorted(verifiers))}"
    if predicate.verificationResult != "PASSED":
        yield "the verification failed: mend what it found, and verify again"
    if Level(policy.level).attested not in predicate.verifiedLevels:
        done = ", ".join(map(harmless, predicate.verifiedLevels)) or "nothing"
        yield f"it attests {done}; the policy demands the level {policy.level}"
    yield from _untimely(predicate.timeVerified, age, now)
    for name, expected, found in (
        ("resource", policy.resource, predicate.resourceUri),
        ("policy", policy.policy_sha256, predicate.policy.digest.get("sha256", "")),
        ("configuration", policy.configuration_sha256, extension.configuration.get("sha256", "")),
    ):
        if expected not in {None, found}:
            yield f"its {name} is {harmless(found)}, and not {expected}"
    if not said.subject or {one.sha256 for one in said.subject} != {one.sha256 for one in extension.archives}:
        yield "it does not say which archives passed"


def _untimely(time: str, age: timedelta, now: datetime) -> Iterator[str]:
    try:
        since = now - datetime.fromisoformat(time)
    except (ValueError, TypeError):
        yield f"it was verified at {harmless(time)}, which is no time with its offset"
        return
    if since > age:
        yield f"it was verified at {time}, longer ago than the policy allows: verify again"
    if since < -SKEW:
        yield f"it was verified at {time}, which is still to come: a clock is wrong"


def _age(policy: AdmissionPolicy, path: Path) -> timedelta:
    if not (found := re.fullmatch(r"(\d{1,6})([mhd])", policy.max_age)):
        raise UsageError(f'--policy {path}: max-age: expected a number with m, h or d, found "{policy.max_age}"')
    return timedelta(**{UNITS[found[2]]: int(found[1])})
