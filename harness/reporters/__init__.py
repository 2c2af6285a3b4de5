"""From a report to text: one renderer for each format, whatever kind of report it is."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from harness.plain_text import harmless
from harness.reporters import (
    cyclonedx,
    github,
    gitlab,
    json_v1,
    junit,
    markdown,
    sarif,
    speedscope,
    terminal,
    verification,
)
from harness.reporters.layout import WIDTH
from harness.reporters.markup import LONGEST
from harness.reporters.text import encodable, map_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from msgspec import Struct

    from harness.reporters.document import Document

R = TypeVar("R")


def formats(document: Callable[[R], Document], data: Callable[[R], Struct]) -> Mapping[str, Callable[..., str]]:
    """What ``--format`` and ``--output`` take for one kind of report.

    Args:
        document: What people read of a report.
        data: What programs read of it, as its published schema says.
    """

    def as_terminal(report: R, *, colour: bool = False, width: int = WIDTH, verbose: bool = False) -> str:
        return terminal.render(document(map_text(report, harmless)), colour=colour, width=width, verbose=verbose)

    def as_json(report: R) -> str:
        return json_v1.json_text(data(map_text(report, encodable)))

    def as_markdown(report: R) -> str:
        return markdown.render(document(map_text(report, partial(harmless, longest=LONGEST))))

    def as_html(report: R) -> str:
        from harness.reporters import html  # noqa: PLC0415 - its libraries, for whom asks for it

        return html.render(document(map_text(report, partial(harmless, longest=LONGEST))))

    return MappingProxyType({"terminal": as_terminal, "json": as_json, "markdown": as_markdown, "html": as_html})


FORMATS: Final[Mapping[str, Callable[..., str]]] = MappingProxyType(
    {
        **formats(verification.document, json_v1.data),
        "sarif": sarif.render,
        "github": github.render,
        "gitlab": gitlab.render,
        "junit": junit.render,
        "speedscope": speedscope.render,
        **{name: cyclonedx.renderer(version) for name, version in cyclonedx.FORMATS.items()},
    }
)
