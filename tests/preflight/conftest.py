"""An AWS account that pages its lists and tells of its quota, which moto does not."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from tests import aws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fixtures.build import Sample

LISTS = ("Functions", "Aliases", "Versions", "LayerVersions")
PAGE = 50
QUOTA = 80_530_636_800  # bytes: 75 GB


@pytest.fixture
def account(moto: str, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> Iterator[aws.Account]:
    """An empty account, which the SDK's own variables lead to; what the manifest has is built."""
    del sample
    for made in aws.accounts(moto):
        for name, value in made.environ.items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        iam = boto3.client("iam", endpoint_url=made.moto, region_name=aws.REGION)
        iam.create_role(RoleName=aws.ROLE.rpartition("/")[2], AssumeRolePolicyDocument="{}")
        made.courses += [settings(1_000_000_000, QUOTA), code_signing(), paged]
        yield made


def settings(used: int, limit: int) -> Callable[[aws.Asked, Callable[[], aws.Answer]], aws.Answer | None]:
    """A course: the account's settings."""

    def course(asked: aws.Asked, usual: Callable[[], aws.Answer]) -> aws.Answer | None:
        del usual
        if not asked.path.endswith("/account-settings"):
            return None
        said = {"AccountLimit": {"TotalCodeSize": limit}, "AccountUsage": {"TotalCodeSize": used, "FunctionCount": 1}}
        return aws.Answer(200, {"Content-Type": "application/json"}, json.dumps(said).encode())

    return course


def code_signing(policy: str | None = None, *functions: str) -> aws.Course:
    """A course: the code signing configurations of the account, one with a policy or none."""
    arn = f"arn:aws:lambda:{aws.REGION}:{aws.ACCOUNT}:code-signing-config:csc-0f6c334abcdea4d8b"
    config = {"CodeSigningConfigArn": arn, "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": policy}}

    def course(asked: aws.Asked, usual: Callable[[], aws.Answer]) -> aws.Answer | None:
        del usual
        path = urlsplit(asked.path).path
        if "/code-signing-configs" not in path:
            return None
        its = path.endswith("/functions")
        said = {"FunctionArns": functions} if its else {"CodeSigningConfigs": [config] * bool(policy)}
        return aws.Answer(200, {"Content-Type": "application/json"}, json.dumps(said).encode())

    return course


def paged(asked: aws.Asked, usual: Callable[[], aws.Answer]) -> aws.Answer | None:
    """A course: lists come in pages of 50, as Lambda's do."""
    split = urlsplit(asked.path)
    if asked.method != "GET" or not re.search(r"/(functions|versions|aliases)/?$", split.path):
        return None
    answer = usual()
    said = json.loads(answer.body)
    for key in LISTS:
        if len(said.get(key, ())) > PAGE:
            start = int(parse_qs(split.query).get("Marker", ["0"])[0])
            rest = said[key][start + PAGE :]
            said = {key: said[key][start : start + PAGE], **({"NextMarker": str(start + PAGE)} if rest else {})}
            answer.body = json.dumps(said).encode()
            answer.headers["Content-Length"] = str(len(answer.body))
    return answer
