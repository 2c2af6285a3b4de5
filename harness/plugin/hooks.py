"""Entry point 2: ``pytest -m artifact`` collects an item per check and function from a manifest.

pytest loads this module in every run of everybody who has the package installed, so whatever only a verification needs
is imported where it is used.

Whatever is selected of a manifest is verified together, when the first of its items is run: handlers start side by side
and each archive is read once. The workers of pytest-xdist share one verification, too: see ``harness.plugin.xdist``.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.model import Completed, Crashed, NotApplicable, Result, Severity, Skipped, UsageError
from harness.plugin.runtime import FunctionError, LambdaRuntime

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from harness.artifact.bundle import Bundle
    from harness.model import Report
    from harness.plugin.xdist import Asked
    from harness.verify import Planned, Verification

__all__ = ["ArtifactWarning", "FunctionError", "LambdaRuntime"]

MARKER = "artifact"
FILE_NAMES = ("lambda-artifact.toml", "pyproject.toml")
ENGINES = ("auto", "container", "process", "none")
VERIFICATIONS = pytest.StashKey[dict[Path, "Verification"]]()
REPORTS = pytest.StashKey[dict[Path, dict[str, "Report"]]]()
HANDED = "lambda_artifact"
# Good enough for the expressions that people write; where it errs, items are collected and then deselected.
ASKS = re.compile(rf"(?<!\bnot )\b{MARKER}\b")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options; they mirror the command's."""
    group = parser.getgroup("artifact", "built AWS Lambda archives")
    add = group.addoption
    add("--artifact-manifest", metavar="FILE", help="the manifest to verify with -m artifact")
    add("--artifact-engine", choices=ENGINES, default="auto", help="what starts the handlers")
    add("--artifact-image", metavar="REF", help="the image, instead of Lambda's public one")
    add("--artifact-python", metavar="PATH", help="the interpreter for the process engine")
    add("--artifact-allow-skips", action="store_true", help="a check that could not be run is a skip, not a failure")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and let a bare ``pytest -m artifact`` find the manifest beside the tests it was told of.

    Raises:
        pytest.UsageError: That manifest is wrong.
    """
    config.addinivalue_line("markers", f"{MARKER}: a check of the built archives, collected from a manifest")
    config.stash[VERIFICATIONS] = {}
    config.stash[REPORTS] = {}
    if _handed(config):  # a worker, whose controller has done what follows
        return
    path = _requested(config)
    if path is None:
        return
    distributes = config.getoption("dist", "no") != "no" and sys.platform != "win32"
    try:
        if distributes:
            config.pluginmanager.register(Handing(config, path))
            _load(path)
        else:
            _planned(config, path)
    except (UsageError, OSError) as problem:  # the latter: a cache that cannot be written
        raise pytest.UsageError(*str(problem).splitlines()) from problem
    if str(path) not in config.args:
        config.args.append(str(path))


class Handing:
    """Starts a verification beside the workers of pytest-xdist, and hands them the place of what it finds."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        from harness.plugin.xdist import Helper  # noqa: PLC0415 - see the module

        self._path = path
        self._prefix = f"{_node(config, path)}::"
        self._helper = Helper(_asked(config, path))
        config.add_cleanup(self._helper.end)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 - xdist has no types
        """Called with each worker before it starts."""
        node.workerinput[HANDED] = {"folder": str(self._helper.folder), "manifest": str(self._path)}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Called with what each worker has selected, which is the same in all."""
        self._helper.choose([one.removeprefix(self._prefix) for one in ids if one.startswith(self._prefix)])


def _load(path: Path) -> None:
    """Look at a manifest alone, which takes no time.

    Raises:
        UsageError: It is wrong.
    """
    from harness.manifest import load  # noqa: PLC0415 - see the module
    from harness.policy import known_runtimes  # noqa: PLC0415

    load(path, runtimes=known_runtimes(), environ=os.environ)


def _handed(config: pytest.Config) -> dict[str, Any]:
    """What the controller hands to a worker; nothing anywhere else."""
    handed: dict[str, Any] = getattr(config, "workerinput", {}).get(HANDED, {})
    return handed


def _requested(config: pytest.Config) -> Path | None:
    """The manifest that is to be collected although no argument names it."""
    if not _asks_for_artifacts(config):
        return None
    by_default = config.args_source is not pytest.Config.ArgsSource.ARGS
    return _option_path(config) or (_find(config) if by_default else None)


def _asks_for_artifacts(config: pytest.Config) -> bool:
    """Whether ``-m`` selects by our marker; an ordinary run of the project's tests is left alone."""
    return ASKS.search(" ".join(str(config.getoption("-m")).split())) is not None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a manifest when it was asked for: by ``-m artifact``, by option, or by its own path."""
    option = _option_path(parent.config)
    if file_path.name not in FILE_NAMES and file_path != option:
        return None
    asked = _asks_for_artifacts(parent.config) and option in (None, file_path)
    if _named(file_path, parent.config) or (asked and _is_manifest(file_path)):
        return ManifestFile.from_parent(parent, path=file_path, nodeid=_node(parent.config, file_path))
    return None


def _node(config: pytest.Config, path: Path) -> str:
    """The id of a manifest; pytest would begin it with nothing at all where it lies outside the root folder."""
    return Path(os.path.relpath(path, config.rootpath)).as_posix()


def _option_path(config: pytest.Config) -> Path | None:
    named = config.getoption("--artifact-manifest")
    return Path(config.invocation_params.dir, named).resolve() if named else None


def _named(path: Path, config: pytest.Config) -> bool:
    arguments = (Path(config.invocation_params.dir, argument.partition("::")[0]) for argument in config.args)
    return any(argument.resolve() == path.resolve() for argument in arguments)


def _is_manifest(path: Path) -> bool:
    if path.name != "pyproject.toml":
        return True
    from harness import regular_files  # noqa: PLC0415 - see the module

    try:
        return "lambda-artifact" in tomllib.loads(regular_files.read(path).decode()).get("tool", {})
    except (OSError, ValueError, RecursionError):
        return False


def _find(config: pytest.Config) -> Path | None:
    from harness.manifest import find  # noqa: PLC0415 - see the module

    return find(config.invocation_params.dir)


class ManifestFile(pytest.File):
    """A manifest: its items are its checks, one for each function where a check is about functions."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item per check and function.

        Raises:
            CollectError: The manifest is wrong.
        """
        try:
            names = _names(self.config, self.path)
        except (UsageError, OSError) as problem:
            raise self.CollectError(str(problem)) from problem
        for name in names:
            # The id as a text, which pytest takes apart as it does the one that it remembers for --lf.
            yield CheckItem.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}")


class CheckItem(pytest.Item):
    """One check, of one function or of the artifact."""

    def __init__(self, **rest: Any) -> None:  # noqa: ANN401 - pytest's
        super().__init__(**rest)
        self.add_marker(MARKER)
        if self.config.pluginmanager.hasplugin("timeout"):
            # One item waits for all; what may hang has limits of its own.
            self.add_marker(pytest.mark.timeout(0))
        self.seconds: float | None = None

    def runtest(self) -> None:
        """Run the check; findings, a check that crashed and one that could not run are failures."""
        report = _report(self)
        (result,) = report.results
        self.seconds = result.seconds
        match result.outcome:
            case NotApplicable(reason=reason):
                pytest.skip(reason)
            case Skipped(reason=reason, findings=()) if self.config.getoption("--artifact-allow-skips"):
                pytest.skip(reason)
            case Completed() if not any(finding.severity is Severity.ERROR for finding in result.findings):
                for finding in result.findings:
                    self.warn(ArtifactWarning(f"{self.name}: {finding.message} ({finding.where})"))
            case Completed() | Skipped() | Crashed():
                raise CheckFailed(report, result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401 - pytest's
        """The report on this check alone, as the command would print it, and what was found as its summary."""
        if not isinstance(excinfo.value, CheckFailed | ArtifactWarning):  # a warning: the user may make errors of them
            return super().repr_failure(excinfo, style)
        shown = excinfo.getrepr(style="value")
        if (crash := shown.reprcrash) is not None:  # changed where it is: the report has it twice, and xdist sends both
            first = excinfo.value.summary if isinstance(excinfo.value, CheckFailed) else str(excinfo.value)
            crash.path, crash.lineno, crash.message = str(self.path), 0, first
        return shown

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        """Where the item comes from and what it is called."""
        return self.path, 0, self.name  # a place without a line cannot be warned of


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Each item has the time that its own check took: the first one waits for all of them."""
    report = yield
    if isinstance(item, CheckItem) and call.when == "call" and item.seconds is not None:
        report.duration = item.seconds
    return report


