"""What is said of an account, and what is not: a false alarm is as bad as a miss."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from harness.model import Note, Severity
from harness.preflight import layer_rules
from harness.preflight.account import Alias, CodeSigning, DeployedFunction, Undone, Variables
from harness.preflight.comparison import row
from harness.preflight.deployment import PlannedArchive
from harness.preflight.rule import Context
from tests.build import code
from tests.preflight.values import (
    CODE,
    DEPS1,
    DEPS2,
    DEPS3,
    EXTENSION,
    HOME,
    HOTFIX,
    LAYER,
    TODAY,
    VENDOR,
    day,
    deployed,
    findings,
    live,
    notes,
    planned,
    room,
    rule_results,
    scene,
    shelf,
    version,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.preflight.account import FunctionVersion, Layer, LayerRef

ERROR, WARNING = Severity.ERROR, Severity.WARNING
DECLARED = PlannedArchive(DEPS2.arn, "two", arn=DEPS2)


def at(
    number: str, code: str, modified: int, name: str = "api", layers: Sequence[LayerRef] = (DEPS1,)
) -> FunctionVersion:
    return live(name, version=number, code_sha256=code, modified=day(modified), layers=layers)


def released(name: str, latest: str, number: str, code: str, modified: int) -> DeployedFunction:
    """A function whose alias ``live`` points to a version."""
    return deployed(live(name, code_sha256=latest), at(number, code, modified, name), live=number)


PAIR = [planned("api"), planned("worker")]
VARIABLES = Variables((("TOKEN", 20), ("URL", 30)), 52)

BEHIND, GOES_BACK = {"alias-behind": WARNING}, {"code-goes-back": WARNING}


def shifting(
    older: str, layers: Sequence[LayerRef] = (DEPS1,), name: str = "api", main: str = "code1", **aliases: str
) -> DeployedFunction:
    """A function whose alias ``live`` sends a tenth of its calls to another version."""
    versions = at("7", main, 4, name), at("6", older, 2, name, layers)
    more = (Alias(alias, number) for alias, number in aliases.items())
    return DeployedFunction(live(name), (Alias("live", "7", (("6", 0.1),)), *more), versions)


def history(*codes: str, latest: str = "code1", **aliases: str) -> DeployedFunction:
    """A function whose versions have these codes, the first one's first."""
    return deployed(
        live(code_sha256=latest), *(at(str(number), code, number) for number, code in enumerate(codes, 1)), **aliases
    )


def signed(*files: str, enforced: bool = True, function: str = "api") -> Context:
    """A function whose archive has these files, and a code signing configuration of a function."""
    archive = replace(CODE, archive=code(*(files or ("app.py",))))
    config = CodeSigning(f"{HOME}:code-signing-config:csc-1", enforced, frozenset({f"{HOME}:function:{function}"}))
    return scene(planned(layers=(), code=archive), live(layers=()), signing=(config,))


