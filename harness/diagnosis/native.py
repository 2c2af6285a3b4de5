"""Errors of native code: compiled modules and libraries that are absent, or built for another system."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

from harness.diagnosis.values import Advice
from harness.facts.installed.contents import hollow
from harness.facts.native.binaries import extension_name, extension_suffixes
from harness.facts.native.extension_modules import NUMPY, Compiled
from harness.model import Defect, Fault

if TYPE_CHECKING:
    from harness.engines.protocol import LambdaError, Trace
    from harness.facts.native.loader import Absent
    from harness.facts.native.roles import NativeFiles, Owner
    from harness.facts.python.program import Program
    from harness.facts.view import Installed
    from harness.policy import RuntimePolicy

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
MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}
MANYLINUX_2_28 = (2, 28)  # the manylinux policy after manylinux2014 (2.17) that wheels are built for
# Distributions with a sibling that needs fewer libraries of the system.
SIBLINGS: Final = {
    "opencv-python": "opencv-python-headless",
    "opencv-contrib-python": "opencv-contrib-python-headless",
    "psycopg2": "psycopg2-binary",
    "psycopg-c": "psycopg-binary",
}


def advice(  # noqa: PLR0911 - a table
    error: LambdaError, trace: Trace, program: Program
) -> Advice | None:
    """Advice on an error that native code causes; None for any other.

    Two messages mislead: one blames a circle of imports where only the compiled half of a package is absent, the other
    says that numpy must not be imported from its source directory.
    """
    text = "\n".join([error.message, *trace.causes])
    lacking = NAME.findall(text)
    names = [*NO_MODULE.findall(text), *(one for name, package in lacking for one in (f"{package}.{name}", package))]
    if known := next((known for module in names if (known := of_module(module, program))), None):
        return known
    if (package := SOURCE_DIRECTORY.search(text)) and (known := _foreign_half(package[1], program)):
        return known
    wheel = f"install the wheel for {_platform(program)}, and build the layer again"
    if match := NEWER_SYSTEM.search(text):
        return Advice(wheel, f"it was built on a system newer than Lambda's, which has no {match[1]}")
    if match := NO_BINARY.search(text):
        return Advice(wheel, f"{match[1]} is no library of this platform")
    if OLD_NUMPY.search(text):
        return _old_numpy(text, program)
    if (match := NO_LIBRARY.search(text)) and match[1].startswith("/"):
        return _by_path(match[1], program)
    if match:
        return Advice(f"put the library {match[1]} into lib/ of a layer, or install a wheel that brings it along")
    return None


def install_command(policy: RuntimePolicy, architecture: str, what: str | None) -> str:
    """The commands that install wheels for Lambda on any machine; what no distribution brings must be built.

    Args:
        policy: The function's runtime.
        architecture: The function's architecture.
        what: Requirements, or ``-r`` and a requirements file.
    """
    if what is None:
        return f"build it for Linux on {architecture}, inside {policy.image}"
    machine, python = MACHINES[architecture], "{}.{}".format(*policy.python)
    later = policy.ceiling("GLIBC").sure >= MANYLINUX_2_28
    platforms = [*([f"manylinux_2_28_{machine}"] if later else []), f"manylinux2014_{machine}"]
    pip = " ".join(f"--platform {platform}" for platform in platforms)
    uv = f"{machine}-{'manylinux_2_28' if later else 'manylinux2014'}"
    return (
        f"install it for {policy.runtime} on {architecture}: `pip install {pip} --only-binary=:all: --python-version "
        f"{python} --target python {what}`, or `uv pip install --python-platform {uv} --only-binary :all: "
        f"--python-version {python} --target python {what}`"
    )


def reinstall(program: Program, installed: Installed | None) -> str:
    """The commands that install one distribution again, for Lambda."""
    what = f"{installed.distribution.name}=={installed.distribution.version}" if installed else None
    return install_command(program.policy, program.architecture, what)


def absent_library(policy: RuntimePolicy, natives: NativeFiles, owner: Owner, absent: Absent) -> tuple[str, str]:
    """The cause and the remedy where the loader does not find a shared library."""
    name = absent.name
    if recorded := recorded_library(owner, name):
        return (
            f"{owner.name} brought it along, as {recorded} in its RECORD, and the archive no longer has it",
            f"keep {posixpath.dirname(recorded)}/ when the archive is made: an exclude pattern or a cache removed it",
        )
    if copies := natives.loader.by_name.get(name):
        return (
            f"{copies[0]} is there, and the loader does not look there: {':'.join(natives.loader.library_path)}",
            f"move it to lib/{name} of a layer, or to lib/{name} of the code archive",
        )
    others = natives.loader.by_name.items()
    if near := min((path for other, paths in others for path in paths if other.startswith(f"{name}.")), default=None):
        return (
            f"{near} is there, under another name, and the link that should lead to it is not",
            f"rename it to {name}, or copy it: a layer has no symbolic links",
        )
    version = f"{policy.operating_system}, as Lambda has it, comes without it"
    if sibling := SIBLINGS.get(owner.installed.distribution.key) if owner.installed else None:
        return version, f"install {sibling} instead, which does not need it"
    return version, (
        f"copy {name} from a container of {policy.operating_system} into lib/ of a layer (`dnf provides "
        f"'*/{name}'` names its package), or take a wheel that brings it along for "
        f"{posixpath.basename(absent.by.path)}"
    )


def recorded_library(owner: Owner, name: str) -> str | None:
    """The path that a distribution's RECORD has for a library of that name."""
    recorded = owner.installed.distribution.record if owner.installed else None
    return next((file.path for file in recorded or () if posixpath.basename(file.path) == name), None)


