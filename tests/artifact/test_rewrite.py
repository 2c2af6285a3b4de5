"""An archive that is written again: what is asked for is changed, and everything else keeps its bytes."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from harness.artifact.archive import read
from harness.artifact.contents import read_file
from harness.artifact.entries import Role
from harness.artifact.rewrite import Changes, rewrite

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

NAMES = st.from_regex(r"(?:[a-c]{1,2}/)?[a-zé]{1,3}\.(?:py|txt)", fullmatch=True)


class File(NamedTuple):
    """A file as it is packed; what is streamed has its sizes behind its bytes."""

    content: bytes
    mode: int
    deflated: bool
    streamed: bool


FILES = st.builds(File, st.binary(max_size=60), st.sampled_from([0o600, 0o644, 0o755]), st.booleans(), st.booleans())


class Unseekable(io.RawIOBase):
    """A stream: zipfile cannot go back to a header in it."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return self._file.write(data)


def packed(path: Path, files: Mapping[str, File]) -> None:
    streamed = any(one.streamed for one in files.values())
    with path.open("wb") as file, zipfile.ZipFile(Unseekable(file) if streamed else file, "w") as archive:
        for name, one in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100000 | one.mode) << 16
            info.compress_type = zipfile.ZIP_DEFLATED if one.deflated else zipfile.ZIP_STORED
            archive.writestr(info, one.content)
        archive.comment = b"a comment"


def raw(path: Path) -> dict[str, bytes]:
    """The bytes of each entry, from its header to the next one's."""
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
        ends = [*(info.header_offset for info in infos[1:]), archive.start_dir]
    return {info.filename: data[info.header_offset : end] for info, end in zip(infos, ends, strict=True)}


@given(
    files=st.dictionaries(NAMES, FILES, min_size=1, max_size=6),
    drop=st.sets(NAMES, max_size=3),
    picked=st.sets(st.integers(0, 5), max_size=3),
    add=st.dictionaries(NAMES, st.binary(max_size=20), max_size=2),
)
def test_what_is_not_changed_keeps_its_bytes(
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[str, File],
    drop: set[str],
    picked: set[int],
    add: dict[str, bytes],
) -> None:
    folder = tmp_path_factory.mktemp("zip")
    path, once, twice = (folder / name for name in ("a.zip", "b.zip", "c.zip"))
    packed(path, files)
    names = [*files]
    drop = {name for at, name in enumerate(names) if at in picked} | drop
    if not {*names, *add} - (drop - add.keys()):
        add = {**add, "left.txt": b""}
    modes = dict.fromkeys(names[::2], 0o755)

    rewrite(path, once, Changes(frozenset(drop), modes, add))
    rewrite(once, twice, Changes(frozenset(drop - add.keys()), {}, add))

    after = read(once, "b.zip", Role.LAYER)
    assert after.refusals == ()
    untouched = [name for name in names if name not in drop | add.keys()]
    assert [entry.name for entry in after.entries] == [*untouched, *add]
    assert {name: raw(once)[name] for name in untouched} == {name: raw(path)[name] for name in untouched}
    assert {entry.name: read_file(after, entry) for entry in after.entries} == {
        **{name: files[name].content for name in untouched},
        **add,
    }
    assert {entry.name: entry.mode for entry in after.entries} == {
        **{name: modes.get(name, files[name].mode) for name in untouched},
        **dict.fromkeys(add, 0o644),
    }
    with zipfile.ZipFile(once) as archive:
        assert archive.testzip() is None
        assert archive.comment == b"a comment"
    assert twice.read_bytes() == once.read_bytes()
