"""Imports that find nothing: Lambda's words, the cause, the edits."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from harness import regular_files
from harness.artifact.bundle import CODE_ROOT
from harness.dependencies.comparison.built import Presence
from harness.diagnosis import absent_names, impact, native
from harness.diagnosis.dependency_edits import edits
from harness.diagnosis.dependency_trace import listed, looked_at, trace
from harness.diagnosis.provider import provider
from harness.diagnosis.values import Advice, numbered
from harness.facts.python.search import Found, Missing, Portions, site_folders
from harness.facts.python.search_path import WRAPPER, with_wrapper
from harness.model import Defect, Edit, Fault, When

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.dependencies.comparison.dependency_lists import DependencyLists
    from harness.facts.python.graph import Unresolved
    from harness.facts.python.program import Program


# Folders of files that only look like modules.
_NO_SITE = frozenset({"templates", "template", "tests", "test", "docs", "examples", "node_modules", "__pycache__"})

NOTHING_INSTALLED: Final = Edit(
    "name the layer that has the libraries (--layer, or layers in the manifest); if there is none, install them into "
    "what the archive is made from: no distribution is in it"
)
"""One edit for all modules that are missing, where nothing was installed at all."""


def advice(module: str, lists: DependencyLists) -> Advice:
    """Advice on a module that an import does not find, from the archives, the repository and the policy."""
    found, reach = _advice(module, lists), impact.by(module, lists.program)
    said = [*(found.cause.split("\n") if found.cause else ()), *reach.sentences]
    return replace(
        found,
        cause="\n".join(said) or None,
        faults=(Fault(Defect.NO_MODULE, module), *found.faults),
        functions=reach.stopped or tuple(way.function for way in reach.later),
        spared=reach.alone,
    )


def of_a_name(module: str, name: str, path: str, lists: DependencyLists) -> Advice:
    """Advice on a name that a module lacks, and that the file at ``path`` imports; a namespace lacks a distribution."""
    full, top = f"{module}.{name}", module.partition(".")[0]
    owner = provider(full, lists) if isinstance(lists.program.search.find(module), Portions) else None
    if owner and not _alike(owner.name, top):  # which a folder of one's own may be called like
        return _of_a_distribution(full, lists)
    return absent_names.of_a_name(module, name, path, lists.program)


def _advice(module: str, lists: DependencyLists) -> Advice:
    program = lists.program
    top = module.partition(".")[0]
    parent, _, own = module.rpartition(".")
    if (
        known := absent_names.shadow(parent, own, program)
        or _structural(module, program)
        or absent_names.of_the_runtime(module, None, program)
        or absent_names.of_an_old_importer(module, program)
    ):
        return known
    if isinstance(program.search.find(top), Missing):
        return _uncopied(module, lists) or _of_a_distribution(module, lists)
    found, owners = program.search.find(top), program.facts.owners
    if isinstance(found, Found) and found.path.startswith(CODE_ROOT) and found.path not in owners:
        return _uncopied(module, lists) or Advice(
            f"add the file of {module!r} to the code archive: {top!r} is there, and this module of it is not"
        )
    owner = provider(module, lists)
    if owner and lists.built(owner.name).presence is Presence.ABSENT:  # another part of a namespace
        return _of_a_distribution(module, lists)
    return Advice(f"install a version of {top!r} that has {module!r}, or correct the import")


def _structural(  # noqa: PLR0911 - a table
    module: str, program: Program
) -> Advice | None:
    """Advice where the runtime's version or the archives' layout explain it."""
    top = module.partition(".")[0]
    if removed := dict(program.policy.removed_modules).get(top):
        return Advice(removed.remedy, removed.cause)
    if path := _unreadable(module, program):
        return Advice(
            "make the archive's files readable for others before they are packed: chmod -R a+rX",
            f"{path} is there, and the user that the function runs as may not read it",
        )
    if path := _hidden(module, program):
        return Advice(
            f"rename or leave out the {top!r} that comes first on sys.path",
            f"{path} is there, and another {top!r} comes first on sys.path",
        )
    if near := _same_but_for_case(module, program):
        return Advice(
            f"write the import as the file is named, or rename {near}",
            f"{near} is there, and upper and lower case differ on Lambda",
        )
    if known := native.of_module(module, program):
        return known
    if known := off_the_path(module, program, dict(program.environment)):
        return known
    if path := _beside(module, program):
        full = program.search.module_name(path)
        return Advice(f"import {full} instead", f"{path} is there, and that is its name, from sys.path on")
    if path := elsewhere(module, program):
        return Advice(
            f"move what is in {site_of(path, module)} to {_root(path)}",
            f"{path} is there, in a folder that is not on sys.path",
        )
    return None


def off_the_path(module: str, program: Program, environment: Mapping[str, str]) -> Advice | None:
    """Advice on a module of a layer that these variables' PYTHONPATH, or their wrapper's, keeps from being found."""
    declared, top = environment.get("PYTHONPATH"), module.partition(".")[0]
    value = with_wrapper(program.facts, environment).get("PYTHONPATH")
    folders = site_folders(program.policy.python)[1:]
    for folder in folders if value is not None else ():
        starts = (f"{folder}/{top}/", f"{folder}/{top}.")
        path = next((path for path in program.facts.bundle.items if path.startswith(starts)), None)
        if path and folder not in (value or "").split(":"):
            setter = "`environment`" if value == declared else environment[WRAPPER]
            kept = next((one for one in folders if one in (value or "").split(":")), None)
            return Advice(
                f"move what is in {folder} to {kept}, or add {folder} to PYTHONPATH in {setter}"
                if kept
                else f"remove PYTHONPATH from {setter}, or add {folder} to it",
                f"{path} is there; with PYTHONPATH={value}, Lambda leaves the layers off sys.path",
            )
    return None


def _beside(module: str, program: Program) -> str | None:
    """The file that would be the module if imports were relative: it lies beside one's own code that imports it."""
    modules = program.facts.modules
    for importer in program.graph.reached:
        if importer in modules and importer not in program.facts.owners and _asks_for(module, importer, program):
            found = (posixpath.dirname(importer) + ending for ending in _endings(module))
            if path := next((path for path in found if path in modules), None):
                return path
    return None


