"""``match``: exit code 0 only where what lies there is what passed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from harness.catalogue import CATALOGUE
from tests import aws
from tests.canaries import canaries_in
from tests.command import Done, command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.aws import Account, Answer, Asked

pytestmark = pytest.mark.slow


@pytest.fixture
def account(moto: str) -> Iterator[aws.Account]:
    yield from aws.accounts(moto)


class Project:
    """Archives and the report that verified them."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self.environ = environ
        self.code = self.zip("code.zip", "app/main.py", "def handler(event, context):\n    return {}\n")
        self.layer = self.zip("layer.zip", "python/lib.py", "x = 1\n")
        self.other = self.zip("other.zip", "python/lib.py", "x = 2\n")

    def zip(self, name: str, entry: str, text: str) -> bytes:
        with zipfile.ZipFile(self.folder / name, "w") as file:
            file.writestr(zipfile.ZipInfo(entry), text)
        return (self.folder / name).read_bytes()

    def run(self, *arguments: str) -> Done:
        done = command(self.folder, self.environ, *arguments)
        assert not canaries_in("".join(path.read_text() for path in self.folder.glob("*.json")))
        return done

    def verify(self, *arguments: str) -> Done:
        static = ("--engine", "none", "--select", "archive-integrity", "--output", "json=verify.json")
        return self.run("verify", *static, *arguments)

    def match(self, *arguments: str) -> tuple[int, list[str]]:
        """The exit code, and what is said of the archives, or of the request."""
        done = self.run("match", "--report", "verify.json", *arguments)
        proof, *lines = done.stdout.splitlines() or [""]
        assert not proof or proof.startswith(f"verify.json: 1 of {ALL} checks; no function was declared")
        return done.returncode, lines if proof else done.stderr.splitlines()


@pytest.fixture
def project(tmp_path: Path, account: Account) -> Project:
    return Project(tmp_path, account.environ)


@pytest.fixture
def verified(project: Project) -> Project:
    assert project.verify("--code", "code.zip", "--layer", "layer.zip").returncode == 0
    return project


def slowly(asked: Asked, usual: Callable[[], Answer]) -> Answer:
    del asked
    time.sleep(1.5)  # longer than progress is patient
    return usual()


def digests(data: bytes) -> str:
    digest = hashlib.sha256(data)
    return f"sha256 {digest.hexdigest()}, CodeSha256 {base64.b64encode(digest.digest()).decode()}"


class TestWhatPassed:
    def test_files(self, verified: Project) -> None:
        code, lines = verified.match("--code", "code.zip", "--layer", "layer.zip")

        assert code == 0
        assert lines == [
            f"code code.zip: the same as code.zip ({digests(verified.code)})",
            f"layer layer.zip: the same as layer.zip ({digests(verified.layer)})",
        ]

    def test_objects(self, verified: Project, account: Account) -> None:
        account.put("builds", "code.zip", verified.code)
        account.put("builds", "layer.zip", verified.layer, ChecksumAlgorithm="SHA256")

        code, lines = verified.match("--code", "s3://builds/code.zip", "--layer", "s3://builds/layer.zip")

        assert (code, len(lines)) == (0, 2)
        # What S3 knows the digest of need not be read.
        assert account.calls("GET") == ["GET /builds/code.zip"]

    def test_a_function_and_its_layers_without_reading_them(self, verified: Project, account: Account) -> None:
        arn = account.layer("deps", verified.layer)
        account.function("api", verified.code, Layers=[arn])

        code, lines = verified.match("--code", "function:api", "--layer", "function:api")

        assert code == 0
        assert lines == [
            f"code function:api: the same as code.zip ({digests(verified.code)})",
            f"layer {arn} (of function:api): the same as layer.zip ({digests(verified.layer)})",
        ]
        assert not [call for call in account.calls() if "archives" in call or call.endswith("/functions/api")]

    def test_what_is_not_named_is_told(self, verified: Project) -> None:
        code, lines = verified.match("--code", "code.zip")

        assert code == 0
        assert lines[1:] == [f"not compared: layer layer.zip ({digests(verified.layer)})"]

    def test_a_folder(self, project: Project) -> None:
        with zipfile.ZipFile(project.folder / "code.zip") as file:
            file.extractall(project.folder / "code")
        project.verify("--code", "code")

        assert project.match("--code", "code")[0] == 0
        code, lines = project.match("--code", "code.zip")
        assert code == 1
        assert lines[1] == "  a folder has passed, which never is an archive: verify the archive itself"


