"""The command ``transition``: what its options say of both sides."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from harness.catalogue import waivable
from harness.discovery.manifest import here
from harness.manifest import Manifest, ManifestError, Options, find, load
from harness.manifest.deployed_names import filled, unnamed
from harness.model import UsageError
from harness.policy import KNOWN_RUNTIMES
from harness.reporters import formats
from harness.session.deployed import as_deployed, from_account, function_of
from harness.transition import json_v1
from harness.transition.analysis import analyse
from harness.transition.document import document
from harness.transition.values import Order, Transition

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Mapping

    from harness.session.settings import Settings

__all__ = ["FORMATS", "Order", "Transition", "assumed", "run", "sides"]

FORMATS: Final = formats(document, json_v1.data)
"""What ``--format`` and ``--output`` take."""
NOTHING_LIVE = (
    "nothing names the deployed version: name its manifest with --from, or what differs from the new one with "
    "--from-code, --from-layer, --from-runtime, --from-arch or --from-env; or take all of it from the account, with "
    "--from-account"
)
SEVERAL = (
    "--from-code {}: the functions have code archives of their own, and one deployed function stands for one of them: "
    "name the deployed version of each in a manifest, with --from"
)
T = TypeVar("T")
_SECRET: Final = 6
"""Characters; a shorter value hides nothing, and its letters are everywhere."""
NO_HANDLER = "no handler is declared: add a [functions.NAME] table with handler, or --handler NAME"


def sides(options: argparse.Namespace, environ: Mapping[str, str]) -> tuple[Manifest, Manifest]:
    """The deployed version, and the new one.

    Raises:
        UsageError: The options or a manifest are wrong, or say nothing of one side.
    """
    said = {
        "code": options.from_code,
        "layers": tuple(options.from_layer),
        "runtime": options.from_runtime,
        "arch": options.from_arch,
        "env": tuple(options.from_env),
    }
    if not said["layers"] and function_of(options.from_code):
        said["layers"] = (options.from_code,)  # a function runs with the layers that it carries, never with others
    given = {name: value for name, value in said.items() if value}
    _one_way(options, given)
    new = Options(
        folder=Path.cwd(),
        code=options.code,
        layers=tuple(options.layer),
        handlers=tuple(options.handler),
        runtime=options.runtime,
        arch=options.arch,
        memory=options.memory,
        env=tuple(options.env),
        events=tuple(options.event),
    )
    path = options.to_manifest or find(Path.cwd())
    if options.from_manifest is None:
        # One manifest for both: the deployed version defaults to the new values.
        said_of_it = replace(new, **{**given, "env": (*new.env, *options.from_env)})
    else:
        said_of_it = Options(folder=Path.cwd(), **given)
    try:
        before = _load(options.from_manifest or path, said_of_it, environ)
    except ManifestError as error:
        raise ManifestError(tuple(_by_its_option(problem, given) for problem in error.problems)) from None
    after = _load(path, new, environ)
    if not after.functions:
        raise UsageError(NO_HANDLER)
    if function_of(options.from_code) and len({one.code for one in after.functions}) > 1:
        raise UsageError(SEVERAL.format(options.from_code))
    return _with_account(options, before, after)


def _one_way(options: argparse.Namespace, given: Collection[str]) -> None:
    """Make sure that something names the old side, and only one thing.

    Raises:
        UsageError: Nothing does, or several do.
    """
    if options.from_account and (options.from_manifest or set(given) - {"env"}):
        raise UsageError("--from-account: the account says all of the old side; beside it, --from-env alone is taken")
    if options.from_manifest is None and not given and not options.from_account:
        raise UsageError(NOTHING_LIVE)


def _with_account(options: argparse.Namespace, before: Manifest, after: Manifest) -> tuple[Manifest, Manifest]:
    """Both sides, with what the account has of the functions that options take from there."""
    stated = options.from_runtime, options.from_arch
    one = function_of(options.from_code) and len(before.functions) == 1
    if options.from_manifest or not (options.from_account or one):
        deployed = None if options.from_manifest else options.from_code
        return as_deployed(before, "--from-code", deployed, options.profile, stated), after
    names = _names(before) if options.from_account else {before.functions[0].name: options.from_code}
    before, after = from_account(before, after, names, options.profile, stated)
    more = dict(pair.split("=", 1) for pair in options.from_env)
    functions = (replace(one, environment=tuple({**dict(one.environment), **more}.items())) for one in before.functions)
    return replace(before, functions=tuple(functions)), after


def _names(manifest: Manifest) -> dict[str, str]:
    """What names each function in the account.

    Raises:
        UsageError: One has no name that could be one there.
    """
    names = {}
    for function in manifest.functions:
        called = function.deployed_as or filled("{function}", function.name)
        if called is None:
            raise UsageError(unnamed(function.name))
        names[function.name] = called if called.startswith("arn:") else f"function:{called}"
    return names


def assumed(options: argparse.Namespace, after: Manifest) -> tuple[str, ...]:
    """A sentence on each deployed archive that no option names, so that the new one is assumed."""
    if options.from_manifest is not None or options.from_account:
        return ()
    found = []
    layered = any(function.layers for function in after.functions)
    if options.from_code and layered and not options.from_layer and not function_of(options.from_code):
        found.append("the deployed version is assumed to have the new layers: --from-layer names others")
    if options.from_layer and not options.from_code:
        found.append("the deployed version is assumed to have the new code: --from-code names another")
    return tuple(found)


def _by_its_option(problem: str, given: Collection[str]) -> str:
    """A problem of the old side, with the option that the user wrote."""
    for name in given:
        option = f"--{name.removesuffix('s')}"
        if problem.startswith(f"{option}:"):
            return f"--from-{problem.removeprefix('--')}"
    return problem


def _load(path: Path | None, options: Options, environ: Mapping[str, str]) -> Manifest:
    return load(path, options, runtimes=KNOWN_RUNTIMES, checks=waivable, environ=environ, discover=here(options.folder))


def run(
    sides: tuple[Manifest, Manifest],
    settings: Settings,
    order: str | None,
    *,
    rollback: bool,
    notes: tuple[str, ...] = (),
) -> Transition:
    """Observed at the whole way; the notes are added to the report's."""
    found = analyse(*sides, settings, Order(order) if order else None, rollback=rollback)
    before, after = ({value: name for one in side.functions for name, value in one.environment} for side in sides)
    # A handler's own words can hold what the account has in its variables.
    secrets = {value: name for value, name in before.items() if value not in after and len(value) >= _SECRET}
    return without(replace(found, notes=(*notes, *found.notes)), secrets)


def without(report: T, secrets: Mapping[str, str]) -> T:
    """A report, or a part of it, with names in the place of the values of variables.

    Args:
        report: Frozen dataclasses and tuples of them.
        secrets: The names, by the values.
    """
    shown: Any = report
    if isinstance(shown, str) and type(shown) is str:
        for value in sorted(secrets, key=len, reverse=True):
            shown = shown.replace(value, f"<{secrets[value]}>")
    elif isinstance(shown, tuple):
        shown = tuple(without(one, secrets) for one in shown)
    elif is_dataclass(shown) and not isinstance(shown, type):
        parts = {field.name: without(getattr(shown, field.name), secrets) for field in fields(shown) if field.init}
        shown = replace(shown, **parts)
    return cast("T", shown)
