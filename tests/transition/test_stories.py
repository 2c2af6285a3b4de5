"""The sample application between two releases: what happens in the window between two calls, and on the way back."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.broken import broken, mini, with_text, without_distribution
from fixtures.build import SAMPLE
from fixtures.installed import distribution, with_distribution
from harness.engines.choice import Choice, engine
from harness.manifest import Options, load
from harness.model import ExitCode, Severity
from harness.policy import KNOWN_RUNTIMES
from harness.session.settings import Settings
from harness.transition.advice import advice
from harness.transition.analysis import analyse
from harness.transition.document import rows
from harness.transition.request import FORMATS
from harness.transition.values import Order, State
from tests.build import TODAY, function, manifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fixtures.build import Sample
    from harness.manifest import Manifest
    from harness.model import Finding
    from harness.transition.values import Transition

pytestmark = pytest.mark.network  # the sample's wheels are downloaded once

USPS = "app/services/carriers/usps.py"
LOST = "Runtime.ImportModuleError: Unable to import module 'app.main': No module named 'defusedxml'"
CHAIN = ("app.main", "app.api.v1.tracking", "app.services.carriers", "app.services.carriers.usps")
WINDOW = "live after UpdateFunctionCode and before UpdateFunctionConfiguration"
WORKS, FAILS = "works", "fails"


@pytest.fixture
def releases(sample: Sample, tmp_path: Path) -> Mapping[str, Path]:
    """The archives of the release before, which reads XML with the standard library, and of the one after."""
    return {
        "old code": broken(
            sample.code, tmp_path / "old-code.zip", with_text(USPS, "from defusedxml import", "from xml.etree import")
        ),
        "old layer": broken(sample.layer, tmp_path / "old-layer.zip", without_distribution("defusedxml")),
        "new code": sample.code,
        "new layer": sample.layer,
    }


def settings(cache: Path, name: str) -> Settings:
    image = os.environ.get("LAMBDA_ARTIFACT_TEST_IMAGE") if name == "container" else None
    chosen = engine(Choice(name), os.environ, cache, image, None)
    return Settings(engine=chosen, cache=cache, progress=lambda _: None, today=TODAY, static=name == "none")


def side(code: Path, layer: Path, *names: str) -> Manifest:
    """The sample's functions of these names on these archives."""
    declared = load(
        SAMPLE / "lambda-artifact.toml", Options(code=str(code), layers=(str(layer),)), runtimes=KNOWN_RUNTIMES
    )
    return replace(declared, functions=tuple(one for one in declared.functions if one.name in names))


def outcome(transition: Transition, name: str = "api") -> tuple[str, ...]:
    return next(row for row in rows(transition) if row[0] == name)[2:]


def told(transition: Transition, state: State) -> Finding:
    (found,) = [one.finding for one in transition.judged if one.state is state]
    return found


def _has(one: Path, other: Path) -> str:
    return f"defusedxml: {one} has it (python/defusedxml/__init__.py), and {other} does not"


def test_new_code_with_the_old_layer_in_the_window(engine_name: str, releases: Mapping[str, Path], cache: Path) -> None:
    live = side(releases["old code"], releases["old layer"], "api", "cleanup")
    future = side(releases["new code"], releases["new layer"], "api", "cleanup")

    transition = analyse(live, future, settings(cache, engine_name))

    assert outcome(transition) == (WORKS, FAILS, WORKS, WORKS, "configuration first")
    assert outcome(transition, "cleanup")[:4] == (WORKS,) * 4
    finding = told(transition, State.CODE_FIRST)
    assert (finding.message, finding.where, finding.chain) == (LOST, f"/var/task/{USPS}:7", CHAIN)
    assert (finding.cause or "").split("\n") == [
        f"{WINDOW}: the new code with the old layers ({releases['old layer']})",
        _has(releases["new layer"], releases["old layer"]),
    ]
    assert (finding.remedy or "").startswith("update the configuration first: `update-function-configuration`")
    assert (finding.severity, transition.exit_code) == (Severity.WARNING, ExitCode.OK)
    assert FORMATS["terminal"](transition).startswith("PASS  configuration first is safe: 2 functions, 1 warning\n")


