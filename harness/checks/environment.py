from collections.abc import Iterator

from harness.artifact.bundle import CODE_ROOT, LAYER_ROOT, Item, where
from harness.check import Engines, Findings, Inapplicable, Scope, Subject, define
from harness.diagnosis import handler, scripts
from harness.diagnosis.variables import undeclared
from harness.facts.files.executables import DENIED, EXEC_FORMAT, obstacle
from harness.facts.python.graph import Graph
from harness.facts.python.search import Missing, Search, site_folders
from harness.facts.python.walk import Reach
from harness.manifest import Event, Function
from harness.model import Defect, Edit, Fault, Finding, Note, Severity, When
from harness.policy import Limits, environment_size

REFUSED = "InvalidParameterValueException: Lambda was unable to configure your environment variables because the"
# The paths of layers that the runtime's own values lead to, and which a value of one's own takes away.
FOLDERS = {"LD_LIBRARY_PATH": ("/opt/lib", "/var/task/lib"), "PATH": ("/opt/bin",)}


@define(since="0.1", scope=Scope.FUNCTION)
def check(subject: Subject, _: Engines) -> Findings:
    """Lambda accepts every function's handler, variables and limits, and no variable is missing.

    ## Why it matters

    Lambda refuses a function that declares a reserved variable or more than 4 KB of them, after the archives are
    uploaded. It accepts others that keep the function from starting: a handler without a dot
    (`Runtime.MalformedHandlerName`), a wrapper script that is not there, a `PYTHONPATH`, which takes `/opt/python` with
    all layers off the search path. A timeout above 900 seconds is for functions on managed instances, and those run
    Python 3.13 or newer, as durable functions do. SnapStart takes neither Amazon EFS nor a `/tmp` above 512 MB.

    A module that reads `os.environ["TABLE"]` when it is imported fails where the variable is not set. A template of
    SAM, the CDK, Serverless or CloudFormation names all variables that the function gets. A manifest that a person
    wrote may leave some out, so that only templates are checked for this.

    ## How to fix

    Name the handler `module.function`. Leave out the variables that Lambda sets itself. Where a variable must be set,
    let it keep what the runtime puts there: `PYTHONPATH=/opt/python:…`, `LD_LIBRARY_PATH=…:/opt/lib`. Large
    configuration belongs in Parameter Store, Secrets Manager or a file of the artifact. Variables that something else
    than the template sets are declared in a manifest on top of it. A function with a capacity
    provider says so in the manifest: `capacity-provider = true`.
    """
    function = subject.function
    if function is None:
        raise Inapplicable("no function is declared")
    variables = dict(function.environment)
    if not scripts.script(function, subject.bundle.items) and (
        fault := handler.misnamed(function.handler, subject.program)
    ):
        yield fault
    yield from _accepted(subject, function, variables)
    yield from _limited(subject, function)
    yield from _wrapper(subject, function, variables.get("AWS_LAMBDA_EXEC_WRAPPER"))
    if "PYTHONPATH" in variables:
        yield from _search_path(subject, function, variables)
    yield from _undeclared(subject, function)
    for name in FOLDERS.keys() & variables.keys():
        yield from _replaced(subject, function, name, variables[name])


def _undeclared(subject: Subject, function: Function) -> Iterator[Finding]:
    lacking = undeclared(function, subject.program)
    edit = Edit(f"declare {', '.join(lacking)} among the variables of {function.name}", function.declared_at)
    for name, (path, variable) in lacking.items():
        yield Finding(
            f"KeyError: '{name}'",
            f"{path}:{variable.line}",
            remedy=str(edit),
            cause=f"it reads the variable {name} when it is imported, and the template does not declare it",
            chain=subject.program.walks[function.name].reached[path].chain,
            when=When.AT_START,
            functions=(function.name,),
            edits=(edit,),
        )


def _accepted(subject: Subject, function: Function, variables: dict[str, str]) -> Iterator[Finding | Note]:
    reserved = sorted(subject.policy.reserved_variables & variables.keys())
    if reserved:
        yield Finding(
            f"{REFUSED} environment variables you have provided contains reserved keys that are currently not "
            f"supported for modification. Reserved keys used in this request: {', '.join(reserved)}",
            f"{function.name}: environment",
            remedy=f"leave {', '.join(reserved)} out: Lambda sets it",
        )
    limit = subject.policy.limits.environment_bytes
    size = environment_size(variables)
    if size > limit:
        largest = max(variables, key=lambda name: len(variables[name].encode()))
        yield Finding(
            f"{REFUSED} environment variables you have provided exceeded the 4KB limit: {size:,} bytes as JSON, "
            f"{size - limit:,} more than {limit:,}",
            f"{function.name}: environment",
            remedy=f"keep what is large elsewhere and read it at the start; the largest is {largest} "
            f"({len(variables[largest].encode()):,} bytes)",
        )


def _limited(subject: Subject, function: Function) -> Iterator[Finding | Note]:
    """Compare what is declared with the limits of the function's kind."""
    limits = subject.policy.limits
    if function.timeout > limits.timeout_max_seconds and not function.capacity_provider:
        yield Finding(
            f"a timeout of {function.timeout:,} s: without a capacity provider Lambda may refuse more than "
            f"{limits.timeout_max_seconds} s",
            f"{function.name}: timeout",
            Severity.WARNING,
            f"declare {limits.timeout_max_seconds} or less, or say `capacity-provider = true` if it has one",
        )
    for has, key, what, oldest in (
        (function.capacity_provider, "capacity-provider", "managed instances run", limits.managed_python),
        (function.durable, "durable", "durable functions run on", limits.durable_python),
        (function.snap_start, "snap-start", "SnapStart is for", limits.snap_start_python),
    ):
        if has and subject.policy.python < oldest:
            version = ".".join(map(str, oldest))
            yield Finding(
                f"{subject.manifest.runtime} with `{key}`: {what} Python {version} and newer",
                f"{function.name}: {key}",
                remedy=f"deploy it with python{version} or newer, or without `{key}`",
            )
    if function.snap_start:
        yield from _snapshot(function, limits)
    for event in function.events:
        yield from _sent(function, event, limits)


