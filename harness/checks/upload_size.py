from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.manifest import Upload
from harness.model import Finding, Severity

# What the smallest request has around the archive.
ENVELOPE = '{"ZipFile": ""}'


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Every archive is small enough for the way it is uploaded.

    ## Why it matters

    An archive that is sent with the API call itself (`update-function-code --zip-file`, `publish-layer-version
    --zip-file`, the console) may have 50 MB; what Lambda measures is the request, in which the archive is base64: the
    call fails with `Request must be smaller than 69905067 bytes`. An archive that Lambda fetches from S3 has no limit
    of its own, and neither has an unpacked folder.

    ## How to fix

    Upload it to S3 and name bucket and key in the call, and say `upload = "s3"` in the manifest; or make it smaller.
    The finding is an error with `upload = "direct"`, a warning where the manifest does not say how archives are
    uploaded, and none with `upload = "s3"`. What SAM, the CDK, Serverless or Zappa built is known to go through S3.
    """
    limit = subject.policy.limits.direct_request_bytes
    direct = subject.manifest.upload is Upload.DIRECT
    if subject.manifest.upload is Upload.S3:
        raise Inapplicable("the archives are uploaded through S3, where an archive has no limit of its own")
    sizes = {a.source: a.zipped_bytes for a in subject.bundle.archives if a.zipped_bytes is not None}
    if not sizes:
        raise Inapplicable("unpacked folders are not uploaded")
    for source, size in sizes.items():
        request = -(-size // 3) * 4 + len(ENVELOPE)
        if request >= limit:
            yield Finding(
                f"Request must be smaller than {limit} bytes: a direct upload of these {size:,} bytes makes one of "
                f"{request:,} or more",
                source,
                Severity.ERROR if direct else Severity.WARNING,
                'upload it to S3 and name bucket and key in the call; then say `upload = "s3"` in the manifest',
            )
