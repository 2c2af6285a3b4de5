from collections import defaultdict
from collections.abc import Iterator

from harness.artifact.bundle import CODE_ROOT, LAYER_ROOT
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis.severity import severity
from harness.facts.files.accesses import FileAccess, file_accesses
from harness.facts.python.file_calls import Act
from harness.facts.python.locations import Places
from harness.facts.python.paths import HOME
from harness.facts.python.walk import weaker
from harness.model import Finding, Severity, When

# What a function may write to.
WRITABLE = ("/tmp", "/dev", "/proc/self")  # noqa: S108 - in the function
# Where it may have a file system: Lambda takes no other place for one.
MOUNTS = "/mnt/"
# What it certainly may not write to.
READ_ONLY = (CODE_ROOT, LAYER_ROOT, HOME, "/var/runtime", "/var/lang")


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """No code writes outside of /tmp by a constant path.

    ## Why it matters

    In Lambda everything but `/tmp` is read-only, the code at `/var/task` included, and so is the home folder. Code that
    writes next to itself, to the working directory or to `~` works on every laptop and fails in the function:
    `OSError: [Errno 30] Read-only file system`. At import time it stops the init; in a function it stops the request
    that gets there.

    ## How to fix

    Write to `/tmp`, or below `tempfile.gettempdir()`; it keeps its files as long as the execution environment lives.
    Log to standard output, which Lambda collects. Point libraries that want a cache folder to `/tmp` by their variables
    (`XDG_CACHE_HOME`, `HF_HOME`, `MPLCONFIGDIR`).
    """
    if not any(path in subject.facts.uses for path in subject.program.own):
        raise Inapplicable("no first-party code builds a path out of constants")
    places = Places(subject.program)
    writes = defaultdict(list)
    for access in file_accesses(subject.program):
        if _fails(access, places) and not _is_mounted(subject, access):
            writes[access.file].append(access)
    for by in writes.values():
        yield from _findings(subject, by)


def _fails(access: FileAccess, places: Places) -> bool:
    """Whether what is written cannot be: for certain, or on all that is known of Lambda."""
    path, use = access.paths[0], access.use
    if path == "/" or any(path == folder or path.startswith(f"{folder}/") for folder in WRITABLE):
        return False
    match use.act:
        case Act.WRITE:
            return not (use.asked and places.exists(path))
        case Act.MAKE:
            return not ((use.again or use.asked) and places.exists(path))
        case Act.DATABASE:
            return not places.exists(path)
        case _:
            return False


def _is_mounted(subject: Subject, access: FileAccess) -> bool:
    """Whether every function that gets there has a file system at that place."""
    path, program = access.paths[0], subject.program
    functions = [
        function
        for function in subject.manifest.functions
        if function.name in program.names and (access.reach is None or access.file in program.reached_by[function.name])
    ]
    has = [any(f"{path}/".startswith(f"{mount}/") for mount in function.file_systems) for function in functions]
    return path.startswith(MOUNTS) and bool(has) and all(has)


def _when(subject: Subject, access: FileAccess) -> When:
    when = subject.program.when(access.file, access.use.line)
    return weaker(when) if access.use.conditional and when is not When.NEVER else when


def _findings(subject: Subject, by: list[FileAccess]) -> Iterator[Finding]:
    """One finding for what a function certainly gets to, one for the rest of a module."""
    order = sorted(by, key=lambda access: (_when(subject, access), access.use.line))
    sure = [access for access in order if _when(subject, access) in {When.AT_START, When.AT_EVENT}]
    for some in (sure, [access for access in order if access not in sure]):
        if not some:
            continue
        first = some[0]
        when = _when(subject, first)
        found = severity(when) if first.paths[0].startswith(READ_ONLY) else None
        lines = sorted({access.use.line for access in some[1:]} - {first.use.line})
        also = f" (and more at line {', '.join(map(str, lines[:5]))})" if lines else ""
        yield Finding(
            f"{_words(first)}: {first.use.call} writes to it{also}",
            first.where,
            found or Severity.WARNING,
            _remedy(first),
            chain=first.chain,
            when=when,
        )


def _words(access: FileAccess) -> str:
    path = access.paths[0]
    if path.startswith(MOUNTS):
        return f"{path} is there only if the function has a file system (EFS, S3 Files), and the manifest names none"
    if access.use.act is Act.DATABASE:
        return f"sqlite3.OperationalError: unable to open database file {path}"
    if path.startswith(READ_ONLY):
        return f"OSError: [Errno 30] Read-only file system: {path!r}"
    return f"{path} is not below /tmp"


def _remedy(access: FileAccess) -> str:
    if access.use.call.endswith("Handler") or access.use.call == "basicConfig":
        return "log to standard output instead: Lambda collects it"
    path = access.paths[0]
    if path.startswith(MOUNTS):
        mount = "/".join(path.split("/")[:3])
        return f'say that the function has it (`file-systems = ["{mount}"]` in the manifest), or write to /tmp'
    return f"write to /tmp/{path.rpartition('/')[2]} instead: nothing else is writable"
