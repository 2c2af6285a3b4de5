from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest

from harness.policy.programs import programs


@pytest.mark.parametrize(
    "path",
    [
        "/bin/sh",
        "/usr/bin/env",
        "/usr/bin/bash",
        "/bin/gawk",
        "/sbin/ldconfig",
        "/usr/sbin/chroot",
        "/var/lang/bin/python3",
        "/var/lang/bin/python3.12",
    ],
)
def test_the_runtime_has(path: str) -> None:
    assert path in programs((3, 12))


@pytest.mark.parametrize(
    "path",
    [
        "/usr/bin/python3",
        "/usr/bin/node",
        "/var/lang/bin/python3.11",
        "/bin/zsh",
        "/bin/ldconfig",
        *(f"/usr/bin/{name}" for name in ("cc", "find", "gcc", "git", "gzip", "ld", "openssl", "perl", "tar", "which")),
    ],
)
def test_the_runtime_has_not(path: str) -> None:
    assert path not in programs((3, 12))


def test_each_figure_has_its_source() -> None:
    document = tomllib.loads(files("harness.policy").joinpath("programs.toml").read_text("utf-8"))

    assert all(table["source"] for table in document.values())
