from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.installed import Metadata, distribution
from harness.checks.requirements_met import check
from harness.model import Severity
from tests.build import findings, function, manifest, program_of, said

if TYPE_CHECKING:
    from harness.check import Subject

Files = dict[str, "str | bytes"]


def layer(*distributions: Files) -> Files:
    return {f"python/{name}": text for one in distributions for name, text in one.items()}


def dist(name: str, version: str = "1.0", *requires: str, source: str = "", python: str | None = None) -> Files:
    folder = name.replace("-", "_")
    metadata: Metadata = {"requires": requires}
    if python:
        metadata["requires_python"] = python
    return distribution(name, version, {f"{folder}/__init__.py": source}, **metadata)


def app(source: str, *layers: Files, code: Files | None = None) -> Subject:
    own: Files = {"main.py": f"{source}\ndef handler(event, context): ...\n", **(code or {})}
    return program_of(own, *layers, declared=manifest(function(handler="main.handler")))


def test_a_version_that_does_not_fit_may_do() -> None:
    both = layer(dist("requests", "2.28", "urllib3<1.27"), dist("elastic", "8", "urllib3<2"), dist("urllib3", "2.2"))

    (finding,) = findings(check, app("", both))

    assert finding.message == (
        "urllib3 2.2 does not fit: elastic 8 requires urllib3<2; requests 2.28 requires urllib3<1.27"
    )
    assert (finding.severity, finding.where) == (Severity.WARNING, "layer.zip!python/urllib3-2.2.dist-info")
    assert finding.cause is None


@pytest.mark.parametrize(
    ("source", "severity"),
    [
        ("import urllib3.packages.six\n", Severity.ERROR),
        ("try:\n    import urllib3.packages.six\nexcept ImportError: ...\n", Severity.WARNING),
        ("def later():\n    import urllib3.packages.six\n", Severity.WARNING),
    ],
)
def test_a_version_that_does_not_fit_is_an_error_where_an_import_shows_it(source: str, severity: Severity) -> None:
    both = layer(dist("requests", "2.28", "urllib3<1.27", source=source), dist("urllib3", "2.2"))

    (finding,) = findings(check, app("import requests", both))

    assert finding.severity is severity
    assert ("No module named 'urllib3.packages" in (finding.cause or "")) is (severity is Severity.ERROR)


def test_archives_that_were_not_resolved_together_are_named() -> None:
    (finding,) = findings(check, app("", layer(dist("urllib3", "2.2")), code=dist("requests", "2.28", "urllib3<1.27")))

    assert finding.cause == "layer.zip and code.zip were not resolved together"


@pytest.mark.parametrize(
    ("code", "in_layer", "conflicts"),
    [
        (dist("urllib3", "1.26"), [dist("urllib3", "2.2"), dist("requests", "2.28", "urllib3<1.27")], False),
        (dist("urllib3", "2.2"), [dist("urllib3", "1.26"), dist("requests", "2.28", "urllib3<1.27")], True),
        ({}, [dist("urllib3", "0.1.dev4+gabc"), dist("requests", "2.28", "urllib3>1")], False),
        ({}, [dist("urllib3", "unknown"), dist("requests", "2.28", "urllib3>1")], False),
        ({}, [dist("urllib3", "3.0rc1"), dist("requests", "2.28", "urllib3>1")], False),
    ],
)
def test_the_version_that_python_finds_first_counts(code: Files, in_layer: list[Files], conflicts: bool) -> None:  # noqa: FBT001 - a table
    assert bool(findings(check, app("", layer(*in_layer), code=code))) is conflicts


