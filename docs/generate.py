# ruff: noqa: INP001 - a script beside what it writes, no package
"""Writes ``docs/checks/`` from the checks' own docstrings: ``python docs/generate.py``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.catalogue import CATALOGUE

if TYPE_CHECKING:
    from harness.check import Check

FOLDER = Path(__file__).parent / "checks"
INDEX = "README.md"


def pages() -> dict[str, str]:
    """Every page that belongs into the folder, by its file's name."""
    return {INDEX: _index()} | {f"{check.id}.md": _page(check) for check in CATALOGUE}


def write(folder: Path = FOLDER) -> None:
    """Write the pages, and remove those of checks that are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for path in folder.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def _page(check: Check) -> str:
    source = Path(check.body.__code__.co_filename).name
    return (
        f"<!-- Written by docs/generate.py from harness/checks/{source}; change it there. -->\n"
        f"# {check.id}\n\n{check.doc}\n\nNeeds {check.need}. Since {check.since}. Back to [all checks]({INDEX}).\n"
    )


def _index() -> str:
    rows = (f"| [{check.id}]({check.id}.md) | {check.need} | {check.title} |" for check in CATALOGUE)
    return "\n".join(
        (
            "<!-- Written by docs/generate.py from the checks; change it there. -->",
            "# Checks",
            "",
            "In the order in which a report tells of them. Each title is true of an artifact that passes. A check that",
            "needs *a runtime* starts handlers. A check that needs *sound archives* or more is skipped where",
            "[archive-integrity](archive-integrity.md) refuses one.",
            "",
            "| Check | Needs | Title |",
            "| --- | --- | --- |",
            *rows,
            "",
        )
    )


if __name__ == "__main__":
    write()
