"""An account as a fleet: what is asked of it, how fast, and how often; interrupted, throttled, asked again."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fixtures.broken import mini
from harness.fleet.account import Account, AccountMember, UnverifiedMember
from harness.fleet.judge import Judge
from harness.fleet.verification import verify
from harness.model import UsageError, Verdict
from harness.sources.aws import Aws
from tests import aws
from tests.build import TODAY
from tests.canaries import VARIABLE, canaries_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

FUNCTIONS, CODES, PAGE, ATTEMPTS = 60, 9, 7, 20
HANDLER = "import shared\n\n\ndef handler(event, context):\n    return {}\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aws.Account]:
    """Functions of two teams with nine codes and one layer, and one that runs on Node.js."""
    folder = tmp_path_factory.mktemp("archives")
    for moto in aws.started():
        for made in aws.accounts(moto):
            layer = made.layer("shared", mini(folder / "layer.zip", {"python/shared.py": ""}).read_bytes())
            texts = [HANDLER.format(number) for number in range(CODES)]
            codes = [mini(folder / "code.zip", {"app.py": text}).read_bytes() for text in texts]
            made.function("other", codes[0], Runtime="nodejs22.x", Handler="index.handler")
            client: Any = made.functions  # one for all: to make it takes longest
            for number in range(FUNCTIONS):
                code = codes[number % CODES]
                made.archives[base64.b64encode(hashlib.sha256(code).digest()).decode()] = code
                client.create_function(
                    FunctionName=f"shop-{number:04}",
                    Runtime="python3.12",
                    Role=aws.ROLE,
                    Handler="app.handler",
                    Code={"ZipFile": code},
                    Layers=[layer],
                    Environment={"Variables": {"TOKEN": VARIABLE}},
                    Tags={"team": f"team {number % 2}"},
                )
            yield made


@pytest.fixture
def account(whole: aws.Account, monkeypatch: pytest.MonkeyPatch) -> aws.Account:
    """The same, of which nothing was asked yet."""
    for name, value in whole.environ.items():
        monkeypatch.setenv(name, value)
    whole.asked.clear()
    whole.courses[:] = [paged]
    return whole


def paged(asked: aws.Asked, usual: Callable[[], aws.Answer]) -> aws.Answer | None:
    """Lambda's own pages, in place of moto's answer that has all functions."""
    split = urlsplit(asked.path)
    if not split.path.rstrip("/").endswith("/functions"):
        return None
    answer, start = usual(), int(parse_qs(split.query).get("Marker", ["0"])[0])
    every = json.loads(answer.body)["Functions"]
    page = {"Functions": every[start : start + PAGE]}
    if start + PAGE < len(every):
        page["NextMarker"] = str(start + PAGE)
    answer.body = json.dumps(page).encode()
    return answer


class Interrupted(BaseException):
    """As Ctrl-C."""


def fleet(folder: Path, **others: Any) -> Account:  # noqa: ANN401 - of its fields
    return Account(
        Aws(patient=True), folder / "cache", folder / "state.json", others.pop("progress", lambda _: None), **others
    )


def calls(account: aws.Account) -> Counter[str]:
    """The calls of Lambda's control plane, without the downloads of archives."""
    return Counter(f"{one.method} {one.path} {one.body!r}" for one in account.asked if "/-/archives/" not in one.path)


def test_each_is_judged_and_nothing_is_asked_twice(account: aws.Account, tmp_path: Path) -> None:
    members, others = fleet(tmp_path, team_tag="team", rate=1e6).members()
    judge = Judge("none", tmp_path / "cache", {}, TODAY)
    report = verify(members, judge, None, lambda some, judge: map(judge, some))

    assert others == {"other": "it runs on nodejs22.x"}
    assert len(report.members) == FUNCTIONS
    assert {(one.verdict, one.team) for one in report.members} == {(Verdict.PASS, "team 0"), (Verdict.PASS, "team 1")}
    asked = calls(account)
    assert max(asked.values()) == 1
    assert sum("LayerVersion" in one for one in asked) == 1
    assert sum("%3Ashop-" in one for one in asked) == CODES
    assert sum("/functions" in one for one in asked) == CODES + -(-(FUNCTIONS + 1) // PAGE)
    account.asked.clear()

    fleet(tmp_path, team_tag="team", rate=1e6).members()

    assert not [one for one in calls(account) if "shop-" in one or "LayerVersion" in one]


def test_interrupted_at_random_it_goes_on_where_it_ended(account: aws.Account, tmp_path: Path) -> None:
    chance = random.Random(19)  # noqa: S311 - no secret
    interruptions = 0

    def progress(_: str) -> None:
        nonlocal interruptions
        if interruptions < ATTEMPTS and chance.random() < 0.3:
            interruptions += 1
            raise Interrupted

    members: list[AccountMember | UnverifiedMember] = []
    while not members:
        try:
            members, _ = fleet(tmp_path, progress=progress, rate=1e6).members()
        except Interrupted:
            assert not canaries_in((tmp_path / "state.json").read_text("utf-8"))

    assert interruptions == ATTEMPTS
    assert [one.name for one in members] == [f"shop-{number:04}" for number in range(FUNCTIONS)]
    assert max(calls(account).values()) == 1


def test_throttled_it_slows_down_and_gets_there(account: aws.Account, tmp_path: Path) -> None:
    throttled = aws.error(429, "TooManyRequestsException", "Rate exceeded")
    account.once("GET .*/functions/arn", lambda *_: throttled, times=4)

    members, _ = fleet(tmp_path, rate=1e6).members()

    assert len(members) == FUNCTIONS


def test_calls_keep_within_the_rate(account: aws.Account, tmp_path: Path) -> None:
    began = time.monotonic()
    fleet(tmp_path, rate=20.0).members()

    assert time.monotonic() - began >= (len(calls(account)) - 1) / 20.0


@pytest.mark.usefixtures("account")
def test_prefix_and_tag(tmp_path: Path) -> None:
    members, _ = fleet(tmp_path, prefix="shop-000", tags={"team": "team 1"}, rate=1e6).members()

    assert [one.name for one in members] == [f"shop-000{number}" for number in (1, 3, 5, 7, 9)]


def test_another_file_is_no_state(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("[]", encoding="utf-8")

    with pytest.raises(UsageError, match="no state of a fleet"):
        fleet(tmp_path).members()


def test_a_python_that_cannot_be_verified_leaves_the_run_incomplete(account: aws.Account, tmp_path: Path) -> None:
    def ended(asked: aws.Asked, usual: Callable[[], aws.Answer]) -> aws.Answer | None:
        """One of the functions on a Python that is no more."""
        if (answer := paged(asked, usual)) is not None:
            answer.body = answer.body.replace(b"python3.12", b"python3.9", 1)
        return answer

    account.courses[:] = [ended]
    members, others = fleet(tmp_path, rate=1e6).members()
    judge = Judge("none", tmp_path / "cache", {}, TODAY)
    report = verify(members, judge, None, lambda some, judge: map(judge, some))

    assert others == {"other": "it runs on nodejs22.x"}
    assert {one.reason for one in report.undone} == {"python3.9 cannot be verified, python3.10 to python3.15 can"}
    assert report.verdict.exit_code == 3
