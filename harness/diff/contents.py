"""What the archives of one side contain, as far as a release is described by it."""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from packaging.version import InvalidVersion, Version

from harness import regular_files
from harness.artifact.bundle import CODE_ROOT
from harness.artifact.entries import Kind
from harness.diff.values import AwsCall, Contents, Package, Reached, Read
from harness.facts.installed.contents import MODULES
from harness.facts.installed.distributions import FOLDERS
from harness.facts.python.aws_clients import CLIENT, NAMED, RESOURCE, service_of
from harness.facts.python.search import Found, Given
from harness.sources import aws_actions
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.artifact.bundle import Item
    from harness.check import Subject
    from harness.facts.python.program import Program
    from harness.facts.python.walk import Reach
    from harness.session.workspace import Workspace

_OUTSIDE: Final = "__pycache__"
_RUNTIME: Final = "in the runtime"


def contents(workspace: Workspace) -> Contents:
    """What a side contains, of the archives that can be had.

    Raises:
        OSError: An archive cannot be read.
    """
    subjects: dict[int, Subject] = {}
    for function in workspace.manifest.functions or (None,):
        with contextlib.suppress(SourceUnavailable):
            subject = workspace.subject(function)
            subjects.setdefault(id(subject.program), subject)
    programs = [subject.program for subject in subjects.values()]
    files, modules = dict[tuple[str, str], str](), dict[str, Reached]()
    for program in programs:
        group = program.names[0] if program.names else ""
        files |= {(shown(item.path), group): _digest(item) for item in _own_files(program)}
        for key, reached in _modules(program):
            modules.setdefault(key, reached)
    return Contents(_packages(subjects.values()), files, modules, _variables(programs), _calls(programs))


def shown(path: str) -> str:
    """A path of the code without the folder that all of it lies in."""
    return path.removeprefix(f"{CODE_ROOT}/")


def _packages(subjects: Iterable[Subject]) -> Mapping[str, Package]:
    names, versions, asked = dict[str, str](), defaultdict[str, set[str]](set), defaultdict[str, dict[str, None]](dict)
    digests, direct = defaultdict[str, set[str]](set), set[str]()
    for subject in subjects:
        union, project = subject.lists.union, subject.lists.project
        for key, (first, *_) in union.installed.items():
            names[key] = first.distribution.name
            versions[key].add(first.distribution.version)
        for path, owner in subject.facts.owners.items():
            item = subject.bundle.items.get(path)
            if item and path.endswith(MODULES):
                digests[owner.distribution.key].add("" if item.archive.is_folder else f"{path} {_digest(item)}")
        for stated in (project.build, project.declared):
            for one in stated.asked if stated else ():
                asked[one.name][f"{one.text} in {one.where.rpartition(':')[0]}"] = None
                direct.add(one.name)
        for required in union.required:
            asked[required.name][required.by.distribution.name] = None
    return {
        key: Package(
            name, tuple(sorted(versions[key], key=ordered)), tuple(asked[key]), key in direct, _together(digests[key])
        )
        for key, name in names.items()
    }


def _together(digests: set[str]) -> str:
    """One digest of several; empty where one is not known."""
    return "" if "" in digests else hashlib.sha256("\n".join(sorted(digests)).encode("utf-8", "replace")).hexdigest()


def ordered(version: str) -> tuple[Version, str]:
    """A key that sorts versions; what is no version comes first."""
    try:
        return Version(version), version
    except InvalidVersion:
        return Version("0.dev0"), version


def _own_files(program: Program) -> Iterator[Item]:
    """The files that no distribution brought, without bytecode."""
    facts = program.facts
    foreign = {_top(path) for path in facts.modules if path not in program.own}
    foreign -= {_top(path) for path in program.own}
    scripts = {path.rpartition("/")[2] for path in facts.owners if "/bin/" in path}  # installed into another folder
    for path, item in facts.bundle.items.items():
        parts = path.split("/")
        if item.entry.kind is Kind.DIRECTORY or path in facts.owners or path.endswith(".pyc"):
            continue
        if any(part == _OUTSIDE or part.endswith((*FOLDERS, ".libs")) for part in parts):
            continue
        if path in facts.modules and path not in program.own:
            continue
        if _top(path) in foreign or (parts[-2] == "bin" and parts[-1] in scripts):
            continue
        yield item


def _top(path: str) -> str:
    """The folder below that in which modules are found; a file there is its own."""
    parts = path.split("/")
    site = next((at for at, part in enumerate(parts) if part in {"python", "site-packages"} and parts[1] == "opt"), 2)
    return "/".join(parts[: site + 2])


def _digest(item: Item) -> str:
    entry = item.entry
    if entry.target is not None:
        return f"-> {entry.target}"
    if item.archive.is_folder:
        content = regular_files.read(item.archive.path / entry.name, regular_files.LARGEST_ARCHIVE)
        return f"{zlib.crc32(content):08x} {entry.size}"
    return f"{entry.crc:08x} {entry.size}"


