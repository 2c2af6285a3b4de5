from collections import defaultdict
from collections.abc import Sequence

from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis import system
from harness.diagnosis.severity import severity
from harness.facts.files.unmet_requests import UnmetRequest, UnmetRequests
from harness.facts.python.system_requests import Kind
from harness.model import Finding, Severity, When
from harness.plain_text import few

SHOWN = 3


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """The code asks for no program, library or locale that Lambda does not have.

    ## Why it matters

    Lambda's Linux is a minimal one. There is no git, tar or unzip, `FileNotFoundError: [Errno 2] No such file or
    directory: 'git'`; no locale but C and POSIX, `locale.Error: unsupported locale setting`; no /dev/shm, which
    multiprocessing's locks, queues and pools need, `OSError: [Errno 38] Function not implemented`. `find_library`
    never finds what is in `/opt/lib`. A program of the archive that is not executable, or a script with Windows line
    endings, cannot be started. What the code names by constants is held against what the runtime has.

    ## How to fix

    Do it in Python (`tarfile`, `zipfile`, dulwich for git), or bring the program in `bin/` and the library in `lib/` of
    a layer. Open libraries by their file's name instead of `find_library`. Use threads, or multiprocessing's Process
    and Pipe alone. Give programs mode 0755 and Unix line endings.
    """
    if not subject.facts.modules:
        raise Inapplicable("there is no Python code")
    groups: dict[tuple[Kind | None, str], list[UnmetRequest]] = defaultdict(list)
    for lack in UnmetRequests(subject.program).found():
        groups[(None, "") if lack.kind is Kind.SHARED else (lack.kind, lack.what)].append(lack)
    for lacks in groups.values():
        yield _finding(subject, sorted(lacks, key=lambda one: (not one.raises, one.when, one.file, one.line)))


def _finding(subject: Subject, lacks: Sequence[UnmetRequest]) -> Finding:
    first = lacks[0]
    advice = system.explanation(first, subject.policy)
    others = [f"{one.file}:{one.line}" for one in lacks[1:]]
    also = f"also at {few(others, SHOWN)}" if others else None
    reach = subject.program.graph.reached.get(first.file)
    names = [
        name
        for name, walk in subject.program.walks.items()
        if walk.when(first.file, first.line) in {When.AT_START, When.AT_EVENT}
    ]
    return Finding(
        system.message(first),
        f"{first.file}:{first.line}",
        (severity(first.when) if first.raises else None) or Severity.WARNING,
        advice.remedy,
        "; ".join(one for one in (advice.cause, also) if one) or None,
        reach.chain if reach else (),
        first.when,
        tuple(names),
    )
