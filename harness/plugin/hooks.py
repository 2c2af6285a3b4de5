"""Entry point 2: ``pytest -m artifact`` collects an item per check and function from a manifest.

All selected items of a manifest are verified together, when the first of them is run: handlers start side by side and
each archive is read once. The workers of pytest-xdist share one verification, too: see ``harness.plugin.xdist``.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.model import UsageError
from harness.plugin.fixtures import FunctionError, LambdaRuntime, artifact, lambda_runtime
from harness.plugin.items import MARKER, ArtifactWarning, CheckItem, ManifestFile
from harness.plugin.verifications import (
    FOUND,
    WORKER_INPUT,
    find_manifest,
    option_path,
    plan_of,
    request_of,
    worker_input,
)
from harness.plugin.xdist import Helper

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["ArtifactWarning", "FunctionError", "LambdaRuntime", "artifact", "lambda_runtime"]

FILE_NAMES = ("lambda-artifact.toml", "pyproject.toml")
ENGINES = ("auto", "container", "process", "none")
# Good enough for the expressions that people write; where it errs, items are collected and then deselected.
SELECTS = re.compile(rf"(?<!\bnot )\b{MARKER}\b")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; they mirror the command's."""
    add = parser.getgroup("artifact", "built AWS Lambda archives").addoption
    add("--artifact-manifest", metavar="FILE", help="the manifest to verify with -m artifact")
    add("--artifact-engine", choices=ENGINES, default="auto", help="what starts the handlers")
    add("--artifact-image", metavar="REF", help="the image, instead of Lambda's public one")
    add("--artifact-python", metavar="PATH", help="the interpreter for the process engine")
    add("--artifact-allow-skips", action="store_true", help="a check that could not be run is a skip, not a failure")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and let a bare ``pytest -m artifact`` find the manifest.

    Raises:
        pytest.UsageError: The manifest is wrong.
    """
    config.addinivalue_line("markers", f"{MARKER}: a check of the built archives, collected from a manifest")
    if worker_input(config):  # a worker, whose controller does the rest
        return
    distributes = config.getoption("dist", "no") != "no" and sys.platform != "win32"
    try:
        path = _requested(config)
        if path is None:
            return
        if distributes:
            config.pluginmanager.register(Controller(config, path))
            _load(path)
        else:
            plan_of(config, path)
    except (UsageError, OSError) as problem:  # the latter: a cache that cannot be written
        raise pytest.UsageError(*str(problem).splitlines()) from problem
    if str(path) not in config.args:
        config.args.append(str(path))


class Controller:
    """Starts a verification for the workers of pytest-xdist, and tells them where its results are."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._path = path
        self._prefix = f"{_node(config, path)}::"
        self._helper = Helper(request_of(config, path))
        config.add_cleanup(self._helper.end)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 - xdist has no types
        """Called with each worker before it starts."""
        node.workerinput[WORKER_INPUT] = {"folder": str(self._helper.folder), "manifest": str(self._path)}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Called with the selection of each worker, which is the same in all."""
        self._helper.choose([one.removeprefix(self._prefix) for one in ids if one.startswith(self._prefix)])


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Let the way to a build output be followed that is in a hidden folder, and nothing else in that folder."""
    sent = worker_input(config).get("manifest")
    build = Path(sent) if sent else config.stash.get(FOUND, None)
    base = config.invocation_params.dir
    if build is None or not build.is_relative_to(base) or not build.relative_to(base).parts[0].startswith("."):
        return None
    if collection_path != base and build.is_relative_to(collection_path) and collection_path.is_relative_to(base):
        return False
    return True if collection_path.is_relative_to(base / build.relative_to(base).parts[0]) else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a manifest that is asked for: by ``-m artifact``, by option, or by its own path."""
    option, selects = option_path(parent.config), _selects_artifacts(parent.config)
    if file_path.name not in FILE_NAMES and file_path not in (option, selects and find_manifest(parent.config)):
        return None
    selected = selects and option in (None, file_path)
    if _is_argument(file_path, parent.config) or (selected and _is_manifest(file_path)):
        return ManifestFile.from_parent(parent, path=file_path, nodeid=_node(parent.config, file_path))
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Give each item the duration of its own check: the first one waits for all of them."""
    report = yield
    if isinstance(item, CheckItem) and call.when == "call" and item.seconds is not None:
        report.duration = item.seconds
    return report


def _load(path: Path) -> None:
    """Read a manifest alone, which takes no time.

    Raises:
        UsageError: It is wrong.
    """
    from harness.discovery.manifest import load_file
    from harness.policy import known_runtimes

    load_file(path, runtimes=known_runtimes(), environ=os.environ)


def _requested(config: pytest.Config) -> Path | None:
    """The manifest to collect although no argument names it."""
    if not _selects_artifacts(config):
        return None
    by_default = config.args_source is not pytest.Config.ArgsSource.ARGS
    return option_path(config) or (find_manifest(config) if by_default else None)


def _selects_artifacts(config: pytest.Config) -> bool:
    """Whether ``-m`` selects by our marker; an ordinary run of the project's tests is left alone."""
    return SELECTS.search(" ".join(str(config.getoption("-m")).split())) is not None


def _node(config: pytest.Config, path: Path) -> str:
    """The id of a manifest; pytest's would be empty outside the root folder."""
    return Path(os.path.relpath(path, config.rootpath)).as_posix()


def _is_argument(path: Path, config: pytest.Config) -> bool:
    arguments = (Path(config.invocation_params.dir, argument.partition("::")[0]) for argument in config.args)
    return any(argument.resolve() == path.resolve() for argument in arguments)


def _is_manifest(path: Path) -> bool:
    from harness.manifest import declares

    return path.name != "pyproject.toml" or declares(path)
