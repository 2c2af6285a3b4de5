"""The components of a function's archives: distributions, what they bundle, and what they depend on."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name

from harness import regular_files
from harness.artifact.bundle import where
from harness.artifact.contents import read_file
from harness.artifact.entries import Refused
from harness.model import Component

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.artifact.bundle import Item
    from harness.facts.installed.distributions import Distribution
    from harness.facts.installed.union import Union
    from harness.facts.view import Installed

# What auditwheel and its like copy beside a distribution's modules, and the SBOMs in its metadata (PEP 770).
_BUNDLED: Final = re.compile(r".*\.libs/[^/]+")
_SBOM: Final = re.compile(r"(?P<folder>.*\.dist-info)/sboms/.*\.json")


def inventory(union: Union) -> Iterator[Component]:
    """Every distribution whose metadata the function sees, the libraries and the SBOMs in them.

    Raises:
        OSError: An archive cannot be read.
    """
    facts = union.program.facts
    needs = _needs(union)
    for path, item in facts.bundle.items.items():
        if path in facts.binaries and _BUNDLED.fullmatch(path):
            ref = where(item)
            yield Component(ref, path.rpartition("/")[2], "", ref, sha256=_sha256(item))
            if owner := facts.owners.get(path):
                needs[owner.folder].add(ref)
        elif found := _SBOM.fullmatch(path):
            for component in _stated(item, found["folder"]):
                yield component
                needs[found["folder"]].add(component.ref)
    for installed in facts.distributions:
        own = installed.distribution
        record = facts.bundle.items.get(f"{installed.folder}/RECORD")
        yield Component(
            _ref(own),
            own.name,
            own.version,
            installed.where,
            index=own.url is None and not own.editable,
            sha256=_sha256(record) if record else None,
            needs=tuple(sorted(needs[installed.folder] - {_ref(own)})),
        )


def _needs(union: Union) -> defaultdict[str, set[str]]:
    """The refs of what each distribution, by its folder, requires and gets."""
    needs: defaultdict[str, set[str]] = defaultdict(set)
    got: Mapping[str, tuple[Installed, ...]] = union.installed
    for one in union.required:
        needs[one.by.folder].update(_ref(other.distribution) for other in got.get(one.name, ()))
    return needs


def _ref(distribution: Distribution) -> str:
    return f"{distribution.key}=={distribution.version}"


def _sha256(item: Item) -> str | None:
    try:
        return hashlib.sha256(read_file(item.archive, item.entry, regular_files.LARGEST_ARCHIVE)).hexdigest()
    except Refused:  # a link, or bytes that are not what the archive declares
        return None


def _stated(item: Item, folder: str) -> Iterator[Component]:
    """The components that an SBOM of CycloneDX names, without its distribution; none where it is something else."""
    try:
        document = json.loads(read_file(item.archive, item.entry))
    except (Refused, ValueError, RecursionError):
        return
    own = canonicalize_name(folder.rpartition("/")[2].partition("-")[0])
    stated = document.get("components") if isinstance(document, dict) else None
    for one in [one for one in (stated if isinstance(stated, list) else ()) if isinstance(one, dict)]:
        values = (one.get(key) for key in ("name", "version", "purl"))
        name, version, purl = (value if isinstance(value, str) else "" for value in values)
        if not (name and purl):
            continue
        key, of_index = canonicalize_name(name), purl.startswith("pkg:pypi/")
        if of_index and key == own and "#" not in purl:
            continue
        if of_index and not re.search("[?#]", purl):
            yield Component(f"{key}=={version}", name, version, where(item), index=True)
        else:
            yield Component(purl, name, version, where(item), purl=purl)
