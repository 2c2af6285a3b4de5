"""Container images that have a certain Python, in whatever text they are named."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import TYPE_CHECKING, Final, NamedTuple

from harness.dependencies.pipelines.shell import Shell
from harness.dependencies.pipelines.shell_words import commands
from harness.dependencies.pythons.pin import Kind, PythonPin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# `public.ecr.aws/lambda/python:3.12`, `python:3.12-slim`, `cimg/python:3.12.1`, and those with the version in their
# name: `sam/build-python3.12`, `astral-sh/uv:0.5-python3.12-bookworm`, `lambci/lambda:build-python3.8`.
_IMAGE: Final = re.compile(
    r"(?<![\w./:@$}-])(?:[\w.-]+(?::\d+)?/)*"
    r"(?:(?:[\w.-]*-)?python:v?(?P<tag>[23]\.\d+)|"
    r"(?:build-|emulation-|aws-sam-cli-(?:build|emulation)-image-|lambda:(?:build-)?|uv:(?:[\w.]+-)?)"
    r"python(?P<name>[23]\.\d+))"
    r"(?:[\w.-]*(?::[\w.-]+)?)"
)
_ARGUMENT: Final = re.compile(r"\s*ARG\s+(\w+)=[\"']?([^\s\"']*)", re.IGNORECASE)
_FROM: Final = re.compile(r"\s*FROM\s+(?:--\S+\s+)*(\S+)", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")
# Options of installers: `pip install --platform manylinux2014_x86_64 --python-version 3.11`; for pip, 311 is that.
_OPTION: Final = re.compile(r"--python-version[= ][\"']?(\d)\.?(\d+)(?:\.\d+)*(?![\w.])")
# `python3.11 -m pip`, `pip3.11 install`, `uv venv --python 3.11`, `virtualenv -p python3.11`, `pyenv install 3.11`.
_INTERPRETER: Final = re.compile(
    r"(?<![\w./:-])(?:(?:/\S+/)?python(3\.\d+) -m|pip(3\.\d+) install|"
    r"(?:--python|-p)[= ][\"']?(?:python)?(3\.\d+)|(?:pyenv|uv python) install (3\.\d+))(?![\w.]*\d)"
)
# What checks code, or works out what could be installed, is no build: it may name the least Python that there is.
_INSTALLS_NOTHING: Final = re.compile(r"\bmypy\b|\bpip[ -]compile\b|\b(?:uv|poetry|pdm|pipenv) lock\b|--universal\b")
_RUNTIME: Final = re.compile(r"python(3\.\d+)")
_TASK_ROOT: Final = "LAMBDA_TASK_ROOT"
_RUNS: Final = re.compile(r"^[ \t]*(?:CMD|ENTRYPOINT)[ \t]+(?:\[[ \t]*\"([^\"]*)\"|.*())", re.MULTILINE | re.IGNORECASE)
_COMMENT: Final = re.compile(r"\s*(?:#|//|::|REM\b)")


_OF_LAMBDA: Final = re.compile(r"lambda|\bsam\b")


class Image(NamedTuple):
    """An image, and the Python in it."""

    text: str
    python: str

    @property
    def of_lambda(self) -> bool:
        """Whether it is Lambda's own, or made to build for it: on any other, anything may run."""
        return _OF_LAMBDA.search(self.text) is not None


def images(text: str) -> Iterator[Image]:
    """The images of Python that a text names."""
    for found in _IMAGE.finditer(text):
        yield Image(found[0].strip(".:-"), found["tag"] or found["name"])


def containerfile(text: str, name: str) -> Iterator[PythonPin]:
    """The bases of the stages of a Dockerfile; where it says what the image runs, that is their handler."""
    known: dict[str, str] = {}
    runs = next(((found[1] or "").strip() for found in reversed([*_RUNS.finditer(text)])), None)
    if runs is None and _TASK_ROOT in text:
        runs = ""  # an image with a function in it, whose handler is set elsewhere
    for number, line in enumerate(text.splitlines(), 1):
        if found := _ARGUMENT.match(line):
            known[found[1]] = found[2]
        elif found := _FROM.match(line):
            base = _VARIABLE.sub(lambda one: known.get(one[1] or one[3]) or one[2] or "", found[1])
            for image in images(base):
                yield PythonPin(f"FROM {image.text}", Kind.BUILD, name, number, image.python, runs)


def script(text: str, name: str, kind: Kind = Kind.BUILD, first: int = 1) -> Iterator[PythonPin]:
    """The images that commands start, the interpreters that they run, and the versions that they name.

    Args:
        text: Commands.
        name: The name of their file in a message.
        kind: What an image is for that is not made to build for Lambda.
        first: The number of their first line.
    """
    for number, line in enumerate(text.splitlines(), first):
        if _COMMENT.match(line):
            continue
        for image in images(line):
            yield PythonPin(image.text, Kind.BUILD if image.of_lambda else kind, name, number, image.python)
        for found in _OPTION.finditer(line) if not _INSTALLS_NOTHING.search(line) else ():
            yield PythonPin(found[0], Kind.BUILD, name, number, f"{found[1]}.{found[2]}")
        for found in _INTERPRETER.finditer(line):
            installs = re.search(r"\bpip3?(?:\.\d+)? install|\bpip\b.*\binstall", line)
            other = kind if kind is Kind.PIPELINE else Kind.DEVELOPMENT
            python = found[1] or found[2] or found[3] or found[4]
            yield PythonPin(found[0].strip(), Kind.BUILD if installs else other, name, number, python)
    yield from _configured(text, name, first)


def _configured(text: str, name: str, first: int) -> Iterator[PythonPin]:
    """The runtimes in commands of ``aws lambda``."""
    if "--runtime" not in text and "--compatible-runtimes" not in text:
        return
    shell = Shell(name)
    for command in commands(text, first):
        shell.assign(command.words)
        _, arguments = shell.program(command)
        texts = [one.text for one in arguments]
        for flag, kind in (("--runtime", Kind.FUNCTION), ("--compatible-runtimes", Kind.LAYER)):
            for value in _values(texts, flag) if "lambda" in texts else ():
                if found := _RUNTIME.fullmatch(value):
                    handler, function = (next(_values(texts, one), None) for one in ("--handler", "--function-name"))
                    named = function if function and "*" not in function else None
                    written = f"{flag} {value}"
                    yield PythonPin(written, kind, name, command.line, found[1], handler, named, "aws")


def _values(texts: Sequence[str], flag: str) -> Iterator[str]:
    """The values of an option, up to the next option."""
    for at, text in enumerate(texts):
        if text.startswith(f"{flag}="):
            yield text.partition("=")[2]
        elif text == flag:
            yield from takewhile(lambda one: not one.startswith("-"), texts[at + 1 :])
