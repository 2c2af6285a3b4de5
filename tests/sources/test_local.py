"""Archives on this machine: had, or a sentence on why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.artifact.entries import Role
from harness.manifest import Source
from harness.manifest.values import SourceKind
from harness.sources.local import SourceUnavailable, fetch
from tests.artifact.zips import archive, member

if TYPE_CHECKING:
    from pathlib import Path


def source(path: Path) -> Source:
    return Source("build/code.zip", path, SourceKind.LOCAL)


def test_an_archive_is_read_by_the_name_that_the_user_gave_it(tmp_path: Path) -> None:
    path = tmp_path / "code.zip"
    path.write_bytes(archive(member()))

    found = fetch(source(path), Role.CODE)

    assert (found.source, found.path, [entry.name for entry in found.files]) == ("build/code.zip", path, ["a.py"])


def test_one_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"build/code\.zip cannot be read: No such file"):
        fetch(source(tmp_path / "code.zip"), Role.CODE)


def test_what_is_elsewhere_is_not_fetched() -> None:
    with pytest.raises(SourceUnavailable, match="s3://bucket/key is not on this machine"):
        fetch(Source("s3://bucket/key", None, SourceKind.S3), Role.CODE)
