"""Builds a layer and a function for each distribution, once, below ``build/crater``."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from benchmarks.crater.distributions import Unknown, handler_source, import_names
from fixtures import zips
from fixtures.build import _forget_this_machine as forget_this_machine
from fixtures.build import _uv as find_uv
from harness.manifest import FILE_NAME

if TYPE_CHECKING:
    from benchmarks.crater.distributions import Specimen

PYTHON = "3.12"
PLATFORM = "x86_64-manylinux_2_34"  # the newest whose wheels run on Lambda's glibc
LAYER = "layer.zip"
_BUILT = "built.json"
_MEMORY_MB = 3008


@dataclass(frozen=True, slots=True)
class Built:
    """The installation of a distribution.

    Attributes:
        made_of: What it depends on; another value makes it stale.
        left_out: Why there is no layer, where there is none.
        modules: The import names of the distribution itself.
        installed: All distributions in the layer, with their versions.
    """

    made_of: str
    left_out: str = ""
    version: str = ""
    modules: tuple[str, ...] = ()
    installed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


class Uninstallable(Exception):  # noqa: N818 - the registry or the network, not an error of ours
    """It could not be installed for a reason that may be gone tomorrow; the message has uv's words."""


def ensure(specimen: Specimen, folder: Path, scratch: Path, *, refresh: bool = False) -> Built:
    """Build the distribution's layer unless it is there, and lay out the function beside it.

    Args:
        specimen: What to build.
        folder: Of this distribution.
        scratch: Where it is installed for the while.
        refresh: Whether today's versions are wanted although a layer is there.

    Raises:
        Uninstallable: uv failed for another reason than a missing wheel.
        Unknown: It has nothing to import, and the table does not say what else to do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made_of = f"{specimen.requirement} for CPython {PYTHON} on {PLATFORM}"
    built = _read(folder)
    if refresh or built is None or built.made_of != made_of:
        (folder / _BUILT).unlink(missing_ok=True)  # until the layer is whole, it does not count
        built = _install(specimen, folder / LAYER, scratch, made_of)
        (folder / _BUILT).write_text(json.dumps(asdict(built), indent=1) + "\n", encoding="utf-8")
    if not built.left_out:
        _lay_out(specimen, folder, built)
    return built


def _read(folder: Path) -> Built | None:
    try:
        stored = json.loads((folder / _BUILT).read_text(encoding="utf-8"))
        built = Built(**{**stored, "modules": tuple(stored["modules"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return built if built.left_out or (folder / LAYER).is_file() else None


def _install(specimen: Specimen, layer: Path, scratch: Path, made_of: str) -> Built:
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=scratch) as temporary:
        root = Path(temporary)
        site = root / "python"
        if reason := _uv(specimen.requirement, site):
            return Built(made_of, left_out=reason)
        forget_this_machine(site)
        installed = {_header(path, "Name"): _header(path, "Version") for path in site.glob("*.dist-info/METADATA")}
        installed = {canonicalize_name(name): version for name, version in sorted(installed.items())}
        files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
        zips.write(layer, zips.from_files(files))
        modules = import_names(_record(site, specimen.distribution))
    version = installed[specimen.distribution]
    return Built(made_of, "", version, modules, installed, round(time.perf_counter() - began, 1))


def _uv(requirement: str, site: Path) -> str:
    """Install for Lambda's Python and platform; why there is nothing to install, where that is so."""
    command = [find_uv(), "pip", "install", "--quiet", "--no-config", "--color", "never"]
    command += ["--python", sys.executable]  # only looked at: what is installed is chosen by the next two options
    command += ["--python-version", PYTHON, "--python-platform", PLATFORM, "--only-binary", ":all:"]
    command += ["--no-installer-metadata", "--no-compile-bytecode", "--link-mode", "copy"]
    done = subprocess.run([*command, "--target", str(site), requirement], check=False, capture_output=True, text=True)
    if not done.returncode:
        return ""
    said = " ".join(done.stderr.split())
    if re.search(r"no (usable )?wheels|no wheel|not have.* wheel|building from source is disabled", said):
        return f"no wheel for CPython {PYTHON} on x86_64 Linux"
    raise Uninstallable(f"{requirement}: {said}")


def _header(path: Path, name: str) -> str:
    with path.open(encoding="utf-8") as file:
        return HeaderParser().parse(file, headersonly=True)[name]


def _record(site: Path, distribution: str) -> list[str]:
    for path in site.glob("*.dist-info/METADATA"):
        if canonicalize_name(_header(path, "Name")) == distribution:
            text = path.with_name("RECORD").read_text(encoding="utf-8")
            return [row[0] for row in csv.reader(text.splitlines()) if row]
    raise Unknown(f"{distribution} was installed without its metadata")


def _lay_out(specimen: Specimen, folder: Path, built: Built) -> None:
    """Write what stands beside the layer; cheap, and so done anew each time."""
    modules = specimen.imports or built.modules
    if not modules:
        raise Unknown(f"{specimen.requirement} has nothing to import: say in [imports] what its function does instead")
    zips.write(folder / "code.zip", [zips.entry("handler.py", handler_source(modules).encode())])
    requirement = json.dumps(specimen.requirement)
    texts = {
        "event.json": "{}\n",
        "requirements.txt": f"{specimen.requirement}\n",
        "pyproject.toml": f'[project]\nname = "crater"\nversion = "1"\ndependencies = [{requirement}]\n',
        FILE_NAME: _MANIFEST,
    }
    for name, text in texts.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:  # another run may be reading it
            path.write_text(text, encoding="utf-8")


_MANIFEST = f"""\
code = "code.zip"
layers = ["{LAYER}"]
requirements = ["requirements.txt"]
project = "pyproject.toml"
memory = {_MEMORY_MB}
timeout = 60

[functions.function]
handler = "handler.handler"
events = ["event.json"]
"""
