"""What the user names, here or in AWS, as archives on this machine."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from harness.manifest import Source, SourceKind
from harness.sources import local
from harness.sources.aws import Aws, AwsUnavailable
from harness.sources.aws_resources import LambdaFunction, LayerVersion, Place, S3Object, place
from harness.sources.download import Replaced, receive
from harness.sources.download_cache import FOLDER, Downloads
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from harness.artifact.entries import Archive, Role
    from harness.sources.aws_packages import Told
    from harness.sources.download import Remote

_TIMES: Final = 3


class Sources:
    """Everything that can be named as code or as a layer.

    Attributes:
        told: What Lambda told of what was fetched from it, in that order.
    """

    def __init__(
        self,
        cache: Path,
        progress: Callable[[str], None],
        aws: Aws | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self.told: list[Told] = []
        self._downloads = Downloads(cache / FOLDER)
        self._progress = progress
        self._aws = aws or Aws()
        self._pause = pause
        self._carried: dict[str, tuple[Source, ...]] = {}
        self._failed: dict[str, SourceUnavailable] = {}

    def archive(self, source: Source, role: Role) -> Archive:
        """The archive that a source names; fetched, unless the same bytes are in the cache.

        Raises:
            SourceUnavailable: It cannot be had.
            OSError: The cache cannot be written.
        """
        if source.path is not None:
            return local.fetch(source, role)
        with self._asked_once(source.text):
            return self._archive(source, role)

    def layers(self, layers: Sequence[Source]) -> tuple[Source, ...]:
        """The layers themselves: for a function, those that it carries, in their order.

        Raises:
            SourceUnavailable: AWS does not tell what a function carries.
        """
        return tuple(one for layer in layers for one in self._layers(layer))

    def shares(self, source: Source) -> tuple[tuple[Source, float], ...]:
        """What gets a part of the calls of an alias, beside the version that it points to, with that part.

        Raises:
            SourceUnavailable: AWS does not tell.
        """
        named = place(source.text) if source.path is None else None
        if not isinstance(named, LambdaFunction) or named.alias is None:
            return ()
        from harness.sources import aws_packages  # noqa: PLC0415 - imports the SDK

        with self._asked_once(f"the shares of {source.text}"):
            found = aws_packages.shares(self._aws, named, source.text)
        return tuple((Source(str(named.at(version)), None, source.kind), part) for version, part in found)

    def names(self, source: Source) -> set[str]:
        """What the archives are called that it stands for, as far as that is known."""
        return {source.text, *(one.text for one in self._carried.get(source.text, ()))}

    def sha256(self, source: Source, role: Role) -> str:
        """The digest of an archive in hexadecimal; it is fetched only where AWS does not tell.

        Raises:
            SourceUnavailable: It cannot be had.
            OSError: The cache cannot be written.
        """
        told = self._told(source) if source.path is None else None
        return told or self.archive(source, role).sha256

    def _told(self, source: Source) -> str | None:
        from harness.sources import aws_objects, aws_packages  # noqa: PLC0415 - they import the SDK

        match _place(source):
            case S3Object() as named:
                return aws_objects.head(self._aws, named, source.text).sha256
            case LambdaFunction() as named:
                return aws_packages.configuration(self._aws, named, source.text).sha256
            case LayerVersion() as named:
                return aws_packages.layer(self._aws, named).sha256

    def _layers(self, layer: Source) -> tuple[Source, ...]:
        if layer.path is not None or not isinstance(named := _place(layer), LambdaFunction):
            return (layer,)
        if layer.text not in self._carried:
            from harness.sources import aws_packages  # noqa: PLC0415 - imports the SDK

            with self._asked_once(f"the layers of {layer.text}"):
                told = aws_packages.configuration(self._aws, named, layer.text)
            self._carried[layer.text] = tuple(Source(arn, None, SourceKind.REMOTE) for arn in told.layers)
        return self._carried[layer.text]

    @contextmanager
    def _asked_once(self, what: str) -> Iterator[None]:
        """Every check asks for the archives; what could not be had is not asked for again and again."""
        if what in self._failed:
            raise self._failed[what]
        try:
            yield
        except SourceUnavailable as reason:
            self._failed[what] = reason
            raise

    def _archive(self, source: Source, role: Role) -> Archive:
        for _ in range(_TIMES):
            path, sha256 = self._had(_place(source), source.text)
            archive = local.read_as(path, source, role)
            if archive.sha256 == sha256:
                return archive
            self._downloads.drop(path)  # something has written to the cache
        raise AwsUnavailable(f"{source.text}: what the cache keeps of it changes all the time: prune the cache.")

    def _had(self, named: Place, text: str) -> tuple[Path, str]:
        """The file, and the digest that it must have."""
        from harness.sources import aws_objects, aws_packages  # noqa: PLC0415 - they import the SDK

        self._progress(f"asking AWS for {text}")
        for _ in range(_TIMES):
            if isinstance(named, S3Object):
                remote = aws_objects.head(self._aws, named, text)
            else:
                remote, told = aws_packages.package(self._aws, named, text)
                self.told.append(told)
            try:
                return self._fetched(remote)
            except Replaced:
                continue
        raise AwsUnavailable(f"{text}: it was replaced while it was read, {_TIMES} times: try again later.")

    def _fetched(self, remote: Remote) -> tuple[Path, str]:
        if (kept := self._downloads.kept(remote.identity, remote.sha256)) is not None:
            return kept
        fill = partial(receive, remote, progress=self._progress, pause=self._pause)
        return self._downloads.fetch(remote.identity, remote.sha256, fill)


def _place(source: Source) -> Place:
    """Where it lies in AWS."""
    if (named := place(source.text)) is None:
        raise SourceUnavailable(f"{source.text} names no place in AWS that archives are fetched from.")
    return named
