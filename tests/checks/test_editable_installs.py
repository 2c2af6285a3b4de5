from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.installed import distribution
from harness.checks.editable_installs import check
from harness.model import Finding, Note, Severity
from tests.build import findings, function, manifest, program_of, said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.check import Subject

FINDER = "MAPPING = {'prices': '/builds/shop/prices'}\n"
EDITABLE: Mapping[str, object] = {"url": "file:///builds/shop", "dir_info": {"editable": True}}
PATH = {"python/__editable__.prices-1.0.pth": "/builds/shop/src\n"}
HOOK = {
    "python/__editable__.prices-1.0.pth": "import __editable___prices_1_0_finder\n",
    "python/__editable___prices_1_0_finder.py": FINDER,
}


def layer(files: Mapping[str, str], url: Mapping[str, object] | None = None) -> dict[str, str | bytes]:
    """The distribution `prices`, of these files."""
    metadata = distribution("prices", "1.0", {}, direct_url=url or {}, record=False)
    return {**files, **{f"python/{name}": text for name, text in metadata.items()}}


def app(source: str, files: dict[str, str | bytes], **more: str) -> Subject:
    code: dict[str, str | bytes] = {"main.py": f"{source}\ndef handler(event, context): ...\n"}
    code |= {name.replace("__", "/") + ".py": text for name, text in more.items()}
    return program_of(code, files, declared=manifest(function(handler="main.handler")))


@pytest.mark.parametrize(
    ("files", "source", "severity"),
    [
        (layer(HOOK, EDITABLE), "", Severity.ERROR),
        (layer(HOOK), "", Severity.ERROR),
        (layer(PATH, EDITABLE), "import prices", Severity.ERROR),
        (layer(PATH), "from prices.list import x", Severity.ERROR),
        (layer({}, EDITABLE), "import prices", Severity.ERROR),
        ({"python/_prices.pth": "/builds/shop/src\n"}, "import prices", Severity.ERROR),
        ({"python/prices.egg-link": "/builds/shop\n."}, "import prices", Severity.ERROR),
        (layer(PATH, EDITABLE), "", Severity.WARNING),
        (layer(PATH, EDITABLE), "try:\n    import prices\nexcept ImportError: pass", Severity.WARNING),
        ({"python/prices.pth": "/builds/shop/src\n"}, "", Severity.WARNING),
        (layer({}, EDITABLE), "", Severity.WARNING),
    ],
)
def test_a_pointer_in_the_place_of_modules(files: dict[str, str | bytes], source: str, severity: Severity) -> None:
    (finding,) = findings(check, app(source, files))

    assert finding.severity is severity
    assert finding.message.startswith("prices is installed as editable: the archive holds a pointer to ")
    assert finding.message.endswith(" and not its modules: No module named 'prices'")
    assert finding.remedy is not None
    assert "--no-editable" in finding.remedy


def test_the_finding_names_the_pointer_and_where_it_points() -> None:
    (finding,) = findings(check, app("", layer(HOOK, EDITABLE)))

    assert "/builds/shop/prices" in finding.message
    assert finding.where == "layer.zip!python/__editable___prices_1_0_finder.py"


def test_modules_that_are_there_anyway_make_it_a_note() -> None:
    (note,) = said(check, app("import prices", layer(HOOK, EDITABLE), prices="X = 1\n"))

    assert isinstance(note, Note)
    assert "the modules of prices are there anyway" in note.text


@pytest.mark.parametrize(
    "files",
    [
        layer({"python/prices/__init__.py": ""}, {"url": "file:///builds/shop", "dir_info": {}}),
        layer({"python/prices/__init__.py": ""}, {"url": "https://h.example/x.git", "vcs_info": {"vcs": "git"}}),
        {"python/distutils-precedence.pth": "import os; os.environ.get('X')\n"},
        {"python/extra.pth": "tools\n", "python/tools/x.py": ""},
        {"python/efs.pth": "/mnt/efs/python\n"},
        {"python/x.py": ""},
    ],
)
def test_what_is_no_editable_install(files: dict[str, str | bytes]) -> None:
    assert said(check, app("", files)) == []


def test_each_distribution_is_told_once() -> None:
    files = layer({**HOOK, "python/prices.egg-link": "/builds/shop\n"}, EDITABLE)

    (finding,) = said(check, app("import prices", files))

    assert isinstance(finding, Finding)
