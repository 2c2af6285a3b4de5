"""The tables of a seed file: every key, its type, and the description of that type for messages."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

from harness.manifest.tables import Table, Text

MOST = 100_000  # things in one seed: more would take longer to put there than a handler takes to look at them

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
_SECRET = "a secret's name (to 512 letters, digits and any of /_+=.@-)"  # noqa: S105 - the words of a message
SecretName: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9/_+=.@-]{1,512}\Z", description=_SECRET)]
_PARAMETER = "a parameter's name (to 1,011 letters, digits and any of /_.-)"
ParameterName: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9/_.-]{1,1011}\Z", description=_PARAMETER)]
_TABLE = "a table's name (3 to 255 letters, digits, underscores, dots and hyphens)"
TableName: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.-]{3,255}\Z", description=_TABLE)]
_TOPIC = "a name (to 256 letters, digits, underscores and hyphens)"
TopicName: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,256}\Z", description=_TOPIC)]
_ALIAS = "a key's alias (alias/ and letters, digits and any of /_-)"
Alias: TypeAlias = Annotated[str, Meta(pattern=r"\Aalias/(?!aws/)[A-Za-z0-9/_-]{1,250}\Z", description=_ALIAS)]


class ObjectTable(Table, frozen=True, kw_only=True):
    """``[[buckets.objects]]``: one object, or with ``count`` as many, with their number in key and text."""

    key: Text
    prefix: Content = ""
    count: Count | None = None
    first: First = 1
    text: Content | None = None
    file: Text | None = None


class BucketTable(Table, frozen=True, kw_only=True):
    """``[[buckets]]``."""

    name: BucketName
    objects: tuple[ObjectTable, ...] = ()


class MessageTable(Table, frozen=True, kw_only=True):
    """``[[queues.messages]]``: one message, or with ``count`` as many; ``group`` is a FIFO queue's."""

    count: Count | None = None
    first: First = 1
    text: Text | None = None
    file: Text | None = None
    group: Text | None = None


class QueueTable(Table, frozen=True, kw_only=True):
    """``[[queues]]``."""

    name: QueueName
    messages: tuple[MessageTable, ...] = ()


class SecretTable(Table, frozen=True, kw_only=True):
    """``[[secrets]]``."""

    name: SecretName
    text: Text | None = None
    file: Text | None = None


class ParameterTable(Table, frozen=True, kw_only=True):
    """``[[parameters]]``: of Systems Manager; ``secure`` makes it a SecureString."""

    name: ParameterName
    text: Text | None = None
    file: Text | None = None
    secure: bool = False


class ItemsTable(Table, frozen=True, kw_only=True):
    """``[[tables]]``: of DynamoDB; ``items`` are as a program would put them there."""

    name: TableName
    key: Text
    sort_key: Text | None = None
    items: tuple[dict[str, object], ...] = ()


class KeyTable(Table, frozen=True, kw_only=True):
    """``[[keys]]``: of KMS, with an alias."""

    alias: Alias


class NameTable(Table, frozen=True, kw_only=True):
    """``[[topics]]`` of SNS and ``[[event-buses]]`` of EventBridge."""

    name: TopicName


class SeedTable(Table, frozen=True, kw_only=True):
    """The file."""

    buckets: tuple[BucketTable, ...] = ()
    queues: tuple[QueueTable, ...] = ()
    secrets: tuple[SecretTable, ...] = ()
    parameters: tuple[ParameterTable, ...] = ()
    tables: tuple[ItemsTable, ...] = ()
    keys: tuple[KeyTable, ...] = ()
    topics: tuple[NameTable, ...] = ()
    event_buses: tuple[NameTable, ...] = ()
