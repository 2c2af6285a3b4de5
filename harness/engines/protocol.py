"""The one verb of an engine: a job in, what happened out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from harness.model import EngineInfo, Import
    from harness.policy import RuntimePolicy

Progress: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Start:
    """One handler to start.

    Attributes:
        memory: MB.
        timeout: Seconds for each event.
        tmp: MB of ``/tmp``.
        environment: What the user declares; the runtime's own variables are the engine's business.
        events: JSON texts to invoke it with, one after another.
        asks: The events are questions of ours, which ``harness/probe/questions.py`` answers instead of the handler.
        profiled: The times of its imports are reported; it is never the start that gives a verdict.
        emulated: Its ``AWS_ENDPOINT_URL`` leads to what the job's ``outside`` has for it; else it reaches nothing.
    """

    function: str
    handler: str
    memory: int
    timeout: int
    environment: tuple[tuple[str, str], ...] = ()
    events: tuple[str, ...] = ()
    asks: bool = False
    emulated: bool = False
    tmp: int = 512
    profiled: bool = False


class Outside(Protocol):
    """The services that handlers reach: one set for each function, new for each of its runs."""

    def serve(self, function: str, run: str, connection: socket.socket) -> None:
        """Hand a connection to a function's services, as they are for one of its runs; the caller closes its own.

        Raises:
            OSError: They are gone.
        """


@dataclass(frozen=True, slots=True)
class Job:
    """Handlers to start on one pair of trees.

    Attributes:
        task: The folder at ``/var/task``.
        opt: The folder at ``/opt``; None where there are no layers.
        init_timeout: Seconds until an init that has not ended is stopped.
        reached: The source files that handlers are expected to load, in Lambda's paths; a wrong guess costs some time.
        outside: What emulated starts reach.
        portable: Returns whether no archive has compiled code, so that any architecture may start it; asked only where
            this machine has another.
    """

    policy: RuntimePolicy
    architecture: str
    task: Path
    opt: Path | None
    starts: tuple[Start, ...]
    init_timeout: float
    reached: tuple[str, ...] = ()
    outside: Outside | None = None
    portable: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True)
class LambdaError:
    """An error as the runtime client posts it to Lambda."""

    type: str
    message: str
    stack: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


@dataclass(frozen=True, slots=True)
class Ready:
    """The runtime client asked for an event: init succeeded.

    Attributes:
        seconds: Wall time.
        cpu_seconds: Processor time of all of its processes.
        undisturbed_seconds: Wall time without what its first process waited for a processor.
    """

    seconds: float
    cpu_seconds: float = 0.0
    undisturbed_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Failed:
    """The runtime client posted an error."""

    error: LambdaError
    seconds: float


@dataclass(frozen=True, slots=True)
class Exited:
    """The process ended without a word: an exit status, or the signal that ended it as a negative number."""

    status: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Exceeded:
    """It was stopped at a limit: ``timeout``, ``memory`` or ``processes``, or waited for what is ``outside``."""

    limit: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Answered:
    """The response to an event, as text."""

    body: str
    seconds: float


Init: TypeAlias = Ready | Failed | Exited | Exceeded
Answer: TypeAlias = Answered | Failed | Exited | Exceeded


@dataclass(frozen=True, slots=True)
class Frame:
    """A place in a traceback, in the paths of the function; the module where it is known."""

    file: str
    line: int
    module: str | None


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a failed init failed, outermost frame first, and the errors behind its error, nearest first.

    Attributes:
        missing: The module that could not be found, where that is what happened.
    """

    frames: tuple[Frame, ...]
    causes: tuple[str, ...] = ()
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call to another machine, as the handler's own process reported it, which code under test can forge.

    Attributes:
        host: With the port, where it is known; None where nothing but the failure was seen.
        event: The number of the event that it was made at; None: at init.
        main: Whether it was made in the thread that runs the handler.
    """

    host: str | None
    event: int | None
    frames: tuple[Frame, ...] = ()
    main: bool = True


@dataclass(frozen=True, slots=True)
class Observation:
    """What happened to one handler.

    Attributes:
        answers: One for each event that was handed out.
        max_rss_bytes: The largest resident size of any of its processes.
        output: What it printed, to a bound.
        compiling: Seconds of processor time that compiling takes in Lambda's init, and not in ``init``.
        imports: Of a profiled start, in the order that they began in; code under test can forge them.
        calls: To other machines. None of them can have got an answer.
        emulated: Whether it called the services that it was given in their place.
    """

    function: str
    init: Init
    answers: tuple[Answer, ...] = ()
    max_rss_bytes: int = 0
    output: str = ""
    trace: Trace | None = None
    compiling: float = 0.0
    calls: tuple[Call, ...] = ()
    emulated: bool = False
    imports: tuple[Import, ...] = ()


@dataclass(frozen=True, slots=True)
class Answers:
    """All that an engine says to a job.

    Attributes:
        seconds: What took how long: ``prepare`` (interpreter or daemon, and what plays the runtime), ``handlers``.
    """

    info: EngineInfo
    observations: tuple[Observation, ...]
    seconds: tuple[tuple[str, float], ...] = ()


class Unavailable(Exception):  # noqa: N818 - not an error: a reason, which becomes a skip
    """The engine cannot do this job here; the message is one sentence that says why and what would help."""


class Engine(Protocol):
    """Runs jobs."""

    def prepare(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> bool | None:
        """Get ready for the jobs of a runtime, in any thread; False where :meth:`run` will say what is wrong."""

    def identity(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> str:
        """All that answers depend on beside the job: the engine, its image or root, the sandbox, the kernel.

        Raises:
            Unavailable: Jobs of this runtime cannot be done here.
        """

    def run(self, job: Job, progress: Progress) -> Answers:
        """Start every handler of the job, each in a process of its own.

        Raises:
            Unavailable: The job cannot be done here.
        """


@dataclass(frozen=True, slots=True)
class Missing:
    """Stands in for an engine that is not there."""

    reason: str

    def prepare(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> bool:
        """Nothing can be run."""
        del policy, architecture, progress
        return False

    def identity(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> str:
        """It answers nothing, which is the same everywhere."""
        del policy, architecture, progress
        return "none"

    def run(self, job: Job, progress: Progress) -> Answers:
        """Say why nothing can be run.

        Raises:
            Unavailable: Always.
        """
        del job, progress
        raise Unavailable(self.reason)
