"""Starts and events that ended because they called AWS, a database or any machine that is not here.

That is sound on Lambda, and what would follow cannot be judged here, so it is no error and no pass. It shows in
Lambda's own error, in the errors behind it, and in the calls that were seen. A call that was only reported can be
forged: it explains an error that nothing in the archives explains, and never makes a pass.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.diagnosis.frames import frames_of, own_frame
from harness.diagnosis.runtime_errors import ending
from harness.engines.protocol import Answered, Exceeded, Exited, Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.engines.protocol import Answer, Call, Frame, Init, LambdaError, Observation
    from harness.facts.python.program import Program
    from harness.manifest import Function

# The words of the C library, of AWS and of common clients, for any class of error.
WORDS = re.compile(
    r"Network is unreachable|Network unreachable|Name or service not known|Temporary failure in name resolution"
    r"|No address associated|nodename nor servname|Name does not resolve|getaddrinfo failed|NameResolutionError"
    r"|DNS resolution failed|The DNS (?:query|operation)|All nameservers failed|resolution lifetime expired"
    r"|Could not connect to the endpoint|Connect timeout on endpoint|Failed to establish a new connection"
    r"|[Cc]ould not translate host name|[Cc]ould not connect to server|connection to server at .* failed"
    r"|Can't connect to (?:MySQL|server|local)|Unknown (?:MySQL )?server host|Unable to connect to the server"
    r"|Connection refused|No route to host|\[Errno (?:-2|-3|-5|101|110|111|113)\]|Max retries exceeded with url"
    r"|failed to connect to all addresses|NoBrokersAvailable|No servers found yet|Error connecting to"
    r"|Unable to locate credentials|security token included in the request is (?:invalid|expired)"
    r"|UnrecognizedClientException|InvalidClientTokenId|InvalidAccessKeyId|ExpiredToken|InvalidSignatureException"
    r"|the emulated AWS has .*, and nothing else"
)
TYPES = frozenset(
    {
        "EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError",
        "ProxyConnectionError", "NoCredentialsError", "CredentialRetrievalError", "gaierror", "herror", "URLError",
        "ConnectionError", "ConnectionRefusedError", "ConnectTimeout", "ConnectError", "MaxRetryError",
        "NewConnectionError", "NameResolutionError", "APIConnectionError", "ClientConnectorError",
        "ClientConnectorDNSError", "ServerNotFoundError", "ServerSelectionTimeoutError", "NoBrokersAvailable",
        "KafkaConnectionError", "AMQPConnectionError", "NoValidConnectionsError", "NoHostAvailable", "SERVER_DOWN",
        "NoNameservers", "LifetimeTimeout", "PyJWKClientConnectionError",
    }
)  # fmt: skip
SHOWN = 4000  # characters of what it printed, and
LONGEST = 160  # of what Lambda says
# Errors that the bytes and the manifest decide, for any call before.
DECIDED = frozenset(
    {
        "Runtime.UserCodeSyntaxError",
        "Runtime.HandlerNotFound",
        "Runtime.MalformedHandlerName",
        "Runtime.BuiltInModuleConflict",
        "Runtime.MarshalError",
        "Function.ResponseSizeTooLarge",
        "SyntaxError",
        "IndentationError",
    }
)
MISSING = re.compile(r"No module named |cannot import name |cannot open shared object file|undefined symbol")
UNSET = "KeyError: b"  # what `os.environ["X"]` has behind its KeyError
SYSTEM = re.compile(r"\[Errno (?:2|13|30)\] [^:]+: '/(?:var/task|opt|var/lang)/|\[Errno (?:28|30)\]")
# The host, in the words of clients whose calls Python does not see.
NAMED = re.compile(
    r"""(?:endpoint URL: "https?://|host name "|server at "|server on '|resolve host '|host=')([\w.:-]+)"""
)
NEAR = re.compile(r"(?:127\.[\d.]+|localhost|::1)(?::\d+)?$")
EMPTY = "AWS, of which only what the template declares is here, and empty"
AWS = re.compile(r"\.amazonaws\.com|Unable to locate credentials|security token|[Ee]mulated AWS|ClientException")


@dataclass(frozen=True, slots=True)
class Unreached:
    """A call that got no answer, and what came of it.

    Attributes:
        host: What was called, where that is known.
        place: From which line of the user's own, ``/var/task/app.py:4``; None where nobody saw it.
        ended: How the start or the event ended, in Lambda's words.
        aws: Whether it was AWS.
    """

    host: str | None
    place: str | None
    ended: str
    aws: bool

    def __str__(self) -> str:
        """``ssm.us-east-1.amazonaws.com:443, from /var/task/app.py:4 (EndpointConnectionError: …)``."""
        called = self.host or "another machine"
        return f"{called}{f', from {self.place}' if self.place else ''} ({self.ended})"


