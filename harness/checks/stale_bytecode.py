import posixpath
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum

from harness.artifact.bundle import where
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.facts.python.bytecode import Bytecode
from harness.facts.python.search import Found
from harness.model import Finding, Fix, Note, Safety, Severity, When
from harness.plain_text import MB, megabytes

CACHE = "__pycache__"
ENDING = b"\r\n"  # of every magic number
HEAVY = 1 * MB  # what useless files may weigh before they are worth a warning
_32_BITS = 0xFFFF_FFFF


class State(Enum):
    """How the runtime treats a ``.pyc`` file."""

    USED = "used"
    FATAL = "of another Python, and there is no source to compile instead"
    WRONG = "used, although its source is another"
    STALE = "not used: its source has another time, size or hash"
    IDLE = "not looked at: for another Python, or in the place of no module"


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Bytecode is for the runtime's Python and belongs to its source.

    ## Why it matters

    Python uses a `.pyc` file only if it is its own and fits its source. One without a source and of another Python ends
    in `ImportError: bad magic number`. One that names its source's time, as pip makes them, rarely survives the way
    through a zip file, which rounds times and knows no time zones: it is there, unpacked at every cold start, and never
    used, and `/var/task` and `/opt` are read-only, so that Python compiles all over again each time. One that is
    "unchecked" is believed, even if its source has changed: the old code runs.

    ## How to fix

    Compile after everything is installed, with the runtime's Python and without times: `python3.12 -m compileall -q
    --invalidation-mode unchecked-hash build/python`. Or ship no bytecode: `pip install --no-compile`, and `zip -x
    '*/__pycache__/*'`.
    """
    if not subject.facts.bytecode:
        raise Inapplicable("there is no bytecode")
    archives = {id(archive): defaultdict[State, list[str]](list) for archive in subject.bundle.archives}
    for path, bytecode in sorted(subject.facts.bytecode.items()):
        archives[id(subject.bundle.items[path].archive)][_state(subject, path, bytecode)].append(path)
    for found in archives.values():
        if fatal := found[State.FATAL]:
            yield _fatal(subject, fatal)
        if wrong := found[State.WRONG]:
            yield _wrong(subject, wrong)
        if stale := found[State.STALE]:
            yield _stale(subject, stale, len(stale) + len(found[State.USED]))
        if idle := found[State.IDLE]:
            yield _idle(subject, idle)


def _state(subject: Subject, path: str, bytecode: Bytecode) -> State:
    folder, name = posixpath.split(path)
    fits = subject.policy.bytecode_magic in {None, bytecode.magic}
    if posixpath.basename(folder) != CACHE:
        module = subject.program.search.module_name(path.removesuffix("c"))
        found = subject.program.search.find(module) if module else None
        if not isinstance(found, Found) or found.path != path:
            return State.IDLE
        return State.USED if fits else State.FATAL
    tag = name.removesuffix(".pyc").rpartition(".")[2]
    source = _source(path)
    if tag != "cpython-{}{}".format(*subject.policy.python) or source not in subject.bundle.items:
        return State.IDLE
    return _compared(subject, source, bytecode) if fits else State.STALE


def _compared(subject: Subject, source: str, bytecode: Bytecode) -> State:
    """Compare the bytecode of a module with its source, as Python does."""
    entry, module = subject.bundle.items[source].entry, subject.facts.modules.get(source)
    if bytecode.checked is None:
        recorded = bytecode.modified, bytecode.source_size
        return State.USED if recorded == (int(entry.modified) & _32_BITS, entry.size & _32_BITS) else State.STALE
    if module is None or not module.hash or bytecode.source_hash == module.hash:
        return State.USED
    return State.STALE if bytecode.checked else State.WRONG


def _fatal(subject: Subject, paths: Sequence[str]) -> Finding:
    reached = subject.program.graph.reached
    first = min(paths, key=lambda path: (reached[path].when if path in reached else max(When) + 1, path))
    reach = reached.get(first)
    magic = subject.facts.bytecode[first].magic
    name = subject.program.search.module_name(first.removesuffix("c"))
    begins = f": {magic.to_bytes(2, 'little') + ENDING!r}" if magic is not None else ""
    what = f"bad magic number in {name!r}{begins}"
    if reach and reach.when is When.AT_START:
        what = f"Runtime.ImportModuleError: Unable to import module {reach.chain[0]!r}: {what}"
    certain = reach or any(path not in subject.facts.owners for path in paths)
    return Finding(
        what,
        where(subject.bundle.items[first]),
        Severity.ERROR if certain else Severity.WARNING,
        "ship the sources, or compile them with the runtime's own Python",
        f"{_modules(paths)} there as bytecode of another Python alone",
        reach.chain if reach else (),
    )


def _wrong(subject: Subject, paths: Sequence[str]) -> Finding:
    source = _source(paths[0])
    return Finding(
        f"Python runs {paths[0]} instead of {source}, which is another: {_modules(paths)} compiled from other sources "
        "than the archive has, and unchecked bytecode is believed",
        where(subject.bundle.items[paths[0]]),
        Severity.ERROR,
        f"compile once more after the last change of the sources, or leave {CACHE} out",
        fixes=_without(subject, paths, Safety.UNSAFE),
    )


def _stale(subject: Subject, paths: Sequence[str], total: int) -> Finding:
    first = next((path for path in paths if subject.facts.bytecode[path].modified is not None), paths[0])
    bytecode, entry = subject.facts.bytecode[first], subject.bundle.items[_source(first)].entry
    if bytecode.modified is not None:
        cause = (
            f"{first} names a source of {_moment(bytecode.modified)} with {bytecode.source_size:,} bytes; the "
            f"archive's is of {_moment(int(entry.modified) & _32_BITS)} and has {entry.size:,}"
        )
    else:
        cause = f"{first} was compiled from another source, or by another Python"
    return Finding(
        f"{len(paths):,} of {total:,} .pyc files ({_megabytes(subject, paths)}) are never used, since they do not fit "
        "their sources: Python compiles those modules again at every cold start",
        where(subject.bundle.items[first]),
        Severity.WARNING,
        f"compile with `python{'.'.join(map(str, subject.policy.python))} -m compileall -q --invalidation-mode "
        f"unchecked-hash` after everything is installed, or leave {CACHE} out",
        cause,
        fixes=_without(subject, paths, Safety.SAFE),
    )


