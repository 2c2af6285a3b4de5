"""The verdict cache: what is not the same in every respect is made anew, and so is what was changed or is foreign."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import harness
from fixtures.broken import mini
from fixtures.small_base import CODE, SITE
from harness import regular_files
from harness.catalogue import waivable
from harness.cli import run
from harness.engines.protocol import Exceeded, Exited
from harness.manifest import load
from harness.model import ExitCode, Report
from harness.policy import KNOWN_RUNTIMES
from harness.reporters import FORMATS
from harness.session import request_digest, verdicts
from harness.session.verdicts import FolderStore, VerdictCache
from harness.verify import verify
from tests import aws
from tests.build import TODAY, FakeEngine, observation, settings
from tests.repositories import repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.aws import Account

MANIFEST = """
code = "build/code.zip"
layers = ["build/first.zip", "build/second.zip"]
requirements = ["requirements.txt"]
project = "pyproject.toml"
source = "src"
inputs = ["build.sh"]
required-files = ["VERSION"]
baseline = "baseline.json"
environment = { DATABASE_URL = "postgresql://u:p@localhost/db" }

[functions.api]
handler = "app.main.handler"
events = ["event.json"]

[[version-stamps]]
file = "VERSION"
environment = "RELEASE"

[[waivers]]
check = "unpinned"
match = "made-up"
reason = "it is made up"
expires = 2026-07-01
"""
FILES = {
    ".gitignore": "build/\n",
    ".python-version": "3.12\n",
    ".github/workflows/build.yml": "jobs: {a: {steps: [{uses: actions/setup-python@v5}]}}\n",
    "app/lambda-artifact.toml": MANIFEST,
    "app/requirements.txt": "made-up>=1\n",
    "app/pyproject.toml": '[project]\nname = "app"\nversion = "1"\ndependencies = ["made-up"]\n',
    "app/uv.lock": 'version = 1\n[[package]]\nname = "made-up"\nversion = "1.0"\n',
    "app/build.sh": "pip install -r requirements.txt -t build\n",
    "app/Dockerfile": "FROM public.ecr.aws/lambda/python:3.12\n",
    "app/event.json": json.dumps({"event": {"number": "1"}}),
    "app/seed.toml": '[[buckets]]\nname = "parcels"\n[[buckets.objects]]\nkey = "a"\nfile = "a.txt"\n',
    "app/a.txt": "a",
    "app/baseline.json": json.dumps({"schema": "lambda-artifact/baseline/v1", "findings": []}),
    **{f"app/src/{name}": text for name, text in CODE.items()},
}


class World:
    """A repository with everything that a verdict can depend on, and a verdict cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = repository(folder / "repository", FILES)
        self.app = self.folder / "app"
        self.engine = FakeEngine()
        self.environ = {"RELEASE": "1"}
        self.cache = VerdictCache("verdicts", FolderStore(folder / "verdicts"), writes=True)
        self.settings = settings(folder / "cache", self.engine)
        self.write("app/src/untracked.csv", "")
        self.archive("code", CODE)
        self.archive("first", {f"python/{name}": str(text) for name, text in SITE.items()})
        self.archive("second", {"python/second.py": "SECOND = 1\n"})

    def archive(self, name: str, files: Mapping[str, str]) -> None:
        (self.app / "build").mkdir(exist_ok=True)
        mini(self.app / f"build/{name}.zip", files)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def report(self, cache: VerdictCache | None = None) -> Report:
        path = self.app / "lambda-artifact.toml"
        manifest = load(path, runtimes=KNOWN_RUNTIMES, checks=waivable, environ=self.environ)
        return verify(manifest, replace(self.settings, verdicts=cache or self.cache))

    @property
    def entries(self) -> list[Path]:
        assert isinstance(self.cache.store, FolderStore)
        return sorted(self.cache.store.folder.glob("*"))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(harness, "__file__", str(_package(tmp_path)))
    request_digest.harness_sha256.cache_clear()
    return World(tmp_path)


