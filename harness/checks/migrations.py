import posixpath
from collections.abc import Iterator

from harness.artifact.bundle import CODE_ROOT, where
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis import absent_files
from harness.facts.files.accesses import file_accesses
from harness.facts.migrations.environments import INI, LOCATION, Environment, environments, run_by
from harness.facts.migrations.revisions import History
from harness.facts.python.file_calls import Act
from harness.model import Finding, Note, Severity

MULTIPLE = (
    "Multiple head revisions are present for given argument 'head'; please specify a specific target revision, "
    "'<branchname>@head' to narrow to a specific head, or 'heads' for all heads"
)


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Migrations that are in the artifact are complete and lead to one head.

    ## Why it matters

    Alembic finds its migrations by a path in `alembic.ini` and by names inside of files, and no import tells of either.
    An artifact without `env.py` or without one of the revisions starts, answers, and fails at the next release, when
    the database is to be migrated: `Path doesn't exist`, `KeyError: '4f1c…'`, `Multiple head revisions are present`.

    ## How to fix

    Copy the whole script directory into the archive, `alembic.ini` beside it, and leave neither `env.py` nor a file of
    `versions/` out. Where two branches have each added a revision, join them: `alembic merge heads`.
    """
    found = environments(subject.program)
    if not found:
        yield from _without(subject)
    for environment in found:
        severity = Severity.ERROR if run_by(subject.program, environment) else Severity.WARNING
        yield from _environment(subject, environment, severity)


def _without(subject: Subject) -> Iterator[Finding | Note]:
    """Judge an artifact without an environment: the check applies only if code runs Alembic."""
    runs = run_by(subject.program)
    if runs is None or any(uses.locates or uses.moves for uses in subject.facts.uses.values()):
        raise Inapplicable("the artifact has no Alembic environment")
    place, _ = runs
    opened = [one for one in file_accesses(subject.program) if one.use.act is Act.ALEMBIC]
    lacking = absent_files.source(subject.lists, f"{CODE_ROOT}/{INI}") or INI
    if opened:  # of which referenced-files tells
        yield Note(
            f"{place} runs Alembic, and neither its configuration nor a script directory is in the artifact: its "
            "revisions were not looked at",
            limit=True,
        )
        return
    yield Finding(
        f"{place} runs Alembic, and no archive has its configuration ({INI}) or a script directory: No '{LOCATION}' "
        "key found in configuration",
        place,
        Severity.WARNING,  # where it looks is not in the code
        f"copy {lacking} and the script directory that it names into the folder that the archive is made from",
    )


def _environment(subject: Subject, environment: Environment, severity: Severity) -> Iterator[Finding | Note]:
    folder, strangers = environment.folder, environment.strangers
    if environment.said is None or folder is None or not environment.there:
        if not any(uses.locates or uses.moves for uses in subject.facts.uses.values()):
            yield from _location(subject, environment, severity)
        return
    if not environment.script:
        yield Finding(
            f"Can't find Python file {folder}/env.py: the script directory of the migrations has no env.py",
            _archive(subject, folder),
            severity,
            f"copy {_relative(folder)}/env.py into the folder that the archive is made from",
        )
    if strangers:
        names = [posixpath.basename(path) for path in strangers]
        yield Finding(
            f"Could not determine revision id from filename {names[0]}: Alembic takes every module of its versions "
            f"folder for a revision, and {', '.join(names)} set no down_revision",
            where(subject.bundle.items[strangers[0]]),
            severity,
            "move what is no revision out of the folder",
        )
    if environment.history is None:
        return
    if not environment.files and not strangers:
        yield Finding(
            f"there is no revision in {', '.join(environment.versions) or folder + '/versions'}: upgrading does "
            "nothing, without an error",
            _archive(subject, folder),
            Severity.WARNING,
            f"copy the files of {_relative(folder)}/versions into the folder that the archive is made from",
        )
    yield from _history(subject, environment, environment.history, severity)


def _location(subject: Subject, environment: Environment, severity: Severity) -> Iterator[Finding]:
    """The configuration leads nowhere."""
    statements = (one for path in subject.program.own for one in subject.facts.modules[path].imports)
    if environment.said is None and any(one.module.partition(".")[0] == "flask_migrate" for one in statements):
        return  # which names the folder itself
    place = where(subject.bundle.items[environment.config]) if environment.config else environment.place
    if environment.said is None:
        yield Finding(
            f"No '{LOCATION}' key found in configuration",
            place,
            severity,
            f"set {LOCATION} = %(here)s/alembic in its section [{environment.section}]",
        )
    elif environment.folder is not None:
        yield Finding(
            f"Path doesn't exist: {environment.folder}: it is what {LOCATION} = {environment.said} leads to in "
            f"[{environment.section}]",
            place,
            severity,
            f"copy {_relative(environment.folder)} into the folder that the archive is made from; a path without "
            f"%(here)s is relative to {CODE_ROOT}",
        )


def _history(
    subject: Subject, environment: Environment, history: History, severity: Severity
) -> Iterator[Finding | Note]:
    remedy = f"copy all files of {_relative(environment.folder or '')}/versions, or correct what it follows"
    for wanted, path in history.missing:
        yield Finding(
            f"KeyError: {wanted!r}: {posixpath.basename(path)} follows or depends on that revision, which is not there",
            where(subject.bundle.items[path]),
            severity,
            remedy,
        )
    for name, paths in history.duplicates:
        yield Finding(
            f"Revision {name} is present more than once: in {' and '.join(map(posixpath.basename, paths))}",
            where(subject.bundle.items[paths[-1]]),
            severity,
            "leave out the one that is old, or give the newer an id of its own",
        )
    if history.missing or history.duplicates:
        return  # the heads are not what they would be
    if history.cyclic:
        yield Finding(
            f"Cycle is detected in revisions ({', '.join(history.cyclic)})",
            environment.place,
            severity,
            "let one of them follow what was there before",
        )
    elif len(history.heads) > 1:
        yield Finding(
            f"{MULTIPLE}: the heads are {', '.join(sorted(history.heads))}",
            environment.place,
            Severity.WARNING if _branches(subject, environment) else severity,
            "join them in one revision: alembic merge heads; or upgrade to heads",
        )
    elif history.heads:
        yield Note(f"{_relative(environment.place)}: {len(history.revisions)} revisions, head {history.heads[0]}")


def _branches(subject: Subject, environment: Environment) -> bool:
    """Whether several heads are meant: branches have names, or the code upgrades to all of them."""
    named = any(subject.facts.revisions[path].labels for path in environment.files)
    return named or any("heads" in uses.upgrades for uses in subject.facts.uses.values())


def _relative(path: str) -> str:
    return path.removeprefix(f"{CODE_ROOT}/")


def _archive(subject: Subject, path: str) -> str:
    """The place of a folder, for a message."""
    item = next((one for name, one in subject.bundle.items.items() if name.startswith(f"{path}/")), None)
    return where(item).removesuffix(item.path.removeprefix(f"{path}/")).rstrip("/!") if item else path
