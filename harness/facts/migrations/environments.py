"""The Alembic environments of an artifact: configured ones, and folders that look like one."""

from __future__ import annotations

import configparser
import posixpath
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.artifact.bundle import CODE_ROOT
from harness.facts.migrations.revisions import History, Revision, history
from harness.facts.python.search import Found, Portions, Unknown
from harness.model import When

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.facts.python.program import Program

INI = "alembic.ini"
TOML = "pyproject.toml"
SECTION = "alembic"
LOCATION = "script_location"

_RUNNERS = ("alembic.command", "alembic.config", "alembic.script", "alembic.runtime")
_NAMES = frozenset(name.partition(".")[2] for name in _RUNNERS)
_SEPARATORS = {"space": " ", "newline": "\n", "os": ":", ":": ":", ";": ";"}
_LEGACY = re.compile(r", *|(?: +)")  # how Alembic splits where no separator is configured
_IGNORED = (".#", "__init__")  # what Alembic passes over in a versions folder


@dataclass(frozen=True, slots=True)
class Environment:
    """One script directory, as a configuration names it or as it lies there.

    Attributes:
        config: The file that names it; None where none does.
        section: The section of that file.
        said: Its ``script_location`` as written; None where there is none.
        folder: Where that leads; None where only the run time tells.
        versions: Its folders of revisions that are there.
        there: Whether the folder is.
        script: Whether its ``env.py`` is there.
        files: The revisions, by path.
        strangers: Files that Alembic takes for revisions and that are none.
        history: How the revisions hang together; None where their text does not tell.
    """

    config: str | None
    section: str
    said: str | None
    folder: str | None
    versions: tuple[str, ...] = ()
    there: bool = False
    script: bool = False
    files: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    history: History | None = None

    @property
    def place(self) -> str:
        """What to call it by."""
        return self.folder or self.config or ""


@dataclass(frozen=True, slots=True)
class _Said:
    """What one section of a configuration says."""

    config: str | None
    section: str
    location: str | None
    versions: tuple[str, ...] | None = None
    recursive: bool = False
    sourceless: bool = False


def environments(program: Program) -> tuple[Environment, ...]:
    """Every Alembic environment of an artifact: those that are configured, then those that only lie there."""
    return _Environments(program).all()


def run_by(program: Program, environment: Environment | None = None) -> tuple[str, When] | None:
    """Where first-party code first runs Alembic, and when; None where its migrations are run elsewhere, or by hand.

    Args:
        program: The artifact.
        environment: Whose ``env.py`` and revisions do not count, which are run by whoever runs Alembic.
    """
    found = []
    for path in program.own:
        if environment and path in {f"{environment.folder}/env.py", *environment.files}:
            continue
        for one in program.facts.modules[path].imports:
            if one.module.startswith(_RUNNERS) or (one.module == "alembic" and _NAMES.intersection(one.names)):
                when = program.when(path, one.line) if program.handlers else When.AT_START
                found.append((when, f"{path}:{one.line}"))
    when, place = min(found, default=(When.NEVER, ""))
    return None if when is When.NEVER else (place, when)


