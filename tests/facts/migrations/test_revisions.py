"""What the text of migrations tells, held against Alembic itself."""

from __future__ import annotations

import ast
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import CycleDetected, DependencyCycleDetected

from harness.facts.migrations.environments import environments
from harness.facts.migrations.revisions import Revision, revision
from tests.build import program_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.facts.migrations.environments import Environment
    from harness.facts.migrations.revisions import History


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('revision = "b"\ndown_revision = "a"', Revision("b", ("a",), line=2)),
        ("revision = 'a'\ndown_revision = None", Revision("a", (), line=2)),
        ("revision: str = 'b'\ndown_revision: Union[str, None] = 'a'", Revision("b", ("a",), line=2)),
        ("revision = 'c'\ndown_revision = ('a', 'b')", Revision("c", ("a", "b"), line=2)),
        ("revision = 'c'\ndown_revision = ['a', 'b']", Revision("c", ("a", "b"), line=2)),
        (
            "revision = 'a'\ndown_revision = None\nbranch_labels = ('x',)\ndepends_on = 'z'",
            Revision("a", (), ("x",), ("z",), line=2),
        ),
        ("revision = 'b'\ndown_revision = PARENT", Revision("b", None, line=2, certain=False)),
        ("revision = make()\ndown_revision = 'a'", Revision(None, ("a",), line=2, certain=False)),
        ("down_revision = 'a'", Revision(None, ("a",), line=1, certain=False)),
        ("revision = 'b'\nif x:\n    down_revision = 'a'", Revision("b", None, line=2, certain=False)),
        ("revision = 'b'\ndown_revision = 'a'\ndown_revision = 'c'", Revision("b", None, line=3, certain=False)),
        ("revision = 'b'", None),
        ("def upgrade():\n    down_revision = 'a'", None),
        ("down_revision: str", None),
    ],
)
def test_a_revision_says_what_it_follows(source: str, said: Revision | None) -> None:
    assert revision(ast.parse(source)) == said


def _script(name: str, parents: object, **values: object) -> str:
    lines = [f"revision = {name!r}", f"down_revision = {parents!r}"]
    return "\n".join([*lines, *(f"{key} = {value!r}" for key, value in values.items())])


A, B = _script("a", None), _script("b", "a")
HISTORIES: list[dict[str, str]] = [
    {},
    {"a.py": A},
    {"a.py": A, "b.py": B},
    {"2.py": A, "1.py": B},
    {"a.py": A, "b.py": B, "c.py": _script("c", "a")},
    {"a.py": A, "b.py": B, "c.py": _script("c", "a"), "d.py": _script("d", ("b", "c"))},
    {"a.py": A, "b.py": B, "c.py": _script("c", "a"), "d.py": _script("d", ["b", "c"])},
    {"a.py": A, "z.py": _script("z", None)},
    {"a.py": A, "z.py": _script("z", None, branch_labels=("other",))},
    {"a.py": A, "z.py": _script("z", None, depends_on="a")},
    {"a.py": A, "z.py": _script("z", None, branch_labels="other"), "b.py": _script("b", "a", depends_on="other")},
    {"a.py": A, "b.py": B, "c.py": _script("c", "b", depends_on=("a",))},
    {"b.py": B},
    {"a.py": A, "b.py": B, "d.py": _script("d", "c")},
    {"a.py": A, "b.py": _script("b", "a", depends_on="x")},
    {"a.py": A, "b.py": B, "copy.py": B},
    {"a.py": A, "copy.py": A, "b.py": B},
    {"a.py": _script("a", "b"), "b.py": B},
    {"a.py": A, "b.py": _script("b", "c"), "c.py": _script("c", "b")},
    {"a.py": _script("a", None, depends_on="b"), "b.py": B},
    {"a.py": _script("a", "a")},
    {"a.py": A, "__init__.py": "", ".#b.py": "b", "notes.txt": "", "sub/b.py": B},
]


def environment(files: Mapping[str, str]) -> Environment:
    code = {"alembic.ini": "[alembic]\nscript_location = migrations\n", "migrations/env.py": "import alembic\n"}
    code |= {f"migrations/versions/{name}": text for name, text in files.items()}
    (one,) = environments(program_of(code).program)
    return one


def history(files: Mapping[str, str]) -> History:
    found = environment(files).history
    assert found is not None
    return found


def alembics(files: Mapping[str, str], folder: Path) -> ScriptDirectory:
    for name, text in files.items():
        path = folder / "versions" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    config = Config()
    config.set_main_option("script_location", str(folder))
    return ScriptDirectory.from_config(config)


@pytest.mark.parametrize("files", HISTORIES, ids=" ".join)
def test_alembic_agrees(files: dict[str, str], tmp_path: Path) -> None:
    found = history(files)
    scripts = alembics(files, tmp_path)

    if found.missing:
        warns = pytest.warns(UserWarning, match="is not present") if _followed(files, found) else nullcontext()
        with warns, pytest.raises(KeyError) as missing:
            scripts.get_heads()
        assert missing.value.args[0] in {wanted for wanted, _ in found.missing}
    elif found.cyclic:
        with pytest.raises((CycleDetected, DependencyCycleDetected)):
            scripts.get_heads()
    elif found.duplicates:
        with pytest.warns(UserWarning, match="is present more than once"):
            heads = scripts.get_heads()
        assert len(heads) > 1
    else:
        assert sorted(found.heads) == sorted(scripts.get_heads())
        assert {name for name, _ in found.revisions} == {one.revision for one in scripts.walk_revisions()}


def _followed(files: Mapping[str, str], found: History) -> bool:
    """Whether what is missing is a parent; of a mere dependency Alembic does not warn."""
    said = (revision(ast.parse(text)) for text in files.values())
    return any(wanted in (one.parents or ()) for one in said if one for wanted, _ in found.missing)


@pytest.mark.parametrize(
    ("name", "source"),
    [("helpers.py", "x = 1"), ("0001_empty.py", ""), ("b.py", "revision = 'b'"), ("abc.py", "")],
)
def test_alembic_takes_every_module_for_a_revision(name: str, source: str, tmp_path: Path) -> None:
    found = environment({"a.py": A, name: source})

    assert found.strangers == (f"/var/task/migrations/versions/{name}",)
    with pytest.raises((AttributeError, Exception), match=r"revision"):
        alembics({"a.py": A, name: source}, tmp_path).get_heads()


def test_what_only_the_run_time_tells_is_no_history() -> None:
    assert environment({"a.py": "revision = name()\ndown_revision = None"}).history is None
    assert environment({"a.py": A, "b.py": "from other import *"}).history is None
