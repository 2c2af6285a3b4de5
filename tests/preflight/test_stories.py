"""Incidents of the sample application, as they happened: the report names the cause, and what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.aws import FUNCTION
from tests.preflight.scene import HANDLERS, Desk, lighter, packed, packed_again, preflight

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mypy_boto3_lambda.type_defs import AliasRoutingConfigurationTypeDef

    from fixtures.build import Sample
    from tests.aws import Account, Answer, Asked

pytestmark = pytest.mark.slow

DEPS = "parcel-desk-deps"
PREFIX = "parcel-desk-"


@pytest.fixture
def desk(account: Account, sample: Sample) -> Desk:
    return Desk(account, sample.code.read_bytes())


@pytest.fixture(scope="module")
def light(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's layer without what is large."""
    path = tmp_path_factory.mktemp("build") / "layer.zip"
    path.write_bytes(lighter(sample.layer.read_bytes()))
    return path


def test_a_stale_layer_lies_in_s3_under_a_key_that_looks_right(
    desk: Desk, light: Path, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
) -> None:
    account, stale = desk.account, packed_again(light.read_bytes())
    old = account.layer(DEPS, stale)
    desk.layers = [account.layer(DEPS, light.read_bytes())]
    desk.deploy()
    key = "parcel-desk/3.8.0/layer.zip"
    account.put("artifacts", key, stale)

    said = preflight(capsys, environ, "--layer", f"s3://artifacts/{key}")

    finding = said.finding("layer-goes-back")
    assert finding["functions"] == ["api", "worker", "cleanup", "migrate"]
    assert f"s3://artifacts/{key} is what was published as {DEPS}:1" in finding["message"]
    assert f"carries {DEPS}:2: the deployment would go back" in finding["message"]
    assert "an old one under a name that looks right" in finding["cause"]
    assert "build the layer again" in finding["remedy"]
    assert old in finding["remedy"]
    assert (said.code, said.report["verdict"]) == (0, "pass")
    assert preflight(capsys, environ, "--layer", f"s3://artifacts/{key}", "--strict").code == 1


def test_that_way_back_may_be_meant(
    desk: Desk, light: Path, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
) -> None:
    account = desk.account
    account.layer(DEPS, light.read_bytes())
    desk.layers = [account.layer(DEPS, packed_again(light.read_bytes()))]
    desk.deploy()

    said = preflight(capsys, environ, "--layer", str(light), "--rollback", "--strict")

    assert (said.code, said.findings) == (0, [])
    assert f"{DEPS}:1" in said.notes


def test_a_layer_was_attached_by_hand_and_terraform_does_not_know_it(
    desk: Desk, light: Path, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
) -> None:
    account = desk.account
    desk.layers = [account.layer(DEPS, light.read_bytes())]
    desk.deploy()
    by_hand = account.layer("hotfix-defusedxml", packed({"python/defusedxml/__init__.py": ""}))
    desk.attach("api", [*desk.layers, by_hand])

    said = preflight(capsys, environ, "--layer", str(light))

    (finding,) = said.findings
    assert (finding["check"], finding["severity"], finding["functions"]) == ("layer-undeclared", "error", ["api"])
    assert "carries the layer hotfix-defusedxml:1, which is not declared" in finding["message"]
    assert finding["where"] == by_hand
    assert "attached by hand" in finding["cause"]
    assert "`ignore_changes = [layers]`" in finding["cause"]
    assert f'"{by_hand}" in `layers`' in finding["remedy"]
    assert "detach it" in finding["remedy"]
    assert said.code == 1


def test_once_it_is_declared_all_is_well(
    desk: Desk, light: Path, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
) -> None:
    account = desk.account
    desk.layers = [
        account.layer(DEPS, light.read_bytes()),
        account.layer("hotfix-defusedxml", packed({"python/defusedxml/__init__.py": ""})),
    ]
    desk.deploy()

    said = preflight(capsys, environ, "--layer", str(light), "--layer", desk.layers[1], "--strict")

    assert (said.code, said.findings) == (0, [])
    assert all(function["changes"] == [] for function in said.report["functions"])