class _Environments:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._facts = program.facts
        self._files = self._facts.bundle.items
        self._folders = {
            f"{root}/{name}".rstrip("/") for root, archive in self._facts.bundle.rooted for name in archive.folders
        }

    def all(self) -> tuple[Environment, ...]:
        said = tuple(self._configured())
        if any(one.location for one in said):  # what one file leaves open, another may say
            said = tuple(one for one in said if one.location)
        found = [self._environment(one) for one in said]
        if any(uses.locates for uses in self._facts.uses.values()):  # elsewhere than in a folder without scripts
            found = [one for one in found if one.script or not one.there]
        known = {one.folder for one in found}
        loose = (_Said(None, SECTION, folder) for folder in self._loose() if folder not in known)
        return (*found, *(self._environment(one) for one in loose))

    def _configured(self) -> Iterator[_Said]:
        for path, text in sorted(self._facts.texts.items()):
            beside = f"{posixpath.dirname(path)}/__init__.py"
            foreign = beside in self._facts.modules and beside not in self._program.own
            if foreign or path in self._facts.owners:
                continue  # a library's own, for its own use
            if path.endswith(INI):
                yield from _of_ini(path, text)
            elif posixpath.basename(path) == TOML:
                yield from _of_toml(path, text)

    def _loose(self) -> Iterator[str]:
        """Folders with an ``env.py`` for Alembic and revisions below ``versions``."""
        kept = {posixpath.dirname(path) for path in self._facts.revisions if path not in self._facts.owners}
        for folder in sorted(posixpath.dirname(path) for path in kept if posixpath.basename(path) == "versions"):
            module = self._facts.modules.get(f"{folder}/env.py")
            if module and any(one.module.partition(".")[0] == "alembic" for one in module.imports):
                yield folder

    def _environment(self, said: _Said) -> Environment:
        folder = self._resolved(said.location)
        if folder is None or not self._exists(folder):
            return Environment(said.config, said.section, said.location, folder)
        wanted = said.versions if said.versions is not None else (f"{folder}/versions",)
        versions = [self._resolved(one) for one in wanted]
        known = tuple(one for one in versions if one is not None and self._exists(one))
        loaded = tuple(path for one in known for path in self._loaded(one, recursive=said.recursive))
        facts = self._facts.revisions
        files = {path: facts[path] for path in loaded if path in facts}
        sure = None not in versions and not said.sourceless and not self._unsure(files, loaded)
        return Environment(
            config=said.config,
            section=said.section,
            said=said.location,
            folder=folder,
            versions=known,
            there=True,
            script=f"{folder}/env.py" in self._files or f"{folder}/env.pyc" in self._files,
            files=tuple(files),
            strangers=tuple(path for path in loaded if path not in files and self._is_stranger(path)),
            history=history(files) if sure else None,
        )

    def _unsure(self, files: Mapping[str, Revision], loaded: tuple[str, ...]) -> bool:
        """Whether a revision's text does not tell what it is, or a file may be one in ways of its own."""
        others = (path for path in loaded if path not in files)
        return any(not one.certain for one in files.values()) or any(not self._is_stranger(path) for path in others)

    def _is_stranger(self, path: str) -> bool:
        """Whether Alembic would refuse this file: it takes whatever lies there for a revision."""
        module = self._facts.modules.get(path)
        plain = module is not None and module.parsed and not module.names.open
        return module is not None and plain and "down_revision" not in module.names.bound

    def _loaded(self, folder: str, *, recursive: bool) -> Iterator[str]:
        """The files of a versions folder that Alembic loads."""
        for path in sorted(self._facts.modules):
            inside, name = posixpath.split(path)
            near = inside == folder or (recursive and inside.startswith(f"{folder}/"))
            if near and not name.startswith(_IGNORED):
                yield path

    def _exists(self, path: str) -> bool:
        return path in self._folders or path in self._files

    def _resolved(self, location: str | None) -> str | None:
        """Where a location leads: a path, relative to the working directory, or ``package:path``."""
        if location is None:
            return None
        if location.startswith("/") or ":" not in location:
            return posixpath.normpath(posixpath.join(CODE_ROOT, location))
        package, *parts = location.split(":")
        match self._program.search.find(package):
            case Found(path=path, package=True):
                return posixpath.normpath(posixpath.join(posixpath.dirname(path), *parts))
            case Portions(folders=folders):
                places = [posixpath.normpath(posixpath.join(folder, *parts)) for folder in folders]
                return next((place for place in places if self._exists(place)), places[0])
            case Unknown() | _:
                return None


def _of_ini(path: str, text: str) -> Iterator[_Said]:
    parser = configparser.ConfigParser({"here": posixpath.dirname(path)})
    try:
        parser.read_string(text)
        sections = [name for name in parser.sections() if parser.has_option(name, LOCATION)]
        for name in sections or [SECTION]:
            yield _of_section(path, name, _options(parser, name) if parser.has_section(name) else {})
    except configparser.Error:
        return  # Alembic fails on it in its own words, once it is asked


def _options(parser: configparser.ConfigParser, section: str) -> dict[str, str]:
    """A section's options; one whose value another program completes is left as it is written."""
    found = {}
    for option in parser.options(section):
        try:
            found[option] = parser.get(section, option)
        except configparser.InterpolationError:
            found[option] = parser.get(section, option, raw=True)
    return found


def _of_section(path: str, name: str, values: Mapping[str, str]) -> _Said:
    separator = values.get("path_separator", values.get("version_path_separator"))
    text = values.get("version_locations")
    if not text:
        versions = None
    elif separator in _SEPARATORS:
        versions = tuple(one.strip() for one in text.split(_SEPARATORS[separator]) if one.strip())
    else:
        versions = tuple(_LEGACY.split(text.strip()))
    return _Said(
        path,
        name,
        values.get(LOCATION),
        versions,
        recursive=values.get("recursive_version_locations") == "true",
        sourceless=values.get("sourceless") == "true",
    )


def _of_toml(path: str, text: str) -> Iterator[_Said]:
    try:
        values = tomllib.loads(text)["tool"]["alembic"]
        here = {"here": posixpath.dirname(path)}
        versions = values.get("version_locations")
        yield _Said(
            path,
            "tool.alembic",
            values[LOCATION] % here,
            tuple(one % here for one in versions) if versions else None,
            recursive=values.get("recursive_version_locations") is True,
            sourceless=values.get("sourceless") is True,
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return