class TestWhatDidNot:
    def test_a_stale_layer_under_a_key_that_looks_right(self, verified: Project, account: Account) -> None:
        account.put("builds", "layer.zip", verified.other)

        code, lines = verified.match("--code", "code.zip", "--layer", "s3://builds/layer.zip")

        assert code == 1
        assert lines[1] == (
            f"layer s3://builds/layer.zip: {digests(verified.other)}, and what passed is layer.zip "
            f"({digests(verified.layer)}): put that there, or verify what is there"
        )

    def test_a_layer_that_was_attached_by_hand(self, verified: Project, account: Account) -> None:
        arns = [account.layer("deps", data) for data in (verified.layer, verified.other)]
        account.function("api", verified.code, Layers=[arns[1]])

        code, lines = verified.match("--code", "function:api", "--layer", "function:api")

        assert code == 1
        assert f"layer {arns[1]} (of function:api): {digests(verified.other)}" in lines[1]

    def test_a_function_that_carries_no_layer(self, verified: Project, account: Account) -> None:
        account.function("api", verified.code)

        code, lines = verified.match("--layer", "function:api")

        assert code == 1
        assert lines[0].startswith("layer function:api: it carries none, and with layer.zip (")

    def test_a_layer_where_none_has_passed(self, project: Project) -> None:
        project.verify("--code", "code.zip")

        code, lines = project.match("--code", "code.zip", "--layer", "layer.zip")

        assert code == 1
        assert lines[1].endswith("and no layer has passed: verify it, too")

    def test_code_is_no_layer(self, verified: Project) -> None:
        assert verified.match("--layer", "code.zip")[0] == 1


SIGNATURE = "META_INF/aws_signer_signature_v1.0.SF"
EXECUTABLE = 0o755 << 16
LINK = 0o120777 << 16


class TestSigned:
    """AWS Signer adds a file to a zip, and changes nothing else."""

    @pytest.mark.parametrize(
        ("entries", "code"),
        [
            ({SIGNATURE: ("signed", 0)}, 0),
            ({}, 1),  # zipped again: other bytes, and no signature that explains them
            ({SIGNATURE: ("signed", 0), "app/more.py": ("", 0)}, 1),
            ({SIGNATURE: ("signed", 0), "META_INF/more.py": ("", 0)}, 1),
            ({SIGNATURE: ("signed", 0), "app/main.py": ("def handler(event, context):\n    return 1\n", 0)}, 1),
            ({SIGNATURE: ("signed", 0), "app/main.py": (None, EXECUTABLE)}, 1),
            ({SIGNATURE: ("signed", 0), "app/main.py": ("", None)}, 1),
            ({SIGNATURE: ("app/main.py", LINK)}, 1),
            ({f"app/{SIGNATURE}": ("signed", 0)}, 1),
            ({"META_INF/aws_signer_signature_v1.0.SF.py": ("signed", 0)}, 1),
        ],
    )
    def test_content(
        self, verified: Project, account: Account, entries: dict[str, tuple[str | None, int | None]], code: int
    ) -> None:
        """Text (None: as it was) and attributes (None: the entry is gone) of entries."""
        original = {"app/main.py": ("def handler(event, context):\n    return {}\n", 0)}
        with zipfile.ZipFile(verified.folder / "signed.zip", "w", zipfile.ZIP_DEFLATED) as file:
            for name, (text, attributes) in {**original, **entries}.items():
                if attributes is not None:
                    info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
                    info.external_attr = attributes
                    file.writestr(info, original[name][0] if text is None else text)
        account.put("builds", "signed.zip", (verified.folder / "signed.zip").read_bytes())

        for named in ("signed.zip", "s3://builds/signed.zip"):
            found, lines = verified.match("--code", named)

            assert found == code
            same = f"code {named}: signed by AWS Signer, and else the same as code.zip ({digests(verified.code)})"
            assert (lines[0] == same) is (code == 0)


