"""Facts are kept by content: found once, found again, never believed when they are damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures import small_base
from fixtures.broken import broken, mini, with_wrong_crc
from harness.artifact import archive
from harness.artifact.entries import Archive, Refused, Role
from harness.artifact.store import Store
from harness.facts import store as module
from harness.facts.archive import Contents, analyse, contents_of
from harness.facts.store import FactStore

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = (3, 12)
QUOTA = 262_144_000


@pytest.fixture
def layer(tmp_path: Path) -> Archive:
    return archive.read(small_base.write_layer(tmp_path / "layer.zip"), "layer.zip", Role.LAYER)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The archives that are analysed from here on."""
    seen: list[str] = []

    def read(one: Archive, scratch: Path, tree: Path | None = None) -> Contents:
        seen.append(one.sha256)
        return contents_of(one, scratch, tree)

    monkeypatch.setattr(module, "contents_of", read)
    return seen


def test_an_archive_that_was_seen_is_not_analysed_again(
    layer: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysed = counted(monkeypatch)

    first = FactStore(tmp_path / "facts").facts(layer, PYTHON)
    assert "python/tinyxml/__init__.py" in first.modules
    assert FactStore(tmp_path / "facts").facts(layer, PYTHON) == first
    layer.path.unlink()  # nor is it even opened
    again = FactStore(tmp_path / "facts").facts(layer, PYTHON)

    assert (again.sources, again.distributions) == (first.sources, first.distributions)
    assert analysed == [layer.sha256]


def test_another_python_reads_the_sources_anew(layer: Archive, tmp_path: Path) -> None:
    kept = FactStore(tmp_path / "facts")
    name = "python/tinyxml/__init__.py"

    read = [kept.facts(layer, python) for python in (PYTHON, (3, 13))]
    assert [one.modules.known.size for one in read] == [0, 0]
    assert read[0].modules[name].hash != read[1].modules[name].hash
    for python, facts in zip((PYTHON, (3, 13)), read, strict=True):
        kept.keep(layer, python, facts)

    assert [list(kept.facts(layer, python).modules.known.modules) for python in (PYTHON, (3, 13))] == [[name], [name]]


def test_what_was_read_of_sources_is_read_once(layer: Archive, tmp_path: Path) -> None:
    kept, others = FactStore(tmp_path / "facts"), FactStore(tmp_path / "facts")
    facts, same = kept.facts(layer, PYTHON), others.facts(layer, PYTHON)
    first, second = sorted(facts.modules)[:2]

    expected = {first: facts.modules[first], second: same.modules[second]}
    assert facts.modules.faults([first]) == {}
    assert not facts.modules.may_bind(first, "absent", None)
    kept.keep(layer, PYTHON, facts)
    others.keep(layer, PYTHON, same)  # adds to what another process has kept meanwhile
    layer.path.unlink()

    again = FactStore(tmp_path / "facts").facts(layer, PYTHON)
    assert {name: again.modules[name] for name in expected} == expected
    assert again.modules.faults([first]) == {}
    assert not again.modules.may_bind(first, "absent", None)


@pytest.mark.parametrize("damage", [b"", b"\x80", bytes(16) + b"\x80", b"no MessagePack"])
def test_what_is_damaged_is_found_anew(layer: Archive, tmp_path: Path, damage: bytes) -> None:
    kept = FactStore(tmp_path / "facts")
    first = kept.facts(layer, PYTHON)
    dict(first.modules)
    kept.keep(layer, PYTHON, first)
    files = list((tmp_path / "facts").glob("*.msgpack"))
    for file in files:
        file.write_bytes(damage)

    again = kept.facts(layer, PYTHON)
    assert again == first
    kept.keep(layer, PYTHON, again)
    assert [file.stat().st_size > len(damage) for file in files] == [True, True]


def test_nothing_is_kept_of_an_archive_that_is_not_what_it_declares(tmp_path: Path) -> None:
    damaged = with_wrong_crc("python/tinyxml/__init__.py")
    path = broken(small_base.write_layer(tmp_path / "good.zip"), tmp_path / "bad.zip", damaged)
    kept = FactStore(tmp_path / "facts")

    with pytest.raises(Refused, match="does not match its checksum"):
        kept.facts(archive.read(path, "bad.zip", Role.LAYER), PYTHON)

    assert [path.name for path in (tmp_path / "facts").iterdir() if not path.name.endswith(".lock")] == []


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
