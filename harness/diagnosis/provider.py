"""The distribution that a module belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from harness.diagnosis.native import SIBLINGS
from harness.policy.providers import alike, providers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.dependencies.comparison.dependency_lists import DependencyLists


@dataclass(frozen=True, slots=True)
class Provider:
    """A distribution that has a module.

    Attributes:
        name: Normalised.
        how: How that is known, as a clause.
    """

    name: str
    how: str


def provider(module: str, lists: DependencyLists) -> Provider | None:
    """The distribution that a module is from, where facts tell.

    What is in the artifact or in one of the lists counts before what is only well known.

    Args:
        module: Its dotted name.
        lists: The dependency lists.
    """
    if recorded := _recorded(module, lists):
        return Provider(recorded, "its RECORD lists the module")
    known = set(_known(lists))
    usual = providers(module)
    listed = [name for name in usual if name in known]
    if listed:
        return Provider(listed[0], "its releases have the module")
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        if (name := canonicalize_name("-".join(parts[:end]))) in known:
            return Provider(name, "a distribution of that name")
    if usual:
        return Provider(SIBLINGS.get(usual[0], usual[0]), "its releases have the module")
    same = alike(parts[0])
    return Provider(same, "the module has the distribution's own name") if same else None


def _recorded(module: str, lists: DependencyLists) -> str | None:
    """A distribution whose RECORD lists the module, be its file there or not."""
    stem = module.replace(".", "/")
    endings = (f"/{stem}.py", f"/{stem}/__init__.py")
    folders = lists.program.search.path
    wanted = {folder + ending for folder in folders for ending in endings}
    return next((owner.distribution.key for path, owner in lists.program.facts.owners.items() if path in wanted), None)


def _known(lists: DependencyLists) -> Iterator[str]:
    """Every distribution that one of the lists has, under any conditions."""
    project = lists.project
    for asked in (
        *(project.declared.asked if project.declared else ()),
        *(project.build.asked if project.build else ()),
    ):
        yield asked.name
    yield from (one.name for one in (lists.lock.packages if lists.lock else ()))
    for needs in lists.needs.values():
        yield from needs
    yield from (one.distribution.key for one in lists.program.facts.distributions)
