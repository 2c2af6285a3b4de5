"""What stamps and the keys of caches say of how old an archive is."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from harness.model import UsageError
from harness.parity.freshness import stale, stamped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.parity.supply import Supply


def told(supply: Supply) -> Iterator[str]:
    """One sentence on each stamp, and on each cache that can bring back an archive that is older than its inputs."""
    inputs, facts = supply.inputs, supply.program.facts
    if inputs is None:
        return
    for archive, of in zip(facts.bundle.archives, facts.of, strict=True):
        with contextlib.suppress(UsageError):  # layer-fresh says what is wrong with it
            if (stamp := stamped(archive, of)) is None:
                continue
            if changes := stale(stamp, inputs):
                yield f"stamped: {archive.source} is older than what it is built from: {', '.join(map(str, changes))}"
            else:
                names = ", ".join(name for name, _ in stamp.inputs)
                yield f"stamped: {archive.source} was built from {names}, as they are now"
    for one in supply.caches:
        keyed, missing = ", ".join(one.keyed) or "no file", ", ".join(one.inputs)
        yield f"cached: {one.step.where} keeps {one.path} under a key over {keyed}, and not over {missing}"
