"""Advice on how an init or an event ended: what to change, and why, where the archives show it."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

from harness.diagnosis import absent_names, import_errors, known_errors, native, system, variables
from harness.diagnosis import handler as handlers
from harness.diagnosis.frames import own_frame
from harness.diagnosis.values import Advice
from harness.engines.protocol import Exceeded, Exited, Failed, LambdaError, Trace
from harness.facts.files.executables import obstacle
from harness.facts.installed.union import Union
from harness.facts.python.search import Found
from harness.model import Defect, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.dependencies.comparison.dependency_lists import DependencyLists
    from harness.engines.protocol import Answer, Frame, Init
    from harness.facts.python.program import Program
    from harness.manifest import Function

# What boto3 says of an answer that is an error.
ANSWERED = re.compile(r"An error occurred \(\w+\) when calling the \w+ operation")
# What `os.environ["X"]` has behind its KeyError: the same name in bytes, which nothing else has.
ENVIRONMENT_MISS = "KeyError: b"
WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
NOT_FOUND, NOT_EXECUTABLE = 127, 126  # what a shell ends with that cannot start a program
NO_MODULE = re.compile(r"No module named '([\w.]+)'")
# Python's words of a module that lacks something.
LACKS = (
    re.compile(r"cannot import name '(?P<name>\w+)' from (?:partially initialized module )?'(?P<module>[\w.]+)'"),
    re.compile(r"module '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'"),
    re.compile(r"No module named '(?P<module>[\w.]+)\.(?P<name>\w+)'"),
)
KEYWORD = "got an unexpected keyword argument"
RELATIVE = "required to perform a relative import"


def for_init(  # noqa: PLR0911 - a table
    end: Init, trace: Trace, function: Function, lists: DependencyLists, printed: str = ""
) -> Advice:
    """Advice on a start that did not succeed; ``printed`` is what it wrote."""
    program = lists.program
    match end:
        case Failed(error=error):
            return (
                _for_name(error, trace, function, program)
                or for_error(error, trace, function, lists)
                or variables.advice(error, trace, function, program)
                or _of_a_distribution(error, trace, program)
                or Advice(
                    "correct the module at that line; it must be importable with nothing but the archives and the "
                    "environment"
                )
            )
        case Exceeded(limit="memory"):
            return Advice(f"import less, or declare more than {function.memory} MB of memory")
        case Exceeded(limit="timeout"):
            limit = program.policy.limits.init_of(function.timeout, prolonged=function.prolonged)
            return Advice(
                f"Lambda stops init after {limit} s: do not wait for a network or a lock while importing; "
                "--init-timeout bounds the wait here"
            )
        case Exceeded():
            return Advice("start fewer processes and threads")
        case Exited(status=status) if status in (NOT_FOUND, NOT_EXECUTABLE) and (found := _wrapper(function, program)):
            return found
        case Exited(status=status) if status < 0:
            return _crashed(status)
        case Exited() if found := _shadow("\n".join((*trace.causes, printed)), program):
            return found
        case _:
            return Advice("make the module importable without ending the process; its last words are above")


def _shadow(said: str, program: Program) -> Advice | None:
    """Advice on an error whose words are about one of Python's modules, where a file of one's own is in its place."""
    found = (absent_names.shadow(module, name, program) for module, name in _lacking(said))
    return next(filter(None, found), None)


def _of_python(said: str, trace: Trace, program: Program) -> Advice | None:
    """Advice on an error whose words are about what one of Python's modules lacks in the functions' version."""
    path = trace.frames[-1].file if trace.frames else ""
    found = (absent_names.of_python(module, name, path, program) for module, name in _lacking(said))
    return next(filter(None, found), None)


def _lacking(said: str) -> Iterator[tuple[str, str]]:
    """The modules, each with what it lacks, in Python's words."""
    return ((lack["module"], lack["name"]) for words in LACKS for lack in words.finditer(said))


