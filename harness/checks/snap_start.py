from collections.abc import Iterator

from harness.artifact.bundle import CODE_ROOT
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.facts.python.init_state import Kind
from harness.manifest import Function
from harness.model import Finding, Note, Severity, When

_REMEDY = {
    Kind.VALUE: "make it in the handler, or anew in a hook (`snapshot_restore_py.register_after_restore`)",
    Kind.CONNECTION: "connect in the handler when it is first needed, or anew in a hook "
    "(`snapshot_restore_py.register_after_restore`)",
}
_HARM = {
    Kind.VALUE: "every copy of the snapshot has the same one: what must differ between environments does not",
    Kind.CONNECTION: "every copy of the snapshot begins with this one, and the other side has closed it by then",
}


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """What a SnapStart function makes in its init can be shared by copies of its snapshot.

    ## Why it matters

    With SnapStart, the init runs once, when a version is published, and each environment is a copy of what it left. A
    random value that was made at import is the same in all of them: ids that collide, one jitter for all. A connection
    is dead when the copy begins. A hook renews both, but only if its module is imported in the init: one that nothing
    imports is never registered, and nothing says so.

    ## How to fix

    Make such values and connections in the handler, when they are first needed, or anew in a function that
    `snapshot_restore_py.register_after_restore` registers. Import the module of the hook where the handler is.
    """
    functions = [function for function in subject.manifest.functions if function.snap_start]
    if not functions:
        raise Inapplicable("SnapStart is not declared for any function")
    states = {path: module.state for path, module in subject.facts.modules.items() if path in subject.program.own}
    for path in sorted(states):
        if lines := (*states[path].before, *states[path].after):
            yield from _unregistered(subject, functions, path, min(lines))
    for function in functions:
        reached = subject.program.reached_by.get(function.name, {})
        if not any(states[path].after for path in reached if path in states):  # a hook renews what its author knows of
            yield from _shared(subject, function)


def _unregistered(subject: Subject, functions: list[Function], path: str, line: int) -> Iterator[Finding]:
    """A hook of a module of the code that no module imports; what a layer has is perhaps another function's."""
    program, stem = subject.program, path.rpartition("/")[2].removesuffix(".py")
    reached = any(program.first(path, name) is not When.NEVER for name in program.names)
    imports = (one for other in program.own - {path} for one in subject.facts.modules[other].imports)
    if reached or path not in program.serving or not path.startswith(f"{CODE_ROOT}/"):
        return
    if any(stem in {*one.module.split("."), *one.names} for one in imports):
        return
    yield Finding(
        "the hook is never registered: nothing imports this module",
        f"{path}:{line}",
        Severity.WARNING,
        f"import it at the top of the handler's module ({functions[0].handler.rpartition('.')[0]})",
        functions=tuple(function.name for function in functions),
    )


def _shared(subject: Subject, function: Function) -> Iterator[Finding | Note]:
    program = subject.program
    for path, reach in program.reached_by.get(function.name, {}).items():
        for state in subject.facts.modules[path].state.states if path in program.own else ():
            if program.when(path, state.line, function.name) is not When.AT_START:
                continue
            if state.kind is Kind.FILE:
                yield Note(f"{path}:{state.line}: every copy of the snapshot begins with this file ({state.call})")
                continue
            yield Finding(
                f"{state.kind} that is made at import ({state.call}): {_HARM[state.kind]}",
                f"{path}:{state.line}",
                Severity.WARNING,
                _REMEDY[state.kind],
                chain=reach.chain,
                when=When.AT_START,
                functions=(function.name,),
            )
