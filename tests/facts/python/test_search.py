"""Where Lambda's Python finds a module."""

from __future__ import annotations

import pytest

from harness.facts.python.search import STANDARD_LIBRARY, Found, Given, Missing, Portions, Resolution, Search, Unknown
from tests import build

SITE = "python/lib/python3.12/site-packages"
NATIVE = "cpython-312-x86_64-linux-gnu.so"
STDLIB = Given(STANDARD_LIBRARY)
SHARES = "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n"

Files = dict[str, str]


def search(code: Files, layer: Files | None = None, environment: Files | None = None) -> Search:
    layer = layer or {"python/filler/__init__.py": ""}
    return build.program_of(code, layer, function=build.function(environment=environment)).program.search


def found(path: str) -> Found:
    return Found(path, package="/__init__." in path)


@pytest.mark.parametrize(
    ("files", "name", "expected"),
    [
        # The code, then site-packages of the layers, then their python/.
        (["/var/task/a.py", "/opt/python/a.py"], "a", found("/var/task/a.py")),
        ([f"/opt/{SITE}/a.py", "/opt/python/a.py"], "a", found(f"/opt/{SITE}/a.py")),
        (["/opt/python/a.py"], "a", found("/opt/python/a.py")),
        (["/opt/a.py", "/var/task/lib/python3.12/site-packages/a.py"], "a", Missing("a")),
        # In one folder a package wins over a module, an extension over a source, a source over bytecode.
        (["/var/task/a/__init__.py", "/var/task/a.py"], "a", found("/var/task/a/__init__.py")),
        ([f"/var/task/a.{NATIVE}", "/var/task/a.py"], "a", found(f"/var/task/a.{NATIVE}")),
        (["/var/task/a.abi3.so", "/var/task/a.so"], "a", found("/var/task/a.abi3.so")),
        (["/var/task/a.py", "/var/task/a.pyc"], "a", found("/var/task/a.py")),
        (["/var/task/a.pyc"], "a", found("/var/task/a.pyc")),
        (["/var/task/a.cpython-311-x86_64-linux-gnu.so"], "a", Missing("a")),
        (["/var/task/a.cpython-312-aarch64-linux-gnu.so"], "a", Missing("a")),
        # A folder without __init__ is a namespace, until something else of that name is found anywhere.
        (["/var/task/a/b.py", "/opt/python/a/c.py"], "a", Portions(("/var/task/a", "/opt/python/a"))),
        (["/var/task/a/b.py", "/opt/python/a/c.py"], "a.c", found("/opt/python/a/c.py")),
        (["/var/task/a/b.py", "/opt/python/a/__init__.py"], "a", found("/opt/python/a/__init__.py")),
        (["/var/task/a/b.py", "/opt/python/a/__init__.py"], "a.b", Missing("a.b")),
        (["/var/task/a/b.py", "/opt/python/a.py"], "a.b", Missing("a.b")),
        (["/var/task/a/b.txt"], "a", Portions(("/var/task/a",))),
        # What is missing is named by the first part that is.
        (["/var/task/a/__init__.py"], "a.b.c", Missing("a.b")),
        ([], "a.b.c", Missing("a")),
        (["/var/task/a.py"], "a.b", Missing("a.b")),
        # What is no source may make modules itself.
        ([f"/var/task/a.{NATIVE}"], "a.b", Unknown()),
        (["/var/task/a/__init__.pyc"], "a.b", Unknown()),
        (["/var/task/a/__init__.pyc", "/var/task/a/b.py"], "a.b", found("/var/task/a/b.py")),
        # What nobody writes.
        ([], "a" + ".a" * 100_000, Unknown()),
        ([], "", Missing("")),
    ],
)
def test_a_module_is_where_the_runtime_finds_it(files: list[str], name: str, expected: Resolution) -> None:
    code = {path.removeprefix("/var/task/"): "" for path in files if path.startswith("/var/task/")}
    layer = {path.removeprefix("/opt/"): "" for path in files if path.startswith("/opt/")}

    assert search(code | {"filler.py": ""}, layer).find(name) == expected


