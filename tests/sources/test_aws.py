"""What may be asked of AWS, and what is told where there is no answer."""

from __future__ import annotations

import json
import logging
import re
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ParamValidationError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.artifact.entries import Role
from harness.manifest import Source, SourceKind
from harness.sources.aws import Aws, AwsUnavailable, NotAllowed
from harness.sources.aws_calls import ALLOWED, Purpose
from harness.sources.aws_resources import LambdaFunction, LayerVersion, S3Object, parse
from harness.sources.fetch import Sources
from harness.sources.iam_policy import policy
from harness.sources.local import SourceUnavailable
from tests import aws
from tests.canaries import KEY_ID, SECRET, SIGNATURE, canaries_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.sources.aws_resources import AwsResource
    from tests.aws import Account, Answer, Asked

FUNCTION = f"arn:aws:lambda:{aws.REGION}:{aws.ACCOUNT}:function:api"
POINT = f"arn:aws:s3:{aws.REGION}:123456789012:accesspoint/builds"
REGIONS = "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap"
EXPRESS = "builds--use1-az4--x-s3"
LAYER = f"arn:aws:lambda:{aws.REGION}:{aws.ACCOUNT}:layer:deps:3"
WRITES = re.compile(r"Add|Copy|Create|Delete|Invoke|Publish|Put|Remove|Restore|Tag|Untag|Update|Upload|Write")


def why(text: str, folder: Path, profile: str | None = None) -> str:
    """Why it cannot be had."""
    said: list[str] = []
    kind = SourceKind.S3 if text.startswith("s3:") else SourceKind.REMOTE
    sources = Sources(folder / "cache", said.append, Aws(profile))
    with pytest.raises(SourceUnavailable) as raised:
        sources.archive(Source(text, None, kind), Role.CODE)
    sentence = str(raised.value)
    assert sentence.endswith(".")
    assert not canaries_in(sentence)
    return sentence


class TestCalls:
    def test_none_of_them_changes_anything(self) -> None:
        named = [one.name for one in ALLOWED if WRITES.search(one.name) or WRITES.search(one.action or "")]
        assert named == ["CreateSession"]  # of a directory bucket: credentials for some minutes, here to read alone

    @pytest.mark.parametrize("service", ["s3", "lambda"])
    def test_every_other_one_is_refused_before_it_is_made(self, account: Account, service: str) -> None:
        client: Any = Aws().client("s3") if service == "s3" else Aws().client("lambda")
        model, allowed = client.meta.service_model, {one.name for one in ALLOWED if one.service == service}
        refused = set()
        for method, name in client.meta.method_to_api_mapping.items():
            shape = model.operation_model(name).input_shape
            wanted = filled(shape) if shape else {}
            try:
                getattr(client, method)(**wanted)
            except NotAllowed:
                refused.add(name)
            except ParamValidationError:
                pytest.fail(f"{name} was not tried: {wanted}")
            except Exception:  # noqa: BLE001 - whatever AWS says to what it is asked
                assert name in allowed

        assert refused == set(model.operation_names) - allowed
        assert len(refused) > 50
        assert {one.method for one in account.asked} <= {"GET", "HEAD"}

    def test_the_least_policy_names_all_that_is_asked_and_nothing_else(self) -> None:
        statements = json.loads(policy(preflight=True, fleet=True))["Statement"]

        granted = {action for one in statements for action in one["Action"]}
        every = {one.action for one in ALLOWED if one.action} | {"s3:GetObjectVersion"}
        assert granted == every - {"s3express:CreateSession"}  # only where a directory bucket is named
        assert {one["Effect"] for one in statements} == {"Allow"}
        assert not [one for one in statements if one["Resource"] == ["*"] and one["Sid"] != "ReadAccount"]

    def test_sources_alone_need_less(self) -> None:
        preflight = {one.action for one in ALLOWED if one.purpose is Purpose.PREFLIGHT}

        granted = {action for one in json.loads(policy())["Statement"] for action in one["Action"]}

        assert granted
        assert not granted & preflight

    @pytest.mark.parametrize(
        ("text", "action", "arn"),
        [
            (f"s3://{POINT}/api/code.zip", "s3:GetObject", f"{POINT}/object/api/code.zip"),
            (f"s3://{EXPRESS}/k", "s3express:CreateSession", f"arn:aws:s3express:*:*:bucket/{EXPRESS}"),
        ],
    )
    def test_access_points_and_directory_buckets_have_rights_of_their_own(
        self, text: str, action: str, arn: str
    ) -> None:
        named = parse(text)
        assert named

        (statement,) = json.loads(policy([named]))["Statement"]

        assert (statement["Action"], statement["Resource"]) == ([action], [arn])

    def test_what_is_named_is_all_that_is_allowed(self) -> None:
        named: list[AwsResource] = [
            S3Object("builds", "code.zip"),
            LambdaFunction("api", "api"),
            LayerVersion(LAYER, aws.REGION),
        ]

        assert json.loads(policy(named))["Statement"] == [
            {
                "Sid": "ReadObjects",
                "Effect": "Allow",
                "Action": ["s3:GetObject"],
                "Resource": ["arn:aws:s3:::builds/code.zip"],
            },
            {
                "Sid": "ReadFunctions",
                "Effect": "Allow",
                "Action": ["lambda:GetAlias", "lambda:GetFunction", "lambda:GetFunctionConfiguration"],
                "Resource": ["arn:aws:lambda:*:*:function:api", "arn:aws:lambda:*:*:function:api:*"],
            },
            {
                "Sid": "ReadLayers",
                "Effect": "Allow",
                "Action": ["lambda:GetLayerVersion"],
                "Resource": ["arn:aws:lambda:*:*:layer:*", LAYER],
            },
        ]


