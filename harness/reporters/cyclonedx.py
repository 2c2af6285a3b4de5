"""CycloneDX: a bill of what is in the archives, as they are built and not as they are locked."""

from __future__ import annotations

import contextlib
import posixpath
from functools import partial
from typing import TYPE_CHECKING, Final

from harness.model import UsageError
from harness.plain_text import printed_json
from harness.reporters import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cyclonedx.model import Property
    from cyclonedx.model.component import Component as Listed

    from harness.model import Component, Report

REMEDY: Final = "pip install 'lambda-artifact-harness[sbom]'"
FORMATS: Final = {"cyclonedx": "1.6", "cyclonedx-1.7": "1.7"}
"""The version of CycloneDX that each format writes."""


def available() -> None:
    """Make sure that the library is there.

    Raises:
        UsageError: It is not; the message says how to install it.
    """
    try:
        import cyclonedx.output  # noqa: F401, PLC0415 - for this format alone
    except ImportError:
        raise UsageError(f"CycloneDX needs a library that is not installed: {REMEDY}") from None


def renderer(version: str) -> Callable[[Report], str]:
    """What renders a report as CycloneDX JSON of a version."""
    return partial(_render, version)


def _render(version: str, report: Report) -> str:
    from cyclonedx.model.bom import Bom  # noqa: PLC0415 - of an extra, as the others
    from cyclonedx.model.component import Component as Listed  # noqa: PLC0415
    from cyclonedx.model.component import ComponentType  # noqa: PLC0415
    from cyclonedx.model.dependency import Dependency  # noqa: PLC0415
    from cyclonedx.output.json import BY_SCHEMA_VERSION  # noqa: PLC0415
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415

    report = text.map_text(report, text.encodable)
    listed: dict[str, Listed] = {}
    needs: dict[str, set[str]] = {}
    for ref, several in text.gather((one.ref, one) for one in report.components).items():
        listed[ref] = _listed(several)
        needs[ref] = {need for one in several for need in one.needs}
    bom = Bom(components=listed.values())
    name = posixpath.basename(report.folder) or "lambda-artifact"
    root = Listed(name=name, type=ComponentType.APPLICATION, bom_ref="artifact", components=_archives(report))
    root.properties.update(
        _properties(verdict=report.verdict, runtime=report.runtime, architecture=report.architecture)
    )
    bom.metadata.component = root
    tool = Listed(name="lambda-artifact", version=report.version, type=ComponentType.APPLICATION)
    bom.metadata.tools.components.add(tool)
    below = set().union(*needs.values())
    edges = [(root, set(listed) - below), *((listed[ref], needed) for ref, needed in needs.items())]
    for component, needed in edges:
        own = [Dependency(ref=listed[one].bom_ref) for one in needed if one in listed]
        bom.dependencies.add(Dependency(ref=component.bom_ref, dependencies=own))
    return printed_json(BY_SCHEMA_VERSION[SchemaVersion.from_version(version)](bom).output_as_string(indent=1)) + "\n"


def _archives(report: Report) -> Iterator[Listed]:
    """The archives, each with its digest; one whose content was not read says so."""
    from cyclonedx.model import HashAlgorithm, HashType  # noqa: PLC0415
    from cyclonedx.model.component import Component as Listed  # noqa: PLC0415
    from cyclonedx.model.component import ComponentType  # noqa: PLC0415

    for one in report.artifacts:
        yield Listed(
            name=one.source,
            type=ComponentType.FILE,
            bom_ref=f"{one.role} {one.source}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one.sha256)] if one.zipped_bytes is not None else [],
            properties=_properties(role=one.role, content="read" if one.content_sha256 else "not read"),
        )


def _listed(several: Sequence[Component]) -> Listed:
    """A component with each place where it is."""
    from cyclonedx.model import HashAlgorithm, HashType  # noqa: PLC0415
    from cyclonedx.model.component import Component as Listed  # noqa: PLC0415
    from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence  # noqa: PLC0415
    from packageurl import PackageURL  # noqa: PLC0415
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - for this format alone

    one = several[0]
    # Package URLs have an index's names in their normal form, and the library keeps their dots.
    purl = PackageURL("pypi", name=canonicalize_name(one.name), version=one.version or None) if one.index else None
    if one.purl:
        with contextlib.suppress(ValueError):
            purl = PackageURL.from_string(one.purl)
    digests = {each.sha256 for each in several if each.sha256}
    library = not one.version and not one.purl
    places = [Occurrence(location=place) for place in {each.where for each in several}]
    return Listed(
        name=one.name,
        version=one.version or None,
        bom_ref=str(purl or one.ref),
        purl=purl,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in digests if library],
        properties=[one for digest in digests if not library for one in _properties(record_sha256=digest)],
        evidence=ComponentEvidence(occurrences=places),
    )


def _properties(**values: str) -> list[Property]:
    from cyclonedx.model import Property  # noqa: PLC0415

    return [
        Property(name=f"lambda-artifact:{name.replace('_', '-')}", value=str(value)) for name, value in values.items()
    ]
