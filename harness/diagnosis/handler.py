"""The handler's name: whether it leads to a function, and the nearest that would."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.artifact.bundle import CODE_ROOT
from harness.diagnosis.absent_names import add
from harness.facts.python.search import Found, Given, Missing, Portions
from harness.model import Finding, Severity
from harness.policy.providers import alike

if TYPE_CHECKING:
    from harness.facts.python.program import Program

# What macOS adds to an archive, and what holds the modules of others.
_JUNK = re.compile(r"(?:.*/)?(?:__MACOSX|__pycache__|node_modules|(?:site|dist)-packages)/.*|(?:.*/)?\._[^/]*")
_SHOWN = 3


def fault(handler: str, program: Program) -> Finding | None:
    """The finding for a handler that does not start, as far as its name and the archives show.

    The message is the one that Lambda has for it. None: it may start.
    """
    return misnamed(handler, program) or unfound(handler, program)


def misnamed(handler: str, program: Program) -> Finding | None:
    """The finding for a handler that Lambda does not even look for."""
    module, dot, _ = handler.rpartition(".")
    top = module.split(".")[0]
    if not dot:
        return _finding(
            handler,
            f"Runtime.MalformedHandlerName: Bad handler {handler!r}: not enough values to unpack (expected 2, got 1)",
            "name the handler as module.function: the file's path with dots and without .py, then the function",
        )
    if top in program.policy.builtins:
        return _finding(
            handler,
            f"Runtime.BuiltInModuleConflict: Cannot use built-in module {module} as a handler module",
            f"rename the module {top!r}: Python has a built-in module of that name",
        )
    return None


def unfound(  # noqa: PLR0911 - a table
    handler: str, program: Program
) -> Finding | None:
    """The finding for a handler that Lambda looks for and does not find; None also where it does not look."""
    module, _, attribute = handler.rpartition(".")
    name = module.replace("/", ".")
    if misnamed(handler, program):
        return None
    if name.startswith(".") or not name:
        said = f"TypeError: the 'package' argument is required to perform a relative import for {name!r}"
        return _finding(
            handler,
            said if name else "ValueError: Empty module name",
            "name the handler from the root of the code archive on, without a dot or slash in front: app.main.handler",
        )
    match program.search.find(name):
        case Missing(name=missing):
            return _missing(handler, missing, program)
        case Given(by=by):
            return _given(handler, by, program)
        case Portions():
            return _attribute_missing(handler, program, f"{CODE_ROOT}/{name.replace('.', '/')}")
        case Found(path=path) if _lacks(path, attribute, program):
            return _attribute_missing(handler, program, path)
        case _:
            return None


def uncallable(handler: str, program: Program) -> Finding | None:
    """The finding for a handler that is there, and fails when Lambda calls it, or returns what cannot be sent."""
    module, _, attribute = handler.rpartition(".")
    name = module.replace("/", ".")
    found = program.search.find(name) if name and not misnamed(handler, program) else None
    known = program.facts.modules.get(found.path) if isinstance(found, Found) else None
    misfit = next((one for one in known.misfits if one.name == attribute), None) if known else None
    if misfit is None or not isinstance(found, Found):
        return None
    remedy = f"write it as `def {attribute}(event, context):`; Lambda calls it with these two"
    if misfit.is_called:
        remedy = "return the answer itself: a list of what a generator yields"
        if "coroutine" in misfit.said:
            remedy = f"make it a plain function that runs the coroutine: `def {attribute}(event, context): return "
            remedy += "asyncio.run(main(event))`"
    return _finding(handler, misfit.said, remedy, path=f"{found.path}:{misfit.line}")


def _finding(handler: str, message: str, remedy: str, cause: str | None = None, path: str | None = None) -> Finding:
    return Finding(message, path or f"handler {handler}", Severity.ERROR, remedy, cause)


def _missing(handler: str, missing: str, program: Program) -> Finding:
    module, _, attribute = handler.rpartition(".")
    parent = missing.rpartition(".")[0]
    why = ""
    if parent and isinstance(found := program.search.find(parent), Found) and not found.package:
        why = f"; {parent!r} is not a package"
    return _finding(
        handler,
        f"Runtime.ImportModuleError: Unable to import module {module!r}: No module named {missing!r}{why}",
        _of_a_tool(handler, program)
        or _whereabouts(handler, program)
        or _elsewhere_defined(attribute, program)
        or f"add the file of {missing!r} to the code archive, or correct the handler's name {handler!r}",
        _top_folder(missing.partition(".")[0], program),
    )


def _of_a_tool(handler: str, program: Program) -> str | None:
    """The remedy where the handler is a tool's, for a variable names the one that this is to call."""
    if all(one.declared != handler for one in program.redirections):
        return None
    top = handler.partition(".")[0]
    return add(alike(top) or f"the distribution that provides {top!r}", top, program)


