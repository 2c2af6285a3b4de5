from __future__ import annotations

import pytest

from harness.check import Inapplicable
from harness.checks.namespace_packages import check
from harness.model import Severity
from tests.build import analysed, code, findings, function, program_of, subject

Files = dict[str, str]

SHARES = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
START = "from google.cloud import storage\n\ndef handler(event, context): ...\n"


def installed(name: str, *files: str, prefix: str = "python/", text: str = "") -> Files:
    """A distribution with its metadata."""
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    record = "".join(f"{file},,\n" for file in files)
    return {
        f"{prefix}{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{prefix}{info}/RECORD": record,
        **{f"{prefix}{file}": text for file in files},
    }


STORAGE = installed("google-cloud-storage", "google/cloud/storage/__init__.py", "google/cloud/storage/blob.py")
BIGQUERY = installed("google-cloud-bigquery", "google/cloud/bigquery/__init__.py", prefix="")

GOOD = {
    "no portion has an __init__": ({"app/main.py": START, "google/own.py": ""}, STORAGE),
    "portions in the code and the layer": ({"app/main.py": START, **BIGQUERY}, STORAGE),
    "an __init__ that extends": ({"app/main.py": START, "google/__init__.py": SHARES, **BIGQUERY}, STORAGE),
    "every __init__ extends": (
        {"app/main.py": START, "google/__init__.py": SHARES, **BIGQUERY},
        {**STORAGE, "python/google/__init__.py": SHARES},
    ),
    "an __init__ deep below": ({"app/main.py": START, "google/own/__init__.py": ""}, STORAGE),
    # Migrations are loaded by their paths, and a folder of data is no package.
    "a folder beside a package": (
        {"app/main.py": "", "alembic/env.py": "from alembic import context", "alembic/versions/a.py": ""},
        installed("alembic", "alembic/__init__.py", "alembic/context.py"),
    ),
    "data": ({"app/main.py": "", "google/__init__.py": ""}, installed("x", "google/x.json", "google/y/z.txt")),
    # Two whole packages are the affair of shadowing and duplicate-distributions.
    "two packages": ({"app/main.py": "", "a/__init__.py": ""}, installed("a", "a/__init__.py", "a/b.py")),
    "the same portions twice": ({"app/main.py": START, **installed("x", "google/y.py", prefix="")}, STORAGE),
    "tests": ({"app/main.py": "", "tests/__init__.py": ""}, installed("x", "tests/test_x.py")),
    "an expected failure": (
        {"app/main.py": "try:\n    import own.x\nexcept ImportError: ...\n", "own/__init__.py": ""},
        {**STORAGE, "python/own/x.py": ""},
    ),
    "made when Python starts": (
        {"app/main.py": START, "google/__init__.py": ""},
        {**STORAGE, "python/google_cloud_storage-nspkg.pth": "import sys, types;p = ('google',)\n"},
    ),
}

HIDDEN = {
    # code, layer, severity, in the message, place
    "and needed at the start": (
        {"app/main.py": START, "google/__init__.py": ""},
        STORAGE,
        Severity.ERROR,
        (
            "Runtime.ImportModuleError: Unable to import module 'app.main': No module named 'google.cloud': "
            "/var/task/google/__init__.py hides google.cloud of google-cloud-storage 1.0 in /opt/python/google"
        ),
        "code.zip!google/__init__.py",
    ),
    "and needed later": (
        {"app/main.py": "def handler(event, context):\n    import google.cloud.storage\n", "google/__init__.py": ""},
        STORAGE,
        Severity.ERROR,
        "No module named 'google.cloud': /var/task/google/__init__.py hides",
        "code.zip!google/__init__.py",
    ),
    "and taken by name": (
        {"app/main.py": "from google import cloud", "google/__init__.py": ""},
        STORAGE,
        Severity.ERROR,
        "cannot import name 'cloud' from 'google' (/var/task/google/__init__.py)",
        "code.zip!google/__init__.py",
    ),
    "and not needed": (
        {"app/main.py": "", "google/__init__.py": ""},
        STORAGE,
        Severity.WARNING,
        "/var/task/google/__init__.py hides google.cloud of google-cloud-storage 1.0 in /opt/python/google",
        "code.zip!google/__init__.py",
    ),
    "further down": (
        {"app/main.py": "", "google/cloud/__init__.py": ""},
        STORAGE,
        Severity.WARNING,
        "/var/task/google/cloud/__init__.py hides google.cloud.storage of",
        "code.zip!google/cloud/__init__.py",
    ),
    "by the layer": (
        {"app/main.py": "import google.own", "google/own.py": ""},
        {**STORAGE, "python/google/__init__.py": ""},
        Severity.ERROR,
        "/opt/python/google/__init__.py hides google.own in /var/task/google",
        "layer.zip!python/google/__init__.py",
    ),
    "although the other shares": (
        {"app/main.py": START, "google/__init__.py": ""},
        {**STORAGE, "python/google/__init__.py": SHARES},
        Severity.ERROR,
        "No module named 'google.cloud'",
        "code.zip!google/__init__.py",
    ),
    "by a module": (
        {"app/main.py": START, "google.py": ""},
        STORAGE,
        Severity.ERROR,
        "No module named 'google.cloud'; 'google' is not a package",
        "code.zip!google.py",
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_nothing_is_hidden(case: str) -> None:
    own, layer = GOOD[case]

    assert findings(check, program_of(own, layer, function=function())) == []


@pytest.mark.parametrize("case", HIDDEN)
def test_what_a_package_hides_is_named(case: str) -> None:
    own, layer, severity, words, place = HIDDEN[case]

    (finding,) = findings(check, program_of(own, layer, function=function()))

    assert (finding.severity, finding.where) == (severity, place)
    assert words in finding.message
    assert finding.remedy


def test_the_import_that_fails_is_the_cause() -> None:
    own = {"app/main.py": "from app import store", "app/store.py": f"\n{START}", "google/__init__.py": ""}

    (finding,) = findings(check, program_of(own, STORAGE, function=function()))

    assert finding.cause == "imported at /var/task/app/store.py:2"
    assert finding.chain == ("app.main", "app.store")


def test_all_that_one_file_hides_is_one_finding() -> None:
    more = {f"google/lib{n}.py": "" for n in range(6)}
    layer = {**STORAGE, **installed("google-more", *more)}

    (finding,) = findings(check, program_of({"app/main.py": "", "google/__init__.py": ""}, layer, function=function()))

    assert finding.message == (
        "/var/task/google/__init__.py hides google.cloud, google.lib0, google.lib1 and 4 more of google-cloud-storage "
        "1.0, google-more 1.0 in /opt/python/google"
    )


def test_without_sources_there_is_nothing_to_look_at() -> None:
    with pytest.raises(Inapplicable, match="no Python source"):
        findings(check, subject(code("README")))
    assert analysed({"README": ""})[1].modules == {}
