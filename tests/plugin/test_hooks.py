"""``pytest -m artifact``, as a project with a manifest runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

import harness.verify  # noqa: F401 - stays imported: a run of pytest in this process drops the modules that it imports
from fixtures.broken import broken, with_file
from fixtures.case import MANIFEST, lay_out
from fixtures.corpus import CASES
from harness.cache.usage import uses
from harness.catalogue import CATALOGUE
from harness.check import Scope
from harness.cli import run
from tests.commands.test_cli import HANGS, family, wait_for

pytestmark = pytest.mark.slow

STATIC = ("--artifact-engine", "none")
ITEMS = [f"{check.id}[api]" if check.scope is Scope.FUNCTION else check.id for check in CATALOGUE]
STARTED = {"handler-imports[api]", "handler-responds[api]"}
ARCHIVES = 2  # of the sound artifact
TEMPLATE = """\
Resources:
  Api:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: Api, Handler: app.handler, Runtime: python3.12}
"""
TEST = "def test_of_the_project():\n    pass\n"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a sound artifact, and a test of its own."""
    return broken_project(pytester, "sound")


def broken_project(pytester: pytest.Pytester, name: str) -> pytest.Pytester:
    lay_out(next(case for case in CASES if case.name == name), pytester.path)
    pytester.makepyfile(test_project=TEST)
    return pytester


def collected(result: pytest.RunResult, manifest: str = MANIFEST) -> list[str]:
    lines = [str(line) for line in result.outlines]
    return [line.partition("::")[2] for line in lines if line.startswith(f"{manifest}::")]


def outcomes(result: pytest.RunResult) -> dict[str, set[str]]:
    """The items by what became of them, as ``-rA`` lists them."""
    found: dict[str, set[str]] = {}
    for line in map(str, result.outlines):
        word, _, rest = line.partition(" ")
        if word in ("PASSED", "FAILED") and f"{MANIFEST}::" in rest:
            found.setdefault(word.lower(), set()).add(rest.partition("::")[2].partition(" - ")[0])
    return found