@pytest.mark.parametrize(
    ("code", "name", "expected"),
    [
        # Built in, or loaded before /var/task is on sys.path: no file replaces it.
        ({"time.py": ""}, "time", STDLIB),
        ({"json.py": ""}, "json", STDLIB),
        ({"logging/__init__.py": "", "logging/setup.py": ""}, "logging.config", STDLIB),
        ({"awslambdaric/__init__.py": ""}, "awslambdaric", Given("awslambdaric")),
        ({"simplejson/__init__.py": ""}, "simplejson.encoder", Given("simplejson")),
        # Which leaves nobody to find what is only in the file's shadow.
        ({"logging/__init__.py": "", "logging/setup.py": ""}, "logging.setup", Missing("logging.setup")),
        ({"json/models.py": ""}, "json.models", Missing("json.models")),
        # Anything else of the standard library, and of the runtime, comes last.
        ({"secrets.py": ""}, "secrets", found("/var/task/secrets.py")),
        ({"boto3/__init__.py": ""}, "boto3", found("/var/task/boto3/__init__.py")),
        ({"x.py": ""}, "secrets", STDLIB),
        ({"x.py": ""}, "email.mime.text", STDLIB),
        ({"x.py": ""}, "os.path", STDLIB),
        ({"x.py": ""}, "boto3.session", Given("boto3")),
        ({"x.py": ""}, "dateutil.parser", Given("python-dateutil")),
        ({"x.py": ""}, "distutils", Missing("distutils")),
        # But a folder without __init__ gives way to both.
        ({"code/x.py": ""}, "code", STDLIB),
        ({"code/x.py": ""}, "code.x", Missing("code.x")),
        ({"email/mime/mine.py": ""}, "email.mime.text", STDLIB),
        ({"email/mime/mine.py": ""}, "email.mime.mine", Missing("email.mime.mine")),
        ({"boto3/x.py": ""}, "boto3", Given("boto3")),
    ],
)
def test_what_the_runtime_brings_has_its_place(code: Files, name: str, expected: Resolution) -> None:
    assert search(code).find(name) == expected


@pytest.mark.parametrize(
    ("init", "name", "expected"),
    [
        (SHARES, "a.c", found("/opt/python/a/c.py")),
        ("__import__('pkg_resources').declare_namespace(__name__)", "a.c", found("/opt/python/a/c.py")),
        (SHARES, "a.b", found("/var/task/a/b.py")),
        ("", "a.c", Missing("a.c")),
        ("import sys\nsys.modules['a.c'] = sys", "a.c", Unknown()),
        ("__path__.append('/mnt')", "a.c", Unknown()),
    ],
)
def test_a_package_can_widen_itself(init: str, name: str, expected: Resolution) -> None:
    assert search({"a/__init__.py": init, "a/b.py": ""}, {"python/a/c.py": ""}).find(name) == expected


def test_a_pth_file_adds_folders_behind_everything_else() -> None:
    code = {
        "x.pth": "# a comment\n\nvendor \nimport os\n/opt/shared\nvendor\n",
        "vendor/a.py": "",
        "vendor/secrets.py": "",
    }

    one = search(code, {"shared/b.py": "", "python/a.py": "", "x.pth": "nowhere"})

    assert one.path == ("/var/task", f"/opt/{SITE}", "/opt/python", "/var/task/vendor", "/opt/shared")
    assert one.find("a") == found("/opt/python/a.py")
    assert one.find("b") == found("/opt/shared/b.py")
    assert one.find("secrets") == STDLIB


def test_portions_in_folders_that_a_pth_file_adds_count() -> None:
    one = search({"x.pth": "vendor", "a/b.py": "", "vendor/a/c.py": ""})

    assert one.find("a") == Portions(("/var/task/a", "/var/task/vendor/a"))


def test_a_pythonpath_takes_the_layers_off() -> None:
    layer = {"python/a.py": "", "shared/b.py": "", "python/x.pth": "../more"}

    one = search({"c.py": ""}, layer, {"PYTHONPATH": "/opt/shared/::/var/runtime"})

    assert one.path == ("/var/task", "/opt/shared", "/var/runtime")
    assert (one.find("a"), one.find("b")) == (Missing("a"), found("/opt/shared/b.py"))


def test_what_is_linked_is_not_followed() -> None:
    archive = build.code("app.py", "models -> /opt/models", "vendor/", "vendor/m.py")

    assert build.subject(archive).program.search.find("models.user") == Unknown()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/var/task/app/main.py", "app.main"),
        ("/var/task/app/__init__.py", "app"),
        (f"/opt/{SITE}/a/b.py", "a.b"),
        ("/opt/python/a.py", "a"),
        ("/var/task/app/my-file.py", None),
        ("/opt/a.py", None),
    ],
)
def test_a_file_has_the_name_that_finds_it(path: str, name: str | None) -> None:
    assert search({"app.py": ""}).module_name(path) == name


def test_the_contents_of_folders_are_what_leads_to_modules() -> None:
    contents = search({"app/main.py": "", "app/deep/er/x.so": "", "data/x.json": "", "my-tool.py": ""}).contents

    assert contents["/var/task"] == {"app"}
    assert contents["/var/task/app"] == {"main", "deep"}
    assert contents["/var/task/app/deep/er"] == {"x"}


def test_the_folders_of_a_package_are_where_its_submodules_are() -> None:
    one = search({"a/__init__.py": SHARES, "b/x.py": "", "c.py": ""}, {"python/a/x.py": "", "python/b/y.py": ""})

    assert one.folders("a") == ("/var/task/a", "/opt/python/a")
    assert one.folders("b") == ("/var/task/b", "/opt/python/b")
    assert one.folders("c") == one.folders("d") == ()
