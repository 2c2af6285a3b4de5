"""The programs of the runtime: data, in ``programs.toml``."""

from __future__ import annotations

from functools import cache

from harness.policy.documents import read_toml

FOLDERS = {"bin": ("/bin", "/usr/bin"), "sbin": ("/sbin", "/usr/sbin")}
LANGUAGES = "/var/lang/bin"


@cache
def programs(python: tuple[int, int]) -> frozenset[str]:
    """Their paths in the runtime of one version of Python, all that lead to one program."""
    version = "{}.{}".format(*python)
    system = {
        f"{folder}/{name}" for kind, folders in FOLDERS.items() for folder in folders for name in system_programs(kind)
    }
    return frozenset(
        system
        | {f"{LANGUAGES}/{name.format(version=version)}" for name in read_toml("programs.toml")["languages"]["values"]}
    )


@cache
def uncertain(python: tuple[int, int]) -> frozenset[str]:
    """The names of programs that the image has, and of which nothing says whether the service does."""
    version = "{}.{}".format(*python)
    return frozenset(name.format(version=version) for name in read_toml("programs.toml")["languages"]["some"])


def system_programs(folder: str) -> tuple[str, ...]:
    """The names of those that the operating system has below ``/usr``, in ``bin`` or ``sbin``."""
    return tuple(name for names in read_toml("programs.toml")[folder]["packages"].values() for name in names)
