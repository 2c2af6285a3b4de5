"""Entry point 2: ``pytest -m artifact`` collects an item per check and function from a manifest.

pytest loads this module in every run of everybody who has the package installed, so whatever only a verification needs
is imported where it is used.

Whatever is selected of a manifest is verified together, when the first of its items is run: handlers start side by side
and each archive is read once. The workers of pytest-xdist share one verification, too. The one that is first does it,
and the others wait for what it found.
"""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.invoking import FunctionError, LambdaRuntime
from harness.model import Completed, Crashed, NotApplicable, Result, Severity, Skipped, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.artifact.bundle import Bundle
    from harness.model import Report
    from harness.verify import Planned, Settings, Verification

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
    try:
        planned = _planned(config, path)
    except (UsageError, OSError) as problem:  # the latter: a cache that cannot be written
        raise pytest.UsageError(*str(problem).splitlines()) from problem
    if str(path) not in config.args:
        config.args.append(str(path))
    config.pluginmanager.register(Handing(config, {str(path): [one.name for one in planned]}))


class Handing:
    """Hands to the workers of pytest-xdist, if there are any, what is planned, and a folder for what they find."""

    def __init__(self, config: pytest.Config, planned: dict[str, list[str]]) -> None:
        self._config = config
        self._planned = planned

    @cached_property
    def _folder(self) -> str:
        import tempfile  # noqa: PLC0415 - see the module

        folder = tempfile.TemporaryDirectory(prefix="lambda-artifact-")
        self._config.add_cleanup(folder.cleanup)
        return folder.name

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 - xdist has no types
        """Called with each worker before it starts."""
        node.workerinput[HANDED] = {"folder": self._folder, "planned": self._planned}


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
        # pytest begins the id with nothing at all where the file lies outside its root folder.
        node = Path(os.path.relpath(file_path, parent.config.rootpath)).as_posix()
        return ManifestFile.from_parent(parent, path=file_path, nodeid=node)
    return None


def _option_path(config: pytest.Config) -> Path | None:
    named = config.getoption("--artifact-manifest")
    return Path(config.invocation_params.dir, named).resolve() if named else None


def _named(path: Path, config: pytest.Config) -> bool:
    arguments = (Path(config.invocation_params.dir, argument.partition("::")[0]) for argument in config.args)
    return any(argument.resolve() == path.resolve() for argument in arguments)


def _is_manifest(path: Path) -> bool:
    if path.name != "pyproject.toml":
        return True
    try:
        return "lambda-artifact" in tomllib.loads(path.read_text("utf-8")).get("tool", {})
    except (OSError, ValueError):
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
        names = _handed(self.config).get("planned", {}).get(str(self.path))
        try:
            names = names or [one.name for one in _planned(self.config, self.path)]
        except UsageError as problem:
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

    def runtest(self) -> None:
        """Run the check; findings, a check that crashed and one that could not run are failures."""
        report = _report(self)
        (result,) = report.results
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


class ArtifactWarning(UserWarning):
    """A finding of severity warning."""


class CheckFailed(Exception):  # noqa: N818 - it is what the item reports, not an error of this program
    """A check found an error, crashed, or could not be run.

    Attributes:
        summary: What was found, in one line.
    """

    def __init__(self, report: Report, result: Result) -> None:
        from harness.reporters import terminal  # noqa: PLC0415 - see the module
        from harness.reporters.text import harmless  # noqa: PLC0415

        super().__init__(terminal.render(replace(report, timings=()), colour=False))
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


def _report(item: CheckItem) -> Report:
    """The report on one item alone."""
    known = item.config.stash[REPORTS]
    if item.path not in known:
        folder = _handed(item.config).get("folder")
        known[item.path] = _shared(item, Path(folder)) if folder else _reports(item)
    return known[item.path][item.name]


def _shared(item: CheckItem, folder: Path) -> dict[str, Report]:
    """The reports that the first worker to come here has made, or makes now."""
    import hashlib  # noqa: PLC0415 - see the module
    import pickle  # noqa: PLC0415 - in a folder of this run alone

    from filelock import FileLock  # noqa: PLC0415

    file = folder / hashlib.blake2b(os.fsencode(item.path), digest_size=16).hexdigest()
    with FileLock(file.with_suffix(".lock")):  # the system releases it should the worker that has it crash
        if not file.exists():
            draft = file.with_suffix(".draft")
            draft.write_bytes(pickle.dumps(_reports(item)))
            draft.rename(file)
    found: dict[str, Report] = pickle.loads(file.read_bytes())  # noqa: S301 - ours, see above
    return found


def _reports(item: CheckItem) -> dict[str, Report]:
    """Verify what is selected of an item's manifest, each check a report of its own."""
    items = (item, *item.session.items)
    names = {one.name for one in items if isinstance(one, CheckItem) and one.path == item.path}
    planned = [one for one in _planned(item.config, item.path) if one.name in names]
    verification = item.config.stash[VERIFICATIONS][item.path]
    results = verification.results(planned)
    report = verification.report(results)
    return {one.name: replace(report, results=(result,)) for one, result in zip(planned, results, strict=True)}


def _verification(config: pytest.Config, path: Path) -> Verification:
    """The verification of a manifest: one for all its items, and for the fixtures.

    Raises:
        UsageError: The manifest is wrong.
    """
    from harness.catalogue import waivable  # noqa: PLC0415 - see the module
    from harness.manifest import load  # noqa: PLC0415
    from harness.policy import known_runtimes  # noqa: PLC0415
    from harness.verify import Verification  # noqa: PLC0415

    known = config.stash[VERIFICATIONS]
    if path not in known:
        manifest = load(path, runtimes=known_runtimes(), checks=waivable(), environ=os.environ)
        known[path] = Verification(manifest, _settings(config, os.environ))
    return known[path]


def _planned(config: pytest.Config, path: Path) -> tuple[Planned, ...]:
    """What there is to verify of a manifest.

    Raises:
        UsageError: The manifest is wrong, or a file that it names.
    """
    from harness.verify import plan  # noqa: PLC0415 - see the module

    verification = _verification(config, path)
    verification.read()
    return plan(verification.manifest, verification.settings)


def _settings(config: pytest.Config, environ: Mapping[str, str]) -> Settings:
    from harness.caching import cache_folder, using  # noqa: PLC0415 - see the module
    from harness.engines.choice import Choice, engine  # noqa: PLC0415
    from harness.verify import Settings  # noqa: PLC0415

    choice = Choice(config.getoption("--artifact-engine"))
    python = config.getoption("--artifact-python")
    cache = cache_folder(environ)
    lease = contextlib.ExitStack()
    lease.enter_context(using(cache))
    config.add_cleanup(lease.close)
    return Settings(
        engine=engine(choice, environ, cache, config.getoption("--artifact-image"), Path(python) if python else None),
        cache=cache,
        progress=lambda _: None,
        today=datetime.now(tz=UTC).date(),
        static=choice is Choice.NONE,
    )


@pytest.fixture(scope="session")
def artifact(pytestconfig: pytest.Config) -> Bundle:
    """The bundle that the project's manifest declares: every path that the function sees, and its archive."""
    verification = _of_project(pytestconfig)
    functions = verification.manifest.functions
    return verification.materials.bundle(functions[0] if functions else None)


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
