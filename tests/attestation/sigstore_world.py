"""A Sigstore of our own: a certificate authority, two transparency logs and the root of trust that names them.

The forms are those of RFC 6962 (timestamps of certificates, leaves of logs), of Rekor's entries ``dsse 0.0.1`` and of
checkpoints as transparency.dev describes them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness.attestation.statement import PAYLOAD_TYPE

ISSUER_V1 = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
ISSUER_V2 = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
TIMESTAMPS = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sigstore.local")])


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _canonical(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


@dataclass
class Sigstore:
    """Signs for whoever asks, with the identity that is asked for."""

    ca: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    certificates: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    entries: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    since: datetime = field(default_factory=lambda: datetime.now(tz=UTC).replace(microsecond=0) - timedelta(days=1))

    def __post_init__(self) -> None:
        self.root = (
            x509.CertificateBuilder()
            .subject_name(NAME)
            .issuer_name(NAME)
            .public_key(self.ca.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.since)
            .not_valid_after(self.since + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(sign_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.ca.public_key()), critical=False)
            .sign(self.ca, SHA256())
        )

    @property
    def trusted_root(self) -> str:
        """The root of trust, as clients read it."""
        valid = {"start": self.since.isoformat().replace("+00:00", "Z")}

        def log(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
            public = {"rawBytes": _b64(_der(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid}
            return {
                "baseUrl": "https://log.local",
                "hashAlgorithm": "SHA2_256",
                "publicKey": public,
                "logId": {"keyId": _b64(hashlib.sha256(_der(key)).digest())},
            }

        chain = {"certificates": [{"rawBytes": _b64(self.root.public_bytes(Encoding.DER))}]}
        subject = {"organization": "sigstore.local", "commonName": "sigstore.local"}
        authority = {"subject": subject, "uri": "https://ca.local", "certChain": chain, "validFor": valid}
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [log(self.entries)],
                "certificateAuthorities": [authority],
                "ctlogs": [log(self.certificates)],
                "timestampAuthorities": [],
            }
        )

    def bundle(self, payload: bytes, identity: str, issuer: str) -> dict[str, Any]:
        """A payload, signed with an identity."""
        now, key = datetime.now(tz=UTC).replace(microsecond=0), _key()
        certificate = self._certificate(key, identity, issuer, now)
        pae = b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
        signature = key.sign(pae, ec.ECDSA(SHA256()))
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": _b64(certificate.public_bytes(Encoding.DER))},
                "tlogEntries": [self._entry(payload, signature, certificate, int(now.timestamp()))],
            },
            "dsseEnvelope": {
                "payload": _b64(payload),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": _b64(signature)}],
            },
        }

    def _certificate(
        self, key: ec.EllipticCurvePrivateKey, identity: str, issuer: str, now: datetime
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(NAME)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(minutes=10))
            .add_extension(_usage(), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), critical=True)
            .add_extension(x509.UnrecognizedExtension(ISSUER_V1, issuer.encode()), critical=False)
            .add_extension(x509.UnrecognizedExtension(ISSUER_V2, _tagged(0x0C, issuer.encode())), critical=False)
        )
        before = builder.sign(self.ca, SHA256()).tbs_certificate_bytes
        logged = self._timestamp(before, now)
        return builder.add_extension(x509.UnrecognizedExtension(TIMESTAMPS, logged), critical=False).sign(
            self.ca, SHA256()
        )

    def _timestamp(self, tbs: bytes, now: datetime) -> bytes:
        """The list of one timestamp for a certificate that has none yet."""
        moment = int(now.timestamp() * 1000)
        issuer = hashlib.sha256(_der(self.ca)).digest()
        entry = issuer + len(tbs).to_bytes(3, "big") + tbs
        signature = self.certificates.sign(struct.pack("!BBQH", 0, 0, moment, 1) + entry + b"\0\0", ec.ECDSA(SHA256()))
        log = hashlib.sha256(_der(self.certificates)).digest()
        one = struct.pack("!B32sQHBBH", 0, log, moment, 0, 4, 3, len(signature)) + signature
        listed = struct.pack("!H", len(one)) + one
        return _tagged(0x04, struct.pack("!H", len(listed)) + listed)

    def _entry(self, payload: bytes, signature: bytes, certificate: x509.Certificate, time: int) -> dict[str, Any]:
        """The entry of a log that has no other."""
        body = _canonical(
            {
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    "envelopeHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
                    "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
                    "signatures": [
                        {"signature": _b64(signature), "verifier": _b64(certificate.public_bytes(Encoding.PEM))}
                    ],
                },
            }
        )
        log = hashlib.sha256(_der(self.entries)).digest()
        root = hashlib.sha256(b"\0" + body).digest()
        note = f"log.local - 1\n1\n{_b64(root)}\n"
        signed = _b64(log[:4] + self.entries.sign(note.encode(), ec.ECDSA(SHA256())))
        promise = _canonical({"body": _b64(body), "integratedTime": time, "logID": log.hex(), "logIndex": 0})
        return {
            "logIndex": "0",
            "logId": {"keyId": _b64(log)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(time),
            "inclusionPromise": {"signedEntryTimestamp": _b64(self.entries.sign(promise, ec.ECDSA(SHA256())))},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": _b64(root),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": f"{note}\n\u2014 log.local {signed}\n"},
            },
            "canonicalizedBody": _b64(body),
        }


def _usage(*, sign_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _tagged(tag: int, content: bytes) -> bytes:
    """DER of a short value."""
    size = len(content)
    return bytes([tag, size] if size < 128 else [tag, 0x81, size]) + content
