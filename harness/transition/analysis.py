"""Analyse a transition: every function in every state, what is wrong there, and which order is safe."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from harness import __version__
from harness.manifest.deployed_names import alias_of
from harness.model import Severity
from harness.session.archives import describe
from harness.transition.causes import between, with_other_side
from harness.transition.observation import AT_START, Observed, Observer
from harness.transition.order import Judge, groups
from harness.transition.pairs import Mixed, Pair, changes, distinguished, kind, mixed, pairs
from harness.transition.replay import unreplayable
from harness.transition.values import REPORTED, Change, Kind, Order, Seen, Side, State, Transition, Way

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.artifact.bundle import Bundle
    from harness.artifact.entries import Archive
    from harness.manifest import Manifest
    from harness.model import Finding
    from harness.session.settings import Settings


def analyse(
    before: Manifest, after: Manifest, settings: Settings, order: Order | None = None, *, rollback: bool = True
) -> Transition:
    """Observed at every function of two manifests in every state between them.

    Args:
        before: The deployed version.
        after: The new version.
        settings: How to observed: its engine, its cache, whether anything is started.
        order: In which order the two calls will be made, where that is settled.
        rollback: Whether the deployed version must start.
    """
    began = time.perf_counter()
    analysis = _Analysis(*distinguished(before, after), Observer(settings), order)
    ways = analysis.ways()
    found = groups(ways, analysis.shared)
    judge = Judge(order, rollback)
    group_of = {name: group for group in found for name in group.functions}
    judged = [one for way in ways for one in judge.judged(way, group_of.get(way.name))]
    judged.sort(key=lambda one: (one.finding.severity is not Severity.ERROR, REPORTED.index(one.state)))
    return Transition(
        version=__version__,
        before=analysis.side(new=False),
        after=analysis.side(new=True),
        ran=tuple(analysis.observer.ran.values()),
        ways=ways,
        groups=found,
        order=order,
        judged=tuple(judged),
        undone=tuple(one for way in ways for one in judge.undone(way, group_of.get(way.name))),
        seconds=time.perf_counter() - began,
        static=settings.static,
        notes=tuple(analysis.notes()),
    )


class _Analysis:
    """A transition under way."""

    def __init__(self, before: Manifest, after: Manifest, observer: Observer, order: Order | None) -> None:
        self.before, self.after, self.observer = before, after, observer
        self.pairs = pairs(before, after)
        every = [self._mixed(pair, state) for pair in self.pairs for state in State]
        self.every = {(one.function.name, one.state): one for one in every if one}
        observer.prepare(self.every.values())
        self.changes = {pair.name: tuple(self._changes(pair)) for pair in self.pairs}
        self.states = {pair.name: self._states(pair, order) for pair in self.pairs}
        self.shared = {pair.name: frozenset(self._shared(pair)) for pair in self.pairs}
        self._observed_states: dict[tuple[str, State], Observed] = {}

    def _mixed(self, pair: Pair, state: State) -> Mixed | None:
        return mixed(pair, state, self.before, self.after)

    def _bundle(self, name: str, state: State) -> Bundle | None:
        return self.observer.bundle(self.every[name, state])

    def _changes(self, pair: Pair) -> Iterator[Change]:
        if pair.before and pair.after:
            old, new = self.every[pair.name, State.BEFORE], self.every[pair.name, State.AFTER]
            yield from changes(old, new, self._bundle(pair.name, State.BEFORE), self._bundle(pair.name, State.AFTER))

    def _shared(self, pair: Pair) -> Iterator[str]:
        """The digests of the archives that come or go: those functions belong together that have one of them both."""
        if pair.before and pair.after:
            changed = {change.what for change in self.changes[pair.name]}
            ends = [self._bundle(pair.name, state) for state in (State.BEFORE, State.AFTER)]
            code = [{bundle.code.sha256} if bundle and bundle.code else set() for bundle in ends]
            layers = [{layer.sha256 for layer in bundle.layers} if bundle else set() for bundle in ends]
            yield from code[0] ^ code[1] if "code" in changed else ()
            yield from layers[0] ^ layers[1] if "layers" in changed else ()

    def _states(self, pair: Pair, order: Order | None) -> Mapping[State, State]:
        """The states to observe, each with the one that it equals."""
        if pair.after is None:
            return {}
        if pair.before is None:
            return {State.AFTER: State.AFTER}
        found = self.changes[pair.name]
        code, configuration = any(one.of_code for one in found), any(not one.of_code for one in found)
        same = {state: state for state in State}
        if not code:
            same |= {State.CODE_FIRST: State.BEFORE, State.CONFIGURATION_FIRST: State.AFTER}
        if not configuration:
            same |= {State.CODE_FIRST: State.AFTER, State.CONFIGURATION_FIRST: State.BEFORE}
        if not code and not configuration:
            same = dict.fromkeys(State, State.AFTER)
        if order is Order.ATOMIC:
            same = {state: other for state, other in same.items() if state.order is None or other is not state}
        return same

    def ways(self) -> tuple[Way, ...]:
        """What became of every function."""
        wanted = [
            self.every[pair.name, state]
            for state in REPORTED
            for pair in self.pairs
            if self.states[pair.name].get(state) is state
        ]
        for observed in self.observer.observe(wanted):
            self._observed_states[observed.mixed.function.name, observed.mixed.state] = observed
        return tuple(self._way(pair) for pair in self.pairs)

    def _way(self, pair: Pair) -> Way:
        found = self.changes[pair.name]
        seen = {state: self._seen(pair.name, state) for state, same in self.states[pair.name].items() if state is same}
        copies = {
            state: replace(seen[same], state=state, same_as=same)
            for state, same in self.states[pair.name].items()
            if state is not same
        }
        both = seen | copies
        seen_in_order = tuple(both[state] for state in State if state in both)
        alias = alias_of(pair.after.deployed_as) if pair.after else None
        return Way(pair.name, kind(pair, found), found, seen_in_order, alias)

    def _seen(self, name: str, state: State) -> Seen:
        observed = self._observed_states[name, state]
        seen = observed.seen
        if state.order:
            there = self._observed_states[name, state.same_code]
            own = [between(finding, observed, there, self.changes[name]) for finding in self._own(observed, there)]
            return replace(seen, findings=tuple(own))
        # The deployed version answers so already, or never knew the event: a note, not a finding.
        unanswered = [finding for _, finding in observed.unanswered] if state is State.AFTER else []
        other = self._observed_states.get((name, State.BEFORE if state is State.AFTER else State.AFTER))
        findings = (*seen.findings, *unanswered)
        if other is None:
            return replace(seen, findings=findings)
        replayed = tuple(self._replayed(observed, other)) if state is State.AFTER else ()
        explained = (with_other_side(one, observed, other) for one in findings)
        return replace(seen, findings=(*explained, *replayed))

    def _replayed(self, after: Observed, before: Observed) -> Iterator[Finding]:
        """What keeps executions from resuming that are suspended during the deployment."""
        if after.subject and before.subject:
            new = replace(after.subject, function=after.mixed.function)
            yield from unreplayable(replace(before.subject, function=before.mixed.function), new)

    def _own(self, observed: Observed, there: Observed) -> Iterator[Finding]:
        """What goes wrong in a mixed state, and not where the same code has its own configuration."""
        lacking = {(finding.message, finding.where) for finding in there.missing}
        if observed.seen.findings:
            # Without an engine, the imports decide. What the end lacks as well, and works without, is no fault here.
            fatal = {(finding.message, finding.where) for finding in there.seen.findings}
            known = lacking - fatal if self.observer.settings.static else set()
            yield from (one for one in observed.seen.findings if (one.message, one.where) not in known)
            return
        known_events = {number for number, _ in there.unanswered}
        yield from (finding for number, finding in observed.unanswered if number not in known_events)
        for finding in observed.missing:
            # Of what is imported when the handler starts, the engine has the last word.
            if (finding.message, finding.where) not in lacking and not finding.message.startswith(AT_START):
                yield finding

    def side(self, *, new: bool) -> Side:
        """The deployed version, or the new one."""
        manifest = self.after if new else self.before
        state = State.AFTER if new else State.BEFORE
        archives: dict[tuple[str, str], Archive] = {}
        for name, at in self.every:
            if at is state and (bundle := self._bundle(name, at)):
                archives |= {(str(archive.role), archive.source): archive for archive in bundle.archives}
        described = tuple(describe(archive) for archive in archives.values())
        return Side(manifest.runtime, str(manifest.architecture), described)

    def notes(self) -> Iterator[str]:
        """What is worth knowing and does not count."""
        for what, words in (
            (Kind.NEW, "new: CreateFunction brings code and configuration in one call; nothing is mixed"),
            (Kind.REMOVED, "not in the new manifest: nothing of it was started"),
        ):
            named = [pair.name for pair in self.pairs if kind(pair, self.changes[pair.name]) is what]
            if named:
                yield f"{', '.join(named)}: {words}"
        for (name, state), observed in self._observed_states.items():
            events = [observed.mixed.function.events[number].name for number, _ in observed.unanswered]
            if state is State.BEFORE and events:
                listed = ", ".join(events)
                yield f"{name}: the deployed version does not answer {listed} as expected; this does not count"
        yield from self.observer.notes(self.before, self.after)
