"""See the check."""

import json
import os
import signal
from collections import defaultdict
from collections.abc import Iterator

from harness.artifact.bundle import where
from harness.check import Engines, Findings, Inapplicable, Need, Subject, define
from harness.facts.binaries import Format, extension_name, extension_suffixes
from harness.model import Finding, Note, Severity

SHOWN = 3


@define(since="0.1", need=Need.RUNTIME)
def check(subject: Subject, engines: Engines) -> Findings:
    """Every native extension can be loaded in the Lambda runtime.

    ## Why it matters

    A handler that starts has loaded what it imports at once. An extension that a library loads when it is first
    needed, such as SQLAlchemy's greenlet, fails then: `undefined symbol`, `ELF load command address/offset not
    properly aligned` after a `strip` that went wrong, or a crash of the whole process. Each extension of the archives
    is loaded in the runtime, in a process of its own; one that fails alone is imported with its package around it,
    and counts as sound if that works. One that all code does without is a warning.

    ## How to fix

    Install the distribution as its wheel has it: without `strip`, without leaving files out, for this architecture
    and this Python. The finding has the loader's own words; `shared-libraries` and `foreign-binaries` tell of what
    the bytes alone show.
    """
    extensions = list(_extensions(subject))
    if not extensions:
        raise Inapplicable("the archives have no native extensions for this runtime")
    crews = [extensions[first :: os.cpu_count() or 1] for first in range(min(len(extensions), os.cpu_count() or 1))]
    answers = engines.ask(subject, [json.dumps({"ask": "extensions", "extensions": crew}) for crew in crews])
    broken = sorted((said for answer in answers for said in json.loads(answer)), key=lambda said: said["path"])
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for said in broken:
        groups[_owner(subject, said["path"]), _words(said)].append(said["path"])
    modules = dict(extensions)
    for (owner, words), paths in groups.items():
        needed = [path for path in paths if not _optional(subject, path, modules[path])]
        yield _finding(subject, owner, words, needed or paths, Severity.ERROR if needed else Severity.WARNING)
    yield Note(f"{len(extensions) - len(broken)} of {len(extensions)} extensions can be loaded")


def _extensions(subject: Subject) -> Iterator[tuple[str, str]]:
    """The extensions that the runtime would import, each with its module's name."""
    suffixes = extension_suffixes(subject.policy.python, subject.program.architecture)
    for path, binary in sorted(subject.facts.binaries.items()):
        suffix = next((suffix for suffix in suffixes if path.endswith(suffix)), None)
        if binary.format is not Format.ELF or not binary.init_functions or suffix is None or not extension_name(path):
            continue
        if name := subject.program.search.module_name(f"{path.removesuffix(suffix)}.py"):
            yield path, name


def _optional(subject: Subject, path: str, module: str) -> bool:
    """Whether all code that imports an extension does without it, as numba does without its OpenMP."""
    program = subject.program
    package = path.rpartition("/")[0]
    importers = [
        statement
        for file in subject.facts.modules
        if package.startswith(file.rpartition("/")[0]) or file.startswith(f"{package}/")
        for statement in subject.facts.modules[file].imports
        if not statement.never and module in program.graph.targets(statement, file)
    ]
    return bool(importers) and not any(statement.certain for statement in importers)


def _owner(subject: Subject, path: str) -> str:
    owner = subject.facts.owners.get(path)
    return f"{owner.distribution.name} {owner.distribution.version}" if owner else ""


def _words(said: dict[str, str | int | None]) -> str:
    if said["signal"]:
        return f"Runtime.ExitError: loading it ends the process: {signal.strsignal(int(said['signal']))}"
    return str(said["error"]).replace(str(said["path"]), "…").removeprefix("…: ")


def _finding(subject: Subject, owner: str, words: str, paths: list[str], severity: Severity) -> Finding:
    reach = next((found for path in paths if (found := subject.program.graph.reached.get(path))), None)
    others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    name = paths[0].rpartition("/")[2]
    return Finding(
        f"{words} ({name}{others}{' of ' if owner else ''}{owner})",
        where(subject.bundle.items[paths[0]]),
        severity,
        f"install {owner or 'it'} again for {subject.policy.runtime} on {subject.program.architecture}, and "
        "leave its files as they are in the wheel",
        "also " + ", ".join(paths[1 : SHOWN + 1]) if len(paths) > 1 else None,
        reach.chain if reach else (),
    )