def _whereabouts(handler: str, program: Program) -> str | None:
    """The remedy where the archives have the handler's file, elsewhere or under nearly that name."""
    module, _, attribute = handler.rpartition(".")
    wanted = module.replace("/", ".").replace(".", "/")
    files = {path: path.removesuffix(".py").removesuffix("/__init__") for path in _modules(program)}
    for path, stem in files.items():
        if stem == f"{CODE_ROOT}/{wanted}":
            top = wanted.split("/")[0]
            return f"another {top!r} comes before {path}: rename the folder, and the handler with it"
        if stem.casefold() == f"{CODE_ROOT}/{wanted}".casefold():
            return f"the archive has it at {path}: rename it, or the handler; upper and lower case differ on Lambda"
    for path, stem in files.items():
        if stem.casefold().endswith(f"/{wanted}".casefold()):
            folder = stem[len(CODE_ROOT) + 1 : -len(wanted)]
            return f"the archive has it at {path}: zip what is in {folder}, not the folder"
    parts = wanted.split("/")
    for start in range(1, len(parts)):
        shorter = "/".join(parts[start:])
        for path, stem in files.items():
            if stem == f"{CODE_ROOT}/{shorter}":
                return f"the archive has it at {path}: name the handler {shorter.replace('/', '.')}.{attribute}"
    if wanted.endswith("/py") and f"{CODE_ROOT}/{wanted[:-3]}.py" in files:
        return f"leave .py out of the handler's name: {wanted[:-3].replace('/', '.')}.{attribute}"
    return None


def _elsewhere_defined(attribute: str, program: Program) -> str | None:
    """The modules of the code archive that have the handler's function."""
    found = []
    for path in _modules(program):
        names = program.facts.modules[path].names.bound
        if path in program.own and attribute in names and (name := program.search.module_name(path)):
            found.append(f"{name}.{attribute}")
    return f"add the file, or correct the handler's name: there is {' and '.join(found[:_SHOWN])}" if found else None


def _modules(program: Program) -> list[str]:
    """The sources of the code archive, those near its root first."""
    paths = (path for path in program.facts.modules if path.startswith(f"{CODE_ROOT}/") and not _JUNK.fullmatch(path))
    return sorted(paths, key=lambda path: (path.count("/"), path))


def _top_folder(wanted: str, program: Program) -> str | None:
    """The cause, where everything in the code archive is in one folder that is no package."""
    code = program.facts.bundle.code
    names = [entry.name for entry in code.files if not _JUNK.fullmatch(entry.name)] if code else []
    tops = {name.partition("/")[0] for name in names}
    top = tops.pop() if len(tops) == 1 else ""
    if not top or top in {wanted, *names} or f"{top}/__init__.py" in names:
        return None
    return f"everything in the archive is in the folder {top}/"


def _given(handler: str, by: str, program: Program) -> Finding | None:
    """The handler's module is one that the runtime brings, and not the one of that name in the archive."""
    module, _, attribute = handler.rpartition(".")
    wanted = module.replace("/", ".").replace(".", "/")
    top, paths = wanted.split("/")[0], (f"{CODE_ROOT}/{wanted}.py", f"{CODE_ROOT}/{wanted}/__init__.py")
    if path := next((path for path in paths if path in program.facts.modules), None):
        remedy = f"rename {top!r}, in the archive and in the handler's name"
        cause = f"{by} has a module {top!r}, which comes before {path}"
    elif there := _whereabouts(handler, program):
        remedy, cause = there, f"{module!r} is found in {by}, not in the archive"
    else:
        return None
    message = f"Runtime.HandlerNotFound: Handler {attribute!r} missing on module {module!r}"
    return _finding(handler, message, remedy, cause)


def _lacks(path: str, attribute: str, program: Program) -> bool:
    """Whether a module certainly has no such attribute."""
    module = program.facts.modules.get(path)
    if module is None or not module.parsed or module.names.open:
        return False
    absent = attribute not in module.names.bound and not attribute.startswith("__")
    return absent and not program.facts.modules.faults([path])


def _attribute_missing(handler: str, program: Program, path: str) -> Finding:
    module, _, attribute = handler.rpartition(".")
    name = module.replace("/", ".")
    here = program.facts.modules.get(path)
    module_part, colon, function = attribute.partition(":")
    remedy = f"define {attribute!r} in {module}, or correct the handler's name {handler!r}"
    if colon:
        remedy = f"write a dot instead of the colon: {module}.{module_part}.{function}"
    elif isinstance(program.search.find(f"{name}.{attribute}"), Found):
        remedy = f"{attribute!r} is a module: name the function in it too, as in {name}.{attribute}.handler"
    elif here and (near := [one for one in here.names.bound if "handler" in one.lower()]):
        remedy = f"name the handler {module}.{near[0]}, or rename the function"
    elif there := _elsewhere_defined(attribute, program):
        remedy = there
    return _finding(
        handler,
        f"Runtime.HandlerNotFound: Handler {attribute!r} missing on module {module!r}",
        remedy,
        None if here else f"{path} is a folder without an __init__.py",
        path if here else None,
    )
