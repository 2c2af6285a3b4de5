from collections.abc import Iterator
from dataclasses import replace

from harness.artifact.bundle import where
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis import import_errors
from harness.diagnosis.severity import severity
from harness.facts.python import stdlib
from harness.facts.python.graph import Unresolved
from harness.facts.python.program import Program
from harness.facts.python.search import STANDARD_LIBRARY, Found, Given, Missing, Portions
from harness.facts.python.shadowed import Shadowed, closed_to, misled, shadowed
from harness.facts.python.shadowed_by_archives import misled_through
from harness.facts.view import Installed
from harness.model import Defect, Fault, Finding, Note, Severity, When
from harness.policy.runtime_imports import client

# Packages of tests and documentation: many distributions have one, and none imports that of another.
IDLE = frozenset({"test", "tests", "testing", "docs", "doc", "examples", "example", "benchmarks", "scripts"})
# Distributions of the runtime that are one file; a copy of any other is a package.
FILES = frozenset({"six", "runtime_client"})
SHOWN = 3


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """No module takes the name of another that somebody imports.

    ## Why it matters

    `/var/task` comes first on `sys.path`, then the layers, then what the runtime brings, then the standard library. A
    file `email.py` or `secrets.py` of yours is what every library gets that imports Python's, boto3 and Python's own
    modules among them, and with `queue.py` the runtime client itself gets no event. A folder `alembic/` with an
    `__init__.py` is what your migrations get: `cannot import name 'context' from 'alembic'
    (/var/task/alembic/__init__.py)`. What the runtime has loaded before (`json`, `logging`, `types` and their like) it
    keeps: there a file of yours is the one that cannot be imported.

    ## How to fix

    Rename the module or the folder, or move it into a package of your own: `app/email.py` shadows nothing. A folder
    that is no package, such as that of migrations, needs no `__init__.py`. A distribution that brings a part of
    the standard library for older Pythons (`dataclasses`, `enum34`, `typing`) is to be taken out of the requirements.
    """
    program = subject.program
    if not subject.facts.modules:
        raise Inapplicable("there is no Python source")
    names = {name for folder in program.search.path for name in program.search.contents.get(folder, ())}
    given = dict(subject.policy.preinstalled_modules)
    for name in sorted(names - IDLE - {"__init__", "__main__"}):
        front = program.search.find(name)
        if isinstance(front, Given):
            yield from _behind(subject, name, front)
        elif isinstance(front, Found) and name in subject.policy.stdlib:
            yield from _before_python(subject, name, front)
        elif isinstance(front, Found) and name in given:
            yield from _before_runtime(subject, name, front, given[name])
    for one in shadowed(program):
        if not (one.portion or "." in one.name or one.name in given or one.name in subject.policy.stdlib | IDLE):
            yield from _before_archives(subject, one)


def _behind(subject: Subject, name: str, front: Given) -> Findings:
    """Judge modules behind one that the runtime has loaded, or that a mere folder cannot replace."""
    program = subject.program
    found = program.search.within(program.search.path, name)

    def fails(wanted: str) -> bool:
        return isinstance(program.search.find(f"{name}.{wanted}"), Missing) and not stdlib.has_name(name, wanted)

    if not isinstance(found, Found):
        wanted = misled(program, name, fails)
        if wanted and isinstance(found, Portions):
            said = f"{front.by} has {name!r}, which a folder without an __init__.py does not replace"
            yield _finding(subject, found.folders[0], said, wanted)
        return
    owner = _owner(subject, found.path)
    if name not in program.search.early:
        return  # in a folder that a .pth file adds, behind the standard library
    if front.by != STANDARD_LIBRARY:
        if owner:
            yield Note(
                f"{owner.distribution.name} in {owner.archive.source} is never used: the runtime has loaded its own"
            )
        return
    module = subject.facts.modules.get(found.path)
    bound = module.names.bound if module else ()
    wanted = misled(program, name, lambda one: fails(one) or (one in bound and not stdlib.has_name(name, one)))
    yield _finding(
        subject,
        found.path,
        f"{found.path} is never imported: the runtime has loaded Python's own {name!r} before",
        wanted,
        owner,
    )


def _before_python(subject: Subject, name: str, front: Found) -> Iterator[Finding]:
    owner, program = _owner(subject, front.path), subject.program
    said = f"{front.path} shadows the standard library's {name!r}: whatever imports that gets this file"
    wanted = _wanted(subject, name, front)
    through = misled_through(program, name, lambda one: closed_to(program, front, name, one))
    if through and (not wanted or _when(program, through.unresolved) < _when(program, wanted[0])):
        found = _finding(subject, front.path, said, (through.unresolved,), owner)
        found = replace(found, cause=f"{found.cause}, by way of the runtime's {' → '.join(through.modules)}")
    else:
        found = _finding(subject, front.path, said, wanted, owner)
    if found.severity is not Severity.ERROR and (lacking := _of_the_client(subject, name, front)):
        found = replace(
            found,
            message=f"Runtime.ExitError: Runtime exited with error: exit status 1: {said}",
            severity=Severity.ERROR,
            cause=f"Lambda's runtime client needs {lacking} of Python's {name!r} to get the first event",
            chain=(),
            when=When.AT_START,
            functions=program.names,
        )
    yield replace(found, faults=(Fault(Defect.NO_NAME, front.path),))


