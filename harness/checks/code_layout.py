from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from harness.artifact.bundle import CODE_ROOT
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis import handler, scripts
from harness.facts.python.wrapped_handlers import Redirection
from harness.model import Finding, Severity
from harness.plain_text import and_more

# What a layer has its modules in; in a code archive no search leads there.
LAYERS = "python"
# What is shipped by mistake, and not in the place of anything.
VENV = frozenset({"venv", ".venv", "env", ".env", ".tox", ".nox", "node_modules"})


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Every handler is where its name says, and the code lies at the archive's root.

    ## Why it matters

    Lambda unpacks the code archive at `/var/task` and looks for the handler `app.main.handler` in
    `/var/task/app/main.py`. Zip the folder instead of what is in it, and there is one folder too many:
    `Runtime.ImportModuleError: Unable to import module 'app.main': No module named 'app'`. A renamed file or function
    ends alike, and so does one whose case only macOS and Windows overlook. Dependencies in `python/` are found in a
    layer, not in a code archive.

    ## How to fix

    Zip from inside the folder: `cd build && zip -r ../code.zip .`. The finding says where the archive has the handler's
    file, or which of its modules has the function. Put dependencies beside the code, at the archive's root, or into a
    layer.
    """
    code = subject.bundle.code
    if code is None:
        raise Inapplicable("no code archive is declared")
    program = subject.program
    sharing = [one for one in subject.manifest.functions if one.name in program.names]
    scripted = {one.name for one in sharing if scripts.script(one, subject.bundle.items)}
    named = defaultdict(list)
    for name, wanted in zip(program.names, program.handlers, strict=True):
        if name not in scripted:
            named[wanted].append(name)
    faults = [
        replace(fault, functions=tuple(names))
        for wanted, names in named.items()
        if (fault := handler.unfound(wanted, program))
    ]
    faults += [fault for one in sharing if (fault := scripts.fault(one, program))]
    yield from dict.fromkeys(faults)
    for one in program.redirections:
        if fault := handler.unfound(one.handler, program):
            yield _redirected(one, fault)
    if not (faults or scripted) and not any(path.startswith(f"{CODE_ROOT}/") for path in _importable(subject)):
        yield Finding(
            "the code archive has no Python modules",
            code.source,
            Severity.WARNING,
            "look at what the build step zips: Lambda wants the sources at the archive's root",
        )
    if not faults:
        yield from _astray(subject)


def _redirected(one: Redirection, fault: Finding) -> Finding:
    """A variable or a file names a handler that is not there, for the one that is declared to call."""
    is_file = one.source.startswith(CODE_ROOT)
    names = f"{one.source} names {one.handler}" if is_file else f"{one.source}={one.handler}"
    return replace(
        fault,
        message=f"{one.function}: {names}, which {one.declared} calls: {fault.message}",
        where=one.source if is_file else f"{one.function}: environment",
        severity=Severity.ERROR if one.certain else Severity.WARNING,
        functions=(one.function,),
    )


def _importable(subject: Subject) -> Iterator[str]:
    yield from subject.facts.modules
    yield from subject.facts.bytecode
    yield from (path for path in subject.facts.binaries if path.endswith(".so"))


def _astray(subject: Subject) -> Iterator[Finding]:
    """Dependencies in folders of the code archive to which no search leads."""
    program, python = subject.program, "{}.{}".format(*subject.policy.python)
    if program.added.unknown:
        return  # what adds folders to sys.path may add these
    lost: dict[str, list[str]] = defaultdict(list)
    for installed in subject.facts.distributions:
        site = installed.site
        if VENV.intersection(site.split("/")) or site in program.search.path or _in_package(subject, site):
            continue
        if site.startswith(f"{CODE_ROOT}/"):
            lost[site].append(installed.distribution.name)
    layer = f"{CODE_ROOT}/{LAYERS}"
    if not _in_package(subject, layer) and layer not in lost and not _imported(subject):
        lost[layer] += sorted(program.search.contents.get(layer, ()))
    for site, names in lost.items():
        if names:
            folder = site.removeprefix(f"{CODE_ROOT}/")
            yield Finding(
                f"{names[0]}{and_more(len(names))} in {folder}/ of the code archive, where Python {python} does not "
                "look: `No module named …`",
                _place(subject, folder),
                Severity.WARNING,
                f"put what is in {folder}/ at the root of the code archive, or into {LAYERS}/ of a layer",
            )


def _place(subject: Subject, folder: str) -> str:
    code = subject.bundle.code
    return f"{code.source}{'/' if code.is_folder else '!'}{folder}" if code else folder


def _imported(subject: Subject) -> bool:
    """Whether somebody means the folder by its name: `from python.x import y`."""
    statements = (one for path in subject.program.own for one in subject.facts.modules[path].imports)
    imported = any(one.module.split(".")[0] == LAYERS and not one.level for one in statements)
    return imported or any(root.split(".")[0] == LAYERS for root in subject.program.roots)


def _in_package(subject: Subject, folder: str) -> bool:
    """Whether a folder is below a package: then it is a library's own, with copies of others' code."""
    parts = folder.split("/")
    return any(f"{'/'.join(parts[:end])}/__init__.py" in subject.bundle.items for end in range(4, len(parts) + 1))
