"""What the SDK raises, in one sentence: the call, the resource, and what is missing. Never a secret of anybody's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore import exceptions as sdk

from harness.sources.aws_calls import ALLOWED, PINNED, Resource, operation
from harness.sources.aws_resources import LambdaFunction, LayerVersion, S3Object, iam_resource, place

if TYPE_CHECKING:
    from collections.abc import Mapping

_DENIED: Final = {"AccessDenied", "AccessDeniedException", "403", "Forbidden", "UnauthorizedAccess"}
_CODES: Final = (
    (
        "the credentials have expired ({call}: {code}): get new ones",
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
    ),
    (
        "AWS does not accept the credentials ({call}: {code}): they are wrong, or of another partition",
        (
            "AuthFailure",
            "IncompleteSignature",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "InvalidToken",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        ),
    ),
    (
        "AWS throttled {call}, {tries} times ({code}): try again later, or raise AWS_MAX_ATTEMPTS",
        (
            "503",
            "RequestLimitExceeded",
            "SlowDown",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
        ),
    ),
    (
        "the bucket is in another region{region}: set AWS_DEFAULT_REGION to it",
        ("301", "307", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"),
    ),
    ("that version is a delete marker: the object was deleted ({call}: {code})", ("405", "MethodNotAllowed")),
    ("it was replaced while it was read ({call}: {code})", ("412", "PreconditionFailed")),
    ("it is archived (Glacier): restore it first ({call}: {code})", ("InvalidObjectState",)),
    ("there is no such bucket ({call}: {code})", ("NoSuchBucket",)),
    ("there is no such key in the bucket ({call}: {code})", ("NoSuchKey",)),
    ("there is no such version of the object ({call}: {code})", ("NoSuchVersion",)),
    ("this machine's clock is wrong by more than AWS accepts ({call}: {code})", ("RequestTimeTooSkewed",)),
)
_WHY: Final = {code: words for words, codes in _CODES for code in codes}
_FAILURES: Final = (  # the first that fits
    ((sdk.NoCredentialsError, sdk.NoAuthTokenError), "no AWS credentials were found: log in, or name a --profile"),
    ((sdk.PartialCredentialsError,), "the AWS credentials are not complete: {cred_var} is missing"),
    # What a provider said may be anything, as it may be any program.
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
"""What becomes of an answer that has not the shape of AWS's: an endpoint of the user's own may say anything."""
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
class Said:
    """A sentence for the user, and AWS's or the SDK's word for the reason."""

    text: str
    code: str


def sentence(error: Exception, service: str, name: str, resource: str) -> Said | None:
    """One sentence on why AWS did not give something; None for what is no fault of AWS's or of the user's.

    Args:
        error: What the SDK raised.
        service: ``lambda``.
        name: The call: ``GetFunction``.
        resource: What it is about, as the user named it.
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
    return Said(f"{resource}: {why}.", code)


def scrubbed(text: str) -> str:
    """Somebody else's words without what could be a signature, a key or a password, on one line."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _refused(error: sdk.ClientError, code: str, service: str, resource: str) -> str:
    """Why AWS answered with an error."""
    asked = error.operation_name
    message = str(error.response.get("Error", {}).get("Message", ""))
    if asked not in {one.name for one in ALLOWED}:  # one of the calls by which the SDK gets credentials
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
    """What is not there, and what to do: a name, a region and an account can each be the wrong one."""
    named, where = place(resource), _where(error, message, resource)
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
    """The region and the account that were asked, as far as they are known."""
    if found := _ARN.match(resource) or _ARN.search(message):
        return f" in {found[1]}, account {found[2]}"
    region = _asked(error)[1]
    return f" in {region}" if region else ""


def _not_of_aws(error: sdk.ClientError, call: str, code: str) -> str:
    """About an error with a status alone: AWS's own have a name."""
    who = _host(_asked(error)[0])
    return (
        f"{who} answered {call} with HTTP {code}, and not as AWS does: AWS_ENDPOINT_URL says who is asked; an emulator "
        "may not know this call, or a proxy answers in its place"
    )


def _asked(error: sdk.ClientError) -> tuple[str, str]:
    """The address and the region of the client that made the call."""
    metadata: Mapping[str, Any] = error.response.get("ResponseMetadata") or {}
    found: tuple[str, str] = metadata.get("Asked", ("", ""))
    return found


def _region(response: Mapping[str, object]) -> str:
    metadata = response.get("ResponseMetadata")
    headers = metadata.get("HTTPHeaders", {}) if isinstance(metadata, dict) else {}
    region = str(headers.get("x-amz-bucket-region", ""))
    return f" ({region})" if re.fullmatch(r"[a-z0-9-]+", region) else ""


def _denied(message: str, service: str, asked: str, resource: str) -> str:
    known = operation(service, asked)
    action = (known.action if known else None) or f"{service}:{asked}"
    target = "*" if known and known.resource is Resource.ALL else iam_resource(resource)
    named = place(resource)
    if isinstance(named, S3Object) and named.version:
        action = PINNED
    if told := _ACTION.search(message):  # it may be another one: a bucket's key takes kms:Decrypt
        action, target = told[1], scrubbed(told[2]) if told[2] else target
    why = f"access denied ({service}:{asked}): the credentials need {action} on {target}"
    if isinstance(named, S3Object) and not told:
        why += "; where s3:ListBucket is not allowed, S3 says the same of a key that is not there"
    return why


def _failed(error: Exception, call: str) -> str:
    """Why there is no answer."""
    for kinds, words in _FAILURES:
        if isinstance(error, kinds):
            known = {name: scrubbed(str(value)) for name, value in error.kwargs.items()}
            return words.format_map({**known, "call": call, "endpoint": _endpoint(error), "kind": type(error).__name__})
    return f"{call} failed: {scrubbed(str(error))}"


def _endpoint(error: sdk.BotoCoreError) -> str:
    return _host(str(error.kwargs.get("endpoint_url", "")))


def _host(address: str) -> str:
    """Its host alone: in the path and the query there may be a signature."""
    host = re.match(r"[a-z]+://(?:[^/?#@]*@)?([^/?#]+)", address)
    return host[1] if host else "the endpoint"
