"""Every hostile archive is refused in words, while it is read or while it is unpacked, and writes nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.artifact.archive import read
from harness.artifact.entries import Refused
from harness.artifact.store import Store
from harness.artifact.unpack import unpack
from tests.artifact.hostile import CORPUS, Hostile

if TYPE_CHECKING:
    from pathlib import Path

    from harness.artifact.entries import Archive, Refusal

LIMIT = 262_144_000

each = pytest.mark.parametrize("hostile", CORPUS, ids=lambda hostile: hostile.make.__name__)


def refusals_of(archive: Archive, destination: Path) -> tuple[Refusal, ...]:
    if archive.refusals:
        return archive.refusals
    with pytest.raises(Refused) as caught:
        unpack(archive, destination, LIMIT)
    return (caught.value.refusal,)


def archive_of(hostile: Hostile, folder: Path) -> Archive:
    path = folder / "code.zip"
    path.write_bytes(hostile.make())
    return read(path, "code.zip", hostile.role)


def test_the_corpus_breaks_one_rule_at_a_time() -> None:
    assert len({hostile.make.__name__ for hostile in CORPUS}) == len(CORPUS) >= 45


@each
def test_it_is_refused_for_its_reason(hostile: Hostile, tmp_path: Path) -> None:
    refusals = refusals_of(archive_of(hostile, tmp_path), tmp_path / "inside")
    assert hostile.says in refusals[0].reason
    assert all(refusal.remedy for refusal in refusals)
    assert all((refusal.entry or "").isprintable() for refusal in refusals)


@each
def test_nothing_is_written_outside_its_folder(hostile: Hostile, tmp_path: Path) -> None:
    archive = archive_of(hostile, tmp_path)
    beside = set(tmp_path.rglob("*"))
    refusals_of(archive, tmp_path / "inside")
    inside = {tmp_path / "inside", *(tmp_path / "inside").rglob("*")}
    assert set(tmp_path.rglob("*")) - inside == beside


@each
def test_the_store_keeps_nothing_of_it(hostile: Hostile, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(Refused):
        store.tree(archive_of(hostile, tmp_path), LIMIT)
    assert {path.name for path in (tmp_path / "store").glob("*")} <= {"locks"}


def test_a_bomb_stops_at_the_size_that_it_declares(tmp_path: Path) -> None:
    bomb = next(hostile for hostile in CORPUS if hostile.make.__name__ == "bomb")
    refusals_of(archive_of(bomb, tmp_path), tmp_path / "inside")
    assert (tmp_path / "inside" / "a.py").stat().st_size <= 10
