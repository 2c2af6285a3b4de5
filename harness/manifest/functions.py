"""Resolve the functions of a manifest: each inherits from the file, and options win."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from harness.manifest import deployed_names, events
from harness.manifest.archive_sources import Paths
from harness.manifest.scopes import Scope, SettingsT, environment, first, value
from harness.manifest.values import Event, Function, ManifestError, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from harness.manifest.seeds import Seed
    from harness.manifest.tables import FunctionTable, ManifestTable, Settings

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
        template: The events that a template's functions are called with, as JSON texts by function and name; None
            without a template.
        unlocated: The functions of a template that are left out where nothing says where their code is.
    """

    runtimes: Collection[str]
    checks: Callable[[], Collection[str]] | None
    environ: Mapping[str, str]
    archives: bool = True
    template: Mapping[str, Mapping[str, str]] | None = None
    unlocated: Collection[str] = ()


def unknown_runtime(runtime: str, known: Collection[str]) -> str:
    """The sentence about a runtime that is not known."""
    return f'unknown runtime "{runtime}"; known are {", ".join(known)}'


class Functions:
    """Resolves functions, and collects the problems, so that one run names them all."""

    def __init__(self, scopes: Sequence[Scope[ManifestTable]], events: tuple[str, ...], known: Known) -> None:
        self.scopes = scopes
        self.events = events
        self.known = known
        self.problems: list[str] = []
        self.paths = Paths(self.problems.append)

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
            if code is None and name in self.known.unlocated:
                continue
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
        """A function, from its own tables and what it inherits."""
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
            events=tuple(self.function_events(next((scope for scope in own if scope.table.events), own[0]))),
            source=self.source_folder(scopes),
            seed=self.seed(own[0], scopes),
            network_known=own[0].table.network_at_init is not None,
            deployed_as=self.deployed_as(name, scopes),
            layers_deployed_as=self.layers_deployed_as(layers, scopes),
            file_systems=value(scopes, lambda settings: settings.file_systems, ()),
            stated=frozenset(key for key in ("memory", "timeout") if any(getattr(s.table, key) for s in scopes)),
            capacity_provider=self.capacity_provider(scopes),
            max_concurrency=value(scopes, lambda settings: settings.max_concurrency, None),
            snap_start=value(scopes, lambda settings: settings.snap_start, default=False),
            durable=value(scopes, lambda settings: settings.durable, None) is not None,
            tenant_isolation=value(scopes, lambda settings: settings.tenant_isolation, None),
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

    def deployed_as(self, name: str, scopes: Sequence[Scope[Settings]]) -> str | None:
        """The function's name in the account; None if undeclared."""
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

    def code(self, scopes: Sequence[Scope[Settings]]) -> Source | None:
        """The source of the code; None if undeclared."""
        declared = first(scopes, lambda settings: settings.code)
        if declared is None:
            return None
        text, scope = declared
        return self.paths.code(text, scope.folder, scope.where("code"))

    def layers(self, scopes: Sequence[Scope[Settings]]) -> tuple[Source, ...]:
        """The sources of the layers, in Lambda's order."""
        texts, scope = first(scopes, lambda settings: settings.layers) or ((), scopes[0])
        return tuple(
            self.paths.layer(text, scope.folder, scope.where("layers", index)) for index, text in enumerate(texts)
        )

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

    def function_events(self, own: Scope[FunctionTable]) -> Iterator[Event]:
        """The events of the command line; else those of the function's table."""
        options = self.scopes[0]
        texts, scope = (self.events, options) if self.events else (own.table.events, own)
        for index, text in enumerate(texts):
            where = scope.where("events", index)
            if text.startswith(events.TEMPLATE):
                yield from self.template_event(text, own.at[-1], where)
                continue
            path = scope.folder / text
            try:
                yield events.read(text, path)
            except FileNotFoundError:
                self.problems.append(f"{where}: {path} does not exist")
            except OSError as error:
                self.problems.append(f"{where}: {path} cannot be read: {error.strerror}")
            except (ValueError, RecursionError) as error:
                self.problems.append(f"{where}: {path} is not JSON: {error}")

    def template_event(self, text: str, function: object, where: str) -> Iterator[Event]:
        """An event that the template says the function is called with."""
        there = (self.known.template or {}).get(str(function), {})
        name = text.removeprefix(events.TEMPLATE)
        if name in there:
            yield Event(text, Path(), there[name], None)
        else:
            has = f"it has {', '.join(there)}" if there else "it has none of a kind that is known here"
            self.problems.append(f"{where}: the template has no event {name} of {function}: {has}")


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
