from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.checks.layer_layout import check
from harness.model import Severity
from tests.build import archive, findings, function, manifest, subject

if TYPE_CHECKING:
    from harness.artifact.entries import Archive

ROOT = "the root of the layer"
GOOD = {
    "modules in python/": ["python/", "python/six.py", "python/six-1.0.dist-info/METADATA"],
    "modules in site-packages of the runtime's version": ["python/lib/python3.12/site-packages/six.py"],
    "for several runtimes": [f"python/lib/python3.{n}/site-packages/six.py" for n in (11, 12, 13)],
    "an extension alone": ["extensions/agent", "agent.yaml"],
    "an extension written in Python": ["extensions/agent", "agent/main.py"],
    "a wrapper script beside the modules": ["python/otel/__init__.py", "otel-instrument", "otel.py"],
    "libraries alone": ["lib/libpq.so.5"],
    "programs alone": ["bin/ffmpeg"],
    "a library's own Python files": ["lib/gdal/plugins/x.py"],
    "what the build left over": ["python/six.py", "README.md", "requirements.txt", "setup.py", "LICENSE"],
    "what macOS left over": ["python/six.py", "__MACOSX/python/._six.py", "python/._six.py", ".DS_Store"],
    "a package that is called python": ["python/python/__init__.py", "python/python/x.py"],
    "site-packages inside a package": ["python/tool/__init__.py", "python/tool/site-packages/x.py"],
    "site-packages inside a package in site-packages": [
        "python/lib/python3.12/site-packages/tool/__init__.py",
        "python/lib/python3.12/site-packages/tool/dist-packages/x.py",
    ],
    "another language's modules beside": ["python/six.py", "nodejs/node_modules/gyp/__init__.py"],
    "a namespace package": ["python/google/cloud/storage.py"],
    "a package that is called lib": ["python/lib/__init__.py", "python/lib/x.py"],
}

LOST = {
    "the content of python/ zipped": (["six.py", "six-1.0.dist-info/METADATA"], ROOT),
    "packages at the root": (["requests/__init__.py", "requests/api.py"], ROOT),
    "with pip's bin/ beside them": (["requests/__init__.py", "bin/normalizer"], ROOT),
    "distributions without Python files": (["x-1.0.dist-info/METADATA"], ROOT),
    "python/ twice": (["python/python/six.py"], "python/python"),
    "a version's folder": (["python/python3.12/six.py"], "python/python3.12"),
    "pip --home": (["python/lib/python/six.py"], "python/lib/python"),
    "site-packages without lib/": (["python/site-packages/six.py"], "python/site-packages"),
    "site-packages without a version": (["python/lib/site-packages/six.py"], "python/lib/site-packages"),
    "site-packages of another version": (
        ["python/lib/python3.11/site-packages/six.py"],
        "python/lib/python3.11/site-packages",
    ),
    "the 64-bit folder of some systems": (
        ["python/lib64/python3.12/site-packages/_x.abi3.so"],
        "python/lib64/python3.12/site-packages",
    ),
    "Debian's folder": (["python/lib/python3/dist-packages/six.py"], "python/lib/python3/dist-packages"),
    "a virtual environment": (
        ["bin/python", "lib/python3.12/site-packages/six.py", "pyvenv.cfg"],
        "lib/python3.12/site-packages",
    ),
    "a virtual environment in python/": (
        ["python/venv/lib/python3.12/site-packages/six.py"],
        "python/venv/lib/python3.12/site-packages",
    ),
    "the folder around python/": (["build/python/six.py"], "build/python"),
    "the folder in another case": (["Python/six.py"], "Python"),
    "beside data that is in its place": (["python/python/six.py", "python/NOTICE"], "python/python"),
}

PARTLY = {
    "packages at the root, too": ["python/six.py", "requests/__init__.py"],
    "distributions at the root, too": ["python/six.py", "x-1.0.dist-info/METADATA"],
    "packages beside libraries": ["lib/libpq.so.5", "psycopg2/__init__.py"],
    "another version's, too": ["python/six.py", "python/lib/python3.11/site-packages/six.py"],
    "python/ twice, in part": ["python/six.py", "python/python/seven.py"],
}