def _when(program: Program, one: Unresolved) -> When:
    return program.when(one.path, one.statement.line)


def _of_the_client(subject: Subject, name: str, front: Found) -> str | None:
    """What the runtime client needs of a module of Python's when the handler is loaded, and one in its place lacks."""
    needed = client(subject.policy.python).items()
    lacking = (
        one
        for module, names in needed
        for one in (names if module == name else [module[len(name) + 1 :]] if module.startswith(f"{name}.") else ())
        if closed_to(subject.program, front, name, one)
    )
    return next(lacking, None)


def _before_runtime(subject: Subject, name: str, front: Found, brings: str) -> Iterator[Finding]:
    # A newer version of one's own is normal, with its metadata or without.
    if _owner(subject, front.path):
        return
    wanted = _wanted(subject, name, front)
    if wanted or (not front.package and name not in FILES):
        said = f"{front.path} shadows {brings}, which the runtime brings: whatever imports {name!r} gets this file"
        yield _finding(subject, front.path, said, wanted)


def _before_archives(subject: Subject, one: Shadowed) -> Iterator[Finding]:
    owners = _owner(subject, one.front), _owner(subject, one.path)
    keys = [owner.distribution.key for owner in owners if owner]
    if len(keys) == len(owners) and len(set(keys)) == 1:
        return  # two copies of a distribution are reported by duplicate-distributions
    front = subject.program.search.find(one.name)
    wanted = _wanted(subject, one.name, front, one) if isinstance(front, Found) else ()
    behind = (
        f"{owners[1].distribution.name}, which is in {where(subject.bundle.items[one.path])}" if owners[1] else one.path
    )
    if wanted or one.modules or _differs(one):
        said = f"{one.front} shadows {behind}: whatever imports {one.name!r} gets the former"
        yield _finding(subject, one.front, said, wanted)


def _differs(one: Shadowed) -> bool:
    """Whether only one of both is a package."""
    return one.front.rpartition("/")[2].startswith("__init__.") != one.path.rpartition("/")[2].startswith("__init__.")


def _wanted(subject: Subject, name: str, front: Found, behind: Shadowed | None = None) -> tuple[Unresolved, ...]:
    """The imports that want what is in the shadow; those in the shadow's own folder among them, such as migrations."""
    program = subject.program

    def lacks(wanted: str) -> bool:
        return closed_to(program, front, name, wanted)

    found = misled(program, name, lacks)
    if found or behind is None or not front.package or front.path in subject.facts.owners:
        return found
    folder = f"{front.path.rpartition('/')[0]}/"
    beside = misled(program, name, lacks, [path for path in subject.facts.modules if path.startswith(folder)])
    return tuple(one for one in beside if (f"{name}.{one.name}" if one.name else one.missing) in behind.modules)


def _finding(
    subject: Subject,
    path: str,
    said: str,
    wanted: tuple[Unresolved, ...],
    owner: Installed | None = None,
) -> Finding:
    program = subject.program
    first = wanted[0] if wanted else None
    when = _when(program, first) if first else When.NEVER
    if owner:
        distribution = owner.distribution
        said = f"{distribution.name} {distribution.version} is an obsolete backport: {said}"
        remedy = f"take {distribution.name} out of the requirements: Python has its own"
    elif path.endswith(("/__init__.py", "/__init__.pyc")):
        remedy = f"rename the folder, or move it into a package of your own; if it is no package, remove {path}"
    else:
        remedy = f"rename {path}, or move it into a package of your own"
    return Finding(
        f"{import_errors.message(first, program)}: {said}" if first else said,
        _place(subject, path),
        # What is in the shadow of its own folder, such as migrations, is loaded by its path.
        Severity.ERROR if first and when is When.NEVER else severity(when) or Severity.WARNING,
        remedy,
        f"imported at {first.path}:{first.statement.line}" if first else None,
        import_errors.chain(first, program) if first else (),
    )


def _place(subject: Subject, path: str) -> str:
    """A file or a folder, which the archive need not list."""
    if path in subject.bundle.items:
        return where(subject.bundle.items[path])
    below = next(item for inner, item in subject.bundle.items.items() if inner.startswith(f"{path}/"))
    return where(below).removesuffix(below.path.removeprefix(path))


def _owner(subject: Subject, path: str) -> Installed | None:
    """The distribution that brought a file, by its record or, without one, by its name."""
    if owner := subject.facts.owners.get(path):
        return owner
    for installed in subject.facts.distributions:
        distribution = installed.distribution
        names = {*distribution.top_level, distribution.key.replace("-", "_")}
        top = path.removeprefix(f"{installed.site}/").split("/")[0].removesuffix(".py")
        if distribution.record is None and path.startswith(f"{installed.site}/") and top in names:
            return installed
    return None
