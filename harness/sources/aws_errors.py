"""Turn the SDK's errors into one sentence each: the call, the resource, and the reason, without secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore import exceptions as sdk

from harness.sources.aws_calls import ALLOWED, PINNED, Resource, operation
from harness.sources.aws_resources import LambdaFunction, LayerVersion, S3Object, iam_resource, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

_DENIED: Final = {"AccessDenied", "AccessDeniedException", "403", "Forbidden", "UnauthorizedAccess"}
_CODES: Final = {
    "the credentials have expired ({call}: {code}): get new ones": (
        "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired"
    ),
    "AWS does not accept the credentials ({call}: {code}): they are wrong, or of another partition": (
        "AuthFailure IncompleteSignature InvalidAccessKeyId InvalidClientTokenId InvalidSignatureException "
        "InvalidToken MissingAuthenticationToken MissingAuthenticationTokenException SignatureDoesNotMatch "
        "UnrecognizedClientException"
    ),
    "AWS throttled {call}, {tries} times ({code}): try again later, or raise AWS_MAX_ATTEMPTS": (
        "503 RequestLimitExceeded SlowDown Throttling ThrottlingException TooManyRequestsException"
    ),
    "the bucket is in another region{region}: set AWS_DEFAULT_REGION to it": (
        "301 307 AuthorizationHeaderMalformed IllegalLocationConstraintException PermanentRedirect"
    ),
    "that version is a delete marker: the object was deleted ({call}: {code})": "405 MethodNotAllowed",
    "it was replaced while it was read ({call}: {code})": "412 PreconditionFailed",
    "it is archived (Glacier): restore it first ({call}: {code})": "InvalidObjectState",
    "there is no such bucket ({call}: {code})": "NoSuchBucket",
    "there is no such key in the bucket ({call}: {code})": "NoSuchKey",
    "there is no such version of the object ({call}: {code})": "NoSuchVersion",
    "this machine's clock is wrong by more than AWS accepts ({call}: {code})": "RequestTimeTooSkewed",
}
_WHY: Final = {code: words for words, codes in _CODES.items() for code in codes.split()}
_FAILURES: Final = (  # the first that matches
    ((sdk.NoCredentialsError, sdk.NoAuthTokenError), "no AWS credentials were found: log in, or name a --profile"),
    ((sdk.PartialCredentialsError,), "the AWS credentials are not complete: {cred_var} is missing"),
    # Without the provider's words: it may be any program, and print anything.
    (
        (sdk.CredentialRetrievalError, sdk.TokenRetrievalError),
        "AWS credentials could not be had from {provider}: log in again, or look there",
    ),
    (
        (sdk.SSOError, sdk.LoginError),
        "the AWS session has expired: log in again (`aws sso login`, `aws login`)",
    ),
    ((sdk.NoRegionError,), "no AWS region is known: set AWS_DEFAULT_REGION, or name it by its ARN"),
    ((sdk.ProfileNotFound,), "there is no AWS profile named {profile}"),
    (
        (sdk.SSLError,),
        "{call} failed: the certificate of {endpoint} is not trusted; AWS_CA_BUNDLE names another authority",
    ),
    (
        (sdk.ProxyConnectionError,),
        "{call} failed: the proxy does not answer; HTTPS_PROXY and NO_PROXY say which is used",
    ),
    ((sdk.ConnectTimeoutError, sdk.EndpointConnectionError), "{call} failed: {endpoint} does not answer"),
    # A closed connection, a time-out, an answer that breaks off.
    ((sdk.HTTPClientError,), "{call} failed: the connection broke off ({kind})"),
)
_UNLIKE: Final = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""Errors about an answer that does not have the shape of AWS's: the user's endpoint may be another server."""
_MISSING: Final = "ResourceNotFoundException"
_ARN: Final = re.compile(r"arn:[a-z0-9-]+:lambda:([a-z0-9-]+):(\d{12}):")
_ACTION: Final = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)(?: on resource: (\S+))?")
_SECRETS: Final = (
    (re.compile(r"\?[^\s\"'<>]*"), "?…"),  # a query may be a signature
    (re.compile(r"://[^\s/@]*@"), "://…@"),
    (re.compile(r"\b(?:AKIA|ASIA|AIDA|AROA)[A-Z0-9]{12,}\b"), "…"),
)
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence for the user, and AWS's or the SDK's code of the reason."""

    text: str
    code: str


def sentence(error: Exception, service: str, name: str, resource: str) -> Sentence | None:
    """One sentence on an error of the SDK; None for an error that neither AWS nor the user can cause.

    Args:
        error: The SDK's error.
        service: ``lambda``.
        name: The call: ``GetFunction``.
        resource: The user's name for the resource.
    """
    if isinstance(error, sdk.ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        why = _refused(error, code, service, resource)
    elif isinstance(error, sdk.BotoCoreError) or (isinstance(error, ValueError) and "endpoint" in str(error)):
        code, why = type(error).__name__, _failed(error, f"{service}:{name}" if name else service)
    elif isinstance(error, _UNLIKE):
        lacks = f"it lacks {error}" if isinstance(error, KeyError) else type(error).__name__
        code = "Malformed"
        why = f"the answer to {service}:{name} is not understood ({lacks}): AWS_ENDPOINT_URL says who answers"
    else:
        return None
    return Sentence(f"{resource}: {why}.", code)


def scrubbed(text: str) -> str:
    """A text of AWS's on one line, without signatures, keys and passwords."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _refused(error: sdk.ClientError, code: str, service: str, resource: str) -> str:
    """The reason of an error that AWS answered with."""
    asked = error.operation_name
    message = str(error.response.get("Error", {}).get("Message", ""))
    if asked not in {call.name for call in ALLOWED}:  # a call by which the SDK gets credentials
        return f"no credentials: {asked} was refused ({code}): {scrubbed(message)}"
    call = f"{service}:{asked}"
    if code == _MISSING:
        return f"{_missing(error, message, resource)} ({call}: {code})"
    if not code or (code.isdecimal() and (service == "lambda" or code == "404")):
        return _not_of_aws(error, call, code or str(error.response["ResponseMetadata"]["HTTPStatusCode"]))
    if code in _DENIED:
        return _denied(message, service, asked, resource)
    if code in _WHY:
        tries = error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0) + 1
        return _WHY[code].format(call=call, code=code, tries=tries, region=_region(error.response))
    return f"{call} failed: {code}: {scrubbed(message)}" if message else f"{call} failed: {code}"