def layer(*names: str) -> Archive:
    return archive(*names)


@pytest.mark.parametrize("case", GOOD)
def test_a_layer_may_look_like_this(case: str) -> None:
    assert findings(check, subject(layer(*GOOD[case]))) == []


@pytest.mark.parametrize("case", LOST)
def test_modules_that_no_path_leads_to_are_an_error(case: str) -> None:
    names, folder = LOST[case]

    (finding,) = findings(check, subject(layer(*names)))

    assert finding.severity is Severity.ERROR
    assert finding.message.startswith(f"Python modules lie in {folder} (")


@pytest.mark.parametrize("case", PARTLY)
def test_beside_modules_that_are_found_they_are_a_warning(case: str) -> None:
    assert [finding.severity for finding in findings(check, subject(layer(*PARTLY[case])))] == [Severity.WARNING]


def test_the_finding_shows_the_import_that_will_fail() -> None:
    names = ["PyYAML-6.0.dist-info/METADATA", "yaml/__init__.py", "yaml/loader.py"]

    (finding,) = findings(check, subject(layer(*names)))

    assert finding.message == (
        "Python modules lie in the root of the layer (3 files), where Python 3.12 does not look: "
        "`No module named 'yaml'`"
    )
    assert finding.where == "layer.zip!yaml/__init__.py"
    assert finding.remedy == "build the layer so that they lie in python/ or in python/lib/python3.12/site-packages/"


def test_each_folder_is_told_once() -> None:
    names = ["python/python/a.py", "python/python/b.py", "python/site-packages/c.py", "d/__init__.py"]

    found = findings(check, subject(layer(*names)))

    assert [finding.where for finding in found] == [
        "layer.zip!python/python/a.py",
        "layer.zip!python/site-packages/c.py",
        "layer.zip!d/__init__.py",
    ]


@pytest.mark.parametrize(
    "environment", [{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper.py"}, {"PYTHONPATH": "/opt/shared:/var/task"}]
)
def test_a_variable_that_leads_there_makes_it_a_choice(environment: dict[str, str]) -> None:
    led = manifest(function(environment=environment))

    assert findings(check, subject(layer("wrapper.py"), declared=led)) == []
    assert findings(check, subject(layer("shared/inner.py"), declared=led)) == [] or "PYTHONPATH" not in environment
    assert [f.severity for f in findings(check, subject(layer("other/__init__.py"), declared=led))] == [
        Severity.WARNING
    ]


@pytest.mark.parametrize("names", [[], ["python/"], ["__MACOSX/._x"]])
def test_an_empty_layer_is_an_error(names: list[str]) -> None:
    (finding,) = findings(check, subject(layer(*names)))

    assert (finding.severity, finding.message) == (Severity.ERROR, "the layer is empty")


@pytest.mark.parametrize("names", [["models/a.bin", "models/b.bin"], ["nodejs/node_modules/gyp/gyp_main.py"]])
def test_a_layer_that_nothing_reads_by_itself_is_a_warning(names: list[str]) -> None:
    (finding,) = findings(check, subject(layer(*names)))

    assert finding.severity is Severity.WARNING
    assert finding.message.startswith("nothing in the layer is where Lambda's Python looks by itself")


def test_such_a_layer_is_silent_where_a_variable_leads_to_it() -> None:
    led = manifest(function(environment={"FONTCONFIG_PATH": "/opt/etc/fonts"}))

    assert findings(check, subject(layer("etc/fonts/fonts.conf"), declared=led)) == []


def test_layers_that_disagree_on_what_is_a_folder_cannot_be_merged() -> None:
    first = archive("python/x.py", "python/data", source="first.zip")
    second = archive("python/data/y.txt", "python/z.py", source="second.zip")

    (finding,) = findings(check, subject(first, second))

    assert finding.message == (
        "Layer conversion failed: /opt/python/data is a file in first.zip and a folder in second.zip"
    )
    assert finding.where == "first.zip!python/data"
