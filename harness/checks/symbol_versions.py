"""See the check."""

import re
from collections import defaultdict
from collections.abc import Sequence

from harness.artifact.bundle import where
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis import rebuilding
from harness.facts.foreign import is_local
from harness.facts.natives import Natives, Owner, Use
from harness.facts.symbols import Demand, demands, numbered
from harness.model import Finding, Severity

MANYLINUX = re.compile(r"manylinux_(\d+)_(\d+)_")
PROGRAMS = ("/opt/bin/", "/var/task/bin/")


@define(since="0.1")
def check(subject: Subject, engines: Engines) -> Findings:
    """Native code asks for no newer C and C++ libraries than Lambda has.

    ## Why it matters

    What is compiled on a newer Linux than Lambda's asks for functions that Lambda's glibc or libstdc++ does not have:
    ``/lib64/libc.so.6: version `GLIBC_2.38' not found``. A layer that is built in an image of today's Debian or
    Ubuntu, or a wheel for `manylinux_2_39`, installs and works there, and nowhere on Lambda. Whether a newer libstdc++
    has reached every function already, AWS does not say: what needs it is a warning.

    ## How to fix

    Take a wheel that is built for manylinux2014 or manylinux_2_28 (`pip install --platform … --only-binary=:all:`), or
    compile inside Lambda's image of the same Python. A library that ships its own libstdc++ must reach it by DT_RPATH.
    """
    del engines
    if not subject.facts.binaries:
        raise Inapplicable("there is no native code")
    natives = Natives(subject.program)
    groups: dict[Owner, dict[tuple[str, str], list[tuple[Severity, Demand]]]] = defaultdict(lambda: defaultdict(list))
    for demand in demands(natives, subject.program):
        owner = natives.owner(demand.by)
        if severity := _severity(subject, demand, owner):
            groups[owner][demand.library, demand.version].append((severity, demand))
    for owner, unmet in groups.items():
        yield _finding(subject, owner, [one for several in unmet.values() for one in several])


def _severity(subject: Subject, demand: Demand, owner: Owner) -> Severity | None:
    """How bad a demand is; None where it is met."""
    if demand.provider is None:
        ceiling = {one.family: one for one in subject.policy.symbols}.get((numbered(demand.version) or ("", ()))[0])
        number = (numbered(demand.version) or ("", ()))[1]
        if ceiling is None or number <= ceiling.sure:
            return None
        if number <= ceiling.maximum:
            return Severity.WARNING
    native = demand.native
    loose = native.use in {Use.LIBRARY, Use.PROGRAM} and not native.path.startswith(PROGRAMS)
    # A wheel that says it fits may have parts that it opens only where they work.
    return Severity.WARNING if loose and owner.installed and not _too_new(subject, owner) else Severity.ERROR


def _too_new(subject: Subject, owner: Owner) -> bool:
    """Whether the distribution's own wheel says that it needs a newer Linux, or speaks for one machine only."""
    if owner.installed is None or is_local(owner.installed.distribution):
        return owner.installed is not None
    stated = [(int(m[1]), int(m[2])) for tag in owner.installed.distribution.tags for m in MANYLINUX.finditer(tag)]
    return bool(stated) and min(stated) > subject.policy.ceiling("GLIBC").maximum


def _finding(subject: Subject, owner: Owner, unmet: Sequence[tuple[Severity, Demand]]) -> Finding:
    """One finding for all that an owner's files demand in vain: what is certain first, the newest first."""
    worst = min(severity for severity, _ in unmet)  # "error" comes before "warning"
    ranked = sorted(
        (one for severity, one in unmet if severity is worst),
        key=lambda one: (one.native.is_certain, numbered(one.version) or ("", ())),
        reverse=True,
    )
    first, policy, reach = ranked[0], subject.policy, ranked[0].native.reach
    versions = list(dict.fromkeys(one.version for one in ranked if one.version != first.version))
    files = {one.by for _, one in unmet}
    words = (
        f"{first.provider or f'/lib64/{first.library}'}: version '{first.version}' not found (required by {first.by})"
    )
    if reach and worst is Severity.ERROR:
        words = f"Runtime.ImportModuleError: Unable to import module {reach.chain[0]!r}: {words}"
    also = f", and {', '.join(versions)}" if versions else ""
    scope = f"{len(files):,} files of {owner.name}" if len(files) > 1 else owner.name
    has = ", ".join(f"{one.family} {_dotted(one.sure)}" for one in policy.symbols)
    return Finding(
        f"{words}: {scope} need{'s' * (len(files) == 1)} {first.version}{also}, and {policy.operating_system} has {has}"
        if first.provider is None
        else f"{words}: {owner.name} finds an older {first.library} in the artifact",
        where(subject.bundle.items[first.by]),
        worst,
        _remedy(subject, owner, first),
        _cause(owner, worst, certain=reach is not None),
        reach.chain if reach else (),
    )


def _remedy(subject: Subject, owner: Owner, first: Demand) -> str:
    if first.provider:
        return f"replace {first.provider} by the version that {first.by} was linked with, or leave it out"
    if owner.installed:
        return rebuilding.remedy(subject.policy, subject.program.architecture, owner.installed)
    return f"compile it inside {subject.policy.image}, or on a system whose libraries are no newer"


def _cause(owner: Owner, worst: Severity, *, certain: bool) -> str | None:
    said = []
    if owner.installed and owner.installed.distribution.tags:
        said.append(f"its WHEEL says {owner.installed.distribution.tags[0]}")
    if worst is Severity.WARNING:
        said.append("a part of the runtime's fleet may still have the older library")
    elif not certain:
        said.append("no handler is seen to import it when it starts; what does, fails")
    return "; ".join(said) or None


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))
