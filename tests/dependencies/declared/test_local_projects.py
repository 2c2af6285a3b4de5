"""Lines that name a folder, beside what is asked for by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.dependencies.declared.local_projects import with_folders
from harness.dependencies.declared.project_file import read_declared
from harness.dependencies.declared.requirements import read_requirements

if TYPE_CHECKING:
    from pathlib import Path

OWN = """\
[project]
name = "shop"
version = "1"
dependencies = ["requests", "jinja2>=3"]
[project.optional-dependencies]
pg = ["psycopg2-binary"]
"""
LIBRARY = '[project]\nname = "Acme.Core"\nversion = "0.1"\ndependencies = ["jinja2"]\n'

# A line; the names that are asked for, with the folder of each; what is left without a name.
LINES: dict[str, tuple[str, dict[str, str | None], int]] = {
    "the project": (".", {"requests": None, "jinja2": None}, 0),
    "the project, linked": ("-e .", {"requests": None, "jinja2": None}, 0),
    "the project with an extra": (".[pg]", {"requests": None, "jinja2": None, "psycopg2-binary": None}, 0),
    "another project": ("./libs/core", {"acme-core": "libs/core"}, 0),
    "another project, linked": ("-e ./libs/core[fast]", {"acme-core": "libs/core"}, 0),
    "a folder that is no project": ("./libs", {}, 1),
    "a folder that is not there": ("./nowhere", {}, 1),
}


@pytest.mark.parametrize(("line", "expected", "unnamed"), LINES.values(), ids=LINES.keys())
def test_lines(line: str, expected: dict[str, str | None], unnamed: int, tmp_path: Path) -> None:
    (tmp_path / "libs" / "core").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(OWN, encoding="utf-8")
    (tmp_path / "libs" / "core" / "pyproject.toml").write_text(LIBRARY, encoding="utf-8")
    (tmp_path / "requirements.txt").write_text(f"{line}\n", encoding="utf-8")
    declared = read_declared(tmp_path / "pyproject.toml", tmp_path)

    build = with_folders(read_requirements([tmp_path / "requirements.txt"], tmp_path), declared, tmp_path)

    assert {one.name: one.folder for one in build.asked} == expected
    assert len(build.unnamed) == unnamed
