"""Turn the tables of a manifest into its values: options win over the file, a function over what it inherits."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from harness.manifest import deployed_names, events
from harness.manifest.archive_sources import Paths
from harness.manifest.scopes import Scope, SettingsT, environment, first, value
from harness.manifest.values import (
    Architecture,
    Event,
    Function,
    Manifest,
    ManifestError,
    Source,
    VersionStamp,
    Waiver,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.manifest.seeds import Seed
    from harness.manifest.tables import FunctionTable, ManifestTable, Settings

DEFAULT_RUNTIME = "python3.12"
DEFAULT_MEMORY = 512
DEFAULT_TIMEOUT = 30
DEFAULT_TMP = 512
MOST_MEMORY = 10_240
"""Megabytes without a capacity provider."""
MOST_TIMEOUT = 1800
"""Seconds without a capacity provider."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Known:
    """The names that tables may refer to.

    Attributes:
        checks: Returns the names that a waiver may have; None where waivers are not checked.
        environ: The environment of the harness.
        archives: Whether archives are read; else only the inputs of their build.
        template: Whether there is a template, which may have declared functions that are not covered.
    """

    runtimes: Collection[str]
    checks: Callable[[], Collection[str]] | None
    environ: Mapping[str, str]
    archives: bool = True
    template: bool = False


def resolve(
    path: Path | None,
    scopes: Sequence[Scope[ManifestTable]],
    events: tuple[str, ...],
    known: Known,
) -> Manifest:
    """The manifest of all scopes; everything that it names on this machine exists.

    Args:
        path: The file, where there is one.
        scopes: The options, then the file; an earlier one wins.
        events: Those of the options, which replace every function's.
        known: The names that they may refer to.

    Raises:
        ManifestError: With everything that is missing or unknown.
    """
    resolver = _Resolver(scopes, events, known)
    manifest = resolver.manifest(path, known) if known.archives else resolver.inputs(path, known)
    if resolver.problems:
        # What functions share is resolved for each of them, and reported once.
        raise ManifestError(tuple(dict.fromkeys(resolver.problems)))
    return manifest


def unknown_runtime(runtime: str, known: Collection[str]) -> str:
    """The sentence about a runtime that is not known."""
    return f'unknown runtime "{runtime}"; known are {", ".join(known)}'


