from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.zips import entry, write
from harness.artifact.archive import read
from harness.artifact.entries import Role
from harness.check import Blocked
from harness.checks.version_stamp import check
from harness.dependencies.git import head
from harness.manifest import VersionStamp
from harness.model import Finding, Note, Severity
from tests import repositories
from tests.build import Seen, archive, manifest, subject

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.check import Subject

HASH = "3f786850e387550fdab836ed7e6dc881de23001b"


def subject_of(folder: Path, files: Mapping[str, str | bytes], *stamps: VersionStamp) -> Subject:
    """A code archive of these files, with a manifest in the same folder."""
    written = [entry(name, text if isinstance(text, bytes) else text.encode()) for name, text in files.items()]
    code = read(write(folder / "code.zip", written), "code.zip", Role.CODE)
    return subject(code, declared=replace(manifest(), path=folder / "lambda-artifact.toml", version_stamps=stamps))


def verdict(folder: Path, files: Mapping[str, str | bytes], stamp: VersionStamp) -> Finding | Note:
    (one,) = check.body(subject_of(folder, files, stamp), Seen())
    return one


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return repositories.repository(tmp_path, {})


@pytest.mark.parametrize(
    ("file", "text", "stamp"),
    [
        ("VERSION", "3.8.0", VersionStamp("VERSION", equals="3.8.0")),
        ("VERSION", "\ufeff 3.8.0\r\n", VersionStamp("VERSION", equals="3.8.0\n")),
        ("VERSION", "3.8.0", VersionStamp("/var/task/./VERSION", equals="3.8.0")),
        ("VERSION", "3.8.0", VersionStamp("VERSION", environment="TAG", value=" 3.8.0 ")),
        ("VERSION", HASH, VersionStamp("VERSION", environment="GITHUB_SHA", value=HASH)),
        ("VERSION", HASH[:8], VersionStamp("VERSION", environment="GITHUB_SHA", value=HASH)),
        ("build.json", '{"version": "3.8.0"}', VersionStamp("build.json", "version", equals="3.8.0")),
        ("build.json", '{"build": {"version": "3.8.0"}}', VersionStamp("build.json", "build.version", equals="3.8.0")),
        ("build.json", '{"build.version": "3.8.0"}', VersionStamp("build.json", "build.version", equals="3.8.0")),
        ("build.json", '{"version": 3.10}', VersionStamp("build.json", "version", equals="3.10")),
        ("build.json", '{"number": 412}', VersionStamp("build.json", "number", equals="412")),
        ("build.toml", '[build]\nversion = "3.8.0"', VersionStamp("build.toml", "build.version", equals="3.8.0")),
        ("build.toml", "version = 3.10", VersionStamp("build.toml", "version", equals="3.10")),
        ("build.info", '{"version": "3.8.0"}', VersionStamp("build.info", "version", equals="3.8.0")),
        ("build.info", 'version = "3.8.0"', VersionStamp("build.info", "version", equals="3.8.0")),
    ],
)
def test_what_is_as_declared_is_noted(tmp_path: Path, file: str, text: str, stamp: VersionStamp) -> None:
    found = verdict(tmp_path, {file: text}, stamp)

    assert isinstance(found, Note)
    assert found.text.startswith(stamp.file)


@pytest.mark.parametrize(
    ("file", "text", "stamp", "message"),
    [
        (
            "VERSION",
            "3.7.9",
            VersionStamp("VERSION", equals="3.8.0"),
            "tells 3.7.9: expected 3.8.0, as the manifest",
        ),
        ("VERSION", " \n", VersionStamp("VERSION", equals="3.8.0"), "is empty: expected 3.8.0"),
        ("VERSION", "v3.8.0", VersionStamp("VERSION", equals="3.8.0"), "tells v3.8.0: expected 3.8.0"),
        ("VERSION", "3.7\x1b[2J", VersionStamp("VERSION", equals="3.8.0"), r"tells 3.7\x1b[2J: expected 3.8.0"),
        (
            "VERSION",
            "3.7",
            VersionStamp("VERSION", environment="TAG", value="3.8"),
            "tells 3.7: expected 3.8, which TAG holds",
        ),
        ("VERSION", HASH[:8], VersionStamp("VERSION", equals=HASH), f"tells {HASH[:8]}: expected {HASH}"),
        ("VERSION", HASH[:6], VersionStamp("VERSION", environment="SHA", value=HASH), f"tells {HASH[:6]}: expected"),
        ("VERSION", b"\xff\xfe", VersionStamp("VERSION", equals="3.8.0"), "is no text in UTF-8: expected 3.8.0"),
        ("OTHER", "3.8.0", VersionStamp("VERSION", equals="3.8.0"), "is not in the artifact: expected 3.8.0"),
        ("b.json", "{", VersionStamp("b.json", "version", equals="1"), "(version) is no JSON: Expecting property name"),
        ("b.toml", "=", VersionStamp("b.toml", "version", equals="1"), "(version) is no TOML: Invalid statement"),
        ("b.txt", "1", VersionStamp("b.txt", "version", equals="1"), "has no key version: expected 1"),
        ("b.txt", "a b", VersionStamp("b.txt", "version", equals="1"), "is neither JSON nor TOML"),
        ("b.json", "{}", VersionStamp("b.json", "a.b", equals="1"), "(a.b) has no key a.b: expected 1"),
        ("b.json", '{"a": {"c": 1}}', VersionStamp("b.json", "a.b", equals="1"), "has no key a.b; it has c"),
        ("b.json", '{"a": []}', VersionStamp("b.json", "a", equals="1"), "has a list under the key a"),
        ("b.json", '{"a": null}', VersionStamp("b.json", "a", equals="1"), "has null under the key a"),
        ("b.json", '{"a": true}', VersionStamp("b.json", "a", equals="true"), "has true under the key a"),
        ("b.json", "[" * 100_000, VersionStamp("b.json", "a", equals="1"), "is no JSON: "),
        ("VERSION", "3" * 1_048_577, VersionStamp("VERSION", equals="3"), "has 1,048,577 bytes"),
    ],
)
def test_anything_else_is_found(tmp_path: Path, file: str, text: str, stamp: VersionStamp, message: str) -> None:
    found = verdict(tmp_path, {file: text}, stamp)

    assert isinstance(found, Finding)
    assert found.severity is Severity.ERROR
    assert found.message.startswith(f"version stamp {stamp.file}")
    assert message in found.message
    assert found.where in {f"code.zip!{stamp.file}", f"code.zip: /var/task/{stamp.file}"}
    assert found.remedy


