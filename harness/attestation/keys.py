"""Keys: private ones sign envelopes, public ones say whether an envelope is theirs."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import AWSSigner, CryptoSigner, Signature, SSlibKey

from harness import regular_files
from harness.attestation.statement import PAYLOAD_TYPE
from harness.model import UsageError
from harness.plain_text import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from securesystemslib.signer import Signer

KMS = "awskms:"
PASSWORD = "LAMBDA_ARTIFACT_KEY_PASSWORD"  # noqa: S105 - the name of a variable


class Unreachable(Exception):  # noqa: N818 - a fact about a key, not an error of this program
    """A key that is elsewhere cannot be used; the message is a sentence."""


def signed(payload: bytes, key: str, environ: Mapping[str, str], payload_type: str = PAYLOAD_TYPE) -> str:
    """An envelope of a payload, as JSON.

    Args:
        payload: A statement in JSON, or what else its type says.
        key: The path of a private key in PEM, or ``awskms:`` and the ID, alias or ARN of a key.
        environ: Has the password of a key that is encrypted.
        payload_type: By which one kind of payload cannot pass for another.

    Raises:
        UsageError: There is no such key, or it cannot sign.
        Unreachable: AWS refuses or does not answer.
    """
    signer = _of_kms(key) if key.startswith(KMS) else _of_file(key, environ.get(PASSWORD))
    envelope = Envelope(payload, payload_type, {})
    with _reached(key):
        envelope.sign(signer)
    return json.dumps(envelope.to_dict(), indent=2) + "\n"


def public_key(path: Path) -> SSlibKey:
    """A public key in PEM.

    Raises:
        UsageError: It is none, or cannot be read.
    """
    try:
        return SSlibKey.from_crypto(load_pem_public_key(regular_files.read(path)))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:
        raise UsageError(f"{path}: no public key in PEM that can verify: {harmless(str(error))}") from error


def envelope_of(text: bytes) -> Envelope | None:
    """An envelope, as JSON; None of what is none."""
    try:
        return Envelope.from_dict(json.loads(text))
    except Exception:  # noqa: BLE001 - whatever JSON of another shape leads to
        return None


def is_signed_by(envelope: Envelope, key: SSlibKey) -> bool:
    """Whether one of an envelope's signatures is a key's, whatever key it names."""
    for signature in envelope.signatures.values():
        with contextlib.suppress(UnverifiedSignatureError, VerificationError):
            key.verify_signature(Signature(key.keyid, signature.signature), envelope.pae())
            return True
    return False


def _of_file(name: str, password: str | None) -> Signer:
    try:
        return CryptoSigner(load_pem_private_key(regular_files.read(name), password.encode() if password else None))
    except OSError as error:
        raise UsageError(f"--key {name}: cannot be read: {error.strerror or error}") from error
    except Exception:  # noqa: BLE001 - what it says might hold a part of the key
        hint = f"a password in {PASSWORD} opens it, if it has one"
        raise UsageError(f"--key {name}: no private key in PEM (Ed25519, ECDSA or RSA) that can sign; {hint}") from None


def _of_kms(key: str) -> Signer:
    with _reached(key):
        _, public = AWSSigner.import_(key.removeprefix(KMS))
        return AWSSigner(key.removeprefix(KMS), public)


@contextlib.contextmanager
def _reached(key: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise Unreachable(f"--key {key}: cannot be used: {harmless(str(error))}") from error
