"""The files of the runtime's system: where each stands, and what says so."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from harness.policy import known_runtimes, runtime_policy
from harness.policy.files import system_files

if TYPE_CHECKING:
    from collections.abc import Iterator


def tables() -> Iterator[dict[str, Any]]:
    document = tomllib.loads(files("harness.policy").joinpath("files.toml").read_text("utf-8"))
    yield from document.pop("systems").values()
    yield from document.values()


def test_each_figure_has_its_source() -> None:
    assert [table for table in tables() if len(table["source"].split()) < 3] == []


@pytest.mark.parametrize("runtime", known_runtimes())
def test_each_runtimes_system_has_its_files(runtime: str) -> None:
    system = runtime_policy(runtime).operating_system
    found = system_files(system)
    assert f'PRETTY_NAME="{system}"\n' in found.texts["usr/lib/os-release"]
    paths = [*found.folders, *found.links, *found.texts, *found.copies]
    assert len(set(paths)) == len(paths)
    assert [path for path in paths if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts] == []
    assert [name for name, target in found.links.items() if target.startswith("/")] == []
