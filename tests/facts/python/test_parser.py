"""Source code that is newer than the Python that reads it."""

from __future__ import annotations

import ast
import time
import warnings
from pathlib import Path

import pytest

from harness.facts.python.encoding import declared_encoding
from harness.facts.python.parser import parse

NEWER = [
    # name, source, whose last import stands on its last line
    ("type_parameters", "def f[T](x: T) -> T:\n    import a"),
    ("async_type_parameters", "async def f[T](x):\n    import a"),
    ("method_with_type_parameters", "class A:\n    def f[T, *Ts, **P](self): import a"),
    ("class_with_type_parameters", "class A[T]: import a"),
    ("class_with_bases", "class A[T: (int, str)](B[T]):\n    import a"),
    ("type_parameters_on_many_lines", "def f[\n    T,  # it's ]\n    U,\n](x):\n    import a"),
    ("type_parameter_defaults", "class A[T = dict[str, ']'], *Ts = *tuple[int]]:\n    import a"),
    ("type_alias", "type X = list[int]\nimport a"),
    ("generic_type_alias", "type X[T: int = bool] = list[T]\nimport a"),
    ("type_alias_on_many_lines", "type X[\n    T\n] = (\n    T\n)\nimport a"),
    ("type_alias_in_a_block", "if x: type X = int; type Y = int\nimport a"),
    ("type_as_a_name", "type = 1\ntype (x)\ntype[0] = type\ntype X = int\nimport a"),
    ("in_a_text", 'class A:\n    """class A[ type X = 1\n\n    """\n    def f[T](self): import a'),
    ("nested_quotes", """x = f"{y["a"]}"\nimport a"""),
    ("nested_fstrings", """x = f"{f"{f"{1 + 1}"}"}" "b" rf'{'c'}'\nimport a"""),
    ("backslash_in_fstring", "x = f\"{'\\n'.join(y)}\"\nimport a"),
    ("comment_in_fstring", "x = f'''{\n    y  # it's\n}\n'''\nimport a"),
    ("format_specification", """x = f"{y["a"]!r:>{z["b"]}}"\nimport a"""),
    ("template_strings", "x = t'{y}' t'z' rt'{y}'\nimport a"),
    ("template_string_on_many_lines", "x = t'''\n{y}\n'''\nimport a"),
    ("bare_exceptions", "try: pass\nexcept A, b.C, D: import a"),
    ("bare_exceptions_of_a_group", "try: pass\nexcept* A, B:\n    import a"),
    ("unpacking_in_a_comprehension", "x = [*y for y in z]\nimport a"),
    ("lazy_import", "lazy import b\nlazy from c import d\nimport a"),
    ("all_at_once", """type X = int\ndef f[T]():\n    try: pass\n    except A, B: x = f"{y["a"]}"\n    import a"""),
    ("not_new", "import a"),
]


def last_import(tree: ast.Module) -> tuple[str, int]:
    name, line = "", 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and node.lineno > line:
            name, line = node.names[0].name, node.lineno
    return name, line


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", ""], ids=["lf", "crlf", "cr", "none"])
@pytest.mark.parametrize("source", [source for _, source in NEWER], ids=[name for name, _ in NEWER])
def test_what_is_newer_stands_where_it_stood(source: str, ending: str) -> None:
    text = source.replace("\n", ending or "\n") + ending
    tree = parse(text.encode())
    assert tree is not None
    assert last_import(tree) == ("a", len(source.split("\n")))


@pytest.mark.parametrize(
    ("source", "same"),
    [
        ("type X = f(1)", "X = f(1)"),
        ("def f[T](x: T): pass", "def f(x: T): pass"),
        ("try: pass\nexcept A, B.c: pass", "try: pass\nexcept (A, B.c): pass"),
        ("x = t'{y}' t'z'", "x = '' 'z'"),
        ("x = [*y for y in z]", "x = [y for y in z]"),
        ("lazy from a import b", "from a import b"),
    ],
)
def test_what_becomes_of_it(source: str, same: str) -> None:
    tree = parse(source.encode())
    try:
        expected = ast.parse(source)  # a Python that understands it leaves it as it is
    except SyntaxError:
        expected = ast.parse(same)
    assert tree is not None
    assert ast.unparse(tree) == ast.unparse(expected)


