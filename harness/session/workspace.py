"""The archives of one verification: each is read and analysed once, and each set of them becomes one subject."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from harness.artifact.bundle import Bundle
from harness.artifact.entries import Refused, Role
from harness.artifact.store import Store, needs_mask
from harness.check import Blocked, Subject
from harness.dependencies.comparison.dependency_lists import DependencyLists
from harness.dependencies.project_reader import read_project
from harness.facts.archive import ArchiveFacts
from harness.facts.installed.inventory import inventory
from harness.facts.installed.shares import shares
from harness.facts.python.program import Program
from harness.facts.store import FactStore
from harness.facts.view import Facts
from harness.manifest import Architecture, Source
from harness.model import ArtifactInfo, Component, Timing
from harness.plain_text import few
from harness.policy import RuntimePolicy, runtime_policy
from harness.sources.aws import Aws
from harness.sources.aws_notes import aws_notes
from harness.sources.fetch import Sources
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.artifact.entries import Archive
    from harness.dependencies.project import Project
    from harness.manifest import Function, Manifest
    from harness.session.settings import Settings

SHOWN = 3
"""Undecided values of a function that a note names."""

TOO_LARGE = 4
"""Times Lambda's quota: what unpacks to more is not even analysed."""

ArchiveKey: TypeAlias = tuple[str, Role]
"""The place of an archive, and what it is used as."""

Version: TypeAlias = tuple[int, int]
"""Of Python: what an archive's sources mean depends on it."""

SetKey: TypeAlias = tuple[Source | None, tuple[Source, ...], str, Architecture, tuple[Path, ...]]
"""Code, layers, runtime, architecture and requirements, as functions share them."""


def describe(archive: Archive, facts: ArchiveFacts | None = None) -> ArtifactInfo:
    """An archive with what is known of its contents, as reports show it."""
    return ArtifactInfo(
        role=str(archive.role),
        source=archive.source,
        sha256=archive.sha256,
        code_sha256=archive.code_sha256,
        zipped_bytes=archive.zipped_bytes,
        unzipped_bytes=archive.unzipped_bytes,
        files=len(archive.files),
        content_sha256=(facts and facts.digest) or None,
        shares=shares(archive, facts.distributions) if facts else (),
    )


@contextlib.contextmanager
def timed(timings: list[Timing], name: str) -> Iterator[None]:
    """Add to the timings how long something took."""
    began = time.perf_counter()
    try:
        yield
    finally:
        timings.append(Timing(name, time.perf_counter() - began))


