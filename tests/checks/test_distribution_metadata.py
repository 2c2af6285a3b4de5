from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.installed import distribution
from harness.checks.distribution_metadata import check
from harness.model import Finding, Note, Severity
from tests.build import findings, function, manifest, program_of, said

if TYPE_CHECKING:
    from harness.check import Subject

HANDLER = "def handler(event, context): ...\n"
READ = "from importlib.metadata import version\n"
PAD = {"python/pad/__init__.py": ""}


def layer(name: str = "pad", version: str = "1.0", **kinds: object) -> dict[str, str | bytes]:
    return {f"python/{path}": text for path, text in distribution(name, version, **kinds).items()}  # type: ignore[arg-type]


def app(source: str, *layers: dict[str, str | bytes], more: dict[str, str] | None = None) -> Subject:
    code: dict[str, str | bytes] = {"app/__init__.py": "", "app/main.py": source + HANDLER, **(more or {})}
    return program_of(code, *layers, declared=manifest(function()))


def judged(subject: Subject) -> list[tuple[Severity, str]]:
    return [(finding.severity, finding.where) for finding in findings(check, subject)]


def test_metadata_that_a_start_needs_is_an_error() -> None:
    (finding,) = findings(check, app(f"{READ}import pad\nV = version('pad')\n", {**PAD}))

    assert finding.message == (
        "Runtime.ImportModuleError: Unable to import module 'app.main': No package metadata was found for pad "
        "(importlib.metadata.PackageNotFoundError)"
    )
    assert (finding.severity, finding.where) == (Severity.ERROR, "/var/task/app/main.py:3")
    assert finding.cause == "its modules are there (/opt/python/pad/__init__.py), its metadata is not"
    assert finding.remedy is not None
    assert "*.dist-info" in finding.remedy
    assert finding.chain == ("app.main",)


def test_a_library_that_asks_for_itself_is_followed_from_the_handler() -> None:
    stripped: dict[str, str | bytes] = {"python/pad/__init__.py": f"{READ}V = version(__name__)\n"}

    (finding,) = findings(check, app("import pad\n", stripped))

    assert (finding.severity, finding.chain) == (Severity.ERROR, ("app.main", "pad"))


def test_one_finding_tells_of_all_places() -> None:
    source = f"{READ}A = version('pad')\nB = version('pad')\n"

    (finding,) = findings(check, app(source))

    assert finding.cause == "also asked for at /var/task/app/main.py:3"
    assert finding.remedy == "add pad to the requirements that the layer is built from, with its *.dist-info folder"


def test_setuptools_has_an_error_of_its_own() -> None:
    (finding,) = findings(check, app("import pkg_resources\nV = pkg_resources.get_distribution('pad>=1').version\n"))

    assert finding.message == (
        "pkg_resources.DistributionNotFound: The 'pad' distribution was not found and is required by the application"
    )


@pytest.mark.parametrize(
    ("source", "severity"),
    [
        ("def f():\n    return version('pad')\n", Severity.WARNING),
        ("if debug:\n    V = version('pad')\n", Severity.WARNING),
        ("try:\n    V = version('pad')\nexcept Exception:\n    V = ''\n", None),
        ("V = version('boto3')\n", None),
        ("V = version('Left_Pad')\n", None),
        ("V = version(name)\n", None),
    ],
)
def test_where_no_start_needs_it(source: str, severity: Severity | None) -> None:
    found = [severity for severity, _ in judged(app(READ + source, layer("left-pad")))]

    assert found == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("source", "importing", "severity"),
    [
        ("V = version('pad')\n", "try:\n    import pad\nexcept ImportError:\n    pad = None\n", Severity.WARNING),
        ("V = version('pad')\n", "def f():\n    import pad\n", Severity.WARNING),
        ("V = version('pad')\n", "", Severity.WARNING),
        ("def f():\n    return version('pad')\n", "import pad\n", None),
        ("try:\n    V = version('pad')\nexcept ImportError:\n    V = ''\n", "import pad\n", None),
        ("import other\nV = version('other')\n", "", None),
    ],
)
def test_a_stripped_library_that_need_not_be_imported(source: str, importing: str, severity: Severity | None) -> None:
    stripped: dict[str, str | bytes] = {"python/pad/__init__.py": READ + source}

    found = [severity for severity, _ in judged(app(importing, stripped))]

    assert found == ([severity] if severity else [])


