"""Secrets in files, recognised by their form; never the secrets themselves."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 1024 * 1024
"""What is larger, bytes, is no configuration."""

# A key has lines of base64 after its heading, in JSON with \n between them; code that reads keys has the heading alone.
_KEY: Final = re.compile(
    rb"-----BEGIN (?:[A-Z]+ ){0,2}PRIVATE KEY(?: BLOCK)?-----"
    rb"(?:\s|\\n|\\r)+(?:[A-Za-z-]+: [^\n\\]{0,200}(?:\s|\\n|\\r)+){0,4}[A-Za-z0-9+/=]{40}"
)
_KEY_HINT: Final = b"PRIVATE KEY"
_AWS: Final = re.compile(rb"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])")
_AWS_HINTS: Final = (b"AKIA", b"ASIA")
_AWS_SECRET: Final = re.compile(rb"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_HEXADECIMAL: Final = re.compile(rb"[0-9a-f]{40}|[0-9A-F]{40}")
_EXAMPLE: Final = b"EXAMPLE"
_NEAR: Final = 400
# Files that are there to hold secrets: the end of the path, what shows that they do, and what it is.
_FILES: Final = (
    (".npmrc", re.compile(rb"(?m)^[^#;\n]*_(?:auth|authToken|password)\s*=\s*[^\s$]"), "a registry's token"),
    (".pypirc", re.compile(rb"(?m)^\s*password\s*[:=]\s*\S"), "a registry's password"),
    (".netrc", re.compile(rb"(?m)\bpassword\s+\S"), "a password"),
    (".aws/credentials", re.compile(rb"(?mi)^\s*aws_secret_access_key\s*=\s*\S"), "AWS credentials"),
    (".tfstate", re.compile(rb'"terraform_version"\s*:'), "the state of Terraform, with every secret that it manages"),
    (".git-credentials", re.compile(rb"://[^:\s]+:[^@\s]+@"), "a password"),
)
_ENVIRONMENT: Final = re.compile(r"\.env(?:\.[\w-]+)?")
_EXAMPLES: Final = frozenset({"example", "sample", "template", "dist", "tpl", "defaults"})
_SETS: Final = re.compile(rb"(?m)^\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*[^\s#]")


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret in a file.

    Attributes:
        kind: What it is, fit for a message: ``a private key``.
        line: Where it begins.
    """

    kind: str
    line: int


def secrets(name: str, content: bytes) -> tuple[Secret, ...]:
    """The secrets of a file, at most one of each kind.

    Args:
        name: Its path, of which the end says what it is for.
        content: At most ``LONGEST`` bytes; more is not looked at.
    """
    if len(content) > LONGEST:
        return ()
    return tuple(Secret(kind, content.count(b"\n", 0, start) + 1) for kind, start in _found(name, content))


def _found(name: str, content: bytes) -> Iterator[tuple[str, int]]:
    if _KEY_HINT in content and (key := _KEY.search(content)):
        yield "a private key", key.start()
    if any(hint in content for hint in _AWS_HINTS):
        start = next((found.start() for found in _AWS.finditer(content) if _is_pair(content, found)), None)
        if start is not None:
            yield "an AWS access key with its secret", start
    for ending, sign, kind in _FILES:
        if name.endswith(ending) and (found := sign.search(content)):
            yield kind, found.start()
    base = posixpath.basename(name)
    if _ENVIRONMENT.fullmatch(base) and base.rpartition(".")[2] not in _EXAMPLES and (found := _SETS.search(content)):
        yield "variables of an environment", found.start()


def _is_pair(content: bytes, key: re.Match[bytes]) -> bool:
    """Whether an access key's id has something like its secret nearby, and neither is one of AWS's examples."""
    around = content[max(0, key.start() - _NEAR) : key.end() + _NEAR]
    if key[0].endswith(_EXAMPLE):
        return False
    return any(
        not found.endswith(b"EXAMPLEKEY") and not _HEXADECIMAL.fullmatch(found) for found in _AWS_SECRET.findall(around)
    )
