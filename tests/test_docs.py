"""The pages that are generated are current, and no link in the documentation leads nowhere."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from docs import generate
from harness.catalogue import CATALOGUE
from harness.commands import telling

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
FENCED = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> Iterator[str]:
    return (found[1] for found in re.finditer(r"\]\(([^)\s]+)\)", prose(page)))


def anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_pages_are_those_of_the_checks() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in generate.FOLDER.glob("*")}

    assert written == generate.pages(), "run `python docs/generate.py`"


def test_writing_replaces_pages_and_removes_stale_ones(tmp_path: Path) -> None:
    for stale in ("no-such-check.md", "layer-count.md"):
        (tmp_path / stale).write_text("old", encoding="utf-8")

    generate.write(tmp_path)

    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == generate.pages()


@pytest.mark.parametrize("check", [check.id for check in CATALOGUE])
def test_a_page_says_what_the_command_explains(check: str, capsys: pytest.CaptureFixture[str]) -> None:
    telling.explain(argparse.Namespace(check=check), {})

    assert capsys.readouterr().out.rstrip("\n") in (generate.FOLDER / f"{check}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith(("https://", "http://")):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), link
