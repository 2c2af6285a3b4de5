"""Match each archive with the layer of the account that it becomes: by the manifest, else by digests and functions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.preflight.deployment import Pair, Planned
from harness.preflight.published_layers import LayerQuery

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from harness.preflight.account import Account, LayerRef
    from harness.preflight.deployment import PlannedArchive


def layer_queries(planned: Sequence[Planned], account: Account) -> tuple[LayerQuery, ...]:
    """The layers whose versions are worth a look: those that archives are called, or may become."""
    digests: dict[str, set[str]] = {}
    archives = {id(archive): archive for one in planned for archive in one.layers if archive.arn is None}
    for archive in archives.values():
        for arn in _Region(planned, account).candidates(archive):
            digests.setdefault(arn, set()).update([archive.code_sha256] if archive.code_sha256 else [])
    carried: dict[str, set[LayerRef]] = {arn: set() for arn in digests}
    for deployed in account.functions.values():
        for live in (deployed.latest, *deployed.versions):
            for layer in live.layers:
                if layer.layer in carried:
                    carried[layer.layer].add(layer)
    return tuple(
        LayerQuery(arn, frozenset(found), tuple(sorted(carried[arn], key=lambda layer: -layer.version)))
        for arn, found in digests.items()
    )


def layer_regions(planned: Sequence[Planned], account: Account) -> tuple[str, ...]:
    """The regions in which the account has layers that archives become, or are by their ARN."""
    own = {deployed.latest.account for deployed in account.functions.values()}
    declared = [layer.arn for one in planned for layer in one.layers if layer.arn and layer.arn.account in own]
    arns = [*(one.arn for one in layer_queries(planned, account)), *(carried.layer for carried in declared)]
    return tuple(dict.fromkeys(arn.split(":")[3] for arn in arns))


def pairs(planned: Sequence[Planned], account: Account) -> tuple[Pair, ...]:
    """Each function with the deployed one, with the layer that each of its archives becomes."""
    regions = {name: deployed.latest.region for name, deployed in account.functions.items()}
    places = {
        region: _Region([one for one in planned if regions.get(one.name, region) == region], account)
        for region in dict.fromkeys(regions.get(one.name) for one in planned)
    }
    known: dict[tuple[object, ...], tuple[str | None, ...]] = {}  # functions with the same archives are many
    found = []
    for one in planned:
        key = (regions.get(one.name), *map(id, one.layers))
        if key not in known:
            known[key] = tuple(places[regions.get(one.name)].identified(one))
        found.append(Pair(one, account.functions.get(one.name), known[key]))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Region:
    """The functions of one region."""

    planned: Sequence[Planned]
    account: Account

    def identified(self, one: Planned) -> Iterator[str | None]:
        """The layer that each archive of a function becomes."""
        left = [archive for archive in one.layers if archive.arn is None]
        found = {id(archive): self.sure(archive) for archive in left}
        taken = {archive.arn.layer for archive in one.layers if archive.arn} | {arn for arn in found.values() if arn}
        unknown = [archive for archive in left if found[id(archive)] is None and not archive.called]
        offered = dict.fromkeys(arn for archive in unknown for arn in self.candidates(archive) if arn not in taken)
        if len(unknown) == 1:
            found[id(unknown[0])] = self.elected(unknown[0], offered)
        elif len(unknown) == len(offered):  # their order tells
            found.update(zip(map(id, unknown), offered, strict=True))
        for archive in one.layers:
            yield archive.arn.layer if archive.arn else found[id(archive)]

    def sure(self, archive: PlannedArchive) -> str | None:
        """The layer that it is called, or that has a version with its content."""
        candidates = self.candidates(archive)
        if archive.called:
            return candidates[0] if candidates else None
        known = [self.account.layer(arn) for arn in candidates]
        having = [layer.arn for layer in known if layer and layer.having(archive.code_sha256)]
        return having[0] if len(having) == 1 else None

    def elected(self, archive: PlannedArchive, offered: Collection[str]) -> str | None:
        """The layer that most of the functions carry that are to carry the archive; None where that decides nothing."""
        votes = Counter(arn for one in self.carriers(archive) for arn in self.carried(one) if arn in offered)
        ranked = votes.most_common(2)
        if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
            return None
        return ranked[0][0]

    def candidates(self, archive: PlannedArchive) -> tuple[str, ...]:
        """The layers of the account that it may become, in the order in which functions carry them."""
        carriers = self.carriers(archive)
        if archive.called and archive.called.startswith("arn:"):
            return (archive.called,)
        if archive.called:
            there = [
                self.account.functions[one.name].latest.arn for one in carriers if one.name in self.account.functions
            ]
            return tuple(dict.fromkeys(":".join((*arn.split(":")[:5], "layer", archive.called)) for arn in there))
        declared = {layer.arn.layer for one in carriers for layer in one.layers if layer.arn}
        found = dict.fromkeys(arn for one in carriers for arn in self.carried(one))
        return tuple(arn for arn in found if arn not in declared)

    def carriers(self, archive: PlannedArchive) -> tuple[Planned, ...]:
        """The functions that are to carry it."""
        return tuple(one for one in self.planned if archive in one.layers)

    def carried(self, one: Planned) -> tuple[str, ...]:
        """The account's own layers that a function carries."""
        if (deployed := self.account.functions.get(one.name)) is None:
            return ()
        live = deployed.latest
        return tuple(layer.layer for layer in live.layers if layer.account == live.account)
