from harness.check import Engines, Findings, Need, Subject, define
from harness.model import Finding


@define(since="0.1", need=Need.NOTHING)
def check(subject: Subject, _: Engines) -> Findings:
    """Every archive can be read in one way only, and unpacks to what it declares.

    ## Why it matters

    Lambda unpacks an archive once, with a reader of its own. Where two readers could understand the same bytes
    differently (a name twice, a header that contradicts the directory, bytes that no entry owns, a name that leaves
    the folder), what was tested is not what will run. An archive that is not one at all (an error page saved under
    the archive's name, a Git LFS pointer, half a download) fails the deploy with `Could not unzip uploaded file`.

    ## How to fix

    Build the archive again with a tool that writes each file once, with forward slashes, below the root. For one
    that was downloaded: fetch it again and look at its first bytes.
    """
    for archive in subject.bundle.archives:
        for refusal in archive.refusals:
            separator = "/" if archive.is_folder else "!"
            where = archive.source if refusal.entry is None else f"{archive.source}{separator}{refusal.entry}"
            yield Finding(f"{refusal.entry or archive.source} {refusal.reason}", where, remedy=refusal.remedy)
