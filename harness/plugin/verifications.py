"""The verifications of a pytest run: one for each manifest, for all its items and the fixtures."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.plugin.request import Request, planned, reports
from harness.plugin.xdist import helper_names, helper_reports

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.model import Report
    from harness.plan import Planned
    from harness.verify import Verification

VERIFICATIONS = pytest.StashKey[dict[Path, "Verification"]]()
FOUND = pytest.StashKey["Path | None"]()
REPORTS = pytest.StashKey[dict[Path, dict[str, "Report"]]]()
WORKER_INPUT = "lambda_artifact"
"""The key under which the controller of pytest-xdist sends its workers the folder of the helper."""


def option_path(config: pytest.Config) -> Path | None:
    """The manifest that ``--artifact-manifest`` names."""
    named = config.getoption("--artifact-manifest")
    return Path(config.invocation_params.dir, named).resolve() if named else None


def find_manifest(config: pytest.Config) -> Path | None:
    """The manifest in the working directory or above, else what another tool built there; looked for once.

    Raises:
        UsageError: Several tools built something there.
    """
    if FOUND not in config.stash:
        from harness.discovery.manifest import find_file

        config.stash[FOUND] = find_file(config.invocation_params.dir)
    return config.stash[FOUND]


def request_of(config: pytest.Config, path: Path) -> Request:
    """What the options ask of a manifest."""
    option = config.getoption
    return Request(str(path), option("--artifact-engine"), option("--artifact-image"), option("--artifact-python"))


def verification_of(config: pytest.Config, path: Path) -> Verification:
    """The verification of a manifest.

    Raises:
        UsageError: The manifest is wrong.
    """
    from harness.cache.folder import using

    known = config.stash.setdefault(VERIFICATIONS, {})
    if path not in known:
        verification = request_of(config, path).verification(os.environ)
        lease = contextlib.ExitStack()
        lease.enter_context(using(verification.settings.cache))
        config.add_cleanup(lease.close)
        known[path] = verification
    return known[path]


def plan_of(config: pytest.Config, path: Path) -> tuple[Planned, ...]:
    """The checks of a manifest.

    Raises:
        UsageError: The manifest is wrong, or a file that it names.
    """
    return planned(verification_of(config, path))


def names_of(config: pytest.Config, path: Path) -> list[str]:
    """The names of a manifest's checks; from the helper where there is one.

    Raises:
        UsageError: The manifest is wrong, or a file that it names.
    """
    folder = _helper_folder(config, path)
    return (helper_names(folder) if folder else None) or [one.name for one in plan_of(config, path)]


def report_of(config: pytest.Config, path: Path, name: str, selected: Collection[str]) -> Report:
    """The report on one check of a manifest alone; all selected ones are run together when the first is asked for."""
    known = config.stash.setdefault(REPORTS, {})
    if path not in known:
        make = partial(_reports, config, path, selected)
        folder = _helper_folder(config, path)
        known[path] = helper_reports(folder, make) if folder else make()
    return known[path][name]


def _reports(config: pytest.Config, path: Path, selected: Collection[str]) -> dict[str, Report]:
    chosen = [one for one in plan_of(config, path) if one.name in selected]
    return reports(verification_of(config, path), chosen)


def worker_input(config: pytest.Config) -> dict[str, Any]:
    """What the controller of pytest-xdist sent to this worker; nothing anywhere else."""
    sent: dict[str, Any] = getattr(config, "workerinput", {}).get(WORKER_INPUT, {})
    return sent


def _helper_folder(config: pytest.Config, path: Path) -> Path | None:
    sent = worker_input(config)
    return Path(sent["folder"]) if sent.get("manifest") == str(path) else None
