"""The command ``transition``: what its options say, its reports, its exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from fixtures.broken import mini
from harness.cli import run
from harness.model import Finding
from harness.reporters.json_v1 import schema
from harness.transition import json_v1
from harness.transition.request import without
from harness.transition.values import Judged, State
from tests import aws
from tests.canaries import canaries_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    Call: TypeAlias = Callable[..., tuple[int, str, str]]

DOCS = Path(__file__).parents[2] / "docs"
ASSUMED = "the deployed version is assumed to have"
SCHEMA = DOCS / "transition-v1.schema.json"
HANDLER = "\n\ndef handler(event, context):\n    return {}\n"
MANIFEST = """\
code = "{0}/code.zip"
layers = ["{0}/layer.zip"]
environment = {{ TOKEN_KEY = "canary-value" }}

[functions.api]
handler = "api.handler"
"""
ARCHIVES = ["--from-code", "live/code.zip", "--from-layer", "live/layer.zip"]
STATIC = ["--engine", "none"]
JSON = [*STATIC, "--format", "json"]
OTHER = ["--from-env", "TOKEN_KEY=canary-other"]


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a release that is live, and the next one, whose code needs a module more."""
    for folder, modules in (("live", ["a"]), ("next", ["a", "b"])):
        (tmp_path / folder).mkdir()
        mini(tmp_path / folder / "code.zip", {"api.py": "".join(f"import {name}\n" for name in modules) + HANDLER})
        mini(tmp_path / folder / "layer.zip", {f"python/{name}.py": "" for name in modules})
    (tmp_path / "live.toml").write_text(MANIFEST.format("live"), encoding="utf-8")
    (tmp_path / "lambda-artifact.toml").write_text(MANIFEST.format("next"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls the command, and gives its exit code and what it wrote."""

    def called(*arguments: str) -> tuple[int, str, str]:
        code = run(["transition", *arguments], environ)
        said = capsys.readouterr()
        return code, said.out, said.err

    return called


@pytest.mark.parametrize(
    "live",
    [
        ["--from", "live.toml"],
        ARCHIVES,
        ["--from", "live.toml", "--to", "lambda-artifact.toml"],
        ["--from", "live.toml", "--code", "next/code.zip", "--layer", "next/layer.zip"],
    ],
)
def test_each_side_is_a_manifest_or_archives(call: Call, live: list[str]) -> None:
    code, out, _ = call(*live, *STATIC)

    assert code == 0
    assert out.startswith("PASS  configuration first is safe: 1 function, 1 warning; ")
    assert "fails       works                works  configuration first" in out


@pytest.fixture
def account(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[aws.Account]:
    """An AWS account that the SDK's own variables lead to."""
    for made in aws.accounts(moto):
        for name, value in made.environ.items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield made


def test_the_old_side_is_what_is_deployed(call: Call, desk: Path, account: aws.Account) -> None:
    layer = account.layer("parts", (desk / "live/layer.zip").read_bytes())
    variables = {"Variables": {"TOKEN_KEY": "canary-value"}}
    code = (desk / "live/code.zip").read_bytes()
    account.function("api", code, Handler="api.handler", Layers=[layer], Environment=variables)

    result, out, err = call("--from-code", "function:api", "--from-layer", "function:api", *STATIC)

    assert (result, out.partition(" ")[0]) == (0, "PASS")
    assert "fails       works                works  configuration first" in out
    assert "from        function:api " in out
    assert f"b: next/layer.zip has it (python/b.py), and {layer} does not" in " ".join(out.split())
    assert not canaries_in(out + err)


@pytest.mark.parametrize(
    "named", ["function:api", "function:api:live", f"{aws.FUNCTION}api", f"{aws.FUNCTION}api:live"]
)
@pytest.mark.parametrize("layered", [True, False], ids=["with a layer", "without one"])
def test_a_function_that_is_live_has_its_own_layers(
    call: Call,
    desk: Path,
    account: aws.Account,
    named: str,
    layered: bool,  # noqa: FBT001 - the case
) -> None:
    """Without ``--from-layer``, never the new ones; nor the new runtime and handler."""
    layers = [account.layer("parts", (desk / "live/layer.zip").read_bytes())] if layered else []
    code = desk / "live/code.zip"
    mini(code, {"old.py": ("import a\n" if layered else "") + HANDLER, "api.py": "import b\n" + HANDLER})
    more = {"Handler": "old.handler", "Layers": layers, "Runtime": "python3.11", "Publish": True}
    account.function("api", code.read_bytes(), **more)
    account.functions.create_alias(FunctionName="api", Name="live", FunctionVersion="1")

    result, out, _ = call("--from-code", named, *JSON)

    report = json.loads(out)
    assert [one["source"] for one in report["from"]["artifacts"]] == [named, *layers]
    changes = {change["what"]: change["before"] for change in report["functions"][0]["changes"]}
    assert changes == {
        "code": named,
        "layers": ", ".join(layers) or "none",
        "handler": "old.handler",
        "runtime": "python3.11",
        "environment": "PASSWORD",
    }
    assert [state["outcome"] for state in report["functions"][0]["states"]][::3] == ["works", "works"]
    assert result == (1 if report["order"]["safe"] == ["atomic"] else 0)
    assert not report["notes"]


@pytest.mark.parametrize(
    ("arguments", "layers"),
    [
        (["--from-code", "function:api", "--from-layer", "live/layer.zip"], ["live/layer.zip"]),
        (["--from", "live.toml", "--from-code", "function:api"], ["parts"]),
    ],
)
def test_what_is_said_of_the_old_layers_holds(
    call: Call, desk: Path, account: aws.Account, arguments: list[str], layers: list[str]
) -> None:
    arn = account.layer("parts", (desk / "live/layer.zip").read_bytes())
    account.function("api", (desk / "live/code.zip").read_bytes(), Handler="api.handler", Layers=[arn])

    _, out, _ = call(*arguments, *JSON)

    found = [one["source"] for one in json.loads(out)["from"]["artifacts"] if one["role"] == "layer"]
    assert found == [arn if name == "parts" else name for name in layers]


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (
            ["--from-code", "live/code.zip"],
            f"{ASSUMED} the new layers: --from-layer names others",
        ),
        (
            ["--from-layer", "live/layer.zip"],
            f"{ASSUMED} the new code: --from-code names another",
        ),
        (ARCHIVES, None),
        (["--from", "live.toml", "--from-code", "live/code.zip"], None),
    ],
)
def test_what_is_taken_from_the_new_side_is_said(call: Call, arguments: list[str], note: str | None) -> None:
    notes = json.loads(call(*arguments, *JSON)[1])["notes"]

    assert notes == ([note] if note else [])


