import posixpath
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.artifact.bundle import where
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis.native import absent_library, recorded_library
from harness.facts.native.loader import Absent
from harness.facts.native.roles import NativeFile, NativeFiles, Owner, Role
from harness.facts.python.startup import failing, stopped
from harness.model import Finding, Note, Severity
from harness.plain_text import and_more, few

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Lack:
    """A library that a file, which is loaded for its own sake, does not get."""

    native: NativeFile
    absent: Absent


@define(since="0.1")
def check(subject: Subject, _engines: Engines) -> Findings:
    """Every shared library that native code needs is where the loader looks for it.

    ## Why it matters

    `libgomp.so.1: cannot open shared object file: No such file or directory`: Lambda's Linux is a minimal one, and
    wheels that are called manylinux may rely on libraries that it does not have (libGL, libX11, libexpat, libgomp).
    AWS's image is not the same as the service: a library that is there need not be here. So what each native file
    needs is followed by the loader's own rules, through the archives and a list of what Lambda is sure to have. A
    library in `python/lib/` of a layer is there, and is not found.

    ## How to fix

    Put the library into `lib/` of a layer, under the name that it is asked for: Lambda's `LD_LIBRARY_PATH` has
    `/opt/lib` and `/var/task/lib`. Or install a wheel that brings it along. Never exclude the folders `*.libs` of
    installed wheels. Copy libraries from a container of the same Amazon Linux, not from another system.
    """
    if not subject.facts.binaries:
        raise Inapplicable("there is no native code")
    natives = NativeFiles(subject.program)
    yield from _faults(subject, natives)
    groups: dict[tuple[Owner, str], list[Lack]] = defaultdict(list)
    notes: dict[str, None] = {}
    for native, absent in ((one, absent) for one in natives.started for absent in natives.load(one).absent):
        owner = natives.owner(native.path)
        if absent.unfit is not None:
            continue  # reported by foreign-binaries
        if preloaded := _preloaded(subject, natives, native, absent):
            if natives.owner(preloaded) != owner:
                notes[
                    f"{owner.name} needs {absent.name}, which only Python code that opens {preloaded} first gives it"
                ] = None
            continue
        lost = recorded_library(owner, absent.name)
        groups[owner, posixpath.dirname(lost) if lost else absent.name].append(Lack(native, absent))
    yield from (Note(note, limit=True) for note in notes)
    for (owner, _), lacks in groups.items():
        severity = _severity(subject, natives, owner, lacks)
        if severity is None:
            files = few((posixpath.basename(lack.native.path) for lack in lacks), SHOWN)
            yield Note(
                f"{owner.name} has parts that cannot be loaded on Lambda, and no handler is seen to: "
                f"{files} {'needs' if len(lacks) == 1 else 'need'} {lacks[0].absent.name}",
                limit=True,
            )
        else:
            yield _finding(subject, natives, owner, lacks, severity)


def _preloaded(subject: Subject, natives: NativeFiles, native: NativeFile, absent: Absent) -> str | None:
    """The file that Python code is likely to have loaded before: it came with a distribution, for some purpose."""
    if native.use is Role.AGENT:
        return None
    copies = natives.loader.by_name.get(absent.name, ())
    return next((path for path in copies if path in subject.facts.owners), None)


def _severity(subject: Subject, natives: NativeFiles, owner: Owner, lacks: Sequence[Lack]) -> Severity | None:
    """An error where a handler cannot start without it; nothing where it is a part that few use."""
    if not subject.policy.system_libraries_complete:
        return Severity.WARNING
    if any(lack.native.is_certain for lack in lacks):
        return Severity.ERROR
    if owner.installed is None:
        return Severity.WARNING
    failing = {lack.native.path for lack in lacks}
    others = [one for one in natives.started if one.path not in failing and natives.owner(one.path) == owner]
    # Beside modules, a library of its own is a plug-in; and of several files of a kind, one that fails is an option.
    uses = {lack.native.use for lack in lacks}
    optional = any(
        (one.use is Role.MODULE and Role.MODULE not in uses) or (one.use in uses and not natives.load(one).absent)
        for one in others
    )
    return None if optional and not failing & subject.program.graph.reached.keys() else Severity.WARNING


def _finding(
    subject: Subject, natives: NativeFiles, owner: Owner, lacks: Sequence[Lack], severity: Severity
) -> Finding:
    lacks = sorted(lacks, key=lambda one: not one.native.is_certain)
    first = lacks[0]
    name, native = first.absent.name, first.native
    words = f"{name}: cannot open shared object file: No such file or directory"
    if native.reach:
        words = failing(words, native.reach)
    elif native.use is Role.AGENT:
        words = f"Extension.Crash: {native.path}: error while loading shared libraries: {words}"
    chain = " → ".join(first.absent.by.chain)
    others = len({lack.native.path for lack in lacks}) - 1
    more = f" and {others:,} more of its files" if others else ""
    cause, remedy = absent_library(subject.policy, natives, owner, first.absent)
    if not subject.policy.system_libraries_complete:
        cause = f"of {subject.policy.operating_system} it is not known; {cause}"
    return Finding(
        f"{words} (needed by {chain}{more}, of {owner.name})",
        where(subject.bundle.items[native.path]),
        severity,
        remedy,
        cause,
        native.reach.chain if native.reach else (),
        native.reach.when if native.reach else None,
        stopped(native.path, subject.program),
    )


def _faults(subject: Subject, natives: NativeFiles) -> Iterator[Finding]:
    """Find files that the loader refuses; a file that nothing is seen to load may hold symbols alone."""
    loaded = {native.path for native in natives.started if native.use in {Role.MODULE, Role.AGENT}} | {*natives.needed}
    groups = defaultdict(list)
    for path in sorted(loaded):
        if subject.facts.binaries[path].faults:
            groups[natives.owner(path)].append(path)
    needed = {path for path, native in natives.needed.items() if native.is_certain}
    needed |= {native.path for native in natives.started if native.is_certain}
    for owner, several in groups.items():
        paths = sorted(several, key=lambda path: path not in needed)
        fault = subject.facts.binaries[paths[0]].faults[0]
        yield Finding(
            f"{paths[0]}{and_more(len(paths))}: the loader refuses it: it {fault} ({owner.name})",
            where(subject.bundle.items[paths[0]]),
            Severity.ERROR if paths[0] in needed else Severity.WARNING,
            remedy="take the file as its distribution has it: `strip` and other tools that shrink damage libraries "
            "that were already edited; leave them out of the build",
        )
