from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks.crater import results, static
from benchmarks.crater.build import Built
from benchmarks.crater.compare import Error, Explanation, Judgement, compare, explanations
from benchmarks.crater.distributions import Specimen, Unknown, handler_source, import_names, specimens
from benchmarks.crater.ground_truth import Tried, Truth, Witness
from benchmarks.crater.results import Results, complaints
from fixtures import zips
from harness.catalogue import named
from harness.engines.choice import Choice, engine
from harness.engines.protocol import Unavailable
from harness.model import ArtifactInfo, Completed, Crashed, EngineInfo, Finding, Report, Result, Severity, Skipped

if TYPE_CHECKING:
    from pathlib import Path

    from harness.model import Outcome

GOOD = Truth("container", (Tried("pkg", "module"), Tried("pkg/_c.abi3.so", "extension")))
NO_LIBRARY = "OSError: libgomp.so.1: cannot open shared object file: No such file or directory"
UNLOADABLE = Truth("container", (Tried("pkg", "module"), Tried("pkg/_c.abi3.so", "extension", NO_LIBRARY)))
UNIMPORTABLE = Truth("container", (Tried("pkg", "module", "ModuleNotFoundError: No module named 'other'"),))
LAYER = ArtifactInfo("layer", "layer.zip", "0" * 64, None, 1000, 3000, 7)


def report(*findings: tuple[str, Finding], outcomes: dict[str, Outcome] | None = None) -> Report:
    said = {check: Completed((finding,)) for check, finding in findings} | (outcomes or {})
    results = tuple(Result(check, "", None, outcome, 0.5) for check, outcome in said.items())
    return Report("1", "python3.12", "x86_64", EngineInfo("container"), (LAYER,), (), results, 1.0)


def error(message: str, where: str = "layer.zip") -> Finding:
    return Finding(message, where)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["attr/__init__.py", "attr/_make.py", "attrs/__init__.py", "attrs-1.dist-info/METADATA"], ["attr", "attrs"]),
        (["six.py", "__pycache__/six.cpython-312.pyc"], ["six"]),
        (["_cffi_backend.cpython-312-x86_64-linux-gnu.so", "cffi/__init__.py"], ["_cffi_backend", "cffi"]),
        (["lxml/__init__.cpython-312-x86_64-linux-gnu.so"], ["lxml"]),
        (["old.cpython-311-x86_64-linux-gnu.so"], []),
        # A namespace has no code of its own: what is in it has.
        (["google/protobuf/__init__.py", "google/_upb/_message.abi3.so"], ["google._upb._message", "google.protobuf"]),
        (["opentelemetry/sdk/trace/__init__.py", "opentelemetry/sdk/trace/export/__init__.py"],
         ["opentelemetry.sdk.trace"]),
        # Not importable, or not meant to be.
        (["boto3-stubs/__init__.py", "pkg.libs/libz.so", "../../bin/tool", "tests/__init__.py", "bin/tool.py"], []),
    ],
)  # fmt: skip
def test_what_a_distribution_offers_to_import(files: list[str], names: list[str]) -> None:
    assert list(import_names(files)) == names


def test_a_function_imports_and_answers() -> None:
    scope: dict[str, object] = {}
    exec(compile(handler_source(["json", "os.path"]), "handler.py", "exec"), scope)  # noqa: S102 - our own text

    handler = scope["handler"]
    assert callable(handler)
    assert handler({}, None) == {"ok": True}
    assert {"json", "os"} <= scope.keys()


@pytest.mark.parametrize(
    ("requirement", "name", "distribution"),
    [
        ("lxml", "lxml", "lxml"),
        ("ruamel.yaml", "ruamel-yaml", "ruamel-yaml"),
        ("pyjwt[crypto]", "pyjwt+crypto", "pyjwt"),
        ("a[y,x]", "a+x+y", "a"),
    ],
)
def test_a_folder_has_the_name_and_the_extras(requirement: str, name: str, distribution: str) -> None:
    assert Specimen(requirement).name == name
    assert Specimen(requirement).distribution == distribution