CASES: dict[str, tuple[Context, dict[str, Severity]]] = {
    # --- what a deployment changes, and nothing else
    "a new version of the layer is to come": (scene(planned(), live(), shelf("old")), {}),
    "nothing changes": (scene(planned(), live(code_sha256="code2"), shelf("new")), {}),
    "no layer, and none declared": (scene(planned(layers=()), live(layers=())), {}),
    "a first layer": (scene(planned(), live(layers=())), {}),
    "a layer by its ARN, another version of it is live": (scene(planned(layers=[DECLARED]), live()), {}),
    "another memory, timeout and handler": (
        scene(planned(memory=1024, timeout=60, handler="app.other.handler"), live(), shelf("old")),
        {},
    ),
    # --- functions
    "one function is new": (scene(PAIR, {"api": deployed(live())}, shelf("old")), {"function-missing": WARNING}),
    "none of them is there": (scene(PAIR, {}), {"function-missing": ERROR}),
    "it is a container image": (
        scene(planned(layers=()), live(layers=(), image=True, runtime="")),
        {"function-package": ERROR},
    ),
    "an update is under way": (
        scene(planned(), live(update="InProgress"), shelf("old")),
        {"update-unfinished": WARNING},
    ),
    "the last update has failed": (
        scene(planned(), live(update="Failed"), shelf("old")),
        {"update-unfinished": WARNING},
    ),
    "it is being set up": (scene(planned(), live(state="Pending"), shelf("old")), {"update-unfinished": WARNING}),
    "it could not be set up": (scene(planned(), live(state="Failed"), shelf("old")), {"update-unfinished": WARNING}),
    "it is active": (scene(planned(), live(state="Active"), shelf("old")), {}),
    "it has not been used for long": (scene(planned(), live(state="Inactive"), shelf("old")), {}),
    "the last update has succeeded": (scene(planned(), live(update="Successful"), shelf("old")), {}),
    "another runtime is live": (scene(planned(), live(runtime="python3.11"), shelf("old")), {"platform": WARNING}),
    "another architecture is live": (scene(planned(), live(architecture="arm64"), shelf("old")), {"platform": WARNING}),
    # --- tenants, signatures
    "each tenant is to be alone": (scene(planned(tenant_isolation=True), live(), shelf("old")), {"tenancy": ERROR}),
    "tenants are to be together": (
        scene(planned(tenant_isolation=False), live(tenant_isolation=True), shelf("old")),
        {"tenancy": ERROR},
    ),
    "each tenant is alone, and is to be": (
        scene(planned(tenant_isolation=True), live(tenant_isolation=True), shelf("old")),
        {},
    ),
    "each tenant is alone, and nothing is declared": (scene(planned(), live(tenant_isolation=True), shelf("old")), {}),
    "an archive without a signature": (signed(), {"code-signing": WARNING}),
    "an archive with a signature": (signed("app.py", "META_INF/aws_signer_signature_v1.0.SF"), {}),
    "a signature is not enforced": (signed(enforced=False), {}),
    "another function's archives are to be signed": (signed(function="other"), {}),
    # --- variables
    "a variable is not set": (scene(planned(variables=VARIABLES), live(), shelf("old")), {"variables": WARNING}),
    "all are set, and more": (
        scene(
            planned(variables=VARIABLES),
            live(variables=Variables((*VARIABLES.sizes, ("MORE", 10)), 60)),
            shelf("old"),
        ),
        {},
    ),
    "Lambda does not tell its variables": (
        scene(planned(variables=VARIABLES), live(variables=None), shelf("old")),
        {},
    ),
    # --- layers
    "one was attached by hand": (
        scene(planned(), live(layers=[DEPS1, HOTFIX]), shelf("new")),
        {"layer-undeclared": ERROR},
    ),
    "one was attached by hand, and which the archive becomes is told by other functions": (
        scene(
            [planned("api"), planned("worker"), planned("cleanup")],
            {
                "api": deployed(live("api", layers=[HOTFIX, DEPS1])),
                "worker": deployed(live("worker")),
                "cleanup": deployed(live("cleanup")),
            },
            shelf("old"),
        ),
        {"layer-undeclared": ERROR},
    ),
    "one was attached by hand, and the manifest says what the archive becomes": (
        scene(planned(layers=[replace(LAYER, called="deps")]), live(layers=[HOTFIX, DEPS1]), shelf("old")),
        {"layer-undeclared": ERROR},
    ),
    "one too many, and nothing says which": (
        scene(planned(), live(layers=[HOTFIX, DEPS1]), shelf("old"), shelf("else", name="hotfix")),
        {"layers-known": ERROR},
    ),
    "another layer, and nothing says whether the archive becomes it": (
        scene(
            [planned("api"), planned("worker")],
            {"api": deployed(live("api")), "worker": deployed(live("worker", layers=[HOTFIX]))},
            shelf("old"),
        ),
        {"layers-known": WARNING},
    ),
    "a vendor's extension that is not declared": (
        scene(planned(), live(layers=[EXTENSION, DEPS1]), shelf("old")),
        {"layer-undeclared": WARNING},
    ),
    "a vendor's extension that is declared, in an older version": (
        scene(
            planned(layers=[PlannedArchive("", None, arn=version("Datadog-Extension", 66, VENDOR)), LAYER]),
            live(layers=[EXTENSION, DEPS1]),
            shelf("old"),
        ),
        {},
    ),
    "two archives become two layers, in their order": (
        scene(
            planned(layers=[LAYER, replace(LAYER, source="fonts.zip", code_sha256="fonts")]),
            live(layers=[DEPS1, version("fonts", 4)]),
            shelf("old"),
            shelf("older", name="fonts"),
        ),
        {},
    ),
    "the layer was published and not attached, and the code is new": (
        scene(planned(), live(code_sha256="code2"), shelf("old", "new")),
        {"layer-behind": ERROR},
    ),
    "the layer is published, and the deployment is about to attach it": (
        scene(planned(), live(modified=day(6)), shelf("old", "new")),
        {},
    ),
    "the function was changed after a newer layer was published, and kept the old one": (
        scene(planned(), live(modified=day(20)), shelf("old", "newer")),
        {"layer-behind": WARNING},
    ),
    "it was changed so, and what it keeps is what is declared": (
        scene(planned(), live(modified=day(20)), shelf("new", "newer")),
        {},
    ),
    "the deployment goes back": (
        scene(planned(), live(layers=[DEPS3]), shelf("oldest", "new", "old")),
        {"layer-goes-back": WARNING},
    ),
    "the deployment goes back, which is meant": (
        scene(planned(), live(layers=[DEPS3]), shelf("oldest", "new", "old"), backwards=True),
        {},
    ),
    "the deployment goes back to a version by its ARN": (scene(planned(layers=[DECLARED]), live(layers=[DEPS3])), {}),
    "what is live has the same content as what came before": (
        scene(planned(), live(layers=[DEPS2], code_sha256="code2"), shelf("new", "new")),
        {"layer-republished": WARNING},
    ),
    "a version was published again long ago": (
        scene(planned(), live(layers=[DEPS3]), shelf("old", "old", "other")),
        {},
    ),
    "the files are the same, and the bytes are not": (
        scene(planned(), live(), shelf("old", same=(("layer.zip", DEPS1),))),
        {"layer-republished": WARNING},
    ),
    "what it carries was deleted": (
        scene(planned(), live(), replace(shelf("old", "newer"), gone=(DEPS1,))),
        {"layer-deleted": WARNING},
    ),
    "a declared version was deleted, and is carried": (
        scene(planned(layers=[replace(DECLARED, gone=True)]), live(layers=[DEPS2])),
        {"layer-deleted": WARNING},
    ),
    "a declared version was deleted, and would be attached": (
        scene(planned(layers=[replace(DECLARED, gone=True)]), live(layers=[])),
        {"layer-deleted": ERROR},
    ),
    "a declared version was deleted, and the function is new": (
        scene(
            [planned("api", layers=[]), planned("new", layers=[replace(DECLARED, gone=True)])],
            {"api": deployed(live(layers=[]))},
        ),
        {"layer-deleted": ERROR, "function-missing": WARNING},
    ),
    # --- functions that belong together
    "two functions run different code": (
        scene(
            PAIR, {"api": deployed(live("api")), "worker": deployed(live("worker", code_sha256="code0"))}, shelf("old")
        ),
        {"siblings": WARNING},
    ),
    "two functions stand on different versions of a layer": (
        scene(
            PAIR,
            {"api": deployed(live("api")), "worker": deployed(live("worker", layers=[DEPS2], modified=day(12)))},
            shelf("old", "older"),
        ),
        {"siblings": WARNING},
    ),
    "two functions of different archives run different code": (
        scene(
            [planned("api"), planned("worker", code=replace(CODE, source="worker.zip"))],
            {"api": deployed(live("api")), "worker": deployed(live("worker", code_sha256="code0"))},
            shelf("old"),
        ),
        {},
    ),
    "an alias was forgotten when its siblings' moved": (
        scene(
            PAIR,
            {"api": released("api", "code1", "7", "code1", 4), "worker": released("worker", "code1", "6", "code0", 2)},
            shelf("old"),
        ),
        {"alias-behind": ERROR},
    ),
    "an alias stayed, and so did its code": (
        scene(
            PAIR,
            {"api": released("api", "code1", "7", "code1", 4), "worker": released("worker", "code0", "6", "code0", 2)},
            shelf("old"),
        ),
        {"alias-behind": WARNING},
    ),
    "aliases of other numbers point to the same code": (
        scene(
            PAIR,
            {"api": released("api", "code1", "7", "code1", 4), "worker": released("worker", "code1", "3", "code1", 2)},
            shelf("old"),
        ),
        {},
    ),
    "an alias is being moved little by little": (
        scene(
            PAIR,
            {
                "api": released("api", "code1", "7", "code1", 4),
                "worker": DeployedFunction(
                    live("worker"), (Alias("live", "6", (("7", 0.1),)),), (at("6", "code0", 2, "worker"),)
                ),
            },
            shelf("old"),
        ),
        {"alias-behind": WARNING},
    ),
    "an alias still sends a part of its calls to older code": (scene(planned(), shifting("code0")), BEHIND),
    "an alias does so, and another one is declared": (
        scene(planned(alias="edge"), shifting("code0", edge="7")),
        BEHIND,
    ),
    "an alias sends a part of its calls to the same code with other layers": (
        scene(planned(), shifting("code1", [DEPS2])),
        BEHIND,
    ),
    "an alias sends a part of its calls to what is the same": (scene(planned(), shifting("code1")), {}),
    "of two aliases one is shifted, and has the newer code already": (
        scene(
            PAIR,
            {
                "api": released("api", "code1", "7", "code1", 4),
                "worker": shifting("code1", name="worker", main="code0"),
            },
            shelf("old"),
        ),
        {"alias-behind": WARNING},
    ),
    # --- going back
    "an older published version of the code is to come": (scene(planned(), history("code2", "code1")), GOES_BACK),
    "it is to come where callers use an alias": (
        scene(planned(alias="live"), history("code2", "code1", live="2")),
        GOES_BACK,
    ),
    "it is to come, and $LATEST has code that was never published": (
        scene(planned(), history("code2", "code0")),
        GOES_BACK,
    ),
    "it is to come, which is meant": (scene(planned(), history("code2", "code1"), backwards=True), {}),
    "a newer published version of the code is to come": (
        scene(planned(alias="live"), history("code1", "code2", live="1")),
        {},
    ),
    "$LATEST went back, and the newer version is to come again": (scene(planned(), history("code1", "code2")), {}),
    "what is to come was published before and after": (
        scene(planned(alias="live"), history("code2", "code1", "code2", live="2")),
        {},
    ),
    "what is to come is live, and was published before": (
        scene(planned(), history("code2", "code1", latest="code2")),
        {},
    ),
    "what is to come was never published": (scene(planned(), history("code0", "code1")), {}),
    "callers went back by their alias, and what they get is declared": (
        scene(
            planned(alias="live", code=replace(CODE, code_sha256="code1")),
            deployed(
                live(code_sha256="code2", layers=[DEPS2]),
                at("1", "code1", 1),
                at("2", "code2", 2, layers=[DEPS2]),
                live="1",
            ),
            shelf("new", "other"),
        ),
        {},
    ),
    "the digest of what is to come is not known": (
        scene(planned(code=replace(CODE, code_sha256=None)), history("code2", "code1")),
        {},
    ),
    "functions of different archives have an alias of one name": (
        scene(
            [planned("api"), planned("worker", code=replace(CODE, source="worker.zip"))],
            {"api": released("api", "code1", "7", "code1", 4), "worker": released("worker", "code0", "6", "code0", 2)},
            shelf("old"),
        ),
        {},
    ),
    "an alias points to $LATEST": (
        scene(planned(), deployed(live(), live="$LATEST"), shelf("old")),
        {"alias-latest": WARNING},
    ),
    "no alias at all": (scene(planned(), deployed(live()), shelf("old")), {}),
    "the alias that is declared is not there": (
        scene(planned(alias="live"), deployed(live(), prod="$LATEST"), shelf("old")),
        {"alias-missing": WARNING, "alias-latest": WARNING},
    ),
    "an alias points to a version that was deleted": (
        scene(planned(alias="live"), deployed(live(), live="7"), shelf("old")),
        {"alias-missing": ERROR},
    ),
    "the version that an alias points to could not be asked for": (
        scene(
            planned(alias="live"),
            deployed(live(), live="7"),
            shelf("old"),
            undone=(Undone(("alias-behind",), "api", ""),),
        ),
        {},
    ),
    "aliases that could not be asked for": (
        scene(planned(alias="live"), DeployedFunction(live(), None), shelf("old")),
        {},
    ),
    # --- the account
    "the account is full": (scene(planned(), live(), shelf("old"), storage=(room(75),)), {"code-storage": ERROR}),
    "the account is nearly full": (
        scene(planned(), live(), shelf("old"), storage=(room(70),)),
        {"code-storage": WARNING},
    ),
    "the account has room": (scene(planned(), live(), shelf("old"), storage=(room(60),)), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_said(case: str) -> None:
    of, expected = CASES[case]

    assert {check: finding.severity for check, finding in findings(of).items()} == expected


@pytest.mark.parametrize("case", CASES)
def test_each_finding_says_where_it_is_and_what_to_do(case: str) -> None:
    for finding in findings(CASES[case][0]).values():
        assert finding.where
        assert finding.remedy


def test_all_that_is_looked_for_is_found_in_a_case() -> None:
    from harness.catalogue import PREFLIGHT  # noqa: PLC0415 - for this test alone

    found = {check for _, expected in CASES.values() for check in expected}

    assert found == set(PREFLIGHT) - {"runtime-deprecated", "layer-shared"}  # below


@pytest.mark.parametrize(
    ("runtime", "today", "said"),
    [
        ("python3.10", date(2026, 11, 21), "python3.10 has no support and no security patches since 2026-10-31"),
        ("python3.9", date(2026, 6, 1), "python3.9 has no support and no security patches since 2025-12-15"),
        ("python3.9", date(2027, 8, 31), "AWS refuses to update functions with python3.9 since 2027-08-31, as AWS had"),
        ("python3.10", date(2026, 4, 1), None),
        ("python3.12", date(2026, 11, 21), None),
        ("python3.15", date(2030, 1, 1), None),
        ("provided.al2", date(2030, 1, 1), None),
    ],
)
def test_a_runtime_at_its_end(runtime: str, today: date, said: str | None) -> None:
    found = findings(scene(planned(runtime=runtime), live(runtime=runtime), shelf("old"), today=today))

    assert set(found) == ({"runtime-deprecated"} if said else set())
    if said:
        assert found["runtime-deprecated"].message.startswith(said)
        assert found["runtime-deprecated"].severity is WARNING


def test_half_a_year_before_its_end_there_is_a_note() -> None:
    of = scene(planned(runtime="python3.10"), live(runtime="python3.10"), shelf("old"), today=date(2026, 6, 1))

    assert "python3.10 is supported until 2026-10-31; functions cannot be created with it from" in notes(of)


def test_a_function_that_is_new_cannot_be_created_from_a_day_on() -> None:
    ones = [planned(runtime="python3.10"), planned("worker", runtime="python3.10")]

    found = findings(scene(ones, {"api": deployed(live(runtime="python3.10"))}, shelf("old"), today=date(2027, 7, 29)))

    assert "refuses to create functions with python3.10" in found["runtime-deprecated"].message


def test_functions_with_the_same_finding_are_told_of_together() -> None:
    ones = [planned(name) for name in ("api", "worker", "cleanup")]
    of = scene(ones, {one.name: deployed(live(one.name), live="$LATEST") for one in ones}, shelf("old"))

    (one,) = [one for one in rule_results(of) if one.check == "alias-latest"]

    assert one.functions == ("api", "worker", "cleanup")


@pytest.mark.parametrize(
    ("there", "version"),
    [
        (deployed(live(), at("7", "code1", 3), live="7"), "7"),
        (deployed(live(), prod="7"), "$LATEST"),  # alias-missing says so
        (deployed(live(), live="7"), None),  # the version could not be asked for
        (DeployedFunction(live(), None), None),
    ],
)
def test_what_callers_get(there: DeployedFunction, version: str | None) -> None:
    of = scene(planned(alias="live"), there, shelf("old"))

    shown = row(of.pairs[0], of.account)

    assert (shown.version, shown.exists) == (version, True)
    assert (shown.changes is None) is (version is None)


def test_what_is_published_already_is_named() -> None:
    assert f"layer.zip is published already, as {DEPS2.arn}" in notes(scene(planned(), live(), shelf("old", "new")))


def test_older_versions_that_were_not_looked_at_are_counted() -> None:
    layer = shelf(*"abcdefghijkl")
    unseen = replace(layer.versions[-1], code_sha256=None)

    of = scene(planned(), live(layers=[version("deps", 12)]), replace(layer, versions=(*layer.versions[:-1], unseen)))

    assert "layer.zip is none of the newest 11 of 12 versions of deps" in notes(of)


def test_variables_that_do_not_fit_any_more() -> None:
    of = scene(
        planned(variables=Variables((("TOKEN", 200),), 202)),
        live(variables=Variables((("A", 3_990),), 3_992)),
        shelf("old"),
    )

    messages = [
        one.content.message for one in rule_results(of) if one.check == "variables" and hasattr(one.content, "message")
    ]

    assert any("some 4,193 bytes of them, and Lambda takes 4,096" in message for message in messages)


def test_today_is_before_every_end_of_the_cases() -> None:
    assert date(2028, 1, 1) > TODAY


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (
            {"state": "Failed", "state_reason": "FunctionError.InitTimeout: 10 s"},
            "State Failed (FunctionError.InitTimeout",
        ),
        ({"state": "Pending", "state_reason": "Creating: now"}, "State Pending (Creating: now): Lambda is setting"),
        (
            {"update": "Failed", "update_reason": "InvalidZipFileException: x"},
            "failed (InvalidZipFileException: x): what",
        ),
        ({"update": "Failed"}, "the last update has failed: what is configured"),
    ],
)
def test_lambdas_words_for_what_went_wrong_are_told(there: dict[str, Any], said: str) -> None:
    assert said in findings(scene(planned(), live(**there), shelf("old")))["update-unfinished"].message