class TestWhatCannotBeTold:
    def test_an_object_that_is_not_there(self, verified: Project, account: Account) -> None:
        account.put("builds", "code.zip", verified.code)

        code, lines = verified.match("--code", "code.zip", "--layer", "s3://builds/layer.zip")

        assert code == 3
        assert lines[1] == (
            "layer s3://builds/layer.zip: there is no such key in the bucket (s3:GetObject: NoSuchKey)."
        )

    def test_another_one_differs(self, verified: Project, account: Account) -> None:
        del account

        assert verified.match("--code", "other.zip", "--layer", "s3://nowhere-at-all/layer.zip")[0] == 1


HANDLERS = [{"name": "api", "init_seconds": 0.1}, {"name": "job", "init_seconds": None}]
ALL = len(CATALOGUE)
EVERY = [{"check": check.id} for check in CATALOGUE]


class TestProof:
    """What the verification did, and what is demanded of it."""

    @pytest.mark.parametrize(
        ("report", "said", "enough"),
        [
            ({}, f"1 of {ALL} checks; no function was declared, and nothing was started", ["passed"]),
            ({"functions": HANDLERS[1:]}, f"1 of {ALL} checks; nothing was started", ["passed"]),
            ({"functions": HANDLERS}, f"1 of {ALL} checks; 1 of 2 functions started", ["passed"]),
            ({"functions": HANDLERS[:1]}, f"1 of {ALL} checks; 1 of 1 functions started", ["passed", "started"]),
            ({"functions": HANDLERS[1:], "results": EVERY}, f"{ALL} of {ALL} checks; nothing was started", ["passed"]),
            (
                {"functions": HANDLERS[:1], "results": EVERY},
                f"{ALL} of {ALL} checks; 1 of 1 functions started",
                ["passed", "started", "all"],
            ),
            (
                {"functions": HANDLERS[:1], "results": [*EVERY, {"check": "of-a-later-release"}]},
                f"{ALL + 1} of {ALL + 1} checks; 1 of 1 functions started",
                ["passed", "started", "all"],
            ),
            (
                {"functions": HANDLERS[:1], "results": EVERY[1:]},
                f"{ALL - 1} of {ALL} checks; 1 of 1",
                ["passed", "started"],
            ),
        ],
    )
    def test_it_is_said_and_can_be_demanded(
        self, verified: Project, report: dict[str, Any], said: str, enough: list[str]
    ) -> None:
        path = verified.folder / "verify.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **report}))

        for level in ("passed", "started", "all"):
            done = verified.run("match", "--report", "verify.json", "--code", "code.zip", "--require", level)
            assert done.returncode == (0 if level in enough else 2)
            assert said in (done.stdout.splitlines()[0] if level in enough else done.stderr)
            assert level in enough or f"--require {level} demands that " in done.stderr

    def test_a_level_that_there_is_not(self, verified: Project) -> None:
        done = verified.run("match", "--report", "verify.json", "--code", "code.zip", "--require", "start")

        assert (done.returncode, "it takes passed, started, all: did you mean started?" in done.stderr) == (2, True)


