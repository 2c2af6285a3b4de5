"""The functions of an account: listed page by page, downloaded where their code is not here, resumed where it ended."""

# More than 300 lines: one reading of an account, which its state resumes at each step.

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from harness import regular_files
from harness.artifact.entries import Role
from harness.cache import sealed
from harness.manifest import Architecture, Function, Manifest, Source, SourceKind
from harness.model import UsageError
from harness.policy import KNOWN_RUNTIMES, unverifiable
from harness.sources.aws import asking
from harness.sources.aws_packages import hexadecimal
from harness.sources.download_cache import FOLDER, Downloads
from harness.sources.fetch import Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from harness.sources.aws import Aws

CALLS_PER_SECOND: Final = 15.0
"""Of all control plane calls of Lambda together, by its quotas; an account shares them with its deploys."""
_SCHEMA: Final = "lambda-artifact/fleet-state/v1"


class Listed(msgspec.Struct, frozen=True):
    """A function, as ``ListFunctions`` has it, without the values of its variables.

    Attributes:
        sha256: Of its code, in hexadecimal.
        layers: The ARNs of its layers, in Lambda's order.
        tags: Where tags were asked for.
        reason: Why it cannot be verified; empty where it can.
    """

    name: str
    arn: str
    sha256: str
    handler: str
    runtime: str
    architecture: str
    memory: int
    timeout: int
    tmp: int
    variables: tuple[str, ...]
    layers: tuple[str, ...]
    tags: dict[str, str] = {}
    reason: str = ""


class State(msgspec.Struct):
    """What is known of an account, so that an interrupted run goes on where it ended.

    Attributes:
        scope: What was asked for; a state of something else is not used.
        marker: Of the next page; None where there is none.
        is_listed: Whether all pages were read.
        functions: What was listed.
        layers: The SHA-256 of each version of a layer, which never changes.
    """

    scope: str
    schema: str = _SCHEMA
    marker: str | None = None
    is_listed: bool = False
    functions: list[Listed] = []
    tags: dict[str, dict[str, str]] | None = None
    layers: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class AccountMember:
    """A deployed function, whose archives are here.

    Attributes:
        code: The archive.
        layers: The archives of its layers, in their order, each with its ARN.
    """

    name: str
    team: str
    listed: Listed
    code: Path
    layers: tuple[tuple[str, Path], ...]

    @property
    def archives(self) -> tuple[Path, ...]:
        """All files that it needs, which a worker may therefore be sent."""
        return self.code, *(path for _, path in self.layers)

    def at(self, archives: tuple[Path, ...]) -> AccountMember:
        """The same with its archives at other places, in the same order."""
        code, *layers = archives
        return replace(self, code=code, layers=tuple(zip((arn for arn, _ in self.layers), layers, strict=True)))

    def manifest(self, environ: Mapping[str, str]) -> Manifest:
        """See :class:`harness.fleet.values.Member`; variables are set, but their values are not here."""
        del environ
        listed = self.listed
        code = Source(f"function:{self.name}", self.code, SourceKind.LOCAL)
        layers = tuple(Source(arn, path, SourceKind.LOCAL) for arn, path in self.layers)
        function = Function(
            name=self.name,
            handler=listed.handler,
            code=code,
            layers=layers,
            memory=listed.memory,
            timeout=listed.timeout,
            environment=tuple((name, "") for name in listed.variables),
            events=(),
            stated=frozenset({"memory", "timeout"}),
            tmp=listed.tmp,
        )
        architecture = Architecture(listed.architecture)
        return Manifest(None, listed.runtime, architecture, code, layers, (), (), None, None, (function,), ())


@dataclass(frozen=True, slots=True)
class UnverifiedMember:
    """A function that is written in Python and cannot be verified, so that nothing is said of it by silence."""

    name: str
    team: str
    reason: str

    def manifest(self, environ: Mapping[str, str]) -> Manifest:
        """See :class:`harness.fleet.values.Member`.

        Raises:
            UsageError: Always, with the reason.
        """
        del environ
        raise UsageError(self.reason)


