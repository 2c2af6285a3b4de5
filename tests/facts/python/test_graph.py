"""What handlers reach, by which chain, and what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.model import When
from tests import build

if TYPE_CHECKING:
    from harness.facts.python.program import Program

MAIN = "app/main.py"
HANDLER = "app.main.handler"


def program(code: dict[str, str], *layers: dict[str, str]) -> Program:
    function = build.function(handler=HANDLER)
    return build.program_of(code, *layers, function=function).program


class TestReached:
    def test_the_chain_is_the_shortest(self) -> None:
        reached = program(
            {
                "app/__init__.py": "",
                MAIN: "from app import a\nimport app.b",
                "app/a.py": "from . import c",
                "app/b.py": "from .c import x",
                "app/c.py": "import lib.deep",
            },
            {"python/lib/__init__.py": "", "python/lib/deep.py": ""},
        ).graph.reached

        assert {path: reach.chain for path, reach in reached.items()} == {
            "/var/task/app/__init__.py": ("app",),
            "/var/task/app/main.py": ("app.main",),
            "/var/task/app/a.py": ("app.main", "app.a"),
            "/var/task/app/b.py": ("app.main", "app.b"),
            "/var/task/app/c.py": ("app.main", "app.a", "app.c"),
            "/opt/python/lib/__init__.py": ("app.main", "app.a", "app.c", "lib"),
            "/opt/python/lib/deep.py": ("app.main", "app.a", "app.c", "lib.deep"),
        }

    def test_an_eager_way_is_told_rather_than_a_shorter_lazy_one(self) -> None:
        reached = program(
            {
                MAIN: "import app.a\ndef f():\n    import app.c",
                "app/a.py": "import app.b",
                "app/b.py": "import app.c",
                "app/c.py": "",
            }
        ).graph.reached

        assert reached["/var/task/app/c.py"].when is When.AT_START
        assert reached["/var/task/app/c.py"].chain == ("app.main", "app.a", "app.b", "app.c")

    def test_functions_of_your_own_code_are_followed_and_those_of_libraries_are_not(self) -> None:
        reached = program(
            {MAIN: "def f():\n    import app.late, lib", "app/late.py": ""},
            {
                "python/lib-1.dist-info/METADATA": "Name: lib\nVersion: 1\n",
                "python/lib-1.dist-info/RECORD": "lib.py,,\nother.py,,\n",
                "python/lib.py": "def g():\n    import other",
                "python/other.py": "",
            },
        ).graph.reached

        assert reached["/var/task/app/late.py"].when is When.LATER
        assert reached["/opt/python/lib.py"].when is When.LATER
        assert "/opt/python/other.py" not in reached

    def test_what_a_guarded_import_brings_is_not_certain(self) -> None:
        reached = program(
            {
                MAIN: "try:\n    import app.extra\nexcept ImportError:\n    pass",
                "app/extra.py": "import app.deep",
                "app/deep.py": "",
            }
        ).graph.reached

        assert reached["/var/task/app/main.py"].when is When.AT_START
        assert reached["/var/task/app/extra.py"].when is When.PERHAPS_AT_START
        assert reached["/var/task/app/deep.py"].when is When.PERHAPS_AT_START

    def test_plug_ins_that_a_package_loads_by_computed_names_are_followed(self) -> None:
        reached = program(
            {
                MAIN: "import app.plugins",
                "app/plugins/__init__.py": "for name in NAMES:\n    import_module(f'{__name__}.{name}')",
                "app/plugins/one.py": "",
                "app/plugins/two/__init__.py": "",
                "app/plugins/two/deep.py": "",
            }
        ).graph.reached

        assert reached["/var/task/app/plugins/one.py"].chain == ("app.main", "app.plugins", "app.plugins.one")
        assert reached["/var/task/app/plugins/two/__init__.py"].when is When.PERHAPS_AT_START
        assert "/var/task/app/plugins/two/deep.py" not in reached

    def test_a_type_checkers_imports_and_an_alternative_that_is_not_needed_are_not_followed(self) -> None:
        reached = program(
            {
                MAIN: "if TYPE_CHECKING:\n    import a\ntry:\n    import b\nexcept ImportError:\n    import c",
                "a.py": "",
                "b.py": "",
                "c.py": "",
            }
        ).graph.reached

        assert sorted(reached) == ["/var/task/app/main.py", "/var/task/b.py"]


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("import gone", [("gone", None)]),
        ("import gone.deep", [("gone", None)]),
        ("import app.gone", [("app.gone", None)]),
        ("from . import gone", [("app", "gone")]),
        ("from .other import gone", [("app.other", "gone")]),
        ("from .other import there", []),
        ("from .other import *", []),
        ("from .pack import *", [("app.pack", "gone")]),
        ("from .other import __doc__", []),
        ("from .open import gone", []),
        ("from .star import gone", []),
        ("from ..beyond import gone", [("..beyond", None)]),
        ("import app.maker.made", []),
        ("import app.maker.made.deeper", []),
        ("import compiled.inner", []),
        ("import spaced.sub", []),
        ("import spaced.gone", [("spaced.gone", None)]),
        ("from spaced import sub, gone", [("spaced", "gone")]),
        ("import os.path, xml.etree.ElementTree, boto3.session, six.moves", []),
        ("import distutils.util", [("distutils", None)]),
        ("import winreg", [("winreg", None)]),
        ("try:\n    import gone\nexcept ImportError:\n    gone = None", []),
        ("try:\n    import gone\nexcept ImportError:\n    import json", []),
        ("try:\n    import gone\nexcept ImportError:\n    import lost", [("lost", None)]),
        ("try:\n    import json\nexcept ImportError:\n    import lost", []),
        ("try:\n    import gone\nexcept ImportError:\n    pass\nelse:\n    import lost", []),
        ("if TYPE_CHECKING:\n    import gone", []),
        ("def f():\n    import gone", [("gone", None)]),
        ("importlib.import_module('gone')", [("gone", None)]),
        ("if DEBUG:\n    import gone", [("gone", None)]),
    ],
)
def test_what_an_import_does_not_find(source: str, missing: list[tuple[str, str | None]]) -> None:
    found = program(
        {
            MAIN: source,
            "app/__init__.py": "",
            "app/other.py": "there = 1",
            "app/open.py": "def __getattr__(name): ...",
            "app/star.py": "from os import *",
            "app/pack/__init__.py": "here = 1\n__all__ = ['here', 'sub', 'gone']",
            "app/pack/sub.py": "",
            "app/maker.py": "import sys\nsys.modules[__name__ + '.made'] = x",
            "compiled/__init__.cpython-312-x86_64-linux-gnu.so": "no ELF, but so it is called",
        },
        {"python/spaced/sub.py": ""},
    ).graph.unresolved("/var/task/app/main.py")

    assert [(one.missing, one.name) for one in found] == missing
