"""Words that reports for people share: grouped findings, counts, sizes, platforms."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from math import isfinite
from typing import TYPE_CHECKING, Final, TypeVar, cast
from urllib.parse import quote

from harness.model import Completed, NotApplicable, Skipped
from harness.plain_text import and_more

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from harness.model import EngineInfo, Finding, Report, Result

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

SITE: Final = "https://lambda-artifact-harness.example/"
"""The documentation, as pyproject.toml names it."""

_CHAIN_ENDS = (4, 8)
_MOST_FUNCTIONS = 10
_MOST_CHECKS = 6
_MOST_LIMITS = 10
_LONG_CAVEAT = 100
_MEGABYTE = 1024 * 1024  # as Lambda counts: its 250 MB are 262,144,000 bytes


def map_text(value: T, change: Callable[[str], str]) -> T:
    """A copy of a value of ``harness.model`` with every text in it changed, so that no reporter can forget one."""
    changed: object = value
    if isinstance(value, str) and not isinstance(value, Enum):
        changed = change(value)
    elif isinstance(value, tuple):
        changed = tuple(map_text(item, change) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        changed = type(value)(**{field.name: map_text(getattr(value, field.name), change) for field in fields(value)})
    return cast("T", changed)


def encodable(text: str) -> str:
    """Replaces what UTF-8 cannot express: bytes of file names and of output that were never text."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def page_of(check: str) -> str:
    """The address of a check's page."""
    return f"{SITE}checks/{quote(check, errors='replace')}/"


def gather(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """Values by key, keys in the order of their first appearance."""
    gathered: dict[K, list[V]] = {}
    for key, value in pairs:
        gathered.setdefault(key, []).append(value)
    return gathered


@dataclass(frozen=True, slots=True)
class Group:
    """One finding, and every function that it was made in (none: it is about the artifact as a whole)."""

    check: str
    finding: Finding
    functions: tuple[str, ...]


def grouped(found: Iterable[tuple[Result, Finding]]) -> tuple[Group, ...]:
    """Findings, each once, with all functions that it was made in."""
    gathered = gather(((result.check, finding), result.function) for result, finding in found)
    return tuple(
        Group(check, finding, tuple(name for name in names if name is not None))
        for (check, finding), names in gathered.items()
    )


def is_passed(result: Result) -> bool:
    """Whether a check ran and found nothing that counts."""
    return isinstance(result.outcome, Completed) and not result.outcome.findings


def passed(report: Report) -> str:
    """The checks that passed, each with how often where that is more than once or not always."""
    gathered = gather((result.check, is_passed(result)) for result in report.results)
    return ", ".join(
        f"{check} ({sum(each)} of {len(each)})" if not all(each) else f"{check} ({len(each)})" if each[1:] else check
        for check, each in gathered.items()
        if any(each)
    )


def not_applicable(report: Report) -> str:
    """The checks that had nothing to judge."""
    return ", ".join(gather((r.check, r) for r in report.results if isinstance(r.outcome, NotApplicable)))


def waived(report: Report) -> str:
    """How many findings are accepted, and why."""
    reasons = gather(
        ((result.check, accepted.reason), accepted)
        for result in report.results
        if isinstance(result.outcome, Completed | Skipped)
        for accepted in result.outcome.waived
    )
    return "; ".join(
        f"{count(len(each), 'finding', 'findings')} of {check} ({reason})" for (check, reason), each in reasons.items()
    )


def limits(report: Report) -> tuple[str, ...]:
    """What checks could not judge, each once and with its check; of many, the first."""
    said = dict.fromkeys(
        f"{result.check}: {note.text}"
        for result in report.results
        if isinstance(result.outcome, Completed)
        for note in result.outcome.notes
        if note.limit
    )
    more = (f"{len(said) - _MOST_LIMITS} more",) if len(said) > _MOST_LIMITS else ()
    return (*[*said][:_MOST_LIMITS], *more)


def started(report: Report) -> str:
    """What the start of the functions cost, the slowest first."""
    costs = sorted(
        (-info.init_seconds, info.name, "" if info.max_rss_mb is None else f", {info.max_rss_mb:.0f} MB")
        for info in report.functions
        if info.init_seconds is not None and isfinite(info.init_seconds)
    )
    shown = [f"{name} in {-seconds:.2f} s{memory}" for seconds, name, memory in costs[:_MOST_FUNCTIONS]]
    if costs[_MOST_FUNCTIONS:]:
        shown.append(f"{len(costs) - _MOST_FUNCTIONS} more, faster")
    return "; ".join(shown)


def subjects(results: Iterable[tuple[str, str | None]]) -> str:
    """Checks and the functions they were about, in one line; of very many, the first."""
    every = [about(check, [name for name in names if name]) for check, names in gather(results).items()]
    more = len(every) - _MOST_CHECKS if len(every) > _MOST_CHECKS + 1 else 0
    return "; ".join(every[: len(every) - more]) + and_more(more + 1)


def about(check: str, functions: Sequence[str]) -> str:
    """A check, and the functions that it was about."""
    if not functions:
        return check
    if len(functions) == 1:
        return f"{check}[{functions[0]}]"  # as pytest names it
    shown = ", ".join(functions[:_MOST_FUNCTIONS])
    more = ", …" if len(functions) > _MOST_FUNCTIONS else ""
    return f"{check}, {len(functions)} functions: {shown}{more}"


def chain(modules: Sequence[str]) -> str:
    """Imports in the order that they led from the handler to the trouble; of a long way, both ends."""
    first, last = _CHAIN_ENDS
    left_out = len(modules) - first - last
    if left_out > 1:
        modules = (*modules[:first], f"({left_out} more)", *modules[-last:])
    return " → ".join(modules)


SANDBOXES = {
    "bubblewrap": "in bubblewrap",
    "namespaces": "in namespaces of its own",
    "chroot": "in a chroot",
    "landlock": "behind Landlock",
    "none": "without a sandbox",
}
"""What the process engine shuts handlers in, as reports say it."""


def runs_on(runtime: str, architecture: str, engine: EngineInfo) -> str:
    """A runtime, and what plays it."""
    image = engine.image and f"{engine.image}@{engine.digest[:19]}" if engine.digest else engine.image
    runner = "no engine" if engine.name == "none" else f"{engine.name} engine"
    parts = (
        runtime,
        architecture,
        runner,
        image,
        engine.python and f"Python {engine.python}",
        engine.sandbox and engine.name == "process" and SANDBOXES.get(engine.sandbox),
    )
    return ", ".join(part for part in parts if part)


def size(number: int) -> str:
    """Bytes, in Lambda's megabytes; kilobytes below a tenth of one."""
    return f"{number / _MEGABYTE:.1f} MB" if number * 10 >= _MEGABYTE else f"{number / 1024:.1f} KB"


def count(number: int, singular: str, plural: str | None = None) -> str:
    """A number of things; nothing where there are none."""
    return f"{number:,} {singular if number == 1 else plural or singular}" if number else ""


def shortened(caveat: str, hint: str = "-v") -> str:
    """A caveat without the long list that it ends with, and with a hint where the list is."""
    head, colon, _ = caveat.partition(": ")
    return f"{head} ({hint})" if colon and len(caveat) > _LONG_CAVEAT else caveat