class TestCollection:
    """What is collected, and when."""

    @pytest.mark.parametrize("options", [(), ("-n", "2")])
    def test_what_another_tool_built(self, pytester: pytest.Pytester, options: tuple[str, ...]) -> None:
        build = pytester.path / ".aws-sam" / "build"
        (build / "Api").mkdir(parents=True)
        (build / "Api" / "app.py").write_text(
            "import absent\n\n\ndef handler(event, context):\n    return 1\n", "utf-8"
        )
        (build / "Api" / "test_of_a_library.py").write_text("import absent\n", "utf-8")
        (build / "template.yaml").write_text(TEMPLATE, "utf-8")
        pytester.makepyfile(test_project=TEST)
        result = pytester.runpytest_subprocess("-m", "artifact", *STATIC, "-rA", *options)
        result.stdout.fnmatch_lines(["FAILED .aws-sam/build/template.yaml::imports-resolve*"])
        assert result.ret == pytest.ExitCode.TESTS_FAILED

    @pytest.mark.parametrize(
        ("options", "part"),
        [
            (("-m", "artifact"), ""),
            (("-m", "artifact or slow"), ""),
            (("-m", "(artifact)"), ""),
            (("-m", "artifact and not slow"), ""),
            (("-m", "artifact", "-k", "layer"), "layer"),
        ],
    )
    def test_by_the_marker_and_names(self, project: pytest.Pytester, options: tuple[str, ...], part: str) -> None:
        project.makeini("[pytest]\nmarkers = slow")

        assert collected(project.runpytest(*options, "--collect-only", "-q")) == [
            name for name in ITEMS if part in name
        ]

    @pytest.mark.parametrize(
        "options",
        [
            (),
            ("-m", "not artifact"),
            ("-m", "not  artifact"),
            ("-k", "artifact or project"),
            ("--artifact-manifest", MANIFEST),  # for the fixtures
        ],
    )
    def test_not_in_an_ordinary_run(self, project: pytest.Pytester, options: tuple[str, ...]) -> None:
        project.runpytest(*options).assert_outcomes(passed=1)

    def test_beside_the_testpaths_of_the_project(self, project: pytest.Pytester) -> None:
        project.makeini("[pytest]\ntestpaths = tests")
        project.mkdir("tests").joinpath("test_other.py").write_text(TEST, "utf-8")

        assert collected(project.runpytest("-m", "artifact", "--collect-only", "-q")) == ITEMS

    @pytest.mark.parametrize(("ini", "manifest"), [("[pytest]", MANIFEST), (None, f"../{MANIFEST}")])
    def test_from_a_folder_below(
        self, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ini: str | None, manifest: str
    ) -> None:
        if ini:
            project.makeini(ini)
        monkeypatch.chdir(project.mkdir("below"))  # without a file of settings above, its own root

        result = project.runpytest_inprocess("-m", "artifact", *STATIC, "--collect-only", "-q")

        assert collected(result, manifest) == ITEMS

    def test_from_a_pyproject(self, project: pytest.Pytester) -> None:
        text = (project.path / MANIFEST).read_text("utf-8")
        table = text.replace("[functions.api]", "[tool.lambda-artifact.functions.api]")
        project.makepyprojecttoml(f"[tool.lambda-artifact]\n{table}")
        (project.path / MANIFEST).unlink()

        result = project.runpytest("-m", "artifact", "--collect-only", "-q")

        assert collected(result, "pyproject.toml") == ITEMS

    def test_no_pyproject_of_others(self, project: pytest.Pytester) -> None:
        project.makepyprojecttoml("[tool.other]\nx = 1\n")

        result = project.runpytest("-m", "artifact", "--collect-only", "-q")

        assert collected(result) == ITEMS
        assert collected(result, "pyproject.toml") == []

    def test_the_named_manifest_and_no_other(self, project: pytest.Pytester) -> None:
        other = project.mkdir("other")
        lay_out(next(case for case in CASES if case.name == "sound"), other)
        (other / MANIFEST).rename(other / "release.toml")

        result = project.runpytest(
            "-m", "artifact", "--artifact-manifest", "other/release.toml", "--collect-only", "-q"
        )

        assert collected(result, "other/release.toml") == ITEMS
        assert collected(result) == []

    def test_one_item_by_its_id(self, project: pytest.Pytester) -> None:
        result = project.runpytest(f"{MANIFEST}::layer-count", "-v")

        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines([f"{MANIFEST}::layer-count PASSED*"])

    def test_without_a_manifest_nothing_is_selected(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(test_project=TEST)

        result = pytester.runpytest("-m", "artifact")

        result.assert_outcomes(deselected=1)
        assert result.ret is pytest.ExitCode.NO_TESTS_COLLECTED


class TestVerdicts:
    """What becomes of an item."""

    @pytest.mark.network
    def test_a_sound_artifact_passes(self, project: pytest.Pytester, python: Path) -> None:
        result = project.runpytest("-m", "artifact", "--artifact-engine", "process", "--artifact-python", str(python))

        counts = result.parseoutcomes()
        assert "failed" not in counts
        assert counts["passed"] + counts.get("skipped", 0) == len(ITEMS)

    def test_without_an_engine_by_choice_handlers_are_skipped(self, project: pytest.Pytester) -> None:
        result = project.runpytest("-m", "artifact", "-rsA", *STATIC)

        assert "failed" not in outcomes(result)
        assert not outcomes(result)["passed"] & STARTED
        result.stdout.fnmatch_lines(["*static checks only: no handler is started"])

    @pytest.mark.network
    def test_a_failure_is_the_report_without_a_traceback(self, pytester: pytest.Pytester, python: Path) -> None:
        broken_project(pytester, "dependency-missing")

        engine = ("--artifact-engine=process", f"--artifact-python={python}")
        result = pytester.runpytest("-m", "artifact", "-rfp", *engine)

        assert outcomes(result)["failed"] >= STARTED
        assert "unzipped-size" in outcomes(result)["passed"]
        result.stdout.fnmatch_lines(
            [
                "1  No module named 'tinyxml'   stops api*",
                "   Runtime.ImportModuleError: Unable to import module 'app.main': No module named 'tinyxml'",
                "   at    /var/task/app/carriers/usps.py:3",
                "   do    copy 'tinyxml' into the code archive if it is code of your own; else*",
                "   by    app.main * app.carriers.usps",
            ]
        )
        result.stdout.no_fnmatch_line("*Traceback*")
        result.stdout.no_fnmatch_line("*hooks.py*")

    def test_a_check_that_could_not_be_run_fails(self, project: pytest.Pytester) -> None:
        options = ("-m", "artifact", "-rA", "--artifact-engine=process", "--artifact-python=/bin/false")

        failing = project.runpytest(*options)
        allowed = project.runpytest(*options, "--artifact-allow-skips")

        assert outcomes(failing)["failed"] == STARTED
        failing.stdout.fnmatch_lines(["NOT DONE handler-imports*", "  --python /bin/false is no CPython 3.12:*"])
        assert outcomes(allowed) == {"passed": outcomes(failing)["passed"]}

    def test_a_warning_is_pytests_affair(self, pytester: pytest.Pytester) -> None:
        broken_project(pytester, "large-and-nothing-says-how-it-is-uploaded")
        options = ("-m", "artifact", "-k", "upload-size", *STATIC)

        told = pytester.runpytest_subprocess(*options)  # the suite makes errors of warnings, also in there
        refused = pytester.runpytest_subprocess(*options, "-W", "error::harness.plugin.hooks.ArtifactWarning")

        told.assert_outcomes(passed=1, warnings=1, deselected=len(ITEMS))
        told.stdout.fnmatch_lines(["*ArtifactWarning: upload-size: Request must be smaller than *(code.zip)"])
        refused.assert_outcomes(failed=1, deselected=len(ITEMS))
        refused.stdout.no_fnmatch_line("*Traceback*")

    @pytest.mark.parametrize(
        ("key", "table"),
        [
            ("", '[[waivers]]\ncheck = "layer-count"\nmatch = "6 layers"\nreason = "asked AWS"\n'),
            ("", '[severity]\nlayer-count = "note"\n'),
            ('baseline = "old.json"\n', ""),
        ],
        ids=["waiver", "severity", "baseline"],
    )
    def test_an_accepted_finding_passes(
        self, pytester: pytest.Pytester, environ: dict[str, str], key: str, table: str
    ) -> None:
        broken_project(pytester, "six-layers")
        manifest = pytester.path / MANIFEST
        assert run(["verify", "--engine", "none", "--write-baseline", "old.json"], environ) == 0
        manifest.write_text(f"{key}{manifest.read_text('utf-8')}\n{table}", "utf-8")

        pytester.runpytest("-m", "artifact", "-k", "layer-count", *STATIC).assert_outcomes(
            passed=1, deselected=len(ITEMS)
        )


class TestUsage:
    """A manifest that is wrong is told like an option that is."""

    @pytest.mark.parametrize(
        ("old", "new", "sentence"),
        [
            ("code =", "cod =", "ERROR: *lambda-artifact.toml:*: `cod`: unknown key; did you mean `code`?"),
            ('"code.zip"', '"gone.zip"', "ERROR: *gone.zip does not exist"),
            ("[functions.api]", "[functions]", "*lambda-artifact.toml*"),
        ],
    )
    def test_a_broken_manifest(self, project: pytest.Pytester, old: str, new: str, sentence: str) -> None:
        manifest = project.path / MANIFEST
        manifest.write_text(manifest.read_text("utf-8").replace(old, new), "utf-8")

        result = project.runpytest("-m", "artifact")

        assert result.ret is pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([sentence])
        result.stderr.no_fnmatch_line("*Traceback*")
        assert project.runpytest().ret is pytest.ExitCode.OK

    def test_one_without_a_handler(self, project: pytest.Pytester) -> None:
        (project.path / MANIFEST).write_text('code = "code.zip"\n', "utf-8")

        result = project.runpytest("-m", "artifact")

        assert result.ret is pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["ERROR: no handler is declared: *"])
        static = project.runpytest("-m", "artifact", *STATIC, "-rA", "-k", "size")
        assert outcomes(static) == {"passed": {"unzipped-size", "upload-size"}}

    def test_one_that_is_named_as_an_argument(self, project: pytest.Pytester) -> None:
        (project.path / MANIFEST).write_text("cod = 1\n", "utf-8")

        result = project.runpytest(MANIFEST)

        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["*`cod`: unknown key; did you mean `code`?"])
        result.stdout.no_fnmatch_line("*Traceback*")

    def test_an_engine_that_there_is_none_of(self, project: pytest.Pytester) -> None:
        result = project.runpytest("--artifact-engine", "contaner")

        assert result.ret is pytest.ExitCode.USAGE_ERROR


