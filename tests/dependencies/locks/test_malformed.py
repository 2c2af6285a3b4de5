from __future__ import annotations

import copy
import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.locks.tools import HERE, TOOLS
from harness.dependencies.locks import pdm, pipenv, poetry, pylock, read_lock, uv
from harness.dependencies.locks.lock_file import LockFile
from harness.dependencies.project import Lock, MalformedFileError, UnknownLock

if TYPE_CHECKING:
    from pathlib import Path

POETRY, UV = '[metadata]\nlock-version = "2.1"\n', "version = 1\n"
PDM, PYLOCK = '[metadata]\nlock_version = "4.5.0"\n', 'lock-version = "1.0"\ncreated-by = "x"\n'
PACKAGE = '[[package]]\nname = "one"\nversion = "1"\n'
DEEP = f"{'(' * 5_000}os_name == 'posix'{')' * 5_000}"
WHEEL = 'wheels = [{ name = "one-1-py3-none-any.whl", path = "x", hashes = { sha256 = "0" } }]\n'


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("poetry.lock", "# x\n", "poetry.lock: object missing required field `metadata`"),
        ("poetry.lock", "", "poetry.lock: expected a poetry.lock, found an empty file"),
        ("uv.lock", "# x\n", "uv.lock: object missing required field `version`"),
        ("uv.lock", "", "uv.lock: expected a uv.lock, found an empty file"),
        ("pdm.lock", "# x\n", "pdm.lock: object missing required field `metadata`"),
        ("pdm.lock", "", "pdm.lock: expected a pdm.lock, found an empty file"),
        ("pylock.toml", "# x\n", "pylock.toml: object missing required field `lock-version`"),
        ("pylock.toml", "", "pylock.toml: expected a pylock.toml, found an empty file"),
        ("Pipfile.lock", " \n", "Pipfile.lock: expected a Pipfile.lock, found an empty file"),
        ("Pipfile.lock", "{", "Pipfile.lock:1: expected JSON: Expecting property name"),
        ("Pipfile.lock", '{\n<<<<<<< HEAD\n"a": 1\n=======\n', "Pipfile.lock:2: unresolved merge conflict: "),
        ("uv.lock", f"{UV}[[package]\n<<<<<<< HEAD\n", "uv.lock:3: unresolved merge conflict: "),
        ("pylock.toml", f'{PYLOCK}[[packages]]\nname = "one"\nmarker = "{DEEP}"\n{WHEEL}',
         "pylock.toml:5: expected a marker that is not nested beyond reason"),
        ("Pipfile.lock", "[]", "Pipfile.lock: expected `object`, got `array`"),
        ("Pipfile.lock", "{}", "Pipfile.lock: object missing required field `_meta`"),
        ("poetry.lock", f"{POETRY}[[package]", "poetry.lock:3: expected TOML: "),
        ("poetry.lock", f"{POETRY}<<<<<<< HEAD\n", "poetry.lock:3: unresolved merge conflict: "),
        ("uv.lock", f"{UV}deep = {'[' * 10_000}", "uv.lock: expected TOML that is not nested beyond reason"),
        ("uv.lock", f"{UV}long = {'9' * 10_000}", "uv.lock: expected TOML whose numbers are not long beyond reason"),
        ("Pipfile.lock", "[" * 100_000, "Pipfile.lock: expected JSON that is not nested beyond reason"),
        ("Pipfile.lock", "9" * 10_000, "Pipfile.lock: expected JSON whose numbers are not long beyond reason"),
        ("poetry.lock", "[metadata]\nlock-version = 2.1\n",
         "poetry.lock:2: expected `str`, got `float` at metadata.lock-version"),
        ("poetry.lock", f'{PACKAGE}\n[[package]]\nversion = "1"\n\n{POETRY}',
         "poetry.lock:5: object missing required field `name` at package[1]"),
        ("poetry.lock", f'{PACKAGE}groups = "main"\n{POETRY}',
         "poetry.lock:4: expected `array | null`, got `str` at package[0].groups"),
        ("poetry.lock", f"{PACKAGE}[package.dependencies]\ntwo = 2\n{POETRY}",
         "poetry.lock:4: expected `str | object | array`, got `int` at package[0].dependencies[...]"),
        ("poetry.lock", f'[[package]]\nname = "on e"\nversion = "1"\n{POETRY}',
         "poetry.lock:2: expected a name of letters, digits, '.', '_' and '-', found 'on e'"),
        ("poetry.lock", f'{PACKAGE}[package.extras]\ntls = ["(>=1)"]\n{POETRY}',
         "poetry.lock:2: expected a requirement such as name>=1.2, found '(>=1)'"),
        ("poetry.lock", f'{PACKAGE}[package.dependencies]\ntwo = {{ python = "never" }}\n{POETRY}',
         "poetry.lock:2: expected a constraint on Python: "),
        ("poetry.lock", f'{POETRY}python-versions = "never"\n', "poetry.lock: expected a constraint on Python: "),
        ("uv.lock", 'version = "1"\n', "uv.lock:1: expected `int`, got `str` at version"),
        ("uv.lock", f"{UV}package = 1\n", "uv.lock:2: expected `array`, got `int` at package"),
        ("uv.lock", f'{UV}{PACKAGE}dependencies = [{{ marker = "x" }}]\n',
         "uv.lock:5: object missing required field `name` at package[0].dependencies[0]"),
        ("pdm.lock", f'{PDM}{PACKAGE}dependencies = ["two", ">=1"]\n',
         "pdm.lock:4: expected a requirement such as name>=1.2, found '>=1'"),
        ("pylock.toml", PYLOCK, "pylock.toml: missing required value at packages"),
        ("pylock.toml", f'{PYLOCK}[[packages]]\nname = "one"\nversion = 1\n{WHEEL}',
         "pylock.toml:5: unexpected type int (expected str) at packages[0].version"),
        ("pylock.toml", f'{PYLOCK}[[packages]]\nname = "one"\nmarker = "os or"\n{WHEEL}',
         "pylock.toml:5: expected a marker variable or quoted string, found 'os or' at packages[0].marker"),
        ("pylock.toml", f'{PYLOCK}[[packages]]\nname = "One"\n{WHEEL}',
         "pylock.toml:4: name 'One' is not normalized at packages[0].name"),
        ("pylock.toml", f'{PYLOCK}[[packages]]\nname = "one"\ndependencies = [{{ version = "1" }}]\n{WHEEL}',
         "pylock.toml:4: object missing required field `name`"),
        ("Pipfile.lock", '{\n    "_meta": {\n        "pipfile-spec": "6"\n    }\n}',
         "Pipfile.lock: expected `int`, got `str` at _meta.pipfile-spec"),
        ("Pipfile.lock", '{"_meta": {"pipfile-spec": 6}, "default": []}',
         "Pipfile.lock: default: expected `object`, got `array`"),
        ("Pipfile.lock", '{\n    "_meta": {"pipfile-spec": 6},\n    "default": {\n        "one": {\n"version": 1}}}',
         "Pipfile.lock:4: expected `str | null`, got `int` at version"),
        ("poetry.lockfile", "", "poetry.lockfile: expected a lock file: pylock.toml, uv.lock, pdm.lock, poetry.lock, "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(MalformedFileError) as caught:
        read_lock(tmp_path / name, tmp_path, None)

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "lib/poetry.lock: cannot be read: No such file or directory"),
        (b"[metadata]\n# \xff\n", "lib/poetry.lock: expected text in UTF-8; byte 13 is none"),
    ],
)
def test_a_file_that_is_no_text(tmp_path: Path, content: bytes | None, message: str) -> None:
    (tmp_path / "lib").mkdir()
    if content is not None:
        (tmp_path / "lib" / "poetry.lock").write_bytes(content)

    with pytest.raises(MalformedFileError, match=message):
        read_lock(tmp_path / "lib" / "poetry.lock", tmp_path, None)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("poetry.lock", '[metadata]\nlock-version = "3.0"\n', "format 3.0, and this release knows 1.x and 2.x"),
        ("poetry.lock", '[metadata]\nlock-version = "next"\n', "format next, and this release knows 1.x and 2.x"),
        ("uv.lock", "version = 2\n", "format 2, and this release knows 1"),
        ("pdm.lock", '[metadata]\nlock_version = "5.0"\n', "format 5.0, and this release knows 4.x"),
        ("pdm.lock", '[metadata]\nlock_version = "3.1"\n', "format 3.1, and this release knows 4.x"),
        ("pylock.toml", 'lock-version = "2.0"\n', "format 2.0, and this release knows 1.x"),
        ("Pipfile.lock", '{"_meta": {"pipfile-spec": 7}}', "format 7, and this release knows 6"),
    ],
)
def test_nothing_is_guessed_from_an_unknown_format(tmp_path: Path, name: str, text: str, reason: str) -> None:
    (tmp_path / name).write_text(f'{text}\n[[package]]\nnew = "shape"\n' if name != "Pipfile.lock" else text)

    found = read_lock(tmp_path / name, tmp_path, None)

    remedy = "use a release of lambda-artifact-harness that knows it, or leave this check out with --skip"
    said = f"{name}: {reason}: what is locked was not compared; {remedy}"
    assert found == UnknownLock(tmp_path / name, name, said)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("poetry.lock", '[metadata]\nlock-version = "2.9"\n'),
        ("uv.lock", "version = 1\nrevision = 99\n"),
        ("pdm.lock", '[metadata]\nlock_version = "4.99.1"\n'),
    ],
)
def test_a_newer_minor_version_is_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(f"{text}\n{PACKAGE}novelty = true\n")

    assert isinstance(read_lock(tmp_path / name, tmp_path, None), Lock)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.folder)
