"""``fleet``: each member judged once, one report, shards, and what is new since the last run."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import msgspec
import pytest

from fixtures.broken import mini
from harness.cli import run
from harness.fleet import pool
from harness.fleet.document import FORMATS
from harness.fleet.json_v1 import FleetV1, earlier
from harness.fleet.judge import Judge, report_name
from harness.fleet.members import FileMember, in_folder, of_list, ordered, sharded
from harness.fleet.values import MemberVerdict
from harness.fleet.verification import verify
from harness.model import ExitCode, UsageError, Verdict
from harness.reporters import json_v1
from tests.build import TODAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.fleet.values import Member
    from harness.manifest import Manifest

ROOT = Path(__file__).parents[2]
APP = "import {}\n\n\ndef handler(event, context):\n    return 1\n"
LAYER = {"python/shared.py": "VALUE = 1\n"}


def project(folder: Path, imports: str = "shared", layers: str = '["../../layer.zip"]') -> None:
    folder.mkdir(parents=True)
    mini(folder / "code.zip", {"app.py": APP.format(imports)})
    text = f'code = "code.zip"\nlayers = {layers}\n[functions.api]\nhandler = "app.handler"\n'
    (folder / "lambda-artifact.toml").write_text(text, encoding="utf-8")


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Two teams with five members, of which two lack one module and one has a manifest that is none."""
    root = tmp_path / "fleet"
    for name, imports in {"desk/a": "shared", "desk/b": "absent", "post/c": "absent", "post/d": "json"}.items():
        project(root / name, imports)
    mini(root / "layer.zip", LAYER)
    (root / "post" / "e").mkdir()
    (root / "post" / "e" / "lambda-artifact.toml").write_text("code = 1\n", encoding="utf-8")
    return root


def judge(folder: Path) -> Judge:
    return Judge("none", folder / "cache", {}, TODAY)


def command(folder: Path, *options: str) -> int:
    environ = {"LAMBDA_ARTIFACT_CACHE": str(folder / "cache"), "PATH": os.environ["PATH"]}
    return run(["fleet", *options], environ)


