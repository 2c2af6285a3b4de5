from __future__ import annotations

import pytest

from fixtures.installed import distribution
from harness.checks.duplicate_distributions import check
from harness.model import Note, Severity
from tests.build import findings, function, manifest, program_of, said

OLD = {"pad/__init__.py": "# old\n", "pad/old.py": "", "pad/both.py": "old = 1\n"}
NEW = {"pad/__init__.py": "# newer\n", "pad/new.py": "", "pad/both.py": "newer = 2\n"}
SITE = "python/lib/python3.12/site-packages/"


def installed(version: str, files: dict[str, str], prefix: str = "python/") -> dict[str, str | bytes]:
    return {prefix + name: text for name, text in distribution("pad", version, files).items()}


OLD_LAYER, NEW_LAYER = installed("1.0", OLD), installed("2.0", NEW)


def test_the_metadata_of_two_versions_over_the_files_of_one_may_do() -> None:
    (finding,) = findings(check, program_of(None, OLD_LAYER | NEW_LAYER))

    assert finding.message == (
        "pad is there in 2 versions: 2.0 in layer.zip and 1.0 in layer.zip; the files are 2.0's, and "
        "importlib.metadata may tell either version"
    )
    assert (finding.severity, finding.where) == (Severity.WARNING, "layer.zip!python/pad-1.0.dist-info")
    assert finding.cause == "only 1.0 has pad.old, imported together with 2.0's modules"
    assert finding.remedy is not None
    assert "in an empty folder" in finding.remedy


def test_the_files_of_both_may_do() -> None:
    mixed = OLD_LAYER | NEW_LAYER | {"python/pad/both.py": OLD["pad/both.py"]}

    (finding,) = findings(check, program_of(None, mixed))

    assert "the files are of both" in finding.message
    assert finding.severity is Severity.WARNING


def test_a_compiled_module_that_an_older_install_left_comes_before_the_source() -> None:
    compiled = "pad/new.cpython-312-x86_64-linux-gnu.so"
    left = installed("1.0", {**OLD, compiled: "\x7fELF"}) | NEW_LAYER

    (finding,) = findings(check, program_of(None, left))

    assert finding.severity is Severity.WARNING  # as long as nothing reaches it
    assert "the files are of both" in finding.message
    assert f"{compiled} of 1.0 is imported, not the module of that name next to it" in (finding.cause or "")


def test_a_compiled_module_of_another_python_is_hidden_by_none() -> None:
    foreign, loaded = (f"pad/_pad.cpython-{tag}-x86_64-linux-gnu.so" for tag in ("39", "312"))
    new = installed("2.0", {**NEW, loaded: "\x7fELF"})
    vendored = new | installed("1.0", {**OLD, foreign: "\x7fELF"})
    code: dict[str, str | bytes] = {"app.py": "import pad._pad\n\ndef handler(event, context): ...\n"}

    (finding,) = findings(check, program_of(code, vendored, declared=manifest(function(handler="app.handler"))))

    assert finding.severity is Severity.WARNING
    assert "is imported" not in finding.message


def test_metadata_that_an_upgrade_left_may_do_too() -> None:
    upgraded = {name: text for name, text in OLD_LAYER.items() if ".dist-info/" in name} | NEW_LAYER

    (finding,) = findings(check, program_of(None, upgraded))

    assert (finding.severity, finding.cause) == (Severity.WARNING, None)


@pytest.mark.parametrize(
    ("code", "layers", "words", "cause"),
    [
        (
            installed("1.0", OLD, ""),
            [NEW_LAYER],
            "1.0 in code.zip and 2.0 in layer.zip; 1.0 is imported: the code comes before the layers on sys.path",
            "only 2.0 has pad.new, which is not found any more",
        ),
        (
            None,
            [installed("1.0", OLD, SITE), NEW_LAYER],
            "1.0 is imported: /opt/python/lib/python3.12/site-packages comes first on sys.path",
            "only 2.0 has pad.new, which is not found any more",
        ),
        (
            None,
            [NEW_LAYER, OLD_LAYER],
            "1.0 is imported: layer.zip is listed later, and overwrites",
            "only 2.0 has pad.new, imported together with 1.0's modules",
        ),
    ],
)
def test_which_version_is_imported(
    code: dict[str, str | bytes] | None, layers: list[dict[str, str | bytes]], words: str, cause: str
) -> None:
    (finding,) = findings(check, program_of(code, *layers))

    assert finding.severity is Severity.WARNING
    assert words in finding.message
    assert finding.cause == cause


def test_the_same_version_twice_is_worth_a_note_if_it_is_large() -> None:
    large = {"pad/__init__.py": "", "pad/data.bin": "x" * 3 * 1024 * 1024}
    code, layer = installed("1.0", large, ""), installed("1.0", large)

    assert said(check, program_of(code, layer)) == [
        Note("pad 1.0: in more than one archive, in the same version: 3 MB for nothing")
    ]
    assert said(check, program_of(installed("1.0", OLD, ""), OLD_LAYER)) == []


@pytest.mark.parametrize(
    "layers",
    [
        [OLD_LAYER],
        [OLD_LAYER | installed("2.0", NEW, "python/setuptools/_vendor/")],
        [OLD_LAYER | installed("2.0", NEW, "data/")],
        [{name: text for name, text in OLD_LAYER.items() if ".dist-info/" in name}, installed("2.0", NEW, SITE)],
    ],
)
def test_one_that_python_sees_is_one(layers: list[dict[str, str | bytes]]) -> None:
    assert said(check, program_of(None, *layers)) == []
