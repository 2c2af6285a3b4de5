"""The command ``preflight``: what its options say, and the way from a manifest and an account to a report."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.catalogue import PREFLIGHT, waivable
from harness.discovery.manifest import here
from harness.manifest import Manifest, Options, find, load
from harness.manifest.deployed_names import chosen
from harness.model import UsageError
from harness.policy import KNOWN_RUNTIMES, limits
from harness.preflight import json_v1
from harness.preflight.account import Account, Undone
from harness.preflight.account_reader import Reader, Unreachable
from harness.preflight.comparison import Asked, compare
from harness.preflight.content import with_same_content
from harness.preflight.deployment import Preflight
from harness.preflight.document import document
from harness.preflight.pairs import layer_queries, layer_regions, pairs
from harness.preflight.plan import PlanReader
from harness.preflight.published_layers import published_layers
from harness.preflight.rule import Context
from harness.reporters import formats
from harness.sources.fetch import Sources

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from harness.preflight.deployment import Planned
    from harness.sources.aws import Aws

__all__ = ["FORMATS", "Preflight", "Settings", "requested", "run", "skipped"]

FORMATS: Final = formats(document, json_v1.data)
"""What ``--format`` and ``--output`` take."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to look, beside what for.

    Attributes:
        aws: The user's session.
        cache: The user's cache folder of this tool.
        progress: Takes what is being done.
        today: For waivers, and for AWS's dates.
        skip: Ids of what not to look for; what nothing else needs is not asked for either.
        strict: Whether a warning fails, too.
        backwards: Whether it is meant that something goes back to an earlier version.
    """

    aws: Aws
    cache: Path
    progress: Callable[[str], None]
    today: date
    skip: tuple[str, ...] = ()
    strict: bool = False
    backwards: bool = False


def requested(options: argparse.Namespace, environ: Mapping[str, str]) -> Manifest:
    """What the manifest has, and what it is called in the account.

    Raises:
        UsageError: The options or the manifest are wrong.
    """
    said = Options(
        folder=Path.cwd(),
        code=options.code,
        layers=tuple(options.layer),
        handlers=tuple(options.handler),
        runtime=options.runtime,
        arch=options.arch,
        memory=options.memory,
        deployed_as=options.deployed_as,
        env=tuple(options.env),
    )
    path = options.manifest or find(Path.cwd())
    manifest = load(path, said, runtimes=KNOWN_RUNTIMES, checks=waivable, environ=environ, discover=here(Path.cwd()))
    names = chosen(options.function, manifest.functions)
    return replace(
        manifest,
        functions=tuple(
            replace(function, deployed_as=names.get(function.name, function.deployed_as))
            for function in manifest.functions
        ),
    )


def skipped(names: Sequence[str]) -> tuple[str, ...]:
    """What ``--skip`` says.

    Raises:
        UsageError: There is no such thing to look for.
    """
    for name in names:
        if name not in PREFLIGHT:
            raise UsageError(f"--skip {name}: it takes {', '.join(PREFLIGHT)}")
    return tuple(names)


def run(manifest: Manifest, settings: Settings) -> Preflight:
    """Hold a manifest against the account.

    Raises:
        UsageError: No function is declared, or one has no name that could be one in the account.
    """
    began = time.perf_counter()
    sources = Sources(settings.cache, settings.progress, settings.aws)
    plan_reader = PlanReader(manifest, sources, settings.progress)
    planned = plan_reader.functions()
    reader = Reader(settings.aws, settings.progress)
    try:
        account = _account(reader, planned, settings)
        paired = pairs(planned, account)
        settings.progress("comparing")
        account = replace(account, layers=tuple(with_same_content(account.layers, paired, sources)))
        undone: Sequence[Undone] = plan_reader.undone
    except Unreachable as reason:
        account, undone = Account({}, regions=tuple(reader.regions)), (Undone((), None, str(reason)),)
        paired = pairs(planned, account)
    context = Context(paired, account, settings.today, limits(), settings.backwards)
    asked = Asked(manifest, tuple(undone), settings.skip, settings.strict)
    return compare(asked, context, time.perf_counter() - began)


def _account(reader: Reader, planned: Sequence[Planned], settings: Settings) -> Account:
    account = reader.functions(planned)
    layers, undone = published_layers(reader, layer_queries(planned, account))
    regions = dict.fromkeys(one.region for one in planned if "code-storage" not in settings.skip)
    storage, unmeasured = reader.storage(tuple(regions))
    places = () if "layer-shared" in settings.skip else layer_regions(planned, account)
    others, unlisted = reader.others(planned, places)
    signing, unsigned = reader.signing(() if "code-signing" in settings.skip else account.regions)
    return replace(
        account,
        layers=layers,
        storage=storage,
        others=others,
        signing=signing,
        undone=(*account.undone, *undone, *unmeasured, *unlisted, *unsigned),
    )