def test_distributions_are_chosen_by_any_of_their_names(tmp_path: Path) -> None:
    table = tmp_path / "table.toml"
    table.write_text(
        'requirements = ["psycopg[binary]", "psycopg", "attrs"]\n[imports]\nattrs = ["attrs"]\n', encoding="utf-8"
    )

    def chosen(*only: str) -> list[str]:
        return [one.name for one in specimens(only, table)]

    assert chosen() == ["attrs", "psycopg", "psycopg+binary"]
    assert chosen("psycopg") == ["psycopg", "psycopg+binary"]
    assert chosen("psycopg[binary]") == chosen("psycopg+binary") == ["psycopg+binary"]
    assert specimens(["attrs"], table)[0].imports == ("attrs",)
    with pytest.raises(Unknown, match="does not list numpi"):
        chosen("numpi")


def test_imports_of_an_unlisted_distribution_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "table.toml"
    table.write_text('requirements = []\n[imports]\nattrs = ["attrs"]\n', encoding="utf-8")

    with pytest.raises(Unknown, match="attrs"):
        specimens((), table)


@pytest.mark.parametrize(
    ("check", "finding", "truth", "judgement"),
    [
        ("shared-libraries", error("libgomp.so.1 is missing", "layer.zip!python/pkg/_c.abi3.so"), UNLOADABLE,
         Judgement.CONFIRMED),
        ("shared-libraries", error("libgomp.so.1 is missing", "layer.zip!python/pkg/_c.abi3.so"), GOOD,
         Judgement.FALSE_ALARM),
        # That something else is broken confirms nothing.
        ("shared-libraries", error("libx.so is missing", "layer.zip!python/pkg/_d.abi3.so"), UNLOADABLE,
         Judgement.FALSE_ALARM),
        # A library of the layer needs what the extension cannot find: that is the same fault.
        ("shared-libraries", error("libgomp.so.1 is missing", "layer.zip!python/pkg.libs/a.so"), UNLOADABLE,
         Judgement.CONFIRMED),
        ("handler-imports", error("No module named 'other'"), UNIMPORTABLE, Judgement.CONFIRMED),
        ("handler-imports", error("No module named 'other'"), GOOD, Judgement.FALSE_ALARM),
        ("handler-imports", error("cannot open shared object file"), UNLOADABLE, Judgement.FALSE_ALARM),
        ("imports-resolve", error("nothing has 'other'", "layer.zip!python/pkg/a.py:1"), UNIMPORTABLE,
         Judgement.CONFIRMED),
        ("imports-resolve", error("nothing has 'another'", "layer.zip!python/pkg/a.py:1"), UNIMPORTABLE,
         Judgement.FALSE_ALARM),
        ("unzipped-size", error("Unzipped size must be smaller than 5"), GOOD, Judgement.EXPLAINED),
        ("unzipped-size", error("something else"), GOOD, Judgement.FALSE_ALARM),
        ("upload-size", error("Unzipped size must be smaller than 5"), GOOD, Judgement.FALSE_ALARM),
    ],
)  # fmt: skip
def test_an_error_is_judged_by_what_the_runtime_did(
    check: str, finding: Finding, truth: Truth, judgement: Judgement
) -> None:
    row = Explanation("big", "Unzipped size", "it is over the quota", "unzipped-size")

    said = compare("big", report((check, finding)), truth, [row])

    assert [one.judgement for one in said.errors] == [judgement]
    assert said.used == (frozenset({row}) if judgement is Judgement.EXPLAINED else frozenset())


def test_errors_without_an_engine_are_judged_too_each_once() -> None:
    there, disproved = ("shared-libraries", error("a")), ("imports-resolve", error("b"))

    said = compare("big", report(there), GOOD, [], report(there, disproved))

    assert [(one.check, one.judgement) for one in said.errors] == [
        ("shared-libraries", Judgement.FALSE_ALARM),
        ("imports-resolve", Judgement.FALSE_ALARM),
    ]


