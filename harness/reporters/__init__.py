"""From a report to text: pure functions, one a format."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from harness.model import Report
from harness.reporters import json_v1, markdown, terminal

FORMATS: Final[Mapping[str, Callable[[Report], str]]] = MappingProxyType(
    {"terminal": terminal.render, "json": json_v1.render, "markdown": markdown.render}
)
"""What ``--format`` and ``--output`` take."""
