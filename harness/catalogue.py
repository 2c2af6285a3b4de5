"""All checks, in the order of a report."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from harness.checks import (
    archive_integrity,
    built_dependencies,
    code_layout,
    compiled_modules,
    declared_dependencies,
    distribution_metadata,
    duplicate_distributions,
    editable_installs,
    environment,
    extensions_load,
    file_permissions,
    foreign_binaries,
    git_lfs,
    handler_imports,
    handler_responds,
    handler_signature,
    imports_resolve,
    lambda_extensions,
    lambda_system,
    layer_count,
    layer_fresh,
    layer_layout,
    managed_instances,
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
    snap_start,
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
from harness.plain_text import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.check import Check

CATALOGUE: tuple[Check, ...] = (
    archive_integrity.check,
    file_permissions.check,
    unzipped_size.check,
    upload_size.check,
    layer_count.check,
    layer_layout.check,
    code_layout.check,
    handler_signature.check,
    required_files.check,
    referenced_files.check,
    git_lfs.check,
    unwanted_files.check,
    foreign_binaries.check,
    compiled_modules.check,
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
    lambda_system.check,
    write_outside_tmp.check,
    managed_instances.check,
    snap_start.check,
    extensions_load.check,
    migrations_read.check,
    handler_imports.check,
    handler_responds.check,
)


PREFLIGHT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "function-missing": "Every function is in the account.",
        "function-package": "Every function takes archives.",
        "alias-missing": "Every alias that is declared is there.",
        "update-unfinished": "Every function is active, and no update of one is under way or has failed.",
        "platform": "Runtime and architecture are those that was verified for.",
        "tenancy": "Tenant isolation is what functions were created with.",
        "code-signing": "Archives are signed where Lambda demands it.",
        "runtime-deprecated": "AWS supports the runtime.",
        "variables": "The variables that are declared are set, and there is room for them.",
        "layer-undeclared": "No function carries a layer that is not declared.",
        "layer-behind": "Functions carry the layers that their deployments have published.",
        "code-goes-back": "No code goes back to an earlier version.",
        "layer-goes-back": "No layer goes back to an earlier version.",
        "layer-republished": "Layers are published where something has changed.",
        "layer-deleted": "The layers that functions carry are still there.",
        "layers-known": "It is known which layer each archive becomes.",
        "layer-shared": "It is known which other functions carry these layers.",
        "siblings": "Functions of one code archive run the same code and layers.",
        "alias-behind": "Aliases of one name point to the same code.",
        "alias-latest": "No alias points to $LATEST.",
        "code-storage": "The account has room for what is deployed.",
    }
)
"""The checks of `preflight`: id and title. Waivers may name them, too."""


def waivable() -> list[str]:
    """Every id that a waiver may name."""
    return [*(check.id for check in CATALOGUE), *PREFLIGHT]


def named(name: str) -> Check:
    """The check of that id.

    Raises:
        UsageError: There is none; the message has the nearest.
    """
    known = {check.id: check for check in CATALOGUE}
    if name not in known:
        near = nearest(name, known)
        hint = f": did you mean {near}?" if near else "; `lambda-artifact checks` lists them"
        raise UsageError(f"no check is named {name}{hint}")
    return known[name]
