from harness.check import Blocked, Engines, Findings, Inapplicable, Subject, define
from harness.dependencies.comparison.build import unbound
from harness.model import Finding, Severity
from harness.plain_text import few

SHOWN = 10


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """The build input leaves no version open.

    ## Why it matters

    What was verified today is what was newest today. A requirement such as `fastapi>=0.110`, and everything that comes
    along without being named, is resolved again by the next build: the archive that is deployed after a change of one
    line can differ in twenty distributions, none of which anybody looked at.

    ## How to fix

    Build from a lock, or from an export of it: `uv export --no-dev`, `poetry export`, `pip lock`, `pip-compile
    --generate-hashes`. With hashes, an installer refuses whatever the file does not name.
    """
    lists = subject.lists
    if lists.project.build is None:
        raise Inapplicable("the manifest names no requirements")
    if lists.unknown:
        raise Blocked(lists.unknown.reason)
    if found := unbound(lists):
        lines = [f"{one.text} ({one.where})" if one.where else f"{one.text}, which comes along" for one in found]
        files = " and ".join(lists.project.build.shown)
        yield Finding(
            f"the next build may differ from this one: no pin, hash or lock binds {few(lines, SHOWN, '; ')}",
            next((one.where for one in found if one.where), files),
            Severity.WARNING,
            f"build from a lock, or pin in {files} what comes along too (`uv pip compile`, `poetry export`)",
        )