VALUES: dict[str, object] = {
    "string": "x" * 50,
    "integer": 10,
    "long": 10,
    "boolean": True,
    "blob": b"",
    "map": {},
    "timestamp": "2027-01-31",
}


def filled(shape: Any) -> Any:  # noqa: ANN401 - whatever a call takes
    """The least that a call can be given."""
    if shape.type_name == "structure" and shape.is_tagged_union:
        key = next(iter(shape.members))
        return {key: filled(shape.members[key])}
    if shape.type_name == "structure":
        return {key: filled(shape.members[key]) for key in shape.required_members}
    return [filled(shape.member)] if shape.type_name == "list" else VALUES[shape.type_name]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("s3://b/k", S3Object("b", "k")),
        ("s3://b/a/k.zip?versionId=v1", S3Object("b", "a/k.zip", "v1")),
        ("s3://b/what?.zip", S3Object("b", "what?.zip")),
        (f"s3://{POINT}/a/k.zip?versionId=v1", S3Object(POINT, "a/k.zip", "v1", aws.REGION)),
        (f"s3://{REGIONS}/k", S3Object(REGIONS, "k")),
        (f"s3://{POINT}", None),
        (f"s3://{EXPRESS}/k", S3Object(EXPRESS, "k")),
        ("s3://b/", None),
        ("s3://b/?versionId=v", None),
        ("function:api", LambdaFunction("api", "api")),
        ("function:api:live", LambdaFunction("api", "api", "live")),
        ("function:", None),
        (FUNCTION, LambdaFunction(FUNCTION, "api", None, aws.REGION)),
        (f"{FUNCTION}:7", LambdaFunction(FUNCTION, "api", "7", aws.REGION)),
        (f"{FUNCTION}:$LATEST", LambdaFunction(FUNCTION, "api", "$LATEST", aws.REGION)),
        (LAYER, LayerVersion(LAYER, aws.REGION)),
        (LAYER.removesuffix(":3"), None),
        ("arn:aws:s3:::b/k", None),
        ("build/code.zip", None),
    ],
)
def test_a_place_is_taken_apart(text: str, found: object) -> None:
    assert parse(text) == found
    assert found is None or str(found) == text


