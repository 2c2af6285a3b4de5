"""Entry point 2: ``pytest -m artifact`` collects an item per check and function from a manifest."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.artifact.bundle import Bundle
from harness.caching import cache_folder
from harness.check import Need
from harness.engines.choice import Choice, engine
from harness.engines.protocol import Answered, Failed, Observation, Ready, Unavailable
from harness.manifest import FILE_NAME, Event, Function, Manifest, ManifestError, find, load
from harness.model import Completed, Crashed, NotApplicable, Result, Severity, Skipped
from harness.policy import KNOWN_RUNTIMES
from harness.reporters import terminal
from harness.verify import Planned, Settings, Verification, plan

MARKER = "artifact"
VERIFICATIONS = pytest.StashKey[dict[Path, Verification]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options; they mirror the command's."""
    group = parser.getgroup("artifact", "built AWS Lambda archives")
    add = group.addoption
    add("--artifact-manifest", metavar="FILE", help="the manifest to verify with -m artifact")
    add("--artifact-engine", choices=[str(c) for c in Choice], default="auto", help="what starts the handlers")
    add("--artifact-image", metavar="REF", help="the image, instead of Lambda's public one")
    add("--artifact-python", metavar="PATH", help="the interpreter for the process engine")
    add("--artifact-allow-skips", action="store_true", help="a check that could not be run is a skip, not a failure")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and let a bare ``pytest -m artifact`` find the manifest beside the tests it was told of."""
    config.addinivalue_line("markers", f"{MARKER}: a check of the built archives, collected from a manifest")
    config.stash[VERIFICATIONS] = {}
    if (path := _requested(config)) is not None and str(path) not in config.args:
        config.args.append(str(path))


def _requested(config: pytest.Config) -> Path | None:
    """The manifest that is to be collected although no argument names it."""
    if named := config.getoption("--artifact-manifest"):
        return Path(config.invocation_params.dir, named)
    by_default = config.args_source is not pytest.Config.ArgsSource.ARGS
    if by_default and _asks_for_artifacts(config):
        return find(config.invocation_params.dir)
    return None


def _asks_for_artifacts(config: pytest.Config) -> bool:
    """Whether ``-m`` selects by our marker; an ordinary run of the project's tests is left alone."""
    return MARKER in str(config.getoption("-m")).replace("(", " ").replace(")", " ").split()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a manifest when it was asked for: by ``-m artifact``, by option, or by its own path."""
    if file_path.name != FILE_NAME and not (file_path.name == "pyproject.toml" and _has_table(file_path)):
        if file_path != _option_path(parent.config):
            return None
    if not (_asks_for_artifacts(parent.config) or _named(file_path, parent.config)):
        return None
    return ManifestFile.from_parent(parent, path=file_path)


def _option_path(config: pytest.Config) -> Path | None:
    named = config.getoption("--artifact-manifest")
    return Path(config.invocation_params.dir, named).resolve() if named else None


def _named(path: Path, config: pytest.Config) -> bool:
    arguments = (Path(config.invocation_params.dir, argument.partition("::")[0]) for argument in config.args)
    return any(argument.resolve() == path.resolve() for argument in arguments)


def _has_table(path: Path) -> bool:
    try:
        return "lambda-artifact" in tomllib.loads(path.read_text("utf-8")).get("tool", {})
    except (OSError, ValueError):
        return False


class ManifestFile(pytest.File):
    """A manifest: its items are its checks, one for each function where a check is about functions."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item per check and function."""
        verification = _verification(self.config, self.path)
        for planned in plan(verification.manifest, verification.settings):
            yield CheckItem.from_parent(self, name=planned.name, planned=planned, verification=verification)