@pytest.mark.parametrize(
    "source",
    ["# coding: latin-1\nx = 'é'\ntype X = int\nimport a", "# é\n# coding: latin-1\ntype X = int\n\nimport a"],
)
def test_the_declared_encoding_is_believed(source: str) -> None:
    tree = parse(source.encode("latin-1"))
    assert tree is not None
    assert last_import(tree) == ("a", source.count("\n") + 1)


@pytest.mark.parametrize(
    ("source", "codec"),
    [
        (b"", "utf-8"),
        (b"\xef\xbb\xbfx = 1", "utf-8-sig"),
        (b"\xef\xbb\xbf# coding: utf-8", "utf-8-sig"),
        (b"# coding: latin-1", "iso-8859-1"),
        (b"\r\r# coding: latin-1", "utf-8"),
        (b"#\r# vim: set fileencoding=cp1252 :\r\xff", "cp1252"),
        (b"# \xff\n# coding: cp1252", "cp1252"),
    ],
)
def test_declared_encoding(source: bytes, codec: str) -> None:
    assert declared_encoding(source) == codec


@pytest.mark.parametrize("source", [b"# coding: nope", b"\xef\xbb\xbf# coding: latin-1"])
def test_no_encoding(source: bytes) -> None:
    with pytest.raises(SyntaxError, match="encoding"):
        declared_encoding(source)


@pytest.mark.parametrize(
    "source",
    [
        b"x = = 1",
        b"print 'x'",
        b"def f[",
        b"class A[" * 5000,
        b"type X = ",
        b'f"{',
        b'f"{x["',
        b"x = 1\0",
        b"\0",
        b"\xff\xfe",
        b"x = '\xe9'",
        b"# coding: nope\n",
        b"# coding: rot13\ntype X = 1\n",
        b"# coding: utf-16\ntype X = 1\n",
        b"# coding: undefined\ntype X = 1\n",
        b"\xef\xbb\xbf# coding: latin-1\n",
        b"(" * 100_000,
        b"x = " + b"-" * 100_000 + b"1",
        b"x = " + b"+".join([b"a"] * 100_000) + b"\ntype X = ",
        b"x = " + b"[" * 150 + b"]" * 150 + b"\ntype X = ",
        b"x = " + b"9" * 5000,
        bytes(range(256)) * 10,
    ],
    ids=lambda source: repr(source[:24]),
)
def test_what_makes_no_sense_is_none(source: bytes) -> None:
    assert parse(source) is None


@pytest.mark.parametrize("source", [b"x = '\\d'", b"x = 1is 1", b"x = '\\d'\ntype X = 1", b"assert (1, 'x')"])
def test_nothing_warns(source: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parse(source) is not None


def test_this_python_understands_its_own_library() -> None:
    for path in sorted(Path(ast.__file__).parent.glob("*.py")):
        assert parse(path.read_bytes()) is not None, path


VAST = {
    "words": b"x = [" + b"'a'," * 400_000 + b"]",
    "words in f-strings": b"x = f'" + b"{1}" * 900_000 + b"'",
    "a name without end": b"import a" + b".a" * 100_000,
    "the same, over several lines": b"import a" + b". \\\n a" * 100_000,
}


@pytest.mark.parametrize("case", VAST)
def test_what_would_take_minutes_and_gigabytes_is_not_parsed(case: str) -> None:
    before = time.process_time()

    assert parse(VAST[case]) is None
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    "source", [b"x = '" + b"a, " * 2_000_000 + b"'", b"# a, b\n" * 500_000, b"x = a.b\n" * 50_000], ids=len
)
def test_a_long_source_of_few_words_is_parsed(source: bytes) -> None:
    assert parse(source) is not None
