"""Outcomes of checks, the report on a verification, and its exit code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TypeAlias

from harness.model.findings import Finding, Note, Severity, Waived
from harness.model.functions import FunctionInfo, Uncovered  # noqa: TC001 - the verdict cache reads the types


@dataclass(frozen=True, slots=True)
class Completed:
    """The check ran. No findings: it passed."""

    findings: tuple[Finding, ...] = ()
    waived: tuple[Waived, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The request asks for nothing that this check could judge."""

    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """The check could not be done, or not completely: then with what it did find."""

    reason: str
    findings: tuple[Finding, ...] = ()
    waived: tuple[Waived, ...] = ()


@dataclass(frozen=True, slots=True)
class Crashed:
    """The harness itself failed. Never a finding, never a pass."""

    summary: str
    traceback: str


Outcome: TypeAlias = Completed | NotApplicable | Skipped | Crashed


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one check for one function, or for the whole artifact (``function`` is None)."""

    check: str
    title: str
    function: str | None
    outcome: Outcome
    seconds: float

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings that count: those that no waiver accepts."""
        return self.outcome.findings if isinstance(self.outcome, Completed | Skipped) else ()


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What ran the handlers, and what it cannot vouch for.

    Attributes:
        sandbox: What the handlers were confined by: ``container``, ``bubblewrap``, ``namespaces``, ``chroot``,
            ``landlock`` or ``none``; None where nothing was started.
    """

    name: str
    image: str | None = None
    digest: str | None = None
    python: str | None = None
    caveats: tuple[str, ...] = ()
    sandbox: str | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """A part of an archive: a distribution with its version, or a folder.

    Attributes:
        size: Bytes, unpacked.
        files: Number of its files.
    """

    name: str
    size: int
    files: int


@dataclass(frozen=True, slots=True)
class ArtifactInfo:
    """One archive, by its content.

    Attributes:
        role: ``code`` or ``layer``.
        source: Its name, as the user wrote it.
        sha256: Hexadecimal digest of the archive's bytes (of its listing and contents where it is a folder).
        code_sha256: The same digest in base64, as Lambda prints it; None for a folder, which Lambda never sees.
        zipped_bytes: Size of the archive file; None for a folder.
        unzipped_bytes: Sum of the sizes of its files.
        files: Number of its files.
        content_sha256: Hexadecimal digest of the unpacked paths, bytes and permissions, independent of their order,
            times and compression, and of a signature by AWS Signer; None where they were not read.
        shares: What fills it, the largest first; empty where it was not analysed.
    """

    role: str
    source: str
    sha256: str
    code_sha256: str | None
    zipped_bytes: int | None
    unzipped_bytes: int
    files: int
    content_sha256: str | None = None
    shares: tuple[Share, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """A distribution, or a part of one: a library that it bundles, or what its own SBOM names.

    Attributes:
        ref: Its identity: equal in each place where it is.
        purl: Its package URL; None for a distribution of a package index, and for a library.
        index: Whether it is a distribution, by its name and version, of a package index.
        where: The place of its metadata, or of itself.
        sha256: Hexadecimal digest of the library, or of the distribution's RECORD.
        needs: The refs of the components that it depends on.
    """

    ref: str
    name: str
    version: str
    where: str
    index: bool = False
    purl: str | None = None
    sha256: str | None = None
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a part of the work took.

    Attributes:
        name: The work, in a few words.
        seconds: Wall time. Work done in parallel is counted each time.
        parent: The name of the part that it belongs to, if any.
    """

    name: str
    seconds: float
    parent: str | None = None


class Verdict(StrEnum):
    """What a report says in one word."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCOMPLETE = "incomplete"

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that it earns."""
        codes = {Verdict.FAIL: ExitCode.FINDINGS, Verdict.INCOMPLETE: ExitCode.INCOMPLETE, Verdict.PASS: ExitCode.OK}
        return codes[self]


UNCONFINED = ("landlock", "none")
"""No real sandbox: the handlers ran in this machine's paths, with its programs and libraries."""


class ExitCode(IntEnum):
    """The exit codes of the command."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3


@dataclass(frozen=True, slots=True)
class Report:
    """One verification, complete.

    Attributes:
        strict: Whether warnings fail it too.
        static: Whether the handlers were deliberately not started.
        seconds: Wall time.
        source_digests: Whether reports for people have the whole digests of the archives.
        unzipped_limit: Bytes that the archives of a function may have unpacked, by Lambda's quota.
        uncovered: The functions of the template that are not verified.
        timings: Where the time went, apart from the checks and the starts of the functions.
        verified_at: When the verification ended, in UTC, as RFC 3339 has it.
        configuration_sha256: The digest of what was asked for.
        policy_sha256: The digest of what the archives were held against.
        folder: The folder that places are relative to, from the root of the repository; empty for the root.
        manifest: The name of the manifest in that folder; None where options alone say what is verified.
        from_verdict_cache: Whether an earlier run made it, of the same in every respect: the one of ``verified_at``.
        components: What the archives are made of, in the order of their names; empty where it was not asked for.
    """

    version: str
    runtime: str
    architecture: str
    engine: EngineInfo
    artifacts: tuple[ArtifactInfo, ...]
    functions: tuple[FunctionInfo, ...]
    results: tuple[Result, ...]
    seconds: float
    strict: bool = False
    static: bool = False
    notes: tuple[str, ...] = ()
    uncovered: tuple[Uncovered, ...] = ()
    source_digests: bool = False
    timings: tuple[Timing, ...] = ()
    verified_at: str = ""
    configuration_sha256: str = ""
    policy_sha256: str = ""
    folder: str = ""
    manifest: str | None = None
    components: tuple[Component, ...] = ()
    unzipped_limit: int = 0
    from_verdict_cache: bool = False

    def count(self, severity: Severity) -> int:
        """The number of findings of a severity, without waived ones."""
        return sum(finding.severity is severity for result in self.results for finding in result.findings)

    @property
    def failed(self) -> bool:
        """Whether a finding fails the verification."""
        return bool(self.count(Severity.ERROR)) or (self.strict and bool(self.count(Severity.WARNING)))

    @property
    def incomplete(self) -> bool:
        """Whether something requested was not done, or nothing was checked at all.

        With ``strict``, handlers that ran without a real sandbox were not observed as Lambda would start them.
        """
        if self.strict and self.engine.sandbox in UNCONFINED:
            return True
        outcomes = [result.outcome for result in self.results]
        return any(isinstance(o, Skipped | Crashed) for o in outcomes) or not any(
            isinstance(o, Completed) for o in outcomes
        )

    @property
    def verdict(self) -> Verdict:
        """A failure outweighs incompleteness."""
        if self.failed:
            return Verdict.FAIL
        return Verdict.INCOMPLETE if self.incomplete else Verdict.PASS

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that the verdict earns."""
        return self.verdict.exit_code
