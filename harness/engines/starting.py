"""What a start is made of, whatever it is shut in: its variables, its limits, what the observer has to know."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.engines.environment import HOME
from harness.engines.protocol import Exited, Unavailable
from harness.policy import service_environment

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from harness.engines.protocol import Job, Observation, Start

MB = 1024 * 1024
SLACK_PROCESSES = 16
STARTING_SECONDS = 30  # for what is around a start: a process, a container, its sandbox
# Variables by which a function decides how its Python starts.
STEERING = ("PYTHON", "LD_", "AWS_LAMBDA_EXEC_WRAPPER")
# One of Lambda's folders at the beginning of a value or of an element of a search path.
PATHS = re.compile(r"(?<![^:])(/var/task|/var/lang|/var/runtime|/home/sbx_user1051|/opt)(?=[/:]|$)")
IN_TEXT = re.compile(r"(?<![\w.-])(/var/task|/var/lang|/var/runtime|/opt)(?=[/\"]|$)")


def observed(job: Job, start: Start, *, alone: bool) -> dict[str, Any]:
    """What the observer has to know of a start; ``alone``: nobody else is on its network."""
    return {
        "function": start.function,
        "events": list(start.events),
        "timeout": start.timeout,
        "memory": start.memory * MB,
        "init_timeout": job.init_timeout,
        "asks": start.asks,
        "alone": alone,
    }


def variables(job: Job, start: Start, image: Mapping[str, str]) -> dict[str, str]:
    """The environment of a start, but for the address of its Runtime API: the image's, the service's, the user's."""
    service = service_environment(job.policy, start.function, start.handler, start.memory)
    return {**image, "HOME": HOME, **service, **dict(start.environment)}


def limits(job: Job, *, processes: bool) -> dict[str, int]:
    """The limits of each process, by their names in ``resource``.

    Args:
        job: What is started.
        processes: Whether the kernel counts the processes of the sandbox alone.
    """
    found = {"RLIMIT_NOFILE": job.policy.limits.file_descriptors, "RLIMIT_CORE": 0}
    # A little more than Lambda allows: what reaches its limit is to be seen and ended, and not to go on trying.
    return {**found, "RLIMIT_NPROC": job.policy.limits.processes + SLACK_PROCESSES} if processes else found


def time_limit(job: Job, start: Start) -> float:
    """Seconds after which an observer that answers nothing is given up: all its own limits, and as many again."""
    return 2 * (job.init_timeout + start.timeout * len(start.events) + STARTING_SECONDS)


def rule_out_the_runtime(seen: Observation, trace: Mapping[str, Any] | None, declared: Collection[str]) -> None:
    """Make sure that what ended before the handler's first line is not the fault of what we start it with.

    Raises:
        Unavailable: The runtime did not get as far as the handler, and nothing of the user's had a part in it.
    """
    if not isinstance(seen.init, Exited) or trace is not None or seen.init.status <= 0:
        return
    if BROKEN.search(seen.output) and not any(name.startswith(STEERING) for name in declared):
        raise Unavailable(f"the runtime did not get as far as the handler: {seen.output.strip().splitlines()[-1]}.")


BROKEN = re.compile(
    r"(?m)^(?:(?:ModuleNotFoundError: No module named|ImportError: cannot import name '\w+' from) "
    r"'(?:awslambdaric|encodings|runtime_client)\b|Fatal Python error: init|.*can't open file '/var/runtime/"
    r"|.*/var/lang/bin/python[\d.]+: (?:No such file|not found)|.*error while loading shared libraries: libpython)"
)
