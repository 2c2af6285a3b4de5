"""What a release changes: pairs of small archives, and what is said of them."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from fixtures.broken import mini
from harness.cli import run
from harness.diff import comparison, json_v1
from harness.diff.document import document
from harness.diff.values import Cost, Diff, Found, Side, Snapshot
from harness.model import Severity
from harness.reporters.json_v1 import schema
from tests import aws
from tests.build import wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    Call: TypeAlias = Callable[..., tuple[int, str, str]]

SCHEMA = Path(__file__).parents[2] / "docs" / "diff-v1.schema.json"
HANDLER = "\n\ndef handler(event, context):\n    return {}\n"
AGAINST = ["--against", "old/code.zip", "--against-layer", "old/layer.zip"]
STATIC = ["--engine", "none"]
JSON = [*STATIC, "--format", "json"]
MOST_LINES = 40
MANIFEST = """\
code = "{0}/code.zip"
layers = ["{0}/layer.zip"]
requirements = ["requirements.txt"]
environment = {{ TABLE = "orders" }}

[functions.api]
handler = "app.handler"
"""


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: two releases that are the same, and the manifests of both."""
    for side in ("old", "new"):
        write(tmp_path, side, {"app.py": HANDLER}, {"python/readme.txt": ""})
    (tmp_path / "requirements.txt").write_text("yaml-reader==1.0\n", encoding="utf-8")
    (tmp_path / "old.toml").write_text(MANIFEST.format("old"), encoding="utf-8")
    (tmp_path / "lambda-artifact.toml").write_text(MANIFEST.format("new"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(desk: Path, side: str, code: Mapping[str, str | bytes], layer: Mapping[str, str | bytes]) -> None:
    (desk / side).mkdir(exist_ok=True)
    mini(desk / side / "code.zip", {"app.py": HANDLER, **code})
    mini(desk / side / "layer.zip", {"python/readme.txt": "", **layer})


@pytest.fixture
def call(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls the command, and gives its exit code and what it wrote."""

    def called(*arguments: str) -> tuple[int, str, str]:
        code = run(["diff", *arguments], environ)
        said = capsys.readouterr()
        return code, said.out, said.err

    return called


@dataclass
class Case:
    """Two releases, and what is said of their difference: of each list its entries, the rest being empty.

    Attributes:
        old: The code, and where ``python/`` begins the name, the layer.
        new: The same.
        terminal: What is said on the terminal.
    """

    id: str
    old: dict[str, str]
    new: dict[str, str]
    said: dict[str, list[Any]] = field(default_factory=dict)
    terminal: tuple[str, ...] = ()


def on_aws(code: str) -> dict[str, str]:
    return {"app.py": f"import boto3, os\n{code}{HANDLER}"}


YAML, NEWER = wheel("yaml-reader==1.0", "yaml.py"), wheel("yaml-reader==1.10", "yaml.py")
ASKING = wheel("asking==2.0", requires=("yaml-reader>=1",))
CHANGED = {"files": [("changed", "app.py")]}
READS = 'import os\nos.environ["{}"]' + HANDLER.replace("{}", "{{}}")

CASES = (
    Case("nothing", {}, {}, terminal=("DIFF  nothing differs",)),
    Case(
        "a distribution that is new, with who asks for it",
        {},
        {**YAML, **ASKING},
        {
            "distributions": [
                ("new", "asking", [], ["2.0"], []),
                ("new", "yaml-reader", [], ["1.0"], ["yaml-reader==1.0 in requirements.txt", "asking"]),
            ]
        },
        (
            "packages    new: yaml-reader 1.0 (yaml-reader==1.0 in requirements.txt, asking)\n",
            "            new: asking 2.0\n",
        ),
    ),
    Case(
        "one that is newer, by its version and not by its letters",
        {**wheel("yaml-reader==1.9", "yaml.py")},
        NEWER,
        {"distributions": [("up", "yaml-reader", ["1.9"], ["1.10"], ["yaml-reader==1.0 in requirements.txt"])]},
        ("up: yaml-reader 1.9 → 1.10 (yaml-reader==1.0 in requirements.txt)",),
    ),
    Case(
        "one that is older, and one that is gone",
        {**NEWER, **wheel("six==1.16.0")},
        YAML,
        {
            "distributions": [
                ("gone", "six", ["1.16.0"], [], []),
                ("down", "yaml-reader", ["1.10"], ["1.0"], ["yaml-reader==1.0 in requirements.txt"]),
            ]
        },
    ),
    Case(
        "own files without bytecode, and the same version of a distribution with other modules",
        {"a.py": "", "b.sql": "select 1", "c.json": "{}", "same.txt": "", "__pycache__/a.cpython-312.pyc": "x", **YAML},
        {"b.sql": "select 2", "c.json": "{}", "d/e.py": "", "same.txt": "", **wheel("yaml-reader==1.0", "yaml.py")}
        | {"python/yaml.py": "changed = True"},
        {
            "distributions": [("changed", "yaml-reader", ["1.0"], ["1.0"], ["yaml-reader==1.0 in requirements.txt"])],
            "files": [("gone", "a.py"), ("changed", "b.sql"), ("new", "d/e.py")],
        },
        (
            "packages    changed: yaml-reader 1.0 has other modules (yaml-reader==1.0 in requirements.txt)",
            "own files   new: d/e.py\n            changed: b.sql\n            gone: a.py",
        ),
    ),
    Case(
        "a module that handlers newly reach",
        YAML,
        {**YAML, "app.py": "import reader" + HANDLER, "reader.py": "import yaml\n"},
        {
            "files": [("changed", "app.py"), ("new", "reader.py")],
            "modules": [("yaml", "yaml-reader 1.0", "reader")],
        },
        ("reached     yaml (yaml-reader 1.0), by reader",),
    ),
    Case(
        "one that the runtime brings",
        {},
        {"app.py": "import boto3" + HANDLER},
        {**CHANGED, "modules": [("boto3", "in the runtime", "app")]},
    ),
    Case(
        "one that the archive now brings instead of the runtime",
        {"app.py": "import jmespath" + HANDLER},
        {"app.py": "import jmespath" + HANDLER, **wheel("jmespath==1.0.1", "jmespath.py")},
        {
            "distributions": [("new", "jmespath", [], ["1.0.1"], [])],
            "modules": [("jmespath", "jmespath 1.0.1", "app")],
        },
    ),
    Case("one of the standard library is not worth a word", {}, {"app.py": "import json" + HANDLER}, CHANGED),
    Case(
        "a variable that is newly read and not set",
        {},
        {"app.py": READS.format("QUEUE")},
        {**CHANGED, "variables": [("QUEUE", True, "app.py:2", ["api"])]},
        ("variables   QUEUE is not set for api, so that reading it fails: app.py:2",),
    ),
    *(
        Case(
            f"a variable with a default: {text}",
            {},
            {"app.py": f"import os\n{text}{HANDLER}"},
            {**CHANGED, "variables": [("QUEUE", required, f"app.py:{2 + text.count(chr(10))}", ["api"])]},
        )
        for text, required in (
            ('os.environ.get("QUEUE")', True),
            ('os.getenv("QUEUE")', True),
            ('os.getenv("QUEUE", "x")', False),
            ('os.environ.get("QUEUE") or "x"', False),
            ('def env(name, default=None):\n    return os.getenv(name, default)\nenv("QUEUE")', True),
            ('def env(name, default=None):\n    return os.environ[name]\nenv("QUEUE", "x")', False),
            ('def env(name, default=1):\n    return os.environ.get(name, default)\nenv("QUEUE")', False),
        )
    ),
    Case(
        "a variable whose default is gone",
        {"app.py": 'import os\nos.getenv("QUEUE", "x")' + HANDLER},
        {"app.py": READS.format("QUEUE")},
        {**CHANGED, "variables": [("QUEUE", True, "app.py:2", ["api"])]},
    ),
    Case(
        "a variable whose reading now fails",
        {"app.py": 'import os\nos.getenv("QUEUE")' + HANDLER},
        {"app.py": 'import os\nos.getenv("QUEUE")\nos.environ["QUEUE"]' + HANDLER},
        {**CHANGED, "variables": [("QUEUE", True, "app.py:3", ["api"])]},
    ),
    Case("a variable that is set", {}, {"app.py": READS.format("TABLE")}, CHANGED),
    Case("a variable that Lambda sets", {}, {"app.py": READS.format("AWS_REGION")}, CHANGED),
    Case(
        "a variable in a file that no handler reaches",
        {},
        {"tools.py": READS.format("QUEUE")},
        {"files": [("new", "tools.py")]},
    ),
    Case(
        "an operation of AWS, with the permission that has another name",
        on_aws('s3 = boto3.client("s3")\ns3.get_object()'),
        on_aws('s3 = boto3.client("s3")\ns3.get_object()\ns3.get_paginator("list_objects_v2")'),
        {**CHANGED, "aws_calls": [("s3", "ListObjectsV2", ["s3:ListBucket"], "app.py:4")]},
        ("AWS calls   s3 ListObjectsV2 by api: app.py:4\nIAM actions s3:ListBucket",),
    ),
    Case(
        "an operation on a client of another own module",
        {"clients.py": 'import boto3\ndef sns():\n    return boto3.client("sns")\n'},
        {
            "clients.py": 'import boto3\ndef sns():\n    return boto3.client("sns")\n',
            "app.py": "import clients\nclients.sns().publish()" + HANDLER,
        },
        {
            **CHANGED,
            "modules": [("boto3", "in the runtime", "clients")],
            "aws_calls": [("sns", "Publish", ["sns:Publish"], "app.py:2")],
        },
    ),
    Case(
        "an operation on a parameter, where one service alone has it",
        on_aws('boto3.client("stepfunctions")'),
        on_aws(
            'boto3.client("stepfunctions")\ndef f(x):\n    x.start_execution(stateMachineArn=1)\n'
            "    x.stop_execution(1)\n    x.get_item(Key=1)"
        ),
        {**CHANGED, "aws_calls": [("stepfunctions", "StartExecution", ["states:StartExecution"], "app.py:4")]},
    ),
    Case(
        "an error that is new and one that is gone",
        {"app.py": "import lost" + HANDLER},
        {"app.py": "import gone" + HANDLER},
        {
            **CHANGED,
            "new_findings": [("imports-resolve", "error", "/var/task/app.py:1")],
            "gone_findings": [("imports-resolve", "error", "/var/task/app.py:1")],
        },
        (
            "1 new error, 1 finding gone",
            "findings    error: imports-resolve: Runtime.ImportModuleError: ",
            "resolved    error: imports-resolve: ",
        ),
    ),
    Case(
        "an error that stays, of another version",
        wheel("asking==1.9", requires=("lost>=1.0",)),
        wheel("asking==1.10", requires=("lost>=2.0",)),
        {"distributions": [("up", "asking", ["1.9"], ["1.10"], [])]},
    ),
    Case(
        "another major version comes first",
        {**wheel("asking==1.9"), **wheel("yaml-reader==1.0"), **wheel("six==1.16.0")},
        {**wheel("asking==1.10"), **wheel("yaml-reader==1.1"), **wheel("six==2.0.0")},
        {
            "distributions": [
                ("up", "asking", ["1.9"], ["1.10"], []),
                ("up", "six", ["1.16.0"], ["2.0.0"], []),
                ("up", "yaml-reader", ["1.0"], ["1.1"], ["yaml-reader==1.0 in requirements.txt"]),
            ]
        },
        ("packages    up: six 1.16.0 → 2.0.0\n            up: yaml-reader 1.0 → 1.1 (yaml-reader==1.0 in",),
    ),
    Case(
        "an error that stays, at another line",
        {"app.py": "import lost" + HANDLER},
        {"app.py": "\n\nimport lost" + HANDLER},
        CHANGED,
    ),
)
LISTS = {
    "distributions": ("kind", "name", "before", "after", "asked_by"),
    "files": ("kind", "path"),
    "modules": ("name", "of", "by"),
    "variables": ("name", "required", "where", "unset"),
    "aws_calls": ("service", "operation", "actions", "where"),
    "new_findings": ("check", "severity", "where"),
    "gone_findings": ("check", "severity", "where"),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_what_a_release_changes_is_said_and_nothing_else(case: Case, call: Call, desk: Path) -> None:
    for side, files in (("old", case.old), ("new", case.new)):
        parts = ({n: t for n, t in files.items() if n.startswith("python/") is layer} for layer in (False, True))
        write(desk, side, *parts)

    code, out, _ = call(*AGAINST, *JSON, "--output", "terminal=said.txt")

    report = json.loads(out)
    said = {name: [tuple(one[key] for key in keys) for one in report[name]] for name, keys in LISTS.items()}
    assert (code, {name: found for name, found in said.items() if found}) == (0, case.said)
    text = (desk / "said.txt").read_text(encoding="utf-8")
    assert not [words for words in case.terminal if words not in text]
    assert text.count("\n") <= MOST_LINES
    Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(report)


def test_the_schema_is_published() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema(json_v1.DiffV1, json_v1.SCHEMA)


def test_costs_of_a_start_and_new_findings_with_an_engine(call: Call, desk: Path, python: Path) -> None:
    """Two real starts of each: what is alike is no change, and 200 MB and a broken import are."""
    write(desk, "old", {"job.py": HANDLER}, {})
    write(
        desk, "new", {"app.py": "held = bytearray(b'x') * 200_000_000" + HANDLER, "job.py": "import lost" + HANDLER}, {}
    )
    (desk / "lambda-artifact.toml").write_text(
        MANIFEST.format("new") + '[functions.job]\nhandler = "job.handler"\n', encoding="utf-8"
    )

    code, out, _ = call(*AGAINST, "--engine", "process", "--python", str(python), "--format", "json")
    failed, said, _ = call(*AGAINST, "--engine", "process", "--python", str(python), "--fail-on", "new-finding")

    report = json.loads(out)
    api, job = report["functions"]
    assert code == 0
    assert api["max_rss_mb"]["after"] - api["max_rss_mb"]["before"] > 150
    assert (api["max_rss_mb"]["differs"], api["init_cpu_seconds"]["before"] > 0) == (True, True)
    assert (job["init_cpu_seconds"]["before"] > 0, job["init_cpu_seconds"]["after"]) == (True, None)
    found = {one["check"] for one in report["new_findings"]}
    assert (found, report["gone_findings"]) == ({"imports-resolve", "handler-imports"}, [])
    assert (failed, said.partition(" ")[0]) == (1, "FAIL")


def test_the_other_side_can_be_a_manifest_a_folder_or_a_report(
    call: Call, desk: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    write(desk, "old", {"app.py": "import lost" + HANDLER}, YAML)
    write(desk, "new", {}, NEWER)
    with zipfile.ZipFile(desk / "old/code.zip") as code, zipfile.ZipFile(desk / "old/layer.zip") as layer:
        code.extractall(desk / "unpacked")
        layer.extractall(desk / "unpacked-layer")
    run(["verify", "--manifest", "old.toml", *STATIC, "--output", "json=old.json"], environ)
    capsys.readouterr()
    ways = {
        "manifest": ["old.toml"],
        "folder": ["unpacked", "--against-layer", "unpacked-layer"],
        "report": ["old.json"],
    }

    found = {way: json.loads(call("--against", *named, *JSON)[1]) for way, named in ways.items()}

    for report in found.values():
        assert "imports-resolve" in {one["check"] for one in report["gone_findings"]}
        assert report["functions"][0]["unzipped_bytes"]["before"]
    for way in ("manifest", "folder"):
        assert [(one["kind"], one["name"]) for one in found[way]["distributions"]] == [("up", "yaml-reader")]
        assert [(one["kind"], one["path"]) for one in found[way]["files"]] == [("changed", "app.py")]
    assert (found["report"]["compared"], found["report"]["files"]) == (False, [])
    assert "a report has no contents" in found["report"]["notes"][0]


def test_a_longer_list_of_what_is_not_pinned_is_no_new_finding(call: Call, desk: Path) -> None:
    write(desk, "old", {}, wheel("asking==1.0"))
    write(desk, "new", {}, {**wheel("asking==1.1", requires=("six",)), **wheel("six==1.16.0")})
    (desk / "requirements.txt").write_text("asking\n", encoding="utf-8")

    report = json.loads(call("--against", "old.toml", *JSON)[1])

    assert [one for one in report["new_findings"] + report["gone_findings"] if one["check"] == "unpinned"] == []


def test_it_can_be_what_is_deployed(call: Call, desk: Path, moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(desk, "old", {}, YAML)
    write(desk, "new", {}, NEWER)
    for account in aws.accounts(moto):
        for name, value in account.environ.items():
            monkeypatch.setenv(name, value)
        layer = account.layer("parts", (desk / "old/layer.zip").read_bytes())
        account.function("api", (desk / "old/code.zip").read_bytes(), Handler="app.handler", Layers=[layer])

        code, out, _ = call("--against", "function:api", *JSON)

        report = json.loads(out)
        assert (code, [one["source"] for one in report["before"]["artifacts"]]) == (0, ["function:api", layer])
        assert [(one["kind"], one["before"]) for one in report["distributions"]] == [("up", ["1.0"])]
        assert [note.rpartition(": ")[2] for note in report["notes"]] == ["built-dependencies"]


def test_it_can_lie_in_s3(call: Call, desk: Path, moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(desk, "old", {"gone.txt": ""}, YAML)
    write(desk, "new", {}, NEWER)
    for account in aws.accounts(moto):
        for name, value in account.environ.items():
            monkeypatch.setenv(name, value)
        account.put("builds", "old/code.zip", (desk / "old/code.zip").read_bytes())
        account.s3.put_bucket_versioning(Bucket="builds", VersioningConfiguration={"Status": "Enabled"})
        layer = account.put("builds", "old/layer.zip", (desk / "old/layer.zip").read_bytes())
        account.put("builds", "old/layer.zip", b"overwritten since")
        pinned = f"s3://builds/old/layer.zip?versionId={layer['VersionId']}"
        others = [["s3://builds/old/code.zip", "--against-layer", pinned], ["s3://builds/none.zip"]]

        (code, out, _), (lost, text, _) = (
            call("--against", *other, *STATIC, "--format", how)
            for other, how in zip(others, ("json", "terminal"), strict=True)
        )

        report = json.loads(out)
        assert (code, [one["source"] for one in report["before"]["artifacts"]]) == (0, [others[0][0], pinned])
        assert [(one["kind"], one["name"]) for one in report["distributions"]] == [("up", "yaml-reader")]
        assert [(one["kind"], one["path"]) for one in report["files"]] == [("gone", "gone.txt")]
        assert (lost, text.partition(" ")[0], "s3://builds/none.zip: there is no such key" in text) == (
            3,
            "INCOMPLETE",
            True,
        )


def test_functions_with_archives_of_their_own_are_named_where_only_they_differ(call: Call, desk: Path) -> None:
    for side, text in (("old", ""), ("new", "x = 1")):
        write(desk, side, {"shared.py": text}, {})
        (desk / f"{side}-job").mkdir()
        mini(desk / f"{side}-job/code.zip", {"app.py": HANDLER, "shared.py": "", "both.py": text})
        mini(desk / side / "code.zip", {"app.py": HANDLER, "shared.py": text, "both.py": text})
        name = "lambda-artifact.toml" if side == "new" else "old.toml"
        job = f'[functions.job]\nhandler = "app.handler"\ncode = "{side}-job/code.zip"\n'
        (desk / name).write_text(MANIFEST.format(side) + job, encoding="utf-8")

    report = json.loads(call("--against", "old.toml", *JSON)[1])

    found = [(one["path"], one["functions"]) for one in report["files"]]
    assert found == [("both.py", []), ("shared.py", ["api"])]
    assert "name a manifest or a template" in call("--against", "old/code.zip", *STATIC)[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: --against"),
        (["--against", "nowhere.zip"], "--against nowhere.zip: there is no such file or folder"),
        (["--against", "old.toml", "--against-layer", "old/layer.zip"], "--against-layer goes with an archive"),
        (["--against", "old/code.zip", "--against-layer", "no.zip"], "--against-layer: "),
        ([*AGAINST, "--fail-on", "findings"], "--fail-on findings: it takes new-finding"),
        ([*AGAINST, "--format", "sarif"], "--format sarif: it takes terminal, json, markdown"),
        ([*AGAINST, "--output", "json=old/code.zip"], "--output json=old/code.zip: that file is verified"),
        (["--against", "other.json"], "--against other.json: expected a report of schema lambda-artifact/report/v1"),
    ],
)
def test_a_request_that_is_wrong_is_refused(call: Call, desk: Path, arguments: list[str], said: str) -> None:
    (desk / "other.json").write_text('{"schema": "lambda-artifact/transition/v1"}', encoding="utf-8")

    code, out, err = call(*arguments)

    assert (code, out, said in err) == (2, "", True)


def test_what_cannot_be_had_makes_it_incomplete(
    call: Call, desk: Path, moto: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for account in aws.accounts(moto):
        for name, value in account.environ.items():
            monkeypatch.setenv(name, value)

        code, out, _ = call("--against", "function:nowhere", *STATIC)

        both = ["--manifest", "lost.toml", "--against", "lost.toml", *STATIC]
        (desk / "lost.toml").write_text(MANIFEST.format("new").replace("new/code.zip", "function:lost"), "utf-8")
        assert (code, out.partition(" ")[0], "NOT DONE" in out) == (3, "INCOMPLETE", True)
        assert call(*both)[1].count("NOT DONE") == call(*both)[1].count("both sides: ") == 1


def test_lists_are_cut_and_a_verbose_report_has_all(call: Call, desk: Path) -> None:
    write(desk, "new", {f"m{number:02}.py": "" for number in range(60)}, {})

    brief, verbose = call(*AGAINST, *STATIC)[1], call(*AGAINST, *STATIC, "-v")[1]

    assert ("and 28 more" in brief, "m59.py" in brief, "m59.py" in verbose) == (True, False, True)


def test_the_largest_release_fits_one_screen(call: Call, desk: Path) -> None:
    """Everything that can differ does, many times over."""
    old: dict[str, str] = {}
    new = {"app.py": "import boto3, os\ns3 = boto3.client('s3')\nimport own0\n"}
    operations = ("get_object", "put_object", "list_objects_v2", "delete_object", "get_bucket_acl", "copy_object")
    for at in range(20):
        old |= {f"gone{at}.txt": "", f"changed{at}.txt": "a", f"lost{at}.py": "", **wheel(f"gone{at}==1.0")}
        old |= {**wheel(f"up{at}==1.0"), **wheel(f"down{at}==2.0")}
        new |= {f"new{at}.txt": "", f"changed{at}.txt": "b", **wheel(f"up{at}==2.0"), **wheel(f"down{at}==1.0")}
        new |= {**wheel(f"new{at}==1.0"), f"own{at}.py": f"import own{at + 1}, new{at}, up{at}\nimport missing{at}\n"}
        new["app.py"] += f"os.environ['A{at}']\nos.getenv('B{at}', 'x')\ns3.{operations[at % 6]}()\n"
    for side, files in (("old", old), ("new", {**new, "app.py": new["app.py"] + HANDLER})):
        parts = ({n: t for n, t in files.items() if n.startswith("python/") is layer} for layer in (False, True))
        write(desk, side, *parts)

    out = call(*AGAINST, *STATIC)[1]

    assert out.count("\n") <= MOST_LINES
    assert re.search(r"(?s)AWS calls   s3 CopyObject, DeleteObject, GetBucketAcl, .* by api:\s+app.py:\d", out)
    labels = {line.partition("  ")[0] for line in out.splitlines()}
    assert labels >= {"findings", "packages", "own files", "reached", "variables", "optional", "AWS calls", "before"}


def test_the_page_and_the_comment_say_the_same(call: Call, desk: Path) -> None:
    write(desk, "new", {}, YAML)

    call(*AGAINST, *STATIC, "--output", "html=d.html", "--output", "markdown=d.md")

    assert "yaml-reader 1.0" in (desk / "d.html").read_text(encoding="utf-8")
    assert (desk / "d.md").read_text(encoding="utf-8").startswith("## Lambda diff\n\n**1 distribution")


def side(cost: Cost | None = None, *, found: str = "", judged: bool = True, skipped: bool = False) -> Snapshot:
    """A side with one function and perhaps a finding of a check of it."""
    finding = Found("k", "f", "handler-imports", "api", Severity.ERROR, found, "app.py")
    check = frozenset({("handler-imports", "api")})
    none = frozenset[tuple[str, str | None]]()
    findings = (finding,) if found else ()
    return Snapshot(
        Side("x", ()), {"api": cost or Cost()}, findings, check if judged else none, check if skipped else none, None
    )


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        (Cost(zipped=1_000_000), Cost(zipped=1_009_000), "nothing"),
        (Cost(zipped=1_000_000), Cost(zipped=1_011_000), "zipped"),
        (Cost(unzipped=10_000), Cost(unzipped=10_100), "nothing"),
        (Cost(unzipped=10_000), Cost(unzipped=20_000), "unzipped"),
        (Cost(init=1.0), Cost(init=1.19), "nothing"),
        (Cost(init=1.0), Cost(init=0.7), "init"),
        (Cost(init=0.05), Cost(init=0.14), "nothing"),
        (Cost(memory=200), Cost(memory=215), "nothing"),
        (Cost(memory=40), Cost(memory=46), "memory"),
        (Cost(memory=40), Cost(), "nothing"),
    ],
)
def test_what_two_measurements_of_the_same_differ_by_is_no_change(old: Cost, new: Cost, differs: str) -> None:
    (change,) = comparison.functions(side(old), side(new))

    found = [name for name in ("zipped", "unzipped", "init", "memory") if getattr(change, name).differs]
    assert (found or ["nothing"], change.differs) == ([differs], differs != "nothing")


def test_functions_are_set_apart_by_what_differs_alone_and_new_ones_come_first() -> None:
    """Twenty starts are never twice the same: those without a difference share a row."""
    costs = {f"f{at}": Cost(zipped=10**6, init=0.4 + at / 1000, memory=40 + at / 10) for at in range(20)}
    old, new = (replace(side(), costs=costs | more) for more in ({}, {"new": Cost(zipped=10**6, init=0.4, memory=40)}))
    grown = {name: replace(cost, zipped=2 * 10**6) for name, cost in new.costs.items()}
    nothing = dict.fromkeys(
        ("packages", "files", "modules", "variables", "calls", "called", "new", "gone", "notes"), ()
    )

    changes = tuple(comparison.functions(old, replace(new, costs=grown)))
    diff = Diff(
        "1", old.side, new.side, functions=changes, compared=True, judges=False, undone=(), seconds=0, **nothing
    )

    table = document(diff).table
    assert table
    assert [(row[0], row[-2:]) for row in table.rows] == [
        ("new (new)", ("0.40 s", "40 MB")),
        ("f0, f1, f2 and 17 more", ("as before", "as before")),
    ]


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        (side(), side(found="lost"), (1, 0)),
        (side(found="lost"), side(), (0, 1)),
        (side(found="lost"), side(found="lost"), (0, 0)),
        (side(found="lost"), side(judged=False, skipped=True), (0, 0)),
        (side(judged=False, skipped=True), side(found="lost"), (0, 0)),
        (side(judged=False), side(found="lost"), (0, 0)),
    ],
    ids=["new", "gone", "stays", "not done now", "not done before", "never asked before"],
)
def test_what_was_not_judged_is_neither_new_nor_gone(old: Snapshot, new: Snapshot, counts: tuple[int, int]) -> None:
    found, gone = comparison.findings(old, new)

    assert (len(found), len(gone)) == counts


ROLES = """\
Resources:
  api:
    Type: AWS::Lambda::Function
    Properties: {Handler: app.handler, Runtime: python3.12, Code: new/code.zip, Role: !GetAtt Role.Arn}
  Role:
    Type: AWS::IAM::Role
    Properties:
      Policies: [{PolicyDocument: {Statement: {Effect: Allow, Action: "s3:List*", Resource: "*"}}}]
      ManagedPolicyArns: [arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]
"""


def test_iam_actions_are_compared_with_the_role_of_the_template(call: Call, desk: Path) -> None:
    write(desk, "new", on_aws('s3 = boto3.client("s3")\ns3.list_objects_v2()\ns3.put_object()'), {})
    for name, text in {"template.yaml": ROLES, "lambda-artifact.toml": 'from = "template.yaml"\n'}.items():
        (desk / name).write_text(text, encoding="utf-8")

    code, out, _ = call("--against", "old/code.zip", *JSON, "--output", "terminal=said.txt")

    calls = json.loads(out)["aws_calls"]
    found = [tuple(one[key] for key in ("action", "function", "granted")) for at in calls for one in at["permissions"]]
    assert (code, found) == (0, [("s3:ListBucket", "api", True), ("s3:PutObject", "api", False)])
    text = (desk / "said.txt").read_text(encoding="utf-8")
    assert "2 new AWS calls, 1 IAM action not granted" in text
    assert (
        "IAM actions not granted by the role in template.yaml:5: s3:PutObject\n"
        "            granted by the role in template.yaml:5: s3:ListBucket\n"
    ) in text
    Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(json.loads(out))


SEEDED = {
    "app.py": """
import boto3
s3, *others = (boto3.client(name) for name in ("s3", "sqs", "sns"))
def handler(event, context):
    for service, operation, parameters in event:
        getattr({one.meta.service_model.service_name: one for one in (s3, *others)}[service], operation)(**parameters)
"""
}
PUT, GET = (["s3", f"{verb}_object", {"Bucket": "desk", "Key": "a/b"}] for verb in ("put", "get"))
PUBLISH = ["sns", "publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:news", "Message": "x"}]
SEND = ["sqs", "send_message", {"QueueUrl": "http://127.0.0.1/123456789012/work", "MessageBody": "x"}]


def test_calls_that_events_make_of_the_emulated_aws_are_compared(
    call: Call, desk: Path, python: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What no reading of the code tells: the events say which operations are called."""
    engine = ["--engine", "process", "--python", str(python)]
    for side, starts, events in (
        ("old", "", [[PUT]]),
        ("new", 's3.list_objects_v2(Bucket="desk")\n', [[PUT], [GET, PUT, SEND, PUBLISH]]),
    ):
        write(desk, side, {"app.py": SEEDED["app.py"] + starts}, {})
        names = [f"{side}{at}.json" for at in range(len(events))]
        for name, event in zip(names, events, strict=True):
            (desk / name).write_text(json.dumps(event), encoding="utf-8")
        more = f'events = {json.dumps(names)}\naws-seed = "seed.toml"\n'
        path = desk / ("lambda-artifact.toml" if side == "new" else "old.toml")
        path.write_text(MANIFEST.format(side) + more, encoding="utf-8")
    seed = '[[buckets]]\nname = "desk"\n[[queues]]\nname = "work"\n[[topics]]\nname = "news"\n'
    (desk / "seed.toml").write_text(seed, encoding="utf-8")
    run(["verify", "--manifest", "old.toml", *engine, "--output", "json=old.json"], environ)
    capsys.readouterr()

    reports = [json.loads(call("--against", old, *engine, "--format", "json")[1]) for old in ("old.toml", "old.json")]
    text = call("--against", "old.json", *engine)[1]

    expected = [
        "s3 GetObject new1.json",
        "s3 ListObjectsV2 at init",
        "sns Publish new1.json",
        "sqs SendMessage new1.json",
    ]
    for calls in (report["emulated_aws_calls"] for report in reports):
        assert [f"{one['service']} {one['operation']} {one['where']}" for one in calls] == expected
    assert json.loads((desk / "old.json").read_text("utf-8"))["functions"][0]["aws_calls"] == [
        {"service": "s3", "operation": "PutObject", "event": "old0.json"}
    ]
    assert "called      s3 GetObject by api: new1.json\n" in text
    assert "IAM actions s3:GetObject, s3:ListBucket, sns:Publish, sqs:SendMessage\n" in text


TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  api:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.handler, Runtime: python3.12, CodeUri: api}
"""


def test_the_build_output_of_another_checkout_is_a_side(call: Call, desk: Path) -> None:
    for name, text in {"api/app.py": HANDLER, "template.yaml": TEMPLATE}.items():
        (desk / "checkout/.aws-sam/build" / name).parent.mkdir(parents=True, exist_ok=True)
        (desk / "checkout/.aws-sam/build" / name).write_text(text, encoding="utf-8")
    write(desk, "new", {"app.py": "import reader" + HANDLER, "reader.py": ""}, {})

    code, out, _ = call("--against", "checkout/.aws-sam/build/template.yaml", *JSON)

    report = json.loads(out)
    found = [(one["kind"], one["path"]) for one in report["files"]]
    assert (code, found) == (0, [("new", "/opt/python/readme.txt"), ("changed", "app.py"), ("new", "reader.py")])
