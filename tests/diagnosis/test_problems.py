from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from harness.diagnosis.fingerprints import fingerprint, fingerprints
from harness.diagnosis.problems import bad_files, problems
from harness.model import (
    Completed,
    Defect,
    Edit,
    Fault,
    Finding,
    FunctionInfo,
    NotApplicable,
    Outcome,
    Place,
    Problem,
    Report,
    Result,
    Severity,
    Skipped,
    Stage,
    Waived,
)
from tests.reporters.reports import CODE, LAYER, MISSING, PASSED, report, result

ADD = Edit("add defusedxml==0.7.1", Place("requirements.txt"))
REKEY = Edit("put requirements.txt into the key", Place(".github/workflows/deploy.yml", 12))
REBUILD = Edit("build layer.zip again from requirements.txt")
XML = Fault(Defect.NO_DISTRIBUTION, "defusedxml")
START = replace(MISSING, stage=Stage.START, faults=(XML,), edits=(ADD, REKEY, REBUILD))
STATIC = replace(START, message=f"{START.message} (static)", functions=("api",), spared=("worker",))
LEFT_OUT = Finding("defusedxml is not in requirements.txt", "pyproject.toml:3", faults=(XML,))
UNKEYED = Finding("the cache is keyed on poetry.lock", "deploy.yml:12", Severity.WARNING, edits=(REKEY,))
PILLOW = Finding("No module named 'PIL'", "/var/task/a.py:1", edits=(replace(ADD, do="add pillow"), REBUILD))
OLD = Finding("pydantic 1 is built in", "layer.zip!pydantic", edits=(REBUILD,))
REFUSED = Finding("270 MB", "layer.zip", stage=Stage.DEPLOY)
ANSWER = replace(MISSING, message="KeyError: 'a'", where="handler app.main.handler, event a", stage=Stage.EVENT)
LOADED = Finding(
    "undefined symbol: x", "layer.zip!a.so", Severity.WARNING, faults=bad_files(["/opt/a.so", "/opt/b.so"])
)
IMPORTED = Finding("file too short", "layer.zip!b.so", Severity.WARNING, faults=bad_files(["/opt/b.so"]))
LATER = Finding("a version is missing", "requirements.txt:3", Severity.WARNING)


def of(*said: tuple[str, str | None, Finding]) -> Report:
    return report(*(result(check, Completed((finding,)), function) for check, function, finding in said))


def told(found: tuple[Problem, ...]) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.title, one.functions) for one in found]


def test_what_the_same_edits_mend_is_one_problem() -> None:
    said = [
        ("handler-imports", "api", START),
        ("imports-resolve", None, STATIC),
        ("declared-dependencies", None, LEFT_OUT),
        ("layer-fresh", None, UNKEYED),
        ("handler-responds", "worker", ANSWER),
    ]
    for order in permutations(said):
        first, second = problems(of(*order))
        assert (first.title, first.functions) == ("No module named 'defusedxml'", ("api",))
        assert first.edits == (ADD, REKEY, REBUILD)
        assert len(first.findings) == 4
        assert first.not_affected == (), "the worker fails too, although for something else"
        assert second.title == "KeyError: 'a'"


@pytest.mark.parametrize(
    ("findings", "count"),
    [
        ((PILLOW, START), 2),  # that both end with the same step makes them no one problem
        ((PILLOW, START, OLD), 2),  # what that step alone mends goes with one of them
        ((OLD, replace(OLD, message="attrs 1 is built in")), 1),
        ((LATER, replace(LATER, message="another")), 2),
        ((LATER, LATER), 1),
        ((replace(LATER, remedy="pin it"), replace(LATER, message="b", remedy="pin it")), 2),  # at two places
        ((UNKEYED, START), 1),
        ((LOADED, IMPORTED), 1),
        ((UNKEYED, replace(START, severity=Severity.WARNING)), 1),
    ],
)
def test_what_is_one_problem(findings: tuple[Finding, ...], count: int) -> None:
    found = problems(report(result("a", Completed(findings))))

    assert len(found) == count
    assert sorted(at for one in found for at in one.findings) == [(0, number) for number in range(len(findings))]


