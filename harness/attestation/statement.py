"""The statement: which archives a verification was about, what it did, and how it ended.

The shapes are those of in-toto's Statement v1 and of SLSA's Verification Summary v1.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from harness.model import Verdict

if TYPE_CHECKING:
    from harness.attestation.evidence import Evidence

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/verification_summary/v1"
SLSA_VERSION = "1.0"
HOME = "https://lambda-artifact-harness.example/"
VERIFIER = f"{HOME}verifier"
CHECKS = f"{HOME}checks/"
EXTENSION = f"{HOME}attestation/v1"
"""The field of the predicate that holds what is our own: extension fields are URIs."""

RESOURCE = "pkg:generic/{name}?checksum=sha256:{digest}"


class Level(StrEnum):
    """What a verification did."""

    STATIC = "static"
    STARTED = "started"
    ANSWERED = "answered"
    TRANSITION = "transition"

    @property
    def attested(self) -> str:
        """Its name in ``verifiedLevels``; those that begin with SLSA are SLSA's own."""
        return f"LAMBDA_ARTIFACT_{self.upper()}_V1"


class Subject(msgspec.Struct, frozen=True):
    """One archive, by its digest."""

    name: str
    digest: dict[str, str]

    @property
    def sha256(self) -> str:
        """Its digest in hexadecimal; nothing where there is none."""
        return self.digest.get("sha256", "")


class Verifier(msgspec.Struct, frozen=True):
    """What verified, as the admitting side knows it."""

    id: str
    version: dict[str, str]


class Policy(msgspec.Struct, frozen=True):
    """What the archives were held against."""

    uri: str
    digest: dict[str, str]


class AttestedArchive(msgspec.Struct, frozen=True):
    """One subject; ``content`` is the digest of its content, which AWS Signer does not change."""

    role: Literal["code", "layer"]
    sha256: str
    content: str | None


class FunctionArchives(msgspec.Struct, frozen=True):
    """A function, with the SHA-256 of its code and its layers in Lambda's order."""

    name: str
    archives: tuple[str, ...]


class Extension(msgspec.Struct, frozen=True, rename="camel"):
    """What is our own.

    Attributes:
        configuration: The digest of what was declared and chosen.
        archives: The subjects, whose order and names other signers may change.
        functions: The functions that were verified; none where only archives were.
    """

    configuration: dict[str, str]
    archives: tuple[AttestedArchive, ...]
    functions: tuple[FunctionArchives, ...] = ()


class Predicate(msgspec.Struct, frozen=True, rename={"extension": EXTENSION}):
    """SLSA's Verification Summary; its other fields are not needed to admit."""

    verifier: Verifier
    timeVerified: str  # noqa: N815 - as SLSA names it
    resourceUri: str  # noqa: N815
    policy: Policy
    verificationResult: Literal["PASSED", "FAILED"]  # noqa: N815
    verifiedLevels: tuple[str, ...]  # noqa: N815
    slsaVersion: str  # noqa: N815
    extension: Extension


class Statement(msgspec.Struct, frozen=True):
    """in-toto's statement with that predicate."""

    type: Annotated[str, msgspec.Meta()] = msgspec.field(name="_type")
    subject: tuple[Subject, ...]
    predicateType: str  # noqa: N815
    predicate: Predicate


def statement(evidence: Evidence, verifier: str, resource: str | None) -> Statement:
    """The statement about a verification.

    Args:
        evidence: What its report says, and what else was proven.
        verifier: The URI that stands for what verified.
        resource: The URI of what the archives are; None for that of the first of them.
    """
    subjects = tuple(Subject(archive.source, {"sha256": archive.sha256}) for archive in evidence.archives)
    passed = evidence.verdict is Verdict.PASS
    return Statement(
        type=STATEMENT_TYPE,
        subject=subjects,
        predicateType=PREDICATE_TYPE,
        predicate=Predicate(
            verifier=Verifier(verifier, {"lambda-artifact-harness": evidence.harness}),
            timeVerified=evidence.verified_at,
            resourceUri=resource or RESOURCE.format(name=_file(subjects[0].name), digest=subjects[0].sha256),
            policy=Policy(CHECKS, {"sha256": evidence.policy_sha256}),
            verificationResult="PASSED" if passed else "FAILED",
            verifiedLevels=tuple(level.attested for level in evidence.levels) if passed else (),
            slsaVersion=SLSA_VERSION,
            extension=Extension(
                configuration={"sha256": evidence.configuration_sha256},
                archives=tuple(AttestedArchive(a.role, a.sha256, a.content_sha256) for a in evidence.archives),
                functions=evidence.functions,
            ),
        ),
    )


def _file(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name.rpartition("/")[2])