def test_metadata_without_its_main_file_is_a_warning() -> None:
    files = {name: text for name, text in layer().items() if not name.endswith("/METADATA")}

    assert judged(app("", files)) == [(Severity.WARNING, "layer.zip!python/pad-1.0.dist-info")]


def test_lost_entry_points_are_one_finding_with_those_who_ask() -> None:
    points = {"pads": {"left": "pad:left"}}
    files = layer(entry_points=points) | layer("pod", entry_points=points)
    files = {name: text for name, text in files.items() if not name.endswith("/entry_points.txt")}

    (finding,) = findings(
        check, app("from importlib.metadata import entry_points\nP = entry_points(group='pads')\n", files)
    )

    assert finding.message.startswith("the entry points of pad 1.0, pod 1.0 are gone")
    assert finding.cause == "/var/task/app/main.py asks for the group 'pads', which nothing offers now"
    assert (finding.severity, finding.where) == (
        Severity.WARNING,
        "layer.zip!python/pad-1.0.dist-info/entry_points.txt",
    )


FILES = {"pad/__init__.py": "", "pad/core.py": "", "pad/a.json": "", "pad/b.json": "", "pad/tests/c.json": ""}


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (("core.py",), "pad 1.0 lacks 1 of the files that it was installed with: pad/core.py"),
        (
            (".json",),
            "pad 1.0 lacks 2 of the files that it was installed with (every .json file): pad/a.json, pad/b.json",
        ),
        (
            ("core.py", "pad/a.json", "pad/b.json"),
            "pad 1.0 lacks 3 of the files that it was installed with: pad/a.json, pad/b.json",
        ),
        (
            (".py", ".json"),
            "pad 1.0 has metadata, and none of its 4 files is there: pad/__init__.py, pad/core.py, pad/a.json and ",
        ),
    ],
)
def test_files_that_the_record_lists_and_no_archive_holds(gone: tuple[str, ...], message: str) -> None:
    files = {name: text for name, text in layer(files=FILES).items() if not name.endswith(gone)}

    (finding,) = findings(check, app("", files))

    assert finding.severity is Severity.WARNING
    assert finding.message.startswith(message)


@pytest.mark.parametrize("gone", [(), ("c.json",), ("/RECORD",), ("/WHEEL", "/INSTALLER")])
def test_what_may_go_without_a_word(gone: tuple[str, ...]) -> None:
    files = {name: text for name, text in layer(files=FILES).items() if not gone or not name.endswith(gone)}

    assert said(check, app("", files)) == []


def test_the_files_of_a_version_that_was_replaced_are_no_loss() -> None:
    old = {name: text for name, text in layer(version="0.9", files=FILES).items() if ".dist-info/" in name}

    assert said(check, app("", old | layer(files={"pad/__init__.py": ""}))) == []


def test_data_of_which_some_is_left_is_a_choice() -> None:
    files = {name: text for name, text in layer(files=FILES).items() if not name.endswith("a.json")}

    (note,) = said(check, app("", files))

    assert note == Note("pad 1.0 is slimmed: 1 of its data files are not there, such as pad/a.json")


@pytest.mark.parametrize(
    ("name", "gone", "kind"),
    [
        ("chalice", ("cli.py", ".json"), Note),
        ("chalice", ("cli.py", ".json", "app.py"), Finding),
        ("pad", ("cli.py", ".json"), Finding),
    ],
)
def test_what_chalice_packages_of_itself_is_a_choice(name: str, gone: tuple[str, ...], kind: type) -> None:
    of = {f"{name}/{file}": "" for file in ("__init__.py", "app.py", "cli.py", "policies.json")}
    files = {path: text for path, text in layer(name, files=of).items() if not path.endswith(gone)}

    assert [type(one) for one in said(check, app("", files))] == [kind]


def test_metadata_alone_of_what_the_runtime_brings_is_a_choice() -> None:
    files = {name: text for name, text in layer("boto3").items() if ".dist-info/" in name}

    (note,) = said(check, app("", files))

    assert note == Note("of boto3 1.0 only the metadata is in layer.zip: the runtime's own is used")


def test_a_file_of_another_layer_is_there() -> None:
    files = {name: text for name, text in layer(files=FILES).items() if not name.endswith("core.py")}

    assert said(check, app("", files, {"python/pad/core.py": ""})) == []