def test_line_ends_and_a_mark_at_the_beginning_change_nothing(tmp_path: Path, tool: Any) -> None:  # noqa: ANN401 - a row
    path = HERE / tool.folder / tool.lock
    (tmp_path / tool.lock).write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    plain, marked = read_lock(path, path.parent, None), read_lock(tmp_path / tool.lock, tmp_path, None)

    assert isinstance(plain, Lock)
    assert isinstance(marked, Lock)
    assert (plain.packages, plain.roots) == (marked.packages, marked.roots)


def test_places_that_are_not_sure_are_not_named(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text(f'{UV}package = [{{ name = "one" }}, {{ name = "two" }}]\n')

    found = read_lock(tmp_path / "uv.lock", tmp_path, None)

    assert isinstance(found, Lock)
    assert [one.where for one in found.packages] == ["uv.lock", "uv.lock"]


READERS = {
    "poetry.lock": poetry.read,
    "uv.lock": uv.read,
    "pdm.lock": pdm.read,
    "pylock.toml": pylock.read,
    "Pipfile.lock": pipenv.read,
}
REAL = {tool.folder: (tool.lock, (HERE / tool.folder / tool.lock).read_text("utf-8")) for tool in TOOLS}
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["1.0", "2.1", "name", "x ; y", "extra == 'x'", "(", "*", "^1", "git", "[[package]]"])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def parsed(name: str, text: str) -> dict[str, Any]:
    document = json.loads(text) if name == "Pipfile.lock" else tomllib.loads(text)
    assert isinstance(document, dict)
    # A few entries are as telling as all.
    for key, value in document.items():
        document[key] = value[:4] if isinstance(value, list) else value
    return document


