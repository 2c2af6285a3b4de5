"""What a module asks of the metadata of distributions."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from harness.facts.python.code import Code
from harness.facts.python.metadata_lookups import Lookup, lookups, may_look

VERSION = "importlib.metadata.version"


def found(source: str) -> tuple[Lookup, ...]:
    text = dedent(source)
    assert may_look(text.encode()) or not lookups(Code(ast.parse(text), (3, 12)))
    return lookups(Code(ast.parse(text), (3, 12)))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import importlib.metadata\nimportlib.metadata.version('x')", Lookup("x", "", VERSION, 2)),
        ("import importlib\nimportlib.metadata.version('x')", Lookup("x", "", VERSION, 2)),
        ("from importlib import metadata\nmetadata.version('x')", Lookup("x", "", VERSION, 2)),
        ("from importlib import metadata as m\nm.version('x')", Lookup("x", "", VERSION, 2)),
        ("import importlib.metadata as m\nm.version('x')", Lookup("x", "", VERSION, 2)),
        ("from importlib.metadata import version as v\nv('x')", Lookup("x", "", VERSION, 2)),
        ("from importlib.metadata import version\nversion(distribution_name='x')", Lookup("x", "", VERSION, 2)),
        ("from importlib.metadata import version\nNAME = 'x'\nversion(NAME)", Lookup("x", "", VERSION, 3)),
        ("from importlib.metadata import version\nversion(__name__)", Lookup("__name__", "", VERSION, 2)),
        ("import importlib_metadata as m\nm.requires('x')", Lookup("x", "", "importlib_metadata.requires", 2)),
        (
            "import pkg_resources\npkg_resources.get_distribution('x>1').version",
            Lookup("x>1", "", "pkg_resources.get_distribution", 2),
        ),
        (
            "from importlib.metadata import entry_points\nentry_points(group='g')",
            Lookup("", "g", "importlib.metadata.entry_points", 2),
        ),
        (
            "import pkg_resources\npkg_resources.iter_entry_points('g')",
            Lookup("", "g", "pkg_resources.iter_entry_points", 2),
        ),
    ],
)
def test_each_way_to_ask(source: str, expected: Lookup) -> None:
    assert found(source) == (expected,)


@pytest.mark.parametrize(
    "source",
    [
        "version('x')",
        "from packaging.version import version\nversion('x')",
        "from importlib import metadata\nmetadata.version(name)",
        "from importlib import metadata\nmetadata.version()",
        "from importlib import metadata\nmetadata.packages_distributions('x')",
        "from .importlib_metadata import version\nversion('x')",
        "from importlib import metadata\nfind().metadata.version('x')",
        "from importlib.metadata import entry_points\nentry_points()",
    ],
)
def test_what_is_no_question_or_has_no_constant_name(source: str) -> None:
    assert found(source) == ()


@pytest.mark.parametrize(
    ("source", "signs"),
    [
        ("version('x')", set()),
        ("class A:\n    v = version('x')", set()),
        ("def f(v=version('x')): pass", set()),
        ("def f():\n    return version('x')", {"lazy"}),
        ("f = lambda: version('x')", {"lazy", "conditional"}),
        ("try:\n    version('x')\nexcept PackageNotFoundError: pass", {"guarded"}),
        ("try:\n    version('x')\nexcept (KeyError, metadata.PackageNotFoundError): pass", {"guarded"}),
        ("try:\n    version('x')\nexcept ImportError: pass", {"guarded"}),
        ("try:\n    version('x')\nexcept: pass", {"guarded"}),
        ("from x import ImportError as E\ntry:\n    version('x')\nexcept E: pass", {"guarded"}),
        ("from x import Other as ImportError\ntry:\n    version('x')\nexcept ImportError: pass", set()),
        ("E = (KeyError, ImportError)\ntry:\n    version('x')\nexcept E: pass", {"guarded"}),
        ("E = (KeyError, OSError)\ntry:\n    version('x')\nexcept E: pass", set()),
        ("try:\n    version('x')\nexcept KeyError: pass", set()),
        ("try:\n    version('x')\nfinally: pass", set()),
        ("try:\n    import y\nexcept ImportError:\n    version('x')", {"conditional"}),
        ("with suppress(PackageNotFoundError):\n    version('x')", {"guarded"}),
        ("with suppress(KeyError):\n    version('x')", set()),
        ("if debug:\n    version('x')", {"conditional"}),
        ("if version('x') > '2': pass", set()),
        ("if TYPE_CHECKING:\n    version('x')", {"never"}),
        ("if not TYPE_CHECKING:\n    version('x')", set()),
        ("if sys.version_info < (3, 8):\n    pass\nelse:\n    version('x')", set()),
        ("v = y or version('x')", {"conditional"}),
        ("v = version('x') if y else None", {"conditional"}),
        ("def f():\n    try:\n        version('x')\n    except Exception: pass", {"lazy", "guarded"}),
    ],
)
def test_in_which_context_it_asks(source: str, signs: set[str]) -> None:
    (one,) = found(f"from importlib.metadata import version\n{source}")

    assert {name for name in ("lazy", "guarded", "conditional", "never") if getattr(one, name)} == signs
    assert one.certain is not bool(signs & {"guarded", "conditional", "never"})
