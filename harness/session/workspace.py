"""What a verification looks at: each archive read once, each set of archives understood once."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from harness.artifact.bundle import Bundle
from harness.artifact.entries import Archive, Refused, Role
from harness.check import Blocked, Subject
from harness.dependencies.comparison.dependency_lists import DependencyLists
from harness.dependencies.project_reader import gather
from harness.facts.archive import ArchiveFacts
from harness.facts.python.program import Program
from harness.facts.store import FactStore
from harness.facts.view import Facts
from harness.model import Timing
from harness.policy import RuntimePolicy, runtime_policy
from harness.session.archives import Archives, describe, key_of
from harness.sources.aws_notes import remarks
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.dependencies.project import Project
    from harness.manifest import Function, Manifest, Source
    from harness.model import ArtifactInfo

ABSURD = 4
"""Times Lambda's quota: what unpacks to more is not even analysed."""


@dataclass
class Materials:
    """The archives of a manifest, what they say, and the trees that they make.

    Attributes:
        cache: The user's cache folder of this tool.
        progress: Told what is being done.
        unpacks: Whether the archives will be needed unpacked: then they are analysed as trees, and inflated once.
        profile: The user's profile for what lies in AWS; None for the SDK's default chain.
        timings: Told how long each archive took.
    """

    manifest: Manifest
    cache: Path
    progress: Callable[[str], None]
    unpacks: bool
    profile: str | None = None
    timings: list[Timing] = field(default_factory=list)
    _read: dict[tuple[str, Role], Archive] = field(default_factory=dict)
    _analysed: dict[tuple[str, Role], ArchiveFacts] = field(default_factory=dict)
    _bundles: dict[tuple[Source | None, tuple[Source, ...]], Bundle] = field(default_factory=dict)
    _supplies: dict[tuple[Source | None, tuple[Source, ...]], DependencyLists] = field(default_factory=dict)

    @cached_property
    def policy(self) -> RuntimePolicy:
        """What Lambda promises for the runtime."""
        return runtime_policy(self.manifest.runtime)

    @property
    def described(self) -> tuple[ArtifactInfo, ...]:
        """The same as reports tell of them, with the digest of the content of those that were analysed."""
        none = ArchiveFacts()
        return tuple(
            replace(describe(archive), content_sha256=self._analysed.get(key, none).digest or None)
            for key, archive in self._read.items()
        )

    @property
    def archives(self) -> tuple[Archive, ...]:
        """Those that were read so far."""
        return tuple(self._read.values())

    def bundle(self, function: Function | None) -> Bundle:
        """The archives of a function, or those that functions inherit.

        Raises:
            SourceUnavailable: One cannot be had.
        """
        code = function.code if function else self.manifest.code
        layers = function.layers if function else self.manifest.layers
        if (code, layers) not in self._bundles:
            self._bundles[code, layers] = Bundle(
                code=self._archive(code, Role.CODE) if code else None,
                layers=tuple(self._archive(layer, Role.LAYER) for layer in self.at_hand.sources.layers(layers)),
            )
        return self._bundles[code, layers]

    def _archive(self, source: Source, role: Role) -> Archive:
        """An archive, read when it is first asked for, and unpacked where that will be needed."""
        key = key_of(source, role)
        if key not in self._read:
            with self._timed(f"reading {source.text}"):
                archive = self.at_hand.read(source, role)
                try:
                    if self._unpacked(archive):
                        self.at_hand.store.tree(archive, self.policy.limits.unzipped_bytes)
                    else:
                        self._analysed[key] = self._analysis(archive)
                except Refused as refused:
                    # What only the bytes themselves could tell: a checksum or a size that is not what was declared.
                    archive, self._analysed[key] = replace(archive, refusals=(refused.refusal,)), ArchiveFacts()
            self._read[key] = archive
        return self._read[key]

    def _facts_of(self, source: Source, role: Role) -> ArchiveFacts:
        """What an archive says. Where it is unpacked, handlers can start before that is known."""
        archive, key = self._archive(source, role), key_of(source, role)
        if key not in self._analysed:
            with self._timed(f"analysing {source.text}"):
                self._analysed[key] = self._analysis(archive)
        return self._analysed[key]

    def _unpacked(self, archive: Archive) -> bool:
        within = archive.unzipped_bytes <= self.policy.limits.unzipped_bytes
        return self.unpacks and within and not archive.refusals

    def _analysis(self, archive: Archive) -> ArchiveFacts:
        limit = self.policy.limits.unzipped_bytes
        if archive.refusals or archive.unzipped_bytes > ABSURD * limit:
            return ArchiveFacts()
        tree = self.at_hand.store.tree(archive, limit) if self._unpacked(archive) else None
        return self._facts.facts(archive, self.policy.python, tree)

    @contextlib.contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.timings.append(Timing(name, time.perf_counter() - began))

    def keep(self) -> None:
        """Keep for the next time what was read of the archives' sources.

        Raises:
            OSError: The cache cannot be written.
        """
        for key, facts in self._analysed.items():
            if facts.sources:
                self._facts.keep(self._read[key], self.policy.python, facts)

    def subject(self, function: Function | None) -> Subject:
        """One function, or with None what functions inherit.

        Raises:
            SourceUnavailable: An archive cannot be had.
        """
        bundle = self.bundle(function)
        return Subject(self.manifest, self.policy, bundle, self._dependency_lists(function, bundle), function)

    def reached(self, function: Function) -> tuple[str, ...]:
        """The source files that handlers with this function's archives load when they start, as far as that is known.

        Raises:
            SourceUnavailable: An archive cannot be had.
        """
        graph = self.subject(function).program.graph
        return tuple(path for path, reach in graph.reached.items() if reach.when.starting)

    def subjects(self) -> Iterator[Subject]:
        """One subject for each set of archives that functions share."""
        known = set()
        for function in self.manifest.functions:
            if (key := (function.code, function.layers)) not in known:
                known.add(key)
                yield replace(self.subject(function), function=None)

    @cached_property
    def project(self) -> Project:
        """What the repository says of dependencies.

        Raises:
            MalformedFileError: A file of it is not what it should be.
        """
        return gather(self.manifest)

    def _dependency_lists(self, function: Function | None, bundle: Bundle) -> DependencyLists:
        """What the archives' contents say, beside the repository; the same for all functions that share them."""
        code, layers = (function or self.manifest).code, (function or self.manifest).layers
        key = (code, layers)
        if key not in self._supplies:
            of = [self._facts_of(code, Role.CODE)] if code else []
            of += [self._facts_of(layer, Role.LAYER) for layer in self.at_hand.sources.layers(layers)]
            sharing = [one for one in self.manifest.functions if (one.code, one.layers) == key]
            agreed = set.intersection(*(set(one.environment) for one in sharing)) if sharing else set()
            program = Program(
                policy=self.policy,
                facts=Facts(bundle, tuple(of)),
                architecture=str(self.manifest.architecture),
                handlers=tuple(one.handler for one in sharing),
                names=tuple(one.name for one in sharing),
                environment=tuple(sorted(agreed)),
                variables=tuple(one.environment for one in sharing),
                elsewhere=tuple(
                    one.handler for one in self.manifest.functions if one.code == code and one.layers != layers
                ),
            )
            self._supplies[key] = DependencyLists(program, self.project, self.manifest, partial(self._siblings, key))
        return self._supplies[key]

    def _siblings(self, key: tuple[Source | None, tuple[Source, ...]]) -> tuple[Program, ...]:
        """The programs of the functions with other archives; those that cannot be had say nothing."""
        found = []
        for function in self.manifest.functions:
            if (function.code, function.layers) != key:
                with contextlib.suppress(SourceUnavailable):
                    found.append(self.subject(function).program)
        return tuple({id(one): one for one in found}.values())

    @cached_property
    def at_hand(self) -> Archives:
        """The archives themselves."""
        return Archives(self.cache, self.progress, self.profile)

    @property
    def notes(self) -> tuple[str, ...]:
        """What AWS says of what was fetched so far that the manifest does not say."""
        return tuple(remarks(self.manifest, self.at_hand.sources.told))

    @property
    def unread(self) -> tuple[str, ...]:
        """The names of the archives that were not read so far; a function stands for all the layers that it carries."""
        read = {archive.source for archive in self.archives}
        named = [source for one in self.manifest.functions for source in (one.code, *one.layers)]
        if not self.manifest.functions:
            named = [source for source in (self.manifest.code, *self.manifest.layers) if source]
        return tuple(dict.fromkeys(one.text for one in named if not read & self.at_hand.sources.names(one)))

    @cached_property
    def _facts(self) -> FactStore:
        return FactStore(self.cache / "facts")

    def trees(self, bundle: Bundle) -> tuple[Path, Path | None]:
        """The folders that stand at ``/var/task`` and ``/opt``, with what others may not read made unreadable."""
        limit = self.policy.limits.unzipped_bytes
        if over := [archive.source for archive in bundle.archives if archive.unzipped_bytes > limit]:
            raise Blocked(f"{', '.join(over)} is too large to be unpacked; unzipped-size says by how much")
        return self.at_hand.trees(bundle, limit)
