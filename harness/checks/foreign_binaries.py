from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.artifact.bundle import where
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis import native
from harness.facts.native.foreign import ForeignFile, ForeignFiles, is_local
from harness.facts.native.roles import EXTENSIONS, Owner
from harness.facts.python.startup import failing, stopped
from harness.facts.view import Installed
from harness.model import Defect, Edit, Fault, Finding, Note, Severity
from harness.plain_text import and_more, megabytes

PATHS = ("/opt/lib/", "/opt/bin/", "/var/task/lib/", "/var/task/bin/")


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Native code is built for Lambda, the declared architecture and the declared Python.

    ## Why it matters

    An installer takes what fits the machine that it runs on. A layer built on a Mac, in Alpine, for arm64 instead of
    x86_64, or by another Python ends in `Runtime.ImportModuleError: … No module named 'pydantic_core._pydantic_core'`,
    in `invalid ELF header`, or in `cannot open shared object file`. Each native file is judged by its content: a file
    name proves little. Binaries for other systems that a distribution brings along and does not import are ignored.

    ## How to fix

    Install for the function, not for the machine that builds: `pip install --platform manylinux2014_x86_64
    --only-binary=:all: --python-version 3.12 --target python …`, or build inside Lambda's image. The finding has the
    whole command. Begin with an empty folder: an installer with `--target` leaves the files of earlier runs.
    """
    if not subject.facts.binaries:
        raise Inapplicable("there is no native code")
    foreigners = ForeignFiles(subject.program)
    groups: dict[Owner, list[ForeignFile]] = defaultdict(list)
    for one in foreigners.found:
        if not one.path.startswith(f"{EXTENSIONS}/"):  # reported by lambda-extensions
            groups[one.owner].append(one)
    judged = [(owner, one) for owner, several in groups.items() for one in _judge(subject, foreigners, owner, several)]
    together: dict[str, list[Installed]] = defaultdict(list)
    for owner, finding in judged:
        if owner.installed and finding.edits:
            together[owner.installed.archive.source].append(owner.installed)
    for owner, finding in judged:
        others = together[owner.installed.archive.source] if owner.installed and finding.edits else []
        yield _installed_together(subject, finding, others) if len(others) > 1 else finding
    yield from _local(subject)


def _judge(
    subject: Subject, foreigners: ForeignFiles, owner: Owner, several: Sequence[ForeignFile]
) -> Iterator[Finding]:
    """One finding at most for all that belongs to one owner, the worst first."""
    recorded = subject.facts.owners
    foreign_wheel = owner.installed is not None and foreigners.tagged(owner.installed.distribution)
    broken = [one for one in several if one.module and not one.instead]
    if not foreign_wheel:  # a wheel that fits may bring the files of others: it knows which to import
        broken = [one for one in broken if one.is_sure and (one.wanted or one.path not in recorded)]
    needed = [one for one in several if one.path in foreigners.needed]
    if foreign_wheel and not needed and (pure := _pure(foreigners, owner, several)):
        yield _slower(subject, owner, pure)
    elif broken or needed:
        yield _broken(subject, foreigners, owner, several, sorted(broken, key=lambda one: one.wanted is None) + needed)
    elif foreign_wheel and not _has_fit(subject, foreigners, owner):
        yield _broken(subject, foreigners, owner, several, several)
    elif spare := [one for one in several if one.instead and one.path not in recorded]:
        yield _spare(subject, owner, spare)
    elif owner.installed is None and (placed := [one for one in several if one.path.startswith(PATHS)]):
        yield Finding(
            f"{placed[0].path} is built for {placed[0].built_for}, and the function runs on "
            f"{subject.program.architecture}{and_more(len(placed))}: what starts or opens it gets an exec format "
            "error, or `cannot open shared object file`",
            where(subject.bundle.items[placed[0].path]),
            Severity.WARNING,
            f"replace it by one for Linux on {subject.program.architecture}, or leave it out",
        )


def _pure(foreigners: ForeignFiles, owner: Owner, several: Sequence[ForeignFile]) -> list[ForeignFile]:
    """The modules that are there in pure Python, too; none if some module is there for another system alone."""
    named = foreigners.named(owner.installed) if owner.installed else frozenset()
    if any(one.module and not one.instead and (one.wanted or one.module in named) for one in several):
        return []
    return [one for one in several if one.instead and one.instead.endswith(".py")]


def _slower(subject: Subject, owner: Owner, pure: Sequence[ForeignFile]) -> Finding:
    first = pure[0]
    return Finding(
        f"{owner.name} is slower than it could be: {first.path.rpartition('/')[2]}{and_more(len(pure))} is built for "
        f"{first.built_for}, and imports take {first.instead} in its place",
        where(subject.bundle.items[first.path]),
        Severity.WARNING,
        native.reinstall(subject.program, owner.installed),
    )


def _has_fit(subject: Subject, foreigners: ForeignFiles, owner: Owner) -> bool:
    """Whether the distribution has native code that fits, too."""
    foreign = {one.path for one in foreigners.found}
    owners = subject.facts.owners
    return any(owners.get(path) is owner.installed for path in subject.facts.binaries if path not in foreign)


def _broken(
    subject: Subject,
    foreigners: ForeignFiles,
    owner: Owner,
    several: Sequence[ForeignFile],
    broken: Sequence[ForeignFile],
) -> Finding:
    first = broken[0]
    words, reach = first.words, first.wanted
    if first.path in foreigners.needed:
        name, by = foreigners.needed[first.path]
        words = f"{name}: cannot open shared object file: No such file or directory (required by {by})"
    elif reach:
        words = failing(words, reach)
    # What imports it and works without its native code is slower; of one that is not imported, nothing is known.
    loose = reach is None and first.path not in foreigners.needed
    loose = loose and (_is_reached(subject, owner) or _does_without(subject, owner, several))
    name = first.path.rpartition("/")[2]
    files = f"{len(several):,} files, such as {name}" if len(several) > 1 else f"file {name}"
    version = "{}.{}".format(*subject.policy.python)
    remedy = native.reinstall(subject.program, owner.installed)
    return Finding(
        f"{words}{': ' if words else ''}{owner.name} is built for {first.built_for} ({files}), and the "
        f"function runs CPython {version} on Linux {subject.program.architecture}",
        where(subject.bundle.items[first.path]),
        Severity.WARNING if loose else Severity.ERROR,
        remedy,
        _cause(owner, first),
        reach.chain if reach else (),
        reach.when if reach else None,
        stopped(reach.path, subject.program) if reach else (),
        edits=(Edit(remedy),),
        faults=(
            Fault(Defect.FOREIGN, owner.installed.distribution.key if owner.installed else first.path),
            Fault(Defect.FOREIGN, f"{subject.bundle.items[first.path].archive.source}, {first.built_for}"),
        ),
        title=f"{owner.name} is built for {first.built_for}",
    )


def _installed_together(subject: Subject, finding: Finding, several: Sequence[Installed]) -> Finding:
    """The finding with one command for all that an archive has for another platform."""
    build = subject.lists.project.build
    names = [f"{one.distribution.name}=={one.distribution.version}" for one in several]
    what = " ".join(f"-r {file}" for file in build.shown) if build else " ".join(names)
    remedy = native.install_command(subject.policy, subject.program.architecture, what)
    return replace(finding, remedy=remedy, edits=(Edit(remedy),))


def _is_reached(subject: Subject, owner: Owner) -> bool:
    reached, owners = subject.program.graph.reached, subject.facts.owners
    return owner.installed is not None and any(owners.get(path) is owner.installed for path in reached)


def _does_without(subject: Subject, owner: Owner, several: Sequence[ForeignFile]) -> bool:
    """Whether a distribution imports each of these modules, and only where it expects that to fail."""
    graph, modules = subject.program.graph, subject.facts.modules
    guards: dict[str, list[bool]] = {one.module: [] for one in several if one.module}
    for path, by in subject.facts.owners.items():
        for statement in modules[path].imports if by is owner.installed and path in modules else ():
            base = graph.absolute(statement.module, statement.level, path) or ""
            for name in guards.keys() & {base, *(f"{base}.{name}" for name in statement.names)}:
                guards[name].append(statement.guarded)
    return len(guards) == len(several) and all(each and all(each) for each in guards.values())


def _cause(owner: Owner, first: ForeignFile) -> str | None:
    tags = owner.installed.distribution.tags if owner.installed else ()
    said = [f"its WHEEL says {tags[0]}"] if tags else []
    if first.instead:
        said.append(f"imports take {first.instead} in its place")
    if owner.installed and owner.installed.distribution.key == "numpy":
        said.append("numpy itself says 'you should not try to import numpy from its source directory', which misleads")
    return "; ".join(said) or None


def _spare(subject: Subject, owner: Owner, spare: Sequence[ForeignFile]) -> Finding:
    size = sum(subject.bundle.items[one.path].entry.size for one in spare)
    first = spare[0]
    return Finding(
        f"{owner.name} is there for {first.built_for} too: {first.path.rpartition('/')[2]}{and_more(len(spare))}, "
        f"{megabytes(size)} that nothing loads; {first.instead} is the one that fits",
        where(subject.bundle.items[first.path]),
        Severity.WARNING,
        "leave these files out: an installer with --target leaves those of earlier runs, and a build step copies what "
        "lies in the source folder",
    )


def _local(subject: Subject) -> Iterator[Note]:
    """Note distributions that installers accept, whatever they were linked with."""
    for installed in subject.facts.distributions:
        files = [f"{installed.root}/{recorded.path}" for recorded in installed.distribution.record or ()]
        if is_local(installed.distribution) and any(path in subject.facts.binaries for path in files):
            one = installed.distribution
            yield Note(
                f"{one.name} {one.version} says {one.tags[0]}: it was built on some machine, and any installer takes "
                "it for fitting; which processor it was compiled for does not show",
                limit=True,
            )
