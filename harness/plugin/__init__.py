"""The pytest plug-in.

pytest loads it in every run of everybody who has the package installed, so its modules import what only a verification
needs where they use it.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class _OwnModules:
    """Finds the package's modules before pytest does.

    pytest parses each module of a plug-in's distribution to rewrite its assertions. Here are none, and without a cache
    of that, as in a fresh environment of CI, it takes longer than a verification.
    """

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The module as Python finds it; None for those of others."""
        return PathFinder.find_spec(name, path, target) if name.startswith("harness.") else None


sys.meta_path.insert(0, _OwnModules)