def _idle(subject: Subject, paths: Sequence[str]) -> Finding | Note:
    said = (
        f"{len(paths):,} .pyc files ({_megabytes(subject, paths)}) are for another Python or belong to no module: the "
        "runtime does not look at them"
    )
    place = where(subject.bundle.items[paths[0]])
    if _size(subject, paths) < HEAVY:
        return Note(f"{place}: {said}")
    remedy = f"leave {CACHE} out: `pip install --no-compile`, `zip -x '*.pyc'`"
    return Finding(said, place, Severity.WARNING, remedy, fixes=_without(subject, paths, Safety.SAFE))


def _without(subject: Subject, paths: Sequence[str], safety: Safety) -> tuple[Fix]:
    """The fix: the archive without these files, which are all of one."""
    items = [subject.bundle.items[path] for path in paths]
    return (Fix(safety, items[0].archive.source, drop=tuple(item.entry.name for item in items)),)


def _source(path: str) -> str:
    """The source of a file in `__pycache__`."""
    folder, name = posixpath.split(path)
    return f"{posixpath.dirname(folder)}/{name.removesuffix('.pyc').rpartition('.')[0]}.py"


def _modules(paths: Sequence[str]) -> str:
    return "1 module is" if len(paths) == 1 else f"{len(paths):,} modules are"


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def _size(subject: Subject, paths: Sequence[str]) -> int:
    return sum(subject.bundle.items[path].entry.size for path in paths)


def _megabytes(subject: Subject, paths: Sequence[str]) -> str:
    return megabytes(_size(subject, paths))
