"""Turn what was discovered into what a manifest would declare."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from harness.discovery.find import discover, only
from harness.discovery.project import Project, root_of
from harness.discovery.values import Discovery, DiscoveryError, Unlocated
from harness.emulator import lacking
from harness.manifest import ManifestError, Options, Template, find, load
from harness.manifest.errors import diagnose
from harness.manifest.scopes import Scope
from harness.manifest.tables import ManifestTable
from harness.model import Place, Uncovered
from harness.policy import known_runtimes, unverifiable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from harness.discovery.values import Declared
    from harness.manifest import Manifest
    from harness.manifest.errors import At

DEFAULT_MEMORY: Final = 128
"""MB of a function that declares none (Lambda's API reference, CreateFunction)."""
DEFAULT_TIMEOUT: Final = 3
"""Seconds, from the same page."""
# These deploy archives from S3 only, and never send one in a request.
_THROUGH_S3: Final = frozenset({"SAM", "CDK", "Serverless", "Zappa"})
_ACCEPTED: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]+")


def template(project: Project, chosen: Path | None) -> Template | None:
    """What another tool built, as a scope for :func:`harness.manifest.load`; None where nothing was.

    Raises:
        DiscoveryError: Several builds are there and none is chosen, or none of the functions can be verified.
        UsageError: A build cannot be read.
    """
    found = discover(project, chosen)
    return as_template(project, _offered(found)) if found is not None else None


def _offered(found: Discovery) -> Discovery:
    """A discovery whose functions for a Python that is not verified are not covered."""
    known = known_runtimes()
    others = tuple(
        Uncovered(one.name, unverifiable(one.runtime), one.place, undone=True)
        for one in found.functions
        if one.runtime not in known
    )
    functions = tuple(one for one in found.functions if one.runtime in known)
    return replace(found, functions=functions, uncovered=(*found.uncovered, *others))


def here(folder: Path) -> Callable[[Path | None], Template | None]:
    """What reads the templates of a folder's project, for :func:`harness.manifest.load`."""
    return partial(template, Project(root_of(folder), folder))


def load_file(path: Path, **rest: Any) -> Manifest:  # noqa: ANN401 - those of harness.manifest.load
    """Load a manifest, or what another tool built, by its path.

    Raises:
        UsageError: It is wrong.
    """
    discover = here(path.parent)
    if path.suffix == ".toml":
        return load(path, discover=discover, **rest)
    return load(None, Options(folder=path.parent, template=path.name), discover=discover, **rest)


def find_file(folder: Path) -> Path | None:
    """The manifest of a folder, there or above; else what another tool built there.

    Raises:
        DiscoveryError: Several tools did.
    """
    if (manifest := find(folder)) is not None:
        return manifest
    build = only(Project(root_of(folder), folder))
    return build.path if build is not None else None


def as_template(project: Project, found: Discovery) -> Template:
    """A discovery as a scope.

    Raises:
        DiscoveryError: It declares no function that can be verified.
    """
    reasons = [f"{uncovered.name}: {uncovered.reason}" for uncovered in found.uncovered]
    nothing = f"{project.relative(found.file)}: it declares no Python function whose archive is here" + (
        f" ({'; '.join(reasons)})" if reasons else ""
    )
    unlocated = [one.declared for one in found.uncovered if isinstance(one, Unlocated) and one.declared]
    functions = (*found.functions, *unlocated)
    if not functions:
        raise DiscoveryError(nothing)
    places = {function.name: function for function in functions}

    def place(at: At) -> Place | None:
        function = places.get(str(at[1])) if len(at) > 1 else None
        if function is None:
            return Place(project.relative(found.file))
        return function.places.get(str(at[2]), function.place) if len(at) > 2 else function.place  # noqa: PLR2004

    def named(at: At) -> str:
        where = place(at)
        keys = ".".join(str(key) for key in at[1:])
        return f"{where}: {keys}" if keys else str(where)

    raw: dict[str, Any] = {"functions": {function.name: dict(table(function)) for function in functions}}
    if found.tool in _THROUGH_S3:
        raw["upload"] = "s3"
    try:
        converted = msgspec.convert(raw, ManifestTable)
    except msgspec.ValidationError as error:
        problems = dict.fromkeys(f"{named(at)}: {sentence}" for at, sentence in diagnose(raw, ManifestTable))
        raise ManifestError(tuple(problems) or (f"{named(())}: {error}",)) from None
    return Template(
        scope=Scope(converted, project.root, named, place=place),
        uncovered=found.uncovered,
        unlocated=frozenset(function.name for function in unlocated),
        nothing=nothing,
        notes=(f"functions from {project.relative(found.file)} ({found.tool})", *found.notes),
        caveats={function.name: function.unknown for function in functions},
        permissions={function.name: function.permissions for function in functions},
        whole_environments=frozenset(one.name for one in functions if one.whole_environment),
        events={function.name: function.events for function in functions},
        services=found.services if lacking() is None else None,
    )


def table(function: Declared) -> Iterator[tuple[str, Any]]:
    """What a manifest would declare for a function, key by key."""
    yield "handler", function.handler
    yield "runtime", function.runtime
    yield "architecture", function.architecture or "x86_64"
    if function.code:
        yield "code", function.code
    yield "layers", list(function.layers)
    yield "memory", function.memory or DEFAULT_MEMORY
    yield "timeout", function.timeout or DEFAULT_TIMEOUT
    yield "environment", _variables(function.environment)
    if function.tmp:
        yield "tmp", function.tmp
    if function.file_systems:
        yield "file-systems", list(function.file_systems)
    if function.first:
        yield "events", [f"template:{function.first}"]
    yield "capacity-provider", function.capacity_provider
    yield "snap-start", function.snap_start
    optional = {
        "max-concurrency": function.max_concurrency,
        "durable": None if function.durable is None else dict(function.durable),
        "tenant-isolation": function.tenant_isolation,
    }
    yield from ((key, value) for key, value in optional.items() if value is not None)
    if function.deployed_as:
        yield "deployed-as", function.deployed_as


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that Lambda accepts; what it refuses is the deploy's own error."""
    return {name: value.replace("\0", "") for name, value in environment.items() if _ACCEPTED.fullmatch(name)}
