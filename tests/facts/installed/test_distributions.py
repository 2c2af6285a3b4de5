"""What an installer's metadata says of a distribution."""

from __future__ import annotations

import json

import pytest

from fixtures.installed import distribution as made
from harness.facts.installed.distributions import Distribution, EntryPoint, Recorded, distribution

INFO = "python/left_pad-1.0.dist-info"


def read(folder: str = INFO, **files: str) -> Distribution:
    return distribution(folder, {name.replace("__", "."): text for name, text in files.items()})


def test_everything_that_an_installer_writes_is_read() -> None:
    files = made(
        "Left.Pad",
        "1.0",
        requires=("urllib3<3,>=1.26", 'pysocks; extra == "socks"'),
        requires_python=">=3.9",
        extras=("socks",),
        entry_points={"pads": {"left": "left_pad:pad"}},
        wheel_tag="cp312-cp312-linux_x86_64",
    )
    own = {name.rpartition("/")[2]: str(text) for name, text in files.items() if ".dist-info/" in name}

    found = distribution(INFO, own)

    assert (found.name, found.key, found.version, found.has_metadata) == ("Left.Pad", "left-pad", "1.0", True)
    assert found.requires == ("urllib3<3,>=1.26", 'pysocks; extra == "socks"')
    assert (found.requires_python, found.extras) == (">=3.9", ("socks",))
    assert found.entry_points == (EntryPoint("pads", "left", "left_pad:pad"),)
    assert found.tags == ("cp312-cp312-linux_x86_64",)
    assert found.record is not None
    assert found.record[0] == Recorded("python/left_pad/__init__.py", 16)
    assert (found.url, found.editable) == (None, False)


@pytest.mark.parametrize(
    ("folder", "name", "version"),
    [
        ("left_pad-1.0.dist-info", "left_pad", "1.0"),
        ("python/left_pad-1.0.post1.dist-info", "left_pad", "1.0.post1"),
        ("left_pad-1.0-py3.12.egg-info", "left_pad", "1.0"),
        ("left_pad.egg-info", "left_pad", ""),
    ],
)
def test_without_metadata_the_folder_tells_name_and_version(folder: str, name: str, version: str) -> None:
    found = read(folder)

    assert (found.name, found.version, found.has_metadata) == (name, version, False)


@pytest.mark.parametrize(
    ("folder", "site"), [("x-1.dist-info", ""), ("python/x-1.dist-info", "python/"), ("a/b/x-1.dist-info", "a/b/")]
)
def test_it_is_installed_in_the_folder_around_its_metadata(folder: str, site: str) -> None:
    assert read(folder).site == site


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("left_pad/__init__.py,sha256=abc,120", Recorded("python/left_pad/__init__.py", 120)),
        ("left_pad-1.0.dist-info/RECORD,,", Recorded("python/left_pad-1.0.dist-info/RECORD")),
        ("../bin/pad,sha256=abc,7", Recorded("bin/pad", 7)),
        ("../../bin/pad,,", Recorded("../bin/pad")),
        ('"left_pad/a,b.py",,', Recorded("python/left_pad/a,b.py")),
        ("left_pad\\win.py,,", Recorded("python/left_pad/win.py")),
        ("left_pad/x.py", Recorded("python/left_pad/x.py")),
        ("left_pad/x.py,,many", Recorded("python/left_pad/x.py")),
    ],
)
def test_its_record_lists_paths_inside_the_archive(row: str, expected: Recorded) -> None:
    assert read(RECORD=f"{row}\n").record == (expected,)


def test_a_record_that_is_not_there_is_no_empty_one() -> None:
    assert read().record is None
    assert read(RECORD="").record == ()


@pytest.mark.parametrize(
    ("origin", "url", "editable"),
    [
        ({"url": "file:///w", "dir_info": {"editable": True}}, "file:///w", True),
        ({"url": "file:///w", "dir_info": {}}, "file:///w", False),
        ({"url": "https://h.example/x.git", "vcs_info": {"vcs": "git"}}, "https://h.example/x.git", False),
        ({"dir_info": {"editable": True}}, None, False),
        ([], None, False),
        ("text", None, False),
    ],
)
def test_where_it_was_installed_from(origin: object, url: str | None, editable: bool) -> None:  # noqa: FBT001 - a table
    found = read(direct_url__json=json.dumps(origin))

    assert (found.url, found.editable) == (url, editable)


@pytest.mark.parametrize(
    "text", ["", "{", "null", "\x00", '{"url": 1, "dir_info": []}', "[a]\n,b", '"' + "a" * 200_000, "x,," + "9" * 5000]
)
def test_what_cannot_be_read_is_left_out(text: str) -> None:
    found = read(direct_url__json=text, METADATA=text, WHEEL=text, RECORD=text, entry_points__txt=text)

    assert found.key == "left-pad"
    assert not found.editable


def test_an_egg_has_its_requirements_in_a_file_of_its_own() -> None:
    metadata = "Metadata-Version: 1.2\nName: left-pad\nVersion: 1.0\n"

    found = distribution("left_pad.egg-info", {"PKG-INFO": metadata, "requires.txt": "six\n\n[fast]\nurllib3\n"})

    assert found.requires == ("six", 'urllib3; extra == "fast"')
