from collections import defaultdict
from collections.abc import Iterator, Sequence

from harness.artifact.bundle import CODE_ROOT, LAYER_ROOT
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis import import_errors, native
from harness.diagnosis.severity import rated
from harness.diagnosis.values import Advice
from harness.facts.native.binaries import extension_name
from harness.facts.python.graph import Unresolved
from harness.facts.python.program import Program
from harness.facts.python.search import Found, Given, Missing
from harness.facts.python.search_path import packed
from harness.facts.python.walk import weaker
from harness.model import Finding, Note, Severity, When
from harness.plain_text import few
from harness.policy.stdlib import why_absent

CERTAIN = (When.AT_START, When.AT_EVENT)
SHOWN = 3


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Every import finds its module.

    ## Why it matters

    A handler that starts proves nothing about what is imported later: inside a function, by a plug-in that is loaded
    by its name, by a migration. `No module named 'defusedxml'` then comes with the first request that needs it. Every
    import statement of your code is therefore looked up as the runtime would: in the code, in the layers, in what the
    runtime brings, in the standard library of the declared Python. Of libraries, those modules count that a handler
    certainly loads, and the names that they take from one another, which another version may lack: `cannot import name
    'url_quote' from 'werkzeug.urls'`. What the runtime's boto3 loads from the archives, such as urllib3, counts too.
    What a handler certainly imports, when it starts or with every event, is an error where it is missing; what it may
    import is a warning. A module that nothing leads to from a handler is not judged.

    ## How to fix

    Add the distribution that has the module to the requirements that the layer is built from, or the file to the code
    archive. An import that may fail says so itself: `try: … except ImportError: …`. What Python removed from its
    standard library (`distutils`, `imp`, `cgi`) has a successor, which the finding names.
    """
    program = subject.program
    if not subject.facts.modules:
        raise Inapplicable("there is no Python source")
    unread = sorted(path for path in program.own if not subject.facts.modules[path].parsed)
    yield from (Note(f"{path} could not be read, and its imports are not known", limit=True) for path in unread)
    groups: dict[tuple[str, str | None], list[Unresolved]] = defaultdict(list)
    alone: dict[str, str] = {}
    for one in _unresolved(subject):
        if _when(program, one) is When.NEVER:
            alone.setdefault(f"{one.path}:{one.statement.line}", one.missing)
        else:
            groups[one.missing, one.name].append(one)
    for (module, name), places in groups.items():
        changed, there = program.added.unknown, import_errors.elsewhere(module, program)
        if changed and there and name is None:
            yield Note(
                f"{module} is not on sys.path, but {there} is there, and {changed[0]} changes sys.path", limit=True
            )
        else:
            yield _finding(subject, module, name, places)
    if alone:
        nowhere = few((f"{place} ({module})" for place, module in alone.items()), SHOWN)
        yield Note(f"imports that find nothing, in modules that no handler reaches: {nowhere}")


def _unresolved(subject: Subject) -> Iterator[Unresolved]:
    program = subject.program
    for path in program.serving:
        reach = program.graph.reached.get(path)
        if path not in program.others:
            unresolved = (one for one in program.graph.unresolved(path) if not _reported(subject, one))
            found = [one for one in unresolved if reach or not _found_later(program, one)]
            # Where the importer of a module expects that to fail, a module that it lacks affects no handler.
            yield from (one for one in found if one.statement.lazy or not (reach and reach.guarded))
    for path, reach in sorted(program.graph.reached.items()):
        if path in program.own or reach.when not in CERTAIN or path not in subject.facts.modules:
            continue
        for one in program.graph.unresolved(path):
            runtimes = one.name and isinstance(program.search.find(one.missing), Given)
            known = not runtimes or why_absent(subject.policy.python, one.missing, one.name or "")
            certain = one.statement.certain and not one.statement.lazy and known
            # Of a shadowed module the check of that name tells.
            if certain and not _reported(subject, one, foreign=True) and not _shadowed(program, one.missing):
                yield one


def _reported(subject: Subject, one: Unresolved, *, foreign: bool = False) -> bool:
    """Whether foreign-binaries or distribution-metadata reports the file that is the module or the name."""
    if one.name is None:
        return foreign and _foreign(subject, one.missing)
    return native.of_module(f"{one.missing}.{one.name}", subject.program) is not None


def _found_later(program: Program, one: Unresolved) -> bool:
    """Whether what may load the importing module may put its import on the search path as well."""
    name = program.graph.absolute(one.statement.module, one.statement.level, one.path)
    return one.name is None and name is not None and not isinstance(program.widest.find(name), Missing)


def _shadowed(program: Program, module: str) -> bool:
    """Whether first-party code has taken the name of the package that the module is of."""
    found = program.search.find(module.partition(".")[0])
    return isinstance(found, Found) and found.path in program.own


def _foreign(subject: Subject, module: str) -> bool:
    """Whether the module is there as an extension for something else."""
    parent, _, name = module.rpartition(".")
    folders = subject.program.search.path
    places = {f"{folder}/{parent.replace('.', '/')}".rstrip("/") for folder in folders}
    named = ((path, extension_name(path)) for path in subject.facts.binaries)
    return any(found and found.module == name and path.rpartition("/")[0] in places for path, found in named)


def _when(program: Program, one: Unresolved, function: str | None = None) -> When:
    """When the import fails."""
    when = program.when(one.path, one.statement.line, function)
    return when if one.statement.certain else weaker(when)


def _finding(subject: Subject, module: str, name: str | None, places: Sequence[Unresolved]) -> Finding | Note:
    """One finding for all places that lack the same thing; the one that comes first when a handler starts leads."""
    program = subject.program
    places = sorted(places, key=lambda one: (_when(program, one), one.path not in program.own, one.path))
    first, others = places[0], [f"{one.path}:{one.statement.line}" for one in places[1:]]
    when = _when(program, first)
    functions = tuple(_functions(program, places, when))
    reach = program.graph.reached.get(first.path) or program.possible().get(first.path)
    what = _words(subject, first, module, name)
    if reach and when is When.AT_START and not first.statement.attribute:
        what = f"Runtime.ImportModuleError: Unable to import module {reach.chain[0]!r}: {what}"
    also = f"also imported at {few(others, SHOWN)}"
    advice = _advice(subject, module, name, first.path)
    beyond = _beyond(program, module) if name is None else None
    circumstances = (_circumstances(program, first, when, functions), also if others else None, beyond)
    said = "; ".join(one for one in circumstances if one)
    found = Finding(
        what,
        f"{first.path}:{first.statement.line}",
        remedy=advice.remedy,
        cause="\n".join(one for one in (said, advice.cause) if one) or None,
        chain=reach.chain if reach else (),
        functions=functions,
        edits=advice.edits,
        faults=advice.faults,
        spared=advice.spared if name is None else (),
    )
    return rated(found, when, at_most=Severity.WARNING if beyond else None)


def _functions(program: Program, places: Sequence[Unresolved], when: When) -> Iterator[str]:
    """The functions that it stops; where it certainly stops none, those that it may stop."""
    last = When.AT_EVENT if when in CERTAIN else When.LATER
    for name in program.names:
        if any(_when(program, one, name) <= last for one in places):
            yield name


def _circumstances(program: Program, one: Unresolved, when: When, functions: Sequence[str]) -> str | None:
    """When it fails, where it is not while the handler starts."""
    if when is When.AT_START:
        return None
    if when is When.AT_EVENT:
        return f"{', '.join(functions)}: the handler starts, and fails here with every event"
    if one.path not in program.graph.reached:
        loader = program.possible().get(one.path)
        by = loader.parent.path if loader and loader.parent else None
        return f"no import leads here from a handler; {by or 'what loads this module by its name'} may"
    if not one.statement.certain:
        return "it is under a condition that is only known at run time"
    if when is When.PERHAPS_AT_START:
        return "it is imported by a name that is only known at run time, or under a condition"
    return "the handler starts; this fails when the function that imports it is called"


def _advice(subject: Subject, module: str, name: str | None, path: str) -> Advice:
    if name is not None:
        return import_errors.of_a_name(module, name, path, subject.lists)
    if module.startswith("."):
        return Advice("write the import from the archive's root on, without dots: what it leads to has no name")
    return import_errors.advice(module, subject.lists)


def _beyond(program: Program, module: str) -> str | None:
    """From where the module may come that no archive tells of: another folder, an archive within the archive."""
    if not isinstance(program.search.find(module.partition(".")[0]), Missing):
        return None
    declared = dict(program.environment).get("PYTHONPATH", "").split(":")
    if folder := next((one for one in declared if one and not one.startswith((CODE_ROOT, LAYER_ROOT))), None):
        return f"it may come from {folder}, which PYTHONPATH names"
    if program.added.outside:
        folder, place = program.added.outside[0]
        return f"it may come from {folder}, which {place} puts on sys.path"
    if program.added.beyond and (archive := packed(program.facts)):
        return f"it may come from {archive}: {program.added.beyond} changes sys.path"
    return None


def _words(subject: Subject, one: Unresolved, module: str, name: str | None) -> str:
    """Python's own words."""
    if name and one.statement.attribute:
        return f"AttributeError: module {module!r} has no attribute {name!r}"
    if name:
        return f"cannot import name {name!r} from {module!r}"
    if not module.startswith("."):
        return f"No module named {module!r}"
    own = subject.program.search.module_name(one.path) or ""
    packaged = "." in own or one.path.endswith("/__init__.py")
    return "attempted relative import " + ("beyond top-level package" if packaged else "with no known parent package")
