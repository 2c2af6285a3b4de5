"""``match``: check that an artifact is the one that was verified."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.commands.options import LAYER, SOURCE, Once, add, one_of
from harness.commands.output import show
from harness.commands.progress import Progress
from harness.model import ExitCode, UsageError
from harness.plain_text import printed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from harness.artifact.entries import Role
    from harness.attestation.evidence import ReportedArchive
    from harness.manifest import Source
    from harness.sources.fetch import Sources

DESCRIPTION = (
    "Compares what is to be deployed, or is deployed, with the JSON report of a verification that passed: exit code 0 "
    "only where all of it has the digests that passed."
)
EPILOG = """\
exit codes: 0 every artifact is one that passed; 1 one is not; 2 the request is wrong, or the report's verdict is not
pass; 3 something could not be fetched.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``match``."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    option = parser.add_argument
    option("--report", metavar="FILE", action=Once, type=Path, required=True, help="what `verify` wrote as JSON")
    option("--code", metavar="X", action="append", default=[], help=f"code; may be repeated: {SOURCE}")
    option("--layer", metavar="X", action="append", default=[], help=f"a layer; may be repeated: {LAYER}")
    option(
        "--require",
        metavar="LEVEL",
        default="passed",
        help="what the verification must have done: passed (default), started (every declared function was started), "
        "or all (that, and no check was left out)",
    )
    add(parser, "--profile")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Compare archives with those that passed.

    Returns:
        0 only where each is one that passed.

    Raises:
        UsageError: The request is wrong.
    """
    from harness.commands.proof import Required, proof_of

    required = one_of("--require", options.require, [str(level) for level in Required])
    proof = proof_of(options.report, Required(required))
    comparison = compared(proof.artifacts, options, environ)
    lines = [f"{options.report}: {proof}", *comparison.lines]
    return show(printed("\n".join(lines) + "\n"), comparison.exit_code)


def compared(passed: Sequence[ReportedArchive], options: argparse.Namespace, environ: Mapping[str, str]) -> Comparison:
    """Compare the archives of ``--code`` and ``--layer`` with those that passed.

    Raises:
        UsageError: The request is wrong.
    """
    from harness.cache.folder import cache_folder, using
    from harness.sources.aws import Aws
    from harness.sources.fetch import Sources

    folder = cache_folder(environ)
    with Progress(sys.stderr) as progress, using(folder):
        comparison = Comparison(passed, Sources(folder, progress.show, Aws(options.profile)))
        comparison.compare(options.code, options.layer)
    return comparison


@dataclass
class Comparison:
    """Archives, compared with those that passed.

    Attributes:
        passed: Those that passed.
        sources: Has the digests of the others.
        lines: One for each archive.
        code: What passed of the code, as it was named.
        layers: What passed of the layers, in the order of their names.
        differ: Whether one is not one that passed.
        unknown: Whether one could not be had.
    """

    passed: Sequence[ReportedArchive]
    sources: Sources
    lines: list[str] = field(default_factory=list)
    code: list[ReportedArchive] = field(default_factory=list)
    layers: list[ReportedArchive] = field(default_factory=list)
    differ: bool = False
    unknown: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """0 only where each is one that passed."""
        if self.differ:
            return ExitCode.FINDINGS
        return ExitCode.INCOMPLETE if self.unknown else ExitCode.OK

    def compare(self, codes: Sequence[str], layers: Sequence[str]) -> None:
        """Compare archives.

        Args:
            codes: Code archives, as users name them.
            layers: Layers; a function stands for those that it carries.

        Raises:
            UsageError: Nothing is named, or what is named cannot be.
        """
        from harness.artifact.entries import Role
        from harness.sources.local import SourceUnavailable

        named = [*((Role.CODE, text) for text in codes), *((Role.LAYER, text) for text in layers)]
        if not named:
            raise UsageError("nothing to compare: name archives with --code or --layer")
        matched: set[ReportedArchive] = set()
        for role, source in [(role, _source(role, text)) for role, text in named]:
            try:
                matched.update(self._matched(source, role, ""))
                for version, part in self._shares(source, role):
                    matched.update(self._matched(version, role, part))
            except SourceUnavailable as reason:
                self.lines.append(f"{role} {reason}")
                self.unknown = True
        self.lines += [f"not compared: {archive.role} {archive}" for archive in self.passed if archive not in matched]

    def _shares(self, source: Source, role: Role) -> Iterator[tuple[Source, str]]:
        """The versions that get a part of an alias's calls, each with that part in words."""
        from harness.sources.local import SourceUnavailable

        try:
            for version, part in self.sources.shares(source):
                yield version, f"{part:.0%} of the calls of {source.text}"
        except SourceUnavailable as reason:
            self.lines.append(f"{role} not known whether another version gets a part of the calls: {reason}")
            self.unknown = True

    def _matched(self, source: Source, role: Role, part: str) -> Iterator[ReportedArchive]:
        """Those that passed and are at a source."""
        from harness.artifact.entries import Role

        of_role = [archive for archive in self.passed if archive.role == role]
        archives = self.sources.layers([source]) if role is Role.LAYER else (source,)
        if not archives and of_role:
            self.lines.append(f"layer {source.text}: it carries none, and with {_all(of_role)} it passed: attach it")
            self.differ = True
        for archive in archives:
            why = ", ".join(filter(None, ("" if archive is source else f"of {source.text}", part)))
            same = self._compared(archive, role, of_role, f" ({why})" if why else "")
            if not part:
                (self.layers if role is Role.LAYER else self.code).extend(same[:1])
            yield from same

    def _compared(
        self, archive: Source, role: Role, of_role: Sequence[ReportedArchive], why: str
    ) -> Sequence[ReportedArchive]:
        from harness.attestation.evidence import digests

        digest = self.sources.sha256(archive, role)
        if same := [passed for passed in of_role if passed.sha256 == digest]:
            self.lines.append(f"{role} {archive.text}{why}: the same as {same[0]}")
            return same
        if signed := self._signed(archive, role, of_role):
            self.lines.append(f"{role} {archive.text}{why}: signed by AWS Signer, and else the same as {signed[0]}")
            return signed
        self.differ = True
        is_folder = archive.path is not None and archive.path.is_dir()
        remedy = f"no {role} has passed: verify it, too"
        if of_role:
            remedy = f"what passed is {_all(of_role)}: put that there, or verify what is there"
        self.lines.append(f"{role} {archive.text}{why}: {digests(digest, is_folder=is_folder)}, and {remedy}")
        if not is_folder and any(passed.code_sha256 is None for passed in of_role):
            self.lines.append("  a folder has passed, which never is an archive: verify the archive itself")
        return ()

    def _signed(self, source: Source, role: Role, of_role: Sequence[ReportedArchive]) -> Sequence[ReportedArchive]:
        """Those whose content an archive has that AWS Signer has signed: it adds a file that nothing runs."""
        from harness.artifact.content_digest import content_digest, is_signature
        from harness.artifact.entries import Refused

        if not any(passed.content_sha256 for passed in of_role):
            return ()
        archive = self.sources.archive(source, role)
        if archive.refusals or not any(map(is_signature, archive.entries)):
            return ()
        with tempfile.TemporaryDirectory() as scratch:
            try:
                content = content_digest(archive, Path(scratch))
            except Refused:
                return ()
        return [passed for passed in of_role if passed.content_sha256 == content]


def _all(archives: Sequence[ReportedArchive]) -> str:
    return ", ".join(map(str, archives))


def _source(role: Role, text: str) -> Source:
    """The source that an option names."""
    from harness.artifact.entries import Role
    from harness.manifest import Source, SourceKind
    from harness.sources.aws_resources import LambdaFunction, parse

    if not text.startswith(("s3://", "arn:", "function:")):
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
