"""All checks, in the order in which a report tells of them."""

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

CATALOGUE = (
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
