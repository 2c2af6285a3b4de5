"""Folders that reached code, or a wrapper script, adds to ``sys.path``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness.artifact.bundle import CODE_ROOT, LAYER_ROOT
from harness.facts.python.dynamic_imports import SETTINGS
from harness.facts.python.locations import Places
from harness.facts.python.search import Found
from harness.facts.python.walk import Reach, Walk
from harness.model import When

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.facts.python.graph import Graph
    from harness.facts.python.search import Search
    from harness.facts.python.wrapped_handlers import Redirection
    from harness.facts.view import Facts

WRAPPER: Final = "AWS_LAMBDA_EXEC_WRAPPER"
# What modules can be imported from, or be unpacked from to another folder.
_ARCHIVES: Final = re.compile(
    r"\.(?:zip|whl|egg|pyz|tar|tgz|tar\.(?:gz|bz2|xz|zst)|tbz2?|txz|squashfs)$", re.IGNORECASE
)
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)(?::[-+][^}]*)?\}|(\w+))")
_ASSIGNMENT: Final = re.compile(r"""(?<![\w$])(\w+)=["']?([^"'\n;]*)""")


@dataclass(frozen=True, slots=True)
class View:
    """What is known of a program while its search path is being found out."""

    facts: Facts
    search: Search
    graph: Graph
    environment: Mapping[str, str]
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, slots=True)
class Additions:
    """Folders beside those that Lambda puts on ``sys.path``.

    Attributes:
        folders: Those of the archives.
        outside: What lies elsewhere, such as ``/tmp/site``, and archives that modules are imported from; each with
            the place that adds it.
        unknown: The places that add what only the run time tells.
        inside: Those of them that add something of the archives.
    """

    folders: tuple[str, ...] = ()
    outside: tuple[tuple[str, str], ...] = ()
    unknown: tuple[str, ...] = ()
    inside: frozenset[str] = frozenset()

    @property
    def beyond(self) -> str | None:
        """A place that may add what lies nowhere in the archives."""
        return next((place for place in self.unknown if place not in self.inside), None)


def additions(view: View, beside: Iterable[str] = ()) -> Additions:
    """What reached code adds, and the settings of Django, which load before what they configure.

    Args:
        view: The program.
        beside: More files whose additions count.
    """
    folders = {one.folder: None for one in view.redirections if one.folder}
    outside: list[tuple[str, str]] = []
    unknown: list[str] = []
    paths = dict.fromkeys((*view.graph.reached, *_settings(view), *beside))
    for path, place in _of_code(view, paths):
        if path is None:
            unknown.append(place)
        elif path in view.facts.packed or not f"{path}/".startswith((f"{CODE_ROOT}/", f"{LAYER_ROOT}/")):
            outside.append((path, place))
        else:
            folders[path] = None
    made = (
        f"{path}:{one.line}"
        for path in paths
        if path in view.facts.modules
        for one in view.facts.modules[path].loading.added
        if one.inside
    )
    return Additions(tuple(folders), tuple(outside), tuple(unknown), frozenset(made))


def packed(facts: Facts) -> str | None:
    """An archive inside the archives that modules may be in; compressed data and what a library brings are none."""
    found = (path for path in sorted(facts.packed) if _ARCHIVES.search(path) and path not in facts.owners)
    return next(found, None)


def _settings(view: View) -> Iterable[str]:
    """The files of the settings that a variable or reached code names for Django, with what they import."""
    modules = view.facts.modules
    reached = (modules[path].loading.settings for path in view.graph.reached if path in modules)
    walk = Walk(view.graph)
    for name in (view.environment.get(SETTINGS, ""), *(name for names in reached for name in names)):
        if name and isinstance(found := view.search.find(name), Found):
            walk.add(Reach(name, found.path, When.LATER))
    walk.finish()
    return walk.reached


def _of_code(view: View, paths: Iterable[str]) -> Iterator[tuple[str | None, str]]:
    places = Places(view)
    walk = view.graph.walked
    for path in paths:
        module = view.facts.modules.get(path)
        for one in module.loading.added if module else ():
            library = view.graph.flow(path) is None  # whose functions are not followed
            never = path in walk.reached and walk.when(path, one.line) is When.NEVER
            if never or (one.lazy and library):
                continue
            found = places.paths(one.location, path) if one.location else ()
            yield from ((folder, f"{path}:{one.line}") for folder in found)
            if not found:
                yield None, f"{path}:{one.line}"


def with_wrapper(facts: Facts, environment: Mapping[str, str]) -> Mapping[str, str]:
    """The variables as the wrapper script leaves them that they name, as far as they concern modules."""
    known = {"PYTHONPATH": "", "LAMBDA_TASK_ROOT": CODE_ROOT, "LAMBDA_RUNTIME_DIR": "/var/runtime", **environment}
    changed = False
    for name, text in _ASSIGNMENT.findall(facts.texts.get(environment.get(WRAPPER, ""), "")):
        known[name] = _VARIABLE.sub(lambda found: known.get(found[1] or found[2], found[0]), text.strip())
        changed = changed or name == "PYTHONPATH"
    return {**environment, "PYTHONPATH": known["PYTHONPATH"]} if changed else environment