def _package(folder: Path) -> Path:
    """A package in place of this one, which a test may change."""
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").touch()
    return folder / "package" / "__init__.py"


def _swapped(world: World) -> None:
    first, second = (world.app / "build" / f"{name}.zip" for name in ("first", "second"))
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


def _with(**changes: object) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.settings = replace(world.settings, **changes)  # type: ignore[arg-type] # each is of its field

    return change


def _package_changed(world: World) -> None:
    world.write("../package/new.py", "")
    request_digest.harness_sha256.cache_clear()


def _distribution_added(world: World) -> None:
    (world.folder / "new-1.0.dist-info").mkdir()
    sys.path.append(str(world.folder))
    try:
        request_digest.harness_sha256.cache_clear()
        request_digest.harness_sha256()
    finally:
        sys.path.remove(str(world.folder))


def _manifest(old: str, new: str) -> Callable[[World], None]:
    assert old in MANIFEST
    return lambda world: world.write("app/lambda-artifact.toml", MANIFEST.replace(old, new))


def _appended(name: str, text: str = "\n") -> Callable[[World], None]:
    return lambda world: world.write(name, FILES.get(name, "") + text)


CHANGES: dict[str, Callable[[World], object]] = {
    "the code": lambda world: world.archive("code", {**CODE, "new.py": ""}),
    "a layer": lambda world: world.archive("second", {"python/second.py": "SECOND = 2\n"}),
    "the order of the layers": _manifest(
        '"build/first.zip", "build/second.zip"', '"build/second.zip", "build/first.zip"'
    ),
    "the layers' names": _swapped,
    "a handler": _manifest("app.main.handler", "app.main.other"),
    "a function's name": _manifest("functions.api", "functions.web"),
    "a variable": _manifest("localhost/db", "localhost/other"),
    "an event": _appended("app/event.json"),
    "the memory": _manifest("[functions.api]", "[functions.api]\nmemory = 1024"),
    "the runtime": _manifest("[functions.api]", '[functions.api]\nruntime = "python3.13"'),
    "the architecture": _manifest("[functions.api]", '[functions.api]\narchitecture = "arm64"'),
    "a required file": _manifest('"VERSION"]', '"VERSION", "other"]'),
    "a severity": lambda world: world.write("app/lambda-artifact.toml", f'{MANIFEST}\n[severity]\nunpinned = "note"\n'),
    "a waiver": _manifest("it is made up", "it was made up"),
    "a waiver's end": _with(today=TODAY + timedelta(days=2)),
    "the baseline": _appended("app/baseline.json"),
    "a variable of the environment": lambda world: world.environ.update(RELEASE="2"),
    "the requirements": _appended("app/requirements.txt", "other==1\n"),
    "the project": _appended("app/pyproject.toml"),
    "the lock": _appended("app/uv.lock"),
    "an input": _appended("app/build.sh"),
    "a pipeline": _appended(".github/workflows/build.yml"),
    "a new pipeline": _appended(".github/workflows/other.yml"),
    "a Dockerfile": _appended("app/Dockerfile"),
    "a Dockerfile above": _appended("Dockerfile"),
    "a file of the Python's version": _appended(".python-version"),
    "a nearer file of the Python's version": _appended("app/.python-version", "3.11\n"),
    "a source": _appended("app/src/app/main.py"),
    "a new source": _appended("app/src/app/new.py"),
    "a source less": lambda world: (world.app / "src/app/main.py").unlink(),
    "what git ignores": _appended(".gitignore", "*.csv\n"),
    "the place in the repository": lambda world: (world.app / ".git").mkdir(),
    "the engine, its image or root": lambda world: setattr(world.engine, "known_as", "another"),
    "no engine": _with(static=True),
    "the checks": _with(select=("unzipped-size",)),
    "the checks left out": _with(skip=("unpinned",)),
    "strictness": _with(strict=True),
    "the limit of an init": _with(init_timeout=5.0),
    "an inventory": _with(inventory=True),
    "a profile of the init": _with(profile_init=True),
    "whole digests": _with(source_digests=True),
    "this package": _package_changed,
    "another distribution beside this package": _distribution_added,
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changes_the_report_is_made_anew(world: World, change: Callable[[World], object]) -> None:
    world.report()
    assert world.report().from_verdict_cache

    change(world)

    assert not world.report().from_verdict_cache


@pytest.mark.parametrize("name", ["app/seed.toml", "app/a.txt"])
def test_a_seed_and_what_it_names_are_a_part_of_the_request(world: World, name: str) -> None:
    _manifest("[functions.api]", '[functions.api]\naws-seed = "seed.toml"')(world)
    _with(static=True)(world)  # nothing is emulated then
    world.report()
    assert world.report().from_verdict_cache

    _appended(name)(world)

    assert not world.report().from_verdict_cache


def test_without_a_change_the_report_is_the_same_in_every_format(world: World) -> None:
    first, again = world.report(), world.report()

    assert len(world.engine.jobs) == 1
    assert replace(again, from_verdict_cache=False, seconds=first.seconds) == first
    texts = [
        {name: render(one) for name, render in FORMATS.items() if "cyclonedx" not in name} for one in (first, again)
    ]
    same = {name for name, text in texts[0].items() if text == texts[1][name]}
    assert same >= {"sarif", "github", "gitlab", "speedscope"}
    assert f"the verdict on 1 function is from the verdict cache: verified at {first.verified_at}" in " ".join(
        texts[1]["terminal"].split()
    )
    said = json.loads(texts[1]["json"])["from_verdict_cache"]
    assert said == {"functions": 1, "verified_at": first.verified_at}
    assert json.loads(texts[0]["json"])["from_verdict_cache"] is None


def test_the_entry_serves_another_checkout(world: World, tmp_path: Path) -> None:
    world.report()
    (tmp_path / "elsewhere").mkdir()
    world.folder.rename(tmp_path / "elsewhere" / "repository")
    world.folder = tmp_path / "elsewhere" / "repository"
    world.app = world.folder / "app"

    assert world.report().from_verdict_cache


def test_every_file_of_the_repository_that_a_check_opens_is_recorded(world: World) -> None:
    """By the interpreter's own word, which no reader of files can go around."""
    opened: set[str] = set()
    listening = [True]

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if listening[0] and event == "open" and isinstance(arguments[0], str) and arguments[1] != "w":
            opened.add(os.path.abspath(arguments[0]))  # noqa: PTH100 - as recorded

    sys.addaudithook(hear)
    try:
        with regular_files.recording() as record:
            world.report(replace(world.cache, writes=False))
    finally:
        listening[0] = False

    asked = {subject.partition("\0")[0] for _, subject in record.answers}
    inside = {path for path in opened if path.startswith(f"{world.folder}/")}
    assert str(world.app / "Dockerfile") in inside
    assert inside <= asked


@pytest.mark.parametrize(
    ("seen", "stored"),
    [
        pytest.param(observation(), 1, id="it passes"),
        pytest.param(observation(Exited(1, 0.1)), 1, id="it fails"),
        pytest.param(observation(Exceeded("timeout", 60.0)), 0, id="it was cut off by a limit"),
        pytest.param(None, 0, id="it could not be started"),
    ],
)
def test_only_what_was_judged_to_its_end_is_stored(world: World, seen: object, stored: int) -> None:
    world.engine.told = {"api": seen} if seen else {}  # type: ignore[dict-item] # an observation
    world.engine.missing = None if seen else "no engine."
    report = world.report()

    assert len(world.entries) == stored
    assert world.report().exit_code == report.exit_code
    assert world.report().from_verdict_cache == bool(stored)


def test_without_the_right_to_write_nothing_is_stored(world: World) -> None:
    report = world.report(replace(world.cache, writes=False))

    assert not report.from_verdict_cache
    assert not world.entries
    assert [note for note in report.notes if "does not exist; --write-verdict-cache makes it" in note]


def _tampered(world: World) -> None:
    path = world.entries[0]
    path.write_bytes(path.read_bytes().replace(b'"strict":false', b'"strict":true '))


def _under_another_name(world: World) -> None:
    name = world.entries[0].name
    world.write("app/event.json", "{}")
    world.report()
    other = next(path for path in world.entries if path.name != name)
    other.replace(world.entries[0].parent / name)
    world.write("app/event.json", FILES["app/event.json"])


def _rewritten(old: bytes, new: bytes) -> Callable[[World], None]:
    def change(world: World) -> None:
        payload = verdicts.unseal(world.entries[0].read_bytes())
        assert payload
        assert old in payload
        world.entries[0].write_bytes(verdicts.seal(payload.replace(old, new)))

    return change


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (_tampered, "it was changed since it was written, or nobody trusted has signed it"),
        (lambda world: world.entries[0].write_bytes(world.entries[0].read_bytes()[:-9]), "it was changed"),
        (lambda world: world.entries[0].write_bytes(b""), "it was changed"),
        (_under_another_name, "it is of another request"),
        (_rewritten(b"lambda-artifact/verdict/v1", b"lambda-artifact/verdict/v0"), "it is of another request"),
        (_rewritten(b'"engine":', b'"motor":'), "'motor'"),
        (_appended("app/Dockerfile"), "Dockerfile has changed since it was written"),
    ],
)
def test_an_entry_that_is_not_used_is_named_with_the_reason(
    world: World, damage: Callable[[World], object], why: str
) -> None:
    first = world.report()
    damage(world)

    again = world.report(replace(world.cache, writes=False))

    assert not again.from_verdict_cache
    assert again.verdict == first.verdict
    (note,) = set(again.notes) - set(first.notes)
    assert note.startswith("an entry of the verdict cache verdicts is not used: ")
    assert why in note


