"""See the check."""

from harness.check import Engines, Findings, Subject, define
from harness.manifest import Upload
from harness.model import Finding, Severity


@define(since="0.1")
def check(subject: Subject, engines: Engines) -> Findings:
    """Every archive is small enough for the way it is uploaded.

    ## Why it matters

    An archive that is sent with the API call itself (`update-function-code --zip-file`, `publish-layer-version
    --zip-file`, the console) may have 50 MB; the call fails with `Request must be smaller than 69905067 bytes`, which
    is the same limit after base64. An archive that Lambda fetches from S3 has no limit of its own.

    ## How to fix

    Upload it to S3 and name bucket and key in the call, and say `upload = "s3"` in the manifest; or make it smaller.
    The finding is an error with `upload = "direct"`, else a warning.
    """
    del engines
    limit = subject.policy.limits.direct_upload_bytes
    direct = subject.manifest.upload is Upload.DIRECT
    for archive in subject.bundle.archives:
        if archive.zipped_bytes is not None and archive.zipped_bytes > limit:
            yield Finding(
                f"Request must be smaller than 69905067 bytes: {archive.zipped_bytes:,} bytes are "
                f"{archive.zipped_bytes - limit:,} too many for a direct upload",
                archive.source,
                Severity.ERROR if direct else Severity.WARNING,
                "upload it to S3 and name bucket and key in the call"
                + ('; then say `upload = "s3"` in the manifest' if direct else ""),
            )