def test_a_layer_is_published_again_and_again_though_nothing_changed(
    desk: Desk, sample: Sample, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
) -> None:
    account = desk.account
    arns = [account.layer(DEPS, sample.layer.read_bytes()) for _ in range(3)]
    desk.layers = arns[-1:]
    desk.deploy()

    said = preflight(capsys, environ)

    finding = said.finding("layer-republished")
    assert f"{DEPS}:1 to {DEPS}:3 (3 versions) have the same content" in finding["message"]
    assert "published again though nothing has changed" in finding["message"]
    assert "publishes on every run" in finding["cause"]
    assert "CodeSha256" in finding["remedy"]
    assert f"nothing has to be published now: {arns[-1]}" in finding["remedy"]
    assert f"is published already, as {arns[-1]}: attach that, and publish nothing" in said.notes


def test_a_layer_would_be_published_again_since_its_build_is_not_reproducible(
    desk: Desk, light: Path, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
) -> None:
    desk.layers = [desk.account.layer(DEPS, packed_again(light.read_bytes()))]
    desk.deploy()

    said = preflight(capsys, environ, "--layer", str(light))

    (finding,) = said.findings
    assert finding["check"] == "layer-republished"
    assert f"has the same files as {DEPS}:1 and other bytes" in finding["message"]
    assert "not reproducible" in finding["cause"]
    assert f"attach {desk.layers[0]}, and publish nothing" in finding["remedy"]
    assert "SOURCE_DATE_EPOCH" in finding["remedy"]
    changes = {change["what"]: (change["live"], change["new"]) for change in said.report["functions"][0]["changes"]}
    assert changes == {"layers": (f"{DEPS}:1", f"{DEPS}:new")}


def test_ignore_changes_keeps_the_old_layer_while_new_ones_are_published(
    desk: Desk, light: Path, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
) -> None:
    account = desk.account
    desk.layers = [account.layer(DEPS, packed({"python/a.py": "1"}))]
    account.layer(DEPS, packed({"python/a.py": "2"}))
    new = account.layer(DEPS, light.read_bytes())
    desk.deploy()  # the code is the new one already

    said = preflight(capsys, environ, "--layer", str(light))

    finding = said.finding("layer-behind")
    assert (finding["severity"], len(finding["functions"])) == ("error", 4)
    assert f"carries {DEPS}:1 where {DEPS}:3 has the content of" in finding["message"]
    assert "`ignore_changes = [layers]`" in finding["cause"]
    assert f"attach {new}" in finding["remedy"]
    assert said.code == 1


def test_a_function_that_was_changed_since_kept_its_old_layer(
    desk: Desk, light: Path, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
) -> None:
    account = desk.account
    desk.layers = [account.layer(DEPS, packed({"python/a.py": "1"}))]
    account.layer(DEPS, packed({"python/a.py": "2"}))
    desk.deploy()
    account.courses.insert(0, changed_later)

    said = preflight(capsys, environ, "--layer", str(light))

    finding = said.finding("layer-behind")
    assert (finding["severity"], len(finding["functions"])) == ("warning", 4)
    assert f"carries {DEPS}:1, and kept it when it was changed after {DEPS}:2 was published" in finding["message"]
    assert "`ignore_changes = [layers]`" in finding["cause"]
    assert "attaches the layer that it publishes" in finding["remedy"]
    assert said.code == 0


