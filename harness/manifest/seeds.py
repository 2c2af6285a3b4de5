"""What emulated AWS services hold before a handler is started: the seed file that ``aws-seed`` names."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec
from msgspec import Meta, Struct

from harness import opening
from harness.manifest.explain import NATIVE, At, InFile, diagnose
from harness.manifest.values import ManifestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

# Where a handler's own variables would lead its SDK past the emulator.
ENDPOINTS = frozenset(
    {
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_SQS",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    }
)
MOST = 100_000  # things in one seed: more would take longer to put there than a handler takes to look at them
KEY_BYTES = 1024
NUMBER = re.compile(r"\{number(?::(0?[1-9][0-9]?))?\}")

Text: TypeAlias = Annotated[str, Meta(pattern=r"\A[^\x00]+\Z", description="a string that is not empty")]
Content: TypeAlias = Annotated[str, Meta(description="a string")]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=MOST, description=f"a whole number from 1 to {MOST:,}")]
First: TypeAlias = Annotated[int, Meta(ge=0, description="a whole number from 0 on")]
BucketName: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"\A[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z",
        description="a bucket's name (3 to 63 small letters, digits, dots and hyphens)",
    ),
]
QueueName: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"\A(?=.{1,80}\Z)[A-Za-z0-9_-]+(\.fifo)?\Z",
        description="a queue's name (to 80 letters, digits, hyphens and underscores; a FIFO queue's ends in .fifo)",
    ),
]
SecretName: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9/_+=.@-]{1,512}\Z",
        description="a secret's name (to 512 letters, digits and any of /_+=.@-)",
    ),
]


class ObjectTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """``[[buckets.objects]]``: one object, or with ``count`` as many, with their number in key and text."""

    key: Text
    prefix: Content = ""
    count: Count | None = None
    first: First = 1
    text: Content | None = None
    file: Text | None = None


class BucketTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """``[[buckets]]``."""

    name: BucketName
    objects: tuple[ObjectTable, ...] = ()


class MessageTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """``[[queues.messages]]``: one message, or with ``count`` as many; ``group`` is a FIFO queue's."""

    count: Count | None = None
    first: First = 1
    text: Text | None = None
    file: Text | None = None
    group: Text | None = None


class QueueTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """``[[queues]]``."""

    name: QueueName
    messages: tuple[MessageTable, ...] = ()


class SecretTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """``[[secrets]]``."""

    name: SecretName
    text: Text | None = None
    file: Text | None = None


class SeedTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """The file."""

    buckets: tuple[BucketTable, ...] = ()
    queues: tuple[QueueTable, ...] = ()
    secrets: tuple[SecretTable, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """Something with a content: an object by its key, a message by its group, a secret by its name.

    Attributes:
        text: The content, where the seed has it.
        file: The file that has it otherwise.
    """

    name: str
    text: str
    file: Path | None


@dataclass(frozen=True, slots=True)
class Seed:
    """What the services hold.

    Attributes:
        name: The file as the user wrote it.
        path: The file.
        buckets: By name, the objects in each.
        queues: By name, the messages in each.
    """

    name: str
    path: Path
    buckets: tuple[tuple[str, tuple[Held, ...]], ...] = ()
    queues: tuple[tuple[str, tuple[Held, ...]], ...] = ()
    secrets: tuple[Held, ...] = ()


def read(name: str, path: Path) -> Seed:
    """Read a seed file: TOML, or JSON where its name ends in ``.json``.

    Args:
        name: The file as the user wrote it.
        path: The file; what it names is relative to its folder.

    Raises:
        OSError: The file cannot be read.
        ManifestError: It is not what it should be, with every problem that could be told at once.
    """
    said = opening.read(path)
    try:
        text = said.decode()
        table: object = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, not TOML
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise ManifestError((f"{path}: not {kind}: {error}",)) from None
    place = InFile(path, "" if path.suffix == ".json" else text, ())
    try:
        seed = msgspec.convert(table, SeedTable, builtin_types=NATIVE)
    except msgspec.ValidationError as error:
        problems = tuple(f"{place(at)}: {sentence}" for at, sentence in diagnose(table, SeedTable))
        raise ManifestError(problems or (f"{path}: {error}",)) from None
    reader = _Reader(path, place)
    made = reader.seed(name, seed)
    if reader.problems:
        raise ManifestError(tuple(reader.problems))
    return made


class _Reader:
    """Collects the problems on the way, so that one run names them all."""

    def __init__(self, path: Path, place: Callable[[At], str]) -> None:
        self.path, self.place = path, place
        self.problems: list[str] = []
        self.room = MOST

    def seed(self, name: str, table: SeedTable) -> Seed:
        buckets = [
            (bucket.name, tuple(self.objects(bucket, ("buckets", index)))) for index, bucket in enumerate(table.buckets)
        ]
        queues = [
            (queue.name, tuple(self.messages(queue, ("queues", index)))) for index, queue in enumerate(table.queues)
        ]
        secrets = [
            Held(secret.name, secret.text or "", self.file(secret, ("secrets", index)))
            for index, secret in enumerate(table.secrets)
        ]
        for key, names in (
            ("buckets", [bucket for bucket, _ in buckets]),
            ("queues", [queue for queue, _ in queues]),
            ("secrets", [secret.name for secret in secrets]),
        ):
            self.once(names, (key,))
        if self.room < 0:
            self.problems.append(f"{self.path}: it holds more than {MOST:,} objects and messages")
        return Seed(name, self.path, tuple(buckets), tuple(queues), tuple(secrets))

    def objects(self, bucket: BucketTable, at: At) -> Iterator[Held]:
        keys = list[str]()
        for index, table in enumerate(bucket.objects):
            here = (*at, "objects", index)
            file = self.file(table, here)
            if table.count is not None and not NUMBER.search(table.key):
                self.say((*here, "key"), "with `count`, every key needs its number: {number}, or {number:06}")
                continue
            for name, text in self.numbered(table.count, table.first, table.prefix + table.key, table.text):
                if len(name.encode()) > KEY_BYTES:
                    self.say((*here, "key"), f"a key has at most {KEY_BYTES:,} bytes: {name[:40]}…")
                    break
                keys.append(name)
                yield Held(name, text, file)
        self.once(keys, (*at, "objects"))

    def messages(self, queue: QueueTable, at: At) -> Iterator[Held]:
        fifo = queue.name.endswith(".fifo")
        for index, table in enumerate(queue.messages):
            here = (*at, "messages", index)
            file = self.file(table, here)
            if table.text is None and table.file is None:
                self.say(here, "a message has a `text` or a `file`")
            if fifo is not (table.group is not None):
                self.say(here, "a message of a FIFO queue has a `group`, and no other has one")
            for group, text in self.numbered(table.count, table.first, table.group or "", table.text):
                yield Held(group, text, file)

    def numbered(self, count: int | None, first: int, *patterns: str | None) -> Iterator[tuple[str, ...]]:
        """The patterns, as often as asked for, each time with the next number in them."""
        self.room -= count or 1
        if count is None:
            yield tuple(pattern or "" for pattern in patterns)
        elif self.room >= 0:
            for number in range(first, first + count):
                yield tuple(NUMBER.sub(_shown(number), pattern or "") for pattern in patterns)

    def file(self, table: ObjectTable | MessageTable | SecretTable, at: At) -> Path | None:
        if isinstance(table, SecretTable) and table.text is None and table.file is None:
            self.say(at, "a secret has a `text` or a `file`")
        if table.file is None:
            return None
        path = self.path.parent / table.file
        if table.text is not None:
            self.say(at, "`text` or `file`, not both")
        if not path.is_file():
            self.say((*at, "file"), f"{path} is not there" if not path.exists() else f"{path} is not a file")
        elif path.stat().st_size > opening.LARGEST_ARCHIVE:
            self.say((*at, "file"), f"{path} has more than {opening.LARGEST_ARCHIVE:,} bytes")
        return path

    def once(self, names: Iterable[str], at: At) -> None:
        for name in (name for name, times in Counter(names).items() if times > 1):
            self.say(at, f"{name} is there twice")
            break

    def say(self, at: At, sentence: str) -> None:
        self.problems.append(f"{self.place(at)}: {sentence}")


def _shown(number: int) -> Callable[[re.Match[str]], str]:
    """What stands where a pattern has the number: ``{number:06}`` has six digits."""
    return lambda found: format(number, f"{found[1] or ''}d")
