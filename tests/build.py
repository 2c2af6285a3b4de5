"""Values as the reading of archives, manifests and engines would make them, without archives, manifests or engines."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.artifact import folder as folder_reader
from harness.artifact.bundle import Bundle
from harness.artifact.entries import Archive, Entry, Kind, Refusal, Role
from harness.check import Subject
from harness.dependencies.comparison.dependency_lists import DependencyLists
from harness.dependencies.project import (
    MAIN,
    Asked,
    BuildInput,
    Declared,
    Edge,
    Group,
    Lock,
    Locked,
    Project,
)
from harness.dependencies.project import Kind as ListKind
from harness.engines.protocol import Answers, LambdaError, Observation, Ready, Unavailable
from harness.facts.archive import ArchiveFacts, analyse
from harness.facts.python.program import Program
from harness.facts.view import Facts
from harness.manifest import Architecture, Event, Function, Manifest, Source, SourceKind, Upload, Waiver
from harness.model import EngineInfo, Finding
from harness.policy import RuntimePolicy, runtime_policy
from harness.session.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.check import Check
    from harness.engines.protocol import Answer, Engine, Init, Job, Progress, Trace
    from harness.model import Note

POLICY = runtime_policy("python3.12")
TODAY = date(2026, 6, 30)


def entry(name: str, size: int = 1, mode: int = 0o644) -> Entry:
    """A file; a name with a trailing slash is a folder, one with an arrow a symlink: ``a -> b``."""
    path, arrow, target = name.partition(" -> ")
    if arrow:
        return Entry(path, Kind.SYMLINK, 0o777, target=target)
    if name.endswith("/"):
        return Entry(name.rstrip("/"), Kind.DIRECTORY, 0o755 if mode == 0o644 else mode)
    return Entry(name, size=size, mode=mode)


def archive(
    *contents: str | Entry,
    role: Role = Role.LAYER,
    source: str | None = None,
    zipped: int | None = 1,
    refusals: tuple[Refusal, ...] = (),
) -> Archive:
    """An archive of these entries; without a zipped size it is a folder."""
    source = source or f"{role}.zip"
    return Archive(
        role=role,
        source=source,
        path=Path(source),
        sha256="0" * 64,
        zipped_bytes=zipped,
        entries=tuple(one if isinstance(one, Entry) else entry(one) for one in contents),
        refusals=refusals,
        is_folder=zipped is None,
    )


def code(*contents: str | Entry, source: str = "code.zip", zipped: int | None = 1) -> Archive:
    """A code archive."""
    return archive(*contents, role=Role.CODE, source=source, zipped=zipped)


def bundle(*archives: Archive) -> Bundle:
    """The archives of a function: its code, and its layers in order."""
    own = next((one for one in archives if one.role is Role.CODE), None)
    return Bundle(own, tuple(one for one in archives if one.role is Role.LAYER))


def event(payload: str = "{}", expect: str | None = None, name: str = "event.json") -> Event:
    return Event(name, Path(name), payload, expect)


def source(text: str = "code.zip") -> Source:
    return Source(text, Path(text), SourceKind.LOCAL)


def function(  # noqa: PLR0913 - each has a default, and a test names the one that it is about
    name: str = "api",
    handler: str = "app.main.handler",
    *,
    events: tuple[Event, ...] = (),
    environment: Mapping[str, str] | None = None,
    code: str = "code.zip",
    layers: tuple[str, ...] = (),
) -> Function:
    declared = tuple((environment or {}).items())
    return Function(name, handler, source(code), tuple(map(source, layers)), 512, 30, declared, events)


def waiver(check: str, match: str, reason: str = "accepted", expires: date | None = None) -> Waiver:
    return Waiver(check, match, reason, expires)


def manifest(
    *functions: Function,
    required: tuple[str, ...] = (),
    upload: Upload | None = None,
    waivers: tuple[Waiver, ...] = (),
    code: str | None = "code.zip",
    layers: tuple[str, ...] = (),
) -> Manifest:
    return Manifest(
        path=None,
        runtime="python3.12",
        architecture=Architecture.X86_64,
        code=source(code) if code else None,
        layers=tuple(map(source, layers)),
        required_files=required,
        requirements=(),
        project=None,
        upload=upload,
        functions=functions,
        waivers=waivers,
    )


def subject(
    *archives: Archive,
    declared: Manifest | None = None,
    function: Function | None = None,
    facts: tuple[ArchiveFacts, ...] = (),
    project: Project | None = None,
) -> Subject:
    """What a check looks at; the facts are those of the archives, the code's first."""
    declared = declared or manifest(*(() if function is None else (function,)))
    merged = bundle(*archives)
    program = Program(
        policy=runtime_policy(declared.runtime),
        facts=Facts(merged, facts or (ArchiveFacts(),) * len(merged.archives)),
        architecture=str(declared.architecture),
        handlers=tuple(one.handler for one in declared.functions),
        names=tuple(one.name for one in declared.functions),
        environment=declared.functions[0].environment if declared.functions else (),
        variables=tuple(one.environment for one in declared.functions),
    )
    return Subject(declared, program.policy, merged, DependencyLists(program, project or Project(), declared), function)


