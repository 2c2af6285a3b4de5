from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis.known_errors import KEEP
from harness.diagnosis.severity import severity
from harness.facts.installed.contents import MODULES, hollow, lost, module_name, needed, visible
from harness.facts.python.metadata_lookups import Lookup
from harness.facts.python.search import Found
from harness.facts.python.startup import failing, stopped, sure
from harness.facts.python.walk import weaker
from harness.facts.view import Installed
from harness.model import Edit, Finding, Note, Severity, When
from harness.plain_text import few

SHOWN = 3
# Files without which a distribution is of no use: what uses it, variables that name another file, and what is said.
ESSENTIAL = {
    "certifi/cacert.pem": (
        ("requests", "httpx"),
        frozenset({"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"}),
        "OSError: Could not find a suitable TLS CA certificate bundle, invalid path",
    ),
    "botocore/data/endpoints.json": (
        ("boto3", "botocore.session"),
        frozenset[str](),
        "botocore.exceptions.DataNotFoundError: Unable to load data for: endpoints",
    ),
}
# What the tool that deploys with a distribution packages of it, by choice.
PICKED = {"chalice": frozenset({"chalice/__init__.py", "chalice/app.py"})}
SURE = frozenset({When.AT_START, When.AT_EVENT})
ENTRY_POINTS = "entry_points.txt"


