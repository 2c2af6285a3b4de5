"""See the check."""

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
    build folder that nobody empties still has the module that was deleted, and imports find it.

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
    stale = [one for one in compared.different if one not in endings]
    yield from _stale(subject, stale, source)
    yield from _missing(compared.missing, source, code.source)
    yield from _endings(subject, compared.endings, source)
    if extra := compared.extra:
        yield Finding(
            f"{files(len(extra))} of {code.source} {'is' if len(extra) == 1 else 'are'} not in {source}: "
            f"{_listed([where(one) for one in extra])}",
            where(extra[0]),
            Severity.WARNING,
            "build into an empty folder, so that what was deleted is not in the archive; name what the build generates "
            "in `source-excludes`",
        )
    yield Note(f"{len(compared.shared) - len(compared.different):,} files are what {source} has")


def _unread(compared: Comparison, source: str) -> Iterator[Note]:
    for one in compared.unread:
        if one:
            folder = _below([one], source)[0]
            said = f"{folder} has more files than anybody's sources, and was not compared: if it is to stay out of the "
            yield Note(f"{said}archive, name it in `source-excludes`", limit=True)
        else:
            yield Note(f"{source} has more files than anybody's sources: only some of them were compared", limit=True)


def _apart(compared: Comparison, source: str, code: str) -> Finding:
    """The two have nothing in common."""
    if not compared.files:
        return Finding(
            f"{source} has no files", source, remedy="name the folder that the archive is made of in `source`"
        )
    message, shift = f"{code} has nothing of what {source} has", compared.shift
    if shift is None:
        return Finding(
            f"{message}: {', '.join(printable(one.name) for one in compared.files[:3])}",
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
    path = PurePosixPath(source)
    fits = path.parts[-len(PurePosixPath(shift.archive).parts) :] == PurePosixPath(shift.archive).parts
    parent = path
    for _ in PurePosixPath(shift.archive).parts if fits else ():
        parent = parent.parent
    return Finding(
        f"{message} at the same place: it has it below {shift.archive}/, such as {shift.example}",
        code,
        remedy=f'declare source = "{parent}", if the archive is to have what it has'
        if fits
        else f"zip what is in {source}, and not the folder that it is in",
    )


def _stale(subject: Subject, stale: Sequence[SourceFile], source: str) -> Iterator[Finding]:
    if stale:
        are = "is not what" if len(stale) == 1 else "are not what"
        yield Finding(
            f"{files(len(stale))} of {_code(subject)} {are} {source} has: {_listed(_places(stale, source))}",
            _where(subject, stale[0]),
            remedy=f"build {_code(subject)} again: it was made of other sources than those that are checked out",
        )


def _endings(subject: Subject, several: Sequence[SourceFile], source: str) -> Iterator[Finding]:
    if several:
        yield Finding(
            f"{files(len(several))} of {_code(subject)} differ{'s' if len(several) == 1 else ''} from {source} by "
            f"line endings alone: {_listed(_places(several, source))}",
            _where(subject, several[0]),
            Severity.WARNING,
            "build where git leaves line endings as they are: `* text=auto eol=lf` in .gitattributes; a script that "
            "begins with #! does not start with those of Windows",
        )


def _missing(missing: Sequence[SourceFile], source: str, code: str) -> Iterator[Finding]:
    if missing:
        places = _places(missing, source)
        are = "is" if len(missing) == 1 else "are"
        yield Finding(
            f"{files(len(missing))} of {source} {are} not in {code}: {_listed(places)}",
            places[0],
            remedy="add it to what the build step copies, or to `source-excludes` if it is to stay out",
        )


def _places(files: Sequence[SourceFile], source: str) -> list[str]:
    return _below([one.name for one in files], source)


def _below(names: Sequence[str], source: str) -> list[str]:
    folder = "" if source == "." else f"{source.rstrip('/')}/"
    return [f"{folder}{name}" for name in names]


def _where(subject: Subject, one: SourceFile) -> str:
    return where(subject.bundle.items[f"{CODE_ROOT}/{one.name}"])


def _code(subject: Subject) -> str:
    return subject.bundle.code.source if subject.bundle.code else ""


def _listed(names: Sequence[str]) -> str:
    return few(map(printable, names), SHOWN)
