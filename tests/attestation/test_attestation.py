"""``attest`` and ``admit``: exit code 0 only for the right signer, verdict, level and age, and for the very bytes."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from in_toto.models.metadata import Envelope as InTotoEnvelope
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, SSlibKey

from harness.catalogue import CATALOGUE
from tests import aws
from tests.attestation.sigstore_world import Sigstore
from tests.command import Done, command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from tests.aws import Account, Answer, Asked

pytestmark = pytest.mark.slow

GATE = "https://ci.example/gate"
PASSWORD = "correct horse"  # noqa: S105 - of a key that only this test has
KINDS: dict[str, Callable[[], PrivateKeyTypes]] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
}
ARCHIVES = {"code.zip": "app.py", "layer.zip": "python/lib.py", "second.zip": "python/more.py"}


STATIC = [{"check": check.id, "outcome": "completed"} for check in CATALOGUE if check.id != "handler-responds"]
UNASKED = {"check": "handler-responds", "function": "api", "outcome": "not-applicable"}
ANSWERED = [{"check": "handler-responds", "function": name, "outcome": "completed"} for name in ("api", "job")]


@dataclass
class Release:
    """Archives, the report that verified them, two keys, and a policy that believes the first."""

    folder: Path
    environ: dict[str, str]

    def __post_init__(self) -> None:
        for name, entry in ARCHIVES.items():
            with zipfile.ZipFile(self.folder / name, "w") as file:
                file.writestr(zipfile.ZipInfo(entry), f"# {name}\n")
        self.digests = {name: hashlib.sha256((self.folder / name).read_bytes()).hexdigest() for name in ARCHIVES}
        for name in ("gate", "other"):
            self.key(name, "ed25519")
        self.report()
        self.policy()

    def key(self, name: str, kind: str, password: str | None = None) -> None:
        private = KINDS[kind]()
        sealed = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed)
        (self.folder / f"{name}.pem").write_bytes(pem)
        self.public(name, private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def public(self, name: str, pem: bytes) -> None:
        (self.folder / f"{name}.pub").write_bytes(pem)

    def report(self, **changes: object) -> None:
        archives = list(self.digests.values())
        report = {
            "schema": "lambda-artifact/report/v1",
            "verdict": "pass",
            "harness": {"version": "1.2.3"},
            "artifacts": [
                {"role": "layer" if number else "code", "source": name, "sha256": digest, "code_sha256": "-"}
                for number, (name, digest) in enumerate(self.digests.items())
            ],
            "functions": [
                {"name": "api", "init_seconds": 0.2, "archives": archives},
                {"name": "job", "init_seconds": 0.2, "archives": archives[:2]},
            ],
            "results": [*STATIC, *ANSWERED],
            "verified_at": (datetime.now(tz=UTC) - timedelta(minutes=30)).isoformat(),
            "configuration_sha256": "c" * 64,
            "policy_sha256": "f" * 64,
        }
        (self.folder / "verify.json").write_text(json.dumps(report | changes))

    def policy(self, **changes: object) -> None:
        lines = {"level": "answered", "max-age": "1h"} | {name.replace("_", "-"): to for name, to in changes.items()}
        signers = lines.pop("signers", [{"key": "gate.pub", "verifier": GATE}])
        (self.folder / "policy.toml").write_text(
            "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
            + f"signers = [{', '.join(_inline(one) for one in signers)}]\n"  # type: ignore[attr-defined]
        )

    def run(self, *arguments: str, **environ: str) -> Done:
        done = command(self.folder, {**self.environ, **environ}, *arguments)
        assert "PRIVATE KEY" not in done.stdout + done.stderr
        return done

    def attest(self, *arguments: str, key: str = "gate.pem", **environ: str) -> Done:
        keys = ("--key", key) if key else ()
        done = self.run("attest", "--report", "verify.json", *keys, "--verifier", GATE, *arguments, **environ)
        if done.returncode == 0:
            (self.folder / "attestation.json").write_text(done.stdout)
        return done

    def admit(self, code: str = "code.zip", *layers: str) -> tuple[int, str]:
        arguments = ["--code", code, *(argument for layer in layers for argument in ("--layer", layer))]
        done = self.run("admit", "--attestation", "attestation.json", "--policy", "policy.toml", *arguments)
        return done.returncode, done.stdout + done.stderr

    @property
    def envelope(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "attestation.json").read_text())
        return found

    def tamper(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the envelope, and keep its signature."""
        envelope = self.envelope
        change(envelope)
        (self.folder / "attestation.json").write_text(json.dumps(envelope))

    def forge(self, change: Callable[[dict[str, Any]], None], signer: str = "gate") -> None:
        """Change the statement, and sign it as the holder of a key may."""
        said = json.loads(base64.b64decode(self.envelope["payload"]))
        change(said)
        envelope = Envelope(json.dumps(said).encode(), self.envelope["payloadType"], {})
        envelope.sign(CryptoSigner(load_pem_private_key((self.folder / f"{signer}.pem").read_bytes(), None)))
        (self.folder / "attestation.json").write_text(json.dumps(envelope.to_dict()))