def test_the_check_that_shows_what_lambdas_code_means_is_named() -> None:
    for there in ({"update": "Failed", "update_reason": "{}: x"}, {"state": "Failed", "state_reason": "{}"}):
        for reason, known in (("FunctionError.PermissionDenied", "file-permissions"), ("EniLimitExceeded", None)):
            told: dict[str, Any] = {key: value.format(reason) for key, value in there.items()}
            remedy = findings(scene(planned(), live(**told), shelf("old")))["update-unfinished"].remedy or ""
            assert ("verify --select" in remedy) is bool(known)
            assert (known or "") in remedy


def test_an_archive_that_need_not_be_signed_is_noted() -> None:
    assert "code.zip is not signed: Lambda deploys it, and reports it (Warn)" in notes(signed(enforced=False))


def test_what_an_alias_sends_elsewhere_is_compared_too() -> None:
    of = scene(planned(alias="live"), shifting("code0", [DEPS2], main="code2"), shelf("new", "old"))

    shown = row(of.pairs[0], of.account)

    assert shown.shares == (("6", 0.1),)
    assert [(change.what, change.live) for change in shown.changes or ()] == [
        ("code", "code0 (10% of the calls)"),
        ("layers", "deps:2 (10% of the calls)"),
    ]
    message = findings(of)["alias-behind"].message
    assert "sends 10% of its calls to version 6 (code code0, 2026-05-02 00:00 UTC), which is older" in message
    assert "and the others to 7 (code code2" in message


