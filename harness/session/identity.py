"""Digests of what a verification was asked for, and of what it held the archives against."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from harness import __version__

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.manifest import Manifest
    from harness.policy import RuntimePolicy
    from harness.session.baseline import Baseline
    from harness.session.settings import Settings


def configuration_sha256(manifest: Manifest, settings: Settings, baseline: Baseline | None) -> str:
    """The digest of everything that was declared and chosen: functions, environments, waivers, baseline, checks.

    It is the same on every machine, and another one in another release, whose manifests may hold more.
    """
    asked = replace(manifest, path=None, notes=())
    chosen = (settings.select, settings.skip, settings.strict, settings.static)
    return _sha256((asked, chosen, baseline and baseline.text), manifest.folder)


def policy_sha256(policies: Collection[RuntimePolicy], checks: Collection[str]) -> str:
    """The digest of what archives were held against: Lambda's promises for each runtime, and checks of this release."""
    by_runtime = sorted({policy.runtime: policy for policy in policies}.items())
    return _sha256((__version__, by_runtime, sorted(set(checks))))


def _sha256(value: object, folder: Path | None = None) -> str:
    def encoded(other: object) -> object:
        if isinstance(other, Path) and folder is not None:
            return Path(os.path.relpath(other, folder)).as_posix()
        raise NotImplementedError(type(other))  # how msgspec learns that there is no way to encode it

    return hashlib.sha256(msgspec.json.encode(value, enc_hook=encoded, order="deterministic")).hexdigest()
