"""Objects in S3."""

from __future__ import annotations

import base64
import binascii
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from urllib3.exceptions import HTTPError

from harness.sources.aws import asking
from harness.sources.download import Cut, Remote, Replaced, piecewise, skip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_s3 import S3Client

    from harness.sources.aws import Aws
    from harness.sources.aws_resources import S3Object
    from harness.sources.download import Read

_REPLACED: Final = {"412", "PreconditionFailed"}
_PARTIAL: Final = 206


def head(aws: Aws, resource: S3Object, text: str) -> Remote:
    """An object in S3, as S3 describes it.

    Raises:
        AwsUnavailable: It is not there, or may not be read.
    """
    client = aws.client("s3", resource.region)
    answer = _head(client, resource, text)
    with asking("s3", "HeadObject", text):
        etag, size = str(answer["ETag"]), int(answer["ContentLength"])
    # Without versions, only the ETag identifies an object's content: size and date make sure.
    place = client.meta.endpoint_url, resource.bucket, resource.key, resource.version
    sha256, crc32, crc64 = (_checksum(answer, algorithm) for algorithm in ("SHA256", "CRC32", "CRC64NVME"))
    return Remote(
        text=text,
        identity="|".join(map(str, (*place, etag, size, answer.get("LastModified")))),
        size=size,
        sha256=None if sha256 is None else sha256.hex(),
        crc32=None if crc32 is None else int.from_bytes(crc32, "big"),
        crc64=None if crc64 is None else int.from_bytes(crc64, "big"),
        opened=partial(_opened, client, resource, text, etag),
    )


def _head(client: S3Client, resource: S3Object, text: str) -> Mapping[str, Any]:
    named = _named(resource)
    with asking("s3", "HeadObject", text):
        try:
            return client.head_object(**named, ChecksumMode="ENABLED")
        except ClientError as error:
            if not str(error.response.get("Error", {}).get("Code", "")).isdecimal():
                raise
            # The answer to a HEAD has no body, and so only a status: that to a GET has the reason, too.
            with asking("s3", "GetObject", text):
                client.get_object(**named, Range="bytes=0-0")["Body"].close()
            raise


@contextmanager
def _opened(client: S3Client, resource: S3Object, text: str, etag: str, start: int) -> Iterator[Read]:
    with asking("s3", "GetObject", text):
        try:
            rest: dict[str, Any] = {"Range": f"bytes={start}-"} if start else {}
            answer = client.get_object(**_named(resource), IfMatch=etag, **rest)
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


def _named(resource: S3Object) -> dict[str, Any]:
    named = {"Bucket": resource.bucket, "Key": resource.key}
    return {**named, "VersionId": resource.version} if resource.version else named


def _checksum(answer: Mapping[str, Any], algorithm: str) -> bytes | None:
    """The checksum of the whole object; None where it covers the parts of an upload (``…-3``)."""
    value = str(answer.get(f"Checksum{algorithm}", ""))
    if not value or "-" in value or answer.get("ChecksumType") == "COMPOSITE":
        return None
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return None