def test_one_function_does_not_stand_for_several_archives(call: Call, desk: Path) -> None:
    (desk / "lambda-artifact.toml").write_text(
        MANIFEST.format("next") + '[functions.job]\nhandler = "api.handler"\ncode = "live/code.zip"\n', encoding="utf-8"
    )

    code, _, err = call("--from-code", "function:api", *STATIC)

    assert (code, "one deployed function stands for one of them" in err) == (2, True)


def test_a_function_that_is_not_python_is_refused(call: Call, desk: Path, account: aws.Account) -> None:
    account.function("api", (desk / "live/code.zip").read_bytes(), Runtime="nodejs20.x")

    code, _, err = call("--from-code", "function:api", *STATIC)

    assert (code, "it runs on nodejs20.x, which is not Python" in err) == (2, True)


def test_a_deployed_side_that_cannot_be_had_leaves_it_unknown(call: Call, account: aws.Account) -> None:
    del account

    code, out, _ = call("--from-code", "function:nowhere", *STATIC)

    assert (code, out.partition(" ")[0]) == (3, "INCOMPLETE")
    assert "NOT DONE before[api]" in out


def test_no_manifest_is_needed(call: Call, desk: Path) -> None:
    (desk / "lambda-artifact.toml").unlink()

    code, out, _ = call(
        *ARCHIVES, "--code", "next/code.zip", "--layer", "next/layer.zip", "--handler", "api.handler", *STATIC
    )

    assert (code, "api.handler  code, layers" in out) == (0, True)


def test_what_is_not_said_of_the_old_side_is_as_on_the_new_one(call: Call) -> None:
    _, out, _ = call("--from-layer", "live/layer.zip", *OTHER, *STATIC, "--format", "json")

    changes = json.loads(out)["functions"][0]["changes"]
    assert [change["what"] for change in changes] == ["layers", "environment"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 0),
        (["--order", "configuration-first"], 0),
        (["--order", "code-first"], 1),
        (["--order", "atomic"], 0),
        (["--engine", "container", "--image", "no-such-image"], 3),
        (["--engine", "process", "--image", "no-such-image"], 2),
    ],
)
def test_exit_codes_say_whether_it_can_be_deployed_so(
    call: Call, arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    monkeypatch.setitem(environ, "DOCKER_HOST", "unix:///nowhere.sock")

    assert call(*ARCHIVES, *STATIC, *arguments)[0] == code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing names the deployed version: name its manifest with --from, or"),
        (["--from", "none.toml"], "none.toml: cannot be read"),
        (["--from", "live.toml", "--from-code", "none.zip"], "--from-code: "),
        ([*ARCHIVES, "--order", "codefirst"], "--order codefirst: it takes code-first, configuration-first, atomic"),
        ([*ARCHIVES, "--format", "sarif"], "--format sarif: it takes terminal, json, markdown"),
        ([*ARCHIVES, "--output", "json=live/code.zip"], "--output json=live/code.zip: that file is verified"),
    ],
)
def test_a_request_that_is_wrong_is_refused(call: Call, arguments: list[str], said: str) -> None:
    code, out, err = call(*arguments)

    assert (code, out) == (2, "")
    assert f"lambda-artifact: {said}" in err


def test_a_side_without_handlers_is_refused(call: Call, desk: Path) -> None:
    (desk / "lambda-artifact.toml").unlink()

    assert call("--from-code", "live/code.zip", "--code", "next/code.zip")[2].startswith(
        "lambda-artifact: no handler is declared: add a [functions.NAME] table"
    )


