from __future__ import annotations

import pytest

from harness.check import Inapplicable
from harness.checks.code_layout import check
from harness.model import Severity
from tests.build import archive, code, findings, function, manifest, program_of, subject

Files = dict[str, str]

HANDLER = "def handler(event, context): ...\n"
LAYER = {"python/lib.py": ""}
DISTRIBUTION = {"lib-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lib\nVersion: 1.0\n", "lib/__init__.py": ""}


def below(folder: str) -> Files:
    return {f"{folder}/{name}": text for name, text in DISTRIBUTION.items()}


GOOD = {
    "in a package": ("app.main.handler", {"app/__init__.py": "", "app/main.py": HANDLER}),
    "in a folder": ("app.main.handler", {"app/main.py": HANDLER}),
    "with slashes": ("app/main.handler", {"app/main.py": HANDLER}),
    "at the root": ("main.handler", {"main.py": HANDLER}),
    "with a hyphen": ("my-app.handler", {"my-app.py": HANDLER}),
    "an instance": ("main.handler", {"main.py": "from mangum import Mangum\nhandler = Mangum(app)\n"}),
    "from elsewhere": ("main.handler", {"main.py": "from lib import *\n"}),
    "made at run time": ("main.handler", {"main.py": "globals()['handler'] = print\n"}),
    "in a layer": ("lib.handler", {"main.py": ""}),
    "as bytecode": ("main.handler", {"main.pyc": "", "x.py": ""}),
    "with dependencies beside it": ("main.handler", {"main.py": HANDLER, **DISTRIBUTION}),
    "with a package that is called python": ("main.handler", {"main.py": HANDLER, "python/__init__.py": ""}),
    "with a folder that is called python": (
        "main.handler",
        {"main.py": f"import python.x\n{HANDLER}", "python/x.py": ""},
    ),
    "with a script for another program": ("main.handler", {"main.py": HANDLER, "python/README": ""}),
    "with copies inside a package": ("main.handler", {"main.py": HANDLER, "a/__init__.py": "", **below("a/_vendor")}),
    "with a folder that is added": (
        "main.handler",
        {"main.py": f"import sys\nsys.path.insert(0, 'vendored')\n{HANDLER}", **below("vendored")},
    ),
    "with a virtual environment": ("main.handler", {"main.py": HANDLER, **below(".venv/lib/python3.12/site-packages")}),
}

MODULE = "Runtime.ImportModuleError: Unable to import module "
NOT_FOUND = "Runtime.HandlerNotFound: Handler "
LOST = {
    # handler, code, message, place, in the remedy
    "one folder too many": (
        "app.main.handler",
        {"shop/app/main.py": HANDLER, "shop/VERSION": "", "__MACOSX/shop/app/._main.py": ""},
        f"{MODULE}'app.main': No module named 'app'",
        "handler app.main.handler",
        "the archive has it at /var/task/shop/app/main.py: zip what is in shop/, not the folder",
    ),
    "another case": (
        "app.main.handler",
        {"app/Main.py": HANDLER},
        f"{MODULE}'app.main': No module named 'app.main'",
        "handler app.main.handler",
        "the archive has it at /var/task/app/Main.py: rename it, or the handler; upper and lower case differ on Lambda",
    ),
    "another name": (
        "lambda_function.lambda_handler",
        {"main.py": "def lambda_handler(event, context): ...\n"},
        f"{MODULE}'lambda_function': No module named 'lambda_function'",
        "handler lambda_function.lambda_handler",
        "add the file, or correct the handler's name: there is main.lambda_handler",
    ),
    "one folder too few": (
        "src/main.handler",
        {"main.py": HANDLER},
        f"{MODULE}'src/main': No module named 'src'",
        "handler src/main.handler",
        "the archive has it at /var/task/main.py: name the handler main.handler",
    ),
    "no file at all": (
        "app.main.handler",
        {"x.py": ""},
        f"{MODULE}'app.main': No module named 'app'",
        "handler app.main.handler",
        "add the file of 'app' to the code archive, or correct the handler's name 'app.main.handler'",
    ),
    "no Python at all": (
        "app.main.handler",
        {"README": ""},
        f"{MODULE}'app.main': No module named 'app'",
        "handler app.main.handler",
        "add the file of 'app' to the code archive",
    ),
    "with its ending": (
        "main.py.handler",
        {"main.py": HANDLER},
        f"{MODULE}'main.py': No module named 'main.py'; 'main' is not a package",
        "handler main.py.handler",
        "leave .py out of the handler's name: main.handler",
    ),
    "a method": (
        "main.App.handler",
        {"main.py": "class App: ...\n"},
        f"{MODULE}'main.App': No module named 'main.App'; 'main' is not a package",
        "handler main.App.handler",
        "correct the handler's name",
    ),
    "no function": (
        "main.handler",
        {"main.py": "def lambda_handler(event, context): ...\n"},
        f"{NOT_FOUND}'handler' missing on module 'main'",
        "/var/task/main.py",
        "name the handler main.lambda_handler, or rename the function",
    ),
    "no function here": (
        "main.handler",
        {"main.py": "x = 1\n", "api.py": HANDLER},
        f"{NOT_FOUND}'handler' missing on module 'main'",
        "/var/task/main.py",
        "there is api.handler",
    ),
    "no function anywhere": (
        "main.handler",
        {"main.py": ""},
        f"{NOT_FOUND}'handler' missing on module 'main'",
        "/var/task/main.py",
        "define 'handler' in main, or correct the handler's name 'main.handler'",
    ),
    "a module for a function": (
        "app.main",
        {"app/__init__.py": "", "app/main.py": HANDLER},
        f"{NOT_FOUND}'main' missing on module 'app'",
        "/var/task/app/__init__.py",
        "'main' is a module: name the function in it too, as in app.main.handler",
    ),
    "a folder for a module": (
        "app.handler",
        {"app/main.py": HANDLER},
        f"{NOT_FOUND}'handler' missing on module 'app'",
        "handler app.handler",
        "there is app.main.handler",
    ),
    "a colon": (
        "app.main:handler",
        {"app/main.py": HANDLER},
        f"{NOT_FOUND}'main:handler' missing on module 'app'",
        "handler app.main:handler",
        "write a dot instead of the colon: app.main.handler",
    ),
    "a name that is loaded": (
        "json.handler",
        {"json.py": HANDLER},
        f"{NOT_FOUND}'handler' missing on module 'json'",
        "handler json.handler",
        "rename 'json', in the archive and in the handler's name",
    ),
    "a name of Python's for a folder": (
        "code.main.handler",
        {"code/main.py": HANDLER},
        f"{MODULE}'code.main': No module named 'code.main'",
        "handler code.main.handler",
        "another 'code' comes before /var/task/code/main.py",
    ),
    "a name of Python's, one folder too deep": (
        "secrets.handler",
        {"shop/secrets.py": HANDLER},
        f"{NOT_FOUND}'handler' missing on module 'secrets'",
        "handler secrets.handler",
        "zip what is in shop/, not the folder",
    ),
    "from the root of the file system": (
        "/var/task/main.handler",
        {"main.py": HANDLER},
        "TypeError: the 'package' argument is required to perform a relative import for '.var.task.main'",
        "handler /var/task/main.handler",
        "name the handler from the root of the code archive on",
    ),
    "no module": (
        ".handler",
        {"main.py": HANDLER},
        "ValueError: Empty module name",
        "handler .handler",
        "name the handler from the root of the code archive on",
    ),
}

