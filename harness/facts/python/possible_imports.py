"""Modules that no import leads to, and that a function may load all the same.

By a computed name, by a text that is a module's name, as a migration. What they lack some path may hit; what nothing at
all leads to is nobody's trouble.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness.facts.migrations.environments import environments
from harness.facts.python.developer_files import is_for_developers
from harness.facts.python.walk import Reach, Walk
from harness.model import When

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.facts.python.program import Program

# Settings for other places than Lambda, and servers' entry points.
_LOCAL: Final = re.compile(r"(?:^|/)(?:wsgi|asgi|(?:local|dev|run)_?[^/]*|[^/]*_?(?:local|dev))\.py$")


def possible(program: Program, walk: Walk) -> Mapping[str, Reach]:
    """The first-party files that a walk does not come to, and that its functions may load, with what may do so."""
    found = Walk(program.graph)
    found.reached.update(walk.reached)
    known = -1
    while known < len(found.reached):
        known = len(found.reached)
        for reach in _loaded(program, found):
            found.add(reach)
        found.finish()
    return {path: reach for path, reach in found.reached.items() if path not in walk.reached}


def computes(program: Program, walk: Walk) -> tuple[str, ...]:
    """The first-party files that a walk comes to and that import by names which only the run time tells."""
    own = (path for path in walk.reached if path in program.own)
    return tuple(path for path in own if program.facts.modules[path].loading.computed)


def _loaded(program: Program, walk: Walk) -> Iterator[Reach]:
    names = {name: path for path in program.serving if (name := program.search.module_name(path))}
    for path, reach in [*walk.reached.items()]:
        if path in program.own:
            yield from _by_module(program, names, reach)
    for _, text in program.environment:
        if name := _name(text, names):
            yield Reach(name, names[name], When.LATER)
    for path in program.own.intersection(program.facts.texts):  # settings that a tool packaged for its handler
        yield Reach(program.search.module_name(path) or path, path, When.LATER)
    for environment in environments(program):
        for file in (f"{environment.folder}/env.py", *environment.files):
            if file in program.own:
                yield Reach(program.search.module_name(file) or file, file, When.LATER)


def _by_module(program: Program, names: Mapping[str, str], loader: Reach) -> Iterator[Reach]:
    """What one module may load."""
    loading = program.facts.modules[loader.path].loading
    yield from (_reach(name, names[name], loader) for text in loading.named if (name := _name(text, names)))
    for prefix in loading.computed:
        for name, file in names.items():
            if name.startswith(prefix) and (prefix or _near(program, file, loader.path)):
                yield _reach(name, file, loader)


def _reach(name: str, path: str, loader: Reach) -> Reach:
    return Reach(name, path, When.LATER, loader)


def _name(text: str, names: Mapping[str, str]) -> str | None:
    """The module that a text names, or names something in."""
    if text in names:
        return text if "." in text else None
    module = text.rpartition(".")[0]
    return module if module in names else None


def _near(program: Program, path: str, loader: str) -> bool:
    """Whether a module may well be meant by one that loads modules of any name."""
    if program.facts.modules[path].loading.script or is_for_developers(path) or _LOCAL.search(path):
        return False
    folder = loader.rpartition("/")[0]
    return path.startswith(f"{folder}/")