@pytest.mark.parametrize(
    ("importing", "source", "severity"),
    [
        ("import kit", "import colours", Severity.ERROR),
        ("import kit", "import another_name", Severity.ERROR),
        ("from kit import x", "x = 1\nimport colours.red", Severity.ERROR),
        ("import kit", "def f():\n    import colours", Severity.WARNING),
        ("import kit", "try:\n    import colours\nexcept ImportError: pass", Severity.WARNING),
        ("import kit", "", Severity.WARNING),
        ("try:\n    import kit\nexcept ImportError: pass", "import colours", Severity.WARNING),
        ("def f():\n    import kit", "import colours", Severity.WARNING),
        ("", "import colours", Severity.WARNING),
    ],
)
def test_an_absent_requirement_is_an_error_if_no_handler_starts_without(
    importing: str, source: str, severity: Severity
) -> None:
    (finding,) = findings(check, app(importing, layer(dist("kit", "1.0", "colours>=3", source=source))))

    assert finding.message == "colours is nowhere in code, layers and runtime: kit 1.0 requires colours>=3"
    assert (finding.severity, finding.where) == (severity, "layer.zip!python/kit-1.0.dist-info")
    assert finding.chain == (("main", "kit") if severity is Severity.ERROR else ())


def test_a_build_tool_may_be_absent_unless_a_start_needs_it() -> None:
    (finding,) = findings(
        check, app("import kit", layer(dist("kit", "1.0", "setuptools", source="import pkg_resources")))
    )

    assert finding.severity is Severity.ERROR


def test_an_absent_requirement_is_told_once_for_all_that_require_it() -> None:
    several = layer(*(dist(name, "1.0", "colours") for name in "abcde"))

    (finding,) = findings(check, app("", several))

    assert finding.message.endswith("a 1.0 requires colours; b 1.0 requires colours; c 1.0 requires colours and 2 more")


@pytest.mark.parametrize(
    "files",
    [
        layer(dist("kit", "1.0", "left-pad"), {"left_pad/__init__.py": ""}),
        layer(dist("kit", "1.0", "PyYAML", source="import yaml"), {"yaml/__init__.py": ""}),
        layer(dist("kit", "1.0", "google-x", source=""), {"google_x/sub/y.py": ""}),
        layer(dist("kit", "1.0", 'colours; extra == "fast"')),
        layer(dist("kit", "1.0", "boto3>=1.20", "six", "urllib3<3", "pip", "simplejson>=3")),
        layer(dist("kit", "1.0", "this is (no requirement")),
        layer(dist("kit", "1.0", "setuptools", source="def f():\n    import pkg_resources\n")),
        layer(dist("kit", "1.0", "Left.Pad[fast]>=1"), dist("left-pad", "1.5")),
    ],
)
def test_what_is_met(files: Files) -> None:
    assert said(check, app("", files)) == []


@pytest.mark.parametrize(
    ("requirement", "remedy"),
    [
        ("boto3>=99", "boto3, botocore and s3transfer only together"),
        ("botocore<1.30,>=1.29", "boto3, botocore and s3transfer only together"),
        ("urllib3==2.8.0", "add urllib3==2.8.0 to the requirements"),
    ],
)
def test_a_version_of_the_runtimes_is_nothing_to_rely_on(requirement: str, remedy: str) -> None:
    (finding,) = findings(check, app("", layer(dist("kit", "1.0", requirement))))

    assert finding.severity is Severity.WARNING
    assert "only the runtime has it, in a version that AWS changes at any time" in finding.message
    assert finding.remedy is not None
    assert remedy in finding.remedy


def test_a_part_of_the_sdk_is_another_checks_affair() -> None:
    assert said(check, app("", layer(dist("boto3", "1.34.162", "botocore<1.35,>=1.34.162")))) == []


@pytest.mark.parametrize(
    ("source", "severity", "cause"),
    [
        ("", Severity.WARNING, "its modules compile for it all the same"),
        ("def f(:", Severity.ERROR, "/opt/python/kit/__init__.py does not compile for it"),
    ],
)
def test_a_distribution_for_another_python(source: str, severity: Severity, cause: str) -> None:
    (finding,) = findings(check, app("import kit", layer(dist("kit", source=source, python=">=3.13"))))

    assert finding.message.startswith("kit 1.0 requires Python >=3.13, and the runtime is python3.12")
    assert (finding.severity, finding.cause) == (severity, cause)
