"""Small documents below a prefix in S3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.regular_files import LARGEST  # what is longer is no document of ours, and is damaged when it is cut
from harness.sources.aws import AwsUnavailable, asking

if TYPE_CHECKING:
    from harness.sources.aws import Aws
    from harness.sources.aws_resources import S3Object


@dataclass(frozen=True, slots=True)
class S3Store:
    """The documents below a prefix; S3 shows each complete or not at all."""

    aws: Aws
    prefix: S3Object

    @property
    def exists(self) -> bool:
        """See :class:`harness.session.verdicts.VerdictStore`; a prefix is not made."""
        return True

    def load(self, name: str) -> bytes | None:
        """A document; None where there is none.

        Raises:
            AwsUnavailable: It may not be read, or AWS does not answer.
        """
        key = self._key(name)
        try:
            with asking("s3", "GetObject", f"s3://{self.prefix.bucket}/{key}"):
                return self.aws.client("s3").get_object(Bucket=self.prefix.bucket, Key=key)["Body"].read(LARGEST)
        except AwsUnavailable as error:
            if error.code == "NoSuchKey":
                return None
            raise

    def save(self, name: str, document: bytes) -> None:
        """Write a document, in place of another of that name.

        Raises:
            AwsUnavailable: It may not be written, or AWS does not answer.
        """
        key = self._key(name)
        with asking("s3", "PutObject", f"s3://{self.prefix.bucket}/{key}"):
            self.aws.client("s3").put_object(Bucket=self.prefix.bucket, Key=key, Body=document)

    def _key(self, name: str) -> str:
        return f"{self.prefix.key.rstrip('/')}/{name}"