def answering(answer: Answer) -> Callable[[Asked, Callable[[], Answer]], Answer]:
    def course(asked: Asked, usual: Callable[[], Answer]) -> Answer:
        del asked, usual
        return answer

    return course


CHOOSE = "AWS_DEFAULT_REGION or an ARN says which region is asked, --profile which account"
CODE = "s3://builds/code.zip"
PINNED = f"{CODE}?versionId=v1"
OBJECT = "arn:aws:s3:::builds/code.zip"
NO_LIST = "where s3:ListBucket is not allowed, S3 says the same of a key that is not there"
DENIED = aws.error(403, "AccessDeniedException")
S3_DENIED = aws.s3_error(403, "AccessDenied", "Access Denied")
KMS = "User: ci is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:1:key/2"
NAMED = (
    f"User: arn:aws:iam::{aws.ACCOUNT}:user/ci is not authorized to perform: lambda:GetFunction on resource: "
    f"{FUNCTION} because no identity-based policy allows the lambda:GetFunction action"
)
GONE = "The resource you requested does not exist."
NO_FUNCTION = "lambda:GetFunction: ResourceNotFoundException"
SECRETS = f"Look at https://u:p@host/x?X-Amz-Signature={SIGNATURE}, said {KEY_ID}.\nNow."


def missing(code: str, message: str = GONE) -> Answer:
    return aws.error(404, code, message)


def page(status: int, body: bytes = b"<html>Not Found</html>") -> Answer:
    return aws.Answer(status, {"Content-Type": "text/html"}, body)


def not_aws(code: int, call: str = "lambda:GetFunction") -> str:
    return (
        f"127.0.0.1 answered {call} with HTTP {code}, and not as AWS does: AWS_ENDPOINT_URL says who is asked; an "
        "emulator may not know this call, or a proxy answers in its place"
    )


