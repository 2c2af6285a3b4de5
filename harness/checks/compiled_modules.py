from collections import defaultdict
from collections.abc import Sequence

from harness.artifact.bundle import where
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis import native
from harness.diagnosis.problems import bad_files
from harness.facts.native.extension_modules import Compiled, Unloadable
from harness.facts.native.roles import NativeFiles, Owner
from harness.facts.python.startup import failing, stopped, sure
from harness.model import Finding, Severity, When
from harness.plain_text import and_more

SHOWN = 3


@define(since="0.1")
def check(subject: Subject, _engines: Engines) -> Findings:
    """Every compiled module is the module that its file name says.

    ## Why it matters

    Python takes a file by its name: `fast.cpython-312-x86_64-linux-gnu.so` is `fast` to it, before any `fast.py`. If
    the file is empty, a text, another library under that name, or compiled for NumPy 1 beside NumPy 2, the import
    fails: `file too short`, `invalid ELF header`, `dynamic module does not define module export function`,
    `numpy.core.multiarray failed to import`. A copy that was cut off or a clean-up that went too far leaves such files.

    ## How to fix

    Install the distribution again, for Lambda's Python and architecture, and leave its files as they are in the wheel.
    For NumPy, install a version of the distribution that was built for NumPy 2, or pin `numpy<2`.
    """
    compiled = Compiled(subject.program)
    if not compiled.modules:
        raise Inapplicable("there are no compiled modules")
    natives = NativeFiles(subject.program)
    groups: dict[tuple[Owner, bool], list[Unloadable]] = defaultdict(list)
    for one in compiled.unloadable():
        if one.path not in subject.facts.pointers:  # reported by git-lfs
            groups[natives.owner(one.path), one.numpy is not None].append(one)
    for (owner, _), several in groups.items():
        yield _finding(subject, owner, sorted(several, key=lambda one: sure(one.path, subject.program) is None))


def _finding(subject: Subject, owner: Owner, several: Sequence[Unloadable]) -> Finding:
    first = several[0]
    reach = sure(first.path, subject.program)
    words = failing(first.words, reach)
    name = first.path.rpartition("/")[2]
    return Finding(
        f"{words}: {first.module} is {name}{and_more(len(several))} of {owner.name}, and {first.cause}",
        where(subject.bundle.items[first.path]),
        Severity.ERROR if reach else Severity.WARNING,
        _remedy(subject, owner, first),
        "also " + ", ".join(one.path for one in several[1 : SHOWN + 1]) if len(several) > 1 else None,
        reach.chain if reach else (),
        reach.when if reach else When.LATER,
        stopped(first.path, subject.program),
        faults=bad_files(module.path for module in several),
    )


def _remedy(subject: Subject, owner: Owner, first: Unloadable) -> str:
    if first.numpy:
        version = first.numpy.distribution.version
        if owner.installed is None:
            return f"compile it again with the headers of NumPy 2, or install numpy<2 in the place of {version}"
        return f"install a version of {owner.name} that was built for NumPy 2, or numpy<2 in the place of {version}"
    return native.reinstall(subject.program, owner.installed)
