"""All checks, in the order in which a report tells of them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from harness.checks import (
    archive_integrity,
    built_dependencies,
    code_layout,
    declared_dependencies,
    distribution_metadata,
    duplicate_distributions,
    editable_installs,
    environment,
    extensions_load,
    file_permissions,
    foreign_binaries,
    handler_imports,
    handler_responds,
    imports_resolve,
    lambda_extensions,
    layer_count,
    layer_fresh,
    layer_layout,
    migrations,
    migrations_read,
    namespace_packages,
    python_version,
    referenced_files,
    required_files,
    requirements_met,
    sdk_complete,
    shadowing,
    shared_libraries,
    source_parity,
    stale_bytecode,
    symbol_versions,
    syntax,
    unpinned,
    unwanted_files,
    unzipped_size,
    upload_size,
    version_stamp,
    write_outside_tmp,
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
    code_layout.check,
    required_files.check,
    referenced_files.check,
    unwanted_files.check,
    foreign_binaries.check,
    symbol_versions.check,
    shared_libraries.check,
    lambda_extensions.check,
    distribution_metadata.check,
    duplicate_distributions.check,
    editable_installs.check,
    requirements_met.check,
    sdk_complete.check,
    declared_dependencies.check,
    built_dependencies.check,
    unpinned.check,
    layer_fresh.check,
    python_version.check,
    version_stamp.check,
    source_parity.check,
    syntax.check,
    imports_resolve.check,
    namespace_packages.check,
    shadowing.check,
    stale_bytecode.check,
    migrations.check,
    environment.check,
    write_outside_tmp.check,
    extensions_load.check,
    migrations_read.check,
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
