"""Lambda's packages: the code of functions, and versions of layers."""

from __future__ import annotations

import base64
import binascii
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
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
class Deployed:
    """A function's code or a layer's version, as Lambda describes it.

    Attributes:
        text: The user's name for it.
        sha256: Of the archive, in hexadecimal; None where Lambda does not say.
        size: Of the archive, in bytes.
        runtimes: The function's, or those that the layer is declared for.
        architectures: The same.
        layers: The ARNs of the function's layers, in their order.
        handler: The function's; None for a layer.
        shares: For an alias with weights: the other versions, each with its part of the calls.
        variables: The function's; None for a layer, and where Lambda cannot decrypt them.
    """

    text: str
    sha256: str | None
    size: int
    runtimes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    handler: str | None = None
    shares: tuple[tuple[str, float], ...] = ()
    variables: tuple[tuple[str, str], ...] | None = field(default=None, repr=False)


def configuration(aws: Aws, resource: LambdaFunction, text: str) -> Deployed:
    """A function's description, without its code.

    Raises:
        AwsUnavailable: There is none, it may not be asked for, or it is a container image.
    """
    client = aws.client("lambda", resource.region)
    with asking("lambda", "GetFunctionConfiguration", text):
        return _function(client.get_function_configuration(**_named(resource)), text)


def layer(aws: Aws, resource: LayerVersion) -> Deployed:
    """The description of a layer's version.

    Raises:
        AwsUnavailable: There is none, or it may not be asked for.
    """
    client = aws.client("lambda", resource.region)
    with asking("lambda", "GetLayerVersionByArn", resource.arn):
        return _layer(client.get_layer_version_by_arn(Arn=resource.arn), resource.arn)


