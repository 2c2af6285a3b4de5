"""The manifest: ``lambda-artifact.toml`` or ``[tool.lambda-artifact]``, and the options of the command line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from harness import regular_files
from harness.manifest.errors import NATIVE, InFile, diagnose, on_command_line, without
from harness.manifest.functions import Known, unknown_runtime
from harness.manifest.resolve import resolve
from harness.manifest.scopes import Scope
from harness.manifest.tables import ManifestTable
from harness.manifest.template import Template
from harness.manifest.values import (
    Architecture,
    Event,
    Function,
    Manifest,
    ManifestError,
    Options,
    Source,
    SourceKind,
    Upload,
    VersionStamp,
    Waiver,
)
from harness.model import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.manifest.errors import At

__all__ = [
    "FILE_NAME",
    "Architecture",
    "Event",
    "Function",
    "Manifest",
    "ManifestError",
    "Options",
    "Source",
    "SourceKind",
    "Template",
    "Upload",
    "VersionStamp",
    "Waiver",
    "declares",
    "find",
    "load",
]

FILE_NAME = "lambda-artifact.toml"
_PROJECT_FILE_NAME = "pyproject.toml"
_LARGEST = 1024 * 1024  # bytes; what is larger was not written by a person
_TABLE = ("tool", "lambda-artifact")


def find(start: Path) -> Path | None:
    """The nearest manifest, in a folder or above; None where there is none."""
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
        if declares(folder / _PROJECT_FILE_NAME):
            return folder / _PROJECT_FILE_NAME
    return None


def load(  # noqa: PLR0913 - what a request says, and what it is held against; all but two have defaults
    path: Path | None,
    options: Options | None = None,
    *,
    runtimes: Collection[str],
    checks: Callable[[], Collection[str]] | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
    archives: bool = True,
    discover: Callable[[Path | None], Template | None] | None = None,
) -> Manifest:
    """Read a manifest, let options override it, and make sure that everything it names exists.

    One step and not two, because options decide what must exist: an archive that ``--code`` replaces need not.

    Args:
        path: The file; None for options alone.
        options: The options of the command line.
        runtimes: The known ones.
        checks: Returns the names that a waiver may have; None where waivers are not checked.
        environ: The environment of the harness, for values that the manifest takes from there.
        archives: False before the archives are built: then the manifest has neither archives nor functions, and none
            of theirs need exist.
        discover: Reads what another tool built: the file that ``from`` names, or with None what is found where no
            manifest is. None without discovery.

    Raises:
        ManifestError: With every problem that can be found at once.
    """
    options = options or Options()
    scopes, problems = list[Scope[ManifestTable]](), list[str]()
    for read in (partial(_from_options, options), *((partial(_from_file, path),) if path else ())):
        try:
            scopes.append(read(runtimes))
        except ManifestError as error:
            problems += error.problems
            scopes += [error.rest] if error.rest else []
    known = Known(runtimes, checks, environ, archives)
    if problems:
        raise ManifestError(tuple(dict.fromkeys([*problems, *_others(path, scopes, options, known)])))
    template = _template(scopes, discover) if discover else None
    if template:
        scopes.append(template.scope)
    if template is None:
        return resolve(path, scopes, options.events, known)
    known = replace(known, template=template.events, unlocated=template.unlocated)
    manifest = resolve(path, scopes, options.events, known)
    if archives and not manifest.functions:
        raise ManifestError((template.nothing,))
    return template.completed(manifest)


def _others(
    path: Path | None, scopes: Sequence[Scope[ManifestTable]], options: Options, known: Known
) -> tuple[str, ...]:
    """The problems of the values that are right in themselves; none where others say what is to be verified."""
    tables = [scope.table for scope in scopes]
    functions = [function for table in tables for function in table.functions.values()]
    has_code = any(table.code for table in tables)
    whole = all(one.handler and (one.code or has_code) for one in functions) and (functions or has_code)
    if len(scopes) < (2 if path else 1) or not whole or any(table.template for table in tables):
        return ()
    try:
        resolve(path, scopes, options.events, known)
    except ManifestError as error:
        return error.problems
    return ()


def _template(
    scopes: Sequence[Scope[ManifestTable]], discover: Callable[[Path | None], Template | None]
) -> Template | None:
    """The template that the manifest is based on; without a manifest and without archives, what is found."""
    for scope in scopes:
        if scope.table.template is not None:
            return discover(scope.folder / scope.table.template)
    # Options that name archives or handlers are a request of their own.
    asked = len(scopes) > 1 or scopes[0].table.code is not None or scopes[0].table.functions
    return None if asked else discover(None)


def declares(path: Path) -> bool:
    """Whether a ``pyproject.toml`` has our table; where it is not TOML, whether it mentions it."""
    try:
        text = regular_files.read(path, _LARGEST).decode()
    except (OSError, UnicodeDecodeError):
        return False
    try:
        tools = tomllib.loads(text).get("tool")
    except tomllib.TOMLDecodeError:
        return _TABLE[1] in text  # worth a complaint only where it could be ours
    return isinstance(tools, dict) and _TABLE[1] in tools


def _from_file(path: Path, runtimes: Collection[str]) -> Scope[ManifestTable]:
    table: object = {}
    at = _TABLE if path.name == _PROJECT_FILE_NAME else ()
    try:
        text = regular_files.read(path, _LARGEST).decode()
        table = tomllib.loads(text)
    except OSError as error:
        raise ManifestError((f"{path}: cannot be read: {error.strerror}",)) from None
    except UnicodeDecodeError as error:
        raise ManifestError((f"{path}: not UTF-8 at byte {error.start}",)) from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise ManifestError((f"{path}{f':{line[1]}' if line else ''}: not TOML: {error}",)) from None
    except RecursionError:
        raise ManifestError((f"{path}: not TOML that anybody wrote: it is nested too deep",)) from None
    except ValueError as error:  # Python's own limit on numbers, which the reader passes on
        raise ManifestError((f"{path}: not TOML: {error}",)) from None
    for key in at:
        if not isinstance(table, dict) or key not in table:
            raise ManifestError((f"{path}: has no table [{'.'.join(_TABLE)}]",))
        table = table[key]
    return _scope(table, path.parent, InFile(path, text, at), runtimes)


def _from_options(options: Options, runtimes: Collection[str]) -> Scope[ManifestTable]:
    problems = [f'--env: expected NAME=VALUE, found "{text}"' for text in options.env if "=" not in text]
    twice = {handler for handler in options.handlers if options.handlers.count(handler) > 1}
    problems += [f"--handler: {handler} is given twice" for handler in sorted(twice)]
    if problems:
        raise ManifestError(tuple(problems))
    environment = dict(text.split("=", 1) for text in options.env)
    said = {
        "from": options.template,
        "code": options.code,
        "layers": list(options.layers),
        "memory": options.memory,
        "environment": environment,
        "runtime": options.runtime,
        "architecture": options.arch,
        "required-files": list(options.require),
        "requirements": list(options.requirements),
        "project": options.project,
        "deployed-as": options.deployed_as,
        "inputs": list(options.inputs),
        "functions": {handler: {"handler": handler} for handler in options.handlers},
    }
    given = {key: value for key, value in said.items() if value not in (None, [], {})}
    return _scope(given, options.folder, on_command_line, runtimes)


def _scope(table: object, folder: Path, name: Callable[[At], str], runtimes: Collection[str]) -> Scope[ManifestTable]:
    try:
        return Scope(msgspec.convert(table, ManifestTable, builtin_types=NATIVE), folder, name, place=_placed(name))
    except msgspec.ValidationError as error:
        # An option that stands for several keys is wrong once.
        faults = list(diagnose(table, ManifestTable))
        problems = dict.fromkeys(f"{name(at)}: {sentence}" for at, sentence in faults)
        said = (*(tuple(problems) or (f"{name(())}: {error}",)), *_without_handler(table, name))
        runtime = table.get("runtime") if isinstance(table, dict) else None
        if isinstance(runtime, str) and runtime and runtime not in runtimes:
            said = (*said, f"{name(('runtime',))}: {unknown_runtime(runtime, runtimes)}")
        rest = without(table, [at for at, _ in faults])
        raise ManifestError(said, _scope(rest, folder, name, runtimes) if rest is not None else None) from None


def _without_handler(table: object, name: Callable[[At], str]) -> Iterator[str]:
    """The sentences about functions of a manifest without a template that have no handler."""
    functions = table.get("functions") if isinstance(table, dict) and "from" not in table else None
    for function, own in functions.items() if isinstance(functions, dict) else ():
        if isinstance(own, dict) and "handler" not in own:
            yield f"{name(('functions', function))}: `handler` is missing"


def _placed(name: Callable[[At], str]) -> Callable[[At], Place | None] | None:
    """The file and line of a key; None for the command line."""
    if not isinstance(name, InFile):
        return None
    return lambda at: Place(name.path.name, name.line(at))