def denied(call: str, action: str, target: str) -> str:
    return f"access denied ({call}): the credentials need {action} on {target}"


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "answer", "reason"),
        [
            (
                "function:api",
                aws.error(403, "AccessDeniedException", NAMED),
                denied("lambda:GetFunction", "lambda:GetFunction", FUNCTION),
            ),
            (
                "function:api",
                DENIED,
                denied("lambda:GetFunction", "lambda:GetFunction", "arn:aws:lambda:*:*:function:api"),
            ),
            (LAYER, DENIED, denied("lambda:GetLayerVersionByArn", "lambda:GetLayerVersion", LAYER)),
            (CODE, S3_DENIED, f"{denied('s3:GetObject', 's3:GetObject', OBJECT)}; {NO_LIST}"),
            (PINNED, S3_DENIED, f"{denied('s3:GetObject', 's3:GetObjectVersion', OBJECT)}; {NO_LIST}"),
            (
                CODE,
                aws.s3_error(403, "AccessDenied", KMS),
                denied("s3:GetObject", "kms:Decrypt", "arn:aws:kms:eu-west-1:1:key/2"),
            ),
            (
                CODE,
                aws.s3_error(400, "ExpiredToken", "The provided token has expired."),
                "the credentials have expired (s3:GetObject: ExpiredToken): get new ones",
            ),
            (
                "function:api",
                aws.error(403, "ExpiredTokenException", "The security token included in the request is expired"),
                "the credentials have expired (lambda:GetFunction: ExpiredTokenException): get new ones",
            ),
            (
                CODE,
                aws.s3_error(403, "InvalidAccessKeyId", f"The AWS Access Key Id {KEY_ID} does not exist."),
                (
                    "AWS does not accept the credentials (s3:GetObject: InvalidAccessKeyId): they are wrong, or of "
                    "another partition"
                ),
            ),
            (
                CODE,
                aws.s3_error(404, "NoSuchKey", "The specified key does not exist."),
                "there is no such key in the bucket (s3:GetObject: NoSuchKey)",
            ),
            (
                CODE,
                aws.s3_error(403, "InvalidObjectState", "…"),
                "it is archived (Glacier): restore it first (s3:GetObject: InvalidObjectState)",
            ),
            (
                PINNED,
                aws.s3_error(405, "MethodNotAllowed", "…"),
                "that version is a delete marker: the object was deleted (s3:GetObject: MethodNotAllowed)",
            ),
            (
                "function:api",
                missing("ResourceNotFoundException", f"Function not found: {FUNCTION}"),
                f"there is no function api in eu-west-1, account {aws.ACCOUNT}: {CHOOSE} ({NO_FUNCTION})",
            ),
            (
                "function:api:live",
                missing("ResourceNotFoundException"),
                f"there is no function api, or it has no alias live in eu-west-1: {CHOOSE} ({NO_FUNCTION})",
            ),
            (
                f"{FUNCTION}:7",
                missing("ResourceNotFoundException", ""),
                (
                    "there is no function api, or it has no version 7 in eu-west-1, account "
                    f"{aws.ACCOUNT}: {CHOOSE} ({NO_FUNCTION})"
                ),
            ),
            (
                LAYER,
                missing("ResourceNotFoundException"),
                (
                    "there is no such version of the layer: it was deleted, or never published. Functions that carry "
                    "it run on, and no function can be given it again: publish the archive again and name that version "
                    "(`aws lambda list-layer-versions --layer-name deps` lists those that are there) "
                    "(lambda:GetLayerVersionByArn: ResourceNotFoundException)"
                ),
            ),
            ("function:api", page(404), not_aws(404)),
            ("function:api", aws.Answer(404, {"Content-Type": "application/json"}, b"{}"), not_aws(404)),
            ("function:api", page(403, b"Forbidden by policy"), not_aws(403)),
            (CODE, page(404), not_aws(404, "s3:GetObject")),
            (
                "function:api",
                aws.error(400, "SomethingNew", SECRETS),
                "lambda:GetFunction failed: SomethingNew: Look at https://…@host/x?… said …. Now",
            ),
        ],
    )
    def test_one_sentence_names_the_call_the_resource_and_the_action(
        self, account: Account, tmp_path: Path, text: str, answer: Answer, reason: str
    ) -> None:
        account.once("", answering(answer), times=99)

        assert re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1", why(text, tmp_path)) == f"{text}: {reason}."

    def test_a_bucket_of_another_region_is_found(self, account: Account, tmp_path: Path) -> None:
        account.put("builds", "code.zip", b"not a zip")
        elsewhere = {"x-amz-bucket-region": "ap-southeast-2"}
        account.once("HEAD", answering(aws.s3_error(301, "PermanentRedirect", "…", elsewhere)))
        said: list[str] = []

        got = Sources(tmp_path, said.append).archive(Source("s3://builds/code.zip", None, SourceKind.S3), Role.CODE)

        assert got.zipped_bytes == len(b"not a zip")
        assert "/ap-southeast-2/s3/" in account.asked[1].headers["authorization"]

    def test_a_region_that_is_not_found_is_told(self, account: Account, tmp_path: Path) -> None:
        elsewhere = {"x-amz-bucket-region": "ap-southeast-2"}
        account.once("", answering(aws.s3_error(301, "PermanentRedirect", "…", elsewhere)), times=99)

        assert "the bucket is in another region (ap-southeast-2): set AWS_DEFAULT_REGION to it" in why(
            "s3://b/k", tmp_path
        )

    def test_the_code_is_kept_for_who_asks(self, account: Account) -> None:
        from harness.sources.aws_packages import configuration  # noqa: PLC0415 - imports the SDK

        del account
        with pytest.raises(AwsUnavailable) as raised:
            configuration(Aws(), LambdaFunction("api", "api"), "function:api")

        assert raised.value.code == "ResourceNotFoundException"


def authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Who vouches for 127.0.0.1: a certificate for clients to trust, and what a server shows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(tz=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    bundle, secret = folder / "bundle.pem", folder / "key.pem"
    bundle.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, secret)
    return bundle, context


