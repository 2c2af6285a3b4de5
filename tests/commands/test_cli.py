"""The command: its exit codes, what goes to which stream, and how it ends when it is told to."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.broken import broken, with_file
from fixtures.case import Case, lay_out
from fixtures.corpus import CASES
from harness import __version__
from harness.cache.folder import PARTS, using
from harness.catalogue import CATALOGUE
from harness.cli import run
from harness.engines.choice import Choice
from harness.plugin.hooks import ENGINES
from harness.reporters import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.check import Check
    from harness.model import Report

STATIC = ["--engine", "none"]
COMMAND = [sys.executable, "-m", "harness"]
ROOT = Path(__file__).parents[2]
WAIVER = '[[waivers]]\ncheck = "{}"\nmatch = "{}"\nreason = "accepted"\n\n[functions.api]'
HANGS = "import time\n\ntime.sleep(600)\n"


def case(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


@pytest.fixture
def sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of somebody whose artifact is sound."""
    monkeypatch.chdir(tmp_path)
    return lay_out(case("sound"), tmp_path)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with nothing in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(manifest: Path, old: str, new: str) -> None:
    text = manifest.read_text("utf-8")
    assert old in text
    manifest.write_text(text.replace(old, new), "utf-8")


def family(pid: int) -> dict[int, str]:
    """The processes that a process has started, and those that they have, with their command lines."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            parents[int(status.parent.name)] = int(status.read_text("utf-8").rpartition(")")[2].split()[1])
    found, waiting = {}, [pid]
    while waiting:
        children = [child for child, parent in parents.items() if parent == waiting[0]]
        waiting = [*waiting[1:], *children]
        for child in children:
            with contextlib.suppress(OSError):
                found[child] = Path(f"/proc/{child}/cmdline").read_text("utf-8")
    return found


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is so; give up when it surely never will be."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


class TestExitCode:
    """What a pipeline goes by."""

    @pytest.mark.parametrize(
        ("name", "options", "code"),
        [
            ("sound", [], 0),
            ("sound", ["--strict"], 0),
            ("large-and-nothing-says-how-it-is-uploaded", [], 0),
            ("large-and-nothing-says-how-it-is-uploaded", ["--strict"], 1),
            ("large-and-nothing-says-how-it-is-uploaded", ["--strict", "--skip", "upload-size"], 0),
            ("migrations-left-out", [], 1),
            ("migrations-left-out", ["--skip", "required-files"], 0),
            ("migrations-left-out", ["--select", "required-files"], 1),
            ("log-in-page", [], 1),
            ("sound", ["--select", "layer-count", "--skip", "layer-count"], 3),
        ],
    )
    def test_static_checks(self, name: str, options: list[str], code: int, bare: Path, environ: dict[str, str]) -> None:
        lay_out(case(name), bare)

        assert run(["verify", *STATIC, *options], environ) == code

    @pytest.mark.network
    @pytest.mark.parametrize(
        ("name", "code"), [("sound", 0), ("dependency-missing", 1), ("handler-raises", 1), ("handler-unreadable", 1)]
    )
    def test_handlers_that_are_started(
        self, name: str, code: int, bare: Path, environ: dict[str, str], python: Path
    ) -> None:
        lay_out(case(name), bare)

        assert run(["verify", "--engine", "process", "--python", str(python)], environ) == code

    @pytest.mark.usefixtures("sound")
    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            (["--engine", "process", "--python", "/bin/false"], "--python /bin/false is no CPython 3.12: it does not"),
            (["--engine", "process", "--python", "/nowhere"], "--python /nowhere is no CPython 3.12: it does not run"),
            (["--engine", "container"], "no Docker or Podman daemon answers"),
        ],
    )
    def test_an_engine_that_is_missing(
        self, options: list[str], reason: str, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        environ = {**environ, "DOCKER_HOST": "tcp://127.0.0.1:1"}

        assert run(["verify", *options], environ) == 3

        said, _ = capsys.readouterr()
        assert said.startswith("INCOMPLETE  the function could not be judged\n")
        assert reason in said

    @pytest.mark.usefixtures("sound")
    def test_no_interpreter_of_the_functions_version(
        self, bare: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("harness.engines.interpreters.ROOTS", ())  # what this machine has system-wide
        environ = {"PATH": str(bare), "HOME": str(bare), "LAMBDA_ARTIFACT_CACHE": environ["LAMBDA_ARTIFACT_CACHE"]}

        assert run(["verify", "--engine", "process"], environ) == 3

        said, _ = capsys.readouterr()
        assert "no CPython 3.12 was found on this machine: get one with `uv python install 3.12`" in said

    @pytest.mark.usefixtures("sound")
    def test_a_cache_that_cannot_be_written_is_no_finding(
        self, bare: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        (bare / "file").touch()

        assert run(["verify", *STATIC], {**environ, "LAMBDA_ARTIFACT_CACHE": str(bare / "file")}) == 3

        said, complaint = capsys.readouterr()
        assert said == ""
        assert complaint == (
            f"lambda-artifact: the cache {bare}/file cannot be used (File exists): make room there, or name another "
            "folder in LAMBDA_ARTIFACT_CACHE\n"
        )

    @pytest.mark.usefixtures("sound")
    def test_a_full_disk_is_named_by_its_folder(
        self,
        bare: Path,
        environ: dict[str, str],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def full(*_: object) -> Report:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr("harness.verify.verify", full)

        assert run(["verify", *STATIC], {**environ, "LAMBDA_ARTIFACT_CACHE": str(bare / "cache")}) == 3

        assert capsys.readouterr().err.startswith(
            f"lambda-artifact: the cache {bare}/cache cannot be used (No space left on device): make room there"
        )

    @pytest.mark.usefixtures("sound")
    def test_a_fault_of_the_harness_is_no_finding(
        self, environ: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken_reporter(report: Report) -> str:
            raise ZeroDivisionError(report.version)

        monkeypatch.setattr("harness.reporters.FORMATS", {**FORMATS, "json": broken_reporter})

        assert run(["verify", *STATIC, "--format", "json"], environ) == 3

        assert "ZeroDivisionError" in capsys.readouterr().err


class TestUsage:
    """What is wrong with a request is said in one sentence, on standard error, and nothing is done."""

    @pytest.mark.parametrize(
        ("argv", "sentence"),
        [
            ([], "the following arguments are required: COMMAND"),
            (["verfy"], "invalid choice: 'verfy'"),
            (["verify", "--engin", "none"], "unrecognized arguments: --engin none"),
            (["verify", "--engine", "contaner"], f"contaner: it takes {', '.join(ENGINES)}: did you mean container?\n"),
            (["verify", "--engine", "x"], f"--engine x: it takes {', '.join(ENGINES)}\n"),
            (["verify", "--format", "jsn"], ": did you mean json?"),
            (["verify", "--select", "layer-cont"], "no check is named layer-cont: did you mean layer-count?"),
            (["verify", "--skip", "layer-cont"], "no check is named layer-cont: did you mean layer-count?"),
            (["verify", "--output", "json"], "--output json: write it as FORMAT=FILE"),
            (["verify", "--output", "xml=x"], "write it as FORMAT=FILE, with a format of terminal, json, markdown"),
            (["verify", "--output", "json=no/x"], "--output json=no/x: the folder no does not exist; make it first"),
            (["verify", "--output", "json=."], "--output json=.: . is a folder; name a file in it"),
            (["verify", "--manifest", "no.toml"], "no.toml: cannot be read: No such file or directory"),
            (["verify", "--code", "no.zip"], "no.zip does not exist"),
            (["verify", "--runtime", "python3.7"], 'unknown runtime "python3.7"; known are '),
            (["verify", "--code", "dist"], "--code: {here}/dist does not exist: build it first; a function in AWS is"),
            (["verify", "--code", "a", "--code", "b"], "argument --code: given twice, and it takes one value"),
            (["verify", "--memory", "128", "--memory", "256"], "argument --memory: given twice, and it takes one"),
            (["verify", "--arch", "i386"], '--arch: expected "x86_64" or "arm64", found "i386"'),
            (["verify", "--memory", "1"], "--memory: expected a whole number of megabytes from 128 to 32,768, found 1"),
            (["verify", "--memory", "much"], "argument --memory: invalid int value: 'much'"),
            (["verify", "--init-timeout", "0"], "expected seconds, more than 0 and at most 86,400, found 0"),
            (["verify", "--init-timeout", "nan"], "expected seconds, more than 0 and at most 86,400, found nan"),
            (["verify", "--init-timeout", "soon"], "expected seconds, more than 0 and at most 86,400, found soon"),
            (["verify", "--env", "X"], '--env: expected NAME=VALUE, found "X"'),
            (["explain", "layer-cont"], "no check is named layer-cont: did you mean layer-count?"),
            (["explain"], "the following arguments are required: CHECK"),
            (["cache", "prun"], "invalid choice: 'prun'"),
            (["cache", "prune", "--max-size", "2 XB"], "expected a size such as 500MB or 2GB, found 2 XB"),
            (["cache", "prune", "--max-size", "-1"], "argument --max-size: expected "),
            (["cache", "prune", "--older-than", "30"], "expected a time such as 12h, 30d or 4w, found 30"),
            (["cache", "--max-size", "1GB"], "--max-size and --older-than say what to prune: `lambda-artifact"),
        ],
    )  # fmt: skip
    @pytest.mark.usefixtures("sound")
    def test_options(
        self, argv: list[str], sentence: str, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(argv, environ) == 2

        said, complaint = capsys.readouterr()
        assert said == ""
        assert sentence.format(here=Path.cwd()) in complaint
        assert "Traceback" not in complaint

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (("code =", "cod ="), ": `cod`: unknown key; did you mean `code`?"),
            (('"code.zip"', "1"), ": `code`: expected a string"),
            (('"code.zip"', '"gone.zip"'), "gone.zip does not exist"),
            (("code =", "code"), "not TOML"),
            (
                ("[functions.api]", WAIVER.format("layer-cont", "x")),
                "`waivers[0].check`: no check is named layer-cont: did you mean layer-count?",
            ),
        ],
    )  # fmt: skip
    def test_manifests(
        self,
        change: tuple[str, str],
        sentence: str,
        sound: Path,
        environ: dict[str, str],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        edit(sound, *change)

        assert run(["verify", *STATIC], environ) == 2

        said, complaint = capsys.readouterr()
        assert said == ""
        assert complaint.startswith("lambda-artifact: ")
        assert sentence in complaint

    @pytest.mark.usefixtures("bare")
    @pytest.mark.parametrize("options", [[], STATIC])
    def test_no_manifest_and_no_options(
        self, options: list[str], environ: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["verify", *options], environ) == 2

        said, complaint = capsys.readouterr()
        assert said == ""
        assert complaint.startswith("lambda-artifact: nothing to verify: ")

    @pytest.mark.usefixtures("sound")
    def test_no_handler(self, bare: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        (bare / "lambda-artifact.toml").unlink()

        assert run(["verify", "--code", "code.zip"], environ) == 2

        said, complaint = capsys.readouterr()
        assert said == ""
        assert complaint == (
            "lambda-artifact: no handler is declared: add a [functions.NAME] table with handler, or --handler NAME; "
            "--engine none verifies the archives alone\n"
        )
        assert run(["verify", "--code", "code.zip", "--layer", "layer.zip", *STATIC], environ) == 0
        assert "static checks only: no handler was started" in capsys.readouterr().out


@pytest.mark.usefixtures("sound")
class TestOutput:
    """What goes where."""

    def test_the_report_is_all_of_standard_output(
        self, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        run(["verify", *STATIC, "--format", "json"], environ)

        said, complaint = capsys.readouterr()
        assert json.loads(said)["schema"] == "lambda-artifact/report/v1"
        assert complaint == ""

    def test_more_reports_go_to_files(
        self, bare: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        run(["verify", *STATIC, "--output", "json=r.json", "--output", "markdown=r.md"], environ)

        assert json.loads((bare / "r.json").read_text("utf-8"))["verdict"] == "pass"
        assert "static checks only" in (bare / "r.md").read_text("utf-8")
        assert capsys.readouterr().out.startswith("PASS  ")

    @pytest.mark.parametrize(
        ("outputs", "complaint"),
        [
            (["json=code.zip"], "--output json=code.zip: that file is verified; write the report to another"),
            (["json=layer.zip"], "--output json=layer.zip: that file is verified; write the report to another"),
            (["json=./x/../code.zip"], "--output json=x/../code.zip: that file is verified"),
            (["json=link.zip"], "--output json=link.zip: that file is verified"),
            (["json=lambda-artifact.toml"], "--output json=lambda-artifact.toml: that file is verified"),
            (["json=r", "markdown=r"], "--output markdown=r: that file is written by another --output"),
        ],
    )
    def test_a_report_does_not_overwrite_what_it_is_about(
        self,
        outputs: list[str],
        complaint: str,
        bare: Path,
        environ: dict[str, str],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        (bare / "x").mkdir()
        (bare / "link.zip").symlink_to("code.zip")
        before = {path: path.read_bytes() for path in bare.iterdir() if path.is_file()}

        assert run(["verify", *STATIC, *(word for output in outputs for word in ("--output", output))], environ) == 2

        assert complaint in capsys.readouterr().err
        assert {path: path.read_bytes() for path in bare.iterdir() if path.is_file()} == before

    def test_timings_are_shown_to_those_who_ask(
        self, bare: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        outputs = ["--output", "markdown=r.md", "--output", "json=r.json"]
        run(["verify", *STATIC, *outputs], environ)
        assert "TIME " not in capsys.readouterr().out
        assert "### Time" not in (bare / "r.md").read_text("utf-8")

        run(["verify", *STATIC, *outputs, "--timings"], environ)

        assert re.search(r"^TIME \d\.\d\d s$", capsys.readouterr().out, re.MULTILINE)
        assert "### Time" in (bare / "r.md").read_text("utf-8")
        assert isinstance(json.loads((bare / "r.json").read_text("utf-8"))["timings"], list)

    @pytest.mark.parametrize(
        ("extra", "coloured"),
        [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
    )
    def test_colour_is_for_terminals_and_for_those_who_ask(
        self,
        extra: dict[str, str],
        coloured: bool,  # noqa: FBT001 - the case
        environ: dict[str, str],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        run(["verify", *STATIC], {**environ, **extra})

        assert ("\x1b[" in capsys.readouterr().out) is coloured

    def test_options_override_the_manifest(
        self, bare: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        lay_out(case("migrations-left-out"), bare / "other")

        code = run(["verify", *STATIC, "--code", "other/code.zip", "--require", "VERSION"], environ)

        assert code == 0
        assert "other/code.zip" in capsys.readouterr().out

    def test_a_waiver_that_matches_nothing_is_noted(
        self, sound: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        edit(sound, "[functions.api]", WAIVER.format("layer-count", "7"))

        assert run(["verify", *STATIC], environ) == 0

        assert "the waiver for '7' of layer-count matches no finding: remove it" in capsys.readouterr().out


class TestOtherCommands:
    """The checks, and the cache."""

    @pytest.fixture
    def own(
        self, sound: Path, bare: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> dict[str, str]:
        """An environment with a cache of its own, which one verification has used."""
        del sound
        own = {**environ, "LAMBDA_ARTIFACT_CACHE": str(bare / "cache")}
        run(["verify", *STATIC], own)
        capsys.readouterr()
        return own

    def test_checks(self, environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["checks"], environ) == 0

        lines = capsys.readouterr().out.splitlines()
        assert [re.split(r"\s{2,}", line) for line in lines] == [[c.id, c.need, c.title] for c in CATALOGUE]

    @pytest.mark.parametrize("check", CATALOGUE, ids=lambda check: check.id)
    def test_explain(self, check: Check, environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["explain", check.id], environ) == 0

        said = capsys.readouterr().out
        assert said.startswith(f"# {check.id}\n\n{check.title}\n")
        assert "\n## How to fix\n" in said

    def test_the_cache_is_shown_and_emptied(
        self, own: dict[str, str], bare: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for action, facts in (["show"], 2), ([], 2), (["prune"], 0), (["show"], 0):
            assert run(["cache", *action], own) == 0
            said = capsys.readouterr().out
            parts = dict(re.findall(r"^  (\S.*?) +(\d+) +[\d.]+ MB", said, re.MULTILINE))
            assert said.startswith("removed " if action == ["prune"] else f"{bare}/cache\n")
            assert f"{bare}/cache\n  unpacked archives " in said
            assert parts["facts of archives"] == str(facts)
            assert list(parts) == [*PARTS.values(), "together"]

    def test_a_cache_that_is_made_smaller(self, own: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        for options, removed in (["--max-size", "1GB"], 0), (["--older-than", "1h"], 0), (["--max-size", "1 KB"], 2):
            assert run(["cache", "prune", *options], own) == 0
            assert capsys.readouterr().out.startswith(f"removed {removed} of ")

    def test_a_cache_in_use_is_not_emptied(
        self, own: dict[str, str], bare: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = sorted((bare / "cache").rglob("*"))
        with using(bare / "cache"), using(bare / "cache"):
            assert run(["cache", "prune"], own) == 3

        said, complaint = capsys.readouterr()
        assert said == ""
        assert complaint == (
            f"lambda-artifact: the cache {bare}/cache is in use by another run: nothing was removed; try again once it "
            "has ended\n"
        )
        assert sorted((bare / "cache").rglob("*")) == before
        assert run(["cache", "prune"], own) == 0

    def test_runtimes_are_pruned_too(
        self, bare: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        own = {**environ, "LAMBDA_ARTIFACT_CACHE": str(bare)}
        for name in "python3.11-1", "python3.12-2", "python3.12-2.tmp-pruned":
            (bare / "runtimes" / name / "lang").mkdir(parents=True)

        assert run(["cache", "prune"], own) == 0

        assert re.search(r"^  runtimes +0 +0\.0 MB", capsys.readouterr().out, re.MULTILINE)
        assert [path.name for path in (bare / "runtimes").iterdir() if path.is_dir()] == []

    def test_version(self, environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["--version"], environ) == 0

        assert capsys.readouterr().out == f"lambda-artifact {__version__}\n"

    def test_every_engine_that_there_is_can_be_chosen_under_pytest_too(self) -> None:
        assert list(ENGINES) == [str(choice) for choice in Choice]


@pytest.mark.slow
class TestProcess:
    """What only a process can show."""

    @pytest.mark.parametrize("argv", [["--help"], ["verify", "--help"], ["--version"]])
    def test_help_imports_nothing_that_is_slow(self, argv: list[str], environ: dict[str, str]) -> None:
        code = f"import sys; from harness.cli import run; run({argv!r}, {{}}); print(*sys.modules, file=sys.stderr)"

        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environ, cwd=ROOT
        )

        loaded = {name.partition(".")[0] for name in done.stderr.split()}
        assert done.stdout
        assert loaded & {"docker", "boto3", "botocore", "pytest", "_pytest", "msgspec", "rich", "requests"} == set()
        assert {"harness.manifest", "harness.catalogue", "harness.verify"}.isdisjoint(done.stderr.split())

    @pytest.mark.parametrize("argv", [["checks"], ["verify", *STATIC]])
    def test_nothing_passes_for_a_reader_that_left(self, argv: list[str], sound: Path, environ: dict[str, str]) -> None:
        with subprocess.Popen(
            [*COMMAND, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, cwd=sound.parent
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            complaint = process.stderr.read()

        assert (process.returncode, complaint) == (3, b"")

    def test_an_error_stays_one_for_a_reader_that_left(self, bare: Path, environ: dict[str, str]) -> None:
        lay_out(case("migrations-left-out"), bare)
        with subprocess.Popen(
            [*COMMAND, "verify", *STATIC], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, cwd=bare
        ) as process:
            assert process.stdout is not None
            process.stdout.close()

        assert process.returncode == 1

    @pytest.mark.parametrize("argv", [["checks"], ["--help"], ["verify", *STATIC]])
    @pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
    def test_a_stream_that_is_closed_changes_nothing(
        self, argv: list[str], closed: str, sound: Path, environ: dict[str, str]
    ) -> None:
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND, *argv],
            check=False,
            capture_output=True,
            env=environ,
            cwd=sound.parent,
        )

        assert (done.returncode, done.stderr) == (0, b"")

    @pytest.mark.parametrize("argv", [["checks"], ["explain", "upload-size"], ["verify", *STATIC]])
    @pytest.mark.parametrize("setting", [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}])
    def test_a_terminal_that_shows_little_is_no_obstacle(
        self, argv: list[str], setting: dict[str, str], sound: Path, environ: dict[str, str]
    ) -> None:
        edit(sound, "[functions.api]", WAIVER.format("layer-count", "\u00fc\u2026"))

        done = subprocess.run(
            [*COMMAND, *argv], check=False, capture_output=True, env={**environ, **setting}, cwd=sound.parent
        )

        assert (done.returncode, done.stderr) == (0, b"")

    @pytest.mark.parametrize("moment", [0.001, 0.01, 0.02, 0.03, 0.05])
    def test_ctrl_c_while_it_is_still_loading(self, moment: float, environ: dict[str, str]) -> None:
        # Told when our first line has run: what comes before is the interpreter's own start.
        script = (
            "import harness.__main__ as command, os, signal\n"
            "heed = signal.signal\n"
            "def told(*said):\n"
            "    signal.signal = heed\n"
            "    heed(*said)\n"
            "    os.write(2, b'!')\n"
            "signal.signal = told\n"
            "command.main()\n"
        )
        command = ["env", "--default-signal=INT", sys.executable, "-c", script, "verify", *STATIC, "--code", "harness"]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environ, cwd=ROOT
        ) as process:
            assert process.stderr is not None
            process.stderr.read(1)
            time.sleep(moment)
            process.send_signal(signal.SIGINT)
            complaint = process.stderr.read()

        assert (process.returncode, complaint) == (130, b"")

    @pytest.mark.network
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_a_signal_ends_it_and_what_it_started(
        self, number: signal.Signals, code: int, sound: Path, environ: dict[str, str], python: Path
    ) -> None:
        broken(sound.parent / "code.zip", sound.parent / "hangs.zip", with_file("app/main.py", HANGS))
        edit(sound, '"code.zip"', '"hangs.zip"')
        command = [*COMMAND, "verify", "--engine", "process", "--python", str(python)]

        command = ["env", "--default-signal=INT", *command]  # a job in the background is born deaf to it
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, cwd=sound.parent
        ) as process:
            wait_for(lambda: any("bootstrap" in command for command in family(process.pid).values()))
            children = family(process.pid)
            process.send_signal(number)
            said, complaint = process.communicate()

        assert (process.returncode, said) == (code, b"")
        assert b"Traceback" not in complaint
        wait_for(lambda: not any(Path(f"/proc/{child}/exe").exists() for child in children))

    @pytest.mark.network
    def test_progress_is_told_on_standard_error_once_it_takes_long(
        self, sound: Path, environ: dict[str, str], python: Path
    ) -> None:
        slow = "import time\n\ntime.sleep(2)\n\n\ndef handler(event, context):\n    return {'statusCode': 200}\n"
        broken(sound.parent / "code.zip", sound.parent / "slow.zip", with_file("app/main.py", slow))
        edit(sound, '"code.zip"', '"slow.zip"')

        done = subprocess.run(
            [*COMMAND, "verify", "--engine", "process", "--python", str(python), "--format", "json"],
            check=True,
            capture_output=True,
            text=True,
            env=environ,
            cwd=sound.parent,
        )

        assert json.loads(done.stdout)["verdict"] == "pass"
        assert done.stderr.startswith("… ")
