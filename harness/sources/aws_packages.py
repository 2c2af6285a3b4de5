"""What Lambda has: the code of functions, and versions of layers."""

from __future__ import annotations

import base64
import binascii
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore import exceptions as sdk
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from harness.sources import aws_objects
from harness.sources.aws import CONNECT_SECONDS, READ_SECONDS, AwsUnavailable, asking
from harness.sources.aws_errors import scrubbed
from harness.sources.aws_resources import LambdaFunction, S3Object
from harness.sources.download import Cut, Remote, piecewise, skip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from botocore.awsrequest import AWSResponse
    from mypy_boto3_lambda import LambdaClient

    from harness.sources.aws import Aws
    from harness.sources.aws_resources import LayerVersion
    from harness.sources.download import Read

_OK, _PARTIAL, _DENIED, _NOT_THERE, _BROKEN = 200, 206, 403, 404, 500


@dataclass(frozen=True, slots=True)
class Told:
    """What Lambda tells of a function's code or of a layer's version.

    Attributes:
        text: As the user named it.
        sha256: Of the archive, in hexadecimal; None where Lambda does not tell.
        size: Of the archive, in bytes.
        runtimes: The function's, or those that the layer is declared for; none: not told.
        architectures: The same.
        layers: The ARNs of those that the function carries, in their order.
        handler: The function's; None for a layer.
        shares: Where it is named by an alias that shares its calls: the other versions, each with its part of them.
    """

    text: str
    sha256: str | None
    size: int
    runtimes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    handler: str | None = None
    shares: tuple[tuple[str, float], ...] = ()


def configuration(aws: Aws, place: LambdaFunction, text: str) -> Told:
    """What Lambda tells of a function, without its code.

    Raises:
        AwsUnavailable: There is none, it may not be asked for, or it is a container image.
    """
    client = aws.client("lambda", place.region)
    with asking("lambda", "GetFunctionConfiguration", text):
        return _function(client.get_function_configuration(**_named(place)), text)


def layer(aws: Aws, place: LayerVersion) -> Told:
    """What Lambda tells of a layer's version.

    Raises:
        AwsUnavailable: There is none, or it may not be asked for.
    """
    client = aws.client("lambda", place.region)
    with asking("lambda", "GetLayerVersionByArn", place.arn):
        return _layer(client.get_layer_version_by_arn(Arn=place.arn), place.arn)


