"""What a module binds, and whether its text tells all of it."""

from __future__ import annotations

import ast

import pytest

from harness.facts.python.module_names import Names, is_retired, may_bind, names


@pytest.mark.parametrize(
    ("source", "bound"),
    [
        ("a = b, c = 1, 2\n(d, *e) = x\nf: int = 1\ng += 1", {"a", "b", "c", "d", "e", "f", "g"}),
        ("import a, b.c, d.e as f\nfrom g import h, i as j", {"a", "b", "f", "h", "j"}),
        ("def f():\n    inner = 1\nasync def g(): pass\nclass H:\n    x = 1", {"f", "g", "H"}),
        ("for a in b:\n    c = 1\nelse:\n    d = 1", {"a", "c", "d"}),
        ("with a as b, c as (d, e):\n    f = 1", {"b", "d", "e", "f"}),
        ("if x:\n    a = 1\nelif y:\n    b = 1\nelse:\n    c = 1", {"a", "b", "c"}),
        ("try:\n    a = 1\nexcept E as error:\n    b = 1\nelse:\n    c = 1\nfinally:\n    d = 1", {"a", "b", "c", "d"}),
        ("match x:\n    case {'k': v, **rest}:\n        a = 1\n    case [b, *c]:\n        pass", {"v", "a", "b", "c"}),
        ("if (a := 1):\n    pass", {"a"}),
        ("def f():\n    global client\n    client = 1", {"f", "client"}),
        ("x.y = 1\nx[0] = 1\ndel z", set()),
    ],
)
def test_what_runs_with_the_module_binds(source: str, bound: set[str]) -> None:
    assert bound <= set(names(ast.parse(source)).bound)
    assert "inner" not in names(ast.parse(source)).bound


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a = 1", Names(("a",))),
        ("from x import *", Names(("*",), open=True)),
        ("def __getattr__(name): ...", Names(("__getattr__",), open=True)),
        ("globals()['a'] = 1", Names(open=True)),
        ("globals().update(x)", Names(open=True)),
        ("def f():\n    return globals()", Names(("f",))),
        ("sys.modules[__name__] = x", Names(open=True, injects=True)),
        ("import sys\nsys.modules['a.b'] = c", Names(("sys",), open=True, injects=True)),
        ("__path__.append(x)", Names(open=True, injects=True)),
        ("__path__ = __import__('pkgutil').extend_path(x, y)", Names(("__path__",), True, True, True)),
        ("modules = os.path.join(a)", Names(("modules",))),
    ],
)
def test_what_its_text_does_not_tell_is_noted(source: str, expected: Names) -> None:
    assert names(ast.parse(source)) == expected


@pytest.mark.parametrize(
    ("source", "possible"),
    [
        ("def escape(text): ...", True),
        ("class escape: ...", True),
        ("from other import (\n    escape as escape\n)", True),
        ("quote, escape = make()", True),
        ("if x: escape = 1", True),
        ("from other import *", True),
        ("globals().update(made)", True),
        ("def set(name, value):\n    globals()[name] = value\nset('escape', 1)", True),
        ("sys.modules[__name__] = made", True),
        ("attach(__name__, 'x.pyi')", True),
        ("import (", True),
        ("log = getLogger(__name__)\ndef quote(text): return escape(text)", False),
        ("class escaped: ...\nif __name__ == '__main__': run(escape)", False),
        ("", False),
    ],
)
def test_a_librarys_module_has_what_its_source_may_bind(source: str, *, possible: bool) -> None:
    assert may_bind(source.encode(), "escape") is possible


@pytest.mark.parametrize(
    ("source", "possible"),
    [
        ("from . import escape", False),
        ("from web import (\n    escape,\n)", False),
        ("from . import quote as escape", True),
        ("escape = 1\nfrom . import escape", True),
        ("from .html import escape\nfrom . import escape", True),
        ("from . import *\nfrom . import escape", True),
    ],
)
def test_a_package_gets_no_name_from_itself(source: str, *, possible: bool) -> None:
    assert may_bind(source.encode(), "escape", "web") is possible


def test_python_calls_no_find_module_since_3_12() -> None:
    source = b"class A:\n    def find_module(self, name): ...\nsys.meta_path.append(A())"

    assert is_retired(source, (3, 12))
    assert not is_retired(source, (3, 11))
