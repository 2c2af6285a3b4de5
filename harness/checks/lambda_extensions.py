from harness.artifact.bundle import LAYER_ROOT, where
from harness.artifact.entries import Kind
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.facts.files.executables import obstacle
from harness.model import Finding, Severity

FOLDER = f"{LAYER_ROOT}/extensions/"


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Lambda can start every file in the layers' extensions folder.

    ## Why it matters

    Lambda starts each file in `/opt/extensions` before the function, whatever it is, and one that cannot be started
    ends every start: `Extension.LaunchError`, `fork/exec /opt/extensions/x: exec format error` (another architecture,
    or no program at all), `permission denied` (the mode is not 0755), `no such file or directory` (Windows line endings
    in a script, or an interpreter that the runtime does not have). Folders in it are passed over. A function can have
    ten extensions.

    ## How to fix

    Keep programs alone in `extensions/`, built for the declared architecture, with mode 0755 and Unix line endings.
    What they need goes elsewhere in the layer; so does their interpreter, if it is no shell and not the runtime's
    Python.
    """
    items = [item for path, item in subject.bundle.items.items() if path.startswith(FOLDER)]
    inside = [item for item in items if "/" in item.path.removeprefix(FOLDER)]
    files = [item for item in items if item not in inside and item.entry.kind is Kind.FILE]
    if not files and not inside:
        raise Inapplicable("no layer has Lambda extensions")
    for item in sorted(files, key=lambda one: one.path):
        if found := obstacle(item.path, subject.program):
            yield Finding(
                f"Extension.LaunchError: fork/exec {item.path}: {found.words}: {found.cause}",
                where(item),
                Severity.ERROR if found.certain else Severity.WARNING,
                found.remedy,
            )
    if len(files) > subject.policy.limits.extensions:
        yield Finding(
            f"FunctionError.TooManyExtensions: {len(files)} extensions, and a function can have "
            f"{subject.policy.limits.extensions}",
            FOLDER.rstrip("/"),
            remedy="leave out the layers of those that nothing needs",
        )
    if not files:
        folder = inside[0].path.removeprefix(FOLDER).partition("/")[0]
        yield Finding(
            f"Lambda starts the files in {FOLDER.rstrip('/')} alone, and there is only a folder: {folder}/",
            where(inside[0]),
            Severity.WARNING,
            "put the extension's program, or a script that starts it, directly into extensions/",
        )