class _Resolver:
    """Collects the problems on the way, so that one run names them all."""

    def __init__(self, scopes: Sequence[Scope[ManifestTable]], events: tuple[str, ...], known: Known) -> None:
        self.scopes = scopes
        self.events = events
        self.known = known
        self.problems: list[str] = []
        self.paths = Paths(self.problems.append)

    def inputs(self, path: Path | None, known: Known) -> Manifest:
        """The inputs of the build, which are there before the archives."""
        return Manifest(
            path=path,
            runtime=self.runtime(known.runtimes),
            architecture=value(self.scopes, lambda table: table.architecture, Architecture.X86_64),
            code=None,
            layers=(),
            required_files=(),
            requirements=self.files(lambda table: table.requirements, "requirements"),
            project=self.project(),
            upload=None,
            functions=(),
            waivers=(),
            inputs=self.files(lambda table: table.inputs, "inputs"),
        )

    def manifest(self, path: Path | None, known: Known) -> Manifest:
        code, layers = self.code(self.scopes), self.layers(self.scopes)  # their problems come first
        manifest = replace(
            self.inputs(path, known),
            code=code,
            layers=layers,
            required_files=value(self.scopes, lambda table: table.required_files, ()),
            upload=value(self.scopes, lambda table: table.upload, None),
            source=self.source_folder(self.scopes),
            source_excludes=value(self.scopes, lambda table: table.source_excludes, ()),
            version_stamps=tuple(self.version_stamps(known.environ)),
            functions=self.distinct(tuple(self.functions())),
            waivers=tuple(self.waivers(known.checks)),
        )
        if manifest.code is None and not any(scope.table.functions for scope in self.scopes) and not known.template:
            self.problems.append("nothing to verify: name the archive of the code in `code` or with --code")
        return manifest

    def functions(self) -> Iterator[Function]:
        """The functions of the command line; else those of the file and of the template it is based on."""
        options, *files = self.scopes
        owners = [options] if options.table.functions else files
        for name in dict.fromkeys(name for owner in owners for name in owner.table.functions):
            own = [_own(owner, name) for owner in owners if name in owner.table.functions]
            scopes: list[Scope[Settings]] = [options]
            scopes += own if owners[0] is options else []
            scopes += _nearest(own, files)
            handler = next((scope.table.handler for scope in own if scope.table.handler), None)
            code = self.code(scopes)
            if handler is None:
                self.problems.append(f"{own[0].where()}: {self.no_handler(name, files)}")
            if code is None:
                self.problems.append(f"{own[0].where()}: nothing says where its code is: give `code`, or --code")
            if handler is not None and code is not None:
                yield self.function(name, handler, code, own, scopes)

    def function(
        self,
        name: str,
        handler: str,
        code: Source,
        own: Sequence[Scope[FunctionTable]],
        scopes: Sequence[Scope[Settings]],
    ) -> Function:
        layers = self.layers(scopes)
        runtime = first(scopes, lambda settings: settings.runtime)
        if runtime and runtime[0] not in self.known.runtimes:
            self.problems.append(f"{runtime[1].where('runtime')}: {unknown_runtime(runtime[0], self.known.runtimes)}")
        return Function(
            name=name,
            handler=handler,
            code=code,
            layers=layers,
            memory=value(scopes, lambda settings: settings.memory, DEFAULT_MEMORY),
            timeout=value(scopes, lambda settings: settings.timeout, DEFAULT_TIMEOUT),
            environment=environment(scopes),
            events=tuple(self.function_events(own[0])),
            source=self.source_folder(scopes),
            seed=self.seed(own[0], scopes),
            network_known=own[0].table.network_at_init is not None,
            deployed_as=self.deployed_as(name, scopes),
            layers_deployed_as=self.layers_deployed_as(layers, scopes),
            file_systems=value(scopes, lambda settings: settings.file_systems, ()),
            stated=frozenset(key for key in ("memory", "timeout") if any(getattr(s.table, key) for s in scopes)),
            capacity_provider=self.capacity_provider(scopes),
            snap_start=value(scopes, lambda settings: settings.snap_start, default=False),
            declared_at=own[-1].place(own[-1].at) if own[-1].place else None,
            runtime=_own_value(scopes, own, lambda settings: settings.runtime),
            architecture=_own_value(scopes, own, lambda settings: settings.architecture),
            requirements=self.files_of(own, lambda settings: settings.requirements, "requirements"),
            tmp=value(scopes, lambda settings: settings.tmp, DEFAULT_TMP),
        )

    @staticmethod
    def no_handler(name: str, files: Sequence[Scope[ManifestTable]]) -> str:
        """The sentence about a function without a handler."""
        others = [other for scope in files for other, table in scope.table.functions.items() if table.handler]
        near = difflib.get_close_matches(name, others, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"`handler` is missing{hint}"

    def capacity_provider(self, scopes: Sequence[Scope[Settings]]) -> bool:
        """Whether a function has one; without, its limits are lower than those of the tables."""
        has = value(scopes, lambda settings: settings.capacity_provider, default=False)
        for key, declared, most in (
            ("memory", first(scopes, lambda settings: settings.memory), MOST_MEMORY),
            ("timeout", first(scopes, lambda settings: settings.timeout), MOST_TIMEOUT),
        ):
            if declared and declared[0] > most and not has:
                self.problems.append(
                    f"{declared[1].where(key)}: expected at most {most:,}, found {declared[0]:,}: Lambda accepts more "
                    "only for a function on managed instances (`capacity-provider = true`)"
                )
        return has

    def distinct(self, functions: tuple[Function, ...]) -> tuple[Function, ...]:
        self.problems += deployed_names.twice(functions)
        return functions

    def deployed_as(self, name: str, scopes: Sequence[Scope[Settings]]) -> str | None:
        declared = first(scopes, lambda settings: settings.deployed_as)
        # A function that --handler makes is called like its handler, which no function in an account is.
        return deployed_names.filled(declared[0], name) if declared else None

    def layers_deployed_as(self, layers: tuple[Source, ...], scopes: Sequence[Scope[Settings]]) -> tuple[str, ...]:
        """The names of the layers, declared where the effective ``layers`` are or above."""
        for scope in scopes:
            if (names := scope.table.layers_deployed_as) is not None:
                if fault := deployed_names.misnamed(layers, names):
                    if self.scopes[0].table.layers is not None:
                        return ()  # the layers are those of the command line, and the names those of the file
                    self.problems.append(f"{scope.where('layers-deployed-as')}: {fault}")
                return names
            if scope.table.layers is not None and scope is not self.scopes[0]:
                return ()
        return ()

    def seed(self, own: Scope[FunctionTable], scopes: Sequence[Scope[Settings]]) -> Seed | None:
        """The initial content of the function's emulated AWS."""
        if own.table.aws_seed is None:
            return None
        from harness.manifest import seeds  # noqa: PLC0415 - few manifests name one

        where, path = own.where("aws-seed"), own.folder / own.table.aws_seed
        for name in sorted(seeds.ENDPOINTS & dict(environment(scopes)).keys()):
            self.problems.append(
                f"{where}: the function declares {name}, which would lead past the emulator: leave one of them out"
            )
        try:
            return seeds.read(own.table.aws_seed, path)
        except ManifestError as error:
            self.problems += error.problems
        except FileNotFoundError:
            self.problems.append(f"{where}: {path} does not exist")
        except OSError as error:
            self.problems.append(f"{where}: {path} cannot be read: {error.strerror}")
        return None

    def runtime(self, known: Collection[str]) -> str:
        runtime, scope = first(self.scopes, lambda table: table.runtime) or (DEFAULT_RUNTIME, self.scopes[0])
        if runtime not in known:
            self.problems.append(f"{scope.where('runtime')}: {unknown_runtime(runtime, known)}")
        return runtime

    def waivers(self, checks: Callable[[], Collection[str]] | None) -> Iterator[Waiver]:
        for scope in self.scopes:
            for index, waiver in enumerate(scope.table.waivers):
                if checks is not None and waiver.check not in (known := checks()):
                    near = difflib.get_close_matches(waiver.check, known, n=1)
                    hint = f": did you mean {near[0]}?" if near else "; `lambda-artifact checks` lists them"
                    where = scope.where("waivers", index, "check")
                    self.problems.append(f"{where}: no check is named {waiver.check}{hint}")
                yield Waiver(waiver.check, waiver.match, waiver.reason, waiver.expires)

    def code(self, scopes: Sequence[Scope[Settings]]) -> Source | None:
        declared = first(scopes, lambda settings: settings.code)
        if declared is None:
            return None
        text, scope = declared
        return self.paths.code(text, scope.folder, scope.where("code"))

    def layers(self, scopes: Sequence[Scope[Settings]]) -> tuple[Source, ...]:
        texts, scope = first(scopes, lambda settings: settings.layers) or ((), scopes[0])
        return tuple(
            self.paths.layer(text, scope.folder, scope.where("layers", index)) for index, text in enumerate(texts)
        )

    def files(self, get: Callable[[ManifestTable], tuple[str, ...] | None], key: str) -> tuple[Path, ...]:
        return self.files_of(self.scopes, get, key) or ()

    def files_of(
        self, scopes: Sequence[Scope[SettingsT]], get: Callable[[SettingsT], tuple[str, ...] | None], key: str
    ) -> tuple[Path, ...] | None:
        """Files of the repository; None where no scope names any."""
        declared = first(scopes, get)
        if declared is None:
            return None
        texts, scope = declared
        return tuple(self.paths.file(scope.folder / text, scope.where(key, index)) for index, text in enumerate(texts))

    def source_folder(self, scopes: Sequence[Scope[Settings]]) -> Path | None:
        """The folder of the code's sources, declared where the effective ``code`` is or above."""
        for scope in scopes:
            if scope.table.source is not None:
                return self.paths.folder(scope.folder / scope.table.source, scope.where("source"))
            if scope.table.code is not None and scope is not self.scopes[0]:
                return None
        return None

    def version_stamps(self, environ: Mapping[str, str]) -> Iterator[VersionStamp]:
        tables, scope = first(self.scopes, lambda table: table.version_stamps) or ((), self.scopes[0])
        for index, table in enumerate(tables):
            if [table.equals, table.environment, table.commit].count(None) != 2:  # noqa: PLR2004 - one of the three
                where = scope.where("version-stamps", index)
                self.problems.append(f"{where}: say what {table.file} must hold: `equals`, `environment` or `commit`")
            value = environ.get(table.environment) if table.environment else None
            yield VersionStamp(
                table.file, table.key, table.equals, table.environment, value, commit=table.commit is True
            )

    def project(self) -> Path | None:
        declared = first(self.scopes, lambda table: table.project)
        if declared is None:
            return None
        text, scope = declared
        return self.paths.file(scope.folder / text, scope.where("project"))

    def function_events(self, own: Scope[FunctionTable]) -> Iterator[Event]:
        options = self.scopes[0]
        texts, scope = (self.events, options) if self.events else (own.table.events, own)
        for index, text in enumerate(texts):
            where = scope.where("events", index)
            path = scope.folder / text
            try:
                yield events.read(text, path)
            except FileNotFoundError:
                self.problems.append(f"{where}: {path} does not exist")
            except OSError as error:
                self.problems.append(f"{where}: {path} cannot be read: {error.strerror}")
            except (ValueError, RecursionError) as error:
                self.problems.append(f"{where}: {path} is not JSON: {error}")


def _own(scope: Scope[ManifestTable], name: str) -> Scope[FunctionTable]:
    """A function's own table."""
    return Scope(scope.table.functions[name], scope.folder, scope.name, ("functions", name), scope.place)


def _nearest(own: Sequence[Scope[FunctionTable]], files: Sequence[Scope[ManifestTable]]) -> Iterator[Scope[Settings]]:
    """A function's tables, each before the file that it is in; a template comes after the manifest."""
    for scope in files:
        yield from (table for table in own if table.name is scope.name)
        yield scope


def _own_value(
    scopes: Sequence[Scope[Settings]], own: Sequence[Scope[FunctionTable]], get: Callable[[Settings], T | None]
) -> T | None:
    """The value that a function declares itself, unless an option overrides it."""
    declared = first(scopes, get)
    return declared[0] if declared and any(declared[1] is scope for scope in own) else None
