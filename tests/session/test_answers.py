"""Answers of the runtime are kept by all that they depend on, and faults are not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.broken import mini
from fixtures.small_base import CODE, SITE
from harness.engines.protocol import Answered, Start
from harness.model import EngineInfo
from harness.session.answers import AnswerStore, is_sound, key_of
from harness.session.runtime import Runtime
from harness.session.workspace import Workspace
from tests.build import FakeEngine, function, manifest, observation, settings

if TYPE_CHECKING:
    from pathlib import Path

START = Start("question 1", "x.y", 2048, 900, (("A", "1"),), ('{"ask": "extensions"}',), asks=True)
ENGINE = EngineInfo("process", python="3.12.1")
TREES = ("1-code", "1-layer")
KEY = key_of(START, ENGINE, TREES)


@pytest.mark.parametrize(
    ("answer", "sound"),
    [
        ("[]", True),
        ('{"error": null, "heads": []}', True),
        ('[{"path": "/opt/x.so"}]', False),
        ('{"error": "gone"}', False),
        ('{"heads": []}', False),
        ("", False),
    ],
)
def test_only_what_tells_of_no_fault_is_kept(tmp_path: Path, answer: str, sound: bool) -> None:  # noqa: FBT001 - a verdict
    store = AnswerStore(tmp_path / "answers")
    store.save(KEY, answer)

    assert is_sound(answer) is sound
    assert AnswerStore(tmp_path / "answers").find(KEY) == (answer if sound else None)


def test_what_is_damaged_is_asked_again(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path / "answers")
    store.save(KEY, "[]")
    (tmp_path / "answers" / KEY).write_bytes(b"[]")

    assert store.find(KEY) is None


@pytest.mark.parametrize(
    "other",
    [
        key_of(replace(START, events=('{"ask": "migrations"}',)), ENGINE, TREES),
        key_of(replace(START, environment=()), ENGINE, TREES),
        key_of(START, replace(ENGINE, python="3.12.2"), TREES),
        key_of(START, replace(ENGINE, name="container", digest="sha256:1"), TREES),
        key_of(START, ENGINE, ("1-code", "1-other")),
        key_of(START, ENGINE, ("1-code",)),
    ],
)
def test_everything_that_an_answer_depends_on_is_in_its_key(other: str) -> None:
    assert other != KEY


@pytest.mark.parametrize(("reply", "jobs"), [("[]", 1), ('[{"path": "x.so"}]', 2)])
def test_a_question_is_asked_once_while_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: str, jobs: int
) -> None:
    monkeypatch.chdir(tmp_path)
    mini(tmp_path / "code.zip", CODE)
    mini(tmp_path / "layer.zip", {f"python/{name}": text for name, text in SITE.items()})
    api = function("api", layers=("layer.zip",))
    told = {"question 1": replace(observation(), answers=(Answered(reply, 0.1),))}
    engine = FakeEngine(told)
    for _ in range(2):
        workspace = Workspace(manifest(api), settings(tmp_path / "cache", engine))
        runtime = Runtime(workspace.manifest, workspace.settings, workspace)
        runtime.observe(api)  # what answers is known from here on
        (subject,) = workspace.subjects()
        assert runtime.ask(subject, ['{"ask": "extensions"}']) == (reply,)

    assert [names for names in engine.started if names != ["api"]] == [["question 1"]] * jobs
