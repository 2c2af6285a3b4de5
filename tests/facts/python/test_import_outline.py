"""Reading the imports alone says what reading all of a module does."""

from __future__ import annotations

import ast
import sysconfig
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.facts.python.import_outline import outline
from harness.facts.python.imports import imports
from harness.facts.python.parser import parse

if TYPE_CHECKING:
    from fixtures.build import Sample

PYTHON = (3, 12)


def same(source: bytes) -> bool | None:
    """Whether both ways find the same; None where the short one is not taken."""
    short, whole = outline(source), parse(source)
    if short is None or whole is None:
        return None
    return imports(short, PYTHON, own=False) == imports(whole, PYTHON, own=False)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "x = 1",
        "import os\nimport a.b as c, d\nfrom . import x\nfrom ..y import *\n",
        "from a import (\n    b,  # (one)\n    c,\n)\nimport d",
        "from a import \\\n    b, \\\n    c\nimport d",
        "from a import b  # and (\nimport c",
        '"""A page.\n\nThe way from here is long.\n"""\nimport a\n',
        "import a\r\nimport b\r\n",
        "importer = 1\nfrom_ = 2",
        "# -*- coding: utf-8 -*-\nimport a",
        "x = '\\''\nimport a\ny = \"#\"\nimport b",
        "def f():\n    import a",
        "try:\n\timport a\nexcept ImportError: pass\nelse:\n    import b\nfinally:\n    import c",
        "if x: import a\nelif y: import b\nelse: import c",
        "x = 1; import a",
        "import importlib\nimportlib.import_module('a')",
        "x = __import__('a')",
        '"""A page.\n\nimport this\n"""\nimport a\n',
        'x = r"""\nfrom a import b\n"""',
        'x = \'"""\'\nimport a\ny = \'"""\'',
        '# don\'t """\nimport a\n# """ import b',
        "from \u00e9t\u00e9 import x",
        "raise NotImplementedError\nimport a",
        "'''\nraise x\n'''\nraise NotImplementedError\nimport a",
        "'one line: import x'\nimport a",
        *(
            f"class A(B):  # of many\n{padding}\n    x = 1\n{padding}\n{body}\nimport z"
            for padding in ["    y = 2\n" * 300]
            for body in (
                "    import a",
                "    if x:\n        import a\n    else:\n        import b",
                "    def f(self):\n        if x:\n            return\n        import a\n",
                "    try:\n        import a\n    except ImportError:\n        import b",
                "    raise x\n    import a",
                "    import a\n    raise x\n    import a",
                "    '''\n    raise x\n    '''\n    import a",
                "    @property\n    def f(self):\n        import a\n",
            )
        ),
    ],
)
def test_imports_are_read_without_the_rest(source: str) -> None:
    assert same(source.encode()) is True


@pytest.mark.parametrize(
    "source",
    [
        "import a\rimport b",
        "import a\n\fimport b",
        "# coding: latin-1\nimport a",
        "import a b",
    ],
)
def test_everything_else_is_left_to_the_whole(source: str) -> None:
    assert outline(source.encode()) is None


@pytest.mark.network
def test_real_libraries_say_the_same_either_way(sample: Sample) -> None:
    with zipfile.ZipFile(sample.layer) as layer:
        names = [name for name in layer.namelist() if name.endswith(".py")]
        answers = {name: same(layer.read(name)) for name in names[::9]}

    assert [name for name, answer in answers.items() if answer is False] == []
    assert list(answers.values()).count(True) > len(answers) * 0.95


@pytest.mark.slow
def test_the_standard_library_says_the_same_either_way() -> None:
    folder = Path(sysconfig.get_path("stdlib"))
    answers = {path: same(path.read_bytes()) for path in sorted(folder.rglob("*.py"))[::9]}

    assert [path for path, answer in answers.items() if answer is False] == []
    assert list(answers.values()).count(True) > len(answers) * 0.8


def test_lines_are_those_of_the_whole() -> None:
    tree = outline(b"x = 1\n\n\nfrom a import (\n    b,\n)\n\nimport c\n")

    assert tree is not None
    assert [(type(one), one.lineno) for one in tree.body] == [(ast.ImportFrom, 4), (ast.Import, 8)]
