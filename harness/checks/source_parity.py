from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from harness.artifact.bundle import CODE_ROOT, where
from harness.artifact.entries import printable
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.dependencies.comparison.source_comparison import Comparison, source_of
from harness.dependencies.source_files import SourceFile
from harness.dependencies.text_files import shown
from harness.model import Finding, Note, Severity
from harness.plain_text import few, files

SHOWN = 10


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """The code archive is made of the sources that are checked out.

    ## Why it matters

    An archive that an earlier run left behind passes every other check: it is sound, and it is old. A copy step with a
    list of folders leaves out the one that was added last, and a migration that is not in the archive is not run. A
    build folder that is never emptied still has the module that was deleted, and imports find it.

    ## How to fix

    Build the archive again, into an empty folder, from the folder that `source` names; what the step that copies leaves
    out belongs into it. Files count that git tracks, or would track, but for tests, documentation, requirements and
    what else is for developers. What stays out on purpose, and what the build generates, is named in `source-excludes`.
    """
    code = subject.bundle.code
    if code is None:
        raise Inapplicable("there is no code archive")
    folder = source_of(subject.manifest, code)
    if folder is None:
        raise Inapplicable("the manifest declares no `source` for the code archive")
    compared = Comparison(subject.program, folder, subject.manifest)
    source = shown(folder.absolute(), subject.manifest.folder.absolute())
    yield from _unread(compared, source)
    if not compared.files or compared.apart:
        yield _apart(compared, source, code.source)
        return
    endings = frozenset(compared.endings)
    changed = [file for file in compared.different if file not in endings]
    if changed:
        yield _finding(
            len(changed),
            f"of {code.source} {'is' if len(changed) == 1 else 'are'} not what {source} has",
            _below(changed, source),
            _where(subject, changed[0]),
            f"build {code.source} again: it was made of other sources than those that are checked out",
        )
    if missing := _below(compared.missing, source):
        yield _finding(
            len(missing),
            f"of {source} {'is' if len(missing) == 1 else 'are'} not in {code.source}",
            missing,
            missing[0],
            "add it to what the build step copies, or to `source-excludes` if it is to stay out",
        )
    if compared.endings:
        yield _finding(
            len(compared.endings),
            f"of {code.source} differ{'s' if len(endings) == 1 else ''} from {source} by line endings alone",
            _below(compared.endings, source),
            _where(subject, compared.endings[0]),
            "build where git leaves line endings as they are: `* text=auto eol=lf` in .gitattributes; a script that "
            "begins with #! does not start with those of Windows",
            Severity.WARNING,
        )
    if extra := [where(item) for item in compared.extra]:
        yield _finding(
            len(extra),
            f"of {code.source} {'is' if len(extra) == 1 else 'are'} not in {source}",
            extra,
            extra[0],
            "build into an empty folder, so that what was deleted is not in the archive; name what the build generates "
            "in `source-excludes`",
            Severity.WARNING,
        )
    yield Note(f"{len(compared.shared) - len(compared.different):,} files are what {source} has")


def _finding(  # noqa: PLR0913, PLR0917 - the parts of a finding
    count: int, what: str, names: Sequence[str], place: str, remedy: str, severity: Severity = Severity.ERROR
) -> Finding:
    return Finding(f"{files(count)} {what}: {few(map(printable, names), SHOWN)}", place, severity, remedy)


def _unread(compared: Comparison, source: str) -> Iterator[Note]:
    for name in compared.unread:
        place = f"{source.rstrip('/')}/{name}" if name and source != "." else name or source
        limits = (
            "was not compared: if it is to stay out of the archive, name it in `source-excludes`"
            if name
            else "only some of them were compared"
        )
        said = f"{place} has more files than anybody's sources"
        yield Note(f"{said}{', and ' if name else ': '}{limits}", limit=True)


def _apart(compared: Comparison, source: str, code: str) -> Finding:
    """The two have nothing in common."""
    if not compared.files:
        return Finding(
            f"{source} has no files", source, remedy="name the folder that the archive is made of in `source`"
        )
    message, shift = f"{code} has nothing of what {source} has", compared.shift
    if shift is None:
        return Finding(
            f"{message}: {', '.join(printable(file.name) for file in compared.files[:3])}",
            code,
            remedy=f"build {code} from {source}, or name the folder that it is made of in `source`",
        )
    if shift.source:
        fitting = f"{source.rstrip('/')}/{shift.source}" if source != "." else shift.source
        return Finding(
            f"{message} at the same place: it has {shift.example}, and {source} has {shift.source}/{shift.example}",
            code,
            remedy=f'declare source = "{fitting}", if the archive is to have what it has',
        )
    parts, inner = PurePosixPath(source).parts, PurePosixPath(shift.archive).parts
    fits = parts[-len(inner) :] == inner
    return Finding(
        f"{message} at the same place: it has it below {shift.archive}/, such as {shift.example}",
        code,
        remedy=f'declare source = "{PurePosixPath(*parts[: -len(inner)])}", if the archive is to have what it has'
        if fits
        else f"zip what is in {source}, and not the folder that it is in",
    )


def _below(several: Sequence[SourceFile], source: str) -> list[str]:
    folder = "" if source == "." else f"{source.rstrip('/')}/"
    return [f"{folder}{file.name}" for file in several]


def _where(subject: Subject, file: SourceFile) -> str:
    return where(subject.bundle.items[f"{CODE_ROOT}/{file.name}"])
