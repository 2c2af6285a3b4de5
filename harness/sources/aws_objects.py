"""Objects in S3."""

from __future__ import annotations

import base64
import binascii
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from urllib3.exceptions import HTTPError

from harness.sources.aws import AwsUnavailable, asking
from harness.sources.download import Cut, Remote, Replaced, piecewise, skip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_s3 import S3Client

    from harness.sources.aws import Aws
    from harness.sources.aws_resources import S3Object
    from harness.sources.download import Read

_REPLACED: Final = {"412", "PreconditionFailed"}
_PARTIAL: Final = 206
_DIRECTORY_BUCKET: Final = "--x-s3"


def head(aws: Aws, place: S3Object, text: str) -> Remote:
    """What S3 tells of an object.

    Raises:
        AwsUnavailable: It is not there, or may not be read.
    """
    if place.bucket.endswith(_DIRECTORY_BUCKET):
        raise AwsUnavailable(f"{text}: directory buckets (S3 Express) are not read; copy it to another bucket.")
    client = aws.client("s3")
    told = _asked(client, place, text)
    with asking("s3", "HeadObject", text):
        etag, size = str(told["ETag"]), int(told["ContentLength"])
    # What a bucket without versions holds is known by its ETag alone: size and date make sure.
    parts = (client.meta.endpoint_url, place.bucket, place.key, place.version, etag, size, told.get("LastModified"))
    return Remote(
        text=text,
        identity="|".join(map(str, parts)),
        size=size,
        sha256=_hex(_whole(told, "SHA256")),
        crc32=_number(_whole(told, "CRC32")),
        opened=partial(_opened, client, place, text, etag),
    )


def _asked(client: S3Client, place: S3Object, text: str) -> Mapping[str, Any]:
    named = _named(place)
    with asking("s3", "HeadObject", text):
        try:
            return client.head_object(**named, ChecksumMode="ENABLED")
        except ClientError as error:
            if not str(error.response.get("Error", {}).get("Code", "")).isdecimal():
                raise
            # The answer to a HEAD has no body, and so only a status: a GET has the reason, too.
            with asking("s3", "GetObject", text):
                client.get_object(**named, Range="bytes=0-0")["Body"].close()
            raise


@contextmanager
def _opened(client: S3Client, place: S3Object, text: str, etag: str, start: int) -> Iterator[Read]:
    with asking("s3", "GetObject", text):
        try:
            rest: dict[str, Any] = {"Range": f"bytes={start}-"} if start else {}
            answer = client.get_object(**_named(place), IfMatch=etag, **rest)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _REPLACED:
                raise Replaced from None
            raise
    body = answer["Body"]
    read = piecewise(getattr(body, "_raw_stream", body))  # the SDK's own stream only reads pieces that are whole
    try:
        if start and answer["ResponseMetadata"]["HTTPStatusCode"] != _PARTIAL:
            skip(read, start)
        yield read
    except (HTTPClientError, HTTPError, IncompleteReadError):
        raise Cut from None
    finally:
        body.close()


def _named(place: S3Object) -> dict[str, Any]:
    named = {"Bucket": place.bucket, "Key": place.key}
    return {**named, "VersionId": place.version} if place.version else named


def _whole(told: Mapping[str, Any], algorithm: str) -> bytes | None:
    """A checksum, unless it is one of the checksums of an upload's parts (``…-3``)."""
    value = str(told.get(f"Checksum{algorithm}", ""))
    if not value or "-" in value or told.get("ChecksumType") == "COMPOSITE":
        return None
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return None


def _hex(digest: bytes | None) -> str | None:
    return digest.hex() if digest is not None else None


def _number(checksum: bytes | None) -> int | None:
    return int.from_bytes(checksum, "big") if checksum is not None else None