class CheckItem(pytest.Item):
    """One check, of one function or of the artifact."""

    def __init__(self, *, planned: Planned, verification: Verification, **rest: Any) -> None:  # noqa: ANN401 - pytest's
        super().__init__(**rest)
        self.planned = planned
        self.verification = verification
        self.add_marker(MARKER)

    def runtest(self) -> None:
        """Run the check; findings, a check that crashed and one that could not run are failures."""
        if self.verification.together is None:
            self.verification.together = _together(self)
        result = self.verification.result(self.planned)
        match result.outcome:
            case NotApplicable(reason=reason):
                pytest.skip(reason)
            case Skipped(reason=reason) if self.config.getoption("--artifact-allow-skips"):
                pytest.skip(reason)
            case Completed() if not any(finding.severity is Severity.ERROR for finding in result.findings):
                for finding in result.findings:
                    self.warn(ArtifactWarning(f"{self.name}: {finding.message} ({finding.where})"))
            case Completed() | Skipped() | Crashed():
                raise CheckFailed(self.verification, result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:  # noqa: ANN401 - pytest's
        """The report on this check alone, as the command would print it."""
        if isinstance(excinfo.value, CheckFailed):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo, style))

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        """Where the item comes from and what it is called."""
        return self.path, None, self.name


class ArtifactWarning(UserWarning):
    """A finding of severity warning."""


class CheckFailed(Exception):  # noqa: N818 - it is what the item reports, not an error of this program
    """A check found an error, crashed, or could not be run."""

    def __init__(self, verification: Verification, result: Result) -> None:
        super().__init__(terminal.render(verification.report([result]), colour=False))


def _together(item: CheckItem) -> frozenset[str]:
    """The functions to start side by side: those that this process was given, which with xdist is one at a time."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        return frozenset()
    return frozenset(
        other.planned.function.name
        for other in item.session.items
        if isinstance(other, CheckItem) and other.planned.function and other.planned.check.need is Need.RUNTIME
    )


def _verification(config: pytest.Config, path: Path) -> Verification:
    known = config.stash[VERIFICATIONS]
    if path not in known:
        try:
            manifest = load(path, runtimes=KNOWN_RUNTIMES)
        except ManifestError as problem:
            raise pytest.UsageError(str(problem)) from problem
        known[path] = Verification(manifest, _settings(config, os.environ))
    return known[path]


def _settings(config: pytest.Config, environ: Mapping[str, str]) -> Settings:
    choice = Choice(config.getoption("--artifact-engine"))
    python = config.getoption("--artifact-python")
    cache = cache_folder(environ)
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
    return verification.bundle(functions[0] if functions else None)


@pytest.fixture(scope="session")
def lambda_runtime(pytestconfig: pytest.Config) -> LambdaRuntime:
    """The runtime with the project's artifact in it: invoke a handler with an event and get its response."""
    return LambdaRuntime(_of_project(pytestconfig))


def _of_project(config: pytest.Config) -> Verification:
    path = _option_path(config) or find(config.invocation_params.dir)
    if path is None:
        raise pytest.UsageError(f"no {FILE_NAME} here or above: write one, or name it with --artifact-manifest")
    return _verification(config, path)


class FunctionError(Exception):
    """The handler failed: Lambda's error type and message, as ``Invoke`` would report them."""


class LambdaRuntime:
    """Invokes handlers of the built artifact in the Lambda runtime, each time in a fresh process."""

    def __init__(self, verification: Verification) -> None:
        self._verification = verification

    def invoke(self, function: str, event: object, environment: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - any JSON
        """The response of a function to an event.

        Args:
            function: Its name in the manifest.
            event: Anything that JSON can say.
            environment: Variables beside those that the manifest declares.

        Raises:
            FunctionError: The function did not start, or answered with an error.
            KeyError: The manifest has no such function.
        """
        observation = self._observe(function, event, environment or {})
        match observation.init:
            case Ready():
                pass
            case Failed(error=error):
                raise FunctionError(str(error))
            case other:
                raise FunctionError(f"init: {other}")
        match observation.answers:
            case (Answered(body=body), *_):
                return json.loads(body)
            case (Failed(error=error), *_):
                raise FunctionError(str(error))
            case other_answers:
                raise FunctionError(f"no answer: {other_answers}")

    def _observe(self, name: str, event: object, environment: Mapping[str, str]) -> Observation:
        manifest = self._verification.manifest
        functions = {function.name: function for function in manifest.functions}
        payload = Event("event", manifest.path or Path(), json.dumps(event), None)
        variables = tuple({**dict(functions[name].environment), **environment}.items())
        function = replace(functions[name], events=(payload,), environment=variables)
        alone = Verification(replace(manifest, functions=(function,)), self._verification.settings)
        try:
            return alone.observe(function)
        except Unavailable as reason:
            pytest.fail(str(reason), pytrace=False)
