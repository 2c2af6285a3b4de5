"""Which modules do not compile, compared with the Pythons that are here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest
import ruff  # type: ignore[import-untyped]  # it ships no types

from harness.engines.interpreters import find
from harness.facts.python.syntax import SyntaxFault, SyntaxUnknown, syntax_faults

if TYPE_CHECKING:
    from pathlib import Path

ALL = frozenset({(3, 10), (3, 11), (3, 12), (3, 13), (3, 14)})
NONE: frozenset[tuple[int, int]] = frozenset()


def before(minor: int) -> frozenset[tuple[int, int]]:
    return frozenset(version for version in ALL if version[1] < minor)


SOURCES = [
    # name, source, versions that refuse it
    ("empty", b"", NONE),
    ("nonsense", b"x = = 1\n", ALL),
    ("python2", b"print 'x'\n", ALL),
    ("match", b"match x:\n    case 1: pass\n", NONE),
    ("except_star", b"try:\n    pass\nexcept* E:\n    pass\n", before(11)),
    ("unpacked_subscript", b"x[*y]\n", before(11)),
    ("type_alias", b"type X = int\n", before(12)),
    ("type_parameters", b"def f[T](x: T) -> T: ...\nclass A[T]: ...\n", before(12)),
    ("type_parameter_default", b"def f[T = int](): ...\n", before(13)),
    ("nested_quotes", b"""f"{x["a"]}"\n""", before(12)),
    ("backslash_in_fstring", b"""f"{'\\n'.join(x)}"\n""", before(12)),
    ("comment_in_fstring", b"f'''{\nx  # why\n}'''\n", before(12)),
    ("template_string", b"t'{x}'\n", before(14)),
    ("bare_exceptions", b"try:\n    pass\nexcept A, B:\n    pass\n", before(14)),
    ("type_as_a_name", b"type = 1\ntype (x)\nmatch = 2\ncase = 3\n_ = 4\n", NONE),
    ("async_comprehension_inside", b"async def f():\n    return [[x async for x in y] for z in w]\n", before(11)),
    # what only the compiler sees
    ("break", b"break\n", ALL),
    ("continue", b"class A:\n    continue\n", ALL),
    ("return", b"return 1\n", ALL),
    ("yield", b"class A:\n    yield 1\n", ALL),
    ("await", b"def f():\n    await x\n", ALL),
    ("await_in_a_module", b"await x\n", ALL),
    ("await_in_a_generator", b"x = (await y for y in z)\n", NONE),
    ("async_with", b"def f():\n    async with x: pass\n", ALL),
    ("yield_from", b"async def f():\n    yield from x\n", ALL),
    ("late_future", b"import os\nfrom __future__ import annotations\n", ALL),
    ("unknown_future", b"from __future__ import nope\n", ALL),
    ("relative_future", b"import os\nfrom .__future__ import nope\n", before(13)),
    ("star_import", b"def f():\n    from os import *\n", ALL),
    ("two_stars", b"*a, *b = c\n", ALL),
    ("bare_except_first", b"try: pass\nexcept: pass\nexcept E: pass\n", ALL),
    ("duplicate_argument", b"def f(a, a): pass\n", ALL),
    ("nonlocal_without_binding", b"def f():\n    nonlocal x\n", ALL),
    ("nonlocal_in_a_module", b"nonlocal x\n", ALL),
    ("nonlocal_bound_later", b"def f():\n    def g():\n        nonlocal x\n    x = 1\n", NONE),
    ("nonlocal_and_global", b"def f():\n    global x\n    nonlocal x\n", ALL),
    ("late_global", b"def f():\n    print(x)\n    global x\n", ALL),
    ("global_after_import", b"def f():\n    import x\n    global x\n", NONE),
    ("global_of_an_inner_function", b"def f():\n    def g():\n        x = 1\n    global x\n", NONE),
    ("repeated_key", b"{'a': 1, 'a': 2}\nassert (1, 'x')\nx is 1\n", NONE),
    ("return_in_init", b"class A:\n    def __init__(self):\n        return 1\n", NONE),
    ("invalid_escape", b"'\\d'\n", NONE),
    ("noqa", b"break  # noqa\n", ALL),
    ("ruff_noqa", b"# ruff: noqa\nbreak\n", ALL),
    # bytes, encodings, white space
    ("null_in_code", b"x = 1\0\n", ALL),
    ("null_in_comment", b"x = 1\n# \0\n", ALL),
    ("invalid_utf8", b"x = 1\ny = 2\nz = '\xe9'\n", ALL),
    ("invalid_utf8_in_a_comment", b"x = 1  # \xe9\n", NONE),
    ("invalid_utf8_in_a_comment_and_broken", b"x = 1  # \xe9\ny = = 1\n", ALL),
    ("invalid_utf8_at_once", b"z = '\xe9'\n", ALL),
    ("latin1", b"# coding: latin-1\nx = '\xe9'\n", NONE),
    ("latin1_in_line_2", b"#!/usr/bin/env python\n# -*- coding: iso-8859-15 -*-\nx = '\xe9'\n", NONE),
    ("latin1_in_line_3", b"#\n#\n# coding: latin-1\nx = '\xe9'\n", ALL),
    ("latin1_after_code", b"x = 1\n# coding: latin-1\nx = '\xe9'\n", ALL),
    ("latin1_broken", b"# coding: latin-1\nx = '\xe9\n", ALL),
    ("latin1_before_its_cookie", b"# \xe9\n# coding: latin-1\n", NONE),
    ("cp932", "# coding: cp932\nx = '表'\n".encode("cp932"), NONE),
    ("unknown_codec", b"# coding: nope\n", ALL),
    ("undecodable", b"# coding: ascii\nx = '\xe9'\n", ALL),
    ("no_text_codec", b"# coding: rot13\n", ALL),
    ("byte_order_mark", b"\xef\xbb\xbfx = 1\n", NONE),
    ("byte_order_mark_and_cookie", b"\xef\xbb\xbf# coding: utf-8\nx = '\xc3\xa9'\n", NONE),
    ("byte_order_mark_and_latin1", b"\xef\xbb\xbf# coding: latin-1\n", ALL),
    ("utf16", "x = 1\n".encode("utf-16"), ALL),
    ("form_feed", b"x = 1\n\x0c\ndef f():\n\x0c    pass\n", NONE),
    ("tabs_as_spaces", b"if x:\n        a\n\tb\n", ALL),
    ("tabs", b"if x:\n\ta\n\tb\n", NONE),
    ("tabs_and_spaces_of_another_width", b"if x:\n\tif y:\n        a\n", ALL),
    ("tabs_in_text", b"if x:\n    '''\n\ta\n'''\n    b\n", NONE),
    ("tabs_after_an_open_bracket", b"if x:\n    a = (\n\tb)\n", NONE),
    ("tabs_in_another_block", b"if x:\n\ta\nif y:\n    b\n", NONE),
    ("indented", b"if x:\na\n", ALL),
    ("crlf", b"if x:\r\n    a\r\n", NONE),
    ("cr", b"if x:\r    a\rb\r", NONE),
    ("cr_and_cookie", b"# coding: latin-1\rx = '\xe9'\r", NONE),
    ("no_newline_at_the_end", b"if x:\n    a", NONE),
    ("continued_at_the_end", b"x = 1 \\", ALL),
    ("identifiers", "größe = 1\n".encode(), NONE),
    ("no_identifier", "x = 1 € 2\n".encode(), ALL),
    ("bytes_literal", "x = b'é'\n".encode(), ALL),
]  # fmt: skip
NAMES = [name for name, _, _ in SOURCES]

COMPILE = """
import json, sys, warnings
warnings.simplefilter("ignore")
refused = []
for name in sys.argv[1:]:
    with open(name, "rb") as file:
        source = file.read()
    try:
        compile(source, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        refused.append(name)
print(json.dumps(refused))
"""


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, source in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("sources"), {f"{name}.py": source for name, source, _ in SOURCES})


@cache
def judged(folder: Path, version: tuple[int, int]) -> frozenset[str]:
    return frozenset(name.removesuffix(".py") for name in syntax_faults(folder, version))


@pytest.mark.parametrize("version", sorted(ALL), ids=lambda version: f"py{version[0]}{version[1]}")
@pytest.mark.parametrize(("name", "refusing"), [(name, refusing) for name, _, refusing in SOURCES], ids=NAMES)
def test_verdict(name: str, refusing: frozenset[tuple[int, int]], version: tuple[int, int], folder: Path) -> None:
    assert (name in judged(folder, version)) == (version in refusing)


@pytest.mark.parametrize("version", sorted(ALL), ids=lambda version: f"py{version[0]}{version[1]}")
def test_the_table_is_what_python_says(version: tuple[int, int], folder: Path) -> None:
    interpreter, _ = find(version, os.environ)
    if interpreter is None and version != sys.version_info[:2]:
        pytest.skip(f"no Python {version[0]}.{version[1]} here")
    executable = interpreter.executable if interpreter else sys.executable
    files = sorted(path.name for path in folder.iterdir())
    said = subprocess.run(
        [executable, "-I", "-c", COMPILE, *files], cwd=folder, check=True, capture_output=True, text=True
    )
    refused = {name.removesuffix(".py") for name in json.loads(said.stdout)}
    assert refused == {name for name, _, refusing in SOURCES if version in refusing}


def test_line_and_message(tmp_path: Path) -> None:
    files = {
        "new.py": b"x = 1\n\ntype X = int\ntype Y = int\n",
        "broken.py": b"def f():\n    break\n\nx = = 1\n",
        "null.py": b"x = 1\r\ny = 2\r# \0",
        "latin.py": b"\nx = 1\ny = '\xe9'\n",
        "late.py": b"import a\nbreak\nfrom __future__ import annotations\n",
    }
    assert syntax_faults(write(tmp_path, files), (3, 11)) == {
        "new.py": SyntaxFault(3, "Cannot use `type` alias statement on Python 3.11 (syntax was added in Python 3.12)"),
        "broken.py": SyntaxFault(4, "Expected an expression"),  # syntax comes first: Python never sees the other
        "null.py": SyntaxFault(3, "source code string cannot contain null bytes"),
        "latin.py": SyntaxFault(
            3, "(unicode error) 'utf-8' codec can't decode byte 0xe9 in position 12: invalid continuation byte"
        ),
        "late.py": SyntaxFault(2, "`break` outside loop"),
    }


ODD = [
    "a b.py",
    "-x.py",
    "ü.py",
    "new\nline.py",
    "[x]*.py",
    '"quoted".py',
    "@x.py",
    "x.y.py",
    ".py",
    "%s.py",
    "a\\b.py",
]
FOLDERS = [
    ".hidden",
    ".venv",
    ".git",
    "build",
    "dist",
    "node_modules",
    "venv",
    "site-packages",
    "__pypackages__",
    "_build",
]


@pytest.mark.parametrize("name", [*ODD, *(f"{folder}/x.py" for folder in FOLDERS), "a/b/c/d/e.py", "__init__.py"])
def test_every_source_is_judged(name: str, tmp_path: Path) -> None:
    assert list(syntax_faults(write(tmp_path, {name: b"x = ="}), (3, 12))) == [name]


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.py")
    try:
        write(tmp_path, {name: b"x = =", "b.py": b"x = 1"})
    except OSError:
        pytest.skip("this file system wants names to be text")
    assert list(syntax_faults(tmp_path, (3, 12))) == [name]


@pytest.mark.parametrize("name", ["x.pyi", "x.ipynb", "x.pyw", "x.txt", "x", "x.py.txt", "x.pyc", "pyproject.toml"])
def test_nothing_else_is(name: str, tmp_path: Path) -> None:
    assert syntax_faults(write(tmp_path, {name: b"x = ="}), (3, 12)) == {}


def test_a_folder_that_is_named_like_a_module(tmp_path: Path) -> None:
    assert list(syntax_faults(write(tmp_path, {"x.py/y.py": b"x = ="}), (3, 12))) == ["x.py/y.py"]


@pytest.mark.parametrize("name", ["pyproject.toml", "ruff.toml", ".ruff.toml", "sub/ruff.toml", "sub/pyproject.toml"])
@pytest.mark.parametrize("text", ['exclude = ["*"]\ntarget-version = "py37"\n[lint]\nignore = ["ALL"]\n', "= nonsense"])
def test_a_configuration_of_the_archive_configures_nothing(name: str, text: str, tmp_path: Path) -> None:
    table = text if "pyproject" not in name else f"[tool.ruff]\n{text}".replace("[lint]", "[tool.ruff.lint]")
    files = {name: table.encode(), ".gitignore": b"*", "sub/x.py": b"break\n", "sub/y.py": b"type X = int\n"}
    assert list(syntax_faults(write(tmp_path, files), (3, 12))) == ["sub/x.py"]


def test_the_environment_configures_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUFF_OUTPUT_FILE", str(tmp_path / "out"))
    monkeypatch.setenv("RUFF_NO_CACHE", "nonsense")
    assert list(syntax_faults(write(tmp_path, {"x.py": b"x = ="}), (3, 12))) == ["x.py"]


def test_nothing_is_written(tmp_path: Path) -> None:
    syntax_faults(write(tmp_path, {"x.py": b"import os, sys", "y.py": b"# coding: latin-1\n"}), (3, 12))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["x.py", "y.py"]


def test_large_and_many(tmp_path: Path) -> None:
    files = {f"{'long' * 40}/{number}.py": b"x = 1\n" for number in range(1500)}  # more than one command line holds
    files |= {"large.py": b"x = 1\n" * 300_000 + b"x = =\n", f"{'long' * 40}/z.py": b"x = ="}
    assert syntax_faults(write(tmp_path, files), (3, 12)).keys() == {"large.py", f"{'long' * 40}/z.py"}


def test_what_takes_ruff_down_takes_no_other_verdict_with_it(tmp_path: Path) -> None:
    files = {f"{number}.py": b"x = =" if number % 2 else b"x = 1" for number in range(20)}
    files["deep.py"] = b"x = " + b"+".join([b"a"] * 1_000_000)
    found = syntax_faults(write(tmp_path, files), (3, 12)).keys()
    assert found == {f"{number}.py" for number in range(20) if number % 2}


def test_a_python_of_the_future_is_taken_for_the_newest_that_is_known(tmp_path: Path) -> None:
    files = {"new.py": b"t'{x}'\n", "broken.py": b"x = ="}
    assert list(syntax_faults(write(tmp_path, files), (3, 99))) == ["broken.py"]


def test_an_empty_folder(tmp_path: Path) -> None:
    assert syntax_faults(tmp_path, (3, 12)) == {}


def test_no_ruff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruff, "find_ruff_bin", lambda: str(tmp_path / "ruff"))
    with pytest.raises(SyntaxUnknown, match=r"ruff cannot be run: .*No such file"):
        syntax_faults(write(tmp_path, {"x.py": b""}), (3, 12))


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo nonsense", r"makes no sense: 'nonsense"),
        ("echo '{\"code\": 1}'; exit 1", r"makes no sense"),
        ("echo '[1]'", r"makes no sense"),
        ("""echo '[{"code": null}]'""", r"makes no sense"),
        ("""echo '[{"code": null, "message": "m", "filename": "/x.py", "location": {"row": 1, "column": 1}}]'""",
         r"judged '/x\.py', which it was not asked about"),
        ("echo no memory >&2; exit 2", r"ended with code 2: no memory"),
    ],
)  # fmt: skip
def test_an_answer_that_makes_no_sense(
    script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impostor = tmp_path / "ruff"
    impostor.write_text(f"#!/bin/sh\n{script}\n")
    impostor.chmod(0o755)
    monkeypatch.setattr(ruff, "find_ruff_bin", lambda: str(impostor))
    with pytest.raises(SyntaxUnknown, match=message):
        syntax_faults(write(tmp_path, {"x.py": b""}), (3, 12))