@pytest.mark.parametrize("weights", [{"1": 0.1}, {"1": 0.9}])
def test_an_alias_sends_a_part_of_its_calls_to_the_release_before(
    desk: Desk, light: Path, capsys: pytest.CaptureFixture[str], environ: dict[str, str], weights: dict[str, float]
) -> None:
    account, new = desk.account, desk.code
    desk.layers = [account.layer(DEPS, light.read_bytes())]
    desk.code = packed({"app/main.py": "handler = print"})
    desk.deploy()
    for name in HANDLERS:
        desk.release(name)
        desk.release(name, new)
    routing: AliasRoutingConfigurationTypeDef = {"AdditionalVersionWeights": weights}
    account.functions.update_alias(FunctionName=f"{PREFIX}api", Name="live", RoutingConfig=routing)

    arguments = ("--layer", str(light), "--deployed-as", f"{PREFIX}{{function}}:live")
    said = preflight(capsys, environ, *arguments)

    (finding,) = said.findings
    assert (finding["check"], finding["severity"], finding["functions"]) == ("alias-behind", "warning", ["api"])
    part = f"{weights['1']:.0%}"
    assert f"the alias live sends {part} of its calls to version 1 (code" in finding["message"]
    assert "--routing-config AdditionalVersionWeights={}`" in finding["remedy"]
    api, worker = said.report["functions"][:2]
    assert api["live"]["shares"] == [{"version": "1", "part": weights["1"]}]
    assert [(one["what"], f"({part} of the calls)" in one["live"]) for one in api["changes"]] == [("code", True)]
    assert worker["changes"] == []
    text = " ".join(preflight(capsys, environ, *arguments, form="terminal").out.split())
    assert f"{PREFIX}api:live (version 2, {part} version 1)" in text
    assert "would change nothing" not in text


@pytest.mark.parametrize("meant", [False, True])
def test_an_older_release_is_about_to_be_deployed(
    desk: Desk,
    light: Path,
    capsys: pytest.CaptureFixture[str],
    environ: dict[str, str],
    meant: bool,  # noqa: FBT001 - the case
) -> None:
    """Its code and its layer, and what does both is one call."""
    account = desk.account
    desk.layers = [account.layer(DEPS, light.read_bytes())]
    desk.deploy()
    newer = account.layer(DEPS, packed({"python/a.py": "2"}))
    for name in HANDLERS:
        desk.release(name)
        desk.attach(name, [newer])
        desk.release(name, packed({"app/main.py": "handler = print"}))

    arguments = ("--layer", str(light), "--deployed-as", f"{PREFIX}{{function}}:live")
    said = preflight(capsys, environ, *arguments, *(["--rollback"] if meant else []), "--strict")

    advice = "point the alias live to version 1 (`aws lambda update-alias`), which has this code and these layers"
    assert said.code == (0 if meant else 1)
    told = said.notes if meant else "\n".join(one["remedy"] for one in said.findings)
    assert told.count(advice) == (1 if meant else 2)
    assert "attach" not in told
    if not meant:
        assert {one["check"] for one in said.findings} == {"code-goes-back", "layer-goes-back"}
        assert "is the code of version 1 (" in said.finding("code-goes-back")["message"]
        assert len(said.finding("code-goes-back")["functions"]) == 4


def test_functions_that_no_manifest_names_carry_the_layer(
    desk: Desk, light: Path, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
) -> None:
    account = desk.account
    old = account.layer(DEPS, packed({"python/a.py": "1"}))
    desk.layers = [account.layer(DEPS, light.read_bytes())]
    desk.deploy()
    account.function("billing", desk.code, Layers=[old])
    account.function("unrelated", desk.code, Layers=[account.layer("else", packed({"python/b.py": ""}))])

    said = preflight(capsys, environ, "--layer", str(light))

    assert said.report["others"] == [{"arn": f"{FUNCTION}billing", "layers": [old]}]
    assert f"{DEPS} is carried by 1 function that the manifest does not name: billing ({DEPS}:1)" in said.notes
    assert not said.findings
    assert f"billing ({DEPS}:1)" in " ".join(
        preflight(capsys, environ, "--layer", str(light), form="terminal").out.split()
    )
    assert "others" not in str(preflight(capsys, environ, "--skip", "layer-shared", "--layer", str(light)).notes)


def changed_later(asked: Asked, usual: Callable[[], Answer]) -> Answer | None:
    """A course: functions were changed on another day; moto says of none that it was."""
    if not asked.path.endswith("/configuration"):
        return None
    answer = usual()
    said = json.loads(answer.body)
    answer.body = json.dumps({**said, "LastModified": "2099-01-01T00:00:00.000+0000"}).encode()
    return answer
