"""The initial content of the emulated AWS: the seed file that ``aws-seed`` names."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from harness import regular_files
from harness.manifest.errors import NATIVE, At, InFile, diagnose
from harness.manifest.seed_tables import (
    MOST,
    BucketTable,
    ItemsTable,
    MessageTable,
    ObjectTable,
    ParameterTable,
    QueueTable,
    SecretTable,
    SeedTable,
)
from harness.manifest.values import ManifestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

_SERVICES = ("S3", "SQS", "SECRETS_MANAGER", "SSM", "STS", "KMS", "DYNAMODB", "SNS", "EVENTBRIDGE")
# The variables of a handler that would lead its SDK past the emulator.
ENDPOINTS = frozenset(
    {"AWS_ENDPOINT_URL", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", *(f"AWS_ENDPOINT_URL_{name}" for name in _SERVICES)}
)
REGION = "us-east-1"
"""Of the services of a seed file, and of every function."""
T = TypeVar("T")
KEY_BYTES = 1024
NUMBER = re.compile(r"\{number(?::(0?[1-9][0-9]?))?\}")


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
class Table:
    """A table of DynamoDB.

    Attributes:
        keys: The names of its partition key and, where it has one, its sort key.
        items: JSON texts, with types as DynamoDB's protocol writes them.
        types: Those of the keys (``S``, ``N`` or ``B``); without them, those that the first item's have.
    """

    name: str
    keys: tuple[str, ...]
    items: tuple[str, ...]
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seed:
    """The content of all services.

    Attributes:
        name: The file as the user wrote it.
        path: The file.
        buckets: By name, the objects in each.
        queues: By name, the messages in each.
        secure: The names of the parameters that are SecureStrings.
        keys: Aliases of keys.
        region: Of the services.
        implied: Whether it is no more than what a template declares. What a service then lacks may be there on Lambda,
            and a resource that the emulated service refuses is left out.
    """

    name: str
    path: Path
    buckets: tuple[tuple[str, tuple[Held, ...]], ...] = ()
    queues: tuple[tuple[str, tuple[Held, ...]], ...] = ()
    secrets: tuple[Held, ...] = ()
    parameters: tuple[Held, ...] = ()
    secure: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    keys: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    event_buses: tuple[str, ...] = ()
    region: str = REGION
    implied: bool = False

    def over(self, below: Seed) -> Seed:
        """This seed with what another one has besides; what both have is this one's."""
        merged: dict[str, Any] = {
            part: tuple({_name_of(one): one for one in (*getattr(below, part), *getattr(self, part))}.values())
            for part in _PARTS
        }
        return replace(self, region=below.region, **merged)


_PARTS = ("buckets", "queues", "secrets", "parameters", "tables", "keys", "topics", "event_buses")


def _name_of(part: str | Held | Table | tuple[str, object]) -> str:
    return part if isinstance(part, str) else part[0] if isinstance(part, tuple) else part.name


def read(name: str, path: Path) -> Seed:
    """Read a seed file: TOML, or JSON where its name ends in ``.json``.

    Args:
        name: The file as the user wrote it.
        path: The file; what it names is relative to its folder.

    Raises:
        OSError: The file cannot be read.
        ManifestError: With every problem that can be found at once.
    """
    said = regular_files.read(path)
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
    """Collects all problems, so that one run names them all."""

    def __init__(self, path: Path, place: Callable[[At], str]) -> None:
        self.path, self.place = path, place
        self.problems: list[str] = []
        self.room = MOST

    def seed(self, name: str, table: SeedTable) -> Seed:
        made = Seed(
            name,
            self.path,
            buckets=tuple((one.name, tuple(self.objects(one, at))) for one, at in _placed("buckets", table.buckets)),
            queues=tuple((one.name, tuple(self.messages(one, at))) for one, at in _placed("queues", table.queues)),
            secrets=tuple(self.held(one, at) for one, at in _placed("secrets", table.secrets)),
            parameters=tuple(self.held(one, at) for one, at in _placed("parameters", table.parameters)),
            secure=tuple(one.name for one in table.parameters if one.secure),
            tables=tuple(self.items(one, at) for one, at in _placed("tables", table.tables)),
            keys=tuple(one.alias for one in table.keys),
            topics=tuple(one.name for one in table.topics),
            event_buses=tuple(one.name for one in table.event_buses),
        )
        for key in ("buckets", "queues", "secrets", "parameters", "tables", "topics", "event_buses"):
            self.once([one.name for one in getattr(table, key)], (key.replace("_", "-"),))
        self.once(made.keys, ("keys",))
        if self.room < 0:
            self.problems.append(f"{self.path}: it holds more than {MOST:,} objects and messages")
        return made

    def held(self, table: SecretTable | ParameterTable, at: At) -> Held:
        if table.text is None and table.file is None:
            self.say(at, f"a {'secret' if isinstance(table, SecretTable) else 'parameter'} has a `text` or a `file`")
        return Held(table.name, table.text or "", self.file(table, at))

    def items(self, table: ItemsTable, at: At) -> Table:
        keys = (table.key, *([table.sort_key] if table.sort_key else []))
        self.room -= len(table.items)
        for index, item in enumerate(table.items):
            if lacking := [key for key in keys if not isinstance(item.get(key), str | int | float)]:
                self.say((*at, "items", index), f"an item has its table's keys, as a string or a number: {lacking[0]}")
        return Table(table.name, keys, tuple(json.dumps(_typed(item)["M"], default=str) for item in table.items))

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

    def file(self, table: ObjectTable | MessageTable | SecretTable | ParameterTable, at: At) -> Path | None:
        if table.file is None:
            return None
        path = self.path.parent / table.file
        if table.text is not None:
            self.say(at, "`text` or `file`, not both")
        if not path.is_file():
            self.say((*at, "file"), f"{path} is not there" if not path.exists() else f"{path} is not a file")
        elif path.stat().st_size > regular_files.LARGEST_ARCHIVE:
            self.say((*at, "file"), f"{path} has more than {regular_files.LARGEST_ARCHIVE:,} bytes")
        return path

    def once(self, names: Iterable[str], at: At) -> None:
        for name in (name for name, times in Counter(names).items() if times > 1):
            self.say(at, f"{name} is there twice")
            break

    def say(self, at: At, sentence: str) -> None:
        self.problems.append(f"{self.place(at)}: {sentence}")


def _shown(number: int) -> Callable[[re.Match[str]], str]:
    """The number in place of a pattern's: ``{number:06}`` has six digits."""
    return lambda found: format(number, f"{found[1] or ''}d")


def _placed(key: str, tables: Sequence[T]) -> Iterator[tuple[T, At]]:
    return ((table, (key, index)) for index, table in enumerate(tables))


def _typed(value: object) -> dict[str, object]:
    """A value with its type, as DynamoDB's protocol writes it."""
    match value:
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": str(value)}
        case dict():
            return {"M": {str(name): _typed(one) for name, one in value.items()}}
        case list() | tuple():
            return {"L": [_typed(one) for one in value]}
        case None:
            return {"NULL": True}
        case _:
            return {"S": str(value)}