def test_a_deploy_that_updates_the_code_first_is_stopped(releases: Mapping[str, Path], cache: Path) -> None:
    live = side(releases["old code"], releases["old layer"], "api")
    future = side(releases["new code"], releases["new layer"], "api")

    transition = analyse(live, future, settings(cache, "none"), Order.CODE_FIRST)

    assert (told(transition, State.CODE_FIRST).severity, transition.exit_code) == (Severity.ERROR, ExitCode.FINDINGS)


def test_old_code_with_the_new_layer_is_the_mirror_image(
    engine_name: str, releases: Mapping[str, Path], cache: Path
) -> None:
    live = side(releases["new code"], releases["new layer"], "api")
    future = side(releases["old code"], releases["old layer"], "api")

    transition = analyse(live, future, settings(cache, engine_name))

    assert outcome(transition) == (WORKS, WORKS, FAILS, WORKS, "code first")
    finding = told(transition, State.CONFIGURATION_FIRST)
    assert finding.message == LOST
    assert (finding.cause or "").startswith(
        "live after UpdateFunctionConfiguration and before UpdateFunctionCode: the old code with the new layers"
    )
    assert (finding.remedy or "").startswith("update the code first: `update-function-code`")


def test_a_rollback_that_does_not_start(engine_name: str, releases: Mapping[str, Path], cache: Path) -> None:
    live = side(releases["new code"], releases["old layer"], "api")
    future = side(releases["old code"], releases["new layer"], "api")

    transition = analyse(live, future, settings(cache, engine_name))

    assert outcome(transition) == (FAILS, WORKS, WORKS, WORKS, "-")
    finding = told(transition, State.BEFORE)
    assert finding.message == LOST
    assert (finding.cause or "").split("\n")[:3] == [
        "this is the deployed version, which a rollback brings back",
        "the old configuration is at fault: the same code works with the new one",
        _has(releases["new layer"], releases["old layer"]),
    ]
    assert "--without-rollback" in (finding.remedy or "")
    assert transition.exit_code is ExitCode.FINDINGS


def test_two_libraries_that_change_places_leave_only_a_switch_at_once(
    releases: Mapping[str, Path], sample: Sample, tmp_path: Path, cache: Path
) -> None:
    code = broken(
        sample.code, tmp_path / "live-code.zip", with_text(USPS, "from defusedxml import", "from plainxml import")
    )
    files = {"plainxml/__init__.py": "from xml.etree import ElementTree\n"}
    layer = broken(
        releases["old layer"], tmp_path / "live-layer.zip", with_distribution("plainxml", "1.0", files=files)
    )

    transition = analyse(side(code, layer, "api"), side(sample.code, sample.layer, "api"), settings(cache, "none"))

    assert outcome(transition) == (WORKS, FAILS, FAILS, WORKS, "at once")
    assert [one.finding.severity for one in transition.judged] == [Severity.ERROR] * 2
    assert all("`publish-version`, then `update-alias`" in (one.finding.remedy or "") for one in transition.judged)
    assert advice(transition) == "no order of the two calls is safe for api"
    assert transition.exit_code is ExitCode.FINDINGS


def test_a_library_whose_versions_do_not_agree_is_named_with_both(tmp_path: Path, python: Path, cache: Path) -> None:
    del python
    sides = []
    for folder, version, name in (("live", "1.2.0", "text"), ("next", "2.0.0", "inner_text")):
        (tmp_path / folder).mkdir()
        code, layer = tmp_path / folder / "code.zip", tmp_path / folder / "layer.zip"
        mini(code, {"api.py": f"from tinyxml import {name}\n\n\ndef handler(event, context):\n    return {{}}\n"})
        library = {"tinyxml/__init__.py": f"def {name}(document):\n    return document\n"}
        mini(layer, {f"python/{path}": text for path, text in distribution("tinyxml", version, library).items()})
        sides.append(manifest(function("api", "api.handler", code=str(code), layers=(str(layer),))))

    transition = analyse(sides[0], sides[1], settings(cache, "process"))

    assert outcome(transition) == (WORKS, FAILS, FAILS, WORKS, "at once")
    cause = told(transition, State.CODE_FIRST).cause or ""
    assert re.search(r"tinyxml: \S+/live/layer.zip has 1\.2\.0, and \S+/next/layer.zip has 2\.0\.0", cause)
