"""From the tables, as they were written, to values that need nothing looked up."""

from __future__ import annotations

import difflib
import json
import os
import re
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from harness import regular_files
from harness.manifest import deployed_names
from harness.manifest.tables import FunctionTable, ManifestTable, Settings
from harness.manifest.values import (
    Architecture,
    Event,
    Function,
    Manifest,
    ManifestError,
    Source,
    SourceKind,
    VersionStamp,
    Waiver,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from harness.manifest.errors import At
    from harness.manifest.seeds import Seed
    from harness.model import Place

DEFAULT_RUNTIME = "python3.12"
DEFAULT_MEMORY = 512
DEFAULT_TIMEOUT = 30
DEFAULT_TMP = 512
MOST_MEMORY = 10_240
"""Megabytes without a capacity provider."""
MOST_TIMEOUT = 1800
"""Seconds without a capacity provider."""

_S3 = re.compile(r"s3://[^/]+/.+")
_FUNCTION = "function:"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9$_-]+)?")
_FUNCTION_ARN = re.compile(r"arn:[^:]+:lambda:[^:]+:\d{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9$_-]+)?")
_LAYER_ARN = re.compile(rf"arn:[^:]+:lambda:[^:]+:\d{{12}}:layer:[A-Za-z0-9_-]+:\d+|{_FUNCTION_ARN.pattern}")

SettingsT = TypeVar("SettingsT", bound=Settings)
SettingsT_co = TypeVar("SettingsT_co", bound=Settings, covariant=True)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Known:
    """What tables may refer to.

    Attributes:
        runtimes: Those that there are.
        checks: Tells those that a waiver may name; None where nobody looks at that.
        environ: The environment of the harness.
        archives: Whether there is to be anything to verify; else only how it is built is asked for.
        template: Whether there is a template, which may have declared functions that are not covered.
    """

    runtimes: Collection[str]
    checks: Callable[[], Collection[str]] | None
    environ: Mapping[str, str]
    archives: bool = True
    template: bool = False


@dataclass(frozen=True, slots=True)
class Scope(Generic[SettingsT_co]):
    """A table, and what is needed to make sense of it.

    Attributes:
        table: What it says.
        folder: What its paths are relative to.
        name: Names a place in it, for messages.
        at: The way to it.
        place: Where a place in it is, for reports; None where it is no file.
    """

    table: SettingsT_co
    folder: Path
    name: Callable[[At], str]
    at: At = ()
    place: Callable[[At], Place | None] | None = None

    def where(self, *at: str | int) -> str:
        """Names a place in this table."""
        return self.name((*self.at, *at))


def resolve(
    path: Path | None,
    scopes: Sequence[Scope[ManifestTable]],
    events: tuple[str, ...],
    known: Known,
) -> Manifest:
    """Puts together what the scopes say.

    Args:
        path: The file, where there is one.
        scopes: The options, then the file; what an earlier one says wins.
        events: Those of the options, which replace every function's.
        known: What they may refer to.

    Returns:
        The manifest, complete: whatever it names on this machine is there.

    Raises:
        ManifestError: With everything that is missing or unknown.
    """
    resolver = _Resolver(scopes, events, known)
    manifest = resolver.manifest(path, known) if known.archives else resolver.inputs(path, known)
    if resolver.problems:
        # What functions share is looked up for each of them, and said once.
        raise ManifestError(tuple(dict.fromkeys(resolver.problems)))
    return manifest


def unknown_runtime(runtime: str, known: Collection[str]) -> str:
    """The sentence about a runtime that there is none of."""
    return f'unknown runtime "{runtime}"; known are {", ".join(known)}'