KILLING = """
import os
import signal
from pathlib import Path


def pytest_collection_modifyitems():
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            command = status.with_name("cmdline").read_text()
        except OSError:
            continue
        if parent == os.getppid() and "harness.plugin.xdist" in command:
            os.kill(int(status.parent.name), signal.SIGKILL)
"""
SLOW = """
import time

from harness.verify import Verification

original = Verification.results


def slow(*arguments):
    time.sleep(2)
    return original(*arguments)


Verification.results = slow
"""


class TestTogether:
    """What is selected is verified once and together, whoever does it."""

    @pytest.fixture
    def own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A cache that counts for one test alone."""
        monkeypatch.setenv("LAMBDA_ARTIFACT_CACHE", str(tmp_path / "cache"))
        return tmp_path / "cache"

    @pytest.mark.parametrize("options", [(), ("-n", "1"), ("-n", "2"), ("-n", "2", "--dist", "loadfile")])
    def test_in_one_verification(self, options: tuple[str, ...], project: pytest.Pytester, own: Path) -> None:
        result = project.runpytest_subprocess("-m", "artifact", *STATIC, *options)

        counts = result.parseoutcomes()
        assert counts["passed"] + counts["skipped"] == len(ITEMS)
        assert uses(own).misses["facts"] == ARCHIVES
        assert "facts" not in uses(own).hits

    @pytest.mark.parametrize("options", [(), ("-n", "2")])
    def test_what_is_selected(self, options: tuple[str, ...], project: pytest.Pytester) -> None:
        result = project.runpytest_subprocess("-m", "artifact", "-rA", *STATIC, "-k", "size", *options)

        assert outcomes(result) == {"passed": {"unzipped-size"}}

    @pytest.mark.parametrize("selection", [("-k", "nothing"), ("--collect-only",)])
    def test_nothing_is_selected(self, selection: tuple[str, ...], project: pytest.Pytester) -> None:
        result = project.runpytest_subprocess("-m", "artifact", *STATIC, "-n", "2", *selection)

        assert "passed" not in result.parseoutcomes()
        assert result.ret in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}

    def test_among_tests_of_the_project(self, project: pytest.Pytester) -> None:
        result = project.runpytest_subprocess("-m", "artifact or not artifact", *STATIC, "-n", "2", "-k", "size or of")

        result.assert_outcomes(passed=2, skipped=1)

    def test_a_manifest_that_is_named_as_an_argument(self, project: pytest.Pytester) -> None:
        project.runpytest_subprocess(MANIFEST, *STATIC, "-n", "2", "-k", "size").assert_outcomes(passed=1, skipped=1)

    def test_a_helper_that_is_killed_is_replaced(self, project: pytest.Pytester, own: Path) -> None:
        project.makeconftest(KILLING)

        result = project.runpytest_subprocess("-m", "artifact", *STATIC, "-n", "2")

        counts = result.parseoutcomes()
        assert counts["passed"] + counts["skipped"] == len(ITEMS)
        seen = uses(own)
        assert seen.misses["facts"] + seen.hits.get("facts", 0) in {ARCHIVES, ARCHIVES + 1, 2 * ARCHIVES}

    def test_a_limit_for_each_test_is_not_one_for_all(self, project: pytest.Pytester) -> None:
        project.makeconftest(SLOW)
        project.makeini("[pytest]\ntimeout = 1")

        result = project.runpytest_subprocess("-m", "artifact", *STATIC)

        assert "failed" not in result.parseoutcomes()

    def test_a_wrong_manifest_ends_it_before_workers_start(self, project: pytest.Pytester) -> None:
        (project.path / MANIFEST).write_text("cod = 1\n", "utf-8")

        result = project.runpytest_subprocess("-m", "artifact", "-n", "2")

        assert result.ret is pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["ERROR: *`cod`: unknown key; did you mean `code`?"])
        result.stdout.no_fnmatch_line("*created:*")

    def test_a_wrong_plan_ends_the_workers(self, project: pytest.Pytester) -> None:
        (project.path / MANIFEST).write_text('code = "code.zip"\n', "utf-8")

        result = project.runpytest_subprocess("-m", "artifact", "-n", "2")

        assert result.ret is pytest.ExitCode.TESTS_FAILED
        result.stdout.fnmatch_lines(["no handler is declared: *"])
        result.stdout.no_fnmatch_line("*Traceback*")

    @pytest.mark.network
    def test_ctrl_c_ends_all(self, project: pytest.Pytester, python: Path) -> None:
        broken(project.path / "code.zip", project.path / "hangs.zip", with_file("app/main.py", HANGS))
        manifest = project.path / MANIFEST
        manifest.write_text(manifest.read_text("utf-8").replace('"code.zip"', '"hangs.zip"'), "utf-8")
        options = ["-m", "artifact", "-n", "2", "--artifact-engine=process", f"--artifact-python={python}"]
        command = ["env", "--default-signal=INT", sys.executable, "-m", "pytest", *options]

        with subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE, start_new_session=True) as process:
            wait_for(lambda: any("bootstrap" in command for command in family(process.pid).values()))
            children = family(process.pid)
            os.killpg(process.pid, signal.SIGINT)
            said, _ = process.communicate()

        assert process.returncode == pytest.ExitCode.INTERRUPTED, said
        wait_for(lambda: not any(Path(f"/proc/{child}/exe").exists() for child in children))


class TestOtherPlugins:
    """What people use beside."""

    @pytest.mark.network
    def test_xdist(self, pytester: pytest.Pytester, python: Path) -> None:
        broken_project(pytester, "dependency-missing")

        result = pytester.runpytest_subprocess(
            "-m", "artifact", "-n", "2", "-rA", "--artifact-engine=process", f"--artifact-python={python}"
        )

        assert outcomes(result)["failed"] >= STARTED
        assert "unzipped-size" in outcomes(result)["passed"]
        result.stdout.fnmatch_lines(["*Unable to import module 'app.main': No module named 'tinyxml'"])

    @pytest.mark.parametrize(
        ("name", "engine"),
        [("migrations-left-out", STATIC), ("sound", ("--artifact-engine=process", "--artifact-python=/bin/false"))],
    )
    def test_only_what_failed_last(self, pytester: pytest.Pytester, name: str, engine: tuple[str, ...]) -> None:
        broken_project(pytester, name)
        options = ("-m", "artifact", "-rA", *engine)

        failed = outcomes(pytester.runpytest(*options))["failed"]

        assert failed in ({"required-files"}, STARTED)
        assert outcomes(pytester.runpytest(*options, "--lf")) == {"failed": failed}

    def test_junit_has_the_report_of_each_failure(self, pytester: pytest.Pytester) -> None:
        broken_project(pytester, "migrations-left-out")

        pytester.runpytest("-m", "artifact", "--junitxml", "junit.xml", *STATIC)

        cases = ET.parse(pytester.path / "junit.xml").getroot().findall(".//testcase")  # noqa: S314 - our own
        failures = {case.get("name"): failure.text or "" for case in cases for failure in case.findall("failure")}
        assert [case.get("name") for case in cases] == ITEMS
        assert list(failures) == ["required-files"]
        assert "required file alembic.ini: not in the artifact" in failures["required-files"]
        (failure,) = [failure for case in cases for failure in case.findall("failure")]
        assert failure.get("message") == "required file alembic.ini: not in the artifact (and 2 more)"

    @pytest.mark.parametrize("options", [(), ("-n", "1")])
    def test_the_summary_says_what_was_found(self, pytester: pytest.Pytester, options: tuple[str, ...]) -> None:
        broken_project(pytester, "migrations-left-out")

        result = pytester.runpytest_subprocess("-m", "artifact", *options, *STATIC)

        result.stdout.fnmatch_lines(
            [
                "FAIL  3 problems*",
                f"FAILED {MANIFEST}::required-files - required file alembic.ini: not*",
            ]
        )


@pytest.mark.network
class TestFixtures:
    """The artifact in a project's own tests."""

    def run(self, pytester: pytest.Pytester, python: Path, *options: str) -> pytest.RunResult:
        return pytester.runpytest("--artifact-engine=process", f"--artifact-python={python}", *options)

    def test_the_bundle(self, project: pytest.Pytester, python: Path) -> None:
        project.makepyfile(
            test_archives_of_ours="""
            def test_version(artifact):
                assert artifact.items["/var/task/VERSION"].archive.source == "code.zip"
                assert "/opt/python/tinyxml/__init__.py" in artifact.items
            """
        )

        self.run(project, python).assert_outcomes(passed=2)

    def test_the_runtime(self, project: pytest.Pytester, python: Path) -> None:
        project.makepyfile(
            test_runtime="""
            import pytest

            from harness.plugin.hooks import FunctionError


            def test_answers(lambda_runtime):
                answer = lambda_runtime.invoke("api", {"number": "9400"})
                assert answer["statusCode"] == 200
                assert answer["body"].startswith("3.8.0 ")


            def test_raises(lambda_runtime):
                with pytest.raises(FunctionError, match="KeyError: 'number'"):
                    lambda_runtime.invoke("api", {})


            def test_does_not_start(lambda_runtime):
                with pytest.raises(FunctionError, match="FileNotFoundError|OSError|Runtime|KeyError"):
                    lambda_runtime.invoke("api", {"number": "1"}, environment={"PYTHONPATH": "/nowhere"})


            def test_knows_its_functions(lambda_runtime):
                with pytest.raises(LookupError, match="^the manifest declares no function 'other': it has api$"):
                    lambda_runtime.invoke("other", {})
                with pytest.raises(LookupError, match="did you mean 'api'"):
                    lambda_runtime.invoke("app", {})
            """
        )

        self.run(project, python).assert_outcomes(passed=5)

    def test_a_failure_is_about_the_function(self, project: pytest.Pytester, python: Path) -> None:
        project.makepyfile(test_runtime="def test_it(lambda_runtime):\n    lambda_runtime.invoke('api', {})\n")

        result = self.run(project, python, "-m", "artifact or not artifact", "--junitxml", "junit.xml")

        result.stdout.fnmatch_lines(
            ["E *FunctionError: KeyError: 'number'", "E *where: /var/task/*", "E *fix: *", "", "test_runtime.py:2: *"]
        )
        result.stdout.no_fnmatch_line("*raise FunctionError*")
        cases = ET.parse(project.path / "junit.xml").getroot().findall(".//testcase")  # noqa: S314 - our own
        seconds = {case.attrib["name"]: float(case.attrib["time"]) for case in cases}
        assert seconds["archive-integrity"] < seconds["handler-imports[api]"]  # although it waited for all

    def test_without_a_manifest_they_say_so(self, pytester: pytest.Pytester, python: Path) -> None:
        pytester.makepyfile("def test_it(artifact):\n    pass\n")

        result = self.run(pytester, python)

        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["no lambda-artifact.toml here or above: *"])
        result.stdout.no_fnmatch_line("*Traceback*")

    def test_without_an_engine_they_fail(self, project: pytest.Pytester) -> None:
        project.makepyfile(test_runtime="def test_it(lambda_runtime):\n    lambda_runtime.invoke('api', {})\n")

        result = project.runpytest(*STATIC)

        result.assert_outcomes(passed=1, failed=1)
        result.stdout.fnmatch_lines(["--engine none: no handler was started."])


def test_assertions_that_the_package_does_not_have_are_not_rewritten() -> None:
    own = {name: module for name, module in sys.modules.items() if name.startswith("harness.")}
    rewritten = {name for name, module in own.items() if not isinstance(module.__loader__, SourceFileLoader)}
    assert rewritten <= {"harness.plugin"}  # which finds the others
    assert len(own) > len(rewritten)


def test_an_ordinary_run_imports_nothing_of_a_verification(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it():
            slow = {"docker", "boto3", "msgspec", "requests"}
            loaded = {name for name in sys.modules if name.partition(".")[0] == "harness"}
            assert slow & set(sys.modules) == set()
            assert {name.split(".")[1] for name in loaded if "." in name} == {"model", "plugin"}
        """
    )

    pytester.run(
        sys.executable, "-m", "pytest", "-p", "no:xdist", "-p", "no:hypothesispytest", "-p", "no:cacheprovider"
    ).assert_outcomes(passed=1)