HANDLER = "Runtime.HandlerNotFound: Handler 'handler' missing on module 'app.main'"
NATIVE = "layer.zip!python/a/fast.cpython-312-x86_64-linux-gnu.so"
ALEMBIC = Fault(Defect.NO_FILE, "/var/task/alembic.ini")
NUMPY = Fault(Defect.FOREIGN, "numpy")
ARM = Fault(Defect.FOREIGN, "layer.zip, Linux on arm64")


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        (Finding(HANDLER, "handler app.main.handler"), Finding(HANDLER, "/var/task/app/main.py"), 1),
        (Finding(HANDLER, "a"), Finding(HANDLER.replace("app.main", "app.jobs"), "b"), 2),
        (
            Finding("libGL.so.1: cannot open shared object file: No such file or directory", NATIVE),
            Finding("x", NATIVE),
            1,
        ),
        (Finding("x", NATIVE), Finding("x", NATIVE.replace("fast", "slow")), 2),
        (
            Finding("/opt/python/a/b.so: file too short", "/var/task/a.py:1"),
            Finding("empty", "layer.zip!python/a/b.so"),
            1,
        ),
        (
            Finding(
                "required file alembic.ini: not in the artifact", "code.zip: /var/task/alembic.ini", faults=(ALEMBIC,)
            ),
            Finding("No config file 'alembic.ini' found, or file has no '[alembic]' section", "/var/task/a.py:3"),
            1,
        ),
        (Finding("No module named 'a.b'", "x.py:1"), Finding("No module named 'a.c'", "x.py:2"), 2),
        (Finding("numpy", "a", faults=(NUMPY, ARM)), Finding("No module named 'numpy._core'", "b", faults=(NUMPY,)), 1),
        (Finding("numpy", "a", faults=(NUMPY, ARM)), Finding("pandas", "b", faults=(ARM,)), 1),
    ],
)
def test_two_checks_that_see_one_thing_say_it_once(one: Finding, other: Finding, count: int) -> None:
    assert len(problems(of(("a", None, one), ("b", None, other)))) == count


LINE = "/var/task/app.py:2"
SEEN = Finding("OSError: [Errno 30] Read-only file system: 'out.txt'", LINE, remedy="write below /tmp only")
FORESEEN = Finding("'/var/task/out.txt': open writes to it", LINE, remedy="write to /tmp/out.txt", functions=("api",))


@pytest.mark.parametrize(
    ("seen", "foreseen", "remedies"),
    [
        (SEEN, FORESEEN, [["write to /tmp/out.txt"]]),
        (SEEN, replace(FORESEEN, functions=("worker",)), [["write below /tmp only"], ["write to /tmp/out.txt"]]),
        (SEEN, replace(FORESEEN, where="/var/task/app.py:3"), [["write below /tmp only"], ["write to /tmp/out.txt"]]),
        (SEEN, replace(FORESEEN, severity=Severity.WARNING), [["write below /tmp only"], ["write to /tmp/out.txt"]]),
        # Of two modules on one line, the runtime misses the first.
        (
            replace(SEEN, message="No module named 'a'", remedy="add a"),
            replace(FORESEEN, message="No module named 'b'", remedy="add b"),
            [["add a"], ["add b"]],
        ),
        # What has no line may be anywhere.
        (
            replace(SEEN, where="api"),
            replace(FORESEEN, where="api"),
            [["write below /tmp only"], ["write to /tmp/out.txt"]],
        ),
        (
            replace(SEEN, message="PermissionError: [Errno 13] Permission denied: '/var/task/app.py'"),
            replace(FORESEEN, where="code.zip!a.py", faults=(Fault(Defect.UNREADABLE, "/var/task/app.py"),)),
            [["write to /tmp/out.txt"]],
        ),
        # What it knows of the fault itself, and not by its words alone, the runtime's is the remedy.
        (
            replace(SEEN, faults=(Fault(Defect.UNREADABLE, "/var/task/app.py"),)),
            replace(FORESEEN, where="code.zip!a.py", faults=(Fault(Defect.UNREADABLE, "/var/task/app.py"),)),
            [["write below /tmp only"]],
        ),
    ],
)
def test_what_was_seen_and_foreseen_on_a_line_is_one_problem(
    seen: Finding, foreseen: Finding, remedies: list[list[str]]
) -> None:
    for said in permutations([("handler-imports", "api", seen), ("write-outside-tmp", None, foreseen)]):
        found = problems(of(*said))
        assert sorted([edit.do for edit in one.edits] for one in found) == remedies


