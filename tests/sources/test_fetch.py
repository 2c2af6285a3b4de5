"""What lies in AWS, over HTTP: it arrives whole and is what AWS says, or a sentence says why not."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from awscrt.checksums import crc64nvme

from harness.artifact.entries import Role
from harness.manifest import Source, SourceKind
from harness.sources.fetch import Sources
from harness.sources.local import SourceUnavailable
from tests import aws
from tests.aws import Answer
from tests.canaries import SIGNATURE, canaries_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.aws import Account, Asked, Course

SIZE = 3 * 1024 * 1024


def archive(text: str = "a", size: int = 0) -> bytes:
    """A zip; from a size on, with so many bytes that do not shrink."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(zipfile.ZipInfo("app/main.py"), text)
        if size:
            block = hashlib.sha512(text.encode()).digest()
            file.writestr(zipfile.ZipInfo("data.bin"), block * (size // len(block)))
    return made.getvalue()


def source(text: str) -> Source:
    return Source(text, None, SourceKind.S3 if text.startswith("s3:") else SourceKind.REMOTE)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def waited() -> list[float]:
    return []


@pytest.fixture
def sources(account: Account, tmp_path: Path, told: list[str], waited: list[float]) -> Sources:
    del account  # it is there
    return Sources(tmp_path / "cache", told.append, pause=waited.append)


def fetched(sources: Sources, text: str, role: Role = Role.CODE) -> bytes:
    got = sources.archive(source(text), role)
    data = got.path.read_bytes()
    assert got.sha256 == hashlib.sha256(data).hexdigest()
    assert got.source == text
    return data


def why(sources: Sources, text: str) -> str:
    with pytest.raises(SourceUnavailable) as raised:
        sources.archive(source(text), Role.CODE)
    sentence = str(raised.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert not canaries_in(sentence)
    return sentence


def left(folder: Path) -> set[str]:
    """What the cache holds, without locks."""
    return {path.name for path in (folder / "cache" / "downloads").rglob("*") if path.is_file()} - {
        path.name for path in (folder / "cache" / "downloads" / "locks").rglob("*")
    }


DESCRIBED = {"ETag": '"e"', "Content-Length": str(len(archive())), "Content-Type": "application/zip"}
DOWNLOAD = r"GET /(-/archives|builds)/"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def code_sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def lies(account: Account, kind: str) -> tuple[str, bytes]:
    """The name of something in the account, and what it is."""
    data = archive(size=SIZE)
    if kind == "layer":
        return account.layer("deps", data), data
    if kind == "function":
        account.function("api", data)
        return "function:api", data
    account.put("builds", "code.zip", data)
    return "s3://builds/code.zip", data


def changed(asked: Asked, usual: Callable[[], Answer]) -> Answer:
    del asked
    answer = usual()
    answer.body = bytes([answer.body[0] ^ 1]) + answer.body[1:]
    return answer


def whole(asked: Asked, usual: Callable[[], Answer]) -> Answer:
    asked.headers.pop("range")
    return usual()


def throttled(asked: Asked, usual: Callable[[], Answer]) -> Answer:
    del asked, usual
    return aws.error(429, "TooManyRequestsException", "Rate exceeded")


def forbidden(asked: Asked, usual: Callable[[], Answer]) -> Answer:
    del asked, usual
    return aws.s3_error(403, "AccessDenied", "Request has expired")


def redirected(asked: Asked, usual: Callable[[], Answer]) -> Answer:
    del asked, usual
    return Answer(302, {"Location": "http://127.0.0.1:9/"}, b"")


def packaged_as_image(asked: Asked, usual: Callable[[], Answer]) -> Answer:
    del asked
    answer = usual()
    answer.body = answer.body.replace(b'"PackageType": "Zip"', b'"PackageType": "Image"')
    return answer


def replacing(account: Account, data: bytes) -> Course:
    def course(asked: Asked, usual: Callable[[], Answer]) -> Answer:
        del asked
        account.put("builds", "code.zip", data)
        return usual()

    return course


def with_code(**code: object) -> Course:
    """Lambda tells this, and no more, of where a function's code is."""

    def course(asked: Asked, usual: Callable[[], Answer]) -> Answer:
        del asked
        answer = usual()
        answer.body = json.dumps({**json.loads(answer.body), "Code": code}).encode()
        return answer

    return course


def leading_to(link: str) -> Course:
    return with_code(Location=link)


def answer_of(account: Account, arn: str) -> Course:
    def course(asked: Asked, usual: Callable[[], Answer]) -> Answer:
        del usual
        region = arn.split(":")[3]
        scope = re.sub(r"/[^/]+/lambda/", f"/{region}/lambda/", asked.headers["authorization"])
        headers = {**asked.headers, "authorization": scope}
        return account.usual(replace(asked, path=f"/2018-10-31/layers?find=LayerVersion&Arn={arn}", headers=headers))

    return course


class TestObjects:
    def test_one_is_read_and_kept(self, account: Account, sources: Sources, told: list[str]) -> None:
        data = archive(size=SIZE)
        account.put("builds", "api/code.zip", data)

        assert fetched(sources, "s3://builds/api/code.zip") == data
        assert fetched(sources, "s3://builds/api/code.zip") == data

        assert account.calls() == ["HEAD /builds/api/code.zip", "GET /builds/api/code.zip", "HEAD /builds/api/code.zip"]
        assert "fetching s3://builds/api/code.zip: 3 of 3 MB" in told
        assert len(told) < 20

    def test_another_one_at_the_same_key_is_read(self, account: Account, sources: Sources) -> None:
        for text in ("old", "new"):
            account.put("builds", "code.zip", archive(text))

            assert fetched(sources, "s3://builds/code.zip") == archive(text)

    def test_a_version_is_that_version(self, account: Account, sources: Sources) -> None:
        account.put("builds", "code.zip", b"")
        account.s3.put_bucket_versioning(Bucket="builds", VersioningConfiguration={"Status": "Enabled"})
        old = account.put("builds", "code.zip", archive("old"))["VersionId"]
        account.put("builds", "code.zip", archive("new"))

        assert fetched(sources, f"s3://builds/code.zip?versionId={old}") == archive("old")
        assert fetched(sources, "s3://builds/code.zip") == archive("new")
        assert "there is no such version" in why(sources, "s3://builds/code.zip?versionId=none")

    @pytest.mark.parametrize("key", ["a b/ü+&=%20.zip", "what?.zip", "//code.zip"])
    def test_a_key_is_taken_as_it_is(self, account: Account, sources: Sources, key: str) -> None:
        account.put("builds", key, archive())

        assert fetched(sources, f"s3://builds/{key}") == archive()

    def test_the_same_bytes_from_elsewhere_are_not_read_again(self, account: Account, sources: Sources) -> None:
        account.put("builds", "a.zip", archive(), ChecksumAlgorithm="SHA256")
        account.put("builds", "b.zip", archive(), ChecksumAlgorithm="SHA256")

        assert fetched(sources, "s3://builds/a.zip") == fetched(sources, "s3://builds/b.zip")
        assert account.calls("GET") == ["GET /builds/a.zip"]

    @pytest.mark.parametrize("algorithm", ["SHA256", "CRC32"])
    def test_bytes_that_are_not_what_was_stored_are_refused(
        self, account: Account, sources: Sources, tmp_path: Path, algorithm: str
    ) -> None:
        account.put("builds", "code.zip", archive("a"), ChecksumAlgorithm=algorithm)
        account.once("GET /builds", changed)

        assert {"SHA256": "SHA-256", "CRC32": "CRC-32"}[algorithm] in why(sources, "s3://builds/code.zip")
        assert not left(tmp_path)

    def test_s3s_own_checksum_is_compared(self, account: Account, sources: Sources, tmp_path: Path) -> None:
        data = archive(size=SIZE)
        checksum = base64.b64encode(crc64nvme(data).to_bytes(8, "big")).decode()
        account.put("builds", "code.zip", data)

        def described(asked: Asked, usual: Callable[[], Answer]) -> Answer:
            del asked
            answer = usual()
            kept = {name: value for name, value in answer.headers.items() if "checksum" not in name.lower()}
            answer.headers = {**kept, "x-amz-checksum-crc64nvme": checksum, "x-amz-checksum-type": "FULL_OBJECT"}
            return answer

        account.once("HEAD", described, times=2)
        account.once("GET /builds", changed)

        assert "CRC-64/NVME" in why(sources, "s3://builds/code.zip")
        assert not left(tmp_path)
        assert fetched(Sources(tmp_path / "other", print), "s3://builds/code.zip") == data

    def test_a_directory_bucket_is_read_in_a_session_that_can_only_read(
        self, account: Account, sources: Sources
    ) -> None:
        bucket, modes = "builds--use1-az4--x-s3", []

        def session(asked: Asked, usual: Callable[[], Answer]) -> Answer:
            del usual
            modes.append(asked.headers.get("x-amz-create-session-mode"))
            keys = ("AccessKeyId", "SecretAccessKey", "SessionToken")
            body = "".join(f"<{key}>k</{key}>" for key in keys) + "<Expiration>2099-01-01T00:00:00Z</Expiration>"
            return Answer(200, {}, f"<R><Credentials>{body}</Credentials></R>".encode())

        account.once(r"\?session", session)
        account.once(f"(HEAD|GET) /{bucket}/code.zip", lambda *_: Answer(200, DESCRIBED, archive()), times=2)

        assert fetched(sources, f"s3://{bucket}/code.zip") == archive()
        assert modes == ["ReadOnly"]

    def test_an_access_point_is_asked_by_its_arn(
        self, account: Account, sources: Sources, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        point = "http://builds-123456789012.s3.example/api/code.zip"
        monkeypatch.setenv("HTTP_PROXY", account.endpoint)
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://s3.example")
        account.once(f"(HEAD|GET) {point}", lambda *_: Answer(200, DESCRIBED, archive()), times=2)

        text = "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/builds/api/code.zip"

        assert fetched(sources, text) == archive()
        assert account.calls() == [f"HEAD {point}", f"GET {point}"]

    def test_a_checksum_of_parts_is_not_compared(self, account: Account, sources: Sources) -> None:
        account.put("builds", "code.zip", archive())

        def composite(asked: Asked, usual: Callable[[], Answer]) -> Answer:
            del asked
            answer = usual()
            answer.headers |= {"x-amz-checksum-sha256": "AAAA-2", "x-amz-checksum-type": "COMPOSITE"}
            return answer

        account.once("HEAD", composite)

        assert fetched(sources, "s3://builds/code.zip") == archive()

    def test_one_that_is_too_large_for_any_archive_is_not_read(self, account: Account, sources: Sources) -> None:
        account.put("builds", "database.dump", b"")

        def huge(asked: Asked, usual: Callable[[], Answer]) -> Answer:
            del asked
            answer = usual()
            answer.headers["Content-Length"] = "5000000000"
            return answer

        account.once("HEAD", huge)

        assert "5,000,000,000 bytes; no archive for Lambda is that large" in why(sources, "s3://builds/database.dump")
        assert not account.calls("GET")


class TestConnections:
    """``cut(n)`` closes the connection after n bytes."""

    @pytest.mark.parametrize("kind", ["object", "layer", "function"])
    def test_what_breaks_off_is_resumed(
        self, account: Account, sources: Sources, tmp_path: Path, waited: list[float], kind: str
    ) -> None:
        text, data = lies(account, kind)
        account.once(DOWNLOAD, aws.cut(SIZE // 2), times=2)

        assert fetched(sources, text) == data

        starts = [one.headers.get("range") for one in account.asked if re.search(DOWNLOAD, f"{one.method} {one.path}")]
        assert starts == [None, f"bytes={SIZE // 2}-", f"bytes={SIZE // 2 * 2}-"]
        assert waited == [1.0]
        assert len({name for name in left(tmp_path) if name.endswith(".zip")}) == 1

    @pytest.mark.parametrize("kind", ["object", "layer", "function"])
    def test_what_always_breaks_off_is_refused(
        self, account: Account, sources: Sources, tmp_path: Path, kind: str
    ) -> None:
        text, data = lies(account, kind)
        account.once(DOWNLOAD, aws.cut(1000), times=99)

        assert f"broke off 6 times, the last time after 6,000 of {len(data):,} bytes" in why(sources, text)
        assert not left(tmp_path)

    @pytest.mark.parametrize("kind", ["object", "layer", "function"])
    def test_who_answers_without_regard_for_the_range_is_understood(
        self, account: Account, sources: Sources, kind: str
    ) -> None:
        text, data = lies(account, kind)
        account.once(DOWNLOAD, aws.cut(SIZE // 2))
        account.once(DOWNLOAD, whole)

        assert fetched(sources, text) == data

    def test_one_that_is_replaced_between_head_and_get_is_read_anew(
        self, account: Account, sources: Sources, tmp_path: Path
    ) -> None:
        account.put("builds", "code.zip", archive("old"))
        account.once("GET /builds", replacing(account, archive("new")))

        assert fetched(sources, "s3://builds/code.zip") == archive("new")
        assert account.calls() == ["HEAD /builds/code.zip", "GET /builds/code.zip"] * 2
        assert [name for name in left(tmp_path) if name.endswith(".zip")] == [f"{sha256(archive('new'))}.zip"]

    def test_one_that_is_replaced_while_it_is_read_is_read_anew(self, account: Account, sources: Sources) -> None:
        old, new = archive("old", SIZE), archive("new", SIZE)
        account.put("builds", "code.zip", old)
        account.once("GET /builds", aws.cut(SIZE // 2))
        account.once("GET /builds", replacing(account, new))

        assert fetched(sources, "s3://builds/code.zip") == new

    def test_one_that_is_replaced_all_the_time_is_refused(
        self, account: Account, sources: Sources, tmp_path: Path
    ) -> None:
        account.put("builds", "code.zip", archive("0"))
        for text in "123":
            account.once("GET /builds", replacing(account, archive(text)))

        assert "it was replaced while it was read, 3 times" in why(sources, "s3://builds/code.zip")
        assert not left(tmp_path)

    def test_throttling_is_waited_for(self, account: Account, sources: Sources) -> None:
        arn = account.layer("deps", archive())
        account.once("GET /2018-10-31/layers", throttled, times=2)

        assert fetched(sources, arn, Role.LAYER) == archive()

    def test_throttling_that_does_not_end_is_told(self, account: Account, sources: Sources) -> None:
        arn = account.layer("deps", archive())
        account.once("GET /2018-10-31/layers", throttled, times=99)

        assert why(sources, arn) == (
            f"{arn}: AWS throttled lambda:GetLayerVersionByArn, 3 times (TooManyRequestsException): try again later, "
            "or raise AWS_MAX_ATTEMPTS."
        )

    def test_what_is_not_to_be_had_is_asked_for_once(self, account: Account, sources: Sources) -> None:
        for _ in range(3):
            assert "no such bucket" in why(sources, "s3://nowhere-at-all/code.zip")

        assert len(account.asked) == 2


class TestFunctions:
    @pytest.mark.parametrize("name", ["function:api", f"arn:aws:lambda:{aws.REGION}:{aws.ACCOUNT}:function:api"])
    def test_the_code_is_that_of_the_version_or_alias(self, account: Account, sources: Sources, name: str) -> None:
        account.function("api", archive("0"))
        for text in "12":
            account.update("api", archive(text))
        account.functions.create_alias(FunctionName="api", Name="live", FunctionVersion="1")
        account.archives[code_sha256(archive("3"))] = archive("3")
        account.functions.update_function_code(FunctionName="api", ZipFile=archive("3"))

        said = {suffix: fetched(sources, name + suffix) for suffix in ("", ":1", ":2", ":live", ":$LATEST")}

        assert said == {
            "": archive("3"),
            ":1": archive("1"),
            ":2": archive("2"),
            ":live": archive("1"),
            ":$LATEST": archive("3"),
        }

    def test_the_same_code_is_not_downloaded_again(self, account: Account, sources: Sources) -> None:
        for name in ("api", "cleanup"):
            account.function(name, archive())

            assert fetched(sources, f"function:{name}") == archive()

        assert len([call for call in account.calls() if re.search(DOWNLOAD, call)]) == 1

    def test_as_layers_a_function_stands_for_those_that_it_carries(self, account: Account, sources: Sources) -> None:
        arns = [account.layer(name, archive(name)) for name in ("first", "second")]
        account.function("api", archive(), Layers=arns)
        account.function("bare", archive())

        layers = sources.layers([source(arns[1]), source("function:api"), source("function:bare")])

        assert [layer.text for layer in layers] == [arns[1], *arns]
        assert fetched(sources, layers[1].text, Role.LAYER) == archive("first")

    def test_a_container_image_is_refused(self, account: Account, sources: Sources) -> None:
        account.function("api", archive())
        account.once("GET /2015-03-31/functions/api", packaged_as_image)

        assert why(sources, "function:api") == (
            "function:api: it is made of a container image, and has no archive that could be verified."
        )

    def test_bytes_of_another_digest_are_refused(self, account: Account, sources: Sources, tmp_path: Path) -> None:
        account.function("api", archive("a"))
        account.archives[code_sha256(archive("a"))] = archive("b")

        assert f"its SHA-256 is {sha256(archive('a'))}, and {sha256(archive('b'))} arrived" in why(
            sources, "function:api"
        )
        assert not left(tmp_path)

    def test_a_link_whose_time_is_over_is_asked_for_anew(self, account: Account, sources: Sources) -> None:
        account.function("api", archive(size=SIZE))
        account.once(DOWNLOAD, aws.cut(SIZE // 2))
        account.once(DOWNLOAD, forbidden)

        assert fetched(sources, "function:api") == archive(size=SIZE)
        assert len([call for call in account.calls() if "/functions/api" in call]) == 2

    def test_a_link_that_is_always_refused_is_told_without_it(self, account: Account, sources: Sources) -> None:
        account.function("api", archive())
        account.once(DOWNLOAD, forbidden, times=9)

        assert why(sources, "function:api").startswith(
            "function:api: 127.0.0.1 refused its archive, with a new link too (HTTP 403): a proxy"
        )

    def test_an_object_that_lambda_only_refers_to_is_read_from_s3(self, account: Account, sources: Sources) -> None:
        account.function("api", archive())
        version = account.put("builds", "api.zip", archive()).get("VersionId")
        referred = {"S3Bucket": "builds", "S3Key": "api.zip", **({"S3ObjectVersion": version} if version else {})}
        account.once("GET /2015-03-31/functions/api", with_code(ResolvedS3Object=referred))

        assert fetched(sources, "function:api") == archive()

    def test_code_that_lambda_cannot_give_is_told_with_its_reason(self, account: Account, sources: Sources) -> None:
        account.function("api", archive())
        error = {"ErrorCode": "KMSAccessDeniedException", "Message": "no key"}
        account.once("GET /2015-03-31/functions/api", with_code(Error=error))

        assert why(sources, "function:api") == (
            "function:api: Lambda does not say where its archive is (KMSAccessDeniedException: no key)."
        )

    def test_a_link_that_leads_nowhere_is_told(self, account: Account, sources: Sources) -> None:
        account.function("api", archive())
        account.once(DOWNLOAD, lambda *_: aws.Answer(404, {}, b""), times=9)

        assert why(sources, "function:api").startswith(
            "function:api: its archive is not where Lambda says that it is (127.0.0.1 answered HTTP 404)"
        )
        assert len([call for call in account.calls() if "archives" in call]) == 1

    @pytest.mark.parametrize(
        ("body", "what"),
        [
            (b"<!DOCTYPE html><html>log in</html>", "an HTML page"),
            (b"\n <html>blocked</html>" + b" " * SIZE * 2, "an HTML page"),
            (
                b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
                "an XML document, such as S3's error answer (AccessDenied)",
            ),
            (b'{"message": "no"}', "a JSON document"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "a Git LFS pointer"),
            (b"\x1f\x8b\x08", "a gzip file"),
            (b"moved", "no zip archive"),
            (archive("another"), "another archive"),
        ],
    )
    def test_what_arrives_in_place_of_an_archive_is_named_at_once(
        self, account: Account, sources: Sources, tmp_path: Path, body: bytes, what: str
    ) -> None:
        account.function("api", archive(size=SIZE if what != "another archive" else 0))
        account.once(DOWNLOAD, lambda *_: aws.Answer(200, {}, body), times=9)

        said = why(sources, "function:api")

        assert said.startswith(f"function:api: what arrived is {what}, and not what AWS has (")
        assert "try without the proxy (HTTPS_PROXY, NO_PROXY)" in said
        assert len([call for call in account.calls() if "archives" in call]) == 1
        assert not left(tmp_path)

    @pytest.mark.parametrize("link", ["file:///etc/passwd", "s3://bucket/key", "ftp://127.0.0.1/code.zip"])
    def test_a_link_that_leads_elsewhere_is_not_followed(self, account: Account, sources: Sources, link: str) -> None:
        account.function("api", archive())
        account.once("GET /2015-03-31/functions/api", leading_to(f"{link}?X-Amz-Signature={SIGNATURE}"))

        assert "not an https:// address" in why(sources, "function:api")

    def test_a_link_without_an_answer_is_told_without_it(self, account: Account, sources: Sources) -> None:
        account.function("api", archive())
        nobody = f"http://127.0.0.1:9/code.zip?X-Amz-Signature={SIGNATURE}"
        account.once("GET /2015-03-31/functions/api", leading_to(nobody))

        assert "the download broke off 6 times (127.0.0.1 does not answer)" in why(sources, "function:api")

    def test_a_redirection_is_not_followed(self, account: Account, sources: Sources) -> None:
        account.function("api", archive())
        account.once(DOWNLOAD, redirected)

        assert "(HTTP 302)" in why(sources, "function:api")


class TestLayers:
    def test_a_version_is_that_version(self, account: Account, sources: Sources) -> None:
        arns = [account.layer("deps", archive(text)) for text in "ab"]

        assert [fetched(sources, arn, Role.LAYER) for arn in arns] == [archive("a"), archive("b")]

    @pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
    def test_one_of_another_account_and_partition_is_asked_for_as_it_is_named(
        self, account: Account, sources: Sources, partition: str
    ) -> None:
        own = account.layer("deps", archive())
        region = {"aws": "us-east-2", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}[partition]
        arn = f"arn:{partition}:lambda:{region}:999988887777:layer:vendor:7"
        account.once("find=LayerVersion", answer_of(account, own))

        assert fetched(sources, arn, Role.LAYER) == archive()

        asked = account.asked[0]
        assert parse_qs(urlsplit(asked.path).query)["Arn"] == [arn]
        assert f"/{region}/lambda/" in asked.headers["authorization"]


class TestCache:
    def test_what_was_changed_there_is_read_anew(self, account: Account, sources: Sources, tmp_path: Path) -> None:
        account.put("builds", "code.zip", archive("a"))
        fetched(sources, "s3://builds/code.zip")
        (kept,) = (tmp_path / "cache" / "downloads").glob("*.zip")
        kept.write_bytes(archive("b"))

        assert fetched(sources, "s3://builds/code.zip") == archive("a")

    def test_a_draft_of_who_was_killed_is_removed(self, account: Account, sources: Sources, tmp_path: Path) -> None:
        account.put("builds", "code.zip", archive())
        downloads = tmp_path / "cache" / "downloads"
        program = (
            "import os, sys; from pathlib import Path; from harness.sources.fetch import Sources;"
            "from harness.manifest import Source, SourceKind; from harness.artifact.entries import Role;"
            "from harness.sources import fetch;"
            "fetch.receive = lambda remote, file, **more: (file.write(b'half'), file.flush(), os._exit(9));"
            f"Sources(Path({str(tmp_path / 'cache')!r}), print).archive("
            "Source('s3://builds/code.zip', None, SourceKind.S3), Role.CODE)"
        )
        killed = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
        assert killed.returncode == 9
        assert [path.read_bytes() for path in downloads.glob(".draft-*")] == [b"half"]

        assert fetched(sources, "s3://builds/code.zip") == archive()
        assert not list(downloads.glob(".draft-*"))

    def test_of_many_at_a_time_one_reads(self, account: Account, tmp_path: Path, told: list[str]) -> None:
        account.put("builds", "code.zip", archive(size=SIZE))

        def read(number: int) -> str:
            del number
            sources = Sources(tmp_path / "cache", told.append)
            return sources.archive(source("s3://builds/code.zip"), Role.CODE).sha256

        with ThreadPoolExecutor(8) as threads:
            assert len(set(threads.map(read, range(8)))) == 1
        assert len(account.calls("GET")) == 1
