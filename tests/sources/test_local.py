"""Archives on this machine: had, or a sentence on why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.artifact.entries import Role
from harness.artifact.known import Known
from harness.manifest import Source
from harness.manifest.values import SourceKind
from harness.sources.local import SourceUnavailable, fetch
from tests.artifact.zips import archive, member

if TYPE_CHECKING:
    from pathlib import Path


def source(path: Path) -> Source:
    return Source("build/code.zip", path, SourceKind.LOCAL)


def test_an_archive_is_read_and_kept_in_mind_where_there_is_a_place_for_it(tmp_path: Path) -> None:
    path = tmp_path / "code.zip"
    path.write_bytes(archive(member()))

    first = fetch(source(path), Role.CODE)
    again = [fetch(source(path), Role.CODE, tmp_path / "known", trust_mtime=trust) for trust in (True, True, False)]

    assert first.source == "build/code.zip"
    assert again == [first] * 3


def test_nothing_is_kept_of_one_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"build/code\.zip cannot be read: No such file"):
        fetch(source(tmp_path / "code.zip"), Role.CODE, tmp_path / "known")
    assert Known(tmp_path / "known").usage() == (0, 0)
    assert list(tmp_path.iterdir()) == []


def test_what_is_elsewhere_is_not_fetched() -> None:
    with pytest.raises(SourceUnavailable, match="s3://bucket/key is not on this machine"):
        fetch(Source("s3://bucket/key", None, SourceKind.S3), Role.CODE)
