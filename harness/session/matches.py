"""Whether what lies somewhere is what passed: the digests of a report, and archives here or in AWS."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from harness import regular_files
from harness.artifact.entries import Role
from harness.catalogue import CATALOGUE
from harness.manifest import Source, SourceKind
from harness.model import ExitCode, UsageError, Verdict
from harness.plain_text import harmless
from harness.reporters.schema_v1 import SCHEMA
from harness.sources.aws_resources import LambdaFunction, parse
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.sources.fetch import Sources

_ELSEWHERE = ("s3://", "arn:", "function:")


class Passed(msgspec.Struct, frozen=True):
    """An archive that a report is about; more of the report is not needed here, whichever release wrote it."""

    role: str
    source: str
    sha256: str
    code_sha256: str | None

    def __str__(self) -> str:
        return f"{harmless(self.source)} ({shown(self.sha256, is_folder=self.code_sha256 is None)})"


class _Result(msgspec.Struct, frozen=True):
    check: str


class _Function(msgspec.Struct, frozen=True):
    name: str
    init_seconds: float | None = None


class _Reported(msgspec.Struct, frozen=True):
    schema: str
    verdict: str
    artifacts: tuple[Passed, ...]
    results: tuple[_Result, ...] = ()
    functions: tuple[_Function, ...] = ()


class Required(StrEnum):
    """What the verification must have done at least, for its report to count."""

    PASSED = "passed"
    STARTED = "started"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a report proves.

    Attributes:
        artifacts: The archives that passed.
        checks: How many checks were made of them.
        of: How many checks there are.
        started: How many functions were started.
        functions: How many are declared.
    """

    artifacts: tuple[Passed, ...]
    checks: int
    of: int
    started: int
    functions: int

    @property
    def words(self) -> str:
        """What was done, in one clause."""
        checks = f"{self.checks} of {self.of} checks"
        if not self.functions:
            return f"{checks}; no function was declared, and nothing was started"
        if not self.started:
            return f"{checks}; nothing was started"
        return f"{checks}; {self.started} of {self.functions} functions started"

    def lacks(self, required: Required) -> str | None:
        """What it lacks of what is required; None where it lacks nothing."""
        if required is Required.PASSED:
            return None
        if not self.functions or self.started < self.functions:
            return "that every declared function was started (no --engine none, no --skip or --select without it)"
        if required is Required.ALL and self.checks < self.of:
            return "that no check was left out (no --select, no --skip)"
        return None


@dataclass
class Matches:
    """What was found.

    Attributes:
        lines: One for each archive.
        differ: Whether one is not what passed.
        unknown: Whether one could not be had.
    """

    lines: list[str] = field(default_factory=list)
    differ: bool = False
    unknown: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """0 only where each is what passed."""
        if self.differ:
            return ExitCode.FINDINGS
        return ExitCode.INCOMPLETE if self.unknown else ExitCode.OK