def _asks_for(module: str, importer: str, program: Program) -> bool:
    statements = (one for one in program.facts.modules[importer].imports if not one.level)
    return any(module in {one.module, *(() if one.module else one.names)} for one in statements)


def _root(path: str) -> str:
    return "the root of the code archive" if path.startswith(f"{CODE_ROOT}/") else "python/ of the layer"


def _uncopied(module: str, lists: DependencyLists) -> Advice | None:
    """A module of the repository that was not copied into the archive."""
    stem = module.replace(".", "/")
    for root in lists.project.sources:
        for path in (root.path / f"{stem}.py", root.path / stem / "__init__.py"):
            if regular_files.is_file(path):
                shown = f"{root.shown}/{path.relative_to(root.path).as_posix()}".removeprefix("./")
                code = lists.program.facts.bundle.code
                into = (
                    code.source
                    if code and code.is_folder
                    else f"the folder that {code.source} is made from"
                    if code
                    else "it"
                )
                return Advice(f"copy {shown} into {into}", f"{shown} is in the repository, and in no archive")
    return None


def _of_a_distribution(module: str, lists: DependencyLists) -> Advice:
    top = module.partition(".")[0]
    owners = (provider(name, lists) for name in impact.names(module, lists.program))
    owner = next((one for one in owners if one), None)
    listed_names = tuple(listed(lists))
    faults = (Fault(Defect.NO_DISTRIBUTION, owner.name),) if owner else ()
    if owner and listed_names:
        steps = edits(lists, owner.name)
        cause = "\n".join([f"provided by: {owner.name} ({owner.how})", *trace(lists, owner.name)])
        return Advice(numbered(steps), cause, steps, faults)
    if owner and not lists.program.facts.bundle.layers and not lists.program.facts.distributions:
        said = None if _alike(owner.name, top) else f"{owner.name} provides {top!r}"
        return Advice(NOTHING_INSTALLED.do, said, (NOTHING_INSTALLED,), faults)
    if owner:
        what = owner.name if _alike(owner.name, top) else f"{owner.name}, which has {module!r},"
        return Advice(absent_names.add(what, top, lists.program), faults=faults)
    said = (
        f"looked for {top!r} in {looked_at(lists)}: no distribution there is known to have it" if listed_names else None
    )
    remedy = absent_names.add(f"the distribution that provides {top!r}", top, lists.program)
    if _is_imported_by_own_code(top, lists.program):
        remedy = f"copy {top!r} into the code archive if it is code of your own; else {remedy}"
    return Advice(remedy, said)


