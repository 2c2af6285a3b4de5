"""Turn the tables of a manifest into its values: options win over the file, a function over what it inherits."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.manifest import deployed_names
from harness.manifest.functions import Functions, Known, unknown_runtime
from harness.manifest.scopes import Scope, first, value
from harness.manifest.values import (
    Architecture,
    Function,
    Manifest,
    ManifestError,
    VersionStamp,
    Waiver,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.manifest.tables import ManifestTable

DEFAULT_RUNTIME = "python3.12"
STARTS = "handler-imports"
"""The check whose errors are functions that do not start."""


def resolve(
    path: Path | None,
    scopes: Sequence[Scope[ManifestTable]],
    events: tuple[str, ...],
    known: Known,
) -> Manifest:
    """The manifest of all scopes; everything that it names on this machine exists.

    Args:
        path: The file, where there is one.
        scopes: The options, then the file; an earlier one wins.
        events: Those of the options, which replace every function's.
        known: The names that they may refer to.

    Raises:
        ManifestError: With everything that is missing or unknown.
    """
    resolver = _Resolver(scopes, events, known)
    manifest = resolver.manifest(path, known) if known.archives else resolver.inputs(path, known)
    if resolver.problems:
        # What functions share is resolved for each of them, and reported once.
        raise ManifestError(tuple(dict.fromkeys(resolver.problems)))
    return manifest


class _Resolver(Functions):
    """Resolves a whole manifest."""

    def inputs(self, path: Path | None, known: Known) -> Manifest:
        """The inputs of the build, which are there before the archives."""
        return Manifest(
            path=path,
            runtime=self.runtime(known.runtimes),
            architecture=value(self.scopes, lambda table: table.architecture, Architecture.X86_64),
            code=None,
            layers=(),
            required_files=(),
            requirements=self.files(lambda table: table.requirements, "requirements"),
            project=self.project(),
            upload=None,
            functions=(),
            waivers=(),
            inputs=self.files(lambda table: table.inputs, "inputs"),
        )

    def manifest(self, path: Path | None, known: Known) -> Manifest:
        code, layers = self.code(self.scopes), self.layers(self.scopes)  # their problems come first
        manifest = replace(
            self.inputs(path, known),
            code=code,
            layers=layers,
            required_files=value(self.scopes, lambda table: table.required_files, ()),
            upload=value(self.scopes, lambda table: table.upload, None),
            source=self.source_folder(self.scopes),
            source_excludes=value(self.scopes, lambda table: table.source_excludes, ()),
            version_stamps=tuple(self.version_stamps(known.environ)),
            functions=self.distinct(tuple(self.functions())),
            waivers=tuple(self.waivers(known.checks)),
            baseline=self.baseline(),
            severity=tuple(self.severity(known.checks)),
        )
        if manifest.code is None and not any(scope.table.functions for scope in self.scopes) and known.template is None:
            self.problems.append("nothing to verify: name the archive of the code in `code` or with --code")
        return manifest

    def distinct(self, functions: tuple[Function, ...]) -> tuple[Function, ...]:
        self.problems += deployed_names.twice(functions)
        return functions

    def runtime(self, known: Collection[str]) -> str:
        runtime, scope = first(self.scopes, lambda table: table.runtime) or (DEFAULT_RUNTIME, self.scopes[0])
        if runtime not in known:
            self.problems.append(f"{scope.where('runtime')}: {unknown_runtime(runtime, known)}")
        return runtime

    def waivers(self, checks: Callable[[], Collection[str]] | None) -> Iterator[Waiver]:
        for scope in self.scopes:
            for index, waiver in enumerate(scope.table.waivers):
                self.known_check(waiver.check, checks, scope.where("waivers", index, "check"))
                yield Waiver(waiver.check, waiver.match, waiver.reason, waiver.expires)

    def severity(self, checks: Callable[[], Collection[str]] | None) -> Iterator[tuple[str, str]]:
        for scope in self.scopes:
            for check, level in scope.table.severity.items():
                where = scope.where("severity", check)
                self.known_check(check, checks, where)
                if check == STARTS and level != "error":
                    self.problems.append(
                        f"{where}: a handler that does not start stays an error; [[waivers]] accepts one, with a reason"
                    )
                yield check, level

    def known_check(self, check: str, checks: Callable[[], Collection[str]] | None, where: str) -> None:
        if checks is not None and check not in (known := checks()):
            near = difflib.get_close_matches(check, known, n=1)
            hint = f": did you mean {near[0]}?" if near else "; `lambda-artifact checks` lists them"
            self.problems.append(f"{where}: no check is named {check}{hint}")

    def baseline(self) -> Path | None:
        declared = first(self.scopes, lambda table: table.baseline)
        return declared[1].folder / declared[0] if declared else None

    def files(self, get: Callable[[ManifestTable], tuple[str, ...] | None], key: str) -> tuple[Path, ...]:
        return self.files_of(self.scopes, get, key) or ()

    def version_stamps(self, environ: Mapping[str, str]) -> Iterator[VersionStamp]:
        tables, scope = first(self.scopes, lambda table: table.version_stamps) or ((), self.scopes[0])
        for index, table in enumerate(tables):
            if [table.equals, table.environment, table.commit].count(None) != 2:  # noqa: PLR2004 - one of the three
                where = scope.where("version-stamps", index)
                self.problems.append(f"{where}: say what {table.file} must hold: `equals`, `environment` or `commit`")
            value = environ.get(table.environment) if table.environment else None
            yield VersionStamp(
                table.file, table.key, table.equals, table.environment, value, commit=table.commit is True
            )

    def project(self) -> Path | None:
        declared = first(self.scopes, lambda table: table.project)
        if declared is None:
            return None
        text, scope = declared
        return self.paths.file(scope.folder / text, scope.where("project"))
