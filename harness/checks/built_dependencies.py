from collections.abc import Sequence

from harness.check import Blocked, Engines, Findings, Inapplicable, Subject, define
from harness.dependencies.comparison import build
from harness.dependencies.comparison.agreement import provided
from harness.dependencies.comparison.build import Absent, Surplus
from harness.dependencies.comparison.built import Presence
from harness.dependencies.comparison.dependency_lists import DependencyLists
from harness.diagnosis.dependency_edits import again, edits
from harness.diagnosis.dependency_trace import archives
from harness.diagnosis.severity import severity
from harness.diagnosis.values import numbered
from harness.facts.python.imported_distributions import named
from harness.model import Defect, Fault, Finding, Note, Severity
from harness.plain_text import few, megabytes

SHOWN = 8
MOST = 20  # findings of one kind


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """The archives hold all that they are built from, at the locked versions, and nothing else.

    ## Why it matters

    Builders go on where they should stop. One finds no wheel for a distribution and leaves it out with a line in its
    log; one installs `pkg` where `pkg[tracer]` was meant; one takes last month's layer out of a cache. The build is
    green, and the first request ends in `No module named 'pydantic'`. And what only developers need adds megabytes to
    every cold start, and code that nobody meant to expose.

    ## How to fix

    Build the archive again from the file that the finding names, with an installer that fails when something is
    missing (`pip install --only-binary=:all:`, `uv pip install`), and key every cache of it on all that it is built
    from. What only developers need is left out by `--no-dev`, `--only main` or `--prod` of the exporting tool.

    A line whose distribution is absent is an error if a handler imports one of its modules at its start or with every
    event, and else a warning.
    """
    lists = subject.lists
    if not (build.lines(lists) or lists.project.build or lists.unknown):
        raise Inapplicable("the manifest names nothing that the archives are built from")
    if empty := build.empty(lists):
        sources = " and ".join(archive.source for archive in empty)
        asked = lists.input_shown or "the project"
        verb = "ask" if " and " in asked else "asks"
        yield Finding(
            f"{sources}: no distribution in it, and {asked} {verb} for {len(build.lines(lists))}",
            empty[0].source,
            remedy=numbered(again(lists)),
            edits=again(lists),
        )
    else:
        yield from _shorts(lists)
        yield from _wrongs(lists)
        yield from _unlocked(lists)
        for without in build.incomplete_extras(lists):
            name, lost = without.asked.requirement.name, ", ".join(without.lost)
            yield Finding(
                f"{without.asked.where} asks for {name}[{without.extra}], and {lost}, which the extra brings, is in no "
                "archive",
                without.asked.where,
                remedy=numbered(again(lists)),
                edits=again(lists),
                faults=tuple(Fault(Defect.NO_DISTRIBUTION, name) for name in without.lost),
            )
        yield from _surplus(lists)
    if lists.project.build:
        for line in lists.project.build.unnamed:
            yield Note(f"{line.where}: {line.text} says no name, and was not looked for", limit=True)
    if lists.unknown:
        raise Blocked(lists.unknown.reason)


def _shorts(lists: DependencyLists) -> Findings:
    judged = [(one, _short(lists, one)) for one in build.absent(lists)]
    absent = {one.line: finding for one, finding in judged if isinstance(finding, Finding) and finding.edits}
    if len(absent) <= MOST:
        yield from (finding for _, finding in judged)
        return
    yield from (finding for one, finding in judged if one.line not in absent)
    names = few((line.text for line in absent), MOST)
    yield Finding(
        f"{len(absent):,} distributions of {lists.input_shown} are not in {archives(lists)}: {names}",
        next(iter(absent)).where,
        min(finding.severity for finding in absent.values()),  # "error" comes before "warning"
        numbered(again(lists)),
        edits=again(lists),
    )


def _short(lists: DependencyLists, one: Absent) -> Finding | Note:
    said = f"{one.line.where} asks for {one.line.text}"
    folder = lists.local(one.line.key)
    match one.built.presence:
        case Presence.RUNTIME:
            return Note(f"{said}, and only the runtime has it, in a version that AWS changes", limit=True)
        case Presence.REPLACED if one.built.installed:
            return Finding(
                f"{said}, and {one.built.installed.distribution.name} is built in, which has the same modules",
                one.built.installed.where,
                Severity.WARNING,
                f"write {one.built.installed.distribution.name} in {one.line.where.rpartition(':')[0]}, if it is meant",
            )
        case _ if lists.program.bare and not lists.union.installed:
            return Note(f"{said}; without metadata in the layers, nothing tells whether they have it", limit=True)
        case _:
            steps = edits(lists, one.line.key) if folder else again(lists)
            place = named(lists.program, provided(one.line.key))
            needed = place is not None and severity(place.when) is Severity.ERROR
            return Finding(
                f"{said}, and it is not in {archives(lists)}",
                one.line.where,
                Severity.ERROR if needed or not lists.program.handlers else Severity.WARNING,
                numbered(steps),
                None if needed else f"no handler is known to import it{f'; {place} does' if place else ''}",
                edits=steps,
                faults=(Fault(Defect.NO_DISTRIBUTION, one.line.key),),
            )


def _wrongs(lists: DependencyLists) -> Findings:
    found = [*build.wrong_versions(lists)]
    for wrong in found[:MOST]:
        one = wrong.installed.distribution
        more = f", and {len(found) - MOST:,} more differ" if len(found) > MOST and wrong is found[MOST - 1] else ""
        yield Finding(
            f"{one.name} {one.version} is built in, and {wrong.where} has {wrong.wanted}{more}",
            wrong.installed.where,
            remedy=numbered(again(lists)),
            edits=again(lists),
        )


def _unlocked(lists: DependencyLists) -> Findings:
    """The lock, where the archives are installed from something else, and it is not what they have."""
    found = lists.unlocked
    if not found or lists.lock is None:
        return
    entry, _ = found[0]
    differing = few((f"{one.name} {built.version} (locked {one.version})" for one, built in found), SHOWN)
    yield Finding(
        f"{lists.lock.shown} is not what is installed from {lists.input_shown}: {len(found)} "
        f"{'differs' if len(found) == 1 else 'differ'}: {differing}",
        entry.where,
        Severity.WARNING,
        f"export {lists.input_shown} from the lock (`poetry export`, `uv export`) and build again, or lock again: "
        "what is tested with the lock is not what is deployed",
    )


def _surplus(lists: DependencyLists) -> Findings:
    found = build.surplus(lists)
    developers = [one for one in found if one.need]
    nobodys = [one for one in found if not one.need]
    if developers:
        groups = sorted({str(one.need.root.group) for one in developers if one.need})
        yield _spare(
            developers, f"built in, and asked for by {' and '.join(groups)} alone", "leave developers' lists out"
        )
    if nobodys:
        yield _spare(nobodys, "built in, and nothing asks for it", "build into an empty folder")


def _spare(found: Sequence[Surplus], what: str, how: str) -> Finding:
    return Finding(
        f"{what}: {few(map(_one, found), SHOWN)}; {megabytes(sum(one.size for one in found))} in all",
        found[0].installed.where,
        Severity.WARNING,
        f"{how} when {found[0].installed.archive.source} is built, or declare what production needs",
    )


def _one(one: Surplus) -> str:
    distribution = one.installed.distribution
    chain = one.need.chain if one.need else ()
    way = f", through {' ← '.join(reversed(chain[:-1]))}" if len(chain) > 1 else ""
    return f"{distribution.name} {distribution.version} ({megabytes(one.size)}{way})"