def _snapshot(function: Function, limits: Limits) -> Iterator[Finding]:
    """What SnapStart does not go together with."""
    if function.tmp > limits.snap_start_tmp_max_mb:
        yield Finding(
            f"SnapStart does not support a /tmp of more than {limits.snap_start_tmp_max_mb} MB: {function.tmp:,} MB",
            f"{function.name}: tmp",
            remedy=f"declare {limits.snap_start_tmp_max_mb} MB, or leave SnapStart out",
        )
    if function.file_systems:
        yield Finding(
            f"SnapStart does not support Amazon EFS: {', '.join(function.file_systems)}",
            f"{function.name}: file-systems",
            Severity.WARNING,
            "read what is there from S3, or leave SnapStart out; of S3 Files, AWS says nothing",
        )


def _sent(function: Function, event: Event, limits: Limits) -> Iterator[Finding | Note]:
    """Compare an event with what Lambda accepts, from a caller that waits and from one that does not."""
    size = len(event.payload.encode())
    if size > limits.sync_payload_bytes:
        yield Finding(
            f"RequestEntityTooLargeException: Request must be smaller than {limits.sync_payload_bytes} bytes for the "
            f"InvokeFunction operation: it has {size:,}",
            f"{function.name}: {event.name}",
            Severity.WARNING,
            "send a reference to an object in S3 in place of the data",
        )
    elif size > limits.async_payload_bytes:
        yield Note(
            f"{function.name}: {event.name} has {size:,} bytes: only a caller that waits for the response can send it "
            f"(asynchronously at most {limits.async_payload_bytes:,})"
        )


def _wrapper(subject: Subject, function: Function, wrapper: str | None) -> Iterator[Finding]:
    if not wrapper or not wrapper.startswith((f"{CODE_ROOT}/", f"{LAYER_ROOT}/")):
        return  # none, or one of the system's
    item = _behind(subject, wrapper)
    if item is None:
        yield Finding(
            "Runtime.ExitError: Runtime exited with error: exit status 127: AWS_LAMBDA_EXEC_WRAPPER names "
            f"{wrapper}, which no archive holds",
            f"{function.name}: environment",
            remedy="add the layer that the wrapper comes in, or correct the path",
            faults=(Fault(Defect.NO_FILE, wrapper),),
        )
    elif found := obstacle(wrapper, subject.program, by_shell=True):
        status = 126 if found.words in {DENIED, EXEC_FORMAT} else 127
        yield Finding(
            f"Runtime.ExitError: Runtime exited with error: exit status {status}: AWS_LAMBDA_EXEC_WRAPPER names "
            f"{wrapper}, which cannot be started ({found.words}): {found.cause}",
            where(item),
            Severity.ERROR if found.certain else Severity.WARNING,
            found.remedy,
            when=When.AT_START,
            functions=(function.name,),
            faults=(Fault(Defect.BAD_FILE, wrapper),),
        )


def _behind(subject: Subject, path: str) -> Item | None:
    item = subject.bundle.items.get(path)
    return None if item is None or item.entry.size == 0 else item


def _search_path(subject: Subject, function: Function, variables: dict[str, str]) -> Iterator[Finding]:
    """Name the modules that a function loses if its own PYTHONPATH keeps the layers off the search path."""
    layers = [
        folder
        for folder in site_folders(subject.policy.python)[1:]
        if any(path.startswith(f"{folder}/") for path in subject.bundle.items)
    ]
    with_it, without = (_search(subject, one) for one in (variables, {}))
    lost = [folder for folder in layers if folder not in with_it.path]
    if not lost:
        return
    gone = [reach for reach in _needed(subject, function, without) if isinstance(with_it.find(reach.name), Missing)]
    first = next((reach for reach in gone if reach.when is When.AT_START), None)
    names = sorted({reach.name.partition(".")[0] for reach in gone})
    yield Finding(
        f"PYTHONPATH={variables['PYTHONPATH']} takes {', '.join(lost)} off the search path"
        + (f": No module named {first.name!r} (of the layers are needed: {', '.join(names[:5])})" if first else ""),
        f"{function.name}: environment",
        Severity.ERROR if first else Severity.WARNING,
        f"leave PYTHONPATH out, or let it begin with {':'.join(lost)}",
        chain=first.chain if first else (),
    )


def _search(subject: Subject, variables: dict[str, str]) -> Search:
    return Search(subject.facts, subject.policy, subject.program.architecture, variables)


def _needed(subject: Subject, function: Function, search: Search) -> list[Reach]:
    """The modules that the handler reaches where the layers are on the search path."""
    graph = Graph(subject.facts.modules, search, (function.handler,), subject.program.own)
    return list(graph.reached.values())


def _replaced(subject: Subject, function: Function, name: str, value: str) -> Iterator[Finding]:
    listed = {folder.rstrip("/") for folder in value.split(":")}
    for folder in FOLDERS[name]:
        inside = [path for path in subject.bundle.items if path.startswith(f"{folder}/")]
        if inside and folder not in listed:
            yield Finding(
                f"{name} is set without {folder}, where {inside[0].rpartition('/')[2]} is: nothing finds it there",
                f"{function.name}: environment",
                Severity.WARNING,
                f"add {folder} to {name}: a value replaces the runtime's, it does not add to it",
            )
