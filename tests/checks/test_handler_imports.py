from __future__ import annotations

from dataclasses import replace

import pytest

from harness.check import Blocked
from harness.checks.handler_imports import check
from harness.engines.protocol import Call, Exited, Failed, Frame, Ready, Trace, Unavailable
from harness.model import Note, Severity
from tests.build import archive, code, error, findings, function, observation, said, subject

LOOKED_AT = subject(code("app/main.py"), archive("python/x.py"), function=function())


@pytest.mark.parametrize(
    "init",
    [Ready(0.01, 0.01, 0.01), Ready(9.99, 9.99, 9.99), Ready(10.0, 3.0, 10.0), Ready(12.6, 3.0, 3.6)],
    ids=["at once", "just in time", "it waits", "on a busy machine"],
)
def test_a_handler_that_starts_in_time_is_only_noted(init: Ready) -> None:
    note = f"init {init.seconds:.2f} s, of which {init.cpu_seconds:.2f} s CPU, peak memory 50 MB"

    assert said(check, LOOKED_AT, observation(init)) == [Note(note)]


@pytest.mark.parametrize(
    "init", [Ready(11.0, 10.5, 1.0), Ready(10.5, 0.1, 10.5)], ids=["it computes", "it waits for something else"]
)
def test_an_init_that_lambda_would_stop_is_a_warning(init: Ready) -> None:
    (finding,) = findings(check, LOOKED_AT, observation(init))

    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "init took 10.5 s, and Lambda stops it after 10 s: INIT_REPORT Phase: init Status: timeout"
    )


@pytest.mark.parametrize(
    ("stated", "timeout", "severity"),
    [({"timeout"}, 5, Severity.ERROR), ({"timeout"}, 6, Severity.WARNING), (set(), 3, Severity.WARNING)],
    ids=["never ends", "may end on a faster machine", "assumed"],
)
def test_an_init_that_the_timeout_ends_each_time_is_an_error(
    stated: set[str], timeout: int, severity: Severity
) -> None:
    declared = replace(function(), stated=frozenset(stated), timeout=timeout)
    init = observation(Ready(10.5, 0.1, 10.5))

    (finding,) = findings(check, subject(code("app/main.py"), function=declared), init)

    assert finding.severity is severity


def test_a_handler_that_does_not_start_is_told_in_lambdas_words_with_place_and_chain() -> None:
    failed = Failed(
        error("Runtime.ImportModuleError", "Unable to import module 'app.main': No module named 'defusedxml'"), 0.1
    )
    frames = (
        Frame("/var/task/app/main.py", 3, "app.main"),
        Frame("/var/task/app/usps.py", 7, "app.usps"),
    )

    (finding,) = findings(check, LOOKED_AT, observation(failed, trace=Trace(frames, missing="defusedxml")))

    assert finding.severity is Severity.ERROR
    assert finding.message == (
        "Runtime.ImportModuleError: Unable to import module 'app.main': No module named 'defusedxml'"
    )
    assert finding.where == "/var/task/app/usps.py:7"
    assert finding.chain == ("app.main", "app.usps")


def test_a_failure_says_nothing_of_seconds() -> None:
    assert len(said(check, LOOKED_AT, observation(Exited(1, 30.0)))) == 1


def test_without_an_engine_nothing_is_claimed() -> None:
    with pytest.raises(Unavailable):
        said(check, LOOKED_AT)


def test_a_call_of_what_is_not_here_is_judged_only_where_it_is_known() -> None:
    failed = Failed(
        error("EndpointConnectionError", 'Could not connect to the endpoint URL: "https://x.amazonaws.com/"'), 0.1
    )
    seen = observation(failed, trace=Trace((Frame("/var/task/app/main.py", 3, "app.main"),)))

    with pytest.raises(Blocked) as reason:
        said(check, LOOKED_AT, seen)
    (known,) = said(check, replace(LOOKED_AT, function=replace(function(), network_known=True)), seen)

    first, remedy = str(reason.value).splitlines()
    assert first.startswith("its init calls what is not here: x.amazonaws.com, from /var/task/app/main.py:3 (Endpoint")
    assert "`aws-seed`" in remedy
    assert known == Note(f"{first}. As is declared, what follows was not judged", limit=True)


def test_a_call_that_an_init_did_without_is_noted() -> None:
    call = Call("x.amazonaws.com:443", None, (Frame("/var/task/app/main.py", 3, "app.main"),))

    noted, _ = said(check, LOOKED_AT, replace(observation(Ready(0.1, 0.1, 0.1)), calls=(call,)))

    assert isinstance(noted, Note)
    assert noted.text.startswith("its init called x.amazonaws.com:443 from /var/task/app/main.py:3, got no answer")


@pytest.mark.parametrize(
    ("memory", "most", "message"),
    [
        (512, None, "16 processes of 50 MB each need 800 MB together, and the function has 512 MB"),
        (4096, 100, "100 processes of 50 MB each need 5,000 MB together, and the function has 4,096 MB"),
        (2048, None, None),
        (4096, None, None),  # two vCPUs: 32 processes, 1,600 MB
        (512, 10, None),
    ],
)
def test_processes_of_managed_instances_share_memory(memory: int, most: int | None, message: str | None) -> None:
    managed = replace(
        function(), memory=memory, max_concurrency=most, capacity_provider=True, stated=frozenset({"memory"})
    )

    for one, expected in ((managed, message), (replace(managed, capacity_provider=False), None)):
        found = findings(check, subject(code("app/main.py"), function=one), observation(Ready(1.0)))
        assert [(it.message, it.severity) for it in found] == ([(expected, Severity.WARNING)] if expected else [])
