"""AWS's clients, which refuse every call that is not listed, with errors in one sentence each.

The SDK takes a tenth of a second to import, so it is imported when the first client is made. It reads its own
variables and files: credentials, region, endpoint, proxy, certificates.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from harness import __version__
from harness.sources.aws_calls import operation
from harness.sources.local import SourceUnavailable
from harness.sources.timeout import within

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import boto3
    import botocore.session
    from botocore.model import OperationModel
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

    Service = Literal["lambda", "s3", "resourcegroupstaggingapi"]

CONNECT_SECONDS = 10
READ_SECONDS = 60
ANSWER_SECONDS = 300.0
"""That a call may take, with its retries."""
PATIENT_ATTEMPTS = 12
CONNECTIONS = 32
"""Threads that may use one client at a time."""
_OTHER_BUNDLE = (None, "REQUESTS_CA_BUNDLE", None, None)
"""The SDK's fallback for ``AWS_CA_BUNDLE``, which is not among its settings."""


class AwsUnavailable(SourceUnavailable):
    """AWS does not provide something; the message is one sentence without secrets.

    Attributes:
        code: AWS's code of the reason (``ResourceNotFoundException``), or the SDK's (``NoCredentialsError``).
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class NotAllowed(Exception):  # noqa: N818 - a fault of this package, which no user can mend
    """A call that is not in the list of those that this package makes was refused."""


class Aws:
    """A session: the user's credentials, and clients by service and region. Threads may share it.

    Args:
        profile: One of the user's profiles; None for the SDK's default chain.
        region: For resources whose name has none; None for the SDK's own.
        writes: Whether its clients may write what this package writes at all: entries of a verdict cache.
        patient: Whether its clients slow down, and try again more often, where AWS throttles them.
    """

    def __init__(
        self, profile: str | None = None, region: str | None = None, *, writes: bool = False, patient: bool = False
    ) -> None:
        self.profile = profile
        self.region = region
        self._writes = writes
        self._patient = patient
        self._core: botocore.session.Session | None = None
        self._session: boto3.Session | None = None
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._lock = threading.Lock()

    @overload
    def client(self, service: Literal["lambda"], region: str | None = None) -> LambdaClient: ...
    @overload
    def client(self, service: Literal["s3"], region: str | None = None) -> S3Client: ...
    @overload
    def client(self, service: Literal["resourcegroupstaggingapi"], region: str | None = None) -> Any: ...  # noqa: ANN401
    def client(self, service: Service, region: str | None = None) -> Any:
        """The client of a service, made once for each region.

        Raises:
            AwsUnavailable: There is no such profile, no region, or something is wrong in the SDK's configuration.
        """
        key = (service, region or self.region)
        with self._lock:  # a session is not safe to be used by several threads; its clients are
            if key not in self._clients:
                with asking(service, "", f"AWS ({service})"):
                    self._clients[key] = self._made(*key)
            return self._clients[key]

    @property
    def certificates(self) -> str | bool:
        """The authorities that the user trusts: a file, or the SDK's own."""
        if self._core is None:
            return True
        variables = ("ca_bundle", "requests_ca_bundle")
        return next((str(value) for name in variables if (value := self._core.get_config_variable(name))), True)

    def _made(self, service: Service, region: str | None) -> Any:  # noqa: ANN401 - the SDK makes its classes at run time
        import boto3  # noqa: PLC0415 - see the module
        import botocore.session  # noqa: PLC0415 - the same
        from botocore.config import Config  # noqa: PLC0415 - the same
        from botocore.exceptions import NoRegionError  # noqa: PLC0415 - the same

        _hush()
        if self._session is None:
            self._core = botocore.session.Session(session_vars={"requests_ca_bundle": _OTHER_BUNDLE})
            self._session = boto3.Session(botocore_session=self._core, profile_name=self.profile)
        config = Config(
            retries={"mode": "adaptive", "max_attempts": PATIENT_ATTEMPTS} if self._patient else {"mode": "standard"},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_pool_connections=CONNECTIONS,
            # The SDK's checksum does not cover a download that is resumed: ours does.
            response_checksum_validation="when_required",
            user_agent_extra=f"lambda-artifact/{__version__}",
        )
        client = self._session.client(service, region_name=region, config=config)
        if service == "lambda" and not client.meta.region_name:  # a variable that is set to nothing
            raise NoRegionError
        # On the client alone: what the SDK does to get the user's credentials is not ours to forbid.
        client.meta.events.register_first("before-call", partial(_refuse, writes=self._writes))
        if not self._writes:
            client.meta.events.register("before-parameter-build.s3.CreateSession", _read_only)
        _limit(client)
        return client


def _read_only(params: dict[str, str], **others: object) -> None:
    """Ask a directory bucket for a session that can only read."""
    del others
    params["SessionMode"] = "ReadOnly"


def _limit(client: Any) -> None:  # noqa: ANN401 - the SDK makes its classes at run time
    """Give each call of a client an end: its time-outs are for single reads, and begin anew with every byte."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - see the module

    meta = client.meta
    call = client._make_api_call  # noqa: SLF001 - what all its methods call, and nothing public is

    def limited(name: str, parameters: Mapping[str, object]) -> object:
        try:
            return within(ANSWER_SECONDS, partial(call, name, parameters))
        except ClientError as error:  # a refusal does not say who gave it, and the sentence about it has to
            response: dict[str, Any] = cast("Any", error.response)
            response.setdefault("ResponseMetadata", {})["Asked"] = (meta.endpoint_url, meta.region_name)
            raise
        except TimeoutError:
            raise AwsUnavailable(f"AWS has not answered {name} within {ANSWER_SECONDS:,.0f} seconds.") from None

    client._make_api_call = limited  # noqa: SLF001 - the same


def _refuse(model: OperationModel, *, writes: bool, **others: object) -> None:
    """Refuse a call that is not in the list."""
    del others
    service = str(model.service_model.service_name)
    if operation(service, model.name, writes=writes) is None:
        raise NotAllowed(f"{service} {model.name} is not among the calls that lambda-artifact makes")


def _hush() -> None:
    """Keep answers and addresses out of logs: they hold presigned URLs and the values of functions' variables.

    A level that the user sets stays.
    """
    for name in ("boto3", "botocore", "urllib3"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.ERROR if name == "urllib3" else logging.INFO)


@contextmanager
def asking(service: str, name: str, resource: str) -> Iterator[None]:
    """Turn the SDK's errors into one sentence, with the call (``lambda``, ``GetFunction``) and the resource.

    Raises:
        AwsUnavailable: AWS did not answer, or refused.
    """
    try:
        yield
    except (SourceUnavailable, NotAllowed):
        raise
    except Exception as error:
        from harness.sources.aws_errors import sentence  # noqa: PLC0415 - imports the SDK, which has raised this

        if (words := sentence(error, service, name, resource)) is None:
            raise
        # The SDK's own error may hold a presigned URL.
        raise AwsUnavailable(words.text, words.code) from None