def test_a_row_explains_its_own_artifact_alone() -> None:
    row = Explanation("big", "size", "reason", "unzipped-size")
    finding = ("unzipped-size", error("size"))

    assert compare("other", report(finding), GOOD, [row]).errors[0].judgement is Judgement.FALSE_ALARM
    assert compare("other", report(finding), GOOD, [replace(row, name="*")]).errors[0].reason == "reason"


@pytest.mark.parametrize(
    ("rows", "findings", "reason", "said"),
    [
        ([], [], "", False),
        ([Explanation("a", "libgomp.so.1", "not in Lambda")], [], "not in Lambda", False),
        # What explains an error explains nothing that is broken.
        ([Explanation("a", "libgomp.so.1", "not in Lambda", "shared-libraries")], [], "", False),
        ([], [("shared-libraries", error("…", "layer.zip!python/pkg/_c.abi3.so"))], "", True),
        ([], [("shared-libraries", error("…", "layer.zip!python/pkg/_d.abi3.so"))], "", False),
    ],
)
def test_what_does_not_work_wants_a_reason(
    rows: list[Explanation], findings: list[tuple[str, Finding]], reason: str, *, said: bool
) -> None:
    (broken,) = compare("a", report(*findings), UNLOADABLE, rows).broken

    assert (broken.name, broken.reason, broken.said) == ("pkg/_c.abi3.so", reason, said)


@pytest.mark.parametrize(("standin", "judgement"), [(True, Judgement.STANDIN), (False, Judgement.CONFIRMED)])
def test_what_the_stand_in_lacks_confirms_nothing(*, standin: bool, judgement: Judgement) -> None:
    row = Explanation("a", "libgomp.so.1", "another library than Lambda's", standin=standin)
    about = report(("shared-libraries", error("…", "layer.zip!python/pkg/_c.abi3.so")))

    assert compare("a", about, UNLOADABLE, [row]).errors[0].judgement is judgement


def test_what_nobody_loads_in_this_way_is_not_broken() -> None:
    first = Tried("pkg/_c.abi3.so", "unimportable", "ImportError: import pkg first")
    alone = Tried("pkg.libs/libb.so", "dependent", "OSError: liba.so: cannot open shared object file")
    other = Tried("pkg/_c.cpython-311-x86_64-linux-gnu.so", "library", "OSError: undefined symbol: PyCode_New")
    truth = Truth("container", (first, alone, other))

    assert truth.imports
    assert compare("a", report(), truth, []).broken == ()


def test_warnings_are_counted_and_what_was_not_done_is_kept() -> None:
    outcomes: dict[str, Outcome] = {"b": Skipped("no engine"), "c": Crashed("KeyError: 1", "…")}

    said = compare("a", report(("a", Finding("…", "…", Severity.WARNING)), outcomes=outcomes), GOOD, [])

    assert said.warnings == {"a": 1}
    assert said.undone == {"b": "no engine", "c": "KeyError: 1"}


def noted(name: str, kept: Results, truth: Truth = GOOD, *findings: tuple[str, Finding]) -> list[str]:
    built = Built("", version="1.0", installed={name: "1.0"})
    about = report(*findings)
    return list(complaints(kept.add(Specimen(name), built, about, truth, compare(name, about, truth, []))))


def test_results_are_sorted_and_survive_the_next_run(tmp_path: Path) -> None:
    file, kept = tmp_path / "results.json", Results()
    assert noted("b", kept) == []
    assert noted("a", kept) == []
    kept.leave_out("c", "no wheel")
    kept.write(file)

    again = Results.read(file, {"a", "b", "c"})
    again.write(tmp_path / "again.json")

    assert (tmp_path / "again.json").read_bytes() == file.read_bytes()
    assert [row["name"] for row in json.loads(file.read_text(encoding="utf-8"))["artifacts"]] == ["a", "b"]
    assert dict(Results.read(file, {"a"}).summary()) | {"artifacts": 1, "left out": 0} == dict(
        Results.read(file, {"a"}).summary()
    )