def test_the_report_by_team_and_cause(fleet: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    outputs = {name: tmp_path / f"report.{name}" for name in ("json", "html", "sarif", "markdown")}
    options = [part for name, path in outputs.items() for part in ("--output", f"{name}={path}")]

    absent = "--verdict-cache", str(tmp_path / "absent")
    code = command(tmp_path, str(fleet), "--engine", "none", "--reports", str(tmp_path / "reports"), *absent, *options)

    said = json.loads(outputs["json"].read_text("utf-8"))
    assert code == said["exit_code"] == ExitCode.FINDINGS
    assert {one["name"]: (one["team"], one["verdict"]) for one in said["members"]} == {
        "desk/a": ("desk", "pass"),
        "desk/b": ("desk", "fail"),
        "post/c": ("post", "fail"),
        "post/d": ("post", "pass"),
        "post/e": ("post", "incomplete"),
    }
    assert "code" in said["members"][-1]["reason"]
    (cause,) = said["causes"]
    assert (cause["title"], cause["members"], cause["functions"]) == (
        "No module named 'absent'",
        ["desk/b", "post/c"],
        2,
    )
    assert cause["edit"]
    assert said["runtimes"] == {"python3.12": 4}
    terminal = capfd.readouterr().out
    assert terminal.startswith("FAIL  2 of 5 members; 1 not judged, or not completely\n")
    assert "python3.12: 4 (until 2028-10-31)" in terminal
    assert [note for note in said["notes"] if "absent does not exist; --write-verdict-cache makes it" in note]
    page = (tmp_path / "reports" / "index.html").read_text("utf-8")
    own = (tmp_path / "reports" / report_name("desk/b")).read_text("utf-8")
    assert f'<a href="{report_name("desk/b")}">desk/b</a> fail' in page
    assert len({report_name(name) for name in ("a/b-c", "a-b/c", "a-b-c", "index")} - {"index.html"}) == 4
    assert "No module named" in own
    (sarif,) = json.loads(outputs["sarif"].read_text("utf-8"))["runs"]
    assert [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in sarif["results"]] == [
        "desk/b",
        "post/c",
    ]
    assert not sarif["invocations"][0]["executionSuccessful"]


def test_what_was_not_judged_is_no_pass(fleet: Path, tmp_path: Path) -> None:
    (fleet / "list").write_text("desk/a # sound\n\npost/e\n", encoding="utf-8")

    assert command(tmp_path, "--list", str(fleet / "list"), "--engine", "none") == ExitCode.INCOMPLETE


def test_what_is_new_since_the_last_run(fleet: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    options = (str(fleet), "--engine", "none", "--verdict-cache", str(tmp_path / "verdicts"), "--write-verdict-cache")
    command(tmp_path, *options, "--output", f"json={first}")
    mini(fleet / "desk/a/code.zip", {"app.py": APP.format("another")})

    command(tmp_path, *options, "--since", str(first), "--output", f"json={second}")

    said = json.loads(second.read_text("utf-8"))
    assert {one["title"]: one["new"] for one in said["causes"]} == {
        "No module named 'absent'": False,
        "No module named 'another'": True,
    }
    assert {one["name"]: one["from_verdict_cache"] for one in said["members"]} == {
        "desk/a": False,
        "desk/b": True,
        "post/c": True,
        "post/d": True,
        "post/e": False,
    }


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("absent",),
        ("--list", "absent"),
        ("--prefix", "a", "."),
        ("--account", "."),
        ("--account", "--engine", "process"),
        ("--account", "--tag", "team"),
        ("find",),
        ("find", "urllib3<<2", "."),
        ("rehearse", "."),
        ("rehearse", ".", "--layer", "a=absent.zip"),
        ("--shard", "3/2", "."),
        ("--jobs", "0", "."),
        ("--since", "absent.json", "."),
        ("--cluster", "local:x", "."),
        (".", "."),
    ],
)
def test_what_makes_no_sense_is_refused(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.chdir(fleet)

    assert command(tmp_path, *options) == ExitCode.USAGE


def verdict(name: str, seconds: float = 1.0, *layers: str) -> MemberVerdict:
    return MemberVerdict(
        name, "", verdict=Verdict.PASS, archives=tuple(("layer", one) for one in layers), seconds=seconds
    )


MEMBERS = [FileMember(f"{number:02}", "", Path()) for number in range(40)]
LAST = {one.name: verdict(one.name, 1 + number % 7, f"layer {number % 5}") for number, one in enumerate(MEMBERS)}


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shards_are_a_partition_take_equally_long_and_share_their_layers(count: int) -> None:
    shards = [sharded(MEMBERS, LAST, index, count) for index in range(1, count + 1)]

    assert sorted(one.name for shard in shards for one in shard) == [one.name for one in MEMBERS]
    loads = [sum(LAST[one.name].seconds for one in shard) for shard in shards]
    assert max(loads) - min(loads) <= 40
    fetched = sum(len({LAST[one.name].layers for one in shard}) for shard in shards)
    assert fetched <= 5 + count - 1


def test_members_of_one_layer_set_follow_one_another_the_longest_first() -> None:
    order = [LAST[one.name] for one in ordered(MEMBERS, LAST)]

    sets = [one.layers for one in order]
    assert sum(before != after for before, after in pairwise(sets)) == 4
    assert all(one.seconds >= other.seconds for one, other in pairwise(order) if one.layers == other.layers)


def test_shards_together_are_the_whole(fleet: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{index}.json" for index in (1, 2)]
    for index, file in enumerate(files, 1):
        command(tmp_path, str(fleet), "--engine", "none", "--shard", f"{index}/2", "--output", f"json={file}")

    assert sorted(earlier(*files)) == ["desk/a", "desk/b", "post/c", "post/d", "post/e"]


@dataclass(frozen=True)
class Deadly:
    """A member that ends the process which judges it: always, or only where others are judged."""

    name: str
    team: str = ""
    always: bool = True

    def manifest(self, environ: Mapping[str, str]) -> Manifest:
        del environ
        if self.always:
            os.kill(os.getpid(), signal.SIGKILL)
        raise UsageError("it is nothing")


def test_a_process_that_dies_takes_its_own_member_alone(fleet: Path, tmp_path: Path) -> None:
    assert multiprocessing.current_process().name == "MainProcess"
    members: list[Member] = [*in_folder(fleet), Deadly("deadly")]

    found = list(pool.judged(members, judge(tmp_path), 2, lambda _: None))

    assert Counter(one.name for one in found) == Counter(one.name for one in members)
    reasons = {one.name: one.reason for one in found if one.reason}
    assert reasons.pop("deadly") == "the process that verified it died, twice"
    assert set(reasons) == {"post/e"}


def test_a_report_is_of_its_schema_and_read_back(fleet: Path, tmp_path: Path) -> None:
    alone = judge(tmp_path)
    report = verify(list(in_folder(fleet)), alone, {}, lambda members, judge: map(judge, members))
    text = FORMATS["json"](report)
    (tmp_path / "report.json").write_text(text, encoding="utf-8")

    schema = (ROOT / "docs/fleet-v1.schema.json").read_text("utf-8")
    assert schema == json_v1.schema(FleetV1, "lambda-artifact/fleet/v1"), "write it anew"
    jsonschema.Draft202012Validator(json.loads(schema)).validate(json.loads(text))
    rounded = {one.name: replace(one, seconds=round(one.seconds, 3)) for one in report.members}
    assert earlier(tmp_path / "report.json") == rounded
    assert msgspec.json.decode(text, type=FleetV1).verdict == "fail"


def test_a_list_names_folders_and_files(fleet: Path) -> None:
    (fleet / "list").write_text("desk/a\npost/d/lambda-artifact.toml\n", encoding="utf-8")

    assert [(one.name, one.team) for one in of_list(fleet / "list")] == [("desk/a", "desk"), ("post/d", "post")]


class TestFind:
    """Against an oracle that opens every zip of every manifest."""

    def found(self, folder: Path, capfd: pytest.CaptureFixture[str], *options: str) -> set[tuple[str, str, str]]:
        capfd.readouterr()
        command(folder, "find", *options, "--format", "json")
        said = json.loads(capfd.readouterr().out)
        return {(one["member"], one["what"], one["where"]) for one in said["matches"]}

    @pytest.fixture
    def fleet(self, tmp_path: Path) -> Path:
        root = tmp_path / "fleet"
        for name, version in {"old": "1.26.5", "new": "2.6.0"}.items():
            info = f"urllib3-{version}.dist-info"
            metadata = f"Metadata-Version: 2.1\nName: urllib3\nVersion: {version}\n"
            mini(root.parent / f"{name}.zip", {f"python/{info}/METADATA": metadata, "python/urllib3/__init__.py": ""})
            project(root / "desk" / name, "urllib3", f'["../../../{name}.zip"]')
        project(root / "desk" / "none", "json", "[]")
        return root

    def test_a_distribution_at_a_version(self, fleet: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        old = ("desk/old", "urllib3 1.26.5", "../../../old.zip")
        new = ("desk/new", "urllib3 2.6.0", "../../../new.zip")
        assert self.found(tmp_path, capfd, "urllib3<2.6", str(fleet)) == {old}
        assert self.found(tmp_path, capfd, "URLLIB3", str(fleet)) == {old, new}
        assert self.found(tmp_path, capfd, "urllib3>3", str(fleet)) == set()

    def test_a_layer_and_a_runtime(self, fleet: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        layer = str(tmp_path / "old.zip")
        assert {one for one, *_ in self.found(tmp_path, capfd, layer, str(fleet))} == {"desk/old"}
        assert len(self.found(tmp_path, capfd, "runtime<2028-12-01", str(fleet))) == 3
        assert not self.found(tmp_path, capfd, "runtime<2028-01-01", str(fleet))

    def test_a_member_that_cannot_be_read_is_named(
        self, fleet: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "old.zip").unlink()

        assert command(tmp_path, "find", "urllib3", str(fleet)) == ExitCode.INCOMPLETE
        assert "NOT DONE  desk/old: " in capfd.readouterr().out


class TestRehearsal:
    """A new layer under those that carry the old one."""

    @pytest.mark.parametrize(
        ("files", "code", "broken"),
        [
            (LAYER, ExitCode.OK, []),
            ({"python/other.py": ""}, ExitCode.FINDINGS, ["desk/a"]),
        ],
    )
    def test_only_what_is_new_is_reported(
        self, fleet: Path, tmp_path: Path, files: dict[str, str], code: int, broken: list[str]
    ) -> None:
        warned = {"python/.env": "PASSWORD=one\n"}  # of which each says the same, about a layer of another name
        (fleet / "post/e/lambda-artifact.toml").unlink()
        mini(fleet / "layer.zip", {**LAYER, **warned})
        mini(tmp_path / "new.zip", {**files, **warned, "python/more.py": ""})
        project(fleet / "desk" / "without", "absent", "[]")
        layer, report = f"{fleet / 'layer.zip'}={tmp_path / 'new.zip'}", tmp_path / "report.json"

        assert (
            command(
                tmp_path, "rehearse", str(fleet), "--layer", layer, "--engine", "none", "--output", f"json={report}"
            )
            == code
        )

        said = json.loads(report.read_text("utf-8"))
        assert [one["name"] for one in said["members"]] == ["desk/a", "desk/b", "post/c", "post/d"]
        assert [one["name"] for one in said["members"] if one["problems"]] == broken