def test_a_version_that_an_alias_sends_to_and_that_is_not_known_is_said_so() -> None:
    there = DeployedFunction(live(), (Alias("live", "7", (("6", 0.1),)),), (at("7", "code2", 4),))
    of = scene(planned(alias="live"), there, shelf("new"))

    assert [change.live for change in row(of.pairs[0], of.account).changes or ()] == ["not known (10% of the calls)"]
    assert "6 (not known: it could not be asked for)" in findings(of)["alias-behind"].message


ROLLBACKS = {
    "code and layer, to a version of the function": (
        scene(
            planned(alias="live", code=replace(CODE, code_sha256="code1")),
            deployed(
                live(code_sha256="code2", layers=[DEPS3]),
                at("1", "code1", 1),
                at("2", "code2", 2, layers=[DEPS3]),
                live="2",
            ),
            shelf("new", "other", "other"),
            backwards=True,
        ),
        "point the alias live to version 1 (`aws lambda update-alias`)",
        {"code-goes-back", "layer-goes-back"},
    ),
    "a layer alone": (
        scene(planned(), live(layers=[DEPS3], modified=day(30)), shelf("new", "other", "other", "x"), backwards=True),
        f"attach {DEPS1.arn}; no layer has to be published",
        {"layer-goes-back"},
    ),
    "code alone": (
        scene(planned(), history("code2", "code1"), shelf("new"), backwards=True),
        "this deployment uploads it again, and its layers stay as they are",
        {"code-goes-back"},
    ),
    "code, and the version that has it has other layers": (
        scene(
            planned(alias="live", code=replace(CODE, code_sha256="code1")),
            deployed(
                live(code_sha256="code2", layers=[DEPS2]),
                at("1", "code1", 1),
                at("2", "code2", 2, layers=[DEPS2]),
                live="2",
            ),
            shelf("old", "new"),
            backwards=True,
        ),
        "this deployment uploads it again, and its layers stay as they are",
        {"code-goes-back"},
    ),
}


