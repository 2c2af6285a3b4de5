"""Folders that code puts on the search path, and modules that it loads without naming them in an import."""

from __future__ import annotations

import pytest

from harness.model import When
from tests.build import function, manifest, program_of

HANDLER = "def handler(event, context): ...\n"
PACKAGE = "/var/task/app/plug/"


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("os.path.join(os.path.dirname(__file__), '..')", "/var/task"),
        ("os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, 'lib')", "/var/task/lib"),
        ("str(Path(__file__).resolve().parents[1])", "/var/task"),
        ("os.path.split(os.path.dirname(__file__))[0]", "/var/task"),
        ("os.environ['LAMBDA_TASK_ROOT'] + '/lib'", "/var/task/lib"),
        ("'vendor'", "/var/task/vendor"),
        ("'/opt/deps'", "/opt/deps"),
    ],
)
@pytest.mark.parametrize(
    "adds",
    [
        "sys.path.insert(0, {})",
        "sys.path += [{}]",
        "sys.path = [{}] + sys.path",
        "sys.path[0:0] = [{}]",
        "path.append({})",
    ],
)
def test_a_folder_is_followed(adds: str, folder: str, found: str) -> None:
    source = f"import os, sys\nfrom pathlib import Path\nfrom sys import path\n{adds.format(folder)}\n{HANDLER}"

    program = program_of({"app/main.py": source}, declared=manifest(function())).program

    assert program.added.folders == (found,)
    assert (program.added.outside, program.added.unknown) == ((), ())


@pytest.mark.parametrize(
    ("adds", "outside", "unknown"),
    [
        ("sys.path.append('/tmp/site')", ("/tmp/site",), 0),
        ("sys.path.append('/mnt/efs')", ("/mnt/efs",), 0),
        ("sys.path.append(os.environ['SITE'])", (), 1),
        ("def add(folder):\n    sys.path.append(folder)", (), 1),
        ("def at(*parts):\n    return os.path.join('/tmp', *parts)\nsys.path.append(at('a', 'b'))", ("/tmp/a/b",), 0),
        ("at = lambda a, b='b': os.path.join('/tmp', a, b)\nsys.path.append(at(a='a'))", ("/tmp/a/b",), 0),
        ("def at(*parts):\n    return os.path.join('/tmp', *parts)\nsys.path.append(at(*os.listdir()))", (), 1),
        ("def at(a):\n    if a:\n        return a\n    return '/tmp'\nsys.path.append(at('a'))", (), 1),
        ("def at(a):\n    return at(a) + at(a)\nsys.path.append(at('a'))", (), 1),
        ("if __name__ == '__main__':\n    sys.path.append('lib')", (), 0),
        ("print(sys.path)", (), 0),
    ],
)
def test_what_lies_elsewhere_is_told_apart(adds: str, outside: tuple[str, ...], unknown: int) -> None:
    source = f"import os, sys\n{adds}\n{HANDLER}"

    added = program_of({"app/main.py": source}, declared=manifest(function())).program.added

    assert tuple(folder for folder, _ in added.outside) == outside
    assert len(added.unknown) == unknown


@pytest.mark.parametrize(
    ("loads", "when"),
    [
        ("C = [import_module(f'{__name__}.{name}') for name in ('a', 'b')]", When.AT_START),
        ("NAMES = ['a']\nfor name in NAMES:\n    import_module('.' + name, __package__)", When.AT_START),
        ("for one in iter_modules(__path__):\n    import_module(f'{__name__}.{one.name}')", When.AT_START),
        ("for one in walk_packages(__path__, __name__ + '.'):\n    import_module(one.name)", When.AT_START),
        (
            (
                "for f in Path(__file__).parent.glob('*.py'):\n    if f.stem != '__init__':\n        "
                "import_module(f'{__name__}.{f.stem}')"
            ),
            When.AT_START,
        ),
        ("C = [import_module('app.plug.' + name) for name in ('a', 'b')]", When.AT_START),
        ("for name in os.environ['ON'].split():\n    import_module(f'{__name__}.{name}')", When.PERHAPS_AT_START),
        (
            "for one in iter_modules(__path__):\n  if one.name in ON:\n    import_module(f'{__name__}.{one.name}')",
            When.PERHAPS_AT_START,
        ),
        ("def load(name):\n    return import_module(name)", When.LATER),
        ("def load(name):\n    return import_module(f'app.plug.{name}')", When.LATER),
        ("TASKS = ['app.plug.a', 'app.plug.b']", When.LATER),
        ("C = [import_module('app.other.' + name) for name in ('a', 'b')]", When.NEVER),
        ("def load(name):\n    return import_module(f'app.other.{name}')", When.NEVER),
    ],
)
def test_plugins_are_loaded_for_certain_or_perhaps(loads: str, when: When) -> None:
    heads = "import os\nfrom importlib import import_module\nfrom pathlib import Path\nfrom pkgutil import *\n"
    files = {
        "app/main.py": f"from app import plug\n{HANDLER}",
        "app/plug/__init__.py": heads + loads,
        "app/plug/a.py": "HERE = 1\n",
        "app/plug/b.py": "",
        "app/other/a.py": "",
        "app/other/b.py": "",
    }

    program = program_of(files, declared=manifest(function())).program

    assert program.when(f"{PACKAGE}a.py", 1) is when


def test_what_django_loads_may_be_loaded() -> None:
    files = {
        "app/main.py": f"import app.settings\n{HANDLER}",
        "app/settings.py": "INSTALLED_APPS = ['shop', 'django.contrib.admin']\n",
        "shop/models.py": "",
        "shop/commands.py": "",
    }

    program = program_of(files, declared=manifest(function())).program

    assert program.when("/var/task/shop/models.py", 1) is When.LATER
    assert program.when("/var/task/shop/commands.py", 1) is When.NEVER
