"""The names of AWS resources: ``s3://bucket/key``, functions, and versions of layers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

_VERSION: Final = "?versionId="
_FUNCTION: Final = "function:"
_ACCESS_POINT: Final = re.compile(
    r"(?P<bucket>arn:[^:/]+:s3(?:-object-lambda)?:(?P<region>[^:/]*):\d{12}:accesspoint[/:][^/:]+)/(?P<key>.+)",
    re.DOTALL,
)
_DIRECTORY_BUCKET: Final = "--x-s3"
_ARN: Final = re.compile(
    r"arn:(?P<partition>[^:]+):lambda:(?P<region>[^:]+):(?P<account>\d{12}):"
    r"(?P<kind>function|layer):(?P<name>[A-Za-z0-9_-]+)(:(?P<qualifier>[A-Za-z0-9$_-]+))?"
)


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object, or one version of it.

    Attributes:
        bucket: The name of its bucket, or the ARN of an access point.
        version: None for the current one.
        region: The access point's; None for the user's own.
    """

    bucket: str
    key: str
    version: str | None = None
    region: str | None = None

    @property
    def express(self) -> bool:
        """Whether its bucket is a directory bucket (S3 Express One Zone), which is read in sessions."""
        return self.bucket.endswith(_DIRECTORY_BUCKET)

    @property
    def arn(self) -> str:
        """Its ARN for a policy; for a directory bucket that of the bucket."""
        if self.express:
            return f"arn:aws:s3express:*:*:bucket/{self.bucket}"
        if self.bucket.startswith("arn:"):
            return f"{self.bucket}/object/{self.key}"
        return f"arn:aws:s3:::{self.bucket}/{self.key}"

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}{f'{_VERSION}{self.version}' if self.version else ''}"


@dataclass(frozen=True, slots=True)
class LambdaFunction:
    """A function.

    Attributes:
        function: Its name, or its ARN without a qualifier.
        name: Its name.
        qualifier: A version or an alias; None for ``$LATEST``.
        region: None for the user's own.
    """

    function: str
    name: str
    qualifier: str | None = None
    region: str | None = None

    @property
    def alias(self) -> str | None:
        """The alias in its qualifier; None for a version."""
        qualifier = self.qualifier
        return None if qualifier is None or qualifier.isdecimal() or qualifier == "$LATEST" else qualifier

    def at(self, version: str) -> LambdaFunction:
        """A version of the same function."""
        return replace(self, qualifier=version)

    def __str__(self) -> str:
        head = self.function if self.region else f"{_FUNCTION}{self.function}"
        return f"{head}:{self.qualifier}" if self.qualifier else head


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """One version of a layer, of the user's account or of another."""

    arn: str
    region: str

    def __str__(self) -> str:
        return self.arn

    @property
    def layer(self) -> str:
        """The ARN of the layer, whatever its version."""
        return self.arn.rpartition(":")[0]

    @property
    def version(self) -> int:
        """Its number."""
        return int(self.arn.rpartition(":")[2])


AwsResource: TypeAlias = S3Object | LambdaFunction | LayerVersion


def parse(text: str) -> AwsResource | None:
    """The resource that a text names; None for the name of a file."""
    if text.startswith("s3://"):
        bucket, _, key = text.removeprefix("s3://").partition("/")
        region = version = None
        if point := _ACCESS_POINT.fullmatch(text.removeprefix("s3://")):
            bucket, region, key = point["bucket"], point["region"] or None, point["key"]
        if _VERSION in key:  # a key may hold a question mark, too
            key, _, version = key.rpartition(_VERSION)
        known = bucket and key and (point or not bucket.startswith("arn:"))
        return S3Object(bucket, key, version or None, region) if known else None
    if text.startswith(_FUNCTION):
        name, _, qualifier = text.removeprefix(_FUNCTION).partition(":")
        return LambdaFunction(name, name, qualifier or None) if name else None
    if (arn := _ARN.fullmatch(text)) is None:
        return None
    if arn["kind"] == "function":
        own = text.removesuffix(f":{arn['qualifier']}") if arn["qualifier"] else text
        return LambdaFunction(own, arn["name"], arn["qualifier"], arn["region"])
    return LayerVersion(text, arn["region"]) if (arn["qualifier"] or "").isdecimal() else None


def iam_resource(text: str) -> str:
    """The ARN of a resource for a policy; the text itself where no ARN can be made of it."""
    match parse(text):
        case S3Object() as resource:
            return resource.arn
        case LambdaFunction(region=None, name=name):
            return f"arn:aws:lambda:*:*:function:{name}"
        case _:
            return text
