"""The functions of the manifest with the digests of their archives, without the value of any variable."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.artifact.entries import Role
from harness.manifest.deployed_names import filled, unnamed
from harness.model import UsageError
from harness.preflight.account import LayerRef, Undone
from harness.preflight.deployment import Planned, PlannedArchive
from harness.preflight.responses import measured
from harness.sources.aws import AwsUnavailable
from harness.sources.aws_resources import LambdaFunction, LayerVersion, parse
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.manifest import Function, Manifest, Source
    from harness.sources.fetch import Sources

OF_CODE = ("siblings", "alias-behind", "layer-behind")
_MISSING = "ResourceNotFoundException"
OF_LAYER = ("layer-behind", "layer-goes-back", "layer-republished")


@dataclass
class PlanReader:
    """Reads each archive once.

    Attributes:
        undone: What could not be read.
    """

    manifest: Manifest
    sources: Sources
    progress: Callable[[str], None]
    undone: list[Undone] = field(default_factory=list)
    _known: dict[tuple[str, Role], PlannedArchive] = field(default_factory=dict)

    def functions(self) -> tuple[Planned, ...]:
        """The functions that are to be deployed.

        Raises:
            UsageError: One has no name that could be one in the account.
        """
        if not self.manifest.functions:
            raise UsageError("no function is declared: add a [functions.NAME] table with handler, or --handler NAME")
        return tuple(self._function(function) for function in self.manifest.functions)

    def _function(self, function: Function) -> Planned:
        called = function.deployed_as or filled("{function}", function.name)
        if called is None:
            raise UsageError(unnamed(function.name))
        name, alias, region = split(called)
        return Planned(
            name=function.name,
            function=name,
            alias=alias,
            region=region,
            runtime=self.manifest.runtime,
            architecture=str(self.manifest.architecture),
            handler=function.handler,
            memory=function.memory if "memory" in function.stated else None,
            timeout=function.timeout if "timeout" in function.stated else None,
            variables=measured(dict(function.environment)),
            code=self._archive(function.code, Role.CODE, None),
            layers=self._layers(function),
            tenant_isolation=function.tenant_isolation,
        )

    def _layers(self, function: Function) -> tuple[PlannedArchive, ...]:
        names: Sequence[str | None] = function.layers_deployed_as or (None,) * len(function.layers)
        found = []
        for source, name in zip(function.layers, names, strict=True):
            try:
                found += [self._archive(one, Role.LAYER, name) for one in self.sources.layers((source,))]
            except SourceUnavailable as reason:
                self._leave(OF_LAYER, str(reason))
                found.append(PlannedArchive(source.text, None, called=name))
        return tuple(found)

    def _archive(self, source: Source, role: Role, called: str | None) -> PlannedArchive:
        key = (source.text if source.path is None else str(source.path), role)
        if key not in self._known:
            self._known[key] = self._read(source, role, called)
        return self._known[key]

    def _read(self, source: Source, role: Role, called: str | None) -> PlannedArchive:
        named = None if source.path is not None else parse(source.text)
        checks = OF_CODE if role is Role.CODE else OF_LAYER
        arn = LayerRef(named.arn) if isinstance(named, LayerVersion) else None
        self.progress(f"reading {source.text}")
        try:
            if isinstance(named, LambdaFunction | LayerVersion):
                digest = base64.b64encode(bytes.fromhex(self.sources.sha256(source, role))).decode()
                return PlannedArchive(source.text, digest, arn=arn, called=called)
            archive = self.sources.archive(source, role)
        except SourceUnavailable as reason:
            gone = arn is not None and isinstance(reason, AwsUnavailable) and reason.code == _MISSING
            if not gone:  # that it is not there is known, and becomes a finding
                self._leave(checks, str(reason))
            return PlannedArchive(source.text, None, arn=arn, called=called, gone=gone)
        if archive.is_folder:
            self._leave(checks, f"{source.text} is a folder, and Lambda gets an archive: name the zip that is deployed")
        return PlannedArchive(source.text, archive.code_sha256, archive.zipped_bytes, called=called, archive=archive)

    def _leave(self, checks: tuple[str, ...], reason: str) -> None:
        undone = Undone(checks, None, reason)
        if undone not in self.undone:
            self.undone.append(undone)


def split(called: str) -> tuple[str, str | None, str | None]:
    """A function's name or ARN, its alias and its region, of what the manifest says."""
    if (named := parse(called)) is not None and isinstance(named, LambdaFunction):
        return named.function, named.qualifier, named.region
    name, _, alias = called.partition(":")
    return name, alias or None, None
