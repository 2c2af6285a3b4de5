"""Explain why a function fails between two calls: what the other configuration has that this one lacks."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.facts.python.search import Found, Missing, Portions
from harness.transition.values import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.facts.python.program import Program
    from harness.manifest import Function
    from harness.model import Finding
    from harness.transition.observation import Observed
    from harness.transition.values import Change, Way

# What Python says of modules: that there is none, that one lacks a name.
_NAMED = re.compile(
    r"No module named '([\w.]+)'|cannot import name '\w+' from '([\w.]+)'"
    r"|cannot import name '\w+' from partially initialized module '([\w.]+)'|module '([\w.]+)' has no attribute"
)
_FILE = re.compile(r"/(?:opt|var/task)/[^\s'\"(),:]+\.(?:py|so)")
_HANDLER = ("Runtime.HandlerNotFound", "Runtime.MalformedHandlerName", "Runtime.BuiltInModuleConflict")
_QUOTA = "Function code combined with layers"


def between(finding: Finding, here: Observed, there: Observed, changes: Sequence[Change]) -> Finding:
    """The finding, with the cause that there is in a mixed state and not where the same code has its own settings.

    Args:
        finding: What is wrong.
        here: The mixed state.
        there: The state at that end of the way that has the same code.
        changes: What differs between the ends.
    """
    reasons = list(dict.fromkeys(_specific(finding, here, there, changes)))
    if not reasons and finding.cause:
        reasons.append(finding.cause)
    if (not reasons or there.seen.works is False) and (seen := _same_code(finding, there)):
        reasons.append(seen)
    return replace(finding, cause="\n".join([description(here.mixed.state, changes), *reasons]))


def _same_code(finding: Finding, there: Observed) -> str | None:
    """What the same code did with its own configuration; None where it was not looked at."""
    configuration = f"the {_side(there.mixed.state)} configuration"
    if there.seen.works is None:
        return None
    if there.seen.findings:
        first = there.seen.findings[0].message
        how = "the same way" if first == finding.message else f"too ({first})"
        return f"the same code fails {how} with {configuration}: mixing the two is not what breaks it"
    if there.seen.init_seconds is None:
        return f"with {configuration}, the same code finds what it imports; it was not started"
    if there.unanswered:
        return f"the same code starts with {configuration}, and fails at an event"
    return f"the same code works with {configuration}"


def with_other_side(finding: Finding, here: Observed, there: Observed) -> Finding:
    """The finding at one end of the way, with what the other end has and this one lacks."""
    if here.subject is None or there.subject is None:
        return finding
    mine, other = here.subject.program, there.subject.program
    reasons = dict.fromkeys((*_modules(finding, mine, other, there.mixed.state), *_versions(finding, here, other)))
    cause = "\n".join([*reasons, *([finding.cause] if finding.cause else [])])
    return replace(finding, cause=cause or None)


def description(state: State, changes: Sequence[Change]) -> str:
    """The code and configuration of a mixed state."""
    first, second = "UpdateFunctionCode", "UpdateFunctionConfiguration"
    code, rest = ("new", "old") if state.new_code else ("old", "new")
    if not state.new_code:
        first, second = second, first
    what = ", ".join(_value(change, rest) for change in changes if not change.of_code)
    return f"live after {first} and before {second}: the {code} code with the {rest} {what}"


def _value(change: Change, side: str) -> str:
    return f"{change.what} ({change.before if side == 'old' else change.after})"


def _side(state: State) -> str:
    return "new" if state.new_configuration else "old"


def _specific(finding: Finding, here: Observed, there: Observed, changes: Sequence[Change]) -> Iterator[str]:
    if finding.message.startswith(_QUOTA):
        yield "each code with its own layers fits; Lambda refuses the call, and the deployed version stays"
        return
    if here.subject is None or there.subject is None:
        return
    mine, other = here.subject.program, there.subject.program
    changed = {change.what for change in changes}
    if "handler" in changed:
        yield from _handler(finding, here.mixed.function, there.mixed.function)
    if "environment" in changed:
        yield from _variables(finding, here, there)
    if changed & {"layers", "runtime"}:
        yield from _modules(finding, mine, other, there.mixed.state)
        yield from _versions(finding, here, other)
    if "runtime" in changed:
        yield f"it runs on {here.mixed.manifest.runtime}; this code is made for {there.mixed.manifest.runtime}"


def _handler(finding: Finding, here: Function, there: Function) -> Iterator[str]:
    module = here.handler.rpartition(".")[0].replace("/", ".")
    lost = next(_names(finding.message), None)
    itself = lost is not None and f"{module}.".startswith(f"{lost}.")
    if here.handler != there.handler and (finding.message.startswith(_HANDLER) or itself):
        yield f"the handler's name is configuration: it is {here.handler} there, and {there.handler} is what is wanted"


def _variables(finding: Finding, here: Observed, there: Observed) -> Iterator[str]:
    mine, other = dict(here.mixed.function.environment), dict(there.mixed.function.environment)
    said = f"{finding.message} {finding.cause or ''}"
    has, lacks = _side(there.mixed.state), _side(here.mixed.state)
    for name, value in other.items():
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said) and mine.get(name) != value:
            how = "has another value of it" if name in mine else "does not have it"
            yield f"{name}: the {has} environment has it, the {lacks} one {how}"


def _modules(finding: Finding, mine: Program, other: Program, there: State) -> Iterator[str]:
    """Modules that the other configuration has, and where."""
    for name in dict.fromkeys(_names(finding.message)):
        if not isinstance(mine.search.find(name), Missing):
            continue
        match other.search.find(name):
            case Found(path=path) if (item := other.facts.bundle.items.get(path)) is not None:
                yield f"{name}: {item.archive.source} has it ({item.entry.name}), and {_without(mine)}"
            case Found() | Portions():
                yield f"{name}: the {_side(there)} configuration has it, and {_without(mine)}"
            case Missing():
                pass
            case _:
                yield f"{name}: {other.policy.runtime} brings it, and {mine.policy.runtime} does not"


def _without(program: Program) -> str:
    layers = program.facts.bundle.layers
    if not layers:
        return "there is no layer"
    return " and ".join(layer.source for layer in layers) + (" do not" if len(layers) > 1 else " does not")


def _versions(finding: Finding, here: Observed, other: Program) -> Iterator[str]:
    """Distributions that the error passed through and that are another version on the other side."""
    if here.subject is None:
        return
    facts = here.subject.facts
    frames = here.trace.frames if here.trace else ()
    files = [frame.file for frame in frames] + _FILE.findall(f"{finding.message} {finding.where} {finding.cause or ''}")
    for name in _names(finding.message):
        if isinstance(found := here.subject.program.search.find(name), Found):
            files.append(found.path)
    theirs = {one.distribution.key: one for one in other.facts.distributions}
    for path in dict.fromkeys(files):
        if (owner := facts.owners.get(path)) is None or (match := theirs.get(owner.distribution.key)) is None:
            continue
        one, two = owner.distribution, match.distribution
        if one.version != two.version:
            yield f"{one.name}: {owner.archive.source} has {one.version}, and {match.archive.source} has {two.version}"


def _names(message: str) -> Iterator[str]:
    for found in _NAMED.finditer(message):
        yield next(name for name in found.groups() if name)


def behind(way: Way) -> str | None:
    """Which half of the deployed version is at fault, as the states show that exchange the other half alone."""
    if (seen := way.at(State.CONFIGURATION_FIRST)) and seen.works:
        does = "works" if seen.init_seconds is not None else "finds what it imports"
        return f"the old configuration is at fault: the same code {does} with the new one"
    if (seen := way.at(State.CODE_FIRST)) and seen.works:
        does = "works" if seen.init_seconds is not None else "finds what it imports"
        return f"the old code is at fault: the new code {does} with the same configuration"
    return None