class TestSurroundings:
    """What is wrong on this machine, or on the way."""

    def test_no_credentials(self, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        del account
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

        assert why("s3://b/k", tmp_path) == "s3://b/k: no AWS credentials were found: log in, or name a --profile."

    def test_half_the_credentials(self, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        del account
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

        assert why("s3://b/k", tmp_path) == (
            "AWS (s3): the AWS credentials are not complete: AWS_SECRET_ACCESS_KEY is missing."
        )

    def test_no_region(self, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        account.layer("deps", b"")
        monkeypatch.delenv("AWS_DEFAULT_REGION")

        assert "no AWS region is known: set AWS_DEFAULT_REGION, or name it by its ARN" in why("function:api", tmp_path)
        assert "there is no function api in eu-west-1" in why(FUNCTION, tmp_path)

    def test_a_region_that_is_set_to_nothing(
        self, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", "")

        assert "no AWS region is known: set AWS_DEFAULT_REGION" in why("function:api", tmp_path)
        assert not account.asked

    def test_no_such_profile(self, account: Account, tmp_path: Path) -> None:
        del account

        assert "there is no AWS profile named deploy" in why("s3://b/k", tmp_path, "deploy")

    def test_the_profile_that_is_named(self, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = tmp_path / "config"
        config.write_text(f"[profile deploy]\naws_access_key_id = THEOTHER\naws_secret_access_key = {SECRET}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))

        why("s3://b/k", tmp_path, "deploy")

        assert "Credential=THEOTHER/" in account.asked[0].headers["authorization"]

    def test_a_program_that_fails_to_give_credentials(
        self, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        del account
        config = tmp_path / "config"
        program = f"sh -c 'echo {SECRET} >&2; exit 1'"
        config.write_text(f"[profile deploy]\ncredential_process = {program}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))

        assert "AWS credentials could not be had from custom-process" in why("s3://b/k", tmp_path, "deploy")

    def test_nobody_answers(self, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        del account
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9/")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

        assert why("s3://b/k", tmp_path) == "s3://b/k: s3:HeadObject failed: 127.0.0.1:9 does not answer."

    def test_an_endpoint_that_is_none(self, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        del account
        monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost")

        assert "Invalid endpoint: localhost" in why("s3://b/k", tmp_path)

    def test_no_tls_at_the_other_end(self, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", account.endpoint.replace("http:", "https:"))
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

        assert "s3:HeadObject failed: " in why("s3://b/k", tmp_path)

    def test_a_proxy_that_does_not_answer(
        self, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        del account
        monkeypatch.delenv("NO_PROXY")
        monkeypatch.setenv("HTTP_PROXY", f"http://user:{SECRET.replace('/', '_')}@127.0.0.1:9")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

        sentence = why("s3://b/k", tmp_path)

        assert "s3:HeadObject failed: the proxy does not answer; HTTPS_PROXY and NO_PROXY say which is used" in sentence

    @pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
    def test_an_authority_of_the_users_own_is_trusted_for_both_what_is_asked_and_what_is_downloaded(
        self, moto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        bundle, context = authority(tmp_path)
        for account in aws.accounts(moto, context):
            monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
            for name, value in account.environ.items():
                monkeypatch.setenv(name, value)
            monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
            account.function("api", b"PK\5\6" + bytes(18))
            source = Source("function:api", None, SourceKind.REMOTE)
            said: list[str] = []
            monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

            assert "certificate of 127.0.0.1:" in why("function:api", tmp_path)
            monkeypatch.setenv(variable, str(bundle))
            assert Sources(tmp_path, said.append).archive(source, Role.CODE).zipped_bytes == 22

    def test_no_log_has_a_secret_even_where_everything_is_logged(
        self, account: Account, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        account.function("api", b"PK\5\6" + bytes(18))
        caplog.clear()
        account.once("GET /-/archives", aws.cut(3))
        said: list[str] = []

        got = Sources(tmp_path, said.append).archive(Source("function:api", None, SourceKind.REMOTE), Role.CODE)

        assert got.zipped_bytes == 22
        printed = "\n".join([caplog.text, *said])
        assert not canaries_in(printed)