class TestShares:
    """An alias that sends a part of its calls to another version."""

    @pytest.fixture
    def shared(self, verified: Project, account: Account) -> Project:
        """``live`` points to what passed, and sends a tenth of its calls to what came before."""
        layers = [account.layer("deps", data) for data in (verified.other, verified.layer)]
        old = verified.zip("old.zip", "app/main.py", "def handler(event, context):\n    return 1\n")
        account.function("api", old, Layers=layers[:1], Publish=True)
        account.functions.update_function_configuration(FunctionName="api", Layers=layers[1:])
        version = account.update("api", verified.code)
        account.functions.create_alias(FunctionName="api", Name="live", FunctionVersion=version)
        return verified

    def share(self, account: Account, weights: dict[str, float]) -> None:
        account.functions.update_alias(
            FunctionName="api", Name="live", RoutingConfig={"AdditionalVersionWeights": weights}
        )

    @pytest.mark.parametrize("named", ["function:api", f"{aws.FUNCTION}api"])
    def test_both_versions_are_compared(self, shared: Project, account: Account, named: str) -> None:
        self.share(account, {"1": 0.1})

        code, lines = shared.match("--code", f"{named}:live", "--layer", f"{named}:live")

        assert code == 1
        assert lines[0].startswith(f"code {named}:live: the same as code.zip")
        assert lines[1].startswith(f"code {named}:1 (10% of the calls of {named}:live): sha256")
        assert "the same as layer.zip" in lines[2]
        assert re.match(rf"layer arn:\S+:1 \(of {named}:1, 10% of the calls of {named}:live\): sha256", lines[3])

    @pytest.mark.parametrize("weights", [{}, {"1": 0.0}])
    def test_without_a_part_there_is_one(self, shared: Project, account: Account, weights: dict[str, float]) -> None:
        self.share(account, weights)

        code, lines = shared.match("--code", "function:api:live", "--layer", "function:api:live")

        assert (code, len(lines)) == (0, 2)

    def test_no_alias_is_asked_for_where_none_is_named(self, shared: Project, account: Account) -> None:
        assert shared.match("--code", "function:api:2", "--layer", "function:api")[0] == 0
        assert not [call for call in account.calls() if "aliases" in call]

    def test_an_alias_that_is_not_there_is_said_once(self, shared: Project, account: Account) -> None:
        code, lines = shared.match("--code", "function:api:edge")

        assert code == 3
        assert "there is no function api, or it has no alias edge in eu-west-1" in lines[0]
        assert not [call for call in account.calls() if "/aliases/" in call]

    def test_where_it_may_not_be_asked_it_is_not_known(self, shared: Project, account: Account) -> None:
        account.once("/aliases/live", lambda *_: aws.error(403, "AccessDeniedException"), times=9)

        code, lines = shared.match("--code", "function:api:live")

        assert code == 3
        assert lines[1].startswith("code not known whether another version gets a part of the calls: function:api:live")
        assert "the credentials need lambda:GetAlias on" in lines[1]

    def test_a_verification_says_so(self, shared: Project, account: Account) -> None:
        self.share(account, {"1": 0.25})

        done = shared.verify("--code", "function:api:live", "--layer", "function:api:live")

        said = " ".join(done.stdout.split())
        assert "in AWS, function:api:live sends 25% of its calls to version 1, which is another archive" in said


class TestRequests:
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"verdict": "fail"}, "its verdict is fail, so it proves nothing: verify again"),
            ({"verdict": "incomplete"}, "its verdict is incomplete, so it proves nothing"),
            ({"schema": "lambda-artifact/report/v9"}, "expected a report of schema lambda-artifact/report/v1"),
            ({"artifacts": []}, "it names no archive, so nothing has passed"),
            ({"artifacts": None}, "not a JSON report of `verify`"),
            ({"more": "than we know"}, None),
        ],
    )
    def test_a_report_that_proves_nothing_is_refused(
        self, verified: Project, changes: dict[str, Any], said: str | None
    ) -> None:
        report = verified.folder / "verify.json"
        report.write_text(json.dumps({**json.loads(report.read_text()), **changes}))

        code, lines = verified.match("--code", "code.zip")

        assert code == (2 if said else 0)
        assert not said or said in lines[0]

    @pytest.mark.parametrize("text", ["", "not JSON", "[]", "\udcff"])
    def test_what_is_no_report_is_refused(self, project: Project, text: str) -> None:
        (project.folder / "verify.json").write_text(text, errors="ignore")

        code, lines = project.match("--code", "code.zip")

        assert code == 2
        assert "--report verify.json: not a JSON report of `verify`" in lines[0]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "nothing to compare: name archives with --code or --layer"),
            (["--code", "none.zip"], "--code none.zip: none.zip does not exist"),
            (["--code", "s3://bucket"], "--code: expected a file, s3://bucket/key, function:NAME or the ARN"),
            (["--code", "arn:aws:lambda:eu-west-1:123456789012:layer:deps:3"], "--code: expected a file"),
            (["--layer", "arn:aws:lambda:eu-west-1:123456789012:layer:deps"], "--layer: expected a file"),
        ],
    )
    def test_what_is_asked_wrongly_is_told(self, verified: Project, arguments: list[str], said: str) -> None:
        code, lines = verified.match(*arguments)

        assert code == 2
        assert said in lines[0]


