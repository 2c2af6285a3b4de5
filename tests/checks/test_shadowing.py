from __future__ import annotations

import pytest

from harness.checks.shadowing import check
from harness.model import Note, Severity
from tests.build import findings, function, program_of, said

Files = dict[str, str]


def installed(name: str, files: Files, prefix: str = "python/", version: str = "1.0") -> Files:
    """A distribution with its metadata."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    return {
        f"{prefix}{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{prefix}{info}/RECORD": "".join(f"{file},,\n" for file in files),
        **{f"{prefix}{file}": text for file, text in files.items()},
    }


def library(text: str) -> Files:
    """A distribution that the handler imports."""
    return installed("lib", {"lib.py": text})


USES = {"app/main.py": "import lib\n"}
IDLE = {"app/main.py": ""}
ALEMBIC = installed("alembic", {"alembic/__init__.py": "from . import context\n", "alembic/context.py": ""})
ENV = {"alembic/env.py": "from alembic import context\n"}
FAILS = "Runtime.ImportModuleError: Unable to import module 'app.main': "

GOOD = {
    "its own package": (IDLE | {"app/email.py": "", "app/logging/__init__.py": ""}, library("")),
    "a folder with a name of Python's": (IDLE | {"calendar/days.txt": "", "code/x.py": ""}, library("")),
    "tests": (IDLE | {"test/__init__.py": "", "tests/__init__.py": ""}, installed("x", {"tests/__init__.py": ""})),
    "a newer boto3": (IDLE, installed("boto3", {"boto3/__init__.py": "", "boto3/session.py": ""})),
    "a newer boto3, its metadata left out": (IDLE | {"boto3/__init__.py": "", "boto3/session.py": ""}, library("")),
    "a copy of six": (IDLE | {"six.py": ""}, library("")),
    "migrations without __init__": (IDLE | ENV, ALEMBIC),
    "migrations merged into alembic": (
        IDLE | installed("alembic", {"alembic/__init__.py": "", "alembic/context.py": ""}, prefix="") | ENV,
        library(""),
    ),
    "a distribution twice": (
        IDLE | installed("a", {"a/__init__.py": ""}, prefix=""),
        installed("a", {"a/__init__.py": "", "a/b.py": ""}),
    ),
    "two packages with the same modules": (IDLE | {"utils/__init__.py": ""}, {"python/utils/__init__.py": ""}),
    "setuptools": (IDLE, installed("setuptools", {"_distutils_hack/__init__.py": "", "pkg_resources/__init__.py": ""})),
    "what Python removed": (IDLE, installed("zombie-imp", {"imp.py": ""})),
    "a namespace": (IDLE | {"google/__init__.py": ""}, installed("x", {"google/cloud.py": ""})),
    "behind the standard library": (IDLE | {"x.pth": "vendor", "vendor/secrets.py": ""}, library("")),
}

SHADOWS = {
    # code, layer, severity, in the message, place
    "a module of Python": (
        IDLE | {"email.py": ""},
        library("import email\n"),
        Severity.WARNING,
        "/var/task/email.py shadows the standard library's 'email': whatever imports that gets this file",
        "code.zip!email.py",
    ),
    "a name that a library needs": (
        USES | {"secrets.py": ""},
        library("from secrets import token_urlsafe\n"),
        Severity.ERROR,
        f"{FAILS}cannot import name 'token_urlsafe' from 'secrets' (/var/task/secrets.py): /var/task/secrets.py",
        "code.zip!secrets.py",
    ),
    "a submodule that a library needs": (
        USES | {"email.py": ""},
        library("from email.mime.text import MIMEText\n"),
        Severity.ERROR,
        f"{FAILS}No module named 'email.mime'; 'email' is not a package",
        "code.zip!email.py",
    ),
    "a name that a library can do without": (
        USES | {"secrets.py": ""},
        library("try:\n    from secrets import token_urlsafe\nexcept ImportError: ...\n"),
        Severity.WARNING,
        "shadows the standard library's 'secrets'",
        "code.zip!secrets.py",
    ),
    "a name that a library needs when it is called": (
        USES | {"secrets.py": ""},
        library("def token():\n    from secrets import token_urlsafe\n"),
        Severity.WARNING,
        "shadows the standard library's 'secrets'",
        "code.zip!secrets.py",
    ),
    "a module of Python, from a layer": (
        IDLE,
        {**library(""), "python/sched.py": ""},
        Severity.WARNING,
        "/opt/python/sched.py shadows the standard library's 'sched'",
        "layer.zip!python/sched.py",
    ),
    "a name that nothing needs which a function loads": (
        IDLE | {"secrets.py": "", "tool.py": "from secrets import token_urlsafe\n"},
        library(""),
        Severity.WARNING,
        "/var/task/secrets.py shadows the standard library's 'secrets': whatever",
        "code.zip!secrets.py",
    ),
    "a name that one of the code's own needs, perhaps": (
        {"app/main.py": "def token():\n    from secrets import token_urlsafe\n", "secrets.py": ""},
        library(""),
        Severity.WARNING,
        "cannot import name 'token_urlsafe' from 'secrets' (/var/task/secrets.py): /var/task/secrets.py",
        "code.zip!secrets.py",
    ),
    "a name that a module of Python needs": (
        {"app/main.py": "import tempfile\n", "random.py": ""},
        library(""),
        Severity.ERROR,
        f"{FAILS}cannot import name 'Random' from 'random' (/var/task/random.py): /var/task/random.py",
        "code.zip!random.py",
    ),
    "a submodule that a module of Python needs": (
        {"app/main.py": "import urllib.request\n", "email/__init__.py": ""},
        library(""),
        Severity.ERROR,
        f"{FAILS}No module named 'email.message': /var/task/email/__init__.py",
        "code.zip!email/__init__.py",
    ),
    "a name that the runtime's boto3 needs": (
        USES | {"calendar.py": ""},
        library("import boto3\n"),
        Severity.ERROR,
        f"{FAILS}cannot import name 'monthrange' from 'calendar' (/var/task/calendar.py): /var/task/calendar.py",
        "code.zip!calendar.py",
    ),
    "a name that a module of Python needs, perhaps": (
        {"app/main.py": "import os\nif os.environ.get('X'):\n    import tempfile\n", "random.py": ""},
        library(""),
        Severity.WARNING,
        "/var/task/random.py shadows the standard library's 'random': whatever",
        "code.zip!random.py",
    ),
    "all that a module of Python needs": (
        {"app/main.py": "import tempfile\n", "random.py": "class Random: ...\n"},
        library(""),
        Severity.WARNING,
        "/var/task/random.py shadows the standard library's 'random': whatever",
        "code.zip!random.py",
    ),
    "what the runtime client needs": (
        IDLE | {"queue.py": ""},
        library(""),
        Severity.ERROR,
        "Runtime.ExitError: Runtime exited with error: exit status 1: /var/task/queue.py shadows",
        "code.zip!queue.py",
    ),
    "what the runtime client needs, and the code's own, perhaps": (
        {
            "app/main.py": "def later():\n    import multiprocessing.pool\n    from queue import Full\n",
            "queue.py": "",
        },
        library(""),
        Severity.ERROR,
        "Runtime.ExitError: Runtime exited with error: exit status 1: /var/task/queue.py shadows",
        "code.zip!queue.py",
    ),
    "a name that a module of Python needs, and the code's own, perhaps": (
        {"app/main.py": "import tempfile\ndef later():\n    from random import choice\n", "random.py": ""},
        library(""),
        Severity.ERROR,
        f"{FAILS}cannot import name 'Random' from 'random' (/var/task/random.py): /var/task/random.py",
        "code.zip!random.py",
    ),
    "all that the runtime client needs": (
        IDLE | {"queue.py": "from app.queues import *\n"},
        library(""),
        Severity.WARNING,
        "/var/task/queue.py shadows the standard library's 'queue': whatever",
        "code.zip!queue.py",
    ),
    "nothing: the module is loaded": (
        IDLE | {"types.py": "class Parcel: ...\n"},
        library("from types import FunctionType\n"),
        Severity.WARNING,
        "/var/task/types.py is never imported: the runtime has loaded Python's own 'types' before",
        "code.zip!types.py",
    ),
    "nothing, and is needed": (
        {"app/main.py": "from types import Parcel\n", "types.py": "class Parcel: ...\n"},
        library(""),
        Severity.ERROR,
        f"{FAILS}cannot import name 'Parcel' from 'types': /var/task/types.py is never imported",
        "code.zip!types.py",
    ),
    "nothing, and its submodule is needed": (
        {"app/main.py": "from logging import setup\n", "logging/__init__.py": "", "logging/setup.py": ""},
        library(""),
        Severity.ERROR,
        f"{FAILS}cannot import name 'setup' from 'logging': /var/task/logging/__init__.py is never imported",
        "code.zip!logging/__init__.py",
    ),
    "nothing: the module is built in": (
        IDLE | {"time.py": ""},
        library(""),
        Severity.WARNING,
        "the runtime has loaded Python's own 'time' before",
        "code.zip!time.py",
    ),
    "nothing: it is a mere folder": (
        {"app/main.py": "import code.tools\n", "code/tools.py": ""},
        library(""),
        Severity.ERROR,
        f"{FAILS}No module named 'code.tools': the standard library has 'code', which a folder without an __init__.py",
        "code.zip!code",
    ),
    "what the runtime brings": (
        IDLE | {"boto3.py": ""},
        library(""),
        Severity.WARNING,
        "/var/task/boto3.py shadows boto3, which the runtime brings: whatever imports 'boto3' gets this file",
        "code.zip!boto3.py",
    ),
    "what the runtime brings, and a library needs": (
        USES | {"boto3/__init__.py": "", "boto3/mine.py": ""},
        library("from boto3.session import Session\n"),
        Severity.ERROR,
        f"{FAILS}No module named 'boto3.session'",
        "code.zip!boto3/__init__.py",
    ),
    "alembic": (
        IDLE | ENV | {"alembic/__init__.py": ""},
        ALEMBIC,
        Severity.ERROR,
        (
            "cannot import name 'context' from 'alembic' (/var/task/alembic/__init__.py): "
            "/var/task/alembic/__init__.py shadows alembic, which is in layer.zip!python/alembic/__init__.py"
        ),
        "code.zip!alembic/__init__.py",
    ),
    "alembic, which nobody imports": (
        IDLE | {"alembic/__init__.py": "", "alembic/versions/a.py": ""},
        ALEMBIC,
        Severity.WARNING,
        "/var/task/alembic/__init__.py shadows alembic, which is in layer.zip!python/alembic/__init__.py",
        "code.zip!alembic/__init__.py",
    ),
    "a distribution, as a module": (
        IDLE | {"stripe.py": ""},
        installed("stripe", {"stripe/__init__.py": ""}),
        Severity.WARNING,
        "/var/task/stripe.py shadows stripe, which is in layer.zip!python/stripe/__init__.py",
        "code.zip!stripe.py",
    ),
    "a package of one's own": (
        {"app/main.py": "from utils import clock\n", "utils/__init__.py": ""},
        {"python/utils/__init__.py": "", "python/utils/clock.py": ""},
        Severity.ERROR,
        (
            f"{FAILS}cannot import name 'clock' from 'utils' (/var/task/utils/__init__.py): "
            "/var/task/utils/__init__.py shadows /opt/python/utils/__init__.py"
        ),
        "code.zip!utils/__init__.py",
    ),
    "the same, although another distribution brought it": (
        IDLE | installed("pycrypto", {"Crypto/__init__.py": ""}, prefix=""),
        installed("pycryptodome", {"Crypto/__init__.py": "", "Crypto/Math.py": ""}),
        Severity.WARNING,
        "/var/task/Crypto/__init__.py shadows pycryptodome",
        "code.zip!Crypto/__init__.py",
    ),
    "as a backport": (
        IDLE,
        installed("dataclasses", {"dataclasses.py": ""}, version="0.8"),
        Severity.WARNING,
        "dataclasses 0.8 is an obsolete backport: /opt/python/dataclasses.py shadows the standard library's",
        "layer.zip!python/dataclasses.py",
    ),
    "as a backport that lacks what is needed": (
        {"app/main.py": "import asyncio.taskgroups\n"},
        installed("asyncio", {"asyncio/__init__.py": ""}, version="3.4.3"),
        Severity.ERROR,
        f"{FAILS}No module named 'asyncio.taskgroups': asyncio 3.4.3 is an obsolete backport: /opt/python/asyncio/",
        "layer.zip!python/asyncio/__init__.py",
    ),
    "as a backport that is never imported": (
        IDLE,
        installed("enum34", {"enum/__init__.py": ""}),
        Severity.WARNING,
        "enum34 1.0 is an obsolete backport: /opt/python/enum/__init__.py is never imported",
        "layer.zip!python/enum/__init__.py",
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_name_may_be_taken_like_this(case: str) -> None:
    own, layer = GOOD[case]

    assert findings(check, program_of(own, layer, function=function())) == []


@pytest.mark.parametrize("case", SHADOWS)
def test_what_takes_the_name_of_another_is_named(case: str) -> None:
    own, layer, severity, words, place = SHADOWS[case]

    (finding,) = findings(check, program_of(own, layer, function=function()))

    assert (finding.severity, finding.where) == (severity, place)
    assert words in finding.message
    assert finding.remedy


def test_the_import_that_fails_is_the_cause() -> None:
    layer = library("\nfrom secrets import token_urlsafe\n")

    (finding,) = findings(check, program_of(USES | {"secrets.py": ""}, layer, function=function()))

    assert finding.cause == "imported at /opt/python/lib.py:2"
    assert finding.chain == ("app.main", "lib")


def test_so_is_the_module_of_python_that_it_fails_in() -> None:
    own = {"app/main.py": "import urllib.request\n", "email.py": ""}

    (finding,) = findings(check, program_of(own, library(""), function=function()))

    assert finding.cause == "imported at /var/task/app/main.py:1, by way of the runtime's urllib.request → http.client"


def test_an_installer_that_left_no_record_is_known_by_its_names() -> None:
    layer = {"python/uuid.py": "", "python/uuid-1.30.egg-info": "Name: uuid\nVersion: 1.30\n"}

    (finding,) = findings(check, program_of(IDLE, layer, function=function()))

    assert finding.remedy == "take uuid out of the requirements: Python has its own"


def test_what_the_runtime_has_loaded_of_its_own_distributions_is_a_note() -> None:
    layer = installed("simplejson", {"simplejson/__init__.py": ""})

    assert said(check, program_of(IDLE, layer, function=function())) == [
        Note("simplejson in layer.zip is never used: the runtime has loaded its own")
    ]
