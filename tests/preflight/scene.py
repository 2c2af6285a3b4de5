"""The sample application in an account: its functions, deployed as somebody's pipeline has left them."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from harness import cli
from tests import aws
from tests.canaries import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest
    from mypy_boto3_lambda import LambdaClient

    from tests.aws import Account

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "fixtures" / "sample" / "lambda-artifact.toml"
HANDLERS = {
    "api": "app.main.handler",
    "worker": "lambdas.worker.handler.handler",
    "cleanup": "lambdas.cleanup.handler.handler",
    "migrate": "lambdas.migrate.handler.handler",
}
SMALL = 300  # bytes
SECRETS = {"DATABASE_URL": f"postgresql://desk:{VARIABLE}@db/desk", "TOKEN_KEY": VARIABLE}


@dataclass
class Desk:
    """Parcel Desk's functions in an account.

    Attributes:
        code: What they run.
    """

    account: Account
    code: bytes
    layers: list[str] = field(default_factory=list)

    @cached_property
    def client(self) -> LambdaClient:
        """The owner's."""
        return self.account.functions

    def deploy(self, names: tuple[str, ...] = tuple(HANDLERS), **more: object) -> None:
        """Create the functions, with the sample's settings."""
        for name in names:
            said: dict[str, Any] = {
                "Handler": HANDLERS[name],
                "MemorySize": 1024 if name == "migrate" else 512,
                "Timeout": 300 if name == "migrate" else 30,
                "Architectures": ["x86_64"],
                "Layers": self.layers,
                "Environment": {"Variables": SECRETS},
                **more,
            }
            self.client.create_function(
                FunctionName=f"parcel-desk-{name}",
                Role=aws.ROLE,
                Code={"ZipFile": self.code},
                **cast("Any", {"Runtime": "python3.12", **said}),
            )

    def attach(self, name: str, layers: list[str]) -> None:
        """Let a function carry these layers."""
        self.client.update_function_configuration(FunctionName=f"parcel-desk-{name}", Layers=layers)

    def release(self, name: str, code: bytes | None = None, alias: str = "live") -> str:
        """Publish a version, of new code where there is some, and move the alias to it."""
        function, client = f"parcel-desk-{name}", self.client
        if code is not None:
            client.update_function_code(FunctionName=function, ZipFile=code)
        version = client.publish_version(FunctionName=function)["Version"]
        known = [one["Name"] for one in client.list_aliases(FunctionName=function)["Aliases"]]
        move = client.update_alias if alias in known else client.create_alias
        move(FunctionName=function, Name=alias, FunctionVersion=version)
        return version


@dataclass(frozen=True)
class Said:
    """What the command has said."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(self.out))

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Each with its check, and the functions that it was made on."""
        found: dict[str, dict[str, Any]] = {}
        for result in self.report["results"]:
            for finding in result["findings"]:
                one = {"check": result["check"], "functions": [], **finding, "fingerprint": None}
                found.setdefault(json.dumps({**one, "functions": 0}), one)["functions"].append(result["function"])
        return list(found.values())

    def finding(self, check: str) -> dict[str, Any]:
        (found,) = [one for one in self.findings if one["check"] == check]
        return found

    @property
    def notes(self) -> str:
        return "\n".join(note for result in self.report["results"] for note in result["notes"])


def preflight(
    capsys: pytest.CaptureFixture[str], environ: Mapping[str, str], *arguments: str, form: str = "json"
) -> Said:
    """Run the command on the sample, whose functions are called parcel-desk-…."""
    named = () if "--manifest" in arguments else ("--manifest", str(MANIFEST))
    called = () if "--deployed-as" in arguments else ("--deployed-as", "parcel-desk-{function}")
    capsys.readouterr()
    code = cli.run(["preflight", *named, *called, "--format", form, *arguments], environ)
    captured = capsys.readouterr()
    return Said(code, captured.out, captured.err)


def packed(files: Mapping[str, str]) -> bytes:
    """A small archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, text in files.items():
            file.writestr(zipfile.ZipInfo(name), text)
    return made.getvalue()


def lighter(data: bytes) -> bytes:
    """The small files of an archive: what is large takes time, and says nothing more here."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if entry.file_size < SMALL:
                new.writestr(entry, old.read(entry))
    return made.getvalue()


def packed_again(data: bytes, more: Mapping[str, str] | None = None) -> bytes:
    """The same files with other dates, in another order; and some more."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in reversed(old.infolist()):
            content = old.read(entry)
            entry.date_time = (2024, 5, 17, 12, 0, 0)
            new.writestr(entry, content)
        for name, text in (more or {}).items():
            new.writestr(zipfile.ZipInfo(name), text)
    return made.getvalue()