def unjudged(what: str, call: Unreached, function: Function) -> str:
    """The sentence of a check that cannot judge what follows a call: a limit where the manifest knows of it."""
    if function.network_known:
        return f"{what}. As is declared, what follows was not judged"
    seed = ""
    if call.aws and (function.seed is None or function.seed.implied):
        which = "with what it looks for" if function.seed else "a file for the emulated AWS"
        seed = f"Set `aws-seed`, {which}, to have the rest judged. "
    return (
        f"{what}\nThis may well work on Lambda, and what follows cannot be judged here. {seed}To accept that, set "
        f'network-at-init = "known" under [functions.{function.name}] of the manifest'
    )


def unreached(
    seen: Observation, end: Init | Answer, event: int | None, function: Function, program: Program
) -> Unreached | None:
    """The call for which an init (``event`` is None) or the answer to an event came to nothing; None where none did."""
    failed = any(call.event == event and not call.host for call in seen.calls)
    # What a template declares is there, and empty: whatever fails after a call of that may succeed on Lambda.
    empty = seen.emulated and function.seed is not None and function.seed.implied
    calls = _made(seen, event, near=failed or isinstance(end, Exceeded))
    trace = seen.trace if event is None else None
    causes, frames = (trace.causes, trace.frames) if trace else ((), ())
    match end:
        case Failed(error=error):
            by_child = failed and error.type == "CalledProcessError"  # curl, say, in whose process nothing watches
            if not by_child and not _for_a_call(error, causes, calls, empty=empty):
                return None
            frames = frames or frames_of(error.stack)
            said = [str(error), *causes]
        case Exceeded(limit="outside"):
            said = [seen.output[-SHOWN:]]
        case Exceeded(limit="timeout") if failed or calls or empty:
            said = [seen.output[-SHOWN:]]
        case Answered() if empty or any(map(_main, calls)):
            said = []
        case Exited(status=status) if status >= 0 and (empty or any(map(_main, calls)) or WORDS.search(seen.output)):
            said = [seen.output[-SHOWN:]]
        case _:
            return None
    call = _chosen(calls, frames, program)
    host = call.host if call else next((found[1] for text in said if (found := NAMED.search(text))), None)
    frame = own_frame(call.frames if call and call.main else frames, program)
    return Unreached(
        host=host or (EMPTY if empty else None),
        place=f"{frame.file}:{frame.line}" if frame else None,
        ended="without an answer" if isinstance(end, Answered) else _short(ending(end, function)),
        aws=empty or any(AWS.search(text) for text in (*said, host or "")),
    )


def _made(seen: Observation, event: int | None, *, near: bool) -> list[Call]:
    """The calls to other machines; those to the loopback, where something may have answered, only where one failed."""
    made = [call for call in seen.calls if call.event == event and call.host]
    far = [call for call in made if not NEAR.match(call.host or "")]
    return far or (made if near else [])


def went_on(seen: Observation, program: Program) -> str | None:
    """The call that an init made in vain before it succeeded, as ``HOST from /var/task/app.py:4``."""
    call = next((call for call in _made(seen, None, near=False) if call.main), None)
    frame = own_frame(call.frames, program) if call else None
    return f"{call.host}{f' from {frame.file}:{frame.line}' if frame else ''}" if call else None


def _main(call: Call) -> bool:
    """Whether the handler's own thread made a call to another machine.

    Agents and extensions are called on the loopback by many, and missed by none.
    """
    return call.main and not NEAR.match(call.host or "")


def _for_a_call(error: LambdaError, causes: Sequence[str], calls: Sequence[Call], *, empty: bool) -> bool:
    """Whether an error is one of a call, or nothing but a call explains it."""
    kinds = [error.type, *(cause.partition(":")[0] for cause in causes)]
    texts = [error.message, *causes]
    if error.type in DECIDED or (MISSING.search(error.message) and not TYPES.intersection(kinds)):
        return False
    if TYPES.intersection(kinds) or any(map(WORDS.search, texts)):
        return True
    if any(cause.startswith(UNSET) for cause in causes) or SYSTEM.search(error.message):
        return False
    return empty or any(map(_main, calls))


def _short(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def _chosen(calls: Sequence[Call], frames: Sequence[Frame], program: Program) -> Call | None:
    """The call that was made from the line on which the error came, else the last one."""
    place = own_frame(frames, program)
    same = [call for call in calls if place and place in call.frames]
    return next(reversed(same or [call for call in calls if call.main] or calls), None)
