from __future__ import annotations

import ast

import pytest

from harness.facts.python.code import Code
from harness.facts.python.variables import set_variables, variables


def code(source: str) -> Code:
    return Code(ast.parse(f"import os\nfrom os import environ, getenv\n{source}"), (3, 12))


@pytest.mark.parametrize(
    ("source", "at_import"),
    [
        ("A = os.environ['X']", True),
        ("A = environ['X'].split(',')", True),
        ("class Settings:\n    a = f\"{os.environ['X']}\"", True),
        ("def f(a=os.environ['X']): pass", True),
        ("try:\n    a = environ['X']\nexcept ImportError:\n    pass", True),
        ("try:\n    a = environ['X']\nexcept KeyError:\n    a = ''", False),
        ("try:\n    a = environ['X']\nexcept Exception as e:\n    print(e)", False),
        ("import contextlib\nwith contextlib.suppress(KeyError):\n    a = environ['X']", False),
        ("A = environ['X'] if 'X' in environ else ''", False),
        ("A = 'X' in environ and environ['X']", False),
        ("A = environ['X'] or 1", False),
        ("if os.path.exists('/x'):\n    a = environ['X']", False),
        ("for one in ():\n    a = environ['X']", False),
        ("A = [environ['X'] for one in ()]", False),
        ("A = lambda: environ['X']", False),
        ("def f():\n    return environ['X']", False),
        ("if __name__ == '__main__':\n    a = environ['X']", False),
        ("A = environ.get('X')", False),
        ("A = getenv('X')", False),
    ],
)
def test_what_fails_an_import(source: str, at_import: bool) -> None:  # noqa: FBT001 - a column
    (found,) = variables(code(source))

    assert (found.name, found.at_import) == ("X", at_import)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("environ['X'] = '1'", ("X",)),
        ("os.environ.setdefault('X', '1')", ("X",)),
        ("environ[name()] = '1'", ("",)),
        ("del environ['X']", ("X",)),
        ("environ.update(read())", ("",)),
        ("environ |= read()", ("",)),
        ("load(os.environ)", ("",)),
        ("a = os.environ\na['X'] = '1'", ("",)),
        ("a = environ['X'], environ.get('Y'), 'Z' in environ, {**environ}, dict(environ), environ.copy()", ()),
        ("import subprocess\nsubprocess.run(['a'], env=environ)", ()),
        ("for name in environ:\n    print(name)\na = [one for one in environ]", ()),
    ],
)
def test_what_is_set(source: str, names: tuple[str, ...]) -> None:
    assert set_variables(code(source)) == names
