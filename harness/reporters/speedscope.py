"""The imports of each init as a flame graph for speedscope and what else reads its files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from harness import __version__
from harness.reporters.json_v1 import json_text
from harness.reporters.text import encodable, map_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.model import InitProfile, Report

SCHEMA: Final = "https://www.speedscope.app/file-format-schema.json"


def render(report: Report) -> str:
    """Render the profiles of a report: one for each function that has one."""
    report = map_text(report, encodable)
    frames: dict[str, int] = {}
    profiles = [
        {
            "type": "evented",
            "name": function.name,
            "unit": "seconds",
            "startValue": 0,
            "endValue": max([profile.seconds, *(event["at"] for event in events)]),
            "events": events,
        }
        for function in report.functions
        if (profile := function.profile)
        for events in [list(_events(profile, frames))]
    ]
    return json_text(
        {
            "$schema": SCHEMA,
            "exporter": f"lambda-artifact {__version__}",
            "name": "init",
            "shared": {"frames": [{"name": name} for name in frames]},
            "profiles": profiles,
        }
    )


def _events(profile: InitProfile, frames: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Each import opened and closed, one within the other, and never earlier than what came before."""
    under_way: list[int] = []
    now = 0.0

    def event(kind: str, number: int, at: float) -> dict[str, Any]:
        nonlocal now
        now = max(now, at)
        return {"type": kind, "frame": frames.setdefault(profile.imports[number].name, len(frames)), "at": now}

    def ended(number: int) -> dict[str, Any]:
        under_way.pop()
        return event("C", number, profile.imports[number].began + profile.imports[number].seconds)

    for number, one in enumerate(profile.imports):
        while under_way and under_way[-1] != one.within:
            yield ended(under_way[-1])
        under_way.append(number)
        yield event("O", number, one.began)
    while under_way:
        yield ended(under_way[-1])
