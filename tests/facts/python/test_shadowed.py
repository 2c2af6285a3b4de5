"""Modules that are there and cannot be imported."""

from __future__ import annotations

import pytest

from harness.facts.python.shadowed import Shadowed, shadowed
from tests import build

SHARES = "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n"

Files = dict[str, str]


@pytest.mark.parametrize(
    ("code", "layer", "expected"),
    [
        ({"a/b.py": ""}, {"python/a/c.py": ""}, []),
        ({"a/__init__.py": ""}, {"python/b/c.py": ""}, []),
        ({"a/__init__.py": ""}, {"python/a/c.txt": ""}, []),
        ({"a/__init__.py": "", "a/c.py": ""}, {"python/a/c.py": ""}, []),
        ({"a/__init__.py": SHARES}, {"python/a/c.py": ""}, []),
        ({"a/__init__.py": "import sys\nsys.modules['a.c'] = sys\n"}, {"python/a/c.py": ""}, []),
        (
            {"a/__init__.py": ""},
            {"python/a/c.py": "", "python/a/d/e.py": ""},
            [Shadowed("a", "/var/task/a/__init__.py", "/opt/python/a", ("a.c", "a.d", "a.d.e"), portion=True)],
        ),
        (
            {"a/c.py": ""},
            {"python/a/__init__.py": ""},
            [Shadowed("a", "/opt/python/a/__init__.py", "/var/task/a", ("a.c",), portion=True)],
        ),
        (
            {"a/b/__init__.py": ""},
            {"python/a/b/c.py": ""},
            [Shadowed("a.b", "/var/task/a/b/__init__.py", "/opt/python/a/b", ("a.b.c",), portion=True)],
        ),
        (
            {"a/__init__.py": ""},
            {"python/a/__init__.py": SHARES, "python/a/c.py": ""},
            [Shadowed("a", "/var/task/a/__init__.py", "/opt/python/a/__init__.py", ("a.c",), portion=True)],
        ),
        (
            {"a/__init__.py": ""},
            {"python/a/__init__.py": "", "python/a/c.py": ""},
            [Shadowed("a", "/var/task/a/__init__.py", "/opt/python/a/__init__.py", ("a.c",), portion=False)],
        ),
        (
            {"a.py": ""},
            {"python/a/__init__.py": "", "python/a/c.py": ""},
            [Shadowed("a", "/var/task/a.py", "/opt/python/a/__init__.py", ("a.c",), portion=False)],
        ),
        ({"a.py": ""}, {"python/a.py": ""}, [Shadowed("a", "/var/task/a.py", "/opt/python/a.py", (), portion=False)]),
        # The folder of another search is not a package, whatever it is called.
        ({"lib/__init__.py": ""}, {"python/lib/python3.12/site-packages/x.py": ""}, []),
    ],
)
def test_what_is_behind_another_is_hidden(code: Files, layer: Files, expected: list[Shadowed]) -> None:
    assert list(shadowed(build.program_of(code, layer).program)) == expected
