from collections import defaultdict

from harness.check import Blocked, Engines, Findings, Inapplicable, Subject, define
from harness.dependencies.comparison import agreement
from harness.dependencies.comparison.agreement import Added, Contradiction, LeftOut
from harness.dependencies.comparison.built import Presence
from harness.dependencies.comparison.dependency_lists import DependencyLists
from harness.diagnosis.dependency_edits import edits
from harness.diagnosis.severity import severity
from harness.diagnosis.values import numbered
from harness.model import Defect, Fault, Finding, Note, Severity, When
from harness.plain_text import few

SHOWN = 8


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """What is declared, what is locked and what the archives are built from agree.

    ## Why it matters

    The tests run with what `pyproject.toml` and its lock say, developers' tools included; the layer is built from
    `requirements.txt`. A dependency that is in one of them only is found by no test, and fails in production:
    `No module named 'defusedxml'`. Main dependencies of the project and the build input are therefore compared, as far
    as they hold on the declared runtime: what one has and the other has not, extras that got lost on the way, a
    specifier that excludes the version that another file has. What your code imports and nobody declares works for as
    long as something else happens to bring it along.

    ## How to fix

    Export the build input from the lock, with every build: `poetry export`, `uv export --no-dev`, `pdm export --prod`,
    `pipenv requirements`. A file that is maintained by hand gets the line that the finding names. What production does
    not need belongs into a group: `[dependency-groups]`.
    """
    lists = subject.lists
    declared = lists.project.declared
    if declared is None:
        raise Inapplicable("the manifest names no project")
    if not declared.asked and declared.name is None and not declared.dynamic:
        raise Inapplicable(f"{declared.shown} declares no dependencies")
    if declared.dynamic:
        yield Note(
            f"{declared.shown}: its dependencies are computed by its build back-end, and not known here", limit=True
        )
    elif lists.project.build and not agreement.declares(lists):
        yield Note(f"{declared.shown} lists no dependencies: {lists.input_shown} alone says what production needs")
    else:
        for one in agreement.left_out(lists) if lists.input_shown else ():
            yield _left_out(lists, one)
        yield from (_added(declared.shown, another) for another in agreement.added(lists))
        yield from _lost_extras(lists)
        yield from _undeclared(lists, declared.shown)
    yield from _contradictions(lists)
    if lists.unknown:
        raise Blocked(lists.unknown.reason)


def _left_out(lists: DependencyLists, one: LeftOut) -> Finding | Note:
    name, place = one.asked.requirement.name, one.asked.where
    source = ", which the archives are built from" if lists.project.build or lists.project.built_from_lock else ""
    said = f"{name} is declared, and not in {lists.input_shown}{source}"
    if one.built.presence is Presence.REPLACED and one.built.installed:
        instead = one.built.installed.distribution.name
        return Note(f"{said}: {instead} is there in its place, which has the same modules", limit=True)
    if one.built.presence is Presence.RUNTIME:
        return Note(f"{said}: the runtime brings it, in a version that AWS changes", limit=True)
    steps = edits(lists, one.asked.name)
    if lists.local(one.asked.name) and one.built.presence is not Presence.ABSENT:
        return Note(f"{said}: its modules are copied from {lists.local(one.asked.name)}")
    if one.built.presence is not Presence.ABSENT:
        along = (
            f", through {' ← '.join(reversed(one.through.parent.chain))}" if one.through and one.through.parent else ""
        )
        remedy = numbered(steps)
        return Finding(f"{said}: it comes along by chance{along}", place, Severity.WARNING, remedy, edits=steps)
    faults = (Fault(Defect.NO_DISTRIBUTION, one.asked.name),)
    if one.place is None:
        aside = "if production does not need it, move it to a group of its own instead"
        return Finding(
            f"{said}; no archive has it",
            place,
            Severity.WARNING,
            f"{numbered(steps)}\n{aside}",
            "nothing imports it",
            faults=faults,
        )
    return Finding(
        f"{said}; no archive has it",
        place,
        severity(one.place.when) or Severity.WARNING,
        numbered(steps),
        f"{one.place} imports it" + (", and no handler is known to reach that" if one.place.when is When.NEVER else ""),
        when=one.place.when,
        edits=steps,
        faults=faults,
    )


def _added(shown: str, one: Added) -> Finding:
    name, need = one.asked.requirement.name, one.need
    said = f"{one.asked.where.rpartition(':')[0]} asks for {name}, and {shown} does not declare it"
    if need:
        chain = " ← ".join(reversed(need.chain))
        said += f" for production: it is in {need.root.group}, {chain} ({need.root.where})"
    use = f"{one.place} imports it" if one.place else None
    fix = f"declare {name} in {shown}" + ("" if use else ", or remove the line if nothing needs it")
    return Finding(said, one.asked.where, Severity.WARNING, fix, use)


def _lost_extras(lists: DependencyLists) -> Findings:
    for one in agreement.lost_extras(lists):
        name, lost = one.declared.requirement.name, ", ".join(one.lost)
        yield Finding(
            f"{one.declared.where} declares {name}[{one.extra}], and {one.asked.where} asks for {name} without the "
            f"extra: {lost} is in no archive",
            one.asked.where,
            remedy=f"{one.asked.where}: write {name}[{one.extra}], and build again",
            faults=tuple(Fault(Defect.NO_DISTRIBUTION, one) for one in one.lost),
        )


def _undeclared(lists: DependencyLists, shown: str) -> Findings:
    found = sorted(agreement.undeclared(lists), key=lambda one: one.name)
    if not found:
        return
    undeclared = []
    for one in found:
        along = f", brought along by {one.need.parent.name}" if one.need and one.need.parent else ""
        undeclared.append(f"{one.name} ({one.place}{along})")
    later = (
        "; what brings it along may leave it out any day" if any(one.need and one.need.parent for one in found) else ""
    )
    yield Finding(
        f"imported, and not declared in {shown}: {few(undeclared, SHOWN, '; ')}",
        str(found[0].place),
        Severity.WARNING,
        f"add to {shown}: {', '.join(one.name for one in found)}{later}",
    )


def _contradictions(lists: DependencyLists) -> Findings:
    found: dict[tuple[str, str], list[Contradiction]] = defaultdict(list)
    for one in agreement.contradictions(lists):
        found[one.asked.where, one.asked.name].append(one)
    for several in found.values():
        asked = several[0].asked
        places = " and ".join(f"{one.where} has {one.version}" for one in several)
        files = " and ".join(dict.fromkeys(one.where.rpartition(":")[0] for one in several))
        yield Finding(
            f"{asked.where} asks for {asked.requirement.name}{asked.requirement.specifier}, and {places}",
            asked.where,
            Severity.ERROR if any(one.declared for one in several) else Severity.WARNING,
            f"bring {files} up to date with {asked.where.rpartition(':')[0]}, or correct that, and build again",
        )
