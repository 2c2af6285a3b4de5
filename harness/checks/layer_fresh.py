from collections.abc import Iterator, Sequence

from harness.artifact.entries import Archive, Role
from harness.check import Blocked, Engines, Findings, Inapplicable, Subject, define
from harness.dependencies.comparison.cache_keys import Unkeyed, unkeyed
from harness.dependencies.comparison.freshness import Change, elsewhere, place, stale, stamped
from harness.dependencies.inputs import Inputs, inputs_of
from harness.dependencies.project import MalformedFileError
from harness.dependencies.stamps import Stamp
from harness.diagnosis.dependency_edits import rekey
from harness.diagnosis.values import numbered
from harness.model import Edit, Finding, Note, Severity, UsageError
from harness.plain_text import few

SHOWN = 4
KEY = "`lambda-artifact key` prints a key for that"


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """No archive is older than its inputs, and no cache in CI can bring back one that is.

    ## Why it matters

    A cache in CI brings back a layer that was built weeks ago if its key is made of the wrong file: of `poetry.lock`
    where the layer is installed from `requirements.txt`, of requirements without what they include, of a pattern that
    matches nothing. The build is green and fast, and production gets the old layer: `No module named 'x'` for a library
    that every list has.

    ## How to fix

    Build the archive again, from nothing. Then let `lambda-artifact key` make the key of the cache, and
    `lambda-artifact stamp` write into the archive what it was built from, in the step that builds it and never after a
    cache was restored. This check compares the stamp with what the manifest names in `requirements`, `project` and
    `inputs`, and reads the keys of GitHub Actions, GitLab, CircleCI and Azure Pipelines. It reads those, too, that
    pipelines, shell scripts and makefiles make themselves: a `sha256sum` or `hashFiles` over files that ends in a key
    of S3, a path, or the name of a layer or an artifact.
    """
    inputs = inputs_of(subject.manifest, subject.lists.project)
    keys = unkeyed(subject.manifest, inputs)
    if not inputs.files and not keys:
        raise Inapplicable(
            "the manifest does not say what the archives are built from: requirements, project or inputs"
        )
    stamps: list[tuple[Archive, Stamp]] = []
    unstamped: list[Archive] = []
    for archive, facts in zip(subject.bundle.archives, subject.facts.of, strict=True):
        try:
            stamp = stamped(archive, facts)
        except MalformedFileError as error:
            yield Finding(str(error), place(archive), remedy=f"build {archive.source} again, and stamp it then")
            continue
        if stamp:
            stamps.append((archive, stamp))
        elif archive.role is Role.LAYER or not subject.bundle.layers:
            unstamped.append(archive)
    try:
        yield from _stale(stamps, unstamped, inputs, [rekey(one) for one in keys if one.own])
    except UsageError as error:
        raise Blocked(f"an input cannot be compared: {error}") from None
    yield from (_unkeyed(one) for one in keys)
    yield from _notes(stamps, unstamped)


def _stale(
    stamps: Sequence[tuple[Archive, Stamp]], unstamped: Sequence[Archive], inputs: Inputs, rekeyed: Sequence[Edit]
) -> Iterator[Finding]:
    others = elsewhere((*(stamp for _, stamp in stamps), *(None for _ in unstamped)), inputs)
    for archive, stamp in stamps:
        if changes := stale(stamp, inputs, others):
            yield _older(archive, changes, rekeyed)


def _older(archive: Archive, changes: Sequence[Change], rekeyed: Sequence[Edit]) -> Finding:
    certain = any(change.decisive for change in changes)
    exported = "" if certain else "; the requirements that it is installed from are the same"
    cached = "" if rekeyed else f"; a cache of it must be keyed on all that it is built from: {KEY}"
    edits = (
        *rekeyed,
        Edit(f"build {archive.source} again, and stamp it in that step (`lambda-artifact stamp`){cached}"),
    )
    return Finding(
        f"{archive.source} was built from something else than there is now: {few(map(str, changes), SHOWN)}{exported}",
        place(archive),
        Severity.ERROR if certain else Severity.WARNING,
        numbered(edits),
        edits=edits,
    )


def _unkeyed(one: Unkeyed) -> Finding:
    inputs, several = few(one.inputs, SHOWN), len(one.inputs) > 1
    return Finding(
        f"the cached {'layer' if one.own else 'path'} {one.path} is keyed on {_keyed(one)}, and is built from {inputs}"
        f"{' too' if one.partly else ''}: when {'one of these' if several else 'that'} changes, the old layer is used",
        one.step.where,
        Severity.WARNING,  # the archive that is verified may be right; whether it is, its stamp and its versions tell
        str(rekey(one)),
        edits=(rekey(one),),
    )


def _keyed(one: Unkeyed) -> str:
    if one.step.early:
        return "no file, because the step is before the checkout"
    if not one.keyed:
        return "no file"
    empty = f" ({few(one.empty, SHOWN)}: no such file)" if one.empty else ""
    return f"{few(one.keyed, SHOWN)}{empty}"


def _notes(stamps: Sequence[tuple[Archive, Stamp]], unstamped: Sequence[Archive]) -> Iterator[Note]:
    if not stamps and unstamped:
        yield Note(
            "no archive is stamped: whether they are fresh is judged by versions alone; see `lambda-artifact stamp`",
            limit=True,
        )
    elif unstamped:
        names = ", ".join(archive.source for archive in unstamped)
        yield Note(f"not stamped, so that nothing says whether they are fresh: {names}", limit=True)
