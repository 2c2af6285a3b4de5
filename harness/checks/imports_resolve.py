"""See the check."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from harness.artifact.bundle import CODE_ROOT, LAYER_ROOT
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis import missing
from harness.diagnosis.values import Advice
from harness.facts.binaries import extension_name
from harness.facts.graph import Unresolved
from harness.model import Finding, Note, Severity, When

SHOWN = 3


@define(since="0.1")
def check(subject: Subject, engines: Engines) -> Findings:
    """Every import finds its module.

    ## Why it matters

    A handler that starts proves nothing about what is imported later: inside a function, by a plug-in that is loaded
    by its name, by a migration. `No module named 'defusedxml'` then comes with the first request that needs it. Every
    import statement of your code is therefore looked up as the runtime would: in the code, in the layers, in what the
    runtime brings, in the standard library of the declared Python. Of libraries, those modules count that a handler
    loads when it starts, and what they lack is a warning.

    ## How to fix

    Add the distribution that has the module to the requirements that the layer is built from, or the file to the code
    archive. An import that may fail says so itself: `try: … except ImportError: …`. What Python removed from its
    standard library (`distutils`, `imp`, `cgi`) has a successor, which the finding names.
    """
    del engines
    program = subject.program
    if not subject.facts.modules:
        raise Inapplicable("there is no Python source")
    groups: dict[tuple[str, str | None, bool], list[Unresolved]] = defaultdict(list)
    for one in _unresolved(subject):
        groups[one.missing, one.name, one.path in program.own].append(one)
    unread = sorted(path for path in program.own if not subject.facts.modules[path].parsed)
    yield from (Note(f"{path} could not be read, and its imports are not known", limit=True) for path in unread)
    added = sorted(path for path in program.own if subject.facts.modules[path].names.searches)
    for (module, name, own), places in groups.items():
        if added and (elsewhere := missing.elsewhere(module, program)):
            yield Note(
                f"{module} is not on sys.path, but {elsewhere} is there, and {added[0]} changes sys.path", limit=True
            )
        else:
            yield _finding(subject, module, name, places, own=own)


def _unresolved(subject: Subject) -> Iterator[Unresolved]:
    program = subject.program
    reached = program.graph.reached
    for path in program.serving:
        yield from program.graph.unresolved(path)
    for path, reach in sorted(reached.items()):
        if path in program.own or reach.when is not When.AT_START or path not in subject.facts.modules:
            continue
        for one in program.graph.unresolved(path):
            certain = one.statement.certain and not one.statement.lazy and one.name is None
            if certain and not _foreign(subject, one.missing):  # which foreign-binaries tells of
                yield one


def _foreign(subject: Subject, module: str) -> bool:
    """Whether the module is there as an extension for something else."""
    parent, _, name = module.rpartition(".")
    folders = subject.program.search.path
    places = {f"{folder}/{parent.replace('.', '/')}".rstrip("/") for folder in folders}
    named = ((path, extension_name(path)) for path in subject.facts.binaries)
    return any(found and found.module == name and path.rpartition("/")[0] in places for path, found in named)


def _finding(subject: Subject, module: str, name: str | None, places: Sequence[Unresolved], *, own: bool) -> Finding:
    """One finding for all places that lack the same thing; the one that comes first when a handler starts leads."""
    reached = subject.program.graph.reached
    places = sorted(places, key=lambda one: (not one.statement.certain, not _at_start(subject, one), one.path))
    first, others = places[0], [f"{one.path}:{one.statement.line}" for one in places[1:]]
    reach = reached.get(first.path)
    what = _words(subject, first, module, name)
    if reach and _at_start(subject, first):
        what = f"Runtime.ImportModuleError: Unable to import module {reach.chain[0]!r}: {what}"
        when = None
    elif reach and not first.statement.certain:
        when = "it stands under a condition that is only known at run time"
    elif reach and reach.when is When.PERHAPS_AT_START:
        when = "it is imported by a name that is only known at run time, or under a condition"
    elif reach:
        when = "the handler starts; this fails when the function that imports it is called"
    else:
        when = "no import leads here from a handler: what loads this module by its name fails"
    also = f"also imported at {', '.join(others[:SHOWN])}" + (
        f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    )
    advice = _advice(subject, module, name)
    circumstances = "; ".join(one for one in (when, also if others else None) if one)
    return Finding(
        what,
        f"{first.path}:{first.statement.line}",
        Severity.ERROR if own and first.statement.certain and not _beyond(subject) else Severity.WARNING,
        advice.remedy,
        "\n".join(one for one in (circumstances, advice.cause) if one) or None,
        reach.chain if reach else (),
        edits=advice.edits,
        faults=advice.faults,
        functions=advice.functions if name is None else (),
        spared=advice.spared if name is None else (),
    )


def _advice(subject: Subject, module: str, name: str | None) -> Advice:
    if name is not None:
        return Advice(f"correct the name, or install the version of {module.partition('.')[0]!r} that has it")
    if module.startswith("."):
        return Advice("write the import from the archive's root on, without dots: what it leads to has no name")
    return missing.advice(module, subject.supply)


def _beyond(subject: Subject) -> bool:
    """Whether modules can come from where no archive tells: a mounted folder, an archive that code puts on the path."""
    program = subject.program
    declared = dict(program.environment).get("PYTHONPATH", "").split(":")
    if any(folder and not folder.startswith((CODE_ROOT, LAYER_ROOT)) for folder in declared):
        return True
    return bool(subject.facts.packed) and any(subject.facts.modules[path].names.searches for path in program.own)


def _words(subject: Subject, one: Unresolved, module: str, name: str | None) -> str:
    """Python's own words."""
    if name:
        return f"cannot import name {name!r} from {module!r}"
    if not module.startswith("."):
        return f"No module named {module!r}"
    own = subject.program.search.module_name(one.path) or ""
    packaged = "." in own or one.path.endswith("/__init__.py")
    return "attempted relative import " + ("beyond top-level package" if packaged else "with no known parent package")


def _at_start(subject: Subject, one: Unresolved) -> bool:
    reach = subject.program.graph.reached.get(one.path)
    return reach is not None and reach.when is When.AT_START and one.statement.certain and not one.statement.lazy
