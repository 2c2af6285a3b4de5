"""Sigstore's bundles: signed by an identity, whose certificate and signature are in public logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sigstore.errors import Error
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from harness.model import UsageError
from harness.plain_text import harmless

if TYPE_CHECKING:
    from pathlib import Path


def payload_of(text: bytes, identity: str, issuer: str, trusted_root: Path | None) -> tuple[str, bytes] | None:
    """The type and the payload of a bundle, where an identity has signed it; None where it has not.

    Args:
        text: The bundle, as JSON.
        identity: Of the signer: a URI or a mail address.
        issuer: What vouches for that identity.
        trusted_root: The root of trust; None for that of the public Sigstore, which the network has.

    Raises:
        UsageError: The root of trust is none, or cannot be had.
    """
    try:
        verifier = Verifier(trusted_root=TrustedRoot.from_file(str(trusted_root))) if trusted_root else None
        verifier = verifier or Verifier.production()
    except Exception as error:
        root = trusted_root or "the public root of trust"
        raise UsageError(f"{root}: cannot be used: {harmless(str(error))}") from error
    try:
        return verifier.verify_dsse(Bundle.from_json(text), Identity(identity=identity, issuer=issuer))
    except (Error, ValueError):
        return None
