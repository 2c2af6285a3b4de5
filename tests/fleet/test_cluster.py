"""A Dask cluster of three workers, of which one is killed, one is stopped, and one answers wrongly."""

from __future__ import annotations

import os
import signal
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from fixtures.broken import mini
from harness.fleet import cluster
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
    monkeypatch.setattr(cluster, "WORKER_SECONDS", "15s")
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


@pytest.mark.parametrize("place", ["tcp://127.0.0.1:9", "local:0", "nowhere"])
def test_a_cluster_that_is_none_is_refused(members: list[Member], tmp_path: Path, place: str) -> None:
    judge = Judge("none", tmp_path / "cache", {}, TODAY)

    with pytest.raises(UsageError, match=f"--cluster {place}"):
        list(cluster.judged(members, judge, place, lambda _: None))
