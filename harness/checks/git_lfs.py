from collections import defaultdict
from collections.abc import Iterator

from harness.artifact.bundle import where
from harness.check import Engines, Findings, Subject, define
from harness.diagnosis.severity import severity
from harness.facts.files.accesses import FileAccess, file_accesses
from harness.facts.python.file_calls import Act
from harness.facts.python.startup import sure
from harness.model import Finding, Severity, When
from harness.plain_text import few

SHOWN = 3


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """No file is a pointer of Git LFS in place of its content.

    ## Why it matters

    Git LFS stores large files elsewhere, and a checkout without it has a text of three lines in the place of each:
    `version https://git-lfs.github.com/spec/v1`. Zipped like that, a model ends in `UnpicklingError: invalid load key,
    'v'`, a JSON file in `JSONDecodeError: Expecting value: line 1 column 1`, a library in `invalid ELF header`.

    ## How to fix

    Fetch the files before the archive is made: `git lfs install && git lfs pull`; in GitHub Actions `lfs: true` for
    `actions/checkout`, in GitLab a `GIT_LFS_SKIP_SMUDGE` that is not set, in CodeBuild an image with `git-lfs`.
    """
    read = {path: access for access in _read(subject) for path in access.paths}
    archives: dict[int, list[str]] = defaultdict(list)
    for path in sorted(subject.facts.pointers):
        archives[id(subject.bundle.items[path].archive)].append(path)
    for paths in archives.values():
        yield _finding(subject, sorted(paths, key=lambda path: (_needed(subject, path, read), path)), read)


def _read(subject: Subject) -> Iterator[FileAccess]:
    if subject.facts.pointers:
        found = (access for access in file_accesses(subject.program) if access.use.act in {Act.READ, Act.DATABASE})
        # Of several that read one file, the last one counts.
        yield from sorted(found, key=lambda access: _when(subject, access), reverse=True)


def _when(subject: Subject, access: FileAccess) -> When:
    return subject.program.when(access.file, access.use.line)


def _needed(subject: Subject, path: str, read: dict[str, FileAccess]) -> When:
    """When a function needs what the file should be."""
    if reach := sure(path, subject.program):
        return reach.when
    return min(When.LATER, _when(subject, read[path])) if path in read else When.LATER


def _finding(subject: Subject, paths: list[str], read: dict[str, FileAccess]) -> Finding:
    first = paths[0]
    reach, access, when = sure(first, subject.program), read.get(first), _needed(subject, first, read)
    size = subject.facts.pointers[first]
    by = f", which {access.where} reads," if access else ", which is imported," if reach else ""
    others = [path.rpartition("/")[2] for path in paths[1:]]
    more = f"; so are {few(others, SHOWN)}" if others else ""
    archive = subject.bundle.items[first].archive.source
    return Finding(
        f"{first}{by} is a pointer of Git LFS, a few lines of text in the place of {size:,} bytes{more}",
        where(subject.bundle.items[first]),
        severity(when) or Severity.WARNING,
        f"run `git lfs pull` (or `lfs: true` for actions/checkout) before {archive} is built, and build it again",
        chain=reach.chain if reach else access.chain if access else (),
        when=when,
    )