class ArtifactWarning(UserWarning):
    """A finding of severity warning."""


class CheckFailed(Exception):  # noqa: N818 - it is what the item reports, not an error of this program
    """A check found an error, crashed, or could not be run.

    Attributes:
        summary: What was found, in one line.
    """

    def __init__(self, report: Report, result: Result) -> None:
        from harness.plain_text import harmless  # noqa: PLC0415
        from harness.reporters import FORMATS  # noqa: PLC0415 - see the module

        super().__init__(FORMATS["terminal"](report))
        self.summary = harmless(_summary(result)).partition("\n")[0]


def _summary(result: Result) -> str:
    """The first error, and how many more there are; else why there is no verdict."""
    match result.outcome:
        case Skipped(reason=reason) if not result.findings:
            return reason
        case Crashed(summary=summary):
            return f"{result.check} crashed: {summary}"
        case _:
            errors = sorted(result.findings, key=lambda finding: finding.severity is not Severity.ERROR)
            more = f" (and {len(errors) - 1} more)" if errors[1:] else ""
            return f"{errors[0].message.splitlines()[0]}{more}"


def _names(config: pytest.Config, path: Path) -> list[str]:
    """What can be verified of a manifest.

    Raises:
        UsageError: The manifest is wrong, or a file that it names.
    """
    from harness.plugin.xdist import planned_by_helper  # noqa: PLC0415 - see the module

    folder = _folder(config, path)
    return (planned_by_helper(folder) if folder else None) or [one.name for one in _planned(config, path)]