def _inline(table: dict[str, str]) -> str:
    return f"{{{', '.join(f'{name} = {json.dumps(value)}' for name, value in table.items())}}}"


@pytest.fixture
def release(tmp_path: Path) -> Release:
    release = Release(tmp_path, {})
    assert release.attest().returncode == 0
    return release


LAYERS = ("layer.zip", "second.zip")


def test_what_passed_is_admitted_by_whatever_function_carries_it(release: Release) -> None:
    code, said = release.admit("code.zip", *LAYERS)
    assert (code, said.split()[0]) == (0, "ADMITTED")
    assert f"verified by {GATE} at " in said
    assert release.admit("code.zip", "layer.zip")[0] == 0


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        (("code.zip", "second.zip", "layer.zip"), "in this order were not verified together"),
        (("code.zip",), "in this order were not verified together"),
        (("code.zip", "second.zip"), "in this order were not verified together"),
        (("code.zip", *LAYERS, "layer.zip"), "in this order were not verified together"),
        (("other.zip", *LAYERS), "what passed is code.zip"),
    ],
)
def test_other_bytes_and_another_order_are_refused(release: Release, named: tuple[str, ...], reason: str) -> None:
    (release.folder / "other.zip").write_bytes((release.folder / "code.zip").read_bytes() + b"\0")

    code, said = release.admit(*named)

    assert (code, said.split()[0]) == (1, "REFUSED")
    assert reason in said


def _payload(envelope: dict[str, Any], old: bytes, new: bytes) -> None:
    said = base64.b64decode(envelope["payload"])
    assert old in said
    envelope["payload"] = base64.b64encode(said.replace(old, new)).decode()


UNSIGNED = "no signer of the policy has signed this"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda e: _payload(e, b"PASSED", b"PASSED "), UNSIGNED),
        (lambda e: _payload(e, b"STARTED", b"STARTER"), UNSIGNED),
        (lambda e: e.update(payloadType="application/vnd.other+json"), UNSIGNED),
        (lambda e: e.update(signatures=[]), UNSIGNED),
        (lambda e: e["signatures"][0].update(sig=base64.b64encode(bytes(64)).decode()), UNSIGNED),
        (lambda e: e["signatures"][0].pop("sig"), UNSIGNED),
        (lambda e: e.pop("payload"), UNSIGNED),
        (lambda e: e.update(payload="&&&"), "REFUSED"),
    ],
)
def test_an_envelope_that_was_changed_is_refused(
    release: Release, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    release.tamper(change)

    code, said = release.admit("code.zip", *LAYERS)

    assert (code, said.split()[0]) == (1, "REFUSED")
    assert reason in said


def test_whatever_key_a_signature_names(release: Release) -> None:
    release.tamper(lambda envelope: envelope["signatures"][0].update(keyid="gate"))
    assert release.admit("code.zip", *LAYERS)[0] == 0


def _ago(**past: int) -> str:
    return (datetime.now(tz=UTC) - timedelta(**past)).isoformat()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: s["predicate"].update(verificationResult="FAILED"), "the verification failed"),
        (lambda s: s["predicate"].update(verifiedLevels=["LAMBDA_ARTIFACT_STATIC_V1"]), "demands the level answered"),
        (lambda s: s["predicate"].update(verifiedLevels=[]), "it attests nothing"),
        (lambda s: s["predicate"].update(timeVerified=_ago(minutes=61)), "longer ago than the policy allows"),
        (lambda s: s["predicate"].update(timeVerified=_ago(minutes=-10)), "still to come"),
        (lambda s: s["predicate"].update(timeVerified="2026-01-01T00:00:00"), "no time with its offset"),
        (lambda s: s["predicate"].update(timeVerified="::error::x"), "no time with its offset"),
        (lambda s: s["predicate"]["verifier"].update(id="https://ci.example/other"), "may not speak for"),
        (lambda s: s.update(predicateType="https://slsa.dev/provenance/v1"), "and not https://slsa.dev/verification"),
        (lambda s: s.update(subject=s["subject"][:1]), "does not say which archives passed"),
        (lambda s: s.update(subject=[]), "does not say which archives passed"),
        (lambda s: s["subject"][0].update(digest={"sha512": "0"}), "does not say which archives passed"),
        (lambda s: s["subject"][0]["digest"].update(sha256="0" * 64), "does not say which archives passed"),
        (lambda s: s.pop("predicate"), "no statement about a verification"),
    ],
)
def test_a_statement_that_does_not_say_so_is_refused(
    release: Release, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    release.forge(change)

    code, said = release.admit("code.zip", *LAYERS)

    assert (code, said.split()[0]) == (1, "REFUSED")
    assert reason in said


def test_each_key_speaks_for_its_own_verifier(release: Release) -> None:
    release.policy(signers=[{"key": "gate.pub", "verifier": "x:y"}, {"key": "other.pub", "verifier": GATE}])
    code, said = release.admit("code.zip", *LAYERS)
    assert (code, f"may not speak for {GATE}, but for x:y" in said) == (1, True)

    release.forge(lambda _: None, signer="other")
    assert release.admit("code.zip", *LAYERS)[0] == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"level": "static"}, 0),
        ({"level": "transition"}, 1),
        ({"max_age": "29m"}, 1),
        ({"max_age": "1d"}, 0),
        ({"policy_sha256": "f" * 64, "configuration_sha256": "c" * 64}, 0),
        ({"policy_sha256": "e" * 64}, 1),
        ({"configuration_sha256": "e" * 64}, 1),
        ({"resource": "x:y"}, 1),
        ({"level": "anwered"}, 2),
        ({"max_age": "soon"}, 2),
        ({"signers": []}, 2),
        ({"signers": [{"key": "gate.pub", "identity": "x", "issuer": "y", "verifier": GATE}]}, 2),
        ({"signers": [{"key": "none.pub", "verifier": GATE}]}, 2),
        ({"signers": [{"key": "gate.pem", "verifier": GATE}]}, 2),
        ({"signers": [{"key": "gate.pub"}]}, 2),
        ({"levels": "static"}, 2),
    ],
)
def test_the_policy_decides(release: Release, changes: dict[str, Any], code: int) -> None:
    release.policy(**changes)
    assert release.admit("code.zip", *LAYERS)[0] == code


