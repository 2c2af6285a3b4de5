"""Every option that several commands share, once, and what the commands make of them."""

from __future__ import annotations

import argparse
import contextlib
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from harness.commands.progress import Progress
from harness.model import UsageError
from harness.plain_text import nearest, printed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from _typeshed import SupportsWrite

    from harness.discovery.project import Project
    from harness.engines.choice import Choice
    from harness.manifest import Manifest, Options, Template
    from harness.session.settings import Settings

SOURCE: Final = "a zip, an unpacked folder, s3://bucket/key[?versionId=V], function:NAME[:VERSION or ALIAS] or its ARN"
LAYER: Final = "a zip, a folder, s3://…, the ARN of a layer's version, or a function: the layers that it carries"
EXIT_CODES: Final = """\
exit codes: 0 everything that applies ran and passed; 1 at least one error (with --strict, warning); 2 the request is
wrong; 3 not everything that was asked for could be done.
"""
LONGEST: Final = 86_400  # seconds; a pipeline that waits for a day has hung


class Parsed(BaseException):
    """The options ask for nothing more than what is printed already: --help, --version, or what is wrong with them."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Parser(argparse.ArgumentParser):
    """A parser that ends by an exception of its own, and whose messages are harmless."""

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End with a message.

        Raises:
            Parsed: Always.
        """
        if message:
            self._print_message(message, sys.stderr)
        raise Parsed(status)

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        super()._print_message(printed(message), file)


class Once(argparse.Action):
    """An option that takes one value: of two, one would be ignored silently."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Store the value.

        Raises:
            ArgumentError: There is one already.
        """
        del parser, option_string
        if getattr(namespace, self.dest) is not None:
            raise argparse.ArgumentError(self, "given twice, and it takes one value")
        setattr(namespace, self.dest, values)


