"""No line of any output is a command to a CI service, whatever an artifact, a repository or an option holds."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.cli import run
from harness.commands.progress import PATIENCE_SECONDS, Progress
from harness.model import Completed, Crashed, Finding, Note, Result, Skipped, Timing
from harness.plain_text import harmless, one_line, printed, printed_json
from harness.reporters import FORMATS
from tests.reporters.reports import PASSED
from tests.reporters.schemas import COMMAND as WRITTEN
from tests.workflow_commands import COMMAND

if TYPE_CHECKING:
    from pathlib import Path

    from harness.model import Report

HOSTILE = {
    "a command of GitHub": "::error file=x::forged",
    "one behind white space": " \u2003\t::set-output name=x::y",
    "one on a line of its own": "first\n::stop-commands::x\r\n::add-mask::y\r::notice::z",
    "one behind another end of a line": "a\x85::b\u2028::c\u2029::d\x0b::e\x0c::f\x1c::g",
    "an older one": "##[error]forged ##[group]x",
    "one of Azure": "text ##vso[task.complete result=Succeeded;]",
    "hidden in a row of marks": "####vso[task.setvariable variable=x]y",
    "a section of GitLab": "section_start:1560896352:x[collapsed=true]\r\x1b[0Kheader\nsection_end:1:x",
    "what moves the cursor": "\x1b[2J\x1b]0;title\x07\x9b31m\b\b\x7f",
    "a colour": "\x1b[1;32mPASS\x1b[0m",
    "reversed text": "\u202egpj.exe\u202c \u2066x\u2069 \u200f",
    "what is no text": "\udc80\ud800",
}
LONG = "word " * 12
"""Before a command, so that wrapping begins a line with it."""

each = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)


def report(text: str) -> Report:
    """A report that has a text in each of its places, once as it is and once where it would be wrapped."""
    texts = [text, *(LONG[:at] + text for at in range(40, 60, 2)), f"{text}\n{text}"]
    findings = tuple(Finding(one, one, remedy=one, cause=one, chain=(one, one)) for one in texts)
    notes = tuple(Note(one, limit=True) for one in texts)
    results = (
        Result("check", text, text, Completed(findings, notes=notes), 0.1),
        *(Result("other", text, one, Skipped(one), 0.1) for one in texts),
        Result("crashed", text, text, Crashed(text, text), 0.1),
    )
    engine = replace(PASSED.engine, image=text, digest=text, python=text, caveats=tuple(texts))
    return replace(
        PASSED, results=results, engine=engine, notes=tuple(texts), runtime=text, timings=(Timing(text, 1.0),)
    )


@each
@pytest.mark.parametrize("name", FORMATS)
def test_a_report_has_none(name: str, text: str) -> None:
    made = FORMATS[name](report(text))

    if name == "github":  # commands are what it is made of: each is one that it wrote
        made = "\n".join(line for line in made.splitlines() if not WRITTEN.fullmatch(line))
    assert not COMMAND.search(made)
    if name == "json":
        assert json.loads(made)["notes"][0] == text.encode("utf-8", "backslashreplace").decode()


@each
@pytest.mark.parametrize("width", [40, 57, 80, 100])
def test_wrapping_makes_none(width: int, text: str) -> None:
    assert not COMMAND.search(FORMATS["terminal"](report(text), width=width))


@each
def test_colours_are_those_of_the_report_alone(text: str) -> None:
    without = FORMATS["terminal"](report(text), colour=True)
    for own in ("\x1b[1;31m", "\x1b[1;32m", "\x1b[1;33m", "\x1b[0m"):
        without = without.replace(own, "")
    assert not COMMAND.search(without)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@each
@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(
    "argv",
    [
        ["verify", "--engine", "none", "--code", "{}"],
        ["verify", "--engine", "{}"],
        ["verify", "--format", "{}"],
        ["verify", "--memory", "{}"],
        ["verify", "{}"],
        ["{}"],
        ["match", "--report", "{}"],
        ["policy", "{}"],
        ["cache", "--max-size", "{}"],
        ["key", "--prefix", "{}"],
    ],
    ids=" ".join,
)
def test_what_is_said_of_an_option_is_none(
    argv: list[str], text: str, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = run([word.format(text) for word in argv], environ)

    said = capsys.readouterr()
    assert code in {1, 2, 3}
    assert said.err
    assert not COMMAND.search(said.out + said.err)


@pytest.mark.slow
@each
def test_what_is_told_of_the_progress_is_none(text: str) -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.show(text)
        time.sleep(PATIENCE_SECONDS * 1.2)

    assert stream.getvalue().count("\n") == 1
    assert not COMMAND.search(stream.getvalue())


@each
def test_it_is_done_once(text: str) -> None:
    assert printed(printed(text)) == printed(text)
    assert harmless(harmless(text)) == harmless(text)
    assert "\n" not in one_line(text)


@pytest.mark.parametrize("text", ["größe → naïve … 日本語 🐍", "a: b :: c", "C# and #[x]", "section_start", "a\u00a0b"])
def test_what_is_harmless_stays(text: str) -> None:
    assert printed(text) == text
    assert printed_json(json.dumps(text, ensure_ascii=False)) == json.dumps(text, ensure_ascii=False)
