from __future__ import annotations

import base64
import json

import pytest

from harness.check import Inapplicable
from harness.checks.upload_size import check
from harness.manifest import Upload
from harness.model import Severity
from tests.build import archive, code, findings, manifest, subject

REQUEST = 69_905_067
# In base64, and with `{"ZipFile": ""}` around it, the next three bytes make the request too large.
FITS = 52_428_786


@pytest.mark.parametrize(
    ("size", "found"), [(1, 0), (FITS, 0), (FITS + 1, 1), (50 * 1024 * 1024, 1), (51 * 1024 * 1024, 1)]
)
def test_the_limit_is_the_requests(size: int, found: int) -> None:
    assert len(findings(check, subject(code("app.py", zipped=size)))) == found


def test_the_request_is_measured_as_it_would_be_sent() -> None:
    body = json.dumps({"ZipFile": base64.b64encode(bytes(FITS + 1)).decode()})

    (finding,) = findings(check, subject(code("app.py", zipped=FITS + 1)))

    assert len(body) == REQUEST
    assert finding.message == (
        "Request must be smaller than 69905067 bytes: a direct upload of these 52,428,787 bytes makes one of "
        "69,905,067 or more"
    )


@pytest.mark.parametrize(("upload", "severity"), [(Upload.DIRECT, Severity.ERROR), (None, Severity.WARNING)])
def test_where_nothing_says_how_it_is_only_worth_knowing(upload: Upload | None, severity: Severity) -> None:
    looked_at = subject(code("app.py", zipped=FITS + 1), archive("python/x.py"), declared=manifest(upload=upload))

    (finding,) = findings(check, looked_at)

    assert (finding.severity, finding.where) == (severity, "code.zip")
    assert finding.message.startswith("Request must be smaller than 69905067 bytes: ")


def test_by_way_of_s3_there_is_no_limit() -> None:
    with pytest.raises(Inapplicable, match="through S3"):
        findings(check, subject(code("app.py", zipped=FITS + 1), declared=manifest(upload=Upload.S3)))


def test_each_archive_is_uploaded_by_itself() -> None:
    large = [archive("python/x.py", zipped=FITS, source=f"{n}.zip") for n in range(3)]

    assert findings(check, subject(code("app.py"), *large)) == []
