"""Facts are kept by content: found once, found again, never believed when they are damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures import small
from fixtures.broken import broken, mini, with_wrong_crc
from harness.artifact import archive
from harness.artifact.entries import Archive, Refused, Role
from harness.artifact.store import Store
from harness.facts import store as module
from harness.facts.archive import ArchiveFacts, analyse
from harness.facts.store import FactStore

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = (3, 12)
QUOTA = 262_144_000


@pytest.fixture
def layer(tmp_path: Path) -> Archive:
    return archive.read(small.write_layer(tmp_path / "layer.zip"), "layer.zip", Role.LAYER)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The archives that are analysed from here on."""
    seen: list[str] = []

    def analysed(one: Archive, python: tuple[int, int], scratch: Path, tree: Path | None = None) -> ArchiveFacts:
        seen.append(one.sha256)
        return analyse(one, python, scratch, tree)

    monkeypatch.setattr(module, "analyse", analysed)
    return seen


def test_an_archive_that_was_seen_is_not_analysed_again(
    layer: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysed = counted(monkeypatch)

    first = FactStore(tmp_path / "facts").facts(layer, PYTHON)
    layer.path.unlink()  # nor is it even opened
    again = FactStore(tmp_path / "facts").facts(layer, PYTHON)

    assert again == first
    assert "python/tinyxml/__init__.py" in first.modules
    assert analysed == [layer.sha256]


def test_another_pythons_facts_are_others(layer: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    analysed = counted(monkeypatch)
    kept = FactStore(tmp_path / "facts")

    kept.facts(layer, PYTHON)
    kept.facts(layer, (3, 13))

    assert len(analysed) == kept.usage()[0] == 2


@pytest.mark.parametrize("damage", [b"", b"\x80", bytes(16) + b"\x80", b"no MessagePack"])
def test_what_is_damaged_is_found_anew(layer: Archive, tmp_path: Path, damage: bytes) -> None:
    kept = FactStore(tmp_path / "facts")
    first = kept.facts(layer, PYTHON)
    (file,) = (tmp_path / "facts").glob("*.msgpack")
    file.write_bytes(damage)

    assert kept.facts(layer, PYTHON) == first
    assert file.stat().st_size > len(damage)


def test_nothing_is_kept_of_an_archive_that_is_not_what_it_declares(tmp_path: Path) -> None:
    damaged = with_wrong_crc("python/tinyxml/__init__.py")
    path = broken(small.write_layer(tmp_path / "good.zip"), tmp_path / "bad.zip", damaged)
    kept = FactStore(tmp_path / "facts")

    with pytest.raises(Refused, match="does not match its checksum"):
        kept.facts(archive.read(path, "bad.zip", Role.LAYER), PYTHON)

    assert kept.usage() == (0, 0)
    assert [path.name for path in (tmp_path / "facts").iterdir() if not path.name.endswith(".lock")] == []


def test_pruned(layer: Archive, tmp_path: Path) -> None:
    kept = FactStore(tmp_path / "facts")
    kept.facts(layer, PYTHON)

    kept.prune()

    assert kept.usage() == (0, 0)


def test_zip_tree_and_folder_say_the_same(layer: Archive, tmp_path: Path) -> None:
    tree = Store(tmp_path / "trees").tree(layer, QUOTA)
    of_zip = analyse(layer, PYTHON, tmp_path)

    assert analyse(layer, PYTHON, tmp_path, tree) == of_zip
    assert analyse(archive.read(tree, "tree", Role.LAYER), PYTHON, tmp_path) == of_zip


def test_large_files_are_read_like_small_ones(tmp_path: Path) -> None:
    source = b"import os\n" + b"#" * (5 * 1024 * 1024) + b"\nimport gone\n"
    path = mini(tmp_path / "code.zip", {"large.py": source, "small.py": "import os\nimport gone\n"})

    facts = analyse(archive.read(path, "code.zip", Role.CODE), PYTHON, tmp_path)

    names = {name: [one.module for one in module.imports] for name, module in facts.modules.items()}
    assert names == {"large.py": ["os", "gone"], "small.py": ["os", "gone"]}


def test_halves_of_characters_are_escaped(tmp_path: Path) -> None:
    origin = b'{"url": "file:///\\ud800", "dir_info": {}}'
    texts: dict[str, str | bytes] = {
        "a-1.dist-info/METADATA": "Name: a\nVersion: 1\n",
        "a-1.dist-info/direct_url.json": origin,
    }
    code = archive.read(mini(tmp_path / "code.zip", texts), "code.zip", Role.CODE)
    kept = FactStore(tmp_path / "facts")

    first = kept.facts(code, PYTHON)

    assert [one.url for one in first.distributions] == ["file:///\\ud800"]
    assert kept.facts(code, PYTHON) == first