def test_the_worst_comes_first() -> None:
    worker = replace(START, faults=(), edits=(), message="Runtime.ImportModuleError: another", stage=None)
    said = [
        ("unpinned", None, LATER),
        ("unzipped-size", None, REFUSED),
        ("symbols", None, Finding("it has no stage", "layer.zip!a.so")),
        ("handler-responds", "api", ANSWER),
        ("handler-imports", "worker", worker),
    ]
    order = [
        ("Runtime.ImportModuleError: another", ("worker",)),
        ("KeyError: 'a'", ("api",)),
        ("270 MB", ("api", "worker")),  # what AWS refuses stops all
        ("it has no stage", ()),
        ("a version is missing", ()),
    ]

    assert told(problems(of(*said))) == told(problems(of(*reversed(said)))) == order


NAMES = ("api", "worker", "cleanup")


@pytest.mark.parametrize(
    ("outcomes", "static", "spared"),
    [
        ({"api": Completed((START,)), "worker": Completed(), "cleanup": Completed()}, (), ("worker", "cleanup")),
        ({"api": Completed((START,)), "worker": Skipped("no"), "cleanup": Completed()}, (), ("cleanup",)),
        ({"api": Completed((START,)), "worker": Completed((ANSWER,))}, ("worker", "cleanup"), ("cleanup",)),
        ({"api": Completed((START,)), "worker": Completed((LATER,))}, (), ("worker",)),
        ({"api": Completed((START,)), "worker": NotApplicable("static")}, (), ()),
        ({}, ("worker",), ("worker",)),
    ],
    ids=["started", "not-started", "failed", "with-a-warning", "nothing-known", "static"],
)
def test_who_is_not_affected(outcomes: dict[str, Outcome], static: tuple[str, ...], spared: tuple[str, ...]) -> None:
    results = [result("handler-imports", outcome, name) for name, outcome in outcomes.items()]
    functions = tuple(FunctionInfo(name, f"{name}.handler") for name in NAMES)
    found = Completed((replace(STATIC, spared=static),))
    given = replace(report(result("imports-resolve", found), *results), functions=functions)

    assert problems(given)[0].not_affected == spared


def test_waived_findings_are_no_problem() -> None:
    assert problems(report(result("a", Completed((), (Waived(START, "why"),))))) == problems(PASSED) == ()


def test_an_id_is_that_of_the_cause() -> None:
    (first,) = problems(of(("handler-imports", "api", START)))
    (again,) = problems(of(("declared-dependencies", None, LEFT_OUT), ("handler-imports", "worker", START)))
    (other,) = problems(of(("handler-imports", "api", replace(START, faults=()))))

    assert first.id == again.id != other.id


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (MISSING, replace(MISSING, where="/var/task/app/services/carriers/usps.py:70", cause="b", remedy="c"), True),
        (replace(LATER, where="build/layer.zip!a.so"), replace(LATER, where="/ci/4711/layer.zip!a.so"), True),
        (replace(LATER, message="init took 12.6 s"), replace(LATER, message="init took 11 s"), True),
        (replace(LATER, message="needs /home/a/b/c.py"), replace(LATER, message="needs /ci/4711/c.py"), True),
        (replace(LATER, message="a.so and 3 more"), replace(LATER, message="a.so and 12 more"), True),
        (replace(LATER, message="in /opt/a.so"), replace(LATER, message="in /opt/b/a.so"), False),
        (replace(LATER, message="libfoo.so.1"), replace(LATER, message="libfoo.so.2"), False),
        (LATER, replace(LATER, message="b"), False),
        (LATER, replace(LATER, where="b"), False),
    ],
)
def test_a_fingerprint_stands_for_what_is_wrong(one: Finding, other: Finding, *, same: bool) -> None:
    archives = CODE, LAYER, replace(LAYER, source="/ci/4711/layer.zip")

    prints = [fingerprint("a", None, finding, archives) for finding in (one, other)]
    assert (prints[0] == prints[1]) is same


def test_fingerprints_of_a_result_differ() -> None:
    again = replace(MISSING, where=f"{MISSING.where}0")
    prints = fingerprints(result("a", Completed((MISSING, LATER, again))), ())

    assert len(set(prints)) == 3
    assert fingerprints(result("a", Completed((again, MISSING, LATER))), ()) == (prints[2], *prints[:2])
    assert fingerprints(result("a", Completed((LATER, again), (Waived(MISSING, "b"),))), ()) == (
        prints[1],
        prints[2],
        prints[0],
    )
    assert fingerprints(Result("a", "A.", "api", Completed((MISSING,)), 0.1), ()) != prints[:1]
