import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from harness.artifact.bundle import CODE_ROOT, LAYER_ROOT
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis import absent_files
from harness.diagnosis.severity import severity
from harness.facts.files.accesses import FileAccess, file_accesses
from harness.facts.python.code import Guard
from harness.facts.python.file_calls import Act
from harness.facts.python.locations import Places
from harness.facts.python.system_requests import Kind
from harness.facts.python.walk import weaker
from harness.model import Finding, Severity, When

READS = frozenset({Act.READ, Act.LIST, Act.TEMPLATES, Act.SERVE, Act.ALEMBIC})
WORDS: Mapping[Act, str] = {
    Act.READ: "FileNotFoundError: [Errno 2] No such file or directory: {path!r}",
    Act.LIST: "{call} finds nothing: there is no folder {path}",
    Act.TEMPLATES: "jinja2.exceptions.TemplateNotFound once a template is rendered: there is no folder {path}",
    Act.SERVE: "Directory {path!r} does not exist",
    Act.ALEMBIC: "No config file {path!r} found, or file has no '[alembic]' section",
}
DJANGO_NOT_FOUND = "django.template.exceptions.TemplateDoesNotExist"
TEMPLATE_NOT_FOUND = "jinja2.exceptions.TemplateNotFound"
# What is made where the code runs, or for developers only.
PASSING = re.compile(
    r"/(?:\.env[^/]*|\.?cache|\.cache|te?mp|logs?|coverage|node_modules|\.aws|[^/]+\.(?:log|pid|lock|sock|sqlite3?|db))"
    r"(?:/|$)",
    re.IGNORECASE,
)


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Every file that the code opens by a constant path is in the artifact.

    ## Why it matters

    Python imports are followed by every packaging tool, paths in the code by none. A template, a certificate or an
    `alembic.ini` that the code opens as `Path(__file__).parent / "…"` and that was not copied fails when that line is
    reached, often in production only: `FileNotFoundError: [Errno 2] No such file or directory`. A relative path starts
    at `/var/task`, wherever the module is.

    ## How to fix

    Copy the file into the folder that the archive is made from; the finding names the line that opens it and the path
    that it opens. Where the file may be missing, let the code say so: `if path.exists()`, `except FileNotFoundError`.
    """
    program = subject.program
    if not any(path in subject.facts.uses or subject.facts.modules[path].requests for path in program.own):
        raise Inapplicable("no first-party code builds a path out of constants")
    places = Places(program)
    found = list(file_accesses(program))
    expected = _expected(subject, places, found)
    missing = defaultdict(list)
    for access in found:
        if access.use.act in READS and not access.use.asked and not any(map(places.exists, access.paths)):
            path = access.paths[0]
            if path.startswith((f"{CODE_ROOT}/", f"{LAYER_ROOT}/")) and not _is_expected(path, expected):
                missing[path].append(access)
    for path, by in sorted(missing.items()):
        yield _finding(subject, path, sorted(by, key=lambda access: _severity(subject, access)))
    yield from _unopened(subject, places)
    yield from _untemplated(subject)


def _unopened(subject: Subject, places: Places) -> Iterator[Finding]:
    """Shared libraries that are opened by paths into the archives, where nothing is."""
    program = subject.program
    for file in program.serving:
        for request in subject.facts.modules[file].requests:
            paths = places.paths(request.what, file) if request.kind is Kind.LIBRARY and request.name is None else ()
            when = program.when(file, request.line)
            if not any(path.startswith((f"{CODE_ROOT}/", f"{LAYER_ROOT}/")) for path in paths):
                continue
            if any(map(places.exists, paths)) or (when is When.NEVER and program.handlers):
                continue
            reach = program.graph.reached.get(file)
            yield Finding(
                f"OSError: {paths[0]}: cannot open shared object file: No such file or directory: {request.call} opens "
                "it by this path, and no archive holds it",
                f"{file}:{request.line}",
                severity(weaker(when) if request.conditional else when) or Severity.WARNING,
                absent_files.copied(subject.lists, paths[0]),
                chain=reach.chain if reach else (),
                when=when,
            )


def _untemplated(subject: Subject) -> Iterator[Finding]:
    """Templates that are rendered by their names, and are in no folder of the archives."""
    program = subject.program
    for file in program.serving:
        for request in subject.facts.modules[file].requests:
            name, when = request.what.tail, program.when(file, request.line)
            if request.kind is not Kind.TEMPLATE or (when is When.NEVER and program.handlers):
                continue
            if any(path.endswith(f"/{name}") for path in subject.bundle.items):
                continue
            reach = program.graph.reached.get(file)
            words = DJANGO_NOT_FOUND if "django" in request.call else TEMPLATE_NOT_FOUND
            yield Finding(
                f"{words}: {name}: {request.call} renders it, and no archive holds it",
                f"{file}:{request.line}",
                severity(weaker(when) if request.conditional else when) or Severity.WARNING,
                absent_files.copied(subject.lists, f"{CODE_ROOT}/templates/{name}"),
                chain=reach.chain if reach else (),
                when=when,
            )


def _expected(subject: Subject, places: Places, found: list[FileAccess]) -> frozenset[str]:
    """Paths that the code asks for first somewhere, or makes itself."""
    uses = subject.facts.uses
    asked = {
        path
        for file in subject.program.own
        if file in uses
        for location in uses[file].asked
        for path in places.paths(location, file)
    }
    made = {path for access in found if access.use.act in {Act.WRITE, Act.MAKE, Act.DATABASE} for path in access.paths}
    return frozenset(asked | made) - {CODE_ROOT, LAYER_ROOT}


def _is_expected(path: str, expected: frozenset[str]) -> bool:
    parts = path.split("/")
    above = ("/".join(parts[:end]) for end in range(2, len(parts) + 1))
    return bool(PASSING.search(path)) or any(folder in expected for folder in above)


def _when(subject: Subject, access: FileAccess) -> When:
    """When a function gets to the call; without handlers, each is taken to be called."""
    if not subject.program.handlers:
        return When.AT_EVENT
    when = subject.program.when(access.file, access.use.line)
    if access.use.act is Act.TEMPLATES:
        return max(when, When.LATER)  # to remember a folder that is not there succeeds
    # What a handler's own module does with Alembic is what the function is for, whatever the event says.
    own = access.reach is not None and len(access.reach.chain) == 1
    return When.AT_EVENT if own and when is When.LATER and access.use.act is Act.ALEMBIC else when


def _severity(subject: Subject, access: FileAccess) -> Severity:
    use = access.use
    # A configuration of Alembic that is made is used; a folder that is looked into need not be there.
    loose = use.act in {Act.LIST, Act.TEMPLATES}
    sure = use.guard is Guard.NONE and not loose and (use.act is Act.ALEMBIC or not use.conditional)
    if use.act is Act.ALEMBIC and subject.facts.uses[access.file].locates:
        sure = False  # what the code sets itself needs no file
    found = severity(_when(subject, access)) or Severity.WARNING
    return found if sure else Severity.WARNING


def _finding(subject: Subject, path: str, by: list[FileAccess]) -> Finding:
    first = by[0]
    words = WORDS[first.use.act].format(path=path, call=first.use.call)
    others = sorted({access.where for access in by[1:]} - {first.where})
    also = f", and so do {', '.join(others[:3])}" + (" and others" if len(others) > 3 else "") if others else ""  # noqa: PLR2004 - shown
    return Finding(
        f"{words}: {first.where} reads it{also}, and no archive holds it",
        first.where,
        _severity(subject, first),
        _remedy(subject, path, first),
        chain=first.chain,
        when=_when(subject, first),
        title=f"{path.removeprefix(f'{CODE_ROOT}/')} is in no archive",
    )


def _remedy(subject: Subject, path: str, access: FileAccess) -> str:
    folder = posixpath.dirname(access.file)
    found = sorted(absent_files.elsewhere(subject.program, path), key=lambda one: (not one.startswith(folder), one))
    for there in found[:1]:
        return f"it is at {there}: correct the path in {access.file}, or move it"
    return absent_files.copied(subject.lists, path)