class _Resolver:
    """Collects the problems on the way, so that one run names them all."""

    def __init__(self, scopes: Sequence[Scope[ManifestTable]], events: tuple[str, ...], known: Known) -> None:
        self.scopes = scopes
        self.events = events
        self.known = known
        self.problems: list[str] = []

    def inputs(self, path: Path | None, known: Known) -> Manifest:
        """How archives are built, which can be told before they are."""
        return Manifest(
            path=path,
            runtime=self.runtime(known.runtimes),
            architecture=_value(self.scopes, lambda table: table.architecture, Architecture.X86_64),
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
        code, layers = self.code(self.scopes), self.layers(self.scopes)  # what is missing of these is said first
        manifest = replace(
            self.inputs(path, known),
            code=code,
            layers=layers,
            required_files=_value(self.scopes, lambda table: table.required_files, ()),
            upload=_value(self.scopes, lambda table: table.upload, None),
            source=self.source_folder(self.scopes),
            source_excludes=_value(self.scopes, lambda table: table.source_excludes, ()),
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
        runtime = _first(scopes, lambda settings: settings.runtime)
        if runtime and runtime[0] not in self.known.runtimes:
            self.problems.append(f"{runtime[1].where('runtime')}: {unknown_runtime(runtime[0], self.known.runtimes)}")
        return Function(
            name=name,
            handler=handler,
            code=code,
            layers=layers,
            memory=_value(scopes, lambda settings: settings.memory, DEFAULT_MEMORY),
            timeout=_value(scopes, lambda settings: settings.timeout, DEFAULT_TIMEOUT),
            environment=_environment(scopes),
            events=tuple(self.function_events(own[0])),
            source=self.source_folder(scopes),
            seed=self.seed(own[0], scopes),
            network_known=own[0].table.network_at_init is not None,
            deployed_as=self.deployed_as(name, scopes),
            layers_deployed_as=self.layers_deployed_as(layers, scopes),
            file_systems=_value(scopes, lambda settings: settings.file_systems, ()),
            stated=frozenset(key for key in ("memory", "timeout") if any(getattr(s.table, key) for s in scopes)),
            capacity_provider=self.capacity_provider(scopes),
            snap_start=_value(scopes, lambda settings: settings.snap_start, default=False),
            declared_at=own[-1].place(own[-1].at) if own[-1].place else None,
            runtime=_own_value(scopes, own, lambda settings: settings.runtime),
            architecture=_own_value(scopes, own, lambda settings: settings.architecture),
            requirements=self.files_of(own, lambda settings: settings.requirements, "requirements"),
            tmp=_value(scopes, lambda settings: settings.tmp, DEFAULT_TMP),
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
        has = _value(scopes, lambda settings: settings.capacity_provider, default=False)
        for key, declared, most in (
            ("memory", _first(scopes, lambda settings: settings.memory), MOST_MEMORY),
            ("timeout", _first(scopes, lambda settings: settings.timeout), MOST_TIMEOUT),
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
        declared = _first(scopes, lambda settings: settings.deployed_as)
        # A function that --handler makes is called like its handler, which no function in an account is.
        return deployed_names.filled(declared[0], name) if declared else None

    def layers_deployed_as(self, layers: tuple[Source, ...], scopes: Sequence[Scope[Settings]]) -> tuple[str, ...]:
        """The names of the layers that hold: those beside them, or above them."""
        for scope in scopes:
            if (names := scope.table.layers_deployed_as) is not None:
                if fault := deployed_names.misnamed(layers, names):
                    if self.scopes[0].table.layers is not None:
                        return ()  # the command line names other layers than those that the file has names for
                    self.problems.append(f"{scope.where('layers-deployed-as')}: {fault}")
                return names
            if scope.table.layers is not None and scope is not self.scopes[0]:
                return ()
        return ()

    def seed(self, own: Scope[FunctionTable], scopes: Sequence[Scope[Settings]]) -> Seed | None:
        """What the function's emulated AWS holds."""
        if own.table.aws_seed is None:
            return None
        from harness.manifest import seeds  # noqa: PLC0415 - few manifests name one

        where, path = own.where("aws-seed"), own.folder / own.table.aws_seed
        for name in sorted(seeds.ENDPOINTS & dict(_environment(scopes)).keys()):
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
        runtime, scope = _first(self.scopes, lambda table: table.runtime) or (DEFAULT_RUNTIME, self.scopes[0])
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
        declared = _first(scopes, lambda settings: settings.code)
        if declared is None:
            return None
        text, scope = declared
        where = scope.where("code")
        path = scope.folder / text
        if _NAME.fullmatch(text) and not text.startswith(_FUNCTION) and not os.path.lexists(path):
            # A folder that was not built, far more often than what it could be, too: the name of a function.
            self.problems.append(
                f"{where}: {path} does not exist: build it first; a function in AWS is named by its ARN, or as "
                f"{_FUNCTION}{text}"
            )
            return Source(text, path, SourceKind.LOCAL)
        return self.source(text, scope.folder, where, _FUNCTION_ARN, "a function")

    def layers(self, scopes: Sequence[Scope[Settings]]) -> tuple[Source, ...]:
        texts, scope = _first(scopes, lambda settings: settings.layers) or ((), scopes[0])
        return tuple(
            self.source(text, scope.folder, scope.where("layers", index), _LAYER_ARN, "a layer's version")
            for index, text in enumerate(texts)
        )

    def source(self, text: str, folder: Path, where: str, arn: re.Pattern[str], what: str) -> Source:
        if text.startswith("<"):  # a template's placeholder
            return Source(text.strip("<>"), None, SourceKind.UNKNOWN)
        if text.startswith("s3://"):
            if not _S3.fullmatch(text):
                self.problems.append(f'{where}: expected s3://bucket/key, found "{text}"')
            return Source(text, None, SourceKind.S3)
        if text.startswith(_FUNCTION):  # as a layer: those that it carries
            if not _NAME.fullmatch(text.removeprefix(_FUNCTION)):
                self.problems.append(f'{where}: expected {_FUNCTION}NAME, found "{text}"')
            return Source(text, None, SourceKind.REMOTE)
        if text.startswith("arn:"):
            if not arn.fullmatch(text):
                self.problems.append(f'{where}: expected the ARN of {what}, found "{text}"')
            return Source(text, None, SourceKind.REMOTE)
        path = folder / text
        self.local(path, where)
        return Source(text, path, SourceKind.LOCAL)

    def local(self, path: Path, where: str) -> None:
        """An archive on this machine: a file, or a folder that somebody may have packed."""
        if not self.demand(path, where):
            return
        if not path.is_dir() and (kind := regular_files.kind(path.stat())):
            self.problems.append(f"{where}: {path} is {kind}; expected a zip archive or a folder")
        elif path.resolve() == Path(path.resolve().anchor):
            self.problems.append(f"{where}: {path} is the root of the file system; expected a zip archive or a folder")

    def files(self, get: Callable[[ManifestTable], tuple[str, ...] | None], key: str) -> tuple[Path, ...]:
        return self.files_of(self.scopes, get, key) or ()

    def files_of(
        self, scopes: Sequence[Scope[SettingsT]], get: Callable[[SettingsT], tuple[str, ...] | None], key: str
    ) -> tuple[Path, ...] | None:
        """Files of the repository; None where no scope names any."""
        declared = _first(scopes, get)
        if declared is None:
            return None
        texts, scope = declared
        return tuple(self.file(text, scope.folder, scope.where(key, index)) for index, text in enumerate(texts))

    def source_folder(self, scopes: Sequence[Scope[Settings]]) -> Path | None:
        """The folder that the code is made of: the one beside the ``code`` that holds."""
        for scope in scopes:
            if scope.table.source is not None:
                path = scope.folder / scope.table.source
                if self.demand(path, scope.where("source")) and not path.is_dir():
                    self.problems.append(f"{scope.where('source')}: {path} is not a folder")
                return path
            if scope.table.code is not None and scope is not self.scopes[0]:
                return None
        return None

    def version_stamps(self, environ: Mapping[str, str]) -> Iterator[VersionStamp]:
        tables, scope = _first(self.scopes, lambda table: table.version_stamps) or ((), self.scopes[0])
        for index, table in enumerate(tables):
            if [table.equals, table.environment, table.commit].count(None) != 2:  # noqa: PLR2004 - one of the three
                where = scope.where("version-stamps", index)
                self.problems.append(f"{where}: say what {table.file} must hold: `equals`, `environment` or `commit`")
            value = environ.get(table.environment) if table.environment else None
            yield VersionStamp(
                table.file, table.key, table.equals, table.environment, value, commit=table.commit is True
            )

    def project(self) -> Path | None:
        declared = _first(self.scopes, lambda table: table.project)
        if declared is None:
            return None
        text, scope = declared
        return self.file(text, scope.folder, scope.where("project"))

    def file(self, text: str, folder: Path, where: str) -> Path:
        path = folder / text
        if self.demand(path, where) and not path.is_file():
            self.problems.append(f"{where}: {path} is not a file")
        return path

    def demand(self, path: Path, where: str) -> bool:
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            self.problems.append(f"{where}: {path} does not exist")
        except OSError as error:  # no permission, a name that is too long
            self.problems.append(f"{where}: {path} cannot be read: {error.strerror}")
        except ValueError:
            self.problems.append(f"{where}: {str(path)!r} is no path: it has a NUL in it")
        else:
            return True
        return False

    def function_events(self, own: Scope[FunctionTable]) -> Iterator[Event]:
        options = self.scopes[0]
        texts, scope = (self.events, options) if self.events else (own.table.events, own)
        for index, text in enumerate(texts):
            where = scope.where("events", index)
            path = scope.folder / text
            try:
                yield _event(text, path)
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


def _event(text: str, path: Path) -> Event:
    content = json.loads(regular_files.read(path), parse_constant=_refuse_constant, parse_float=_finite)
    if isinstance(content, dict) and "event" in content and content.keys() <= {"event", "expect"}:
        expect = json.dumps(content["expect"]) if "expect" in content else None
        return Event(text, path, json.dumps(content["event"]), expect)
    return Event(text, path, json.dumps(content), None)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is Python's, not JSON's")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):  # Python would write it as Infinity, which no other reader of JSON takes
        raise ValueError(f"{text} is too large a number")
    return number


def _own_value(
    scopes: Sequence[Scope[Settings]], own: Sequence[Scope[FunctionTable]], get: Callable[[Settings], T | None]
) -> T | None:
    """What a function declares for itself, unless something above says otherwise."""
    declared = _first(scopes, get)
    return declared[0] if declared and any(declared[1] is scope for scope in own) else None


def _environment(scopes: Sequence[Scope[Settings]]) -> tuple[tuple[str, str], ...]:
    merged: dict[str, str] = {}
    for scope in reversed(scopes):
        merged |= scope.table.environment or {}
    return tuple(merged.items())


def _first(
    scopes: Sequence[Scope[SettingsT]], get: Callable[[SettingsT], T | None]
) -> tuple[T, Scope[SettingsT]] | None:
    for scope in scopes:
        value = get(scope.table)
        if value is not None:
            return value, scope
    return None


def _value(scopes: Sequence[Scope[SettingsT]], get: Callable[[SettingsT], T | None], default: T) -> T:
    declared = _first(scopes, get)
    return default if declared is None else declared[0]