class TestVerify:
    """What lies in AWS, verified where it lies."""

    def test_the_report_has_what_was_read_and_its_digests(self, project: Project, account: Account) -> None:
        account.put("builds", "code.zip", project.code)
        arn = account.layer("deps", project.layer, CompatibleRuntimes=["python3.11"])

        done = project.verify("--code", "s3://builds/code.zip", "--layer", arn, "--source-digests")

        assert done.returncode == 0
        sha256, code_sha256 = digests(project.layer).split(", ")
        assert f"          sha256      {sha256.split()[1]}\n" in done.stdout
        assert f"          CodeSha256  {code_sha256.split()[1]}\n" in done.stdout
        assert f"in AWS, {arn} is declared for python3.11; its runtime here is python3.12" in " ".join(
            done.stdout.split()
        )
        artifacts = json.loads((project.folder / "verify.json").read_text())["artifacts"]
        assert [one["source"] for one in artifacts] == ["s3://builds/code.zip", arn]
        assert project.match("--code", "code.zip", "--layer", "layer.zip")[0] == 0

    def test_a_function_with_what_it_carries(self, project: Project, account: Account) -> None:
        arn = account.layer("deps", project.layer)
        account.function("api", project.code, Layers=[arn], Runtime="python3.11")

        done = project.verify("--code", "function:api", "--layer", "function:api")

        assert done.returncode == 0
        artifacts = json.loads((project.folder / "verify.json").read_text())["artifacts"]
        assert [(one["role"], one["source"]) for one in artifacts] == [("code", "function:api"), ("layer", arn)]
        assert "in AWS, function:api is for python3.11; its runtime here is python3.12" in " ".join(done.stdout.split())

    def test_a_function_without_what_it_carries_is_told(self, project: Project, account: Account) -> None:
        arn = account.layer("deps", project.layer)
        account.function("api", project.code, Layers=[arn])

        done = project.verify("--code", "function:api")

        said = " ".join(done.stdout.split())
        assert f"in AWS, function:api carries layers ({arn}); it is verified without any: --layer function:api" in said

    def test_what_cannot_be_had_is_3_and_asked_for_once(self, project: Project, account: Account) -> None:
        done = project.run("verify", "--engine", "none", "--code", "s3://builds/none.zip", "--source-digests")

        assert done.returncode == 3
        assert "no digest of s3://builds/none.zip: it was not read" in done.stdout
        assert "s3://builds/none.zip: there is no such bucket (s3:GetObject: NoSuchBucket)." in done.stdout
        assert len(account.calls()) == 2

    def test_markdown_has_the_digests_too(self, project: Project) -> None:
        done = project.verify("--code", "code.zip", "--source-digests", "--format", "markdown")

        assert digests(project.code).split()[1].rstrip(",") in done.stdout
        assert "CodeSha256" in done.stdout

    def test_the_cache_tells_what_was_fetched_and_forgets_it(self, project: Project, account: Account) -> None:
        account.put("builds", "code.zip", project.code)
        project.verify("--code", "s3://builds/code.zip")

        assert re.search(r"fetched archives +1 ", project.run("cache").stdout)
        assert re.search(r"fetched archives +0 ", project.run("cache", "prune").stdout)
        assert not list((project.folder / "cache").rglob("*.zip"))

    def test_what_takes_long_is_told_on_standard_error(self, project: Project, account: Account) -> None:
        account.put("builds", "code.zip", project.code)
        account.once("HEAD", slowly)

        done = project.verify("--code", "s3://builds/code.zip")

        assert "… asking AWS for s3://builds/code.zip\n" in done.stderr
        assert "asking AWS" not in done.stdout


def test_the_policy_is_printed_for_what_is_named(project: Project) -> None:
    done = project.run("policy", "s3://builds/code.zip?versionId=7")

    assert json.loads(done.stdout)["Statement"] == [
        {
            "Sid": "ReadObjects",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": ["arn:aws:s3:::builds/code.zip"],
        }
    ]
    assert project.run("policy", "code.zip").returncode == 2
