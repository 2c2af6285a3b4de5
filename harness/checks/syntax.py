from collections.abc import Iterator

from harness.artifact.bundle import where
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis.known_errors import backport
from harness.diagnosis.severity import rated
from harness.model import Finding


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Every module that your handlers reach compiles.

    ## Why it matters

    A module that is written for a newer Python, or that was damaged on its way, ends the function with
    `Runtime.UserCodeSyntaxError` when it is imported: at the start, or at the first request that needs it. A layer
    that was resolved for another Python brings such modules along. Every module is compiled for the declared runtime,
    whatever Python the build machine has.

    ## How to fix

    Correct the line, or declare the runtime that understands it. Where the module belongs to a distribution, build
    the layer for this runtime: `pip install --python-version 3.12 --only-binary=:all:`, or `uv pip install
    --python-version 3.12`. What a handler certainly imports, when it starts or with every event, is an error; what it
    may import is a warning; what nothing leads to from a handler is left alone.
    """
    program = subject.program
    if not subject.facts.modules:
        raise Inapplicable("there is no Python source")
    for path, fault in sorted(subject.facts.modules.faults(_judged(subject)).items()):
        reach = program.graph.reached.get(path)
        name = reach.name if reach else program.search.module_name(path) or path
        owner = subject.facts.owners.get(path)
        of = f" of {owner.distribution.name} {owner.distribution.version}" if owner else ""
        found = Finding(
            f"Runtime.UserCodeSyntaxError: Syntax error in module {name!r}{of}: {fault.message}",
            f"{where(subject.bundle.items[path])}:{fault.line}",
            remedy=old.remedy
            if (old := backport(path, program))
            else f"install {owner.distribution.name} for {subject.policy.runtime}, and build the layer again"
            if owner
            else f"correct the line, or declare the runtime that understands it instead of {subject.policy.runtime}",
            chain=reach.chain if reach else (),
            functions=program.hit(path),
        )
        yield rated(found, program.first(path))


def _judged(subject: Subject) -> Iterator[str]:
    """The user's own modules, and those that handlers reach."""
    modules = subject.facts.modules
    yield from subject.program.own
    yield from (path for path in subject.program.graph.reached if path in modules and path not in subject.program.own)