def _alike(distribution: str, module: str) -> bool:
    return distribution.replace("-", "_") == module


def _is_imported_by_own_code(top: str, program: Program) -> bool:
    imports = (one for path in program.own for one in program.facts.modules[path].imports if not one.level)
    return any(top in {one.module.partition(".")[0], *(() if one.module else one.names)} for one in imports)


def _same_but_for_case(module: str, program: Program) -> str | None:
    """A file that would be the module if case did not matter."""
    wanted = {(folder + ending).casefold() for folder in program.search.path for ending in _endings(module)}
    found = (path for path in program.facts.modules if path.casefold() in wanted)
    return next((path for path in found if not path.endswith(_endings(module))), None)


def _unreadable(module: str, program: Program) -> str | None:
    """The file that is the module, or a package that it is in, if its mode keeps others from reading it."""
    parts = module.split(".")
    names = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    paths = [folder + ending for folder in program.search.path for name in names for ending in _endings(name)]
    items = program.facts.bundle.items
    return next((path for path in paths if path in items and not items[path].entry.mode & 0o004), None)


def _hidden(module: str, program: Program) -> str | None:
    """The file that would be the module if another of a parent's name did not come first."""
    wanted = {folder + ending for folder in program.search.path for ending in _endings(module)}
    return next((path for path in program.facts.modules if path in wanted), None)


def _endings(module: str) -> tuple[str, str]:
    return f"/{module.replace('.', '/')}.py", f"/{module.replace('.', '/')}/__init__.py"


def elsewhere(module: str, program: Program) -> str | None:
    """The file that would be the module if its folder were on the search path: the one with the shortest path.

    A file in a package, or in a library's own folder, is a module of that; one among templates is no module.
    """
    found = (path for path in program.facts.modules if path.endswith(_endings(module)))
    return min(
        (path for path in found if _is_site(site_of(path, module), path, program)),
        key=lambda path: (len(path), path),
        default=None,
    )


def site_of(path: str, module: str) -> str:
    """The folder that would have to be on the search path for a file to be a module."""
    return path.removesuffix("/__init__.py").removesuffix(".py").removesuffix(f"/{module.replace('.', '/')}")


def _is_site(folder: str, path: str, program: Program) -> bool:
    """Whether a folder could be on the search path, and would then bring the module."""
    parts = folder.split("/")
    owner = program.facts.owners.get(path)
    packages = (f"{'/'.join(parts[:end])}/__init__.py" for end in range(3, len(parts) + 1))
    packaged = any(one in program.facts.bundle.items for one in packages)
    return not packaged and (owner is None or owner.site == folder) and not _NO_SITE.intersection(parts)


def message(one: Unresolved, program: Program) -> str:
    """The message: with Lambda's own words around Python's where the handler does not start for it."""
    if one.name is None:
        what = f"No module named {one.missing!r}"
        parent = one.missing.rpartition(".")[0]
        if parent and isinstance(found := program.search.find(parent), Found) and not found.package:
            what += f"; {parent!r} is not a package"
    else:
        what = f"cannot import name {one.name!r} from {one.missing!r}"
        if isinstance(found := program.search.find(one.missing), Found):
            what += f" ({found.path})"
    reach = program.graph.reached.get(one.path)
    if reach and reach.when is When.AT_START and not one.statement.lazy:
        return f"Runtime.ImportModuleError: Unable to import module {reach.chain[0]!r}: {what}"
    return what


def chain(one: Unresolved, program: Program) -> tuple[str, ...]:
    """The modules whose imports led there, the handler's own first; empty where none did."""
    reach = program.graph.reached.get(one.path)
    return reach.chain if reach else ()
