"""What stamps and the keys of caches say of how old an archive is."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from harness.dependencies.parity.freshness import elsewhere, stale, stamped
from harness.model import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.artifact.entries import Archive
    from harness.dependencies.parity.supply import Supply
    from harness.dependencies.stamps import Stamp
    from harness.facts.archive import ArchiveFacts


def told(supply: Supply) -> Iterator[str]:
    """One sentence on each stamp, and on each cache that can bring back an archive that is older than its inputs."""
    inputs, facts = supply.inputs, supply.program.facts
    if inputs is None:
        return
    stamps = [_stamp(archive, of) for archive, of in zip(facts.bundle.archives, facts.of, strict=True)]
    others = elsewhere(stamps, inputs)
    for archive, stamp in zip(facts.bundle.archives, stamps, strict=True):
        with contextlib.suppress(UsageError):  # layer-fresh says which input cannot be read
            if stamp is None:
                continue
            if changes := stale(stamp, inputs, others):
                yield f"stamped: {archive.source} is older than what it is built from: {', '.join(map(str, changes))}"
            else:
                names = ", ".join(name for name, _ in stamp.inputs)
                yield f"stamped: {archive.source} was built from {names}, as they are now"
    for one in supply.caches:
        keyed, missing = ", ".join(one.keyed) or "no file", ", ".join(one.inputs)
        yield f"cached: {one.step.where} keeps {one.path} under a key over {keyed}, and not over {missing}"


def _stamp(archive: Archive, facts: ArchiveFacts) -> Stamp | None:
    try:
        return stamped(archive, facts)
    except UsageError:  # layer-fresh says what is wrong with it
        return None
