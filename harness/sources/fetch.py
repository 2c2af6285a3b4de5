"""Fetch the archives that the user names, from this machine or from AWS."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from harness.manifest import Source, SourceKind
from harness.sources import local
from harness.sources.aws import Aws, AwsUnavailable
from harness.sources.aws_resources import AwsResource, LambdaFunction, LayerVersion, S3Object, parse
from harness.sources.download import Replaced, receive
from harness.sources.download_cache import FOLDER, Downloads
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from harness.artifact.entries import Archive, Role
    from harness.sources.aws_packages import Deployed

_TIMES: Final = 3


class Sources:
    """The archives of code and layers.

    Attributes:
        deployed: The packages that were fetched from Lambda, in that order.
    """

    def __init__(
        self,
        cache: Path,
        progress: Callable[[str], None],
        aws: Aws | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self.deployed: list[Deployed] = []
        self._downloads = Downloads(cache / FOLDER)
        self._progress = progress
        self._aws = aws or Aws()
        self._pause = pause
        self._layers_of: dict[str, tuple[Source, ...]] = {}
        self._failed: dict[str, SourceUnavailable] = {}

    def archive(self, source: Source, role: Role) -> Archive:
        """The archive of a source, downloaded unless the same bytes are in the cache.

        Raises:
            SourceUnavailable: It cannot be read or downloaded.
            OSError: The cache cannot be written.
        """
        if source.path is not None:
            return local.fetch(source, role)
        with self._once(source.text):
            return self._archive(source, role)

    def layers(self, layers: Sequence[Source]) -> tuple[Source, ...]:
        """The layers themselves: in place of a function its layers, in their order.

        Raises:
            SourceUnavailable: AWS does not say which layers a function has.
        """
        return tuple(source for layer in layers for source in self._layers(layer))

    def shares(self, source: Source) -> tuple[tuple[Source, float], ...]:
        """The other versions that get a part of an alias's calls, each with that part.

        Raises:
            SourceUnavailable: AWS does not say.
        """
        resource = parse(source.text) if source.path is None else None
        if not isinstance(resource, LambdaFunction) or resource.alias is None:
            return ()
        from harness.sources import aws_packages  # noqa: PLC0415 - imports the SDK

        with self._once(f"the shares of {source.text}"):
            shares = aws_packages.shares(self._aws, resource, source.text)
        return tuple((Source(str(resource.at(version)), None, source.kind), part) for version, part in shares)

    def described(self, function: LambdaFunction, text: str) -> Deployed:
        """What AWS says of a function and, for an alias, of the versions that share its calls.

        Raises:
            SourceUnavailable: AWS does not say.
        """
        from harness.sources import aws_packages  # noqa: PLC0415 - imports the SDK

        with self._once(f"the description of {text}"):
            known = aws_packages.configuration(self._aws, function, text)
            return replace(known, shares=aws_packages.shares(self._aws, function, text))

    def names(self, source: Source) -> set[str]:
        """The name of a source, and those of a function's layers where they are known."""
        return {source.text, *(layer.text for layer in self._layers_of.get(source.text, ()))}

    def sha256(self, source: Source, role: Role) -> str:
        """The digest of an archive in hexadecimal; it is downloaded only where AWS does not say its digest.

        Raises:
            SourceUnavailable: It cannot be read or downloaded.
            OSError: The cache cannot be written.
        """
        digest = self._digest(source) if source.path is None else None
        return digest or self.archive(source, role).sha256

    def _digest(self, source: Source) -> str | None:
        from harness.sources import aws_objects, aws_packages  # noqa: PLC0415 - they import the SDK

        match _resource(source):
            case S3Object() as resource:
                return aws_objects.head(self._aws, resource, source.text).sha256
            case LambdaFunction() as resource:
                return aws_packages.configuration(self._aws, resource, source.text).sha256
            case LayerVersion() as resource:
                return aws_packages.layer(self._aws, resource).sha256

    def _layers(self, layer: Source) -> tuple[Source, ...]:
        if layer.path is not None or not isinstance(function := _resource(layer), LambdaFunction):
            return (layer,)
        if layer.text not in self._layers_of:
            from harness.sources import aws_packages  # noqa: PLC0415 - imports the SDK

            with self._once(f"the layers of {layer.text}"):
                deployed = aws_packages.configuration(self._aws, function, layer.text)
            self._layers_of[layer.text] = tuple(Source(arn, None, SourceKind.REMOTE) for arn in deployed.layers)
        return self._layers_of[layer.text]

    @contextmanager
    def _once(self, what: str) -> Iterator[None]:
        """Ask AWS once for what is unavailable: every check asks for the archives."""
        if what in self._failed:
            raise self._failed[what]
        try:
            yield
        except SourceUnavailable as reason:
            self._failed[what] = reason
            raise

    def _archive(self, source: Source, role: Role) -> Archive:
        for _ in range(_TIMES):
            path, sha256 = self._download(_resource(source), source.text)
            archive = local.read_as(path, source, role)
            if archive.sha256 == sha256:
                return archive
            self._downloads.drop(path)  # the file in the cache was changed
        raise AwsUnavailable(f"{source.text}: its copy in the cache changes all the time: prune the cache.")

    def _download(self, resource: AwsResource, text: str) -> tuple[Path, str]:
        """The file in the cache, and the digest that it must have."""
        from harness.sources import aws_objects, aws_packages  # noqa: PLC0415 - they import the SDK

        self._progress(f"asking AWS for {text}")
        for _ in range(_TIMES):
            if isinstance(resource, S3Object):
                remote = aws_objects.head(self._aws, resource, text)
            else:
                remote, deployed = aws_packages.package(self._aws, resource, text)
                self.deployed.append(deployed)
            if (cached := self._downloads.find(remote.identity, remote.sha256)) is not None:
                return cached
            fill = partial(receive, remote, progress=self._progress, pause=self._pause)
            try:
                return self._downloads.fetch(remote.identity, remote.sha256, fill)
            except Replaced:
                continue
        raise AwsUnavailable(f"{text}: it was replaced while it was read, {_TIMES} times: try again later.")


def _resource(source: Source) -> AwsResource:
    if source.kind is SourceKind.UNKNOWN:
        raise SourceUnavailable(
            f"the layer {source.text} is decided by the deploy: name it in `layers` of the function, or with --layer."
        )
    if (resource := parse(source.text)) is None:
        raise SourceUnavailable(f"{source.text} names nothing in AWS that archives are downloaded from.")
    return resource
