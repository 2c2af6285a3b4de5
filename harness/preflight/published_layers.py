"""List the published versions of the layers that archives become, and read the newest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from harness.preflight import responses
from harness.preflight.account import Layer, LayerRef, PublishedLayer, Undone
from harness.sources.aws import AwsUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.preflight.account_reader import Reader

NEWEST: Final = 10
"""How many versions of a layer are looked at: a listing has no digests, so each takes a call."""
_LEAST: Final = 2
"""The newest two are, in any case, and more as long as all are one: the same is published again and again."""
OF_LAYERS: Final = ("layer-behind", "layer-goes-back", "layer-republished", "layers-known")
_MISSING: Final = "ResourceNotFoundException"


@dataclass(frozen=True, slots=True)
class LayerQuery:
    """A layer to look for.

    Attributes:
        arn: Without a version.
        digests: Those of the archives that may become it, as Lambda prints them.
        carried: The versions that functions carry.
    """

    arn: str
    digests: frozenset[str]
    carried: tuple[LayerRef, ...]

    @property
    def region(self) -> str:
        """Where it is."""
        return self.arn.split(":")[3]


def published_layers(
    reader: Reader, layer_queries: Sequence[LayerQuery]
) -> tuple[tuple[Layer, ...], tuple[Undone, ...]]:
    """What is published of each; and what could not be asked for."""
    found, undone = list[Layer](), list[Undone]()
    if not layer_queries:
        return (), ()
    for answer in reader.together(partial(_published_layer, reader), layer_queries, "asking AWS about layers"):
        if isinstance(answer, Layer):
            found.append(answer)
        else:
            undone.append(answer)
    return tuple(found), tuple(undone)


def _published_layer(reader: Reader, one: LayerQuery) -> Layer | Undone:
    name = one.arn.rpartition(":")[2]
    client = reader.aws.client("lambda", one.region)
    try:
        call = partial(client.list_layer_versions, LayerName=name, MaxItems=50)
        pages = reader.pages(
            one.region, "ListLayerVersions", one.arn, call, responses.each("LayerVersions", responses.listed)
        )
        listed = [version for page in pages for version in page]
        listed.sort(key=lambda version: -version.carried.version)
        return _looked_at(reader, one, listed)
    except AwsUnavailable as reason:
        if reason.code == _MISSING:  # nothing is published of it yet
            return Layer(one.arn, gone=one.carried)
        return Undone(OF_LAYERS, None, str(reason))


def _looked_at(reader: Reader, one: LayerQuery, listed: Sequence[PublishedLayer]) -> Layer:
    """The versions, with digests of the newest, until the planned ones are found, and of those that are carried."""
    there = {version.carried for version in listed}
    known: dict[LayerRef, PublishedLayer] = {}
    left = set(one.digests)
    digests: list[str | None] = []
    for version in listed[:NEWEST]:
        if len(digests) >= _LEAST and not left and len(set(digests)) > 1:
            break
        known[version.carried] = _version(reader, one, version)
        digests.append(known[version.carried].code_sha256)
        left.discard(digests[-1] or "")
    for carried in one.carried[:NEWEST]:
        if carried in there and carried not in known:
            known[carried] = _version(reader, one, PublishedLayer(carried))
    versions = tuple(known.get(version.carried, version) for version in listed)
    return Layer(one.arn, versions, tuple(carried for carried in one.carried if carried not in there))


def _version(reader: Reader, one: LayerQuery, version: PublishedLayer) -> PublishedLayer:
    client = reader.aws.client("lambda", one.region)
    carried = version.carried
    call = partial(client.get_layer_version, LayerName=carried.name, VersionNumber=carried.version)
    try:
        return reader.ask(one.region, "GetLayerVersion", carried.arn, call, responses.published)
    except AwsUnavailable as reason:
        if reason.code == _MISSING:  # deleted since it was listed
            return replace(version, code_sha256=None)
        raise