def test_the_json_report_is_of_the_published_schema(call: Call) -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema(json_v1.TransitionV1, json_v1.SCHEMA)

    _, out, _ = call(*ARCHIVES, *STATIC, "--format", "json")

    report = json.loads(out)
    Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(report)
    assert (report["verdict"], report["exit_code"], report["order"]) == (
        "pass",
        0,
        {"declared": None, "safe": ["configuration-first", "atomic"], "advice": "configuration first is safe"},
    )
    assert [(state["state"], state["outcome"]) for state in report["functions"][0]["states"]] == [
        ("before", "works"),
        ("code-first", "fails"),
        ("configuration-first", "works"),
        ("after", "works"),
    ]
    finding = report["functions"][0]["states"][1]["findings"][0]
    assert finding["message"] == "Runtime.ImportModuleError: Unable to import module 'api': No module named 'b'"


def test_reports_go_to_files_too_and_no_value_of_a_variable_into_any(call: Call, desk: Path) -> None:
    code, out, err = call(
        *ARCHIVES,
        *STATIC,
        "--from-env",
        "TOKEN_KEY=canary-other",
        "--output",
        "json=t.json",
        "--output",
        "markdown=t.md",
    )

    assert code == 0
    texts = [out, err, *((desk / name).read_text(encoding="utf-8") for name in ("t.json", "t.md"))]
    assert not [text for text in texts if "canary" in text]
    assert texts[3].startswith("## Lambda transition: PASS\n\n**configuration first is safe: 1 function")
    assert "| api | code, layers, environment | works | fails | works | works | configuration first |" in texts[3]
    assert "**for whom:** warning: code-first&#91;api&#93;" in texts[3]


def test_colours_mark_what_matters(call: Call, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    monkeypatch.setitem(environ, "FORCE_COLOR", "1")
    monkeypatch.delitem(environ, "NO_COLOR", raising=False)

    assert "\x1b[1;31mfails\x1b[0m" in call(*ARCHIVES, *STATIC)[1]


ACCOUNT = """\
code = "next/code.zip"
layers = ["next/layer.zip"]
deployed-as = "shop-{function}"

[functions.api]
handler = "api.handler"
environment = { TOKEN_KEY = "canary-value", NEW = "1" }

[functions.job]
handler = "api.handler"
deployed-as = "shop-job:live"

[functions.later]
handler = "api.handler"
"""


def test_every_function_is_as_the_account_has_it(call: Call, desk: Path, account: aws.Account) -> None:
    (desk / "lambda-artifact.toml").write_text(ACCOUNT, encoding="utf-8")
    layer = account.layer("parts", (desk / "live/layer.zip").read_bytes())
    code = mini(desk / "live/code.zip", {"old.py": f"import a{HANDLER}"}).read_bytes()
    live = {"Handler": "old.handler", "Layers": [layer], "Publish": True}
    account.function("shop-api", code, **live)
    account.function("shop-job", code, Runtime="python3.13", **live)
    account.functions.create_alias(FunctionName="shop-job", Name="live", FunctionVersion="1")
    account.functions.update_function_configuration(FunctionName="shop-job", Handler="later.handler")

    code_, out, err = call("--from-account", "--from-env", "STAGE=dev", *JSON)

    report = json.loads(out)
    assert [(one["name"], one["kind"]) for one in report["functions"]] == [
        ("api", "changed"),
        ("job", "changed"),
        ("later", "new"),
    ]
    changes = [{one["what"]: (one["before"], one["after"]) for one in each["changes"]} for each in report["functions"]]
    assert changes[0]["environment"] == ("PASSWORD, STAGE", "NEW, TOKEN_KEY")
    assert changes[1]["environment"] == ("STAGE", "none")  # nothing is declared: PASSWORD stays
    assert changes[1]["runtime"] == ("python3.13", "python3.12")
    assert {each["handler"] for each in changes[:2]} == {("old.handler", "api.handler")}  # the alias's version
    assert [state["outcome"] for state in report["functions"][0]["states"]][::3] == ["works", "works"]
    assert code_ in {0, 1}
    assert not canaries_in(out + err)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from-account"], "none of the functions is in the account: function:api: say what they are called"),
        (["--from-account", "--from-code", "live/code.zip"], "the account says all of the old side"),
        (["--from-account", "--from", "live.toml"], "the account says all of the old side"),
    ],
)
def test_an_account_that_says_nothing_or_not_alone_is_refused(
    call: Call, account: aws.Account, arguments: list[str], said: str
) -> None:
    del account
    code, _, err = call(*arguments, *STATIC)

    assert code == 2
    assert said in err


def test_values_of_the_account_are_in_no_message() -> None:
    finding = Finding("KeyError: 'hunter2-and-more'", "app.py:1", cause="was hunter2-and-more, and on")
    report = (Judged(State.BEFORE, "api", finding), "hunter2")

    shown = without(report, {"hunter2-and-more": "PASSWORD", "hunter2": "OLD"})

    hidden = replace(finding, message="KeyError: '<PASSWORD>'", cause="was <PASSWORD>, and on")
    assert shown == (Judged(State.BEFORE, "api", hidden), "<OLD>")
