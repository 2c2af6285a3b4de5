import posixpath
import re

from harness.artifact.bundle import CODE_ROOT, LAYER_ROOT, Item, found_at, where
from harness.artifact.contents import read_file
from harness.artifact.entries import Refused, printable
from harness.check import Blocked, Engines, Findings, Inapplicable, Subject, define
from harness.dependencies.document_values import NoValueError, value_in
from harness.dependencies.git import GitUnavailable, head
from harness.manifest import VersionStamp
from harness.model import Finding, Note, Severity

LARGEST = 1024 * 1024  # bytes
# A commit, shortened or whole, alone or at the end of what `git describe` says of it.
COMMIT = re.compile(r"(?:.*-g)?(?P<hash>[0-9a-f]{7,64})(?P<dirty>[-+.](?:dirty|modified|broken))?", re.IGNORECASE)
FULL = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE)


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """The artifact carries the version that is being built.

    ## Why it matters

    A pipeline that deploys the archive of an earlier run, a release without a new version number, or a build from
    another checkout looks like every other deploy: all steps are green, and the old code answers. What is written into
    the archive when it is built, and compared when it is verified, tells them apart. A stamp that is not compared
    proves nothing.

    ## How to fix

    Write the stamp in the step that builds the archive, from the same source that the manifest names in
    `[[version-stamps]]`: `equals`, a variable of the pipeline (`environment`), or the commit that is checked out
    (`commit = true`, for instance `git rev-parse HEAD > VERSION`). Then build the archive again. For `commit`, the
    whole hash or its first seven digits and more will do; `-dirty` behind it says that files had changes that were not
    committed.
    """
    if not subject.manifest.version_stamps:
        raise Inapplicable("the manifest declares no version stamps")
    unknown: list[str] = []
    for stamp in subject.manifest.version_stamps:
        try:
            yield from _judge(subject, stamp, _expected(subject, stamp))
        except GitUnavailable as reason:
            unknown.append(f"{stamp.file}: the commit that it should name is not known, because {reason}")
        except Blocked as reason:
            unknown.append(f"{stamp.file}: {reason}")
    if unknown:
        raise Blocked("; ".join(dict.fromkeys(unknown)))


def _expected(subject: Subject, stamp: VersionStamp) -> str:
    if stamp.commit:
        return head(subject.manifest.folder)
    if stamp.equals is not None:
        return stamp.equals.strip()
    if not (stamp.value or "").strip():
        raise Blocked(f"the variable {stamp.environment}, which has what it should tell, is not set here")
    return (stamp.value or "").strip()


def _judge(subject: Subject, stamp: VersionStamp, expected: str) -> Findings:
    path = posixpath.normpath(posixpath.join(CODE_ROOT, stamp.file))
    name = f"{stamp.file} ({stamp.key})" if stamp.key else stamp.file
    item = found_at(subject.bundle, path)
    source = _source(stamp)
    if item is None:
        yield Finding(
            f"version stamp {name} is not in the artifact: expected {expected}, {source}",
            _place(subject, path),
            remedy=f"write {stamp.file} in the step that builds the archive, before it is zipped",
        )
        return
    try:
        text = value_in(path, read_file(item.archive, item.entry, LARGEST), stamp.key)
    except OSError as error:
        raise Blocked(f"{where(item)} cannot be read: {error.strerror}") from None
    except (NoValueError, Refused) as reason:
        why = reason.refusal.reason if isinstance(reason, Refused) else str(reason)
        yield _other(item, f"version stamp {name} {printable(why)}: expected {expected}, {source}", stamp)
        return
    if not _agrees(text, expected, stamp):
        there = f"tells {printable(text)}" if text else "is empty"
        yield _other(item, f"version stamp {name} {there}: expected {expected}, {source}", stamp)
    elif stamp.commit and (found := COMMIT.fullmatch(text)) and found["dirty"]:
        yield Finding(
            f"version stamp {name} tells {printable(text)}: the archive was built with changes that were not committed",
            where(item),
            Severity.WARNING,
            "commit them, or build from a clean checkout",
        )
    else:
        yield Note(f"{name}: {printable(text)}")


def _agrees(text: str, expected: str, stamp: VersionStamp) -> bool:
    if text == expected:
        return True
    found = COMMIT.fullmatch(text)
    short = stamp.commit or (stamp.environment is not None and FULL.fullmatch(expected))  # a variable with a commit
    return bool(short and found and expected.lower().startswith(found["hash"].lower()))


def _source(stamp: VersionStamp) -> str:
    if stamp.commit:
        return "the commit that is checked out"
    return f"which {stamp.environment} holds" if stamp.environment else "as the manifest says"


def _other(item: Item, message: str, stamp: VersionStamp) -> Finding:
    write = "write the commit into it" if stamp.commit else "write the version into it"
    return Finding(
        message,
        where(item),
        remedy=f"build {item.archive.source} again from what is checked out now, and {write} there; if the stamp is "
        "right, the wrong archive or the wrong checkout is being verified",
    )


def _place(subject: Subject, path: str) -> str:
    if path.startswith(f"{LAYER_ROOT}/"):
        archives = ", ".join(dict.fromkeys(layer.source for layer in subject.bundle.layers))
    else:
        archives = subject.bundle.code.source if subject.bundle.code else ""
    return f"{archives}: {path}" if archives else path
