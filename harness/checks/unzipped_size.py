from collections import Counter
from collections.abc import Sequence

from harness.artifact.entries import Archive, Kind
from harness.check import Engines, Findings, Subject, define
from harness.model import Finding, Note
from harness.plain_text import MB, megabytes

SHOWN = 6


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Code and layers, unpacked together, fit Lambda's quota.

    ## Why it matters

    Code and all layers of a function share 262,144,000 bytes (250 MB) once unpacked. Over it the deploy fails with
    `Function code combined with layers exceeds the maximum allowed size of 262144000 bytes`, or `Unzipped size must be
    smaller than` what the layers left over. Each archive alone may look small.

    ## How to fix

    The finding names the largest contributors. Leave out what no handler imports, tests and type stubs of libraries,
    the SDK where the runtime's will do; or deploy a container image, which may have 10 GB.
    """
    bundle, limit = subject.bundle, subject.policy.limits.unzipped_bytes
    # To the byte as Lambda does: one archive must be smaller than the limit, all together must not exceed it.
    alone = [archive for archive in bundle.archives if archive.unzipped_bytes >= limit]
    for archive in alone:
        yield Finding(
            f"Unzipped size must be smaller than {limit} bytes: it unpacks to {archive.unzipped_bytes:,} bytes",
            archive.source,
            remedy=f"leave out what is not needed; the largest parts are {_largest([archive])}",
        )
    if alone:
        return
    if bundle.unzipped_bytes > limit:
        yield Finding(
            f"Function code combined with layers exceeds the maximum allowed size of {limit} bytes. The actual size is "
            f"{bundle.unzipped_bytes} bytes.",
            ", ".join(archive.source for archive in bundle.archives),
            remedy=f"leave out {bundle.unzipped_bytes - limit:,} bytes; the largest parts are "
            f"{_largest(bundle.archives)}",
        )
    else:
        yield Note(f"{bundle.unzipped_bytes / MB:.1f} of {limit / MB:.0f} MB unpacked")


def _largest(archives: Sequence[Archive]) -> str:
    """The parts that one would name: the first folder below ``/var/task`` or below a layer's ``python``."""
    sizes: Counter[str] = Counter()
    for archive in archives:
        for entry in archive.entries:
            if entry.kind is Kind.FILE:
                sizes[f"{archive.source}!{_part(entry.name)}"] += entry.size
    return ", ".join(f"{part} ({megabytes(size)})" for part, size in sizes.most_common(SHOWN))


def _part(name: str) -> str:
    parts = name.split("/")
    below = parts.index("site-packages") + 2 if "site-packages" in parts else 2 if parts[0] == "python" else 1
    return "/".join(parts[:below])
