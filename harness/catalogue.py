"""All checks, in the order in which a report tells of them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from harness.checks import (
    archive_integrity,
    file_permissions,
    handler_imports,
    handler_responds,
    layer_count,
    layer_layout,
    required_files,
    unzipped_size,
    upload_size,
)
from harness.model import UsageError

if TYPE_CHECKING:
    from harness.check import Check

CATALOGUE: tuple[Check, ...] = (
    archive_integrity.check,
    file_permissions.check,
    unzipped_size.check,
    upload_size.check,
    layer_count.check,
    layer_layout.check,
    required_files.check,
    handler_imports.check,
    handler_responds.check,
)


def named(name: str) -> Check:
    """The check of that id.

    Raises:
        UsageError: There is none; the message has the nearest.
    """
    known = {check.id: check for check in CATALOGUE}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f": did you mean {near[0]}?" if near else "; `lambda-artifact checks` lists them"
        raise UsageError(f"no check is named {name}{hint}")
    return known[name]