def for_answer(end: Answer, function: Function, lists: DependencyLists) -> Advice:
    """Advice on an event that was not answered."""
    match end:
        case Failed(error=error):
            own = Advice("correct the handler; the lines above are what Lambda would log")
            found = for_error(error, Trace(()), function, lists)
            return found or variables.advice(error, Trace(()), function, lists.program) or own
        case Exceeded(limit="memory"):
            return Advice(f"make it do with its {function.memory} MB of memory, or declare more")
        case Exceeded(limit="timeout"):
            return Advice(f"make it answer within its {function.timeout} s, or declare more of them")
        case Exceeded():
            return Advice("start fewer processes and threads")
        case Exited(status=status) if status < 0:
            return _crashed(status)
        case _:
            return Advice(
                "return or raise: sys.exit() and os._exit() end Lambda's process too, and the caller gets an error"
            )


def _of_a_distribution(error: LambdaError, trace: Trace, program: Program) -> Advice | None:
    """Advice where no code of the user's own takes part, or does no more than import a distribution that fails."""
    place, owners = own_frame(trace.frames, program), program.facts.owners
    caller = owners.get(trace.frames[-1].file) if trace.frames and KEYWORD in error.message else None
    if caller:
        name = caller.distribution.name
        return Advice(f"install versions of {name} and of what it calls there that fit each other")
    if place and place.file not in owners and not _imports(place, program):
        return None
    owner = next((owners[frame.file] for frame in reversed(trace.frames) if frame.file in owners), None)
    if owner is None:
        return None
    one = owner.distribution
    misfit = next((found for found in Union(program).conflicts if found.name == one.key), None)
    if misfit:
        return Advice(
            f"install a version of {one.name} that fits all that require it",
            f"{one.name} {one.version} is there, and {misfit.by.distribution.name} {misfit.by.distribution.version} "
            f"requires {misfit.text}",
        )
    return Advice(f"do what this error of {one.name} {one.version} asks for, or install another version of {one.name}")


def _imports(frame: Frame, program: Program) -> bool:
    module = program.facts.modules.get(frame.file)
    return module is not None and any(one.line == frame.line for one in module.imports)


def _crashed(status: int) -> Advice:
    if -status == signal.SIGKILL:
        return Advice("check what killed it: its last words are above, and more memory is worth a try")
    return Advice(
        "install builds of the compiled distributions that are made for Lambda's platform: a library crashed; "
        "PYTHONFAULTHANDLER=1 under `environment` makes Python tell where"
    )


def _wrapper(function: Function, program: Program) -> Advice | None:
    path = dict(function.environment).get(WRAPPER)
    if path is None:
        return None
    item = program.facts.bundle.items.get(path)
    if item is None:
        return Advice(
            f"put the script into a layer (bin/wrapper becomes /opt/bin/wrapper), or correct or remove {WRAPPER}",
            f"{WRAPPER} is {path}, which no archive has",
            faults=(Fault(Defect.NO_FILE, path),),
        )
    faults = (Fault(Defect.BAD_FILE, path),)
    if found := obstacle(path, program, by_shell=True):
        return Advice(found.remedy, f"{WRAPPER} is {path}: {found.cause}", faults=faults)
    return Advice(
        f"correct {path}: its first line must name an interpreter that Lambda has, and it must exec what it is given",
        f"{WRAPPER} is {path}, and ended so",
        faults=faults,
    )