@pytest.mark.parametrize(
    ("changes", "attested"),
    [
        ({}, {"STATIC", "STARTED", "ANSWERED"}),
        ({"results": [*STATIC, UNASKED]}, {"STATIC", "STARTED"}),
        (
            {"results": [*STATIC, *ANSWERED[:1], ANSWERED[1] | {"findings": [{"waived": "known"}]}]},
            {"STATIC", "STARTED"},
        ),
        ({"functions": [{"name": "api", "init_seconds": None}]}, {"STATIC"}),
        ({"functions": []}, {"STATIC"}),
        ({"verdict": "fail"}, set()),
        ({"verdict": "incomplete"}, set()),
    ],
)
def test_levels(release: Release, changes: dict[str, Any], attested: set[str]) -> None:
    release.report(**changes)
    assert release.attest().returncode == 0

    predicate = json.loads(base64.b64decode(release.envelope["payload"]))["predicate"]

    assert set(predicate["verifiedLevels"]) == {f"LAMBDA_ARTIFACT_{level}_V1" for level in attested}
    assert predicate["verificationResult"] == ("PASSED" if attested else "FAILED")
    assert (release.admit("code.zip", *LAYERS)[0] == 0) is ("ANSWERED" in attested)


IDENTITY, ISSUER = "https://github.com/shop/api/.github/workflows/gate.yml@refs/heads/main", "https://token.example"


@pytest.mark.parametrize(
    ("signer", "change", "code"),
    [
        ({}, lambda _: None, 0),
        ({"identity": IDENTITY.replace("main", "other")}, lambda _: None, 1),
        ({"issuer": "https://other.example"}, lambda _: None, 1),
        ({"verifier": "x:y"}, lambda _: None, 1),
        ({"trusted-root": "other.json"}, lambda _: None, 1),
        ({"trusted-root": "none.json"}, lambda _: None, 2),
        ({}, lambda b: _payload(b["dsseEnvelope"], b"STARTED", b"STARTER"), 1),
        ({}, lambda b: b["verificationMaterial"].update(tlogEntries=[]), 1),
    ],
)
def test_an_identity_of_sigstore(
    release: Release, signer: dict[str, str], change: Callable[[dict[str, Any]], None], code: int
) -> None:
    sigstore = Sigstore()
    (release.folder / "root.json").write_text(sigstore.trusted_root)
    (release.folder / "other.json").write_text(Sigstore().trusted_root)
    believed = {"verifier": GATE, "identity": IDENTITY, "issuer": ISSUER, "trusted-root": "root.json"}
    release.policy(signers=[believed | signer])
    predicate = json.loads(release.attest("--predicate", key="").stdout)
    # As GitHub does it: in an order of its own.
    subjects = [{"name": name, "digest": {"sha256": release.digests[name]}} for name in reversed(ARCHIVES)]
    said = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/verification_summary/v1",
        "predicate": predicate,
    }
    bundle = sigstore.bundle(json.dumps(said).encode(), IDENTITY, ISSUER)
    change(bundle)
    (release.folder / "attestation.json").write_text(json.dumps(bundle))

    assert release.admit("code.zip", *LAYERS)[0] == code
    assert release.admit("code.zip", *reversed(LAYERS))[0] == max(code, 1)