def test_what_changes_while_it_is_verified_is_not_stored(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(*_: object) -> bool:
        world.archive("code", {**CODE, "new.py": ""})
        return True

    monkeypatch.setattr(verdicts, "is_lasting", changed)

    assert "what was verified has changed meanwhile" in world.report().notes[-1]
    assert not world.entries


def _written(folder: Path, number: int, start: object) -> None:
    store = FolderStore(folder)
    start.wait()  # type: ignore[attr-defined] # a barrier
    for _ in range(200):
        store.save("entry.json", verdicts.seal(bytes([number]) * 100_000))


def test_two_that_write_at_once_leave_a_sound_store(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    writers = [context.Process(target=_written, args=(tmp_path / "store", number, start)) for number in (1, 2)]
    for writer in writers:
        writer.start()
    start.wait()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        if (document := FolderStore(tmp_path / "store").load("entry.json")) is not None:
            payload = verdicts.unseal(document)
            assert payload is not None
            seen.add(payload[:1])

    assert [writer.exitcode for writer in writers] == [0, 0]
    assert seen <= {b"\1", b"\2"}
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["entry.json"]


class TestCommand:
    """The options, with real stores and keys."""

    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        mini(tmp_path / "code.zip", {"app.py": "def handler(event, context):\n    return 1\n"})
        monkeypatch.chdir(tmp_path)
        for name in ("gate", "other"):
            key = Ed25519PrivateKey.generate()
            private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            (tmp_path / f"{name}.pem").write_bytes(private)
            (tmp_path / f"{name}.pub").write_bytes(public)
        return tmp_path

    @pytest.fixture
    def account(self, moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
        for account in aws.accounts(moto):
            for name, value in account.environ.items():
                monkeypatch.setenv(name, value)
            yield account

    def cached(self, capfd: pytest.CaptureFixture[str], *options: str, **environ: str) -> tuple[bool, list[str]]:
        """Whether the verdict came from the cache, and the notes."""
        capfd.readouterr()
        environ |= {"LAMBDA_ARTIFACT_CACHE": str(Path("cache").absolute())}
        code = run(["verify", "--code", "code.zip", "--engine", "none", "--format", "json", *options], environ)
        said = json.loads(capfd.readouterr().out)
        assert code == ExitCode.OK
        return said["from_verdict_cache"] is not None, said["notes"]

    def test_a_folder(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        place, writing = f"{folder}/verdicts", "--write-verdict-cache"
        named = {"LAMBDA_ARTIFACT_VERDICT_CACHE": place}

        assert not self.cached(capfd, "--verdict-cache", place)[0]
        assert not Path(place).exists()
        report = f"json={folder}/report.json"
        (folder / "report.json").touch()
        assert not self.cached(capfd, "--verdict-cache", place, writing, "--output", report)[0]
        assert self.cached(capfd, "--verdict-cache", place, "--output", report)[0]
        assert self.cached(capfd, **named)[0]
        assert not self.cached(capfd, "--no-verdict-cache", **named)[0]
        assert not self.cached(capfd)[0]

    @pytest.mark.parametrize(
        ("wrote", "reads", "used"),
        [
            ((), (), True),
            ((), ("--verdict-cache-signer", "gate.pub"), False),
            (("--verdict-cache-key", "gate.pem"), ("--verdict-cache-signer", "gate.pub"), True),
            (("--verdict-cache-key", "other.pem"), ("--verdict-cache-signer", "gate.pub"), False),
            (("--verdict-cache-key", "gate.pem"), (), False),
        ],
    )
    def test_signatures(
        self, folder: Path, capfd: pytest.CaptureFixture[str], wrote: list[str], reads: list[str], *, used: bool
    ) -> None:
        place = f"{folder}/verdicts"
        self.cached(capfd, "--verdict-cache", place, "--write-verdict-cache", *wrote)

        is_cached, notes = self.cached(capfd, "--verdict-cache", place, *reads)

        assert is_cached == used
        assert any("nobody trusted has signed it" in note for note in notes) != used

    @pytest.mark.usefixtures("folder")
    def test_s3(self, capfd: pytest.CaptureFixture[str], account: Account) -> None:
        place, s3 = "s3://verdicts/lambda", account.s3
        s3.create_bucket(Bucket="verdicts", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

        assert self.cached(capfd, "--verdict-cache", place, "--write-verdict-cache") == (False, [])
        assert self.cached(capfd, "--verdict-cache", place) == (True, [])
        assert len(s3.list_objects_v2(Bucket="verdicts", Prefix="lambda/")["Contents"]) == 1
        is_cached, (note,) = self.cached(capfd, "--verdict-cache", "s3://absent/lambda")
        assert not is_cached
        assert "the verdict cache s3://absent/lambda cannot be read: " in note

    @pytest.mark.parametrize(
        "options",
        [
            ["--write-verdict-cache"],
            ["--verdict-cache-signer", "gate.pub"],
            ["--verdict-cache", "v", "--no-verdict-cache"],
            ["--verdict-cache", "v", "--verdict-cache-key", "gate.pem"],
            ["--verdict-cache", "v", "--write-verdict-cache", "--verdict-cache-signer", "gate.pub"],
            ["--verdict-cache", "v", "--verdict-cache-signer", "gate.pem"],
            ["--verdict-cache", "s3://bucket"],
        ],
    )
    @pytest.mark.usefixtures("folder")
    def test_what_makes_no_sense_is_refused(self, options: list[str]) -> None:
        assert run(["verify", "--code", "code.zip", "--engine", "none", *options], {}) == ExitCode.USAGE
