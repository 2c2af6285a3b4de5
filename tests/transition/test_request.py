"""What is live, what will be, and the two mixtures between them: which order of updates is safe."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.broken import html_page, mini
from harness.engines.protocol import Answered, Answers, Failed, LambdaError, Observation, Ready, Unavailable
from harness.manifest import Architecture
from harness.model import EngineInfo, ExitCode, Severity
from harness.transition.advice import advice, steps, verdict
from harness.transition.analysis import analyse
from harness.transition.document import rows
from harness.transition.request import FORMATS
from harness.transition.values import Kind, Order, State
from tests.build import event, function, manifest, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.engines.protocol import Job, Progress, Start
    from harness.manifest import Manifest
    from harness.model import Finding
    from harness.policy import RuntimePolicy
    from harness.transition.values import Transition

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "transition-v1.schema.json").read_text(encoding="utf-8"))
HANDLER = "\n\ndef handler(event, context):\n    return {}\n"
LATER = "\n\ndef handler(event, context):\n    import {}\n    return {{}}\n"
BACK = "`update-alias` to the version"
WORKS, FAILS, UNKNOWN = "works", "fails", "unknown"


@dataclass
class Toy:
    """An engine that starts what it can read: a module of imports, of what is beside it or in a layer.

    Attributes:
        runtimes: Those that it has.
    """

    runtimes: tuple[str, ...] = ("python3.12",)
    jobs: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def identity(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> str:
        """See ``harness.engines.protocol.Engine``."""
        del policy, architecture, progress
        return "fake"

    def prepare(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> None:
        """See ``harness.engines.protocol.Engine``."""

    def run(self, job: Job, progress: Progress) -> Answers:
        """See ``harness.engines.protocol.Engine``."""
        progress("starting")
        if job.policy.runtime not in self.runtimes:
            raise Unavailable(f"there is no {job.policy.runtime} here.")
        self.jobs.append((job.policy.runtime, tuple(start.function for start in job.starts)))
        return Answers(EngineInfo("toy", python="3.12.0"), tuple(_toy(job, start) for start in job.starts))


def _toy(job: Job, start: Start) -> Observation:
    module = start.handler.partition(".")[0]
    path = job.task / f"{module}.py"
    text = path.read_text(encoding="utf-8") if path.is_file() else f"import {module}\n"
    if lost := _lost(job, r"(?m)^import (\w+)", text):
        words = f"Unable to import module {module!r}: No module named {lost!r}"
        return Observation(start.function, Failed(LambdaError("Runtime.ImportModuleError", words), 0.1))
    for name in re.findall(r'os\.environ\["(\w+)"\]', text):
        if name not in dict(start.environment):
            return Observation(start.function, Failed(LambdaError("KeyError", repr(name)), 0.1))
    later = _lost(job, r"(?m)^    import (\w+)", text)
    failed = Failed(LambdaError("Runtime.ImportModuleError", f"No module named {later!r}"), 0.1)
    answers = tuple(failed if later else Answered("{}", 0.1) for _ in start.events)
    return Observation(start.function, Ready(0.1), answers)


def _lost(job: Job, pattern: str, text: str) -> str | None:
    places = [job.task, *([job.opt / "python"] if job.opt else [])]
    names = (name for name in re.findall(pattern, text) if name != "os")
    return next((name for name in names if not any((place / f"{name}.py").is_file() for place in places)), None)


@dataclass(frozen=True)
class Release:
    """The archives of a release: modules that the handlers import, and those that the layer has.

    Attributes:
        needs: The modules, by the handler's own.
        has: The layer's; None without a layer.
    """

    needs: Mapping[str, str]
    has: str | None = ""
    more: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path, **changes: Any) -> Manifest:  # noqa: ANN401 - the fields of a function
        folder.mkdir(parents=True, exist_ok=True)
        modules = {
            f"{name}.py": "".join(f"import {one}\n" for one in needs.split()) for name, needs in self.needs.items()
        }
        mini(folder / "code.zip", {name: text + HANDLER for name, text in modules.items()} | dict(self.more))
        layers: tuple[str, ...] = ()
        if self.has is not None:
            names = self.has.split() or ["nothing"]
            mini(folder / "layer.zip", {f"python/{name}.py": f'"""Of {folder.name}."""\n' for name in names})
            layers = (str(folder / "layer.zip"),)
        functions = (
            replace(function(name, f"{name}.handler", code=str(folder / "code.zip"), layers=layers), **changes)
            for name in self.needs
        )
        return manifest(*functions)


@dataclass
class Desk:
    """A place to look at transitions in."""

    folder: Path
    cache: Path
    engine: Toy = field(default_factory=Toy)
    static: bool = False

    def analyse(
        self, old: Release | Manifest, new: Release | Manifest, order: Order | None = None, *, rollback: bool = True
    ) -> Transition:
        before = old.write(self.folder / "live") if isinstance(old, Release) else old
        after = new.write(self.folder / "next") if isinstance(new, Release) else new
        how = settings(self.cache, self.engine, static=self.static)
        return analyse(before, after, how, order, rollback=rollback)


@pytest.fixture
def desk(tmp_path: Path, cache: Path) -> Desk:
    return Desk(tmp_path, cache)


def outcome(transition: Transition, name: str = "api") -> tuple[str, ...]:
    """What a function does before, code first, configuration first, after."""
    return next(row for row in rows(transition) if row[0] == name)[2:6]


def errors(transition: Transition) -> list[tuple[str, str]]:
    told = [one for one in transition.judged if one.finding.severity is Severity.ERROR]
    return [(str(one.state), one.function) for one in told]


def told(transition: Transition, state: State, name: str = "api") -> Finding:
    return next(one.finding for one in transition.judged if (one.state, one.function) == (state, name))


def one(needs: str, has: str | None = "", **more: str) -> Release:
    return Release({"api": needs}, has, more)


class TestOrders:
    """Which order of the two calls is safe, and for whom."""

    @pytest.mark.parametrize(
        ("old", "new", "seen", "safe", "code"),
        [
            (one("a", "a"), one("a", "a b"), (WORKS, "as after", "as before", WORKS), "either", 0),
            (one("a", "a"), one("a b", "a b"), (WORKS, FAILS, WORKS, WORKS), "configuration first", 0),
            (one("a b", "a b"), one("a", "a"), (WORKS, WORKS, FAILS, WORKS), "code first", 0),
            (one("a", "a"), one("b", "b"), (WORKS, FAILS, FAILS, WORKS), "at once", 1),
            (one("a", "a"), one("b", None, **{"b.py": ""}), (WORKS, WORKS, FAILS, WORKS), "code first", 0),
        ],
        ids=["both", "a new import", "an import less", "another library", "moved into the code"],
    )
    @pytest.mark.parametrize("static", [False, True], ids=["started", "static"])
    def test_what_the_mixtures_do_decides(  # noqa: PLR0913, PLR0917 - the row
        self,
        desk: Desk,
        old: Release,
        new: Release,
        seen: tuple[str, ...],
        safe: str,
        code: int,
        static: bool,  # noqa: FBT001 - the case
    ) -> None:
        desk.static = static
        if safe == "either":  # the archives differ both, in what nobody imports
            old, seen = replace(old, more={"notes.txt": "old"}), (WORKS,) * 4

        transition = desk.analyse(old, new)

        assert outcome(transition) == seen
        assert next(rows(transition))[-1] == safe
        assert transition.exit_code == code
        assert transition.static is static

    def test_each_pair_of_archives_is_one_job(self, desk: Desk) -> None:
        desk.analyse(
            Release({"api": "a", "job": "a"}, "a"), Release({"api": "a", "job": "a", "new": ""}, "a b", {"x": ""})
        )

        assert [names for _, names in desk.engine.jobs] == [("api", "job", "new"), *[("api", "job")] * 3]

    def test_functions_that_share_an_archive_take_the_same_order(self, desk: Desk) -> None:
        transition = desk.analyse(Release({"api": "a", "job": "b"}, "a b"), Release({"api": "c", "job": "b"}, "b c"))

        assert [row[-1] for row in rows(transition)] == ["at once", "at once"]
        assert outcome(transition, "job") == (WORKS,) * 4
        assert errors(transition) == [("code-first", "api"), ("configuration-first", "api")]

    def test_two_functions_can_need_opposite_orders_and_then_only_a_switch_is_safe(self, desk: Desk) -> None:
        transition = desk.analyse(Release({"api": "a", "job": "b"}, "a b"), Release({"api": "a c", "job": ""}, "a c"))

        assert errors(transition) == [("code-first", "api"), ("configuration-first", "job")]
        assert advice(transition) == "no order of the two calls is safe for api, job"
        assert "update-alias" in (told(transition, State.CODE_FIRST).remedy or "")

    def test_functions_with_archives_of_their_own_each_have_an_order(self, desk: Desk) -> None:
        def both(folder: str, api: Release, job: Release) -> Manifest:
            parts = [release.write(desk.folder / folder / name) for name, release in (("api", api), ("job", job))]
            return manifest(*(one for part in parts for one in part.functions))

        transition = desk.analyse(
            both("live", Release({"api": "a"}, "a"), Release({"job": "b c"}, "b c")),
            both("next", Release({"api": "a b"}, "a b"), Release({"job": "b"}, "b")),
        )

        assert [row[-1] for row in rows(transition)] == ["configuration first", "code first"]
        assert transition.safe == (Order.ATOMIC,)
        assert advice(transition) == "each group of functions has a safe order of its own"
        assert dict(steps(transition)) == {"order": "job: code first"}
        assert transition.exit_code is ExitCode.OK

    @pytest.mark.parametrize(
        ("order", "code", "said"),
        [
            (None, ExitCode.OK, "configuration first is safe"),
            (Order.CONFIGURATION_FIRST, ExitCode.OK, "configuration first is safe"),
            (Order.CODE_FIRST, ExitCode.FINDINGS, "code first is not safe"),
            (Order.ATOMIC, ExitCode.OK, "both versions work, and no caller meets a mixture"),
        ],
    )
    def test_a_declared_order_is_held_to(self, desk: Desk, order: Order | None, code: ExitCode, said: str) -> None:
        transition = desk.analyse(one("a", "a"), one("a b", "a b"), order)

        assert transition.exit_code is code
        assert verdict(transition) == said

    def test_of_a_switch_at_once_only_the_ends_are_looked_at(self, desk: Desk) -> None:
        transition = desk.analyse(one("a", "a"), one("b", "b"), Order.ATOMIC)

        assert outcome(transition) == (WORKS, "-", "-", WORKS)
        assert transition.exit_code is ExitCode.OK
        assert len(desk.engine.jobs) == 2

    def test_the_way_back_is_the_same_way_in_reverse(self, desk: Desk) -> None:
        way = dict(steps(desk.analyse(one("a", "a"), one("a b", "a b"))))

        assert way["order"].startswith("configuration first: `update-function-configuration`")
        assert way["back"] == "the same way in reverse: code first"

    @pytest.mark.parametrize(
        ("old", "new", "safe", "said", "back"),
        [
            (
                one("a", "a"),
                one("b", "b"),
                "at once, by an alias",
                "both versions work",
                "`update-alias` to the version",
            ),
            (
                one("a", "a"),
                one("a", "a b"),
                "at once, by an alias",
                "both versions work",
                "`update-alias` to the version",
            ),
            (one("a b", "a"), one("a", "a"), "at once, by an alias", "the new version works", "none for api"),
            (one("a", "a"), one("a b", "a"), "-", "the new version does not work", None),
            (one("a", "a"), one("a", "a"), "-", "nothing is updated", None),
        ],
        ids=["two archives", "one", "the deployed one is broken", "the new one is", "nothing changes"],
    )
    def test_what_a_switch_at_once_means_for_a_function(  # noqa: PLR0913, PLR0917 - the row
        self, desk: Desk, old: Release, new: Release, safe: str, said: str, back: str | None
    ) -> None:
        before = old.write(desk.folder / "live")
        after = before if old == new else new.write(desk.folder / "next")

        transition = desk.analyse(before, after, Order.ATOMIC, rollback=False)

        assert next(rows(transition))[-1] == safe
        assert verdict(transition).startswith(said)
        way = dict(steps(transition))
        assert ("back" in way) is (back is not None)
        if back is not None:
            assert way["back"].startswith(back)
            assert "`publish-version`, then `update-alias`" in way["order"]
            assert way["note"].startswith("api: `deployed-as` names no alias")

    def test_the_alias_that_is_switched_is_named(self, desk: Desk) -> None:
        new = one("b", "b").write(desk.folder / "next", deployed_as="parcel-desk-api:live")

        transition = desk.analyse(one("a", "a"), new, Order.ATOMIC)

        assert next(rows(transition))[-1] == "at once, alias live"
        assert [label for label, _ in steps(transition)] == ["order", "back"]


class TestEnds:
    """The deployed version, and the new one."""

    def test_a_goal_that_fails_comes_first_and_the_rest_is_secondary(self, desk: Desk) -> None:
        transition = desk.analyse(one("a", "a"), one("a b", "b"))

        assert errors(transition) == [("after", "api")]
        assert [str(one.state) for one in transition.judged] == ["after", "code-first", "configuration-first"]
        assert verdict(transition) == "the new version does not work"
        assert "live/layer.zip has it" in (told(transition, State.AFTER).cause or "")
        assert (
            told(transition, State.CODE_FIRST).remedy == "correct the new version first: then see which order is safe"
        )

    def test_a_way_back_that_does_not_start_is_an_error_and_says_which_half_is_at_fault(self, desk: Desk) -> None:
        transition = desk.analyse(one("a b", "a"), one("a", "a b"))

        assert errors(transition) == [("before", "api")]
        finding = told(transition, State.BEFORE)
        assert finding.message == "Runtime.ImportModuleError: Unable to import module 'api': No module named 'b'"
        assert (finding.cause or "").split("\n")[:2] == [
            "this is the deployed version, which a rollback brings back",
            "the old configuration is at fault: the same code works with the new one",
        ]
        assert re.search(
            r"b: \S+/next/layer\.zip has it \(python/b\.py\), and \S+/live/layer\.zip does not", str(finding)
        )

    def test_old_code_that_is_at_fault_is_told_from_an_old_layer(self, desk: Desk) -> None:
        transition = desk.analyse(one("a x", "a"), one("a", "a b"))

        assert "the old code is at fault" in (told(transition, State.BEFORE).cause or "")

    def test_the_deploy_that_mends_what_is_live_can_be_let_pass(self, desk: Desk) -> None:
        transition = desk.analyse(one("a b", "a"), one("a b", "a b", **{"fix.txt": ""}), rollback=False)

        assert transition.exit_code is ExitCode.OK
        assert outcome(transition) == (FAILS, FAILS, WORKS, WORKS)
        assert told(transition, State.BEFORE).severity is Severity.WARNING

    @pytest.mark.parametrize("static", [False, True], ids=["started", "static"])
    @pytest.mark.parametrize(
        ("old", "new", "seen", "state", "cause"),
        [
            # The new code was started with the new configuration, and the old code never worked with anything.
            (one("a b", "a"), one("a b", "a b", x=""), (FAILS, FAILS, WORKS, WORKS), State.CODE_FIRST, None),
            (
                one("x", "a"),
                one("c", "c"),
                (FAILS, FAILS, FAILS, WORKS),
                State.CONFIGURATION_FIRST,
                "the same code fails the same way with the old configuration",
            ),
            (
                one("a x", "a"),
                one("c", "c"),
                (FAILS, FAILS, FAILS, WORKS),
                State.CONFIGURATION_FIRST,
                "No module named 'x') with the old configuration",
            ),
            (
                one("a", "a"),
                one("c x", "c"),
                (WORKS, FAILS, FAILS, FAILS),
                State.CODE_FIRST,
                "No module named 'x') with the new configuration",
            ),
        ],
        ids=["the deploy mends it", "old code never worked", "old code fails otherwise", "new code never works"],
    )
    def test_each_state_is_told_as_it_was_seen(  # noqa: PLR0913, PLR0917 - the row
        self,
        desk: Desk,
        old: Release,
        new: Release,
        seen: tuple[str, ...],
        state: State,
        cause: str | None,
        static: bool,  # noqa: FBT001 - the case
    ) -> None:
        desk.static = static

        transition = desk.analyse(old, new, rollback=False)

        assert outcome(transition) == seen
        said = told(transition, state).cause or ""
        assert cause is None or cause in said
        assert "the same code works with the old configuration" not in said
        if transition.exit_code is ExitCode.OK:
            assert advice(transition) == "the deployed version does not work, so no order makes it worse"
            assert dict(steps(transition))["back"].startswith("none for api: the deployed version does not work")

    def test_what_could_not_be_started_is_not_said_to_work(self, desk: Desk) -> None:
        before, after = (one("a", "a", x=name).write(desk.folder / name) for name in ("live", "next"))
        desk.engine.runtimes = ("python3.13",)

        transition = desk.analyse(before, replace(after, runtime="python3.13"))

        assert outcome(transition) == (UNKNOWN, UNKNOWN, WORKS, WORKS)
        assert dict(steps(transition))["back"] == "not known for api: the deployed version could not be observed"

    def test_without_an_engine_nothing_is_said_to_have_worked(self, desk: Desk) -> None:
        desk.static = True

        transition = desk.analyse(one("a b", "a"), one("a", "a b"))

        cause = told(transition, State.BEFORE).cause or ""
        assert "the old configuration is at fault: the same code finds what it imports with the new one" in cause
        assert "works" not in cause

    def test_a_mixture_is_no_worse_than_what_is_down_already(self, desk: Desk) -> None:
        transition = desk.analyse(one("a b", "a"), one("a b", "a b", **{"fix.txt": ""}))

        assert told(transition, State.CODE_FIRST).severity is Severity.WARNING

    def test_functions_of_one_side_alone_are_named(self, desk: Desk) -> None:
        transition = desk.analyse(
            Release({"api": "a", "gone": "x"}, "a"), Release({"api": "a", "extra": "b"}, "a b", {"n": ""})
        )

        assert {way.name: way.kind for way in transition.ways} == {
            "api": Kind.CHANGED,
            "extra": Kind.NEW,
            "gone": Kind.REMOVED,
        }
        assert outcome(transition, "extra") == ("-", "-", "-", WORKS)
        assert outcome(transition, "gone") == ("-",) * 4
        assert [note.partition(":")[0] for note in transition.notes] == ["extra", "gone"]
        assert transition.exit_code is ExitCode.OK

    def test_nothing_is_mixed_where_one_call_is_enough(self, desk: Desk) -> None:
        transition = desk.analyse(one("a", "a"), one("a", "a b"))

        assert outcome(transition) == (WORKS, "as before", "as after", WORKS)
        assert advice(transition) == "UpdateFunctionConfiguration alone is called, and nothing is mixed"
        assert len(desk.engine.jobs) == 2

    def test_what_is_unchanged_is_looked_at_once(self, desk: Desk) -> None:
        transition = desk.analyse(one("a", "a"), replace(one("a", "a").write(desk.folder / "live")))

        assert next(rows(transition))[1] == "unchanged"
        assert outcome(transition) == ("as after", "as after", "as after", WORKS)
        assert (advice(transition), len(desk.engine.jobs)) == ("nothing is updated", 1)

    def test_a_layer_that_was_packed_again_is_not_another(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        same = one("a", None)
        old, new = same.write(desk.folder / "live"), same.write(desk.folder / "next")
        (desk.folder / "live/code.zip").write_bytes((desk.folder / "next/code.zip").read_bytes())
        for folder, when in (("live", "1000000000"), ("next", "1700000000")):
            monkeypatch.setenv("SOURCE_DATE_EPOCH", when)
            mini(desk.folder / folder / "code.zip", {"api.py": HANDLER})

        transition = desk.analyse(old, new)

        before, after = (side.artifacts[0].sha256 for side in (transition.before, transition.after))
        assert before != after, "the bytes differ, and what is in them does not"
        assert transition.ways[0].kind is Kind.UNCHANGED


class TestConfiguration:
    """What ``UpdateFunctionConfiguration`` brings beside layers."""

    def analyse(
        self, desk: Desk, old: Release, new: Release, was: Mapping[str, object], will: Mapping[str, object]
    ) -> Transition:
        return desk.analyse(old.write(desk.folder / "live", **was), new.write(desk.folder / "next", **will))

    def test_a_variable_that_new_code_reads_has_to_come_first(self, desk: Desk) -> None:
        reading = Release({"api": ""}, "a", {"api.py": f'import os\nos.environ["TOKEN_URL"]{HANDLER}'})

        transition = self.analyse(desk, one("", "a"), reading, {}, {"environment": (("TOKEN_URL", "hush-hush"),)})

        assert outcome(transition) == (WORKS, FAILS, WORKS, WORKS)
        cause = told(transition, State.CODE_FIRST).cause or ""
        assert "TOKEN_URL: the new environment has it, the old one does not have it" in cause
        assert "environment (none)" in cause

    def test_values_of_variables_are_never_told(self, desk: Desk) -> None:
        was, will = {"environment": (("A", "canary-old"),)}, {"environment": (("A", "canary-new"),)}

        transition = self.analyse(desk, one("", "a"), one("", "a", x=""), was, will)

        for text in (render(transition) for render in FORMATS.values()):
            assert "canary" not in text
            assert "environment" in text

    def test_a_handler_that_moves_has_the_old_name_until_the_configuration_is_updated(self, desk: Desk) -> None:
        old, new = Release({"api": ""}), Release({"service": ""})
        before, after = old.write(desk.folder / "live"), new.write(desk.folder / "next")
        after = manifest(*(replace(one, name="api") for one in after.functions))

        transition = desk.analyse(before, after)

        assert outcome(transition) == (WORKS, FAILS, FAILS, WORKS)
        cause = told(transition, State.CODE_FIRST).cause or ""
        assert (
            "the handler's name is configuration: it is api.handler there, and service.handler is what is wanted"
            in cause
        )
        assert "the old handler's module for one more deploy" in (told(transition, State.CODE_FIRST).remedy or "")

    def test_a_runtime_is_configuration_too(self, desk: Desk) -> None:
        desk.engine.runtimes = ("python3.12", "python3.13")
        old, new = one("a", "a"), one("a", "a", x="")
        before, after = old.write(desk.folder / "live"), new.write(desk.folder / "next")

        transition = desk.analyse(before, replace(after, runtime="python3.13"))

        assert [runtime for runtime, _ in desk.engine.jobs] == ["python3.13", "python3.12", "python3.12", "python3.13"]
        assert {ran.runtime for ran in transition.ran} == {"python3.12", "python3.13"}
        assert next(rows(transition))[1] == "code, layers, runtime"

    def test_a_runtime_that_is_not_here_leaves_the_order_unknown(self, desk: Desk) -> None:
        before, after = (one("a", "a", x=folder).write(desk.folder / folder) for folder in ("live", "next"))

        transition = desk.analyse(replace(before, runtime="python3.11"), after)

        assert outcome(transition) == (UNKNOWN, UNKNOWN, WORKS, WORKS)
        assert transition.exit_code is ExitCode.INCOMPLETE
        assert {(str(one.state), one.reason) for one in transition.undone} == {
            ("before", "there is no python3.11 here."),
            ("code-first", "there is no python3.11 here."),
        }

    def test_the_architecture_comes_with_the_code(self, desk: Desk) -> None:
        before, after = (one("a", "a").write(desk.folder / folder) for folder in ("live", "next"))

        transition = desk.analyse(before, replace(after, architecture=Architecture.ARM64))

        assert [change.what for change in transition.ways[0].changes if change.of_code] == ["architecture"]

    def test_events_come_with_the_code_that_answers_them(self, desk: Desk) -> None:
        late = Release({"api": ""}, "a b", {"api.py": LATER.format("b")})

        transition = self.analyse(desk, one("", "a"), late, {}, {"events": (event(),)})

        assert outcome(transition) == (WORKS, FAILS, WORKS, WORKS)
        assert told(transition, State.CODE_FIRST).message == "Runtime.ImportModuleError: No module named 'b'"

    def test_what_is_imported_later_counts_without_an_event_too(self, desk: Desk) -> None:
        late = Release({"api": ""}, "a b", {"api.py": LATER.format("b")})

        transition = desk.analyse(one("", "a"), late)

        assert outcome(transition) == (WORKS, FAILS, WORKS, WORKS)
        finding = told(transition, State.CODE_FIRST)
        assert (finding.message, finding.where) == ("No module named 'b'", "/var/task/api.py:4")

    def test_an_event_that_old_code_never_understood_is_not_held_against_it(self, desk: Desk) -> None:
        late = Release({"api": ""}, "a", {"api.py": LATER.format("nowhere")})

        transition = self.analyse(desk, late, one("", "a", x=""), {"events": (event(),)}, {"memory": 1024})

        assert outcome(transition) == (WORKS,) * 4
        assert transition.notes == (
            "api: the deployed version does not answer event.json as expected; this does not count",
        )


class TestArchives:
    """Archives that cannot be brought together, or read."""

    def test_a_mixture_over_the_quota_is_refused_by_the_call(self, desk: Desk) -> None:
        """Terraform updates the configuration first, and fails so (terraform-provider-aws#45012)."""
        desk.static = True
        large = bytes(140_000_000)
        for folder, code, layer in (("live", large, b""), ("next", b"", large)):
            mini(desk.folder / f"{folder}-code.zip", {"api.py": HANDLER, "data.bin": code})
            mini(desk.folder / f"{folder}-layer.zip", {"data.bin": layer})
        live, future = (
            manifest(
                function(
                    "api",
                    "api.handler",
                    code=str(desk.folder / f"{folder}-code.zip"),
                    layers=(str(desk.folder / f"{folder}-layer.zip"),),
                )
            )
            for folder in ("live", "next")
        )

        transition = desk.analyse(live, future)

        assert outcome(transition) == (WORKS, WORKS, FAILS, WORKS)
        finding = told(transition, State.CONFIGURATION_FIRST)
        assert finding.message.startswith("Function code combined with layers exceeds the maximum allowed size")
        assert "Lambda refuses the call, and the deployed version stays" in (finding.cause or "")

    def test_an_archive_that_is_none_leaves_it_unknown(self, desk: Desk) -> None:
        before, after = (one("a", "a", x=folder).write(desk.folder / folder) for folder in ("live", "next"))
        (desk.folder / "live/layer.zip").write_bytes(html_page()(b""))

        transition = desk.analyse(before, after)

        assert outcome(transition) == (UNKNOWN, UNKNOWN, WORKS, WORKS)
        assert transition.exit_code is ExitCode.INCOMPLETE
        assert "could not be read; archive-integrity says why" in transition.undone[0].reason

    def test_archives_of_one_name_are_told_apart_by_their_folders(self, desk: Desk) -> None:
        before, after = (one("a", "a", x=folder).write(desk.folder / folder) for folder in ("live", "next"))

        def short(declared: Manifest) -> Manifest:
            functions = (
                replace(
                    one, code=replace(one.code, text="code.zip"), layers=(replace(one.layers[0], text="layer.zip"),)
                )
                for one in declared.functions
            )
            return replace(declared, functions=tuple(functions))

        transition = desk.analyse(short(before), short(after))

        assert [artifact.source.split("/")[-2:] for artifact in transition.before.artifacts] == [
            ["live", "code.zip"],
            ["live", "layer.zip"],
        ]


DURABLE = """\
from aws_durable_execution_sdk_python import DurableContext, durable_execution, durable_step


@durable_step
def {charge}(step):
    return 1


@durable_execution
def handler(event, context: DurableContext):
{body}
"""
CHARGE, NOTIFY, AUDIT = (
    f"    context.step({called}, name={name!r})\n"
    for called, name in (("lambda _: 1", "charge"), ("lambda _: 2", "notify"), ("lambda _: 3", "audit"))
)
BY_NAME = "    context.step(charge())\n"
IF = "    if event.get('audit'):\n    "


class TestReplay:
    """What is suspended during the deployment resumes on the new code."""

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            (CHARGE + NOTIFY, CHARGE, "the new code has no step 'notify'"),
            (CHARGE + NOTIFY, CHARGE.replace("charge", "pay") + NOTIFY, "the new code has no step 'charge'"),
            (BY_NAME, BY_NAME.replace("charge", "pay"), "the new code has no step 'charge'"),
            (CHARGE + NOTIFY, CHARGE + AUDIT + NOTIFY, "step 'audit' is new and comes before step 'notify'"),
            (CHARGE + NOTIFY, CHARGE + NOTIFY + AUDIT, None),
            (CHARGE + NOTIFY, CHARGE + IF + AUDIT + NOTIFY, None),
            (CHARGE, BY_NAME, None),
            (CHARGE, CHARGE.replace("1", "11"), None),
            ("    return 1\n", CHARGE, None),
        ],
    )
    def test_the_old_history_has_to_fit_the_new_code(self, desk: Desk, old: str, new: str, said: str | None) -> None:
        desk.static = True
        sides: list[Manifest] = []
        for name, body in (("live", old), ("next", new)):
            charge = "pay" if "(pay())" in body else "charge"
            release = Release({"api": ""}, None, {"api.py": DURABLE.format(body=body, charge=charge)})
            sides.append(replace(release.write(desk.folder / name), runtime="python3.13"))

        found = [one.finding for one in desk.analyse(sides[0], sides[1]).judged]
        assert [one.message.rpartition("history: ")[2] for one in found] == ([said] if said else [])
        assert all(one.severity is Severity.WARNING and "use an alias" in (one.remedy or "") for one in found)

        pinned = [replace(one, functions=(replace(one.functions[0], deployed_as="api:live"),)) for one in sides]
        assert not desk.analyse(pinned[0], pinned[1]).judged


def test_functions_with_runtimes_of_their_own_are_compared_by_them(desk: Desk) -> None:
    old, new = (Release({"api": ""}, None).write(desk.folder / "live", runtime=name) for name in ("python3.11", None))

    (way,) = desk.analyse(old, new).ways

    assert [(change.what, change.before, change.after) for change in way.changes] == [
        ("runtime", "python3.11", "python3.12")
    ]