def seconds(text: str) -> float:
    """A limit of time.

    Raises:
        ArgumentTypeError: It is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= LONGEST:
        raise argparse.ArgumentTypeError(f"expected seconds, more than 0 and at most {LONGEST:,}, found {text}")
    return number


def _once(metavar: str, text: str, kind: type = str) -> Mapping[str, Any]:
    return {"metavar": metavar, "action": Once, "type": kind, "help": text}


def _repeated(metavar: str, text: str) -> Mapping[str, Any]:
    return {"metavar": metavar, "action": "append", "default": [], "help": text}


SHARED: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "--manifest": _once("FILE", "default: lambda-artifact.toml or pyproject.toml, here or above", Path),
        "--from": _once("FILE", "what another tool built: a template, a cdk.out/manifest.json, a plan in JSON …", Path),
        "--parameter": _repeated("NAME=VALUE", "a parameter of the template; may be repeated"),
        "--stack": _once("NAME", "the stack, where several were built; the stack's name in placeholders"),
        "--stage": _once("NAME", "the stage, or the environment of samconfig.toml"),
        "--code": _once("X", f"the code: {SOURCE}"),
        "--layer": _repeated("X", f"a layer, in Lambda's order; may be repeated: {LAYER}"),
        "--handler": _repeated("NAME", "module.function; may be repeated"),
        "--runtime": _once("R", "default: the manifest's, else python3.12"),
        "--arch": _once("A", "x86_64 or arm64; default: the manifest's, else x86_64"),
        "--memory": _once("MB", "the functions' memory", int),
        "--env": _repeated("K=V", "an environment variable of the functions; may be repeated"),
        "--event": _repeated("FILE", "invoke with this event after init; may be repeated"),
        "--engine": {
            "metavar": "E",
            "default": "auto",
            "help": "what starts the handlers: auto (default: the container where Docker has the image, else a "
            "process), container, process, or none (nothing is started: static checks only)",
        },
        "--image": {"metavar": "REF", "help": "the image to start handlers in, instead of Lambda's public image"},
        "--python": {"metavar": "PATH", "type": Path, "help": "the interpreter for the process engine"},
        "--init-timeout": {
            "metavar": "S",
            "type": seconds,
            "default": 60.0,
            "help": "seconds until an init is stopped (default 60)",
        },
        "--profile": {"metavar": "P", "help": "the AWS profile; default: the SDK's own chain"},
        "--strict": {"action": "store_true", "help": "warnings fail too"},
        "--format": {
            "metavar": "F",
            "default": "terminal",
            "help": "what goes to standard output: terminal, json, markdown, html; of verify also sarif, github, "
            "gitlab, junit, speedscope, cyclonedx, cyclonedx-1.7",
        },
        "--output": _repeated("FORMAT=FILE", "one more report, to a file"),
    }
)


def add(parser: argparse._ActionsContainer, *names: str) -> None:
    """Add shared options to a parser or a group of it."""
    for name in names:
        parser.add_argument(name, **SHARED[name])


def one_of(option: str, value: str, known: Collection[str]) -> str:
    """An option's value.

    Raises:
        UsageError: It is not a known one; the message has the nearest.
    """
    if value not in known:
        hint = f": did you mean {near}?" if (near := nearest(value, known)) else ""
        raise UsageError(f"{option} {value}: it takes {', '.join(known)}{hint}")
    return value


def declared(options: argparse.Namespace) -> Options:
    """What options say in place of the manifest."""
    from harness.manifest import Options

    given = vars(options)
    single: dict[str, Any] = {
        name: given.get(name) for name in ("code", "project", "runtime", "arch", "memory", "deployed_as")
    }
    repeated: dict[str, Any] = {
        field: tuple(given.get(name, ()))
        for field, name in (
            ("layers", "layer"),
            ("handlers", "handler"),
            ("require", "require"),
            ("requirements", "requirements"),
            ("env", "env"),
            ("events", "event"),
            ("inputs", "input"),
        )
    }
    template = str(given["from"]) if given.get("from") else None
    return Options(folder=Path.cwd(), template=template, **single, **repeated)


def manifest_of(options: argparse.Namespace, environ: Mapping[str, str], *, archives: bool = True) -> Manifest:
    """The manifest that is asked for, or found, with what the options say in its place.

    Raises:
        UsageError: The request is wrong.
    """
    from harness.catalogue import waivable
    from harness.manifest import find, load
    from harness.policy import KNOWN_RUNTIMES

    path = options.manifest or find(Path.cwd())
    return load(
        path,
        declared(options),
        runtimes=KNOWN_RUNTIMES,
        checks=waivable if archives else None,
        environ=environ,
        archives=archives,
        discover=partial(_template, options) if "parameter" in options else None,
    )


def _template(options: argparse.Namespace, chosen: Path | None) -> Template | None:
    """What another tool built: the file that is named, else what is found here."""
    from harness.discovery.manifest import template

    return template(project_of(options), chosen)


def project_of(options: argparse.Namespace) -> Project:
    """Where discovery looks, with what the options add.

    Raises:
        UsageError: A parameter is not written as NAME=VALUE.
    """
    from harness.discovery.project import Project, root_of

    for text in options.parameter:
        if "=" not in text:
            raise UsageError(f'--parameter: expected NAME=VALUE, found "{text}"')
    parameters = dict(text.split("=", 1) for text in options.parameter)
    folder = Path.cwd()
    return Project(root_of(folder), folder, parameters, options.stack, options.stage)


def engine_of(options: argparse.Namespace) -> Choice:
    """The engine that is asked for.

    Raises:
        UsageError: There is none of that name.
    """
    from harness.engines.choice import Choice

    return Choice(one_of("--engine", options.engine, [str(choice) for choice in Choice]))


@contextlib.contextmanager
def settings_of(options: argparse.Namespace, environ: Mapping[str, str], **others: Any) -> Iterator[Settings]:  # noqa: ANN401 - fields of Settings
    """How handlers are started, with the cache in use and progress shown for as long.

    Raises:
        UsageError: There is no such engine, or it is not the one that an option is for.
    """
    from harness.cache.folder import cache_folder, using
    from harness.engines.choice import Choice, engine
    from harness.session.settings import Settings

    choice = engine_of(options)
    if choice is Choice.PROCESS and options.image is not None:
        raise UsageError("--image is what the container engine starts, and --engine process does not: leave one out")
    folder = cache_folder(environ)
    with Progress(sys.stderr) as progress, using(folder):
        yield Settings(
            engine=engine(choice, environ, folder, options.image, options.python),
            cache=folder,
            progress=progress.show,
            today=datetime.now(tz=UTC).date(),
            static=choice is Choice.NONE,
            init_timeout=options.init_timeout,
            profile=options.profile,
            **others,
        )


def files_of(manifest: Manifest) -> tuple[Path, ...]:
    """The files on this machine that a manifest names: archives, and what is read of the repository."""
    sources = [manifest.code, *manifest.layers, *(s for f in manifest.functions for s in (f.code, *f.layers))]
    events = (event.path for function in manifest.functions for event in function.events)
    named: Sequence[Path | None] = (
        *(source.path for source in sources if source),
        *(manifest.path, manifest.project, manifest.baseline, *manifest.requirements, *manifest.inputs),
        *events,
    )
    return tuple(path for path in named if path)