def _missing(error: sdk.ClientError, message: str, resource: str) -> str:
    """The missing resource and the remedy: name, region and account can each be the wrong one."""
    named, where = parse(resource), _where(error, message, resource)
    if isinstance(named, LayerVersion):
        name = named.layer.rpartition(":")[2]
        return (
            "there is no such version of the layer: it was deleted, or never published. Functions that carry it run "
            "on, and no function can be given it again: publish the archive again and name that version (`aws lambda "
            f"list-layer-versions --layer-name {name}` lists those that are there)"
        )
    choose = "AWS_DEFAULT_REGION or an ARN says which region is asked, --profile which account"
    if isinstance(named, LambdaFunction):
        what = f"no function {named.name}"
        if named.qualifier:
            kind = "version" if named.qualifier.isdecimal() else "alias"
            what += f", or it has no {kind} {named.qualifier}"
        return f"there is {what}{where}: {choose}"
    return f"it is not there{where}: {choose}"


def _where(error: sdk.ClientError, message: str, resource: str) -> str:
    """The region and the account of a call, as far as they are known."""
    if arn := _ARN.match(resource) or _ARN.search(message):
        return f" in {arn[1]}, account {arn[2]}"
    region = _asked(error)[1]
    return f" in {region}" if region else ""


def _not_of_aws(error: sdk.ClientError, call: str, code: str) -> str:
    """The reason of an error with a status alone: AWS's own have a code."""
    who = _host(_asked(error)[0])
    return (
        f"{who} answered {call} with HTTP {code}, and not as AWS does: AWS_ENDPOINT_URL says who is asked; an emulator "
        "may not know this call, or a proxy answers in its place"
    )


def _asked(error: sdk.ClientError) -> tuple[str, str]:
    """The address and the region of the client that made the call."""
    metadata: Mapping[str, Any] = error.response.get("ResponseMetadata") or {}
    asked: tuple[str, str] = metadata.get("Asked", ("", ""))
    return asked


def _region(response: Mapping[str, object]) -> str:
    metadata = response.get("ResponseMetadata")
    headers = metadata.get("HTTPHeaders", {}) if isinstance(metadata, dict) else {}
    region = str(headers.get("x-amz-bucket-region", ""))
    return f" ({region})" if re.fullmatch(r"[a-z0-9-]+", region) else ""


def _denied(message: str, service: str, asked: str, resource: str) -> str:
    known = operation(service, asked)
    action = (known.action if known else None) or f"{service}:{asked}"
    target = "*" if known and known.resource is Resource.ALL else iam_resource(resource)
    named = parse(resource)
    if isinstance(named, S3Object) and named.version:
        action = PINNED
    if denied := _ACTION.search(message):  # it may be another one: a bucket's key needs kms:Decrypt
        action, target = denied[1], scrubbed(denied[2]) if denied[2] else target
    why = f"access denied ({service}:{asked}): the credentials need {action} on {target}"
    if isinstance(named, S3Object) and not denied:
        why += "; where s3:ListBucket is not allowed, S3 says the same of a key that is not there"
    return why


def _failed(error: Exception, call: str) -> str:
    """The reason of an error without an answer."""
    for kinds, words in _FAILURES:
        if isinstance(error, kinds):
            known = {name: scrubbed(str(value)) for name, value in error.kwargs.items()}
            host = _host(str(error.kwargs.get("endpoint_url", "")))
            return words.format_map({**known, "call": call, "endpoint": host, "kind": type(error).__name__})
    return f"{call} failed: {scrubbed(str(error))}"


def _host(address: str) -> str:
    """The host of an address: path and query may hold a signature."""
    host = re.match(r"[a-z]+://(?:[^/?#@]*@)?([^/?#]+)", address)
    return host[1] if host else "the endpoint"
