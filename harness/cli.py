"""Entry point 1, the command: options, verify, text, exit code."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import re
import signal
import sys
import traceback
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from harness import __version__
from harness.model import ExitCode, UsageError
from harness.plain_text import printed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

    from _typeshed import SupportsWrite

EPILOG = """\
exit codes: 0 everything that applies ran and passed; 1 at least one error (with --strict, warning); 2 the request is
wrong; 3 not everything that was asked for could be done.
"""
TRANSITION_EPILOG = """\
exit codes: 0 it can be deployed so; 1 what will be, what is live or the order does not work; 2 the request is wrong; 3
not everything that was asked for could be done.
"""
MATCH_EPILOG = """\
exit codes: 0 all of it is what passed; 1 something else lies there; 2 the request is wrong, or the report's verdict is
not pass; 3 something could not be had.
"""
SOURCE = "a zip, an unpacked folder, s3://bucket/key[?versionId=V], function:NAME[:VERSION or ALIAS] or its ARN"
LAYER = "a zip, a folder, s3://…, the ARN of a layer's version, or a function: the layers that it carries"
PROFILE = "the profile for what lies in AWS; default: the SDK's own chain"
PREFLIGHT_EPILOG = """\
exit codes: 0 nothing stands in the way; 1 at least one error (with --strict, warning); 2 the request is wrong; 3 not
everything that was asked for could be done, as where AWS refuses an answer. Nothing in AWS is ever changed.
"""
MODULES = {
    "verify": "verifying",
    "transition": "deploying",
    "preflight": "deploying",
    "match": "deploying",
    "policy": "deploying",
    "stamp": "building",
    "key": "building",
    "checks": "telling",
    "explain": "telling",
    "cache": "telling",
}
"""Where each command is, below ``harness.commands``."""
INTERRUPTED, TERMINATED = 130, 143
STDERR = 2
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
LONGEST = 86_400  # seconds; a pipeline that waits for a day has hung


def run(argv: Sequence[str], environ: Mapping[str, str], loaded: Callable[[], object] = int) -> int:
    """Run the command.

    Args:
        argv: What follows its name.
        environ: The user's environment.
        loaded: Called when everything is imported and the work begins.

    Returns:
        Its exit code. It is 0 only where a command returned it, which each does once what it says is written; whatever
        else ends a run, SystemExit(0) and a pipe that nobody reads among it, has earned nothing: 3.
    """
    previous = signal.signal(signal.SIGTERM, _terminated)
    try:
        _open_streams()
        options = _parser().parse_args(argv)
        # What the commands import takes longer than --help may.
        commands = importlib.import_module(f"harness.commands.{MODULES[options.command]}")
        loaded()
        return int(getattr(commands, options.command)(options, environ))
    except _Parsed as ended:
        return ended.code
    except UsageError as problem:
        _complain(str(problem))
        return ExitCode.USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except _Terminated:
        return TERMINATED
    except OSError as problem:  # a full disk, a cache that may not be written
        _complain(str(problem))
    except BaseException:  # noqa: BLE001 - Python would exit with 1, which says that the artifact is at fault, or with 0
        print(printed(traceback.format_exc()), end="", file=sys.stderr)
    finally:
        signal.signal(signal.SIGTERM, previous)
    return ExitCode.INCOMPLETE


def _complain(problem: str) -> None:
    for line in problem.split("\n"):
        print(printed(f"lambda-artifact: {line}"), file=sys.stderr)


def _open_streams() -> None:
    """Make sure that there are streams to write to, and that they take any character.

    Without one that the caller closed, the next file to be opened would be what processes write to.
    """
    while (spare := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(spare)
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as we live
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - the same
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What is said may hold any character; a terminal that cannot show one must not lose the others.
        sys.stdout.reconfigure(errors="backslashreplace")


class _Terminated(BaseException):
    """SIGTERM arrived: leave in order, so that nothing is left behind."""


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise _Terminated


class _Parsed(BaseException):
    """The options ask for nothing but what is printed by now: --help, --version, or what is wrong with them."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _Parser(argparse.ArgumentParser):
    """A parser that ends by an exception of its own, and whose messages are harmless."""

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End with a message.

        Raises:
            _Parsed: Always.
        """
        if message:
            self._print_message(message, sys.stderr)
        raise _Parsed(status)

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        super()._print_message(printed(message), file)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="lambda-artifact",
        description="Starts built AWS Lambda archives as Lambda does, and fails before the deploy does.",
        epilog=EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"lambda-artifact {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_verify(commands.add_parser("verify", help="verify built archives", epilog=EPILOG, allow_abbrev=False))
    _add_transition(commands.add_parser("transition", help="which order of updates is safe", allow_abbrev=False))
    _add_preflight(commands.add_parser("preflight", help="hold it against the account", allow_abbrev=False))
    _add_stamp(commands.add_parser("stamp", help="write into archives what they are built from", allow_abbrev=False))
    _add_key(commands.add_parser("key", help="a key for CI's cache of what is built", allow_abbrev=False))
    _add_match(commands.add_parser("match", help="whether what lies there is what passed", allow_abbrev=False))
    _add_policy(commands.add_parser("policy", help="what IAM must allow, as a policy", allow_abbrev=False))
    checks = commands.add_parser("checks", help="list the checks: id, what it needs, title")
    checks.set_defaults(command="checks")
    explain = commands.add_parser("explain", help="the documentation of a check")
    explain.add_argument("check", metavar="CHECK")
    explain.set_defaults(command="explain")
    help_of_cache = "where the cache is, how large and how useful; `cache prune` empties it"
    _add_cache(commands.add_parser("cache", help=help_of_cache, allow_abbrev=False))
    return parser


class _Once(argparse.Action):
    """An option that says what is verified: of two values, one would be left out without a word."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Keep the value.

        Raises:
            ArgumentError: There is one already.
        """
        del parser, option_string
        if getattr(namespace, self.dest) is not None:
            raise argparse.ArgumentError(self, "given twice, and it takes one value")
        setattr(namespace, self.dest, values)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST:
        raise argparse.ArgumentTypeError(f"expected seconds, more than 0 and at most {LONGEST:,}, found {text}")
    return seconds


def _size(text: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgt]?)(?:i?b)?", text.strip(), re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"expected a size such as 500MB or 2GB, found {text}")
    size = float(found[1]) * 1024 ** " kmgt".index(found[2].lower() or " ")
    if not isfinite(size):
        raise argparse.ArgumentTypeError(f"expected a size that a disk can have, found {text[:20]}…")
    return int(size)


def _age(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([smhdw])", text.strip(), re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"expected a time such as 12h, 30d or 4w, found {text}")
    return float(found[1]) * SECONDS[found[2].lower()]


def _add_verify(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what").add_argument
    add(
        "--manifest",
        metavar="FILE",
        action=_Once,
        type=Path,
        help="default: lambda-artifact.toml or pyproject.toml, here or above",
    )
    add("--code", metavar="X", action=_Once, help=f"the code: {SOURCE}")
    add(
        "--layer",
        metavar="X",
        action="append",
        default=[],
        help=f"a layer, in Lambda's order; may be repeated: {LAYER}",
    )
    add("--handler", metavar="NAME", action="append", default=[], help="module.function; may be repeated")
    add("--require", metavar="GLOB", action="append", default=[], help="a file that must be there; may be repeated")
    add("--requirements", metavar="FILE", action="append", default=[], help="what the layer is built from")
    add("--project", metavar="FILE", action=_Once, help="pyproject.toml, which declares the dependencies")
    add("--runtime", metavar="R", action=_Once, help="default: python3.12")
    add("--arch", metavar="A", action=_Once, help="x86_64 (default) or arm64")
    add("--memory", metavar="MB", action=_Once, type=int, help="the functions' memory")
    add("--env", metavar="K=V", action="append", default=[], help="a variable of the functions; may be repeated")
    add("--event", metavar="FILE", action="append", default=[], help="invoke with this after init; may be repeated")
    add = parser.add_argument_group("how").add_argument
    add(
        "--engine",
        metavar="E",
        default="auto",
        help="auto (default: the container where Docker has the image, else a process), container, process, or none: "
        "static checks alone",
    )
    add("--image", metavar="REF", help="instead of Lambda's public image")
    add("--python", metavar="PATH", type=Path, help="the interpreter for the process engine")
    add("--profile", metavar="P", help=PROFILE)
    add("--select", metavar="CHECK", action="append", default=[], help="run only this check; may be repeated")
    add("--skip", metavar="CHECK", action="append", default=[], help="do not run this check; may be repeated")
    add("--strict", action="store_true", help="warnings fail too")
    add(
        "--init-timeout", metavar="S", type=_seconds, default=60.0, help="seconds until an init is stopped (default 60)"
    )
    add = parser.add_argument_group("output").add_argument
    add("--format", metavar="F", default="terminal", help="what goes to standard output: terminal, json, markdown")
    add("--output", metavar="FORMAT=FILE", action="append", default=[], help="one more report, to a file")
    add("--source-digests", action="store_true", help="whole SHA-256 and CodeSha256 of each archive, for `match`")
    add("--timings", action="store_true", help="say where the time went")
    add("-v", "--verbose", action="store_true", help="each finding, each check, and each remark")
    parser.set_defaults(command="verify")


def _add_match(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Holds what is to be deployed, or is, against the JSON report of a verification that passed: exit code 0 only "
        "where all of it has the digests that passed."
    )
    parser.epilog = MATCH_EPILOG
    add = parser.add_argument
    add("--report", metavar="FILE", action=_Once, type=Path, required=True, help="what `verify` wrote as JSON")
    add("--code", metavar="X", action="append", default=[], help=f"code; may be repeated: {SOURCE}")
    add("--layer", metavar="X", action="append", default=[], help=f"a layer; may be repeated: {LAYER}")
    add(
        "--require",
        metavar="LEVEL",
        default="passed",
        help="what the verification must have done: passed (default), started (every declared function was started), "
        "or all (that, and no check was left out)",
    )
    add("--profile", metavar="P", help=PROFILE)
    parser.set_defaults(command="match")


def _add_policy(parser: argparse.ArgumentParser) -> None:
    parser.description = "Prints the least that IAM must allow for reading from AWS. Nothing here writes there."
    parser.add_argument("sources", metavar="SOURCE", nargs="*", help="what is read: s3://…, function:NAME, an ARN")
    parser.add_argument("--preflight", action="store_true", help="what `preflight` asks, too")
    parser.set_defaults(command="policy")


def _add_transition(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Starts each function on old code with old layers, on new with new, and on the two mixtures that are live "
        "between `update-function-code` and `update-function-configuration`; says which order of the two is safe."
    )
    parser.epilog = TRANSITION_EPILOG
    add = parser.add_argument_group("what is live (what is not said is as in what will be)").add_argument
    add("--from", dest="from_manifest", metavar="FILE", action=_Once, type=Path, help="its manifest")
    add("--from-code", metavar="X", action=_Once, help=f"its code: {SOURCE}; a function comes with its own layers")
    add("--from-layer", metavar="X", action="append", default=[], help=f"a layer of it; may be repeated: {LAYER}")
    add("--from-runtime", metavar="R", action=_Once, help="its runtime")
    add("--from-arch", metavar="A", action=_Once, help="its architecture")
    add("--from-env", metavar="K=V", action="append", default=[], help="a variable of it; may be repeated")
    add = parser.add_argument_group("what will be").add_argument
    add(
        "--to", dest="to_manifest", metavar="FILE", action=_Once, type=Path, help="its manifest; default: as for verify"
    )
    add("--code", metavar="X", action=_Once, help="the code, likewise")
    add("--layer", metavar="X", action="append", default=[], help="a layer, in Lambda's order; may be repeated")
    add("--handler", metavar="NAME", action="append", default=[], help="module.function; may be repeated")
    add("--runtime", metavar="R", action=_Once, help="default: python3.12")
    add("--arch", metavar="A", action=_Once, help="x86_64 (default) or arm64")
    add("--memory", metavar="MB", action=_Once, type=int, help="the functions' memory")
    add("--env", metavar="K=V", action="append", default=[], help="a variable of the functions; may be repeated")
    add("--event", metavar="FILE", action="append", default=[], help="invoke with this after init; may be repeated")
    add = parser.add_argument_group("how").add_argument
    add(
        "--order",
        metavar="O",
        help="what the deploy does: code-first, configuration-first, or atomic (an alias is moved). Without it, the "
        "report says which order is safe, and it is an error where none of the first two is",
    )
    add(
        "--without-rollback",
        action="store_true",
        help="what is live need not start: for the deploy that mends it",
    )
    add("--engine", metavar="E", default="auto", help="as for verify; none: imports are looked up, nothing is started")
    add("--profile", metavar="P", help=PROFILE)
    add("--image", metavar="REF", help="instead of Lambda's public image")
    add("--python", metavar="PATH", type=Path, help="the interpreter for the process engine")
    add(
        "--init-timeout", metavar="S", type=_seconds, default=60.0, help="seconds until an init is stopped (default 60)"
    )
    add = parser.add_argument_group("output").add_argument
    add("--format", metavar="F", default="terminal", help="what goes to standard output: terminal, json, markdown")
    add("--output", metavar="FORMAT=FILE", action="append", default=[], help="one more report, to a file")
    parser.set_defaults(command="transition")


def _add_preflight(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Holds what is to be deployed against what an AWS account has: what the deployment would change, what has "
        "drifted, what need not be published. Reads configurations and digests; changes nothing."
    )
    parser.epilog = PREFLIGHT_EPILOG
    add = parser.add_argument_group("what").add_argument
    add("--manifest", metavar="FILE", action=_Once, type=Path, help="default: as for verify")
    add("--code", metavar="X", action=_Once, help="the code archive")
    add("--layer", metavar="X", action="append", default=[], help="a layer, in Lambda's order; may be repeated")
    add("--handler", metavar="NAME", action="append", default=[], help="module.function; may be repeated")
    add("--runtime", metavar="R", action=_Once, help="default: python3.12")
    add("--arch", metavar="A", action=_Once, help="x86_64 (default) or arm64")
    add("--memory", metavar="MB", action=_Once, type=int, help="the functions' memory")
    add("--env", metavar="K=V", action="append", default=[], help="a variable of the functions; may be repeated")
    add = parser.add_argument_group("where").add_argument
    add(
        "--deployed-as",
        metavar="NAME",
        action=_Once,
        help="what the functions are called, with {function} for the manifest's name, and :ALIAS where one is used",
    )
    add(
        "--function",
        metavar="NAME=DEPLOYED",
        action="append",
        default=[],
        help="what one function is called: a name or an ARN, with :ALIAS where one is used; may be repeated",
    )
    add("--profile", metavar="P", help=PROFILE)
    add = parser.add_argument_group("how").add_argument
    add("--rollback", action="store_true", help="it is meant that something goes back to an earlier version")
    add("--skip", metavar="WHAT", action="append", default=[], help="do not look for this; may be repeated")
    add("--strict", action="store_true", help="warnings fail too")
    add = parser.add_argument_group("output").add_argument
    add("--format", metavar="F", default="terminal", help="what goes to standard output: terminal, json, markdown")
    add("--output", metavar="FORMAT=FILE", action="append", default=[], help="one more report, to a file")
    parser.set_defaults(command="preflight")


def _add_stamp(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Writes lambda-artifact-stamp.json into archives: digests of what they are built from, and a key. "
        "For the step that builds them; `verify` compares."
    )
    parser.add_argument("archives", metavar="ARCHIVE", nargs="+", type=Path, help="a zip or an unpacked folder")
    _add_inputs(parser)
    parser.add_argument("--replace", action="store_true", help="stamp an archive too that has a stamp of other inputs")
    parser.set_defaults(command="stamp")


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.description = "Prints a key that changes with everything that the archives are built from."
    _add_inputs(parser)
    parser.add_argument("--prefix", metavar="TEXT", default="", help="what the key begins with, before a hyphen")
    parser.set_defaults(command="key")


def _add_cache(parser: argparse.ArgumentParser) -> None:
    parser.description = "Everything in the cache can be made again. What a run uses now is never removed."
    add = parser.add_argument
    add("action", nargs="?", choices=["show", "prune"], default="show", help="prune without options empties it")
    add(
        "--max-size",
        metavar="SIZE",
        type=_size,
        help="prune what was least recently used until this is left: 500MB, 2GB",
    )
    add("--older-than", metavar="TIME", type=_age, help="prune what was not used for this long: 12h, 30d, 4w")
    parser.set_defaults(command="cache")


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--manifest", metavar="FILE", action=_Once, type=Path, help="default: as for verify")
    add(
        "--input",
        metavar="FILE",
        action="append",
        default=[],
        help="what they are built from, in place of what the manifest names; may be repeated",
    )
    add("--runtime", metavar="R", action=_Once, help="default: the manifest's, else python3.12")
    add("--arch", metavar="A", action=_Once, help="default: the manifest's, else x86_64")
    add("--image", metavar="REF", action=_Once, help="what they are built in, best with its digest")
    add(
        "--tool",
        metavar="NAME=VERSION",
        action="append",
        default=[],
        help="what builds them, such as pip=25.3; may be repeated",
    )
