"""How to install a distribution for the function's runtime, whatever machine that is done on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.facts.view import Installed
    from harness.policy import RuntimePolicy

_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
_LATER = (2, 28)  # the manylinux policy after manylinux2014 (2.17) that wheels are built for


def remedy(policy: RuntimePolicy, architecture: str, installed: Installed | None) -> str:
    """The commands that get a distribution's wheels for Lambda; what is no distribution's has to be built."""
    if installed is None:
        return f"build it for Linux on {architecture}, inside {policy.image}"
    machine = _MACHINES[architecture]
    later = policy.ceiling("GLIBC").sure >= _LATER
    platforms = [*([f"manylinux_2_28_{machine}"] if later else []), f"manylinux2014_{machine}"]
    python = "{}.{}".format(*policy.python)
    what = f"{installed.distribution.name}=={installed.distribution.version}"
    pip = " ".join(f"--platform {platform}" for platform in platforms)
    uv = f"{machine}-{'manylinux_2_28' if later else 'manylinux2014'}"
    return (
        f"install it for {policy.runtime} on {architecture}: `pip install {pip} --only-binary=:all: --python-version "
        f"{python} --target python {what}`, or `uv pip install --python-platform {uv} --only-binary :all: "
        f"--python-version {python} --target python {what}`"
    )
