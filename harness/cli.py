"""Entry point 1, the command: dispatch to a command's module, and the exit code of whatever ends it."""

from __future__ import annotations

import importlib
import signal
import traceback
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NoReturn

from harness import __version__
from harness.commands.options import EXIT_CODES, Parsed, Parser
from harness.commands.output import complain, open_streams
from harness.model import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

COMMANDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "verify": ("verify built archives", "verify"),
        "discover": ("show the functions that other tools have declared here", "discovery.manifest"),
        "diff": ("show what a release changes", "diff.request"),
        "transition": ("find the order of updates that is safe", "transition.request"),
        "preflight": ("compare the manifest with the AWS account", "preflight.request"),
        "stamp": ("write into archives what they are built from", "dependencies.stamps"),
        "key": ("print a key for CI's cache of what is built", "dependencies.stamps"),
        "attest": ("sign what a verification proved", "attestation.evidence"),
        "admit": ("admit archives to a deploy by a signed verification", "attestation.admission"),
        "fleet": ("verify many projects, or a whole account", "fleet.document"),
        "match": ("check that an artifact is the one that was verified", "commands.proof"),
        "policy": ("print the IAM policy that reading from AWS needs", "sources.iam_policy"),
        "checks": ("list the checks: id, what it needs, title", "catalogue"),
        "explain": ("print the documentation of a check", "catalogue"),
        "cache": ("show where the cache is, how large and how useful; `cache prune` empties it", "cache.prune"),
    }
)
"""What each command does, and the module that takes longest to import of what it needs."""
INTERRUPTED, TERMINATED = 130, 143


def run(argv: Sequence[str], environ: Mapping[str, str], loaded: Callable[[], object] = int) -> int:
    """Run the command.

    Args:
        argv: The arguments after its name.
        environ: The user's environment.
        loaded: Called when everything is imported and the work begins.

    Returns:
        Its exit code: 0 only where a command returned it, once its output is written. Whatever else ends a run is 3.
    """
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        open_streams()
        options = parser(argv).parse_args(argv)
        command = importlib.import_module(f"harness.commands.{options.command}")
        importlib.import_module(f"harness.{COMMANDS[options.command][1]}")  # takes longer than --help may
        loaded()
        return int(command.run(options, environ))
    except Parsed as ended:
        return ended.code
    except UsageError as problem:
        complain(str(problem))
        return ExitCode.USAGE
    except (KeyboardInterrupt, _Terminated) as stopped:
        return TERMINATED if isinstance(stopped, _Terminated) else INTERRUPTED
    except OSError as problem:  # a full disk, a cache that may not be written
        complain(str(problem))
    except BaseException:  # noqa: BLE001 - Python would exit with 1, which says that the artifact is at fault, or with 0
        complain(traceback.format_exc().rstrip("\n"), prefix="")
    finally:
        signal.signal(signal.SIGTERM, previous)
    return ExitCode.INCOMPLETE


def parser(names: Container[str]) -> Parser:
    """The parser of the whole command, with the options of the named subcommands; the others have none yet."""
    whole = Parser(
        prog="lambda-artifact",
        description="Starts built AWS Lambda archives as Lambda does, and fails before the deploy does.",
        epilog=EXIT_CODES,
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"lambda-artifact {__version__}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, (what, _) in COMMANDS.items():
        command = commands.add_parser(name, help=what, allow_abbrev=False)
        if name in names:
            importlib.import_module(f"harness.commands.{name}").add_options(command)
    return whole


class _Terminated(BaseException):
    """SIGTERM arrived: leave in order, so that nothing is left behind."""


def _terminate(*_: object) -> NoReturn:
    raise _Terminated
