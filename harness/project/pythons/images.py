"""Container images that have a certain Python, in whatever text they are named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from harness.project.pythons.values import Kind, Mention

if TYPE_CHECKING:
    from collections.abc import Iterator

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
# What installers are told: `pip install --platform manylinux2014_x86_64 --python-version 3.11`; for pip, 311 is that.
_OPTION: Final = re.compile(r"--python-version[= ][\"']?(\d)\.?(\d+)(?:\.\d+)*(?![\w.])")
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


def containerfile(text: str, name: str) -> Iterator[Mention]:
    """The bases of the stages of a Dockerfile.

    Args:
        text: The file.
        name: How a sentence names it.
    """
    known: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if found := _ARGUMENT.match(line):
            known[found[1]] = found[2]
        elif found := _FROM.match(line):
            base = _VARIABLE.sub(lambda one: known.get(one[1] or one[3]) or one[2] or "", found[1])
            for image in images(base):
                yield Mention(f"FROM {image.text}", Kind.BUILD, name, number, image.python)


def script(text: str, name: str, kind: Kind = Kind.BUILD, first: int = 1) -> Iterator[Mention]:
    """The images that commands start, and the version that they tell an installer.

    Args:
        text: Commands, one a line.
        name: How a sentence names their file.
        kind: What an image is for that is not made to build for Lambda.
        first: The number of their first line.
    """
    for number, line in enumerate(text.splitlines(), first):
        if _COMMENT.match(line):
            continue
        for image in images(line):
            yield Mention(image.text, Kind.BUILD if image.of_lambda else kind, name, number, image.python)
        for found in _OPTION.finditer(line) if "mypy" not in line else ():
            yield Mention(found[0], Kind.BUILD, name, number, f"{found[1]}.{found[2]}")