def _for_name(error: LambdaError, trace: Trace, function: Function, program: Program) -> Advice | None:
    """Advice on a handler whose name does not lead to a function."""
    own = function.handler.rpartition(".")[0].replace("/", ".")
    lost = trace.missing if trace.missing and f"No module named {trace.missing!r}" in error.message else None
    module, _, attribute = function.handler.rpartition(".")
    fallbacks = {
        "Runtime.HandlerNotFound": f"define {attribute!r} in {module}, or correct the handler's name "
        f"{function.handler!r}",
        "Runtime.MalformedHandlerName": "name the handler as module.function: the file's path with dots and without "
        ".py, then the function",
        "Runtime.BuiltInModuleConflict": f"rename the module {own.partition('.')[0]!r}: Python has a built-in module "
        "of that name",
        "TypeError": "name the handler from the root of the code archive on, without a dot or slash in front: "
        "app.main.handler",
        "Runtime.ImportModuleError": f"add the file of {lost!r} to the code archive, or correct the handler's name "
        f"{function.handler!r}",
    }
    if error.type not in fallbacks or (error.type == "TypeError" and RELATIVE not in error.message):
        return None
    if error.type == "Runtime.ImportModuleError" and (lost is None or not f"{own}.".startswith(f"{lost}.")):
        return None
    found = handlers.fault(function.handler, program)
    return Advice(found.remedy or fallbacks[error.type], found.cause) if found else Advice(fallbacks[error.type])


def for_error(  # noqa: PLR0911 - a table
    error: LambdaError, trace: Trace, function: Function, lists: DependencyLists
) -> Advice | None:
    """Advice on an error of init or of an event; None where nothing is known beyond its message."""
    program = lists.program
    if error.type == "Runtime.UserCodeSyntaxError":
        if found := known_errors.of_backport(trace, program):
            return found
        return Advice("correct the line, or declare the runtime that understands it")
    if error.type == "KeyError" and f"{ENVIRONMENT_MISS}{error.message}" in trace.causes:
        name = error.message.strip("'")
        return Advice(f"{variables.declare(name, function)}, or read it in the handler")
    if found := known_errors.of_backport(trace, program) or known_errors.advice(error, program):
        return found
    if found := _shadow(error.message, program) or _of_python(error.message, trace, program):
        return found
    if function.seed and ANSWERED.search(error.message):
        return Advice(
            f"put what it asks for into the seed {function.seed.name}: that is all the AWS that it finds here"
        )
    if found := native.advice(error, trace, program):
        return found
    if found := known_errors.asked(error, program) or _of_an_attribute(error, trace, program):
        return found
    if error.type in ("Runtime.ImportModuleError", "ImportError", "ModuleNotFoundError"):
        return _for_import(error, trace, function, lists)
    return system.advice(error, trace, program) or _behind(trace, function, lists)


def _of_an_attribute(error: LambdaError, trace: Trace, program: Program) -> Advice | None:
    """Advice on what a module of a distribution lacks."""
    lack = next(_lacking(error.message), None) if error.type == "AttributeError" else None
    found = program.search.find(lack[0]) if lack else None
    if lack is None or not isinstance(found, Found) or found.path not in program.facts.owners:
        return None
    return absent_names.of_a_name(*lack, trace.frames[-1].file if trace.frames else "", program)


def _behind(trace: Trace, function: Function, lists: DependencyLists) -> Advice | None:
    """Advice on the nearest error behind the error that says more."""
    for cause in trace.causes:
        kind, _, message = cause.partition(": ")
        inner = LambdaError(kind.rpartition(".")[2], message, ())
        missing = NO_MODULE.search(message)
        within = Trace(trace.frames, (), missing[1] if missing else None)
        if found := for_error(inner, within, function, lists):
            return found
    return None


def _for_import(error: LambdaError, trace: Trace, function: Function, lists: DependencyLists) -> Advice:
    # Every ImportError names a module; only this one says that the module cannot be found.
    found = NO_MODULE.search(error.message)
    missing = trace.missing if trace.missing and f"No module named {trace.missing!r}" in error.message else None
    if missing := missing or (found[1] if found and error.type == "ModuleNotFoundError" else None):
        own = import_errors.off_the_path(missing, lists.program, dict(function.environment))
        return own or import_errors.advice(missing, lists)
    if "partially initialized module" in error.message:
        return Advice(
            "break the circle of imports: move what both modules need into a third, or import inside a function"
        )
    if lack := next(_lacking(error.message), None):
        return import_errors.of_a_name(*lack, trace.frames[-1].file if trace.frames else "", lists)
    return Advice("correct the module at that line, or what it imports there")