@pytest.mark.parametrize(
    ("form", "agrees"),
    [
        ("{}", True),
        ("{:.7}", True),
        ("{:.12}", True),
        ("v3.8.0-4-g{:.7}", True),
        ("{:.6}", False),
        ("0{:.7}", False),
        ("{}0", False),
        ("commit {}", False),
        ("main", False),
    ],
)
def test_a_commit_is_the_one_that_is_checked_out(repository: Path, form: str, agrees: bool) -> None:  # noqa: FBT001 - a column
    text = form.format(head(repository))

    found = verdict(repository, {"VERSION": text}, VersionStamp("VERSION", commit=True))

    assert isinstance(found, Note) is agrees
    if isinstance(found, Finding):
        assert found.message == (
            f"version stamp VERSION tells {text}: expected {head(repository)}, the commit that is checked out"
        )


def test_a_commit_in_capital_letters_is_the_same(repository: Path) -> None:
    text = head(repository).upper()

    assert isinstance(verdict(repository, {"VERSION": text}, VersionStamp("VERSION", commit=True)), Note)


@pytest.mark.parametrize("ending", ["-dirty", "+dirty", ".dirty", "-modified"])
def test_changes_that_nobody_committed_are_a_warning(repository: Path, ending: str) -> None:
    found = verdict(repository, {"VERSION": head(repository)[:9] + ending}, VersionStamp("VERSION", commit=True))

    assert isinstance(found, Finding)
    assert found.severity is Severity.WARNING
    assert "built with changes that were not committed" in found.message


def test_of_another_commit_with_changes_the_commit_is_what_is_wrong(repository: Path) -> None:
    found = verdict(repository, {"VERSION": f"{HASH}-dirty"}, VersionStamp("VERSION", commit=True))

    assert isinstance(found, Finding)
    assert found.severity is Severity.ERROR


def test_a_stamp_may_be_in_a_layer_or_behind_a_link(tmp_path: Path) -> None:
    layer = archive("VERSION -> /var/task/app/VERSION")
    code = read(write(tmp_path / "code.zip", [entry("app/VERSION", b"3.8.0")]), "code.zip", Role.CODE)
    declared = replace(manifest(), version_stamps=(VersionStamp("/opt/VERSION", equals="3.8.0"),))

    (found,) = check.body(subject(code, layer, declared=declared), Seen())

    assert found == Note("/opt/VERSION: 3.8.0")


def test_one_that_a_layer_lacks_is_missed_there(tmp_path: Path) -> None:
    code = read(write(tmp_path / "code.zip", [entry("VERSION", b"3.8.0")]), "code.zip", Role.CODE)
    declared = replace(manifest(), version_stamps=(VersionStamp("/opt/VERSION", equals="3.8.0"),))

    (found,) = check.body(subject(code, archive("python/x.py"), declared=declared), Seen())

    assert isinstance(found, Finding)
    assert found.where == "layer.zip: /opt/VERSION"


@pytest.mark.parametrize(
    ("stamp", "reason"),
    [
        (VersionStamp("VERSION", environment="GIT_SHA"), "VERSION: the variable GIT_SHA, which .* is not set here"),
        (
            VersionStamp("VERSION", environment="GIT_SHA", value=" "),
            "VERSION: the variable GIT_SHA, .* not set here",
        ),
        (VersionStamp("VERSION", commit=True), "VERSION: the commit .* because git says of .*: fatal: not a git repo"),
    ],
)
def test_what_is_not_known_blocks_and_what_is_stays_found(tmp_path: Path, stamp: VersionStamp, reason: str) -> None:
    subject_ = subject_of(tmp_path, {"VERSION": "1"}, stamp, VersionStamp("VERSION", equals="2"))
    found: list[Finding | Note] = []

    with pytest.raises(Blocked, match=reason):
        found.extend(check.body(subject_, Seen()))

    (one,) = found
    assert isinstance(one, Finding)
    assert one.message.startswith("version stamp VERSION tells 1: expected 2")