def _reached(program: Program, function: str | None = None) -> Mapping[str, Reach]:
    """The own files that a function, or any, loads or may load."""
    every = program.graph.reached if function is None else program.reached_by.get(function, {})
    return {path: reach for path, reach in {**program.possible(function), **every}.items() if path in program.own}


def _modules(program: Program) -> Iterator[tuple[str, Reached]]:
    """The modules outside the own code that handlers reach, by their first part and their distribution."""
    for path, reach in program.graph.reached.items():
        if path in program.own:
            for statement in program.facts.modules[path].imports:
                found = None if statement.level or statement.never else program.search.find(statement.module)
                if isinstance(found, Given) and found.by in program.policy.preinstalled:
                    top = statement.module.partition(".")[0]
                    yield f"{top} {_RUNTIME}", Reached(top, _RUNTIME, reach.name)  # of other archives it is another
            continue
        top, owner = reach.name.partition(".")[0], program.facts.owners.get(path)
        of = f"{owner.distribution.name} {owner.distribution.version}" if owner else ""
        yield f"{top} {owner.distribution.key if owner else ''}", Reached(top, of, _own_parent(reach, program.own))


def _own_parent(reach: Reach, own: frozenset[str]) -> str:
    """The own module that leads to another, by the shortest chain."""
    parent = reach.parent
    while parent and parent.path not in own:
        parent = parent.parent
    return parent.name if parent else ""


def _variables(programs: Iterable[Program]) -> Mapping[str, Read]:
    """The variables that own code reads and that Lambda does not set, those without a value for some functions too."""
    found: dict[str, Read] = {}
    for program in programs:
        given = {name for name, _ in (*program.policy.image_environment, *program.policy.service_variables)}
        given |= program.policy.reserved_variables
        walks: dict[str, Iterable[str]] = {**program.reached_by} or {"": _reached(program) or program.serving}
        declared = dict(zip(program.names, program.variables, strict=False))
        for function, reached in walks.items():
            there = given | {name for name, _ in declared.get(function, ())}
            for path in reached:
                for one in program.facts.modules[path].variables if path in program.own else ():
                    if one.name in given:
                        continue
                    where = f"{shown(path)}:{one.line}"
                    old = found.get(one.name) or Read(one.name, required=False, raises=False, where=where)
                    unset = () if one.name in there or function in old.unset else (function,)
                    found[one.name] = Read(
                        one.name,
                        required=old.required or not one.defaulted,
                        raises=old.raises or one.raises,
                        where=where if one.raises and not old.raises else old.where,
                        unset=(*old.unset, *unset),
                    )
    return found


def _calls(programs: Iterable[Program]) -> Mapping[str, AwsCall]:
    """The operations of AWS that own code calls."""
    found: dict[str, AwsCall] = {}
    for program in programs:
        made = {service for path in program.own for service, _ in program.facts.modules[path].clients.made}
        for function in program.names or ("",):
            for path in sorted(_reached(program, function or None) or program.serving):
                for call in program.facts.modules[path].clients.calls:
                    for service, operation in _operations(call.of, call.operation, path, program, made):
                        where, key = f"{shown(path)}:{call.line}", f"{service}:{operation}"
                        actions = aws_actions.actions(service, operation)
                        old = found.get(key) or AwsCall(service, operation, actions, where)
                        if function not in old.functions:
                            found[key] = replace(old, functions=(*old.functions, function))
    return found


def _operations(of: str, method: str, path: str, program: Program, made: set[str]) -> Iterator[tuple[str, str]]:
    """The service and the operations that a method calls; several where it calls several."""
    if of.startswith(NAMED):
        named = _named(of.removeprefix(NAMED), path, program)
        if named is None:
            return
        of = named
    if of.startswith((CLIENT, RESOURCE)):
        service = service_of(of)
        resource = of.partition(":")[2].partition(".")[2] if of.startswith(RESOURCE) else None
        yield from ((service, one) for one in aws_actions.operations(service, resource, method))
        return
    # Nothing says what it is called on: a parameter, say. It counts where one service alone has such an operation.
    known = {service: names for service in made if (names := aws_actions.operations(service, None, method))}
    if len(known) == 1:
        ((service, names),) = known.items()
        yield from ((service, one) for one in names)


def _named(name: str, path: str, program: Program) -> str | None:
    """What an imported name stands for in its own module; None where that is not the own code's."""
    module = name.lstrip(".")
    full = program.graph.absolute(module, len(name) - len(module), path) or ""
    parts = full.split(".")
    for end in range(len(parts), 0, -1):
        found = program.search.find(".".join(parts[:end]))
        if isinstance(found, Found):
            names = dict(program.facts.modules[found.path].clients.names) if found.path in program.own else None
            return None if names is None else names.get(".".join(parts[end:]))
    return None
