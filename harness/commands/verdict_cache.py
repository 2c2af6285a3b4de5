"""The options of the verdict cache, and the cache that they ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.attestation import demand_packages
from harness.commands.options import Once
from harness.model import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from harness.commands.output import Outputs
    from harness.session.verdicts import VerdictCache, VerdictStore

    Seal: TypeAlias = Callable[[bytes], bytes]
    Unseal: TypeAlias = Callable[[bytes], bytes | None]

PLACE: Final = "LAMBDA_ARTIFACT_VERDICT_CACHE"
PAYLOAD_TYPE: Final = "application/vnd.lambda-artifact.verdict+json"


def add_options(parser: argparse._ActionsContainer) -> None:
    """Add the options."""
    option = parser.add_argument
    option(
        "--verdict-cache",
        metavar="PLACE",
        action=Once,
        help=f"use reports that were made of the same: a folder, or s3://bucket/prefix (default: ${PLACE})",
    )
    option("--no-verdict-cache", action="store_true", help=f"make each report anew, whatever ${PLACE} says")
    option("--write-verdict-cache", action="store_true", help="add new reports to it: for the gate alone")
    option("--verdict-cache-key", metavar="K", action=Once, help="sign what is added: a key as `attest` takes it")
    option(
        "--verdict-cache-signer",
        metavar="FILE",
        action=Once,
        type=Path,
        help="use only what the owner of this public key in PEM has signed",
    )


def verdict_cache(options: argparse.Namespace, environ: Mapping[str, str], outputs: Outputs) -> VerdictCache | None:
    """The verdict cache that the options ask for; None without one.

    Args:
        options: The command's.
        environ: The user's environment.
        outputs: The files that the run writes.

    Raises:
        UsageError: They contradict one another, or a key cannot be used.
    """
    place = options.verdict_cache or environ.get(PLACE)
    writes, key, signer = options.write_verdict_cache, options.verdict_cache_key, options.verdict_cache_signer
    if options.verdict_cache and options.no_verdict_cache:
        raise UsageError("--verdict-cache or --no-verdict-cache, not both")
    if key and not writes:
        raise UsageError("--verdict-cache-key goes with --write-verdict-cache")
    if writes and signer and not key:
        raise UsageError("--verdict-cache-signer would not use what is added unsigned: give --verdict-cache-key, too")
    if options.no_verdict_cache:
        return None
    if not place:
        if writes or signer:
            raise UsageError(f"which verdict cache? Give --verdict-cache, or set {PLACE}")
        return None
    from harness.session.verdicts import FolderStore, VerdictCache

    store = _store(place, options)
    apart = [file.absolute() for _, file in outputs.files]
    if isinstance(store, FolderStore):
        apart.append(store.folder)
        if writes:  # before anything looks at the folder that it is in
            store.folder.mkdir(parents=True, exist_ok=True)
    return VerdictCache(place, store, writes, *_seals(options, environ), tuple(apart))


def _store(place: str, options: argparse.Namespace) -> VerdictStore:
    if not place.startswith("s3://"):
        from harness.session.verdicts import FolderStore

        return FolderStore(Path(place).absolute())
    from harness.sources.aws import Aws
    from harness.sources.aws_documents import S3Store
    from harness.sources.aws_resources import S3Object, parse

    if not isinstance(prefix := parse(place), S3Object) or prefix.version:
        raise UsageError(f"--verdict-cache {place}: expected s3://bucket/prefix")
    return S3Store(Aws(options.profile, writes=options.write_verdict_cache), prefix)


def _seals(options: argparse.Namespace, environ: Mapping[str, str]) -> tuple[Seal, Unseal]:
    """What makes the document of an entry, and what opens one; an unsigned one where no key is named."""
    from harness.session.verdicts import seal, unseal

    if not (options.verdict_cache_key or options.verdict_cache_signer):
        return seal, unseal
    demand_packages("securesystemslib", "cryptography")
    from harness.attestation.keys import Unreachable, envelope_of, is_signed_by, public_key, signed

    trusted = public_key(options.verdict_cache_signer) if options.verdict_cache_signer else None

    def sign(payload: bytes) -> bytes:
        try:
            return signed(payload, options.verdict_cache_key, environ, PAYLOAD_TYPE).encode()
        except Unreachable as reason:
            raise OSError(str(reason)) from reason

    def opened(document: bytes) -> bytes | None:
        envelope = envelope_of(document)
        if envelope is None or envelope.payload_type != PAYLOAD_TYPE:
            return None if trusted else unseal(document)
        payload: bytes = envelope.payload
        return payload if trusted is None or is_signed_by(envelope, trusted) else None

    return sign if options.verdict_cache_key else seal, opened