def ways(value: object, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(one for key, item in inner for one in ways(item, (*way, key)))]


SMALL = {folder: parsed(*real) for folder, real in REAL.items()}
WAYS = {folder: ways(document)[1:] for folder, document in SMALL.items()}


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_a_real_lock_is_changed_into_is_read_or_called_malformed(tmp_path: Path, data: st.DataObject) -> None:
    folder = data.draw(st.sampled_from(sorted(SMALL)))
    document: Any = copy.deepcopy(SMALL[folder])
    for *way, last in data.draw(st.lists(st.sampled_from(WAYS[folder]), min_size=1, max_size=2)):
        holder = document
        try:
            for key in way:
                holder = holder[key]
            holder[last] = data.draw(VALUES)
        except (KeyError, IndexError, TypeError):
            continue  # the first change took away what the second one is about
    name, text = REAL[folder]
    reader = READERS[name]
    try:
        found = reader(LockFile(tmp_path / name, name, text, document))
    except MalformedFileError as error:
        assert str(error).startswith(name)  # noqa: PT017 - most changes are harmless
    else:
        assert found.shown == name


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(REAL)), st.data())
def test_whatever_bytes_are_cut_out_or_put_in(tmp_path: Path, folder: str, data: st.DataObject) -> None:
    name, text = REAL[folder]
    raw = text.encode()[:6000]
    start = data.draw(st.integers(0, len(raw)))
    stop = data.draw(st.integers(start, min(start + 200, len(raw))))
    (tmp_path / name).write_bytes(raw[:start] + data.draw(st.binary(max_size=8)) + raw[stop:])

    try:
        read_lock(tmp_path / name, tmp_path, None)
    except MalformedFileError as error:
        assert str(error).startswith(name)  # noqa: PT017 - some cuts are harmless
