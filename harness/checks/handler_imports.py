from collections.abc import Iterator

from harness.check import Blocked, Engines, Findings, Inapplicable, Need, Scope, Subject, define
from harness.diagnosis import scripts
from harness.diagnosis.network import unjudged, unreached, went_on
from harness.diagnosis.runtime_errors import explain
from harness.engines.protocol import Ready
from harness.manifest import Function
from harness.model import Finding, Note, Severity
from harness.policy import Limits

SLOWER = 2  # times: what this machine may be, where it is compared with Lambda


@define(since="0.1", scope=Scope.FUNCTION, need=Need.RUNTIME)
def check(subject: Subject, engines: Engines) -> Findings:
    """Every handler starts in the Lambda runtime.

    ## Why it matters

    AWS's own runtime client is started on the handler, in a process of its own, with the archives at `/var/task` and
    `/opt`, as another user, without network, on a read-only file system. What it says is what Lambda's log would say:
    `Runtime.ImportModuleError`, `Runtime.HandlerNotFound`, `Runtime.UserCodeSyntaxError`, or the exception that a
    module raises while it is imported. Tests that run in the developers' environment cannot show any of it.

    ## How to fix

    The finding has Lambda's message, the line where it began, and the chain of imports that led there. A module that
    is missing belongs into the requirements that the layer is built from, and the layer is to be built again.

    An init that calls AWS, a database or any other machine can be sound on Lambda and cannot be judged here, where none
    of them answers: such a check is incomplete (exit code 3), and names the call and its line. `aws-seed` gives the
    function an emulated AWS. `network-at-init = "known"` in the function's table accepts that it is judged up to that
    call and no further. Nothing waits for the retries that follow the call.

    An init that takes longer than 10 seconds is a warning: Lambda stops it there and starts again inside the first
    invocation, at the caller's expense. It is an error where it takes twice the declared `timeout` as well, since then
    it never ends. With `snap-start` or `capacity-provider` in the manifest it may take 130 seconds, or as long as the
    function's timeout. Time that it only waited for a processor of this machine does not count.

    With `capacity-provider`, Lambda starts the handler in several processes, 16 per vCPU by default, and each has a
    memory of its own: what one was seen to need is multiplied by them. `max-concurrency` in the manifest is their
    number (`PerExecutionEnvironmentMaxConcurrency`).
    """
    function = subject.function
    if function is None:
        raise Inapplicable("no function is declared")
    if scripts.script(function, subject.bundle.items):
        yield Note(scripts.unjudged(function), limit=True)
        return
    seen = engines.observe(function)
    limit = subject.policy.limits.init_of(function.timeout, prolonged=function.prolonged)
    if not isinstance(seen.init, Ready):
        called = unreached(seen, seen.init, None, function, subject.program)
        if called is None:
            yield explain(seen, function, subject.lists)
            return
        said = unjudged(f"its init calls what is not here: {called}", called, function)
        if not function.network_known:
            raise Blocked(said)
        yield Note(said, limit=True)
        return
    if tried := went_on(seen, subject.program):
        yield Note(f"its init called {tried}, got no answer here, and went on: on Lambda there may be one")
    init = seen.init
    cpu_seconds = init.cpu_seconds + seen.compiling
    # How busy this machine is, is no property of the artifact.
    seconds = max(cpu_seconds, init.undisturbed_seconds + seen.compiling)
    if seconds > limit:
        yield _slow(function, seconds, limit)
    peak = seen.max_rss_bytes / (1024 * 1024)
    if function.capacity_provider and "memory" in function.stated:
        yield from _together(function, subject.policy.limits, peak)
    yield Note(
        f"init {init.seconds + seen.compiling:.2f} s, of which {cpu_seconds:.2f} s CPU, peak memory {peak:.0f} MB"
    )


def _slow(function: Function, seconds: float, limit: int) -> Finding:
    """An init that Lambda stops; begun again in the first invocation, it has no more than the function's timeout."""
    never = "timeout" in function.stated and not function.prolonged and seconds > SLOWER * function.timeout
    again = f", and after the timeout of {function.timeout} s, begun again: Task timed out" if never else ""
    return Finding(
        f"init took {seconds:.1f} s, and Lambda stops it after {limit} s: INIT_REPORT Phase: init Status: timeout"
        + again,
        f"handler {function.handler}",
        Severity.ERROR if never else Severity.WARNING,
        f"{'raise `timeout`, ' if never else ''}import less at module level (`python -X importtime` shows what costs), "
        "or give the function more memory, and with it more CPU",
    )


def _together(function: Function, limits: Limits, peak: float) -> Iterator[Finding]:
    """Compare the memory of all processes of a function on managed instances with the function's."""
    processes = limits.managed_processes(function.max_concurrency, function.memory)
    if peak * processes > function.memory:
        yield Finding(
            f"{processes:,} processes of {peak:.0f} MB each need {peak * processes:,.0f} MB together, and the function "
            f"has {function.memory:,} MB",
            f"handler {function.handler}",
            Severity.WARNING,
            f"configure at most {max(1, int(function.memory / peak))} with PerExecutionEnvironmentMaxConcurrency "
            "(`max-concurrency` in the manifest), give the function more memory, or import less",
        )