@dataclass
class Workspace:
    """The archives of a manifest, their facts, and the trees that they unpack to.

    Where handlers will be started, archives are unpacked first and analysed as trees, so that each is inflated once.

    Attributes:
        timings: How long each archive took.
    """

    manifest: Manifest
    settings: Settings
    timings: list[Timing] = field(default_factory=list)
    _archives: dict[ArchiveKey, Archive] = field(default_factory=dict)
    _unavailable: dict[ArchiveKey, SourceUnavailable] = field(default_factory=dict)
    _facts: dict[tuple[ArchiveKey, Version], ArchiveFacts] = field(default_factory=dict)
    _bundles: dict[SetKey, Bundle] = field(default_factory=dict)
    _lists: dict[SetKey, DependencyLists] = field(default_factory=dict)
    _projects: dict[tuple[Path, ...], Project] = field(default_factory=dict)

    @cached_property
    def policy(self) -> RuntimePolicy:
        """What Lambda promises for the runtime that functions inherit."""
        return runtime_policy(self.manifest.runtime)

    @property
    def policies(self) -> list[RuntimePolicy]:
        """What it promises for each runtime that is verified."""
        return [self.policy, *map(self.policy_of, self.manifest.functions)]

    def policy_of(self, function: Function) -> RuntimePolicy:
        """What Lambda promises for a function's runtime."""
        return runtime_policy(function.runtime) if function.runtime else self.policy

    @property
    def project(self) -> Project:
        """What the repository says of the dependencies that functions inherit.

        Raises:
            MalformedFileError: A file of it is not what it should be.
        """
        return self._project(self.manifest)

    def _project(self, manifest: Manifest) -> Project:
        if manifest.requirements not in self._projects:
            self._projects[manifest.requirements] = read_project(manifest)
        return self._projects[manifest.requirements]

    @cached_property
    def sources(self) -> Sources:
        """Where archives come from."""
        return Sources(self.settings.cache, self.settings.progress, Aws(self.settings.profile))

    @cached_property
    def _store(self) -> Store:
        return Store(self.settings.cache / "trees")

    @cached_property
    def _fact_store(self) -> FactStore:
        return FactStore(self.settings.cache / "facts")

    @property
    def artifacts(self) -> tuple[ArtifactInfo, ...]:
        """The archives that were read, with the contents of those that were analysed."""
        facts = {key: found for (key, _), found in self._facts.items()}
        return tuple(describe(archive, facts.get(key)) for key, archive in self._archives.items())

    def archives_of(self, function: Function) -> tuple[Archive, ...]:
        """A function's archives, the code's first, where they were read."""
        bundle = self._bundles.get(self.key(function))
        return bundle.archives if bundle else ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What AWS says of the fetched archives that the manifest does not say."""
        manifest = self.manifest
        uncovered = [
            f"not covered: {one.name} ({one.place}): {one.reason}" for one in manifest.uncovered if not one.undone
        ]
        undecided = [
            f"{function.name}: only the deploy decides {few(function.caveats, SHOWN)}"
            for function in manifest.functions
            if function.caveats
        ]
        asked = self.settings.source_digests
        unread = [f"no digest of {text}: it was not read" for text in self.unread] if asked else []
        return (*manifest.notes, *uncovered, *undecided, *aws_notes(manifest, self.sources.deployed), *unread)

    @property
    def unread(self) -> tuple[str, ...]:
        """The names of the archives that were not read; a function stands for all the layers that it carries."""
        read = {archive.source for archive in self._archives.values()}
        named = [source for function in self.manifest.functions for source in (function.code, *function.layers)]
        if not self.manifest.functions:
            named = [source for source in (self.manifest.code, *self.manifest.layers) if source]
        return tuple(dict.fromkeys(source.text for source in named if not read & self.sources.names(source)))

    def bundle(self, function: Function | None) -> Bundle:
        """The archives of a function, or those that functions inherit.

        Raises:
            SourceUnavailable: One cannot be had.
        """
        code, layers, *_ = key = self.key(function)
        if key not in self._bundles:
            self._bundles[key] = Bundle(
                code=self._archive(code, Role.CODE) if code else None,
                layers=tuple(self._archive(layer, Role.LAYER) for layer in self.sources.layers(layers)),
            )
        return self._bundles[key]

    def subject(self, function: Function | None) -> Subject:
        """One function, or with None what functions inherit.

        Raises:
            SourceUnavailable: An archive cannot be had.
        """
        bundle = self.bundle(function)
        key = self.key(function)
        manifest = self.manifest.of(function) if function else self.manifest
        policy = self.policy_of(function) if function else self.policy
        if key not in self._lists:
            program = self._program(key, bundle)
            self._lists[key] = DependencyLists(program, self._project(manifest), manifest, partial(self._siblings, key))
        return Subject(manifest, policy, bundle, self._lists[key], function)

    def subjects(self) -> Iterator[Subject]:
        """One subject for each set of archives that functions share."""
        first: dict[SetKey, Function] = {}
        for function in self.manifest.functions:
            first.setdefault(self.key(function), function)
        yield from (replace(self.subject(function), function=None) for function in first.values())

    @property
    def components(self) -> tuple[Component, ...]:
        """What the archives that can be had are made of.

        Raises:
            OSError: An archive cannot be read.
        """
        found: set[Component] = set()
        for function in self.manifest.functions or (None,):
            with contextlib.suppress(SourceUnavailable):
                self.subject(function)
        for lists in self._lists.values():
            found.update(inventory(lists.union))
        return tuple(sorted(found, key=lambda one: (one.name, one.version, one.where)))

    def reached(self, function: Function) -> tuple[str, ...]:
        """The source files that handlers with this function's archives load when they start, as far as that is known.

        Raises:
            SourceUnavailable: An archive cannot be had.
        """
        graph = self.subject(function).program.graph
        return tuple(path for path, reach in graph.reached.items() if reach.when.starting)

    def trees(self, bundle: Bundle) -> tuple[Path, Path | None]:
        """The folders that become ``/var/task`` and ``/opt``, with what others may not read made unreadable.

        Raises:
            Blocked: One of them is too large to be unpacked.
            Refused: One of them is not what it declares.
            OSError: The store cannot be written.
        """
        limit = self.policy.limits.unzipped_bytes
        if over := [archive.source for archive in bundle.archives if archive.unzipped_bytes > limit]:
            raise Blocked(f"{', '.join(over)} is too large to be unpacked; unzipped-size says by how much")
        code = [bundle.code] if bundle.code else []
        task = self._store.tree(code[0], limit) if code else self._store.merged([])
        if not bundle.layers:
            return self._masked(task, code), None
        opt = self._store.merged([self._store.tree(layer, limit) for layer in bundle.layers])
        return self._masked(task, code), self._masked(opt, bundle.layers)

    def save(self) -> None:
        """Save for the next run what was read of the archives' sources.

        Raises:
            OSError: The cache cannot be written.
        """
        for (key, python), facts in self._facts.items():
            if facts.sources:
                self._fact_store.keep(self._archives[key], python, facts)

    def key(self, function: Function | None) -> SetKey:
        """What functions must share to be verified together."""
        manifest = self.manifest.of(function) if function else self.manifest
        code, layers = (function.code, function.layers) if function else (self.manifest.code, self.manifest.layers)
        return code, layers, manifest.runtime, manifest.architecture, manifest.requirements

    def _archive(self, source: Source, role: Role) -> Archive:
        """An archive, read when it is first asked for; what cannot be had is not tried again."""
        key = _place(source, role)
        if key in self._unavailable:
            raise self._unavailable[key]
        if key not in self._archives:
            try:
                with timed(self.timings, f"reading {source.text}"):
                    self.settings.progress(f"reading {source.text}")
                    self._archives[key] = self._read(source, role)
            except SourceUnavailable as reason:
                self._unavailable[key] = reason
                raise
        return self._archives[key]

    def _read(self, source: Source, role: Role) -> Archive:
        """Read an archive, and unpack it where that will be needed, or analyse it."""
        archive = self.sources.archive(source, role)
        try:
            if self._is_unpacked(archive):
                self._store.tree(archive, self.policy.limits.unzipped_bytes)
            else:
                python = self.policy.python
                self._facts[_place(source, role), python] = self._analysis(archive, python)
        except Refused as refused:
            # Only its bytes show it: a checksum or a size that is not the declared one.
            return replace(archive, refusals=(refused.refusal,))
        return archive

    def _facts_of(self, source: Source, role: Role, python: Version) -> ArchiveFacts:
        archive, key = self._archive(source, role), (_place(source, role), python)
        if key not in self._facts:
            with timed(self.timings, f"analysing {source.text}"):
                self._facts[key] = self._analysis(archive, python)
        return self._facts[key]

    def _analysis(self, archive: Archive, python: Version) -> ArchiveFacts:
        limit = self.policy.limits.unzipped_bytes
        if archive.refusals or archive.unzipped_bytes > TOO_LARGE * limit:
            return ArchiveFacts()
        tree = self._store.tree(archive, limit) if self._is_unpacked(archive) else None
        return self._fact_store.facts(archive, python, tree)

    def _is_unpacked(self, archive: Archive) -> bool:
        within = archive.unzipped_bytes <= self.policy.limits.unzipped_bytes
        return not self.settings.static and within and not archive.refusals

    def _program(self, key: SetKey, bundle: Bundle) -> Program:
        """What Python makes of a set of archives; the same for all functions that share it."""
        code, layers, runtime, architecture, _ = key
        policy = runtime_policy(runtime)
        facts = [self._facts_of(code, Role.CODE, policy.python)] if code else []
        facts += [self._facts_of(layer, Role.LAYER, policy.python) for layer in self.sources.layers(layers)]
        functions = [function for function in self.manifest.functions if self.key(function) == key]
        in_all = set.intersection(*(set(function.environment) for function in functions)) if functions else set()
        others = [
            function for function in self.manifest.functions if function.code == code and function.layers != layers
        ]
        return Program(
            policy=policy,
            facts=Facts(bundle, tuple(facts)),
            architecture=str(architecture),
            handlers=tuple(function.handler for function in functions),
            names=tuple(function.name for function in functions),
            environment=tuple(sorted(in_all)),
            variables=tuple(function.environment for function in functions),
            elsewhere=tuple(function.handler for function in others),
        )

    def _siblings(self, key: SetKey) -> tuple[Program, ...]:
        """The programs of the functions with other archives, without those that cannot be had."""
        programs: dict[int, Program] = {}
        for function in self.manifest.functions:
            if self.key(function) != key:
                with contextlib.suppress(SourceUnavailable):
                    program = self.subject(function).program
                    programs[id(program)] = program
        return tuple(programs.values())

    def _masked(self, tree: Path, archives: Sequence[Archive]) -> Path:
        return self._store.masked(tree) if any(needs_mask(archive.entries) for archive in archives) else tree


def _place(source: Source, role: Role) -> ArchiveKey:
    return source.text if source.path is None else str(source.path), role
