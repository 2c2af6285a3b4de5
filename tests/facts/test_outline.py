"""Reading the imports alone says what reading all of a module does."""

from __future__ import annotations

import ast
import zipfile
from typing import TYPE_CHECKING

import pytest

from harness.facts.downlevel import parse
from harness.facts.imports import imports
from harness.facts.outline import outline

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
        "# -*- coding: latin-1 -*-\nimport a",
        "x = '\\''\nimport a\ny = \"#\"\nimport b",
    ],
)
def test_imports_at_the_margin_are_read_alone(source: str) -> None:
    assert same(source.encode()) is True


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import a",
        "try:\n\timport a\nexcept ImportError: pass",
        "if x: import a",
        "x = 1; import a",
        "import importlib\nimportlib.import_module('a')",
        "x = __import__('a')",
        '"""A page.\n\nimport this\n"""\nimport a\n',
        'x = r"""\nfrom a import b\n"""',
        "raise x \\\nfrom e",
        "import a\rimport b",
        "from \u00e9t\u00e9 import x",
        "import",
        "raise NotImplementedError\nimport a",
        "'one line: import x'\nimport a",
    ],
)
def test_everything_else_is_left_to_the_whole(source: str) -> None:
    assert outline(source.encode()) is None


@pytest.mark.network
def test_real_libraries_say_the_same_either_way(sample: Sample) -> None:
    with zipfile.ZipFile(sample.layer) as layer:
        names = [name for name in layer.namelist() if name.endswith(".py")]
        answers = {name: same(layer.read(name)) for name in names[::3]}

    assert [name for name, answer in answers.items() if answer is False] == []
    assert list(answers.values()).count(True) > len(answers) / 2


def test_lines_are_those_of_the_whole() -> None:
    tree = outline(b"x = 1\n\n\nfrom a import (\n    b,\n)\n\nimport c\n")

    assert tree is not None
    assert [(type(one), one.lineno) for one in tree.body] == [(ast.ImportFrom, 4), (ast.Import, 8)]
