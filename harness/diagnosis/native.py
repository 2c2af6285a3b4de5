"""What a compiled module or a library has to do with an error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.diagnosis.values import Advice
from harness.facts.binaries import extension_name, extension_suffixes
from harness.facts.compiled import NUMPY, Compiled
from harness.facts.installed import hollow
from harness.model import Defect, Fault

if TYPE_CHECKING:
    from harness.engines.protocol import LambdaError, Trace
    from harness.facts.program import Program

COMPILED = (".so", ".pyd", ".dylib")
NO_MODULE = re.compile(r"No module named '([\w.]+)'")
NAME = re.compile(r"cannot import name '(\w+)' from (?:partially initialized module )?'([\w.]+)'")
SOURCE_DIRECTORY = re.compile(r"you should not try to import (\w+) from")
NO_LIBRARY = re.compile(r"(\S+): cannot open shared object file")
NEWER_SYSTEM = re.compile(r"version `((?:GLIBC|GLIBCXX|CXXABI)_[\d.]+)' not found")
OLD_NUMPY = re.compile(
    r"numpy\.core\.multiarray failed to import|_ARRAY_API not found|compiled using NumPy 1\.x"
    r"|compiled against ABI version|numpy\.dtype size changed"
)
NO_BINARY = re.compile(r"(\S+): (?:invalid ELF header|wrong ELF class|file too short)")


def advice(  # noqa: PLR0911 - a table
    error: LambdaError, trace: Trace, program: Program
) -> Advice | None:
    """A compiled module or a library that is not there, or is for another system; None: nothing shows that.

    Behind two messages it hides: that a circle of imports is at fault, where only the compiled half of a package is
    missing, and that one must not import numpy from its source directory.
    """
    said = "\n".join([error.message, *trace.causes])
    names = [*NO_MODULE.findall(said), *(f"{package}.{name}" for name, package in NAME.findall(said))]
    if found := next((found for module in names if (found := of_module(module, program))), None):
        return found
    if (package := SOURCE_DIRECTORY.search(said)) and (found := _foreign_half(package[1], program)):
        return found
    wheel = f"install the wheel for {_platform(program)}, and build the layer again"
    if match := NEWER_SYSTEM.search(said):
        return Advice(wheel, f"it was built on a system newer than Lambda's, which has no {match[1]}")
    if match := NO_BINARY.search(said):
        return Advice(wheel, f"{match[1]} is no library of this platform")
    if match := OLD_NUMPY.search(said):
        return _old_numpy(said, program)
    if (match := NO_LIBRARY.search(said)) and match[1].startswith("/"):
        return _by_path(match[1], program)
    if match:
        return Advice(f"put the library {match[1]} into lib/ of a layer, or install a wheel that brings it along")
    return None


def _old_numpy(said: str, program: Program) -> Advice:
    """A module that was compiled for another NumPy than the one that is there."""
    old = [one.path for one in Compiled(program).unloadable() if one.numpy]
    owner = next((program.facts.owners[path] for path in old if path in program.facts.owners), None)
    numpy = next((one for one in program.facts.distributions if one.distribution.key == NUMPY), None)
    what = f"{owner.distribution.name} {owner.distribution.version}" if owner else "what imports it"
    version = f" {numpy.distribution.version}" if numpy else ""
    if "size changed" in said:
        return Advice(f"install {what} and numpy{version} of releases that belong together, and build the layer again")
    return Advice(
        f"install a version of {what} that was built for NumPy 2, or pin numpy<2, and build the layer again",
        f"it was compiled for NumPy 1, and NumPy{version} is there",
    )


def _by_path(path: str, program: Program) -> Advice:
    """A library that is opened by its path, not by its name."""
    item = program.facts.bundle.items.get(path)
    if item is not None:
        return Advice(f"look what {path} is, and what it needs: it is there, and cannot be opened")
    root = next((root for root in ("/var/task/", "/opt/") if path.startswith(root)), None)
    if root is None:
        return Advice(f"put {path.rpartition('/')[2]} into lib/ of a layer, and open it by its name alone")
    what = "the code archive" if root == "/var/task/" else "a layer"
    return Advice(f"add {path.removeprefix(root)} to {what}", f"it is opened by this path, and no archive has {path}")


def of_module(module: str, program: Program) -> Advice | None:
    """A module that is not found because it is a compiled one: for something else, or gone."""
    return _foreign_build(module, program) or _lost(module, program)


def _foreign_build(module: str, program: Program) -> Advice | None:
    """A compiled module that is there for another CPython or another system, and not for this one."""
    taken = extension_suffixes(program.policy.python, program.architecture)
    stems = tuple(f"{folder}/{module.replace('.', '/')}." for folder in program.search.path)
    found = {
        path: path[path.rindex("/") :].partition(".")[2]
        for path in program.facts.bundle.items
        if path.startswith(stems)
    }
    if any(f".{ending}" in taken for ending in found.values()):
        return None
    path = next((path for path in found if path.endswith(COMPILED)), None)
    return _another(path, module.rpartition(".")[2], taken[0], program) if path else None


def _foreign_half(package: str, program: Program) -> Advice | None:
    """A compiled module anywhere in a package that is there for another CPython or another system alone."""
    for folder in program.search.path:
        inside = f"{folder}/{package}/"
        for path in program.facts.bundle.items:
            if path.startswith(inside) and path.endswith(COMPILED) and (name := extension_name(path)) and name.tag:
                parent = path[len(folder) + 1 :].rpartition("/")[0].replace("/", ".")
                if found := _foreign_build(f"{parent}.{name.module}", program):
                    return found
    return None


def _another(path: str, module: str, wanted: str, program: Program) -> Advice:
    owner = program.facts.owners.get(path)
    return Advice(
        f"install the wheel for {_platform(program)}, and build the layer again: pip install --platform "
        f"manylinux2014_{_machine(program)} --python-version {_version(program)} --only-binary :all: …",
        f"{path} is there, and this runtime loads {module}{wanted}",
        faults=(Fault(Defect.FOREIGN, owner.distribution.key if owner else path),),
    )


def _lost(module: str, program: Program) -> Advice | None:
    """A module that its distribution brought along, and that is there no more."""
    base = module.replace(".", "/")
    stems = tuple(f"{folder}/{base}." for folder in program.search.path)
    packages = tuple(f"{folder}/{base}/__init__.py" for folder in program.search.path)
    for path, owner in program.facts.owners.items():
        compiled = path.startswith(stems) and path.endswith(COMPILED)
        source = path in packages or (path.startswith(stems) and path.endswith(".py"))
        gone = (compiled or source) and path not in program.facts.bundle.items
        if gone and not hollow(owner, program.facts.bundle):
            name = owner.distribution.name
            half = ": its compiled half is missing" if compiled else ""
            return Advice(
                f"keep {path} when {owner.archive.source} is made: an exclude pattern or a clean-up took it out",
                f"{path} is in the RECORD of {name}, and in no archive{half}",
            )
    return None


def _version(program: Program) -> str:
    return ".".join(map(str, program.policy.python))


def _machine(program: Program) -> str:
    return "aarch64" if program.architecture == "arm64" else program.architecture


def _platform(program: Program) -> str:
    return f"CPython {_version(program)} on Linux {_machine(program)}"