ASTRAY = {
    # code, message, place
    "python/": (below("python"), "lib in python/ of the code archive", "code.zip!python"),
    "python/, without metadata": (
        {"python/a.py": "", "python/b/__init__.py": ""},
        "a and 1 more in python/ of the code archive",
        "code.zip!python",
    ),
    "the layout of a layer": (
        below("python/lib/python3.12/site-packages"),
        "lib in python/lib/python3.12/site-packages/ of the code archive",
        "code.zip!python/lib/python3.12/site-packages",
    ),
    "the other layout of a layer": (
        below("lib/python3.12/site-packages"),
        "lib in lib/python3.12/site-packages/ of the code archive",
        "code.zip!lib/python3.12/site-packages",
    ),
    "a folder of its own": (below("deps"), "lib in deps/ of the code archive", "code.zip!deps"),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_handler_may_be_there(case: str) -> None:
    handler, files = GOOD[case]
    layer = {"python/lib.py": HANDLER}

    assert findings(check, program_of(files, layer, function=function(handler=handler))) == []


@pytest.mark.parametrize("case", LOST)
def test_a_handler_that_is_not_found_gets_lambdas_words(case: str) -> None:
    handler, files, message, place, remedy = LOST[case]

    (finding,) = findings(check, program_of(files, LAYER, function=function(handler=handler)))

    assert (finding.severity, finding.message, finding.where) == (Severity.ERROR, message, place)
    assert remedy in (finding.remedy or "")


def test_a_folder_that_holds_everything_is_the_cause() -> None:
    files = {"shop/app/main.py": HANDLER, "__MACOSX/shop/._app": ""}

    (finding,) = findings(check, program_of(files, LAYER, function=function()))

    assert finding.cause == "everything in the archive is in the folder shop/"


def test_the_handler_of_a_tool_is_to_be_installed_and_not_to_be_corrected() -> None:
    wrapped = function(handler="datadog_lambda.handler.handler", environment={"DD_LAMBDA_HANDLER": "main.handler"})

    (finding,) = findings(check, program_of({"main.py": HANDLER}, LAYER, function=wrapped))

    assert finding.remedy == (
        "add datadog-lambda to the requirements that the layer is built from, and build the layer again"
    )


def test_each_handler_is_told_once() -> None:
    one, other, third = (function(name, handler) for name, handler in (("a", "x.h"), ("b", "x.h"), ("c", "y.h")))

    found = findings(check, program_of({"main.py": ""}, LAYER, declared=manifest(one, other, third)))

    assert [finding.where for finding in found] == ["handler x.h", "handler y.h"]


@pytest.mark.parametrize("case", ASTRAY)
def test_dependencies_that_no_path_leads_to_are_a_warning(case: str) -> None:
    files, words, place = ASTRAY[case]

    (finding,) = findings(check, program_of({"app/main.py": HANDLER, **files}, LAYER, function=function()))

    assert (finding.severity, finding.where) == (Severity.WARNING, place)
    assert finding.message.startswith(f"{words}, where Python 3.12 does not look")


def test_an_archive_without_modules_is_a_warning() -> None:
    layered = function(handler="lib.handler")

    (finding,) = findings(check, program_of({"README": ""}, {"python/lib.py": HANDLER}, function=layered))

    assert (finding.severity, finding.message) == (Severity.WARNING, "the code archive has no Python modules")


def test_without_code_there_is_nothing_to_look_at() -> None:
    with pytest.raises(Inapplicable, match="no code archive"):
        findings(check, subject(archive("python/x.py")))


def test_without_handlers_only_the_layout_counts() -> None:
    assert findings(check, program_of({"app/main.py": ""}, LAYER)) == []
    assert findings(check, subject(code("app/main.py")))