@dataclass(frozen=True, slots=True)
class Asked:
    """A look-up that finds nothing, and when a function gets to it."""

    path: str
    lookup: Lookup
    when: When


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Distributions are whole: their metadata, their entry points, their files.

    ## Why it matters

    Code asks for versions and plug-ins by the metadata in `*.dist-info`. Packaging tools that remove those folders to
    save space (some do so by default) leave modules that are there and fail: `No package metadata was found for X`.
    Patterns such as `*.txt` or `*.json` that were meant for your own files also hit those of libraries: entry points
    are gone, or `botocore.exceptions.DataNotFoundError: Unable to load data for: endpoints`. What each distribution
    was installed with is listed in its RECORD, and is compared with what is in the archives.

    ## How to fix

    Narrow the pattern that removes the files, and keep `*.dist-info`. Tests, documentation, type stubs, headers and
    bytecode may be removed: no code needs them at run time, and this check ignores them.
    """
    if not subject.facts.distributions and not any(_lookups(subject)):
        raise Inapplicable("no distribution is installed, and no code asks for one")
    installed = [one for several in visible(subject.program).values() for one in several]
    yield from _unknown(subject, installed)
    for one in installed:
        if not one.distribution.has_metadata:
            yield Finding(
                f"{one.distribution.name} has no METADATA: importlib.metadata does not know its version",
                one.where,
                Severity.WARNING,
                KEEP,
            )
    yield from _entry_points(subject, installed)
    places = Counter((one.site, one.distribution.key) for one in installed)
    for one in installed:
        if (
            places[one.site, one.distribution.key] == 1
        ):  # two versions in one folder are reported by duplicate-distributions
            yield from _files(subject, one)


def _unknown(subject: Subject, installed: Sequence[Installed]) -> Iterator[Finding]:
    """Find distributions that code asks for by name and that are absent."""
    known = {one.distribution.key for one in installed} | subject.policy.preinstalled
    asked: dict[str, list[Asked]] = defaultdict(list)
    for path, lookup in _lookups(subject):
        name = _name(lookup, path, subject)
        if name and not lookup.guarded and not lookup.never and canonicalize_name(name) not in known:
            when = _when(subject, path, lookup)
            if when in SURE or _matters(subject, path, lookup, name):
                asked[name].append(Asked(path, lookup, when))
    for name, places in asked.items():
        yield _missing(subject, name, sorted(places, key=lambda one: one.when))


def _when(subject: Subject, path: str, lookup: Lookup) -> When:
    """When a function gets to a look-up; what is done in functions of libraries, some path may do."""
    program = subject.program
    reach = program.graph.reached.get(path)
    if path in program.own and lookup.lazy:
        when = program.when(path, lookup.line)
    else:
        when = When.NEVER if reach is None else When.LATER if lookup.lazy else reach.when
    return weaker(when) if lookup.conditional and when is not When.NEVER else when


def _lookups(subject: Subject) -> Iterator[tuple[str, Lookup]]:
    """Yield the look-ups of code that handlers reach, or that no distribution brought."""
    facts = subject.facts
    for path in sorted(facts.notable.intersection({*facts.unrecorded, *subject.program.graph.reached})):
        yield from ((path, lookup) for lookup in facts.modules[path].lookups)


def _name(lookup: Lookup, path: str, subject: Subject) -> str | None:
    """The distribution that is asked for."""
    if lookup.distribution in {"__name__", "__package__"}:
        name = subject.program.search.module_name(path)
        package = path.endswith("/__init__.py") or lookup.distribution == "__name__"
        return name if name is None or package else name.rpartition(".")[0]
    if lookup.api.startswith("pkg_resources."):
        try:
            return Requirement(lookup.distribution).name
        except InvalidRequirement:
            return None
    return lookup.distribution or None


def _matters(subject: Subject, path: str, lookup: Lookup, name: str) -> bool:
    """Whether a look-up that no start depends on is worth reporting.

    The handlers' own packages ask for what they need; of another package, that it asks for itself when it is imported
    shows that its metadata was taken away.
    """
    program = subject.program
    top = (program.search.module_name(path) or "").partition(".")[0]
    if path in program.own and top in {root.partition(".")[0] for root in program.roots}:
        return True
    itself = canonicalize_name(name).replace("-", "_") == top.casefold()
    return itself and lookup.certain and not lookup.lazy and path not in subject.facts.owners


def _missing(subject: Subject, name: str, places: Sequence[Asked]) -> Finding:
    first = places[0]
    api = first.lookup.api
    if api.startswith("pkg_resources."):
        what = f"The '{name}' distribution was not found and is required by the application"
        kind = "pkg_resources.DistributionNotFound"
    else:
        what, kind = f"No package metadata was found for {name}", "importlib.metadata.PackageNotFoundError"
    reach = subject.program.graph.reached.get(first.path)
    if first.when is When.AT_START and reach and not api.startswith("pkg_resources."):
        what = failing(f"{what} ({kind})", reach)
    else:
        what = f"{kind}: {what}"
    found = subject.program.search.find(canonicalize_name(name).replace("-", "_"))
    there = isinstance(found, Found)
    when = {When.AT_START: None, When.AT_EVENT: "this fails with every event"}.get(
        first.when, "this fails when the line is reached"
    )
    why = f"its modules are there ({found.path}), its metadata is not" if isinstance(found, Found) else None
    archive = subject.bundle.items[first.path].archive
    if archive in subject.program.bare:
        there, why = True, why or f"{archive.source} has no *.dist-info folder at all"
    others = [f"{one.path}:{one.lookup.line}" for one in places[1:]]
    also = f"also asked for at {few(others, SHOWN)}" if others else None
    return Finding(
        what,
        f"{first.path}:{first.lookup.line}",
        severity(first.when) or Severity.WARNING,
        KEEP if there else f"add {name} to the requirements that the layer is built from, with its *.dist-info folder",
        "; ".join(one for one in (when, why, also) if one) or None,
        reach.chain if reach else (),
        first.when,
        stopped(first.path, subject.program) if first.when in SURE else (),
        (Edit(KEEP),) if there else (),
    )


def _entry_points(subject: Subject, installed: Iterable[Installed]) -> Iterator[Finding]:
    """Distributions whose entry points were recorded and are gone: one finding for all, for one pattern did it."""
    offered = {point.group for one in installed for point in one.distribution.entry_points}
    gone = [
        one
        for one in installed
        if f"{one.folder}/{ENTRY_POINTS}" not in subject.bundle.items
        and any(
            recorded.path == f"{one.distribution.folder}/{ENTRY_POINTS}" for recorded in one.distribution.record or ()
        )
    ]
    if not gone:
        return
    reached = subject.program.graph.reached
    groups = {
        lookup.group: path
        for path, lookup in _lookups(subject)
        if lookup.group and lookup.group not in offered and path in reached
    }
    asked = [f"{path} asks for the group {group!r}, which nothing offers now" for group, path in groups.items()]
    names = [f"{one.distribution.name} {one.distribution.version}" for one in gone]
    yield Finding(
        f"the entry points of {few(names, SHOWN)} are gone: {ENTRY_POINTS} is recorded and not in the archive, so that "
        "plug-ins are not found",
        f"{gone[0].where}/{ENTRY_POINTS}",
        Severity.WARNING,
        f"leave {ENTRY_POINTS} out of what the packaging step removes (a pattern such as *.txt hits it)",
        "; ".join(asked[:SHOWN]) or None,
    )


def _files(subject: Subject, installed: Installed) -> Findings:
    """The files that a distribution recorded and no archive holds."""
    name = f"{installed.distribution.name} {installed.distribution.version}"
    gone = lost(installed, subject.bundle)
    if not gone or installed.distribution.editable:
        return
    if hollow(installed, subject.bundle):
        if installed.distribution.key in subject.policy.preinstalled:
            yield Note(f"of {name} only the metadata is in {installed.archive.source}: the runtime's own is used")
            return
        yield Finding(
            f"{name} has metadata, and none of its {len(gone):,} files is there: {few(gone, SHOWN)}",
            installed.where,
            Severity.WARNING,
            "build the archive again, or remove the *.dist-info folder too if the distribution is not needed",
        )
        return
    if PICKED.get(installed.distribution.key) == frozenset(needed(installed)) - frozenset(gone):
        yield Note(f"of {name} only what it needs on Lambda is there, as `chalice package` takes it")
        return
    modules = [one for one in gone if one.endswith(MODULES)]
    whole = _suffixes(gone) - _suffixes(set(needed(installed)) - set(gone))
    data = [one for one in gone if _suffix(one) in whole and one not in modules]
    if not modules and not data:
        # Some of a kind are there: somebody chose.
        yield Note(f"{name} is slimmed: {len(gone):,} of its data files are not there, such as {gone[0]}")
        return
    removed = data or modules
    kinds = f" (every {', every '.join(sorted(whole & _suffixes(data)))} file)" if data and not modules else ""
    words, when, chain = _missed(subject, installed, gone)
    yield Finding(
        f"{words}{name} lacks {len(gone):,} of the files that it was installed with{kinds}: {few(removed, SHOWN)}",
        f"{installed.where}/RECORD",
        severity(when) or Severity.WARNING,
        "narrow the pattern that removes them, and build the archive again",
        chain=chain,
        when=when,
    )


def _missed(subject: Subject, installed: Installed, gone: Sequence[str]) -> tuple[str, When, tuple[str, ...]]:
    """The error that a removed file leads to, when, and by which chain of imports, as far as that is certain."""
    program = subject.program
    lacking = {module for one in gone if (module := module_name(one)) and one.endswith(MODULES)}
    best: tuple[str, When, tuple[str, ...]] = ("", When.LATER, ())
    for path, owner in subject.facts.owners.items():
        reach = sure(path, program) if owner is installed and path in subject.facts.modules else None
        for one in subject.facts.modules[path].imports if reach and lacking else ():
            base = program.graph.absolute(one.module, one.level, path)
            # A module whose package is gone as well is reported by imports-resolve.
            taken = [name for name in one.names if f"{base}.{name}" in lacking and base not in lacking]
            if reach and taken and reach.when < best[1] and one.certain and not one.lazy:
                best = f"{failing(f'cannot import name {taken[0]!r} from {base!r}', reach)}: ", reach.when, reach.chain
    for file, (users, variables, words) in ESSENTIAL.items():
        reaches = [sure(found.path, program) for user in users if isinstance(found := program.search.find(user), Found)]
        reach = next((one for one in reaches if one), None)
        if file in gone and reach and best[1] is When.LATER and not variables & dict(program.environment).keys():
            best = f"{words}: ", When.AT_EVENT, reach.chain
    return best


def _suffix(name: str) -> str:
    file = name.rpartition("/")[2]
    return f".{file.rpartition('.')[2]}" if "." in file else file


def _suffixes(names: Iterable[str]) -> set[str]:
    return {_suffix(name) for name in names}
