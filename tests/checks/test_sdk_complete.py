from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.installed import distribution
from harness.check import Inapplicable
from harness.checks.sdk_complete import check
from harness.model import Severity
from tests.build import findings, function, manifest, program_of, said

if TYPE_CHECKING:
    from harness.check import Subject

Files = dict[str, "str | bytes"]


def layer(*names: str, source: str = "", version: str = "1.29.0") -> Files:
    files: Files = {}
    for name in names:
        folder = name.replace("python-", "")
        made = distribution(name, version, {f"{folder}/__init__.py": source})
        files |= {f"python/{path}": text for path, text in made.items()}
    return files


def app(source: str, *layers: Files) -> Subject:
    code: Files = {"main.py": f"{source}\ndef handler(event, context): ...\n"}
    return program_of(code, *layers, declared=manifest(function(handler="main.handler")))


def test_botocore_without_boto3_is_a_warning_where_boto3_is_imported() -> None:
    (finding,) = findings(check, app("import boto3", layer("botocore")))

    assert finding.message.startswith(
        "botocore 1.29.0 is in the artifact, and boto3 and s3transfer are the runtime's, which AWS replaces at any time"
    )
    assert (finding.severity, finding.where) == (Severity.WARNING, "layer.zip!python/botocore-1.29.0.dist-info")
    assert finding.cause == "boto3 is imported at /var/task/main.py:1"
    assert finding.remedy is not None
    assert finding.remedy.startswith("add boto3 and s3transfer to the archive")


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import boto3.session", ("botocore", "s3transfer")),
        ("def f():\n    from boto3 import client", ("botocore",)),
        ("", ("boto3",)),
        ("", ("boto3", "botocore")),
        ("", ("boto3", "s3transfer")),
    ],
)
def test_a_part_of_the_sdk_is_a_warning(source: str, names: tuple[str, ...]) -> None:
    assert [finding.severity for finding in findings(check, app(source, layer(*names)))] == [Severity.WARNING]


def test_modules_without_metadata_count_too() -> None:
    (finding,) = findings(check, app("import boto3", {"python/botocore/__init__.py": ""}))

    assert finding.where == "/opt/python/botocore/__init__.py"


@pytest.mark.parametrize(
    ("source", "layers"),
    [
        ("import boto3", [layer("boto3", "botocore", "s3transfer")]),
        ("import boto3", [layer("boto3", "botocore"), layer("s3transfer")]),
        ("import boto3", [layer("requests")]),
        ("import botocore", [layer("botocore")]),
        ("import aiobotocore", [layer("botocore", "aiobotocore")]),
        ("import tool", [layer("botocore"), layer("tool", source="def f():\n    import boto3\n")]),
        (
            "import tool",
            [layer("botocore"), layer("tool", source="try:\n    import boto3\nexcept ImportError: pass\n")],
        ),
        ("", [layer("botocore"), layer("tool", source="import boto3\n")]),
    ],
)
def test_what_no_update_of_the_runtime_can_break(source: str, layers: list[Files]) -> None:
    assert said(check, app(source, *layers)) == []


@pytest.mark.parametrize(
    ("source", "name", "version", "warns"),
    [
        ("import boto3", "urllib3", "3.0", True),
        ("import boto3", "jmespath", "2.0", True),
        ("import botocore", "python-dateutil", "4.0", True),
        ("", "python-dateutil", "4.0", False),
        ("import boto3", "urllib3", "1.26.20", False),
        ("import boto3", "urllib3", "2.8.0", False),
        ("import boto3", "jmespath", "1.0.1", False),
        ("import boto3", "six", "9", False),
    ],
)
def test_what_the_runtimes_sdk_is_loaded_with(source: str, name: str, version: str, warns: bool) -> None:  # noqa: FBT001 - a table
    found = findings(check, app(source, layer(name, version=version)))

    assert [finding.severity for finding in found] == [Severity.WARNING] * warns


def test_an_sdk_of_ones_own_chooses_for_itself() -> None:
    own = layer("boto3", "botocore", "s3transfer")

    assert findings(check, app("import boto3", own, layer("urllib3", version="3.0"))) == []


def test_without_any_of_it_there_is_nothing_to_look_at() -> None:
    with pytest.raises(Inapplicable, match="no part of the AWS SDK"):
        findings(check, app("import boto3"))


@pytest.mark.parametrize(
    ("source", "removed", "severities"),
    [
        ("import boto3\nclient = boto3.client('sts')", "sts", [Severity.ERROR]),
        ("import boto3\ndef later():\n    boto3.resource('sts')", "sts", [Severity.WARNING]),
        ("import boto3\nclient = boto3.client('sts')", "s3", []),
        ("import boto3\nclient = boto3.client('never-there')", "sts", []),
    ],
)
def test_services_that_a_clean_up_removed(source: str, removed: str, severities: list[Severity]) -> None:
    data = {f"botocore/data/{name}/2011-06-15/service-2.json": "{}" for name in ("s3", "sts")}
    made = distribution("botocore", "1.29.0", {"botocore/__init__.py": "", **data})
    files = {f"python/{path}": text for path, text in made.items() if f"/{removed}/" not in path}

    found = findings(check, app(source, layer("boto3", "s3transfer"), files))

    assert [one.severity for one in found] == severities
    assert all("Unknown service: 'sts'" in one.message for one in found)
