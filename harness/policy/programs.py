"""Which programs of the runtime a script may name as its interpreter: data, in ``programs.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

SHELLS = ("/bin", "/usr/bin")
LANGUAGES = "/var/lang/bin"


@cache
def programs(python: tuple[int, int]) -> frozenset[str]:
    """Their paths in the runtime of one version of Python."""
    document = tomllib.loads(files(__package__).joinpath("programs.toml").read_text("utf-8"))
    version = "{}.{}".format(*python)
    shells = {f"{folder}/{name}" for folder in SHELLS for name in document["shells"]["values"]}
    return frozenset(
        shells | {f"{LANGUAGES}/{name.format(version=version)}" for name in document["languages"]["values"]}
    )