@pytest.mark.parametrize("case", ROLLBACKS)
@pytest.mark.parametrize("meant", [True, False])
def test_a_rollback_has_one_advice(case: str, meant: bool) -> None:  # noqa: FBT001 - the case
    of, advice, checks = ROLLBACKS[case]

    every = [one for one in rule_results(replace_scene(of, backwards=meant)) if one.check in {*checks, "layer-behind"}]
    said = {one.check: one.content.text if isinstance(one.content, Note) else one.content.remedy or "" for one in every}

    assert set(said) == checks
    assert [advice in words for words in said.values()].count(True) == (1 if meant else len(checks))
    others = [one.content for one in rule_results(of) if one.check == "layer-republished"]
    carried = {layer.arn for pair in of.there if pair.live for layer in pair.live.layers}
    named = {
        arn
        for one in others
        for arn in re.findall(r"arn:[\w:-]+\d", one.text if isinstance(one, Note) else str(one.remedy))
    }
    assert named <= carried


def replace_scene(of: Context, *, backwards: bool) -> Context:
    return Context(of.pairs, of.account, of.today, of.limits, backwards)


def test_other_functions_that_carry_a_version_of_the_layers_are_listed() -> None:
    others = (
        live("billing", layers=[EXTENSION, DEPS2]),
        live("report", layers=[DEPS1]),
        live("else", layers=[HOTFIX]),
        live("vendor", layers=[EXTENSION]),
        live("none", layers=[]),
    )
    layers = [PlannedArchive(EXTENSION.arn, None, arn=EXTENSION), LAYER]
    of = scene(planned(layers=layers), live(layers=[EXTENSION, DEPS1]), shelf("old"), others=others)

    assert "deps is carried by 2 functions that the manifest does not name: billing (deps:2), report (deps:1)" in notes(
        of
    )
    assert not findings(of)
    assert [(one.name, [str(layer) for layer in one.layers]) for one in layer_rules.others(of)] == [
        ("billing", ["deps:2"]),
        ("report", ["deps:1"]),
    ]


@pytest.mark.parametrize(
    ("layer", "digest", "becomes"),
    [
        (shelf("old"), "new", "deps:new"),
        (shelf("old", "new"), "new", "deps:2"),
        (shelf("old"), None, "deps (version not known)"),
        (None, "new", "deps (version not known)"),
    ],
)
def test_a_layer_is_new_only_where_that_is_known(layer: Layer | None, digest: str | None, becomes: str) -> None:
    archive = replace(LAYER, code_sha256=digest, called="deps")
    of = scene(planned(layers=[archive]), live(), *([layer] if layer else []))

    changes = {change.what: change.new for change in row(of.pairs[0], of.account).changes or ()}

    assert changes["layers"] == becomes
