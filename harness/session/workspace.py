"""What checks are about: each set of archives that functions share becomes one subject, and is analysed once."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from harness.artifact.bundle import Bundle
from harness.artifact.entries import Role
from harness.check import Subject
from harness.dependencies.comparison.dependency_lists import DependencyLists
from harness.dependencies.project_reader import read_project
from harness.facts.installed.inventory import inventory
from harness.facts.python.program import Program
from harness.facts.view import Facts
from harness.manifest import Architecture, Source
from harness.plain_text import few
from harness.policy import RuntimePolicy, runtime_policy
from harness.session.archives import Archives
from harness.sources.aws_notes import aws_notes
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.artifact.entries import Archive
    from harness.dependencies.project import Project
    from harness.manifest import Function, Manifest
    from harness.model import Component, Timing
    from harness.session.settings import Settings
    from harness.sources.fetch import Sources

SHOWN = 3
"""Undecided values of a function that a note names."""

SetKey: TypeAlias = tuple[Source | None, tuple[Source, ...], str, Architecture, tuple[Path, ...]]
"""Code, layers, runtime, architecture and requirements, as functions share them."""


@dataclass
class Workspace:
    """What the checks of a manifest are about: its archives, what Python makes of each set of them, its repository.

    Attributes:
        timings: How long each archive took.
    """

    manifest: Manifest
    settings: Settings
    timings: list[Timing] = field(default_factory=list)
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
    def archives(self) -> Archives:
        """The archives, read and analysed as they are asked for."""
        return Archives(self.settings, self.policy, self.timings)

    @property
    def sources(self) -> Sources:
        """Where archives come from."""
        return self.archives.sources

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
        read = self.archives.read
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
                code=self.archives.archive(code, Role.CODE) if code else None,
                layers=tuple(self.archives.archive(layer, Role.LAYER) for layer in self.sources.layers(layers)),
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

    def key(self, function: Function | None) -> SetKey:
        """What functions must share to be verified together."""
        manifest = self.manifest.of(function) if function else self.manifest
        code, layers = (function.code, function.layers) if function else (self.manifest.code, self.manifest.layers)
        return code, layers, manifest.runtime, manifest.architecture, manifest.requirements

    def _program(self, key: SetKey, bundle: Bundle) -> Program:
        """What Python makes of a set of archives; the same for all functions that share it."""
        code, layers, runtime, architecture, _ = key
        policy = runtime_policy(runtime)
        facts = [self.archives.facts(code, Role.CODE, policy.python)] if code else []
        facts += [self.archives.facts(layer, Role.LAYER, policy.python) for layer in self.sources.layers(layers)]
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