def _folder(config: pytest.Config, path: Path) -> Path | None:
    """Where a worker finds what it need not do itself."""
    handed = _handed(config)
    return Path(handed["folder"]) if handed.get("manifest") == str(path) else None


def _report(item: CheckItem) -> Report:
    """The report on one item alone."""
    from harness.plugin.xdist import reports_of_helper  # noqa: PLC0415 - see the module

    known = item.config.stash[REPORTS]
    if item.path not in known:
        folder = _folder(item.config, item.path)
        known[item.path] = reports_of_helper(folder, partial(_reports, item)) if folder else _reports(item)
    return known[item.path][item.name]


def _reports(item: CheckItem) -> dict[str, Report]:
    """The reports on all that is selected of an item's manifest."""
    from harness.plugin.xdist import reports  # noqa: PLC0415 - see the module

    items = (item, *item.session.items)
    names = {one.name for one in items if isinstance(one, CheckItem) and one.path == item.path}
    planned = [one for one in _planned(item.config, item.path) if one.name in names]
    return reports(item.config.stash[VERIFICATIONS][item.path], planned)


def _verification(config: pytest.Config, path: Path) -> Verification:
    """The verification of a manifest: one for all its items, and for the fixtures.

    Raises:
        UsageError: The manifest is wrong.
    """
    from harness.cache.folder import using  # noqa: PLC0415
    from harness.plugin.xdist import verification  # noqa: PLC0415 - see the module

    known = config.stash[VERIFICATIONS]
    if path not in known:
        found = verification(_asked(config, path), os.environ)
        lease = contextlib.ExitStack()
        lease.enter_context(using(found.settings.cache))
        config.add_cleanup(lease.close)
        known[path] = found
    return known[path]


def _asked(config: pytest.Config, path: Path) -> Asked:
    from harness.plugin.xdist import Asked  # noqa: PLC0415 - see the module

    option = config.getoption
    return Asked(str(path), option("--artifact-engine"), option("--artifact-image"), option("--artifact-python"))


def _planned(config: pytest.Config, path: Path) -> tuple[Planned, ...]:
    """What there is to verify of a manifest.

    Raises:
        UsageError: The manifest is wrong, or a file that it names.
    """
    from harness.plugin.xdist import planned  # noqa: PLC0415 - see the module

    return planned(_verification(config, path))


@pytest.fixture(scope="session")
def artifact(pytestconfig: pytest.Config) -> Bundle:
    """The bundle that the project's manifest declares: every path that the function sees, and its archive."""
    verification = _of_project(pytestconfig)
    functions = verification.manifest.functions
    return verification.workspace.bundle(functions[0] if functions else None)


@pytest.fixture(scope="session")
def lambda_runtime(pytestconfig: pytest.Config) -> LambdaRuntime:
    """The runtime with the project's artifact in it: invoke a handler with an event and get its response."""
    return LambdaRuntime(_of_project(pytestconfig), partial(pytest.fail, pytrace=False))


def _of_project(config: pytest.Config) -> Verification:
    path = _option_path(config) or _find(config)
    if path is None:
        pytest.fail(f"no {FILE_NAMES[0]} here or above: write one, or name it with --artifact-manifest", pytrace=False)
    try:
        return _verification(config, path)
    except UsageError as problem:
        pytest.fail(str(problem), pytrace=False)