def analysed(files: Mapping[str, str | bytes], role: Role = Role.CODE) -> tuple[Archive, ArchiveFacts]:
    """An archive of these files and what they say, by the real analysis."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "folder"
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        read = folder_reader.read(folder, f"{role}.zip", role)
        facts = analyse(read, POLICY.python, Path(scratch))
        facts.modules.faults(facts.modules)  # now: the files are gone in a moment
        dict(facts.modules)
    return replace(read, is_folder=False), facts


def program_of(
    code: Mapping[str, str | bytes] | None = None,
    *layers: Mapping[str, str | bytes],
    function: Function | None = None,
    declared: Manifest | None = None,
    project: Project | None = None,
) -> Subject:
    """What a check looks at, of files that are written here: the code's, then each layer's, by their names in it."""
    pairs = [analysed(code)] if code is not None else []
    pairs += [analysed(layer, Role.LAYER) for layer in layers]
    archives, facts = zip(*pairs, strict=True)
    return subject(*archives, facts=facts, function=function, declared=declared, project=project)


def observation(
    init: Init | None = None,
    *answers: Answer,
    function: str = "api",
    output: str = "",
    trace: Trace | None = None,
) -> Observation:
    """What happened to a handler; without a word it started in half a second."""
    return Observation(function, init or Ready(0.5), answers, 50 * 1024 * 1024, output, trace)


def error(kind: str, message: str = "", *stack: str) -> LambdaError:
    return LambdaError(kind, message, stack)


@dataclass(frozen=True)
class Seen:
    """The engines of a check that was told in advance what each function will do."""

    observations: tuple[Observation, ...] = ()
    answers: tuple[str, ...] = ()

    def observe(self, function: Function) -> Observation:
        """See ``harness.check.Engines``."""
        for one in self.observations:
            if one.function == function.name:
                return one
        raise Unavailable("no engine here")

    def ask(self, subject: Subject, questions: Sequence[str]) -> tuple[str, ...]:
        """See ``harness.check.Engines``: the answers in the order in which they were told."""
        del subject
        if not self.answers:
            raise Unavailable("no engine here")
        return self.answers[: len(questions)]


@dataclass
class FakeEngine:
    """An engine that answers as it was told, and remembers its jobs.

    Attributes:
        told: What happens to a function, by its name; to any other, that it starts.
        missing: Why nothing can be run, where that is so.
        known_as: Its identity.
    """

    told: dict[str, Observation] = field(default_factory=dict)
    missing: str | None = None
    known_as: str = "fake"
    jobs: list[Job] = field(default_factory=list)

    def identity(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> str:
        """See ``harness.engines.protocol.Engine``."""
        del policy, architecture, progress
        return self.known_as

    def prepare(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> None:
        """See ``harness.engines.protocol.Engine``."""

    def run(self, job: Job, progress: Progress) -> Answers:
        """See ``harness.engines.protocol.Engine``."""
        progress("starting")
        if self.missing:
            raise Unavailable(self.missing)
        self.jobs.append(job)
        names = [start.function for start in job.starts]
        seen = tuple(replace(self.told.get(name, observation()), function=name) for name in names)
        return Answers(EngineInfo("fake", python="3.12.0"), seen)

    @property
    def started(self) -> list[list[str]]:
        """The functions of each job."""
        return [[start.function for start in job.starts] for job in self.jobs]


def settings(  # noqa: PLR0913 - the same
    cache: Path,
    engine: Engine | None = None,
    *,
    select: tuple[str, ...] = (),
    skip: tuple[str, ...] = (),
    static: bool = False,
    strict: bool = False,
) -> Settings:
    return Settings(
        engine=engine or FakeEngine(),
        cache=cache,
        progress=lambda _: None,
        today=TODAY,
        select=select,
        skip=skip,
        strict=strict,
        static=static,
    )


def said(check: Check, subject: Subject, *observations: Observation) -> list[Finding | Note]:
    """Everything that a check says."""
    return list(check.body(subject, Seen(observations)))


def findings(check: Check, subject: Subject, *observations: Observation) -> list[Finding]:
    """What a check finds."""
    return [one for one in said(check, subject, *observations) if isinstance(one, Finding)]


def asked(text: str, group: Group = MAIN, where: str = "requirements.txt:1") -> Asked:
    """A line that asks for something."""
    requirement = Requirement(text)
    return Asked(canonicalize_name(requirement.name), requirement, text, where, group)


def declaring(*main: str, name: str | None = None, **groups: tuple[str, ...]) -> Declared:
    """A pyproject.toml: its main dependencies, one a line from the tenth on, then those of its groups."""
    every = [(text, MAIN) for text in main]
    every += [(text, Group(ListKind.GROUP, group)) for group, texts in groups.items() for text in texts]
    lines = tuple(asked(text, group, f"pyproject.toml:{line}") for line, (text, group) in enumerate(every, 10))
    return Declared(Path("pyproject.toml"), "pyproject.toml", name, lines)


def building(*texts: str) -> BuildInput:
    """A requirements.txt, one requirement a line."""
    lines = tuple(asked(text, where=f"requirements.txt:{line}") for line, text in enumerate(texts, 1))
    return BuildInput((Path("requirements.txt"),), ("requirements.txt",), lines)


def locking(packages: Mapping[str, tuple[str, ...]]) -> Lock:
    """A poetry.lock: what each distribution, as ``name==version``, depends on; ``extra: name`` with an extra."""
    entries = []
    for line, (pin, names) in enumerate(packages.items(), 1):
        name, _, version = pin.partition("==")
        edges = tuple(Edge(required, extra=extra) for extra, _, required in (one.rpartition(": ") for one in names))
        entries.append(Locked(name, version, f"poetry.lock:{line}", dependencies=edges))
    return Lock(Path("poetry.lock"), "poetry.lock", "poetry", "2.1", tuple(entries))


def wheel(pin: str, *modules: str, requires: tuple[str, ...] = (), folder: str = "python/") -> dict[str, str]:
    """The files of an installed distribution."""
    name, _, version = pin.partition("==")
    top = name.replace("-", "_")
    files = {f"{folder}{module}": "" for module in modules or (f"{top}/__init__.py",)}
    info = f"{folder}{top}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
    record = "".join(f"{path.removeprefix(folder)},,\n" for path in files)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    return {**files, f"{info}/METADATA": metadata, f"{info}/RECORD": record, f"{info}/WHEEL": "Wheel-Version: 1.0\n"}
