"""The machine of a measurement, and the versions of its programs."""

from __future__ import annotations

import os
import platform
import shutil
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders import versions
from benchmarks.measure import Unmeasurable, file_system
from harness import __version__

if TYPE_CHECKING:
    from benchmarks.contenders import Workshop

GIB = 1 << 30


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def machine(workshop: Workshop) -> dict[str, str]:
    """The machine; figures of another are not comparable."""
    return {
        "processor": f"{_processor()}, {cores()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / GIB:.0f} GiB",
        "file system": file_system(workshop.folder),
        "kernel": f"{platform.system()} {platform.release()}",
    }


def tools(workshop: Workshop) -> dict[str, str]:
    """The versions of what is measured and of what it is compared with; what is not there is left out."""
    environ = workshop.environ
    found = {
        "harness": f"{__version__} {_commit()}".strip(),
        "Python of the harness": platform.python_version(),
        "bubblewrap": versions(["bwrap", "--version"]).removeprefix("bubblewrap "),
        "unzip": versions(["unzip", "-v"]).removeprefix("UnZip ").partition(" ")[0],
        "SAM": versions([workshop.folder / "sam" / "bin" / "sam", "--version"]).rpartition(" ")[2],
        "pip": versions([workshop.folder / "pip" / "bin" / "python", "-m", "pip", "--version"])
        .removeprefix("pip ")
        .partition(" ")[0],
        "pytest": f"{version('pytest')}, xdist {version('pytest-xdist')}",
        "pyperf": version("pyperf"),
        "ruff": version("ruff"),
    }
    with suppress(Unmeasurable):
        found["Python of the functions"] = versions([workshop.python, "--version"]).removeprefix("Python ")
    with suppress(Unmeasurable):
        docker, image = workshop.docker
        said = "{{.ServerVersion}}, {{.Driver}}, cgroup {{.CgroupVersion}}"
        found["Docker"] = f"{versions([docker, 'info', '--format', said], environ)}, {image}"
    return {name: text for name, text in found.items() if text}


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    if shutil.which("git") is None:
        return ""
    here = Path(__file__).parent
    return versions(["git", "-C", here, "describe", "--always", "--dirty", "--exclude", "*"])
