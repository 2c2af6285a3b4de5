import json
import os
import signal
from collections import defaultdict

from harness.artifact.bundle import where
from harness.check import Engines, Findings, Inapplicable, Need, Subject, define
from harness.diagnosis import native
from harness.diagnosis.problems import bad_files
from harness.facts.native.extension_modules import Compiled
from harness.facts.native.roles import NativeFiles
from harness.facts.python.startup import stopped, sure
from harness.model import Finding, Note, Severity, When
from harness.plain_text import and_more

SHOWN = 3


@define(since="0.1", need=Need.RUNTIME)
def check(subject: Subject, engines: Engines) -> Findings:
    """Every native extension can be loaded in the Lambda runtime.

    ## Why it matters

    A handler that starts has loaded what it imports at once. An extension that a library loads when it is first
    needed, such as SQLAlchemy's greenlet, fails then: `undefined symbol`, `ELF load command address/offset not
    properly aligned` after a `strip` that went wrong, or a crash of the whole process. Each file that this Python would
    take for an extension is loaded in the runtime, in a process of its own; one that fails alone is imported with its
    package around it, and counts as sound if that works. It is an error where a handler cannot start or answer
    without it.

    ## How to fix

    Install the distribution as its wheel has it: without `strip`, without leaving files out, for this architecture
    and this Python. The finding has the loader's own words; `shared-libraries` and `foreign-binaries` tell of what
    the bytes alone show.
    """
    extensions = Compiled(subject.program).modules
    if not extensions:
        raise Inapplicable("the archives have no native extensions for this runtime")
    crews = [extensions[first :: os.cpu_count() or 1] for first in range(min(len(extensions), os.cpu_count() or 1))]
    answers = engines.ask(subject, [json.dumps({"ask": "extensions", "extensions": crew}) for crew in crews])
    broken = sorted((said for answer in answers for said in json.loads(answer)), key=lambda said: said["path"])
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for said in broken:
        groups[_owner(subject, said["path"]), _words(said)].append(said["path"])
    needed = {
        owner or words for (owner, words), paths in groups.items() if any(sure(path, subject.program) for path in paths)
    }
    for (owner, words), paths in groups.items():
        paths.sort(key=lambda path: sure(path, subject.program) is None)
        # What is needed of a distribution is mended together with the rest of it.
        yield _finding(subject, owner, words, paths, Severity.ERROR if (owner or words) in needed else Severity.WARNING)
    yield Note(f"{len(extensions) - len(broken)} of {len(extensions)} extensions can be loaded")


def _owner(subject: Subject, path: str) -> str:
    owner = subject.facts.owners.get(path)
    return f"{owner.distribution.name} {owner.distribution.version}" if owner else ""


def _words(said: dict[str, str | int | None]) -> str:
    if said["signal"]:
        return f"Runtime.ExitError: loading it ends the process: {signal.strsignal(int(said['signal']))}"
    return str(said["error"]).replace(str(said["path"]), "…").removeprefix("…: ")


def _finding(subject: Subject, owner: str, words: str, paths: list[str], severity: Severity) -> Finding:
    reach = next((found for path in paths if (found := subject.program.graph.reached.get(path))), None)
    name = paths[0].rpartition("/")[2]
    return Finding(
        f"{words} ({name}{and_more(len(paths))}{' of ' if owner else ''}{owner})",
        where(subject.bundle.items[paths[0]]),
        severity,
        _remedy(subject, paths[0]),
        "also " + ", ".join(paths[1 : SHOWN + 1]) if len(paths) > 1 else None,
        reach.chain if reach else (),
        reach.when if reach else When.LATER,
        stopped(paths[0], subject.program),
        faults=bad_files(paths),
    )


def _remedy(subject: Subject, path: str) -> str:
    """The remedy of shared-libraries for an absent library; else to install the file as its wheel has it."""
    natives = NativeFiles(subject.program)
    owner = natives.owner(path)
    if path in subject.facts.pointers:
        return "run `git lfs pull` before the archive is built, and build it again"
    if path in subject.facts.binaries and (absent := natives.loader.load(path).absent):
        return native.absent_library(subject.policy, natives, owner, absent[0])[1]
    return native.reinstall(subject.program, owner.installed)