def test_a_distribution_is_either_there_or_left_out() -> None:
    kept = Results()
    noted("a", kept)
    kept.leave_out("a", "no wheel")
    assert (list(kept.artifacts), kept.left_out) == ([], {"a": "no wheel"})

    noted("a", kept)
    assert (list(kept.artifacts), kept.left_out) == (["a"], {})


def test_somebody_has_to_look_at_false_alarms_and_at_what_nobody_explained() -> None:
    kept = Results()

    said = noted("a", kept, UNLOADABLE, ("upload-size", error("too large")))

    assert said == [
        "FALSE ALARM upload-size: too large\n    where layer.zip",
        f"UNEXPLAINED pkg/_c.abi3.so: {NO_LIBRARY}",
    ]
    figures = dict(kept.summary())
    assert (figures["errors, false alarm"], figures["broken, unexplained"], figures["that import"]) == (1, 1, 1)


def test_every_finding_is_a_line_and_every_check_has_its_figures() -> None:
    one = report(("b", error("two\nlines", "here")), ("a", Finding("…", "…", Severity.WARNING)))
    two = report(("b", error("again", "there")), outcomes={"a": Crashed("KeyError: 1", "…")})

    found = sorted([*static.rows("one", one), *static.rows("two", two)])

    assert [(row.check, row.severity, row.name) for row in found] == [
        ("a", "crash", "two"), ("a", "warning", "one"), ("b", "error", "one"), ("b", "error", "two"),
    ]  # fmt: skip
    assert str(found[2]) == "error    b  one  here  two lines"
    table = [line.split() for line in static.table(found, [*one.results, *two.results])]
    assert table[1:] == [["b", "2", "2", "2", "0", "0", "0", "1.0"], ["a", "1", "0", "0", "1", "1", "1", "1.0"]]


@pytest.mark.network
def test_the_loader_tells_what_loads_and_what_does_not(tmp_path: Path, cache: Path, python: Path) -> None:
    layer = zips.write(
        tmp_path / "layer.zip",
        [
            zips.entry("python/good.py", b""),
            zips.entry("python/crash.py", b"import os\nos.abort()\n"),
            zips.entry("python/lib/broken.so", b"\x7fELF and no more"),
            zips.entry("python/lib/notes.so.txt", b"text"),
        ],
    )
    witness = Witness(engine(Choice.PROCESS, os.environ, cache, None, python), "process", tmp_path, lambda _: None)

    truth = witness.ask(layer, ["good", "crash"])

    assert [(one.name, one.kind, bool(one.error)) for one in truth.tried] == [
        ("good", "module", False),
        ("crash", "module", True),
        ("lib/broken.so", "library", True),
    ]
    assert truth.tried[1].error == "ended with -6"
    # Asked again, it is known; asked for something else, it is not.
    nobody = replace(witness, engine=engine(Choice.NONE, {}, cache, None, None))
    assert nobody.ask(layer, ["good", "crash"]) == truth
    with pytest.raises(Unavailable):
        nobody.ask(layer, ["good"])


def test_the_tables_are_in_order() -> None:
    names = [one.name for one in specimens()]

    assert len(names) == len(set(names)) >= 100
    assert [row for row in explanations() if row.name not in [*names, "*"] or not row.reason or not row.match] == []
    for row in explanations():
        if row.check:
            named(row.check)


def test_the_results_that_are_kept_hold_no_false_alarm() -> None:
    text = results.FILE.read_text(encoding="utf-8")
    kept = json.loads(text)

    assert kept["summary"]["artifacts"] >= 100
    assert [line for row in kept["artifacts"] for line in complaints(row)] == []
    assert kept["artifacts"] == sorted(kept["artifacts"], key=lambda row: str(row["name"]))
    assert {*kept["left_out"], *(row["name"] for row in kept["artifacts"])} == {one.name for one in specimens()}
    # Paths of the function may stand in it, paths of a machine may not.
    assert set(re.findall(r"[\"' (](/(?:home|root|tmp|work|Users)/[^\"' ]*)", text)) == set()
    assert Error.__slots__ == tuple(next(row for row in kept["artifacts"] if row["errors"])["errors"][0])
