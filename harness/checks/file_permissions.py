from harness.artifact.bundle import Item, where
from harness.artifact.entries import Kind
from harness.check import Engines, Findings, Subject, define
from harness.model import Defect, Fault, Finding, Fix, Safety, Severity
from harness.plain_text import few

SHOWN = 5


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Every file is readable by the user that Lambda runs functions as.

    ## Why it matters

    A function runs as a user that owns none of its files, so a file needs the read permission for others. Without it
    Python says `[Errno 13] Permission denied: '/var/task/app.py'`, or, worse, `No module named 'app'`. Archives get
    such modes from a strict umask, from Python's `zipfile.writestr` (0600) and from some build tools. Directories that
    lack permissions are no error: Lambda sets them to 0755.

    ## How to fix

    Before zipping: `chmod -R a+rX build/`. With Python's `zipfile`, set `ZipInfo.external_attr = 0o644 << 16`.
    """
    for archive in subject.bundle.archives:
        unreadable = [
            item
            for item in subject.bundle.items.values()
            if item.archive is archive and item.entry.kind is Kind.FILE and not item.entry.mode & 0o004
        ]
        if unreadable:
            first = unreadable[0]
            count = f"{len(unreadable):,} of {len(archive.files):,} files are"
            names = few((f"{item.entry.name} ({item.entry.mode:04o})" for item in unreadable), SHOWN)
            yield Finding(
                f"[Errno 13] Permission denied: '{first.path}': {count} not readable by Lambda's user: {names}",
                where(first),
                Severity.ERROR,
                f"run `chmod -R a+rX` on the folder that {archive.source} is made from, and build it again",
                faults=tuple(Fault(Defect.UNREADABLE, item.path) for item in unreadable),
                fixes=(Fix(Safety.SAFE, archive.source, modes=tuple(map(_readable, unreadable))),),
            )


def _readable(item: Item) -> tuple[str, int]:
    """A file with the permissions that `chmod a+rX` gives it."""
    mode = item.entry.mode
    return item.entry.name, mode | (0o555 if mode & 0o111 else 0o444)