def transition(release: Release, **changes: object) -> dict[str, Any]:
    artifacts = json.loads((release.folder / "verify.json").read_text())["artifacts"]
    return {
        "schema": "lambda-artifact/transition/v1", "verdict": "pass", "to": {"artifacts": artifacts}, "static": False,
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "code"),
    [({}, 0), ({"verdict": "fail"}, 2), ({"static": True}, 2), ({"to": {"artifacts": []}}, 2), ({"schema": "x"}, 2)],
)
def test_a_transition_is_proven_by_its_own_report(release: Release, changes: dict[str, Any], code: int) -> None:
    (release.folder / "transition.json").write_text(json.dumps(transition(release, **changes)))
    release.policy(level="transition")

    assert release.attest("--transition", "transition.json").returncode == code
    assert (release.admit("code.zip", *LAYERS)[0] == 0) is (code == 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("password", [None, PASSWORD])
def test_other_tools_read_what_is_signed(release: Release, kind: str, password: str | None) -> None:
    release.key("gate", kind, password)
    environ = {"LAMBDA_ARTIFACT_KEY_PASSWORD": password} if password else {}
    done = release.attest(**environ)
    assert done.returncode == 0
    assert PASSWORD not in done.stdout + done.stderr

    key = SSlibKey.from_crypto(load_pem_public_key((release.folder / "gate.pub").read_bytes()))
    assert Envelope.from_dict(release.envelope).verify([key], 1)
    InTotoEnvelope.from_dict(release.envelope).verify_signature({"keyid": key.keyid, **key.to_dict()})
    assert release.admit("code.zip", *LAYERS)[0] == 0


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("none.pem", "none.pem: cannot be read"),
        ("gate.pub", "gate.pub: no private key"),
        ("code.zip", "code.zip: no private key"),
    ],
)
def test_a_key_that_cannot_sign(release: Release, key: str, reason: str) -> None:
    done = release.attest(key=key)
    assert (done.returncode, reason in done.stderr) == (2, True)


def test_a_report_that_left_checks_out_is_not_attested(release: Release) -> None:
    release.report(results=[*STATIC[1:], *ANSWERED])
    done = release.attest()
    assert (done.returncode, "it left out archive-integrity: verify again" in done.stderr) == (2, True)


def test_a_folder_is_not_attested(release: Release) -> None:
    folder = {"role": "code", "source": "build", "sha256": "0" * 64, "code_sha256": None}
    release.report(artifacts=[folder])
    done = release.attest()
    assert (done.returncode, "no archive that can be deployed: verify the zip" in done.stderr) == (2, True)


@pytest.fixture
def account(moto: str) -> Iterator[Account]:
    yield from aws.accounts(moto)


class Kms:
    """A key of AWS KMS: moto's signs digests as if they were messages, and says so."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def __call__(self, asked: Asked, usual: Callable[[], Answer]) -> Answer | None:
        del usual
        target = {name.lower(): value for name, value in asked.headers.items()}.get("x-amz-target", "")
        if not target.startswith("TrentService."):
            return None
        request = json.loads(asked.body)
        if request["KeyId"] != "alias/gate":
            return aws.error(400, "NotFoundException")
        answer: dict[str, Any] = {"KeyId": "alias/gate"}
        if target.endswith("GetPublicKey"):
            answer |= {"PublicKey": self.public(Encoding.DER), "SigningAlgorithms": ["ECDSA_SHA_256"]}
        else:
            assert (request["MessageType"], request["SigningAlgorithm"]) == ("DIGEST", "ECDSA_SHA_256")
            digest = base64.b64decode(request["Message"])
            answer["Signature"] = base64.b64encode(self._key.sign(digest, ec.ECDSA(Prehashed(SHA256())))).decode()
        return aws.Answer(200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode())

    def public(self, encoding: Encoding) -> str:
        encoded = self._key.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
        return encoded.decode() if encoding is Encoding.PEM else base64.b64encode(encoded).decode()


def test_a_key_of_aws_kms(tmp_path: Path, account: Account) -> None:
    release, kms = Release(tmp_path, account.environ), Kms()
    account.courses.append(kms)
    release.public("gate", kms.public(Encoding.PEM).encode())

    assert release.attest(key="awskms:alias/gate").returncode == 0
    assert release.admit("code.zip", *LAYERS)[0] == 0

    done = release.attest(key="awskms:alias/none")
    assert (done.returncode, "awskms:alias/none: cannot be used" in done.stderr) == (3, True)
