"""Advice on names that a module lacks which is there: Python's own, the runtime's, or a distribution's."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from harness.diagnosis import native
from harness.diagnosis.values import Advice
from harness.facts.python import stdlib
from harness.facts.python.search import STANDARD_LIBRARY, Found, Given
from harness.model import Defect, Fault
from harness.policy import preinstalled
from harness.policy.providers import providers
from harness.policy.stdlib import why_absent

if TYPE_CHECKING:
    from harness.facts.python.program import Program


def shadow(module: str, name: str, program: Program) -> Advice | None:
    """Advice where a file of one's own takes the place of one of Python's modules, which has what is missing."""
    top = module.partition(".")[0]
    found = program.search.find(top)
    if top not in program.policy.stdlib or not isinstance(found, Found) or found.path in program.facts.owners:
        return None
    if name != "__path__" and not stdlib.certainly_has(module, name):  # `__path__` is what a package has
        return None
    return Advice(
        f"rename {found.path}",
        f"{found.path} takes the place of the standard library's {top!r}",
        faults=(Fault(Defect.NO_NAME, found.path),),
    )


def of_python(module: str, name: str, path: str, program: Program) -> Advice | None:
    """Advice on a name that Python's own module lacks in the functions' version; None where it has it, or may.

    Args:
        module: The module of the standard library.
        name: What it lacks.
        path: The file that needs the name; empty where that is not known.
        program: The code of the functions.
    """
    why = why_absent(program.policy.python, module, name)
    if why is None or program.search.find(module) != Given(STANDARD_LIBRARY):
        return None
    version, owner = ".".join(map(str, program.policy.python)), program.facts.owners.get(path)
    theirs = owner.distribution.name if owner else f"what is at {path}"
    remedy = (
        f"write what takes its place: {why}"
        if not path or path in program.own
        else f"install a version of {theirs} that is made for Python {version}: {why}"
    )
    return Advice(remedy, faults=(Fault(Defect.NO_NAME, f"Python {version} ({module}.{name})"),))


def of_a_name(module: str, name: str, path: str, program: Program) -> Advice:
    """Advice on a name that a module lacks which is there, and which the file at ``path`` imports."""
    if (
        known := shadow(module, name, program)
        or of_python(module, name, path, program)
        or of_the_runtime(module, name, program)
        or native.of_module(module, program)
    ):
        return known
    owners, found = program.facts.owners, program.search.find(module)
    owner, by = owners.get(found.path) if isinstance(found, Found) else None, owners.get(path)
    if owner is None:
        return Advice(f"correct the name, or install the version of {module.partition('.')[0]!r} that has it")
    faults = (Fault(Defect.NO_NAME, f"{owner.distribution.name} {owner.distribution.version}"),)
    has = f"{owner.distribution.name} {owner.distribution.version} has no {name!r} in {module}"
    if by is None or by.distribution.key == owner.distribution.key:
        others = (one for one in providers(module.partition(".")[0]) if one != owner.distribution.key)
        other = "".join(f", or {one}, which has a module of that name, too" for one in islice(others, 1))
        return Advice(
            f"correct the name, or install a version of {owner.distribution.name} that has it{other}", has, (), faults
        )
    return Advice(
        f"install versions of {by.distribution.name} and {owner.distribution.name} that fit each other",
        f"{has}, and {by.distribution.name} {by.distribution.version} needs it",
        faults=faults,
    )


def of_the_runtime(module: str, name: str | None, program: Program) -> Advice | None:
    """Advice where the runtime brings the package, and what is imported is not in it."""
    found = program.search.find(module.partition(".")[0])
    if not isinstance(found, Given) or found.by == STANDARD_LIBRARY:
        return None
    for copy, distribution in preinstalled.VENDORED.items():
        if f"{module}.".startswith(f"{copy}."):
            return Advice(
                add(distribution, distribution, program) + f", and import {distribution} instead of {copy}",
                f"{found.by} has had no more than the exceptions of its copy of {distribution} since 1.13",
            )
    what = f"{module}.{name}" if name else module
    version = preinstalled.contents().versions.get(found.by)
    return Advice(
        f"correct the import, or add a version of {found.by} that has {what} to the requirements that the layer is "
        "built from",
        f"{found.by} is the runtime's{f', {version} or near it' if version else ''}",
    )


def of_an_old_importer(module: str, program: Program) -> Advice | None:
    """Advice on a module that another one made by an importer of an older Python."""
    parent = program.search.find(module.rpartition(".")[0])
    known = program.facts.modules.get(parent.path) if isinstance(parent, Found) else None
    if known is None or not known.names.retired or not isinstance(parent, Found):
        return None
    owner, python = program.facts.owners.get(parent.path), ".".join(map(str, program.policy.python))
    which = f"{owner.distribution.name} than {owner.distribution.version}" if owner else f"what {parent.path} is of"
    return Advice(
        f"install a newer version of {which}, made for Python {python}",
        f"{parent.path} makes {module!r} by `find_module`, which Python does not call since 3.12",
    )


def add(what: str, top: str, program: Program) -> str:
    """The remedy for what no archive has: a layer to be named, or requirements to be extended."""
    if not program.facts.bundle.layers:
        return (
            f"name the layer that has {top!r} (--layer, or layers in the manifest); if there is none, add "
            f"{what} to what the archive is built from"
        )
    return f"add {what} to the requirements that the layer is built from, and build the layer again"
