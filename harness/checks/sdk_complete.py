import posixpath
from collections.abc import Iterable, Iterator

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.artifact.entries import Kind
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis.severity import rated
from harness.facts.installed.contents import effective
from harness.facts.installed.requirements import accepts
from harness.facts.python.search import Found, Given
from harness.facts.python.startup import certain
from harness.model import Defect, Fault, Finding, Note, Severity, When

SDK = ("boto3", "botocore", "s3transfer")


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """The AWS SDK is in the artifact as a whole, or not at all.

    ## Why it matters

    The runtime brings boto3, botocore and s3transfer, and AWS replaces them whenever it likes. Shipping a part of the
    three couples yours to the runtime's of the day: it works until the next update of the runtime, and then every
    start fails, without a change of yours: `cannot import name 'DEPRECATED_SERVICE_NAMES' from 'botocore.docs'
    (/opt/python/…)`. No test run can show that today. botocore alone, for code that never imports boto3, is sound.

    A client is made from the descriptions in `botocore/data/`. A slimming step that removes them must keep those of the
    services that the code makes clients of.

    ## How to fix

    Install boto3 with everything that it requires into the same archive, or take all three out of it and use the
    runtime's. A slimming step that removes boto3 must remove botocore and s3transfer with it.
    """
    search = subject.program.search
    places = {name: found.path for name in SDK if isinstance(found := search.find(name), Found)}
    given = [name for name in SDK if isinstance(search.find(name), Given)]
    if not places and not subject.facts.distributions:
        raise Inapplicable("the artifact holds no part of the AWS SDK")
    if places and given:
        yield from _partial(subject, places, given)
    if "botocore" in places:
        yield from _pruned(subject, posixpath.dirname(places["botocore"]))
    if "botocore" in given and any(_importers(subject, "boto3", "botocore")):
        yield from _unfit(subject)


def _partial(subject: Subject, places: dict[str, str], given: list[str]) -> Iterator[Finding]:
    """Some of the SDK is the artifact's, some the runtime's."""
    users = [] if "boto3" in places else sorted(_importers(subject, "boto3"))
    # botocore alone is what aiobotocore and its like need; s3transfer is needed by boto3 alone.
    if "boto3" not in places and not users:
        return
    first = next(iter(places))
    shipped = " and ".join(_named(subject, name) for name in places)
    yield Finding(
        f"{shipped} {'is' if len(places) == 1 else 'are'} in the artifact, and {' and '.join(given)} "
        f"{'is' if len(given) == 1 else 'are'} the runtime's, which AWS replaces at any time: the next update can end "
        "every start with an ImportError",
        _where(subject, first, places[first]),
        Severity.WARNING,  # that it does today, only a start can show
        f"add {' and '.join(given)} to the archive, in versions that fit, or leave {' and '.join(places)} out",
        cause=f"boto3 is imported at {users[0]}" if users else None,
    )


def _pruned(subject: Subject, botocore: str) -> Iterator[Finding | Note]:
    """Services that the code makes clients of, and whose descriptions were removed from the artifact's botocore."""
    items, data = subject.bundle.items, f"{botocore}/data/"
    recorded = {path for path in subject.facts.owners if path.startswith(data)}
    there = {path for path in recorded if path in items and items[path].entry.kind is Kind.FILE}
    kept, shipped = ({path.removeprefix(data).partition("/")[0] for path in paths} for paths in (there, recorded))
    program = subject.program
    made = ((path, *one) for path in program.serving for one in subject.facts.modules[path].clients.made)
    for path, service, line in sorted(made):
        when = program.when(path, line)
        if service in shipped - kept and when is not When.NEVER:
            found = Finding(
                f"botocore.exceptions.UnknownServiceError: Unknown service: {service!r}: {data}{service} is not there",
                f"{path}:{line}",
                remedy=f"keep botocore/data/{service}/ when the archive is made: a clean-up removed it",
                faults=(Fault(Defect.NO_FILE, f"{data}{service}"),),
            )
            yield rated(found, when)


def _named(subject: Subject, name: str) -> str:
    several = effective(subject.program).get(name)
    return f"{name} {several[0].distribution.version}" if several else name


def _where(subject: Subject, name: str, path: str) -> str:
    several = effective(subject.program).get(name)
    return several[0].where if several else path


def _importers(subject: Subject, *names: str) -> Iterator[str]:
    """Yield the lines that import one of these, in the user's code or in what a handler cannot start without."""
    program = subject.program
    for path in subject.facts.modules:
        own = path in program.own
        if not own and certain(path, program) is None:
            continue
        for one in subject.facts.modules[path].imports:
            if one.certain and (own or not one.lazy) and not one.level and one.module.partition(".")[0] in names:
                yield f"{path}:{one.line}"


def _unfit(subject: Subject) -> Iterator[Finding]:
    """Distributions of the artifact's that the runtime's botocore would be loaded with, and cannot work with."""
    shipped = effective(subject.program)
    for requirement in _requirements(subject.policy.sdk_requirements):
        for one in shipped.get(canonicalize_name(requirement.name), ()):
            version = one.distribution.version
            if accepts(requirement, version) is False:
                yield Finding(
                    f"{one.distribution.name} {version} is in the artifact and comes before the runtime's: the "
                    f"runtime's botocore needs {requirement}",
                    one.where,
                    Severity.WARNING,
                    f"install a version that fits, or add a boto3 to the archive that accepts {version}",
                )


def _requirements(texts: Iterable[str]) -> Iterator[Requirement]:
    return map(Requirement, texts)
