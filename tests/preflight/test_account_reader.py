"""What is asked of an account, over HTTP: how often, page by page, and what becomes of refusals."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.preflight.account import Variables
from harness.preflight.account_reader import Reader
from harness.preflight.deployment import Planned, PlannedArchive
from harness.preflight.published_layers import NEWEST, LayerQuery, published_layers
from harness.preflight.rate_limit import TRIES, Pace
from harness.sources.aws import Aws, AwsUnavailable
from tests import aws
from tests.preflight.conftest import code_signing
from tests.preflight.scene import HANDLERS, Desk, packed, preflight

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.aws import Account

CODE = packed({"app/main.py": "handler = print"})
UNKNOWN = ["not known", "not known"]
LAYER_UNKNOWN = "deps:1 → deps (version not known)"


def layered(folder: Path) -> Path:
    """A manifest of the same code with a layer that is not published."""
    (folder / "code.zip").write_bytes(CODE)
    (folder / "layer.zip").write_bytes(packed({"python/a.py": "new"}))
    functions = "".join(f'[functions.{name}]\nhandler = "{handler}"\n' for name, handler in HANDLERS.items())
    manifest = folder / "lambda-artifact.toml"
    manifest.write_text(
        f'code = "code.zip"\nlayers = ["layer.zip"]\nlayers-deployed-as = ["deps"]\n{functions}', encoding="utf-8"
    )
    return manifest


def planned(name: str, alias: str | None = None) -> Planned:
    code = PlannedArchive("code.zip", None)
    return Planned(
        name, name, alias, None, "python3.12", "x86_64", "app.main.handler", None, None, Variables(), code, ()
    )


def asked(account: Account) -> Counter[str]:
    """How often each call was made, without what it was about."""
    return Counter(re.sub(r"\?.*|(?<=/)(f\d+|parcel-desk-\w+)(?=/)", "…", call) for call in account.calls())


def many(account: Account, number: int, *, released: bool = True) -> list[Planned]:
    """So many functions, each with an alias that points to a version."""
    client = account.functions
    for index in range(number):
        name = f"f{index:03}"
        client.create_function(
            FunctionName=name,
            Role=aws.ROLE,
            Runtime="python3.12",
            Handler="app.main.handler",
            Code={"ZipFile": CODE},
            Publish=released,
        )
        if released:
            client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    return [planned(f"f{index:03}", "live") for index in range(number)]


@pytest.mark.slow
class TestCalls:
    def test_500_functions_take_at_most_three_calls_each_beside_pages(self, account: Account) -> None:
        functions = many(account, 500)
        told: list[str] = []

        found = Reader(Aws(), told.append).functions(functions)

        assert len(found.functions) == 500
        assert not found.missing
        assert not found.undone
        calls = asked(account)
        assert calls == {
            "GET /2015-03-31/functions/…/configuration": 500,
            "GET /2015-03-31/functions/…/aliases": 500,
            "GET /2015-03-31/functions/…/configuration…": 500,
        }
        assert calls.total() <= 3 * 500
        assert {one.versions[0].version for one in found.functions.values()} == {"1"}
        assert told[0] == "asking AWS about 500 functions"
        assert "asking AWS about 500 functions: 250 done" in told
        assert len(told) == 11  # a line for each tenth, not for each

    def test_few_functions_are_asked_for_one_by_one(self, account: Account) -> None:
        functions = many(account, 60)[:3]

        Reader(Aws(), print).functions(functions)

        assert asked(account) == {
            "GET /2015-03-31/functions/…/configuration": 3,
            "GET /2015-03-31/functions/…/aliases": 3,
            "GET /2015-03-31/functions/…/configuration…": 3,
        }

    def test_the_other_functions_are_listed_page_by_page(self, account: Account) -> None:
        functions = many(account, 120, released=False)[:2]
        reader = Reader(Aws(), print)
        found = reader.functions(functions)

        others, undone = reader.others(functions, found.regions)

        assert (len(others), undone, found.regions) == (118, (), (aws.REGION,))
        assert asked(account)["GET /2015-03-31/functions…"] == 3

    def test_versions_are_listed_once_where_an_archive_is_looked_for_in_them(self, account: Account) -> None:
        (one,) = many(account, 1)
        planned = replace(one, code=PlannedArchive("code.zip", "digest"))

        found = Reader(Aws(), print).functions([planned]).functions["f000"]

        assert [version.version for version in found.versions] == ["1"]
        assert sum(asked(account).values()) == 3

    def test_several_aliases_take_one_list_of_versions_page_by_page(self, account: Account) -> None:
        many(account, 1, released=False)
        client = account.functions
        for number in range(1, 61):
            client.update_function_code(FunctionName="f000", ZipFile=packed({"a.py": str(number)}))
            client.publish_version(FunctionName="f000")
        for name, version in (("live", "60"), ("old", "2"), ("edge", "$LATEST")):
            client.create_alias(FunctionName="f000", Name=name, FunctionVersion=version)

        found = Reader(Aws(), print).functions([planned("f000")]).functions["f000"]

        assert {version.version for version in found.versions} == {"2", "60"}
        assert asked(account)["GET /2015-03-31/functions/…/versions…"] == 2
        assert sum(asked(account).values()) == 3 + 1

    def test_layers_with_many_versions_are_listed_whole_and_the_newest_looked_at(self, account: Account) -> None:
        client, arn = account.functions, ""
        for number in range(60):
            data = packed({"python/a.py": str(number)})
            arn = client.publish_layer_version(LayerName="deps", Content={"ZipFile": data})["LayerArn"]

        (layer,), undone = published_layers(Reader(Aws(), print), [LayerQuery(arn, frozenset({"another"}), ())])

        assert not undone
        assert len(layer.versions) == 60
        assert layer.looked_at == NEWEST
        assert len(account.calls()) == 2 + NEWEST

    def test_what_is_skipped_is_not_asked_for(
        self, account: Account, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
    ) -> None:
        Desk(account, CODE).deploy()

        preflight(capsys, environ, "--skip", "code-storage")

        assert not [call for call in account.calls() if "account-settings" in call]

    def test_code_signing_configurations_are_listed_with_their_functions(
        self, account: Account, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
    ) -> None:
        Desk(account, CODE).deploy()
        account.courses.insert(0, code_signing("Enforce", f"{aws.FUNCTION}parcel-desk-worker"))

        found = [one for one in preflight(capsys, environ).findings if one["check"] == "code-signing"]

        assert [(one["functions"], one["severity"]) for one in found] == [(["worker"], "warning")] * 2  # code, layer
        assert all(one["message"].startswith("CodeVerificationFailedException: ") for one in found)


class TestRefusals:
    @pytest.fixture
    def desk(self, account: Account) -> Desk:
        desk = Desk(account, CODE)
        desk.deploy()
        return desk

    def test_what_may_not_be_asked_is_not_known_and_the_rest_is(
        self, desk: Desk, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
    ) -> None:
        first(desk.account, r"parcel-desk-worker/aliases", aws.error(403, "AccessDeniedException", "no"))
        first(desk.account, r"account-settings", aws.error(403, "AccessDeniedException", "no"))

        said = preflight(capsys, environ)

        skipped = {(one["check"], one["function"]): one["reason"] for one in said.report["results"] if one["reason"]}
        assert {check for check, function in skipped if function == "worker"} == {
            "alias-missing",
            "alias-behind",
            "alias-latest",
        }
        assert (
            "lambda:ListAliases on arn:aws:lambda:*:*:function:parcel-desk-worker" in skipped["alias-behind", "worker"]
        )
        assert "lambda:GetAccountSettings" in skipped["code-storage", None]
        assert (said.code, said.report["verdict"]) == (3, "incomplete")
        assert len([one for one in said.report["functions"] if one["live"]]) == 4

    @pytest.mark.parametrize(
        ("denied", "of", "checks", "cells"),
        [
            ("parcel-desk-worker", "worker", {"platform", "layer-behind", "variables", "code-goes-back"}, UNKNOWN),
            (r"/configuration", None, {"platform", "layer-behind", "variables", "code-goes-back"}, UNKNOWN),
            (r"/aliases", None, {"alias-behind", "alias-latest", "siblings"}, UNKNOWN),
            (r"/functions/[^/]*/versions", None, {"code-goes-back"}, ["same", "deps:1 → deps:new"]),
            (r"/layers/deps/versions$|/layers/deps/versions\?", None, {"layer-behind"}, ["same", LAYER_UNKNOWN]),
            (r"/layers/deps/versions/1", None, {"layer-behind", "layer-goes-back"}, ["same", LAYER_UNKNOWN]),
            (r"/functions/?\?", None, {"layer-shared"}, ["same", "deps:1 → deps:new"]),
            (r"account-settings", None, {"code-storage"}, ["same", "deps:1 → deps:new"]),
            (r"code-signing-configs", None, {"code-signing"}, ["same", "deps:1 → deps:new"]),
        ],
    )
    def test_what_is_denied_is_not_known_and_never_new(  # noqa: PLR0913, PLR0917 - the row
        self,
        account: Account,
        capsys: pytest.CaptureFixture[str],
        environ: dict[str, str],
        tmp_path: Path,
        denied: str,
        of: str | None,
        checks: set[str],
        cells: list[str],
    ) -> None:
        manifest = layered(tmp_path)
        desk = Desk(account, CODE, [account.layer("deps", packed({"python/a.py": "old"}))])
        desk.deploy()
        for name in HANDLERS:
            desk.release(name)
        first(account, denied, aws.error(403, "AccessDeniedException", "no"))
        alias = ("--manifest", str(manifest), "--deployed-as", "parcel-desk-{function}:live")

        said = preflight(capsys, environ, *alias)

        assert (said.code, said.report["verdict"]) == (3, "incomplete")
        reasons = [one for one in said.report["results"] if one["reason"]]
        assert checks <= {one["check"] for one in reasons}
        assert of is None or {one["function"] for one in reasons} == {of}
        assert all("access denied" in one["reason"] for one in reasons)
        assert not [one for one in said.findings if one["check"] == "function-missing"]
        assert not said.report["others"]
        text = preflight(capsys, environ, *alias, form="terminal").out
        assert text.startswith("INCOMPLETE  eu-west-1: ")
        table = preflight(capsys, environ, *alias, form="markdown").out
        worker = next(line for line in table.splitlines() if line.startswith("| worker "))
        assert [cell.strip() for cell in worker.split("|")][3:5] == cells

    @pytest.mark.parametrize("form", ["terminal", "markdown", "json"])
    def test_in_the_wrong_region_nothing_is_new(  # noqa: PLR0913, PLR0917 - fixtures
        self,
        desk: Desk,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        environ: dict[str, str],
        tmp_path: Path,
        form: str,
    ) -> None:
        del desk
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")

        said = preflight(capsys, environ, "--manifest", str(layered(tmp_path)), form=form)

        assert said.code == 1
        if form == "json":
            assert said.report["account"]["regions"] == ["us-west-2"]
            assert "none of the functions is in us-west-2: " in said.finding("function-missing")["message"]
            assert all(one["changes"] is None for one in said.report["functions"])
            outcomes = {one["check"]: one["outcome"] for one in said.report["results"]}
            assert outcomes["layer-behind"] == outcomes["alias-behind"] == "not-applicable"
            return
        first_line = said.out.splitlines()[0]
        assert first_line in {"FAIL  us-west-2: 1 error, 2 checks passed", "## Lambda preflight: FAIL"}
        assert "not known" in said.out
        assert not re.search(r"\bnew\b", said.out)

    @pytest.mark.parametrize(
        ("answer", "sentence"),
        [
            (aws.error(403, "ExpiredTokenException", "expired"), "the credentials have expired"),
            (aws.error(403, "UnrecognizedClientException", "bad"), "AWS does not accept the credentials"),
        ],
    )
    def test_where_nothing_is_answered_nothing_more_is_asked(
        self,
        desk: Desk,
        capsys: pytest.CaptureFixture[str],
        environ: dict[str, str],
        answer: aws.Answer,
        sentence: str,
    ) -> None:
        first(desk.account, "GET", answer)

        said = preflight(capsys, environ)

        (result,) = said.report["results"]
        assert (result["outcome"], said.code) == ("skipped", 3)
        assert sentence in result["reason"]
        assert len(desk.account.calls()) == 1

    def test_without_credentials_it_says_so(
        self,
        account: Account,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        environ: dict[str, str],
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)

        said = preflight(capsys, environ, form="terminal")

        assert said.code == 3
        assert "no AWS credentials were found" in said.out
        assert not account.calls()

    def test_a_function_of_another_region_is_asked_for_there(self, account: Account) -> None:
        (found,) = many(account, 1, released=False)
        arn = f"arn:aws:lambda:{aws.REGION}:{aws.ACCOUNT}:function:{found.function}"
        one = Planned("f", arn, None, aws.REGION, *[getattr(found, key) for key in KEYS])

        assert Reader(Aws(region="us-east-1"), print).functions([one]).functions["f"].latest.region == aws.REGION

    def test_answers_that_throttle_are_asked_again_more_slowly(self, account: Account) -> None:
        functions = many(account, 3, released=False)
        first(account, "aliases", aws.error(429, "TooManyRequestsException"), times=4)

        found = Reader(Aws(), print).functions(functions)

        assert len(found.functions) == 3
        assert not found.undone


KEYS = ("runtime", "architecture", "handler", "memory", "timeout", "variables", "code", "layers")


def first(account: Account, matching: str, answer: aws.Answer, times: int = 1_000) -> None:
    """Let each request that matches be answered so, before anything else is tried."""
    account.once(matching, lambda *_: answer, times)
    account.courses.insert(0, account.courses.pop())


class TestPace:
    @pytest.fixture
    def slept(self) -> list[float]:
        return []

    def pace(self, per_second: float | None, slept: list[float]) -> Pace:
        return Pace(per_second, clock=lambda: 100.0, sleep=slept.append)

    def test_calls_begin_as_often_as_the_quota_allows(self, slept: list[float]) -> None:
        pace = self.pace(4, slept)

        for _ in range(5):
            pace.ask("ListAliases", "f", bool)

        assert slept == [0.25, 0.5, 0.75, 1.0]

    def test_without_a_quota_none_waits(self, slept: list[float]) -> None:
        pace = self.pace(None, slept)

        for _ in range(5):
            pace.ask("ListAliases", "f", bool)

        assert not slept

    @pytest.mark.parametrize(("failures", "gives"), [(0, True), (TRIES - 1, True), (TRIES, False)])
    def test_what_is_throttled_is_tried_again_and_not_for_ever(
        self,
        slept: list[float],
        failures: int,
        gives: bool,  # noqa: FBT001 - a row
    ) -> None:
        call = failing(failures, "TooManyRequestsException")

        if gives:
            assert self.pace(None, slept).ask("ListAliases", "f", call) == "answer"
        else:
            with pytest.raises(AwsUnavailable):
                self.pace(None, slept).ask("ListAliases", "f", call)
        assert len(slept) == min(failures, TRIES - 1)

    def test_what_is_refused_is_not_tried_again(self, slept: list[float]) -> None:
        with pytest.raises(AwsUnavailable):
            self.pace(None, slept).ask("ListAliases", "f", failing(1, "AccessDeniedException"))

        assert not slept


def failing(times: int, code: str) -> Callable[[], str]:
    left = [times]

    def call() -> str:
        if left[0]:
            left[0] -= 1
            raise AwsUnavailable("no", code)
        return "answer"

    return call
