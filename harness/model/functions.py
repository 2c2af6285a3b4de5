"""What a report says of functions: what their starts cost, called and imported, and which are not verified."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.findings import Place  # noqa: TC001 - the verdict cache reads the types


@dataclass(frozen=True, slots=True)
class Import:
    """One import of an init.

    Attributes:
        name: Of the module.
        within: The number of the import that it is a part of, in the order that they began in; None: of none.
        began: Seconds since the start began.
        seconds: Wall time, with all that it imports itself.
    """

    name: str
    within: int | None
    began: float
    seconds: float


@dataclass(frozen=True, slots=True)
class InitProfile:
    """The imports of an extra start.

    Attributes:
        seconds: Wall time of that start's init.
        compiling: Seconds of processor time that compiling adds to it on Lambda.
        imports: In the order that they began in; the first is that of Python itself.
    """

    seconds: float
    compiling: float
    imports: tuple[Import, ...]


@dataclass(frozen=True, slots=True)
class EmulatedCall:
    """An operation of the emulated AWS that a function called.

    Attributes:
        service: As requests are signed for: ``s3``.
        operation: ``GetObject``.
        event: The name of the event that it was called at; None at init, and where the client does not say.
    """

    service: str
    operation: str
    event: str | None


@dataclass(frozen=True, slots=True)
class FunctionInfo:
    """One function, and the cost of its start; None where it was not started or did not get that far.

    Attributes:
        init_seconds: Wall time of init.
        init_cpu_seconds: Processor time of init, by which it is judged: other work on this machine does not change it.
        declared_at: The place of its declaration; None where no file declares it.
        archives: The sources of its archives, the code's first.
        caveats: What its declaration leaves to the deploy, as clauses.
        digests: The SHA-256 of its code and its layers, in Lambda's order; empty where one could not be had.
        profile: The imports of an extra start; None where none was asked for, or it reported none.
        aws_calls: What it called of the emulated AWS, each once for each event; None where it was not started with one.
    """

    name: str
    handler: str
    init_seconds: float | None = None
    max_rss_mb: float | None = None
    init_cpu_seconds: float | None = None
    runtime: str | None = None
    architecture: str | None = None
    declared_at: Place | None = None
    archives: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    profile: InitProfile | None = None
    aws_calls: tuple[EmulatedCall, ...] | None = None


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A function that a template declares and that is not verified.

    Attributes:
        reason: A clause: ``it is deployed as an image``.
        undone: Whether it should have been verified: it runs on Python, and something about it is not known or built.
    """

    name: str
    reason: str
    place: Place
    undone: bool = False
