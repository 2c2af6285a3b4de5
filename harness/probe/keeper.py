"""Starts one handler as Lambda does, hands it its events, and says what happened."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import time
from typing import TYPE_CHECKING, Any

from .child import Child, dumped, peak_bytes
from .runtime_api import RuntimeApi

if TYPE_CHECKING:
    from .shelf import Loan

OPEN_FILES = 1024  # Lambda's quota for file descriptors (developer guide, gettingstarted-limits)
GRACE_SECONDS = 2.0  # for a process that has said its last word to end by itself
CONTAINERS = ("HOSTNAME", "container")  # variables that a container daemon sets, and Lambda does not
TRACE_SECONDS = 10.0  # a second start is stopped here, to see where a handler hangs


def keep(job: dict[str, Any], start: dict[str, Any], loan: Loan | None) -> dict[str, Any]:
    """Everything about one handler: how init ended, the answers to its events, its peak memory, its output.

    With a loan, where it failed is not looked for: what fails with bytecode of ours is started again without.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    if job["process_limit"]:
        resource.setrlimit(resource.RLIMIT_NPROC, (job["process_limit"],) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    api = RuntimeApi(start["function"], start["events"], start["timeout"])
    inherited = {name: value for name, value in os.environ.items() if name not in CONTAINERS} if job["inherit"] else {}
    environment = {**inherited, **start["environment"], "AWS_LAMBDA_RUNTIME_API": api.address}
    environment |= endpoint(start, 0)
    command = job["question_command"] if start["asks"] else [*job["command"], start["handler"]]
    inherited_files = loan.descriptors if loan else ()
    child = Child(command, environment, job["task"], alone=job["alone"], nice=job["nice"], pass_fds=inherited_files)
    saved = 0.0
    try:
        init = initialised(child, api, job["init_timeout"], start["memory"])
        saved = loan.told()[0] if loan else 0.0
        answers = answered(child, api, start) if init["kind"] == "ready" else []
        if init["kind"] in ("error", "exit"):
            child.wait(GRACE_SECONDS)
    finally:
        child.end()
    peak = peak_bytes()
    lent = loan and loan.told()[1] > 0
    again = {**environment, **endpoint(start, 1)}
    trace = None if start["asks"] or lent else traced(job, start, again, init)
    return {  # the server ends with this process
        "function": start["function"],
        "init": init,
        "answers": answers,
        "max_rss_bytes": peak,
        "output": child.output(),
        "trace": trace,
        "loan": loan and settled(loan, saved),
    }


def endpoint(start: dict[str, Any], run: int) -> dict[str, str]:
    """Where a run of the handler finds its emulated AWS, where it has one."""
    return {"AWS_ENDPOINT_URL": start["endpoints"][run]} if "endpoints" in start else {}


def settled(loan: Loan, init: float) -> dict[str, Any]:
    """What was lent: the seconds that compiling it would have taken, in init and after it, and what was missed."""
    seconds, largest, missed = loan.told()
    return {"init": init, "events": max(0.0, seconds - init), "largest": largest, "missed": missed}


def initialised(child: Child, api: RuntimeApi, timeout: float, memory: int) -> dict[str, Any]:
    """How init ended: ``ready`` when the runtime client asked for its first event, else how it failed."""

    def settled() -> bool:
        return api.ready_at is not None or api.init_error is not None

    ended = child.until(settled, api.changed, child.started + timeout, memory)
    seconds = (api.ready_at or time.monotonic()) - child.started
    if ended == "settled" and api.init_error is None:
        return {"kind": "ready", "seconds": seconds}
    if ended == "settled":
        return {"kind": "error", "seconds": seconds, "error": api.init_error}
    return {"kind": ended, "seconds": seconds, "status": child.wait(0) if ended == "exit" else None}


def answered(child: Child, api: RuntimeApi, start: dict[str, Any]) -> list[dict[str, Any]]:
    """One entry for each event: a body or an error, or how the process ended instead; none follow an end."""
    answers: list[dict[str, Any]] = []
    for number in range(1, len(start["events"]) + 1):
        began = time.monotonic()

        def settled(number: int = number) -> bool:
            return len(api.answers) >= number

        ended = child.until(settled, api.changed, began + start["timeout"], start["memory"])
        if ended == "settled":
            answers.append(api.answers[number - 1])
            continue
        status = child.wait(0) if ended == "exit" else None
        answers.append({"seconds": time.monotonic() - began, "ended": ended, "status": status})
        break
    return answers


def traced(
    job: dict[str, Any], start: dict[str, Any], environment: dict[str, str], init: dict[str, Any]
) -> dict[str, Any] | None:
    """Where a failed init failed, from a second start that watches the import; None where there is nothing to see."""
    if init["kind"] not in ("error", "exit", "timeout") or "." not in start["handler"]:
        return None
    read, write = os.pipe()
    seconds = min(TRACE_SECONDS, job["init_timeout"])
    command = [*job["trace_command"], str(write), start["handler"], str(seconds), *job["bootstrap"]]
    child = Child(command, environment, job["task"], alone=job["alone"], nice=job["nice"], pass_fds=(write,))
    os.close(write)
    try:
        child.wait(seconds + GRACE_SECONDS)
    finally:
        child.end()
    said = b""
    while chunk := os.read(read, 65_536):
        said += chunk
    os.close(read)
    text = said.decode("utf-8", "replace")
    with contextlib.suppress(ValueError):
        return {**json.loads(text), "again": True}
    return {**dumped(text), "again": True} if text else None
