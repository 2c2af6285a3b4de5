"""A Dask cluster whose workers are killed, stop, answer wrongly, or have none of this machine's archives."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from fixtures.broken import mini
from harness.fleet import cluster, dask_cluster
from harness.fleet.account import AccountMember, Listed
from harness.fleet.dask_cluster import Needs
from harness.fleet.judge import Judge
from harness.fleet.members import in_folder
from harness.fleet.verification import verify
from harness.model import UsageError, Verdict
from tests.build import TODAY

if TYPE_CHECKING:
    from pathlib import Path

    from harness.fleet.values import Member, MemberVerdict

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

MEMBERS = 24
KILLED, STOPPED, LYING = 0, 1, 2


@dataclass(frozen=True)
class Mischief(Judge):
    """Judges rightly here, and in its own way on each worker."""

    def __call__(self, member: Member) -> MemberVerdict:
        from distributed import get_worker  # noqa: PLC0415 - only workers have one

        verdict = super().__call__(member)
        try:
            name = get_worker().name
        except ValueError:
            return verdict
        if name == LYING:
            return replace(verdict, name="another", worker="", verdict=Verdict.FAIL)
        for one, number in ((KILLED, signal.SIGKILL), (STOPPED, signal.SIGSTOP)):
            if name == one:
                try:
                    (self.cache / f"{name}").touch(exist_ok=False)
                except FileExistsError:
                    return verdict
                os.kill(os.getpid(), number)
        return verdict


@pytest.fixture
def members(tmp_path: Path) -> list[Member]:
    for number in range(MEMBERS):
        folder = tmp_path / "fleet" / f"{number:02}"
        folder.mkdir(parents=True)
        mini(folder / "code.zip", {"app.py": f"def handler(event, context):\n    return {number}\n"})
        text = 'code = "code.zip"\n[functions.api]\nhandler = "app.handler"\n'
        (folder / "lambda-artifact.toml").write_text(text, encoding="utf-8")
    return [*in_folder(tmp_path / "fleet")]


@pytest.mark.timeout(500)
def test_each_is_judged_once_and_rightly_or_named(
    members: list[Member], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "WORKER_SECONDS", "15s")
    (tmp_path / "cache").mkdir()
    judge = Mischief("none", tmp_path / "cache", {}, TODAY)

    report = verify(
        members, judge, None, lambda some, judge: cluster.judged(some, judge, "local:3", lambda _: None, silent=120.0)
    )

    assert {path.name for path in (tmp_path / "cache").iterdir()} >= {str(KILLED), str(STOPPED)}
    assert Counter(one.name for one in report.members) == Counter(one.name for one in members)
    judged = [one for one in report.members if not one.reason]
    assert {one.verdict for one in judged} == {Verdict.PASS}
    assert judged
    reasons = {one.reason for one in report.members if one.reason}
    assert all("answered otherwise than this machine" in reason for reason in reasons)
    assert reasons
    assert report.verdict.exit_code == 3


@dataclass(frozen=True)
class Elsewhere(Judge):
    """Judges on a machine that has none of this one's archives; one worker of it is killed while it judges."""

    here: str = ""

    def __call__(self, member: Member) -> MemberVerdict:
        from distributed import get_worker  # noqa: PLC0415 - only workers have one

        with contextlib.suppress(ValueError):
            name = get_worker().name
            assert isinstance(member, AccountMember)
            assert not [path for path in member.archives if str(path).startswith(self.here)]
            if name == KILLED and not (mark := self.cache / "killed").exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(member)


@pytest.mark.timeout(300)
def test_archives_of_an_account_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To workers with a cache of their own, made for this as a file declares it: each function is judged."""
    layer = mini(tmp_path / "here/layer.zip", {"python/shared.py": "VALUE = 1\n"})
    members: list[Member] = []
    for number in range(MEMBERS):
        code = mini(
            tmp_path / f"here/{number}.zip", {"app.py": f"import shared\ndef handler(e, c):\n    return {number}\n"}
        )
        listed = Listed(
            f"f{number:02}", f"arn{number}", "", "app.handler", "python3.12", "x86_64", 128, 3, 512, (), ("layer",)
        )
        members.append(AccountMember(listed.name, "", listed, code, (("layer", layer),)))
    monkeypatch.setenv("LAMBDA_ARTIFACT_CACHE", str(tmp_path / "there"))
    place = tmp_path / "cluster.toml"
    place.write_text(
        'class = "distributed.LocalCluster"\nworkers = 2\n'
        '[arguments]\nn_workers = 2\nthreads_per_worker = 1\ndashboard_address = ":0"\n'
    )
    judge = Elsewhere("none", tmp_path / "cache", {}, TODAY, here=str(tmp_path / "here"))

    report = verify(members, judge, None, lambda some, judge: cluster.judged(some, judge, str(place), lambda _: None))

    assert (tmp_path / "there/killed").exists()
    assert {(one.verdict, one.reason) for one in report.members} == {(Verdict.PASS, "")}
    assert [one.name for one in report.members] == [one.name for one in members]
    assert len([*(tmp_path / "there/downloads").glob("*.zip")]) == MEMBERS + 1


@pytest.mark.parametrize(
    ("offered", "choice", "needed"),
    [
        (set(), "process", set()),
        ({"sandbox"}, "process", {"sandbox"}),
        ({"sandbox", "container"}, "none", set()),
        ({"container", "x86_64", "arm64"}, "container", {"container", "x86_64"}),
        ({"arm64"}, "process", set()),
    ],
)
def test_a_member_needs_what_its_engine_needs_where_workers_are_labelled(
    members: list[Member], tmp_path: Path, offered: set[str], choice: str, needed: set[str]
) -> None:
    needs = Needs(Judge(choice, tmp_path, {}, TODAY), frozenset(offered))

    assert needs.resources(members[0]) == dict.fromkeys(needed, 1.0)


@pytest.mark.parametrize("text", ["", "class = 1", 'class = "nowhere.Cluster"\nworkers = 1', "\0"])
def test_a_declaration_that_is_none_is_refused(members: list[Member], tmp_path: Path, text: str) -> None:
    (tmp_path / "cluster.toml").write_text(text)
    judge = Judge("none", tmp_path / "cache", {}, TODAY)

    with pytest.raises(UsageError, match=r"cluster\.toml: no cluster was made"):
        list(cluster.judged(members, judge, str(tmp_path / "cluster.toml"), lambda _: None))


@pytest.mark.parametrize("place", ["tcp://127.0.0.1:9", "local:0", "nowhere"])
def test_a_cluster_that_is_none_is_refused(members: list[Member], tmp_path: Path, place: str) -> None:
    judge = Judge("none", tmp_path / "cache", {}, TODAY)

    with pytest.raises(UsageError, match=f"--cluster {place}"):
        list(cluster.judged(members, judge, place, lambda _: None))
