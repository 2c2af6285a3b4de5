"""Documents with lines; and what nobody's template looks like, refused in a sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from harness.discovery import document
from harness.discovery.document import UnreadableDocumentError

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = """\
Defaults: &defaults
  Timeout: 10
Resources:
  Api:
    Properties:
      <<: *defaults
      Handler: !Sub "${Module}.handler"
      Account: 012345678901
      Role: !GetAtt Role.Arn
      Layers:
        - first
        - !Ref Deps
"""
JSON = '{\n "Resources": {\n  "Api": {"Properties": {\n   "Layers": [1,\n    2]}}}}'


def written(folder: Path, content: str | bytes, name: str = "template.yaml") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_short_forms_are_written_out_and_numbers_are_decimal(tmp_path: Path) -> None:
    value = document.mapping(document.read(written(tmp_path, TEMPLATE)).value)
    assert value["Resources"]["Api"]["Properties"] == {
        "Timeout": 10,
        "Handler": {"Fn::Sub": "${Module}.handler"},
        "Account": "012345678901",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Layers": ["first", {"Ref": "Deps"}],
    }


@pytest.mark.parametrize(
    ("name", "content", "keys", "line"),
    [
        ("a.yaml", TEMPLATE, ("Resources", "Api", "Properties", "Handler"), 7),
        ("a.yaml", TEMPLATE, ("Resources", "Api", "Properties", "Timeout"), 2),
        ("a.yaml", TEMPLATE, ("Resources", "Api", "Properties", "Layers", 1), 12),
        ("a.yaml", TEMPLATE, ("Resources", "Api", "Absent", "Handler"), 4),
        ("a.json", JSON, ("Resources", "Api"), 3),
        ("a.json", JSON, ("Resources", "Api", "Properties", "Layers", 1), 5),
        ("a.json", JSON, ("Absent",), 1),
    ],
)
def test_each_value_has_a_line(tmp_path: Path, name: str, content: str, keys: tuple[str | int, ...], line: int) -> None:
    assert document.read(written(tmp_path, content, name)).line(keys) == line


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    assert document.read(written(tmp_path, '{"Resources": {"Äpi": 1}}'.encode(encoding))).value == {
        "Resources": {"Äpi": 1}
    }


BOMB = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(BOMB, "its aliases expand to more than 1,000,000 values", id="aliases of aliases"),
        pytest.param("a: &a [*a]\n", "an alias that contains itself", id="an alias of itself"),
        pytest.param("A: 1\nB: 2\nA: 3\n", ":3: the key A is there twice", id="a key twice in YAML"),
        pytest.param('{"A": 1, "A": 2}', "the key 'A' is there twice", id="a key twice in JSON"),
        pytest.param("A: !!python/object:os.system x\n", "is no part of a template", id="a tag of Python's"),
        pytest.param("A: !<tag:example.com,2000:x> 1\n", "is no part of a template", id="a tag of somebody's"),
        pytest.param("? [a, b]\n: 1\n", "a key that is no text", id="a key that is a list"),
        pytest.param("A: [1\n", ": not YAML: ", id="no YAML"),
        pytest.param('{"A": ', ":1: not JSON: ", id="no JSON"),
        pytest.param("[" * 100_000, "nested too deep", id="deep YAML"),
        pytest.param('{"a":' * 100_000, "nested too deep", id="deep JSON"),
        pytest.param(b"A: \xff\xfe\n", "not UTF-8 at byte 3", id="no text"),
        pytest.param("A: 1\n" + "#" * 3_000_000, "CloudFormation accepts templates of up to 1,048,576", id="large"),
        pytest.param(json.dumps({"A": "x" * 17_000_000}), "it has more than 16,777,216 bytes", id="larger"),
    ],
)
def test_what_is_no_template(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(UnreadableDocumentError) as error:
        document.read(path)
    assert str(error.value).startswith(str(path))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
