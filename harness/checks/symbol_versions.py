import re
from collections import defaultdict
from collections.abc import Sequence

from harness.artifact.bundle import where
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis import native
from harness.facts.native.foreign import is_local
from harness.facts.native.roles import NativeFiles, Owner, Role
from harness.facts.native.symbol_versions import Demand, demands, numbered
from harness.facts.python.startup import failing
from harness.model import Finding, Severity

MANYLINUX = re.compile(r"manylinux_(\d+)_(\d+)_")
PROGRAMS = ("/opt/bin/", "/var/task/bin/")


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
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
    if not subject.facts.binaries:
        raise Inapplicable("there is no native code")
    natives = NativeFiles(subject.program)
    groups: dict[Owner, dict[tuple[str, str], list[tuple[Severity, Demand]]]] = defaultdict(lambda: defaultdict(list))
    for demand in demands(natives, subject.program):
        owner = natives.owner(demand.by)
        if severity := _severity(subject, demand, owner):
            groups[owner][demand.library, demand.version].append((severity, demand))
    for owner, unmet in groups.items():
        yield _finding(subject, owner, [one for several in unmet.values() for one in several])


def _severity(subject: Subject, demand: Demand, owner: Owner) -> Severity | None:
    """The severity of a demand; None where it is met."""
    lack = _lack(subject, demand)
    if lack is not True:
        return Severity.WARNING if lack is None else None
    native = demand.native
    loose = native.use in {Role.LIBRARY, Role.PROGRAM} and not native.path.startswith(PROGRAMS)
    # A wheel that says it fits may have parts that it opens only where they work.
    return Severity.WARNING if loose and owner.installed and not _too_new(subject, owner) else Severity.ERROR


def _lack(subject: Subject, demand: Demand) -> bool | None:
    """Whether a version is not there; None where AWS does not say."""
    if demand.provider:
        return True
    family, number = numbered(demand.version) or ("", ())
    ceiling = next((one for one in subject.policy.symbols if one.family == family), None)
    if ceiling is None or number <= ceiling.sure:
        return False
    return True if number > ceiling.maximum else None


def _too_new(subject: Subject, owner: Owner) -> bool:
    """Whether the distribution's own wheel says that it needs a newer Linux, or speaks for one machine only."""
    if owner.installed is None or is_local(owner.installed.distribution):
        return owner.installed is not None
    stated = [(int(m[1]), int(m[2])) for tag in owner.installed.distribution.tags for m in MANYLINUX.finditer(tag)]
    return bool(stated) and min(stated) > subject.policy.ceiling("GLIBC").maximum


def _finding(subject: Subject, owner: Owner, unmet: Sequence[tuple[Severity, Demand]]) -> Finding:
    """One finding for all that an owner's files demand and Lambda lacks: certain ones first, the newest first."""
    worst = min(severity for severity, _ in unmet)  # "error" comes before "warning"
    ranked = sorted(
        (one for severity, one in unmet if severity is worst),
        key=lambda one: (one.native.is_certain, numbered(one.version) or ("", ())),
        reverse=True,
    )
    first, reach = ranked[0], ranked[0].native.reach
    library = first.provider or f"/lib64/{first.library}"
    words = f"{library}: version '{first.version}' not found (required by {first.by})"
    if reach and worst is Severity.ERROR:
        words = failing(words, reach)
    return Finding(
        f"{words}: {_what(subject, owner, first, ranked)}",
        where(subject.bundle.items[first.by]),
        worst,
        _remedy(subject, owner, first),
        _cause(subject, owner, first),
        reach.chain if reach else (),
    )


def _what(subject: Subject, owner: Owner, first: Demand, ranked: Sequence[Demand]) -> str:
    if first.provider:
        return f"{owner.name} finds an older {first.library} in the artifact"
    versions = list(dict.fromkeys([first.version, *(one.version for one in ranked)]))
    files = len({one.by for one in ranked})
    scope = f"{files:,} files of {owner.name} need" if files > 1 else f"{owner.name} needs"
    families = {(numbered(version) or ("", ()))[0] for version in versions}
    has = (f"{one.family}_{_dotted(one.sure)}" for one in subject.policy.symbols if one.family in families)
    return (
        f"{scope} {', '.join(versions)}, and {subject.policy.operating_system} is sure to have {', '.join(has)} alone"
    )


def _remedy(subject: Subject, owner: Owner, first: Demand) -> str:
    if first.provider:
        return f"replace {first.provider} by the version that {first.by} was linked with, or leave it out"
    if _lack(subject, first) is None:
        return "start the function on Lambda once to know, or take a version that was built on an older Linux"
    if owner.installed:
        return native.reinstall(subject.program, owner.installed)
    return f"compile it inside {subject.policy.image}, or on a system whose libraries are no newer"


def _cause(subject: Subject, owner: Owner, first: Demand) -> str | None:
    said = []
    if owner.installed and owner.installed.distribution.tags:
        said.append(f"its WHEEL says {owner.installed.distribution.tags[0]}")
    if _lack(subject, first) is None:
        said.append("AWS does not say whether every function has the newer library yet")
    elif not first.native.is_certain:
        said.append("no handler is seen to load it when it starts; what does, fails")
    return "; ".join(said) or None


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))