def passed(path: Path, required: Required = Required.PASSED) -> Proof:
    """What a report says has passed, and by what.

    Args:
        path: The report.
        required: What it must prove at least.

    Raises:
        UsageError: It is no report, or not one of a verification that passed, or proves less than is required.
    """
    try:
        report = msgspec.json.decode(regular_files.read(path), type=_Reported)
    except OSError as error:
        raise UsageError(f"--report {path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"--report {path}: not a JSON report of `verify`: {harmless(str(error))}") from error
    if report.schema != SCHEMA:
        raise UsageError(f"--report {path}: expected a report of schema {SCHEMA}, found {harmless(report.schema)}")
    if report.verdict != Verdict.PASS:
        raise UsageError(
            f"--report {path}: its verdict is {harmless(report.verdict)}, so it proves nothing: verify again"
        )
    if not report.artifacts:
        raise UsageError(f"--report {path}: it names no archive, so nothing has passed")
    made = {result.check for result in report.results}
    started = sum(function.init_seconds is not None for function in report.functions)
    every = made | {check.id for check in CATALOGUE}
    proof = Proof(report.artifacts, len(made), len(every), started, len(report.functions))
    if lacks := proof.lacks(required):
        raise UsageError(f"--report {path}: {proof.words}; --require {required} demands {lacks}: verify again so")
    return proof


def match(artifacts: Sequence[Passed], codes: Sequence[str], layers: Sequence[str], sources: Sources) -> Matches:
    """Hold what lies there against what passed.

    Args:
        artifacts: What passed.
        codes: Code archives, as users name them.
        layers: Layers; a function stands for those that it carries.
        sources: Has their digests.

    Raises:
        UsageError: Nothing is named, or what is named cannot be.
    """
    named = [*((Role.CODE, text) for text in codes), *((Role.LAYER, text) for text in layers)]
    if not named:
        raise UsageError("nothing to be matched: name what lies there with --code or --layer")
    wanted = [(role, _source(role, text)) for role, text in named]
    found, seen = Matches(), set[Passed]()
    for role, source in wanted:
        of_role = [one for one in artifacts if one.role == role]
        for one, part in chain(((source, ""),), _shares(found, source, role, sources)):
            try:
                seen.update(_matched(found, one, role, of_role, sources, part))
            except SourceUnavailable as reason:
                found.lines.append(f"{role} {reason}")
                found.unknown = True
                break  # what is not there shares nothing
    found.lines += [f"not compared: {one.role} {one}" for one in artifacts if one not in seen]
    return found


def _shares(found: Matches, source: Source, role: Role, sources: Sources) -> Iterator[tuple[Source, str]]:
    """The versions that get a part of an alias's calls, beside the one that it points to, with that part in words."""
    try:
        yield from ((one, f"{part:.0%} of the calls of {source.text}") for one, part in sources.shares(source))
    except SourceUnavailable as reason:
        found.lines.append(f"{role} not known whether another version gets a part of the calls: {reason}")
        found.unknown = True


def _matched(  # noqa: PLR0913, PLR0917 - the lines, what lies there, what passed
    found: Matches, source: Source, role: Role, of_role: list[Passed], sources: Sources, part: str
) -> Iterator[Passed]:
    """Those that passed and lie there."""
    each = sources.layers([source]) if role is Role.LAYER else (source,)
    if not each and of_role:
        found.lines.append(f"layer {source.text}: it carries none, and with {_all(of_role)} it passed: attach it")
        found.differ = True
    for one in each:
        digest = sources.sha256(one, role)
        why = ", ".join(filter(None, ("" if one is source else f"of {source.text}", part)))
        by = f" ({why})" if why else ""
        fits = [known for known in of_role if known.sha256 == digest]
        if fits:
            found.lines.append(f"{role} {one.text}{by}: the same as {fits[0]}")
            yield from fits
            continue
        found.differ = True
        is_folder = one.path is not None and one.path.is_dir()
        found.lines.append(
            f"{role} {one.text}{by}: {shown(digest, is_folder=is_folder)}, and {_what_passed(of_role, role)}"
        )
        if any(known.code_sha256 is None for known in of_role) and not is_folder:
            found.lines.append("  a folder has passed, which never is an archive: verify the archive itself")


def _what_passed(of_role: Sequence[Passed], role: Role) -> str:
    if not of_role:
        return f"no {role} has passed: verify it, too"
    return f"what passed is {_all(of_role)}: put that there, or verify what is there"


def _all(of_role: Sequence[Passed]) -> str:
    return ", ".join(map(str, of_role))


def shown(sha256: str, *, is_folder: bool = False) -> str:
    """A digest as files and as Lambda have it; a folder's is of our own making, and Lambda never sees one."""
    try:
        as_lambda_prints_it = base64.b64encode(bytes.fromhex(sha256)).decode()
    except ValueError:
        return f"sha256 {harmless(sha256)}"
    return f"folder, sha256 {sha256}" if is_folder else f"sha256 {sha256}, CodeSha256 {as_lambda_prints_it}"


def _source(role: Role, text: str) -> Source:
    """What an option names."""
    if not text.startswith(_ELSEWHERE):
        if not (path := Path(text)).exists():
            raise UsageError(f"--{role} {text}: {path} does not exist")
        return Source(text, path, SourceKind.LOCAL)
    named = parse(text)
    if named is None or (role is Role.CODE and text.startswith("arn:") and not isinstance(named, LambdaFunction)):
        expected = "s3://bucket/key, function:NAME or the ARN of a function"
        if role is Role.LAYER:
            expected += " that carries layers, or of a layer's version"
        raise UsageError(f'--{role}: expected a file, {expected}, found "{text}"')
    return Source(text, None, SourceKind.S3 if text.startswith("s3://") else SourceKind.REMOTE)