def of_module(module: str, program: Program) -> Advice | None:
    """Advice on a compiled module that is built for another system, or no longer there."""
    return _foreign_build(module, program) or _lost(module, program)


def _old_numpy(text: str, program: Program) -> Advice:
    """Advice on a module that was compiled for another NumPy than the one that is there."""
    old = [module.path for module in Compiled(program).unloadable() if module.numpy]
    owner = next((program.facts.owners[path] for path in old if path in program.facts.owners), None)
    numpy = next((one for one in program.facts.distributions if one.distribution.key == NUMPY), None)
    what = f"{owner.distribution.name} {owner.distribution.version}" if owner else "what imports it"
    version = f" {numpy.distribution.version}" if numpy else ""
    if "size changed" in text:
        return Advice(f"install {what} and numpy{version} of releases that belong together, and build the layer again")
    return Advice(
        f"install a version of {what} that was built for NumPy 2, or pin numpy<2, and build the layer again",
        f"it was compiled for NumPy 1, and NumPy{version} is there",
    )


def _by_path(path: str, program: Program) -> Advice:
    """Advice on a library that is opened by its path, not by its name."""
    if path in program.facts.bundle.items:
        return Advice(f"check what {path} is, and what it needs: it is there, and cannot be opened")
    root = next((root for root in ("/var/task/", "/opt/") if path.startswith(root)), None)
    if root is None:
        return Advice(f"put {path.rpartition('/')[2]} into lib/ of a layer, and open it by its name alone")
    what = "the code archive" if root == "/var/task/" else "a layer"
    return Advice(f"add {path.removeprefix(root)} to {what}", f"it is opened by this path, and no archive has {path}")


def _foreign_build(module: str, program: Program) -> Advice | None:
    """Advice on a compiled module that is there for another CPython or another system alone."""
    suffixes = extension_suffixes(program.policy.python, program.architecture)
    stems = tuple(f"{folder}/{module.replace('.', '/')}." for folder in program.search.path)
    name = f"{module.rpartition('.')[2]}."  # of a file: what is in a folder `numpy.libs` is no build of `numpy`
    builds = [
        path
        for path in program.facts.bundle.items
        if path.startswith(stems) and posixpath.basename(path).startswith(name)
    ]
    if any(f".{posixpath.basename(path).partition('.')[2]}" in suffixes for path in builds):
        return None
    path = next((path for path in builds if path.endswith(COMPILED)), None)
    if path is None:
        return None
    owner = program.facts.owners.get(path)
    return Advice(
        f"install the wheel for {_platform(program)}, and build the layer again: pip install --platform "
        f"manylinux2014_{MACHINES[program.architecture]} --python-version {'{}.{}'.format(*program.policy.python)} "
        "--only-binary :all: …",
        f"{path} is there, and this runtime loads {module.rpartition('.')[2]}{suffixes[0]}",
        faults=(Fault(Defect.FOREIGN, owner.distribution.key if owner else path),),
    )


def _foreign_half(package: str, program: Program) -> Advice | None:
    """Advice on a package with a compiled module that is there for another CPython or another system alone."""
    for folder in program.search.path:
        inside = f"{folder}/{package}/"
        for path in program.facts.bundle.items:
            if path.startswith(inside) and path.endswith(COMPILED) and (name := extension_name(path)) and name.tag:
                parent = path[len(folder) + 1 :].rpartition("/")[0].replace("/", ".")
                if known := _foreign_build(f"{parent}.{name.module}", program):
                    return known
    return None


def _lost(module: str, program: Program) -> Advice | None:
    """Advice on a module that its distribution brought along, and that is no longer there."""
    base, items = module.replace(".", "/"), program.facts.bundle.items
    stems = tuple(f"{folder}/{base}." for folder in program.search.path)
    packages = tuple(f"{folder}/{base}/__init__.py" for folder in program.search.path)
    for path, owner in program.facts.owners.items():
        compiled = path.startswith(stems) and path.endswith(COMPILED)
        source = path in packages or (path.startswith(stems) and path.endswith(".py"))
        if (compiled or source) and path not in items and not hollow(owner, program.facts.bundle):
            half = ": its compiled half is missing" if compiled else ""
            return Advice(
                f"keep {path} when {owner.archive.source} is made: an exclude pattern or a clean-up removed it",
                f"{path} is in the RECORD of {owner.distribution.name}, and in no archive{half}",
            )
    return None


def _platform(program: Program) -> str:
    return f"CPython {'{}.{}'.format(*program.policy.python)} on Linux {MACHINES[program.architecture]}"