def shares(aws: Aws, place: LambdaFunction, text: str) -> tuple[tuple[str, float], ...]:
    """The versions that get a part of an alias's calls, beside the one that it points to, each with its part.

    Raises:
        AwsUnavailable: There is no such alias, or it may not be asked for.
    """
    if place.alias is None:
        return ()
    client = aws.client("lambda", place.region)
    with asking("lambda", "GetAlias", text):
        said: Mapping[str, Any] = client.get_alias(FunctionName=place.function, Name=place.alias)
        weights = (said.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        return tuple((str(version), float(part)) for version, part in sorted(weights.items()) if part)


def package(aws: Aws, place: LambdaFunction | LayerVersion, text: str) -> tuple[Remote, Told]:
    """An archive, and what Lambda tells of it.

    Raises:
        AwsUnavailable: There is none, it may not be asked for, or it is a container image.
    """
    client = aws.client("lambda", place.region)
    told, location = _asked(client, place, text)
    if isinstance(place, LambdaFunction):
        with suppress(AwsUnavailable):  # what is fetched does not depend on it
            told = replace(told, shares=shares(aws, place, text))
    if isinstance(location, S3Object):
        remote = aws_objects.head(aws, location, str(location))
        return replace(remote, text=text, sha256=remote.sha256 or told.sha256), told
    links = [location]

    def link(*, anew: bool) -> str:
        if anew:  # it is good for ten minutes
            links[0] = str(_asked(client, place, text)[1])
        return links[0]

    plain = client.meta.endpoint_url.startswith("http:")  # an endpoint of the user's own, without TLS
    download = _Download(text, link, plain=plain, certificates=aws.certificates)
    identity = f"{client.meta.endpoint_url}|{text}|{told.sha256}"
    return Remote(text, identity, told.size, told.sha256, None, download.opened), told


def _asked(client: LambdaClient, place: LambdaFunction | LayerVersion, text: str) -> tuple[Told, str | S3Object]:
    """What Lambda tells of an archive, and where it is: behind a link, or an object that Lambda only refers to."""
    answer: Mapping[str, Any]
    where: Mapping[str, Any]
    if isinstance(place, LambdaFunction):
        with asking("lambda", "GetFunction", text):
            answer = client.get_function(**_named(place))
            told, where = _function(answer["Configuration"], text), answer.get("Code", {})
            kind = where.get("RepositoryType", "S3")
            if kind != "S3":
                raise AwsUnavailable(f"{text}: its code is kept in {kind}, and only archives in S3 can be read.")
    else:
        with asking("lambda", "GetLayerVersionByArn", text):
            answer = client.get_layer_version_by_arn(Arn=place.arn)
            told, where = _layer(answer, text), answer["Content"]
    if location := str(where.get("Location", "")):
        return told, location
    if (referred := where.get("ResolvedS3Object")) and referred.get("S3Bucket") and referred.get("S3Key"):
        return told, S3Object(referred["S3Bucket"], referred["S3Key"], referred.get("S3ObjectVersion"))
    why: Any = where.get("Error") or {}
    reason = ": ".join(scrubbed(str(one)) for one in (why.get("ErrorCode"), why.get("Message")) if one)
    raise AwsUnavailable(f"{text}: Lambda does not say where its archive is{f' ({reason})' if reason else ''}.")


def _named(place: LambdaFunction) -> dict[str, Any]:
    named = {"FunctionName": place.function}
    return {**named, "Qualifier": place.qualifier} if place.qualifier else named


def _function(said: Mapping[str, Any], text: str) -> Told:
    if said.get("PackageType") == "Image":
        raise AwsUnavailable(f"{text}: it is made of a container image, and has no archive that could be verified.")
    runtime = said.get("Runtime")
    return Told(
        text=text,
        sha256=hexadecimal(said.get("CodeSha256")),
        size=int(said.get("CodeSize", 0)),
        runtimes=(runtime,) if runtime else (),
        architectures=tuple(said.get("Architectures", ())),
        layers=tuple(one["Arn"] for one in said.get("Layers", ())),
        handler=said.get("Handler"),
    )


def _layer(said: Mapping[str, Any], text: str) -> Told:
    content = said["Content"]
    return Told(
        text=text,
        sha256=hexadecimal(content.get("CodeSha256")),
        size=int(content.get("CodeSize", 0)),
        runtimes=tuple(said.get("CompatibleRuntimes", ())),
        architectures=tuple(said.get("CompatibleArchitectures", ())),
    )


def hexadecimal(code_sha256: str | None) -> str | None:
    """A digest as files have it, of one as Lambda prints it."""
    try:
        return base64.b64decode(code_sha256, validate=True).hex() if code_sha256 else None
    except binascii.Error:
        return None


class _Download:
    """An archive behind a presigned URL. The URL is in no message, and in no exception that leaves here."""

    def __init__(self, text: str, link: Callable[..., str], *, plain: bool, certificates: str | bool) -> None:
        self._text = text
        self._link = link
        self._schemes = ("https", "http") if plain else ("https",)
        self._certificates = certificates
        self._refused = False

    @contextmanager
    def opened(self, start: int) -> Iterator[Read]:
        """Open it at an offset."""
        url = self._link(anew=self._refused)
        if urlsplit(url).scheme not in self._schemes:
            raise AwsUnavailable(f"{self._text}: Lambda names a place for its archive that is not an https:// address.")
        timeout: Any = (CONNECT_SECONDS, READ_SECONDS)  # its stubs know of one number alone
        verify: Any = self._certificates  # and not of a file
        session = URLLib3Session(verify=verify, timeout=timeout, proxies=get_environ_proxies(url))
        try:
            with asking("lambda", "", f"{self._text}, its archive"):
                answer = self._answer(session, url, start)
            read = piecewise(answer.raw)
            if start and answer.status_code != _PARTIAL:
                skip(read, start)
            yield read
        except HTTPError:
            raise Cut from None
        finally:
            session.close()

    def _answer(self, session: URLLib3Session, url: str, start: int) -> AWSResponse:
        headers = {"Range": f"bytes={start}-"} if start else {}
        try:
            answer: AWSResponse = session.send(AWSRequest("GET", url, headers, stream_output=True).prepare())
        except (sdk.ConnectTimeoutError, sdk.EndpointConnectionError):
            raise Cut(f"{urlsplit(url).hostname} does not answer") from None
        except sdk.HTTPClientError:
            raise Cut from None
        if answer.status_code in (_OK, _PARTIAL):
            return answer
        answer.raw.close()
        if answer.status_code == _DENIED and not self._refused:
            self._refused = True  # the URL's time is over
            raise Cut
        if answer.status_code >= _BROKEN:
            raise Cut
        raise AwsUnavailable(f"{self._text}: {_no_archive(answer.status_code, urlsplit(url).hostname)}.")


def _no_archive(status: int, host: str | None) -> str:
    """About a link of Lambda's that leads to no archive."""
    if status == _NOT_THERE:
        return (
            f"its archive is not where Lambda says that it is ({host} answered HTTP {status}): it was deleted since, "
            "so try again; an emulator that AWS_ENDPOINT_URL names may keep none"
        )
    return (
        f"{host} refused its archive, with a new link too (HTTP {status}): a proxy (HTTPS_PROXY, NO_PROXY) or the "
        "policy of a VPC endpoint may be in the way"
    )
