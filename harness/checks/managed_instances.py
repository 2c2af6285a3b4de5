from collections.abc import Iterator

from harness.check import Engines, Findings, Inapplicable, Scope, Subject, define
from harness.facts.files.accesses import FileAccess, file_accesses
from harness.facts.python.file_calls import Act
from harness.manifest import Function
from harness.model import Finding, Severity

_WRITES = frozenset({Act.WRITE, Act.DATABASE})
# What makes processes wait for one another.
_LOCKS = frozenset({"fcntl", "filelock", "portalocker", "fasteners"})


@define(since="0.1", scope=Scope.FUNCTION)
def check(subject: Subject, _: Engines) -> Findings:
    """On managed instances, no two processes of a function write the same file as they start.

    ## Why it matters

    With a capacity provider, Lambda starts a function in several processes, 16 per vCPU by default. Each imports the
    handler's module, all at the same time, and all see one `/tmp`. A file with a fixed name that is written in the
    import is written by all of them: one reads what another has half written, or a database is locked.

    ## How to fix

    Let `tempfile` choose the name, put `os.getpid()` into it, or hold a lock (`fcntl.flock`, `filelock`) while it is
    written. What every process only reads belongs into the archive.
    """
    function = subject.function
    if function is None or not function.capacity_provider:
        raise Inapplicable("no capacity provider is declared: each environment has one process")
    processes = subject.policy.limits.managed_processes(function.max_concurrency, function.memory)
    for access in _shared(subject, function) if processes > 1 else ():
        path = access.paths[0]
        yield Finding(
            f"{processes:,} processes write {path} as they start ({access.use.call}), and all share one /tmp",
            access.where,
            Severity.WARNING,
            "let `tempfile` choose the name, put os.getpid() into it, or hold a lock while it is written",
            chain=access.chain,
            when=subject.program.when(access.file, access.use.line, function.name),
        )


def _shared(subject: Subject, function: Function) -> Iterator[FileAccess]:
    """The first write of each file below ``/tmp`` that every process makes as it starts."""
    known: set[str] = set()
    for access in file_accesses(subject.program):
        locks = any(one.module.partition(".")[0] in _LOCKS for one in subject.facts.modules[access.file].imports)
        starting = subject.program.when(access.file, access.use.line, function.name).starting
        path = access.paths[0]
        if access.use.act in _WRITES and path.startswith("/tmp/") and starting and not locks and path not in known:  # noqa: S108 - in the function
            known.add(path)
            yield access
