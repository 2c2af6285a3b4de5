"""Gathers what a manifest's repository says of dependencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.project.values import Project

if TYPE_CHECKING:
    from harness.manifest import Manifest


def gather(manifest: Manifest) -> Project:
    """What the repository says."""
    del manifest
    return Project()
