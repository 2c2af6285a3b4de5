"""What a module imports, and under which conditions."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from harness.facts.python.imports import Import, imports


def found(source: str, python: tuple[int, int] = (3, 12)) -> tuple[Import, ...]:
    return imports(ast.parse(dedent(source)), python)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import os, a.b as c", (Import("os"), Import("a.b"))),
        ("from a.b import c as d, e", (Import("a.b", ("c", "e")),)),
        ("from . import x", (Import("", ("x",), 1),)),
        ("from ..up import *", (Import("up", ("*",), 2),)),
        ("import_module('a.b')", (Import("a.b"),)),
        ("x = [importlib.import_module('a') for _ in y]", (Import("a"),)),
        ("__import__('a')", (Import("a"),)),
        ("import_module('.a', 'b')", ()),
        ("import_module(name)", ()),
        ("import_module(f'{a}.b')", ()),
        ("import_module(f'{__name__}.{name}')", (Import("", conditional=True, plugins=True),)),
        ("import_module(__name__ + '.' + name)", (Import("", conditional=True, plugins=True),)),
        ("import_module('.' + name, __package__)", (Import("", conditional=True, plugins=True),)),
        ("import_module(f'.{name}', package=__name__)", (Import("", conditional=True, plugins=True),)),
        ("import_module(f'.{name}', 'elsewhere')", ()),
        ("import_module(f'..{name}', __name__)", ()),
        ("import_module('prefix_' + name)", ()),
        ("def f():\n    import a", (Import("a", line=2, lazy=True),)),
        ("def f():\n    import a\nx = g(f())", (Import("a", line=2),)),
        ("def f():\n    import a\nx = f", (Import("a", line=2, lazy=True),)),
        ("async def f():\n    async with x:\n        import a", (Import("a", line=3, lazy=True),)),
        ("class A:\n    import a", (Import("a", line=2),)),
        ("@decorated(import_module('a'))\ndef f(): pass", (Import("a"),)),
        ("for _ in x:\n    import a\nelse:\n    import b", (Import("a", line=2), Import("b", line=4))),
        ("with open(x) as y:\n    import a", (Import("a", line=2),)),
        ("match x:\n    case 1:\n        import a", (Import("a", line=3, conditional=True),)),
    ],
)
def test_each_form_of_an_import(source: str, expected: tuple[Import, ...]) -> None:
    assert found(source) == expected


@pytest.mark.parametrize(
    ("caught", "guarded"),
    [
        ("except ImportError", True),
        ("except ModuleNotFoundError", True),
        ("except (AttributeError, ImportError) as error", True),
        ("except Exception", True),
        ("except", True),
        ("except builtins.ImportError", True),
        ("except* ImportError", True),
        ("except AttributeError", False),
        ("except OSError", False),
    ],
)
def test_what_catches_a_failed_import_guards_it(caught: str, *, guarded: bool) -> None:
    (one,) = found(f"try:\n    import a\n{caught}:\n    pass")

    assert one.guarded is guarded


def test_an_alternative_is_executed_if_the_first_choice_fails() -> None:
    first, second, third = found(
        """
        try:
            from . import fast
            import ujson
        except ImportError:
            import json
        else:
            import helper
        """
    )[1:]

    assert (first.module, first.guarded) == ("ujson", True)
    assert (second.module, second.guarded, second.unless) == ("json", False, ((".", "ujson"),))
    assert (third.module, third.guarded, third.after) == ("helper", False, (".", "ujson"))


def test_a_handler_of_something_else_runs_only_perhaps() -> None:
    (one,) = found("try:\n    f()\nexcept ValueError:\n    import a")

    assert one.conditional


@pytest.mark.parametrize(
    ("source", "runs"),
    [
        ("try:\n    import a\nexcept ImportError:\n    raise", "always"),
        ("try:\n    import a\nexcept ImportError as error:\n    raise RuntimeError('install a') from error", "always"),
        ("try:\n    import a\nexcept ImportError:\n    sys.exit('install a')", "always"),
        ("def f():\n    try:\n        import a\n    except ImportError:\n        raise RuntimeError", "perhaps"),
        ("try:\n    import a\nexcept OPTIONAL:\n    pass", "guarded"),
        ("def f():\n    return 1\n    import a", "never"),
        ("raise SystemExit\nimport a", "never"),
        ("def f():\n    if not DEBUG:\n        return\n    import a", "perhaps"),
        ("def f():\n    if find_spec('a') is None:\n        return\n    import a", "guarded"),
        ("def f():\n    if sys.platform != 'win32':\n        return\n    import a", "never"),
        ("if not READY:\n    raise RuntimeError\nimport a", "always"),
        ("if not os.environ.get('AWS_LAMBDA_FUNCTION_NAME'):\n    import a", "never"),
        ("if 'AWS_LAMBDA_FUNCTION_NAME' not in os.environ:\n    import a", "never"),
        ("if os.getenv('AWS_EXECUTION_ENV'):\n    import a", "always"),
        ("if tp.TYPE_CHECKING:\n    import a", "never"),
        ("LOCAL = False\nif LOCAL:\n    import a", "never"),
        ("WINDOWS = sys.platform == 'win32'\nif WINDOWS:\n    import a", "never"),
        ("HERE = 'AWS_EXECUTION_ENV' in os.environ\nLOCAL = not HERE\nif LOCAL:\n    import a", "never"),
        ("STAGE = os.getenv('AWS_EXECUTION_ENV')\nif STAGE == 'x':\n    import a", "perhaps"),
        ("STEPS = -3\nif STEPS > 0:\n    import a", "perhaps"),
        ("STAGE = 'live'\nif STAGE != 'local':\n    import a", "always"),
        ("LOCAL = False\ndef f():\n    if LOCAL:\n        import a", "perhaps"),
        ("LOCAL = False\ndef f():\n    global LOCAL\n    LOCAL = True\nf()\nif LOCAL:\n    import a", "perhaps"),
        ("LOCAL = False\nif x:\n    LOCAL = True\nif LOCAL:\n    import a", "perhaps"),
        ("try:\n    __NUMPY_SETUP__\nexcept NameError:\n    x\nif not __NUMPY_SETUP__:\n    import a", "always"),
    ],
)
def test_the_way_to_a_statement_counts(source: str, runs: str) -> None:
    (one,) = found(source)

    assert ("guarded" if one.guarded else _runs(one)) == runs


@pytest.mark.parametrize("manager", ["suppress(ImportError)", "contextlib.suppress(Exception)", "try_import() as _"])
def test_a_manager_that_suppresses_guards_too(manager: str) -> None:
    (one,) = found(f"with {manager}:\n    import a")

    assert one.guarded


def test_one_who_asks_first_is_guarded() -> None:
    (one,) = found("if importlib.util.find_spec('a'):\n    import a")

    assert one.guarded


ALWAYS, NEVER, PERHAPS = "always", "never", "perhaps"


@pytest.mark.parametrize(
    ("condition", "body", "orelse"),
    [
        ("TYPE_CHECKING", NEVER, ALWAYS),
        ("typing.TYPE_CHECKING", NEVER, ALWAYS),
        ("not TYPE_CHECKING", ALWAYS, NEVER),
        ("TYPE_CHECKING or x", PERHAPS, PERHAPS),
        ("TYPE_CHECKING and x", NEVER, ALWAYS),
        ("sys.version_info >= (3, 12)", ALWAYS, NEVER),
        ("sys.version_info < (3, 11)", NEVER, ALWAYS),
        ("sys.version_info >= (3, 13)", NEVER, ALWAYS),
        ("sys.version_info >= (3, 12, 4)", PERHAPS, PERHAPS),
        ("sys.version_info >= (3, PATCH)", PERHAPS, PERHAPS),
        ("sys.version_info[:2] == (3, 12)", ALWAYS, NEVER),
        ("sys.version_info[0] == 2", NEVER, ALWAYS),
        ("sys.version_info.major == 3", ALWAYS, NEVER),
        ("sys.version_info.minor < 9", NEVER, ALWAYS),
        ("sys.version_info[2] == 1", PERHAPS, PERHAPS),
        ("sys.platform == 'win32'", NEVER, ALWAYS),
        ("sys.platform.startswith('linux')", ALWAYS, NEVER),
        ("sys.platform in ('win32', 'cygwin')", NEVER, ALWAYS),
        ("os.name == 'nt'", NEVER, ALWAYS),
        ("platform.system() == 'Darwin'", NEVER, ALWAYS),
        ("platform.python_implementation() == 'PyPy'", NEVER, ALWAYS),
        ("six.PY2", NEVER, ALWAYS),
        ("__name__ == '__main__'", NEVER, ALWAYS),
        ("True", ALWAYS, NEVER),
        ("0", NEVER, ALWAYS),
        ("settings.DEBUG", PERHAPS, PERHAPS),
        ("os.environ.get('LOCAL')", PERHAPS, PERHAPS),
        ("3 < 'a'", PERHAPS, PERHAPS),
    ],
)
def test_conditions_are_decided_for_the_runtime(condition: str, body: str, orelse: str) -> None:
    one, other = found(f"if {condition}:\n    import a\nelse:\n    import b")

    assert [_runs(one), _runs(other)] == [body, orelse]


def _runs(one: Import) -> str:
    return NEVER if one.never else PERHAPS if one.conditional else ALWAYS


def test_the_version_is_that_of_the_runtime() -> None:
    source = "if sys.version_info >= (3, 13):\n    import a"

    assert [one.never for one in (*found(source, (3, 12)), *found(source, (3, 13)))] == [True, False]


def test_elif_is_one_chain() -> None:
    chain = "if os.name == 'nt':\n    import a\nelif os.name == 'posix':\n    import b\nelse:\n    import c"

    assert [_runs(one) for one in found(chain)] == [NEVER, ALWAYS, NEVER]


@pytest.mark.parametrize(
    "source",
    [
        "if a == 0:\n    import a\n" + "".join(f"elif a == {n}:\n    import a\n" for n in range(1, 150)),
        "x = " + "+".join(["'a'"] * 900) + "\nimport a",
        "\n".join("    " * depth + "if x:" for depth in range(90)) + "\n" + "    " * 90 + "import a",
    ],
    ids=["elif", "sum", "nested"],
)
def test_what_generators_write_is_read(source: str) -> None:
    assert imports(ast.parse(source), (3, 12))