@dataclass
class Account:
    """Lists and downloads, within the quota.

    Attributes:
        prefix: Of the names of functions; empty for all.
        tags: That functions must have.
        team_tag: The tag that names the team.
        state_file: Where it is written how far it is.
        pause: Waits so many seconds.
    """

    aws: Aws
    cache: Path
    state_file: Path
    progress: Callable[[str], None]
    prefix: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    team_tag: str | None = None
    rate: float = CALLS_PER_SECOND
    pause: Callable[[float], object] = time.sleep
    _next: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def members(self) -> tuple[list[AccountMember | UnverifiedMember], dict[str, str]]:
        """The functions in Python, whose archives are here now, and the others, each with what it is.

        Raises:
            SourceUnavailable: AWS refuses or does not answer; what is known is in the state file.
        """
        state = self._listed()
        sources, downloads = Sources(self.cache, lambda _: None, self.aws), Downloads(self.cache / FOLDER)
        members, others = list[AccountMember | UnverifiedMember](), dict[str, str]()
        wanted = [one for one in state.functions if self.tags.items() <= one.tags.items()]
        for number, one in enumerate(wanted, 1):
            self.progress(f"{number:,} of {len(wanted):,} functions: {one.name}")
            team = one.tags.get(self.team_tag or "", "")
            if one.reason and _is_python(one.runtime):
                members.append(UnverifiedMember(one.name, team, one.reason))
            elif one.reason:
                others[one.name] = one.reason
            if one.reason:
                continue
            code = self._archive(sources, downloads, one.arn, one.sha256, Role.CODE)
            layers = []
            for arn in one.layers:
                path = self._archive(sources, downloads, arn, state.layers.get(arn), Role.LAYER)
                if arn not in state.layers:
                    state.layers[arn] = path.stem
                    self._save(state)
                layers.append((arn, path))
            members.append(AccountMember(one.name, team, one, code, tuple(layers)))
        self._save(msgspec.structs.replace(state, is_listed=False, marker=None, functions=[], tags=None))
        return members, others

    def _archive(self, sources: Sources, downloads: Downloads, arn: str, sha256: str | None, role: Role) -> Path:
        """An archive, downloaded where these bytes are not here yet."""
        if sha256 and (known := downloads.find(arn, sha256)):
            return known[0]
        self._wait()
        return sources.archive(Source(arn, None, SourceKind.REMOTE), role).path

    def _listed(self) -> State:
        """The state with all pages read."""
        state = self._state()
        if state.tags is None and (self.tags or self.team_tag):
            state.tags = dict(self._tags())
            self._save(state)
        client = self.aws.client("lambda")
        while not state.is_listed:
            self._wait()
            with asking("lambda", "ListFunctions", "the functions of the account"):
                page = client.list_functions(Marker=state.marker) if state.marker else client.list_functions()
            for function in page["Functions"]:
                if function["FunctionName"].startswith(self.prefix):
                    self._add(function, state)
            state.marker = page.get("NextMarker")
            state.is_listed = state.marker is None
            self._save(state)
            self.progress(f"{len(state.functions):,} functions")
        return state

    def _add(self, function: Mapping[str, Any], state: State) -> None:
        runtime, reason = function.get("Runtime", ""), ""
        if function.get("PackageType") == "Image":
            reason = "it is deployed as an image"
        elif not _is_python(runtime):
            reason = f"it runs on {runtime}"
        elif runtime not in KNOWN_RUNTIMES:
            reason = unverifiable(runtime)
        listed = Listed(
            name=function["FunctionName"],
            arn=function["FunctionArn"],
            sha256=hexadecimal(function.get("CodeSha256")) or "",
            handler=function.get("Handler", ""),
            runtime=runtime,
            architecture=next(iter(function.get("Architectures", ())), "x86_64"),
            memory=function.get("MemorySize", 128),
            timeout=function.get("Timeout", 3),
            tmp=function.get("EphemeralStorage", {}).get("Size", 512),
            variables=tuple(sorted(function.get("Environment", {}).get("Variables", {}))),
            layers=tuple(layer["Arn"] for layer in function.get("Layers", ())),
            tags=(state.tags or {}).get(function["FunctionArn"], {}),
            reason=reason,
        )
        state.functions.append(listed)

    def _tags(self) -> Iterator[tuple[str, dict[str, str]]]:
        """The tags of all functions, a hundred with each call."""
        client = self.aws.client("resourcegroupstaggingapi")
        token = ""
        while True:
            self._wait()
            with asking("resourcegroupstaggingapi", "GetResources", "the tags of the functions"):
                page = client.get_resources(
                    ResourceTypeFilters=["lambda:function"], ResourcesPerPage=100, PaginationToken=token
                )
            for one in page["ResourceTagMappingList"]:
                yield one["ResourceARN"], {tag["Key"]: tag["Value"] for tag in one.get("Tags", ())}
            if not (token := page.get("PaginationToken", "")):
                return

    def _wait(self) -> None:
        """Wait until another call is within the quota."""
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                self.pause(self._next - now)
            self._next = max(now, self._next) + 1 / self.rate

    @property
    def _scope(self) -> str:
        asked = (self.aws.profile, self.aws.region, self.prefix, bool(self.tags or self.team_tag))
        return msgspec.json.encode(asked).decode()

    def _state(self) -> State:
        """The state of an earlier run of the same; an empty one without.

        Raises:
            UsageError: The file is something else.
        """
        try:
            state = msgspec.json.decode(regular_files.read(self.state_file, regular_files.LARGEST_ARCHIVE), type=State)
        except FileNotFoundError:
            return State(self._scope)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"--state {self.state_file}: no state of a fleet: {error}; name another file") from error
        return (
            state if (state.schema, state.scope) == (_SCHEMA, self._scope) else State(self._scope, layers=state.layers)
        )

    def _save(self, state: State) -> None:
        self.state_file.parent.mkdir(parents=True, exist_ok=True)
        sealed.replace_file(self.state_file, msgspec.json.encode(state))


def _is_python(runtime: str) -> bool:
    return runtime.startswith("python")