def shares(aws: Aws, resource: LambdaFunction, text: str) -> tuple[tuple[str, float], ...]:
    """The other versions that get a part of an alias's calls, each with its part.

    Raises:
        AwsUnavailable: There is no such alias, or it may not be asked for.
    """
    if resource.alias is None:
        return ()
    client = aws.client("lambda", resource.region)
    with asking("lambda", "GetAlias", text):
        answer: Mapping[str, Any] = client.get_alias(FunctionName=resource.function, Name=resource.alias)
        weights = (answer.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        return tuple((str(version), float(part)) for version, part in sorted(weights.items()) if part)


def package(aws: Aws, resource: LambdaFunction | LayerVersion, text: str) -> tuple[Remote, Deployed]:
    """An archive, and Lambda's description of it.

    Raises:
        AwsUnavailable: There is none, it may not be asked for, or it is a container image.
    """
    client = aws.client("lambda", resource.region)
    deployed, location = _located(client, resource, text)
    if isinstance(resource, LambdaFunction):
        with suppress(AwsUnavailable):  # the archive does not depend on it
            deployed = replace(deployed, shares=shares(aws, resource, text))
    if isinstance(location, S3Object):
        remote = aws_objects.head(aws, location, str(location))
        return replace(remote, text=text, sha256=remote.sha256 or deployed.sha256), deployed
    plain = client.meta.endpoint_url.startswith("http:")  # an endpoint of the user's own, without TLS
    renew = partial(_located, client, resource, text)
    download = _Download(text, location, lambda: str(renew()[1]), plain=plain, certificates=aws.certificates)
    identity = f"{client.meta.endpoint_url}|{text}|{deployed.sha256}"
    return Remote(text, identity, deployed.size, deployed.sha256, None, download.opened), deployed


def _located(
    client: LambdaClient, resource: LambdaFunction | LayerVersion, text: str
) -> tuple[Deployed, str | S3Object]:
    """Lambda's description of an archive, and its place: a presigned URL, or an object that Lambda refers to."""
    answer: Mapping[str, Any]
    where: Mapping[str, Any]
    if isinstance(resource, LambdaFunction):
        with asking("lambda", "GetFunction", text):
            answer = client.get_function(**_named(resource))
            deployed, where = _function(answer["Configuration"], text), answer.get("Code", {})
            kind = where.get("RepositoryType", "S3")
            if kind != "S3":
                raise AwsUnavailable(f"{text}: its code is kept in {kind}, and only archives in S3 can be read.")
    else:
        with asking("lambda", "GetLayerVersionByArn", text):
            answer = client.get_layer_version_by_arn(Arn=resource.arn)
            deployed, where = _layer(answer, text), answer["Content"]
    if location := str(where.get("Location", "")):
        return deployed, location
    if (referred := where.get("ResolvedS3Object")) and referred.get("S3Bucket") and referred.get("S3Key"):
        return deployed, S3Object(referred["S3Bucket"], referred["S3Key"], referred.get("S3ObjectVersion"))
    why: Any = where.get("Error") or {}
    reason = ": ".join(scrubbed(str(word)) for word in (why.get("ErrorCode"), why.get("Message")) if word)
    raise AwsUnavailable(f"{text}: Lambda does not say where its archive is{f' ({reason})' if reason else ''}.")


def _named(resource: LambdaFunction) -> dict[str, Any]:
    named = {"FunctionName": resource.function}
    return {**named, "Qualifier": resource.qualifier} if resource.qualifier else named


def _function(answer: Mapping[str, Any], text: str) -> Deployed:
    if answer.get("PackageType") == "Image":
        raise AwsUnavailable(f"{text}: it is made of a container image, and has no archive that could be verified.")
    runtime = answer.get("Runtime")
    return Deployed(
        text=text,
        sha256=hexadecimal(answer.get("CodeSha256")),
        size=int(answer.get("CodeSize", 0)),
        runtimes=(runtime,) if runtime else (),
        architectures=tuple(answer.get("Architectures", ())),
        layers=tuple(layer["Arn"] for layer in answer.get("Layers", ())),
        handler=answer.get("Handler"),
        variables=_variables(answer.get("Environment") or {}),
    )


def _variables(environment: Mapping[str, Any]) -> tuple[tuple[str, str], ...] | None:
    return None if environment.get("Error") else tuple((environment.get("Variables") or {}).items())


def _layer(answer: Mapping[str, Any], text: str) -> Deployed:
    content = answer["Content"]
    return Deployed(
        text=text,
        sha256=hexadecimal(content.get("CodeSha256")),
        size=int(content.get("CodeSize", 0)),
        runtimes=tuple(answer.get("CompatibleRuntimes", ())),
        architectures=tuple(answer.get("CompatibleArchitectures", ())),
    )


def hexadecimal(code_sha256: str | None) -> str | None:
    """The hexadecimal form of a digest that Lambda prints in base64."""
    try:
        return base64.b64decode(code_sha256, validate=True).hex() if code_sha256 else None
    except binascii.Error:
        return None


class _Download:
    """An archive behind a presigned URL, which is in no message and in no exception that leaves this module."""

    def __init__(self, text: str, url: str, renew: Callable[[], str], *, plain: bool, certificates: str | bool) -> None:
        self._text = text
        self._url = url
        self._renew = renew
        self._schemes = ("https", "http") if plain else ("https",)
        self._certificates = certificates
        self._refused = False

    @contextmanager
    def opened(self, start: int) -> Iterator[Read]:
        """Open it at an offset."""
        url = self._url = self._renew() if self._refused else self._url
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
            self._refused = True  # the URL has expired, after ten minutes
            raise Cut
        if answer.status_code >= _BROKEN:
            raise Cut
        raise AwsUnavailable(f"{self._text}: {_no_archive(answer.status_code, urlsplit(url).hostname)}.")


def _no_archive(status: int, host: str | None) -> str:
    """The reason why a presigned URL leads to no archive."""
    if status == _NOT_THERE:
        return (
            f"its archive is not where Lambda says that it is ({host} answered HTTP {status}): it was deleted since, "
            "so try again; an emulator that AWS_ENDPOINT_URL names may keep none"
        )
    return (
        f"{host} refused its archive, with a new link too (HTTP {status}): a proxy (HTTPS_PROXY, NO_PROXY) or the "
        "policy of a VPC endpoint may be in the way"
    )
