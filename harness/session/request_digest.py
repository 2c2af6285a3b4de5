"""The digest of all that a report depends on, and that is known before it is made."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

import harness
from harness import regular_files
from harness.artifact.entries import Role
from harness.dependencies.repository import within_repository
from harness.engines.protocol import Unavailable
from harness.policy import runtime_policy
from harness.sources.aws import Aws
from harness.sources.aws_resources import LambdaFunction, parse
from harness.sources.fetch import Sources
from harness.sources.local import SourceUnavailable, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.manifest import Manifest, Source
    from harness.session.settings import Settings

SCHEMA: Final = "lambda-artifact/verdict/v1"
"""Part of each digest, and of each entry of the verdict cache."""

Digests = dict[tuple[object, ...], str]
"""Of archives that were read already, by path and status."""


def request_sha256(manifest: Manifest, settings: Settings, digests: Digests) -> str | None:
    """The digest of a request; None where something of it cannot be had, of which the run itself will say what.

    Args:
        manifest: What is to be verified, and
        settings: how.
        digests: Those that are known; new ones are added.
    """
    try:
        parts = [SCHEMA, harness_sha256(), *_declared(manifest, settings), *_engines(manifest, settings)]
        parts += _sources(manifest, settings, digests)
    except (Unavailable, SourceUnavailable, OSError):
        return None
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def archives_of(manifest: Manifest) -> frozenset[Path]:
    """The archives on this machine that are files."""
    return frozenset(one.path for one, _ in _archives(manifest) if one.path is not None and not one.path.is_dir())


@cache
def harness_sha256() -> str:
    """The digest of this package's files, of the distributions beside it, and of the Python that runs it."""
    digest = hashlib.sha256(repr((sys.version, platform.system(), platform.machine())).encode())
    root = Path(harness.__file__).parent
    for path in sorted(root.rglob("*")):
        if path.suffix != ".pyc" and path.is_file():
            digest.update(f"{path.relative_to(root)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    installed = {one.name for folder in sys.path if folder for one in Path(folder).glob("*.dist-info")}
    digest.update("\n".join(sorted(installed)).encode())
    return digest.hexdigest()


def _declared(manifest: Manifest, settings: Settings) -> Iterator[object]:
    """What is declared and chosen, with the content of each file that is named, and what has expired."""
    base, archives, named = os.path.abspath(manifest.folder), archives_of(manifest), dict[str, Path]()  # noqa: PTH100

    def encoded(value: object) -> object:
        if not isinstance(value, Path):
            raise NotImplementedError(type(value))  # how msgspec learns that there is no way to encode it
        named[relative := os.path.relpath(value, base)] = value
        return relative

    chosen = (settings.select, settings.skip, settings.strict, settings.static, settings.init_timeout)
    shown = (settings.source_digests, settings.inventory, settings.profile_init)
    expired = [waiver.expires is not None and waiver.expires < settings.today for waiver in manifest.waivers]
    # A baseline has dates of its own, which are read later.
    value = (manifest, chosen, shown, expired, settings.today if manifest.baseline else None)
    yield msgspec.json.encode(value, enc_hook=encoded, order="deterministic").decode()
    yield within_repository(manifest.folder)
    content = regular_files.QUESTIONS["content"]
    yield [(name, content(str(path))) for name, path in sorted(named.items()) if path not in archives]


def _engines(manifest: Manifest, settings: Settings) -> Iterator[str]:
    """The identity of what will start the handlers, for each runtime."""
    if not settings.static:
        each = [manifest.of(function) for function in manifest.functions] or [manifest]
        for runtime, architecture in sorted({(one.runtime, str(one.architecture)) for one in each}):
            yield settings.engine.identity(runtime_policy(runtime), architecture, settings.progress)


def _sources(manifest: Manifest, settings: Settings, digests: Digests) -> Iterator[object]:
    """The digest of each archive, and what AWS says of those that are there."""
    remote = Sources(settings.cache, settings.progress, Aws(settings.profile))
    for source, role in _archives(manifest):
        if source.path is None:
            layers = remote.layers((source,)) if role is Role.LAYER else (source,)
            yield [(one.text, remote.sha256(one, role)) for one in layers]
            if isinstance(resource := parse(source.text), LambdaFunction):
                yield msgspec.to_builtins(remote.described(resource, source.text))
        elif source.path.is_dir():
            yield fetch(source, role).sha256
        else:
            status = source.path.stat()
            key = (source.path, status.st_ino, status.st_size, status.st_mtime_ns)
            if key not in digests:
                with regular_files.opened(source.path, regular_files.LARGEST_ARCHIVE) as file:
                    digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
            yield digests[key]


def _archives(manifest: Manifest) -> Iterator[tuple[Source, Role]]:
    """Each archive once, with what it is used as."""
    found: dict[tuple[Source, Role], None] = {}
    for code, layers in [(manifest.code, manifest.layers), *((each.code, each.layers) for each in manifest.functions)]:
        found |= {(code, Role.CODE): None} if code else {}
        found |= {(layer, Role.LAYER): None for layer in layers}
    yield from found
