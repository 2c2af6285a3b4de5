"""Fingerprints: identify a finding from run to run, without its lines, the machine, and measured amounts."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from harness.model import Completed, Skipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.model import ArtifactInfo, Finding, Result

_LENGTH: Final = 32
# Lines of files, and counts and amounts, which differ although the same thing is wrong.
_LINE: Final = re.compile(r"(?<=[\w/]):\d+\b|, line \d+")
_AMOUNT: Final = re.compile(r"\b\d[\d,]*(?:\.\d+)?(?= ?(?:s|ms|MB|KB|GB|bytes?|files?|more|others?)\b)")
# A path of this machine: what is not below the folders that a function sees.
_MACHINE: Final = re.compile(r"(?<![\w/.])/(?!(?:var/(?:task|lang|runtime)|opt|tmp|mnt|dev|proc)\b)(?:[\w.@+-]+/)+")


def fingerprints(result: Result, artifacts: Sequence[ArtifactInfo]) -> tuple[str, ...]:
    """The fingerprint of each finding of a result: of those that count, and then of those that are waived.

    Args:
        result: What a check said.
        artifacts: The archives, whose names may be paths of this machine.
    """
    waived = result.outcome.waived if isinstance(result.outcome, Completed | Skipped) else ()
    found = (*result.findings, *(one.finding for one in waived))
    values = [fingerprint(result.check, result.function, one, artifacts) for one in found]
    return _apart(found, values)


def fingerprint(check: str, function: str | None, finding: Finding, artifacts: Sequence[ArtifactInfo] = ()) -> str:
    """The fingerprint of one finding."""
    said = [plain(text, artifacts) for text in (finding.where, finding.message)]
    return _digest([check, function or "", *said])


def _apart(found: Sequence[Finding], values: Sequence[str]) -> tuple[str, ...]:
    """Fingerprints of their own for findings that differ in their lines alone."""
    seen: Counter[str] = Counter()
    apart = list(values)
    for index in sorted(range(len(found)), key=lambda index: (found[index].where, found[index].message)):
        seen[values[index]] += 1
        if (count := seen[values[index]]) > 1:
            apart[index] = _digest([values[index], str(count)])
    return tuple(apart)


def plain(text: str, artifacts: Sequence[ArtifactInfo] = ()) -> str:
    """A text without what differs between two runs and two machines."""
    for artifact in artifacts:
        text = text.replace(artifact.source, posixpath.basename(artifact.source.rstrip("/")) or artifact.source)
    return _AMOUNT.sub("#", _LINE.sub("", _MACHINE.sub("", text)))


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:_LENGTH]
