from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from harness.artifact.bundle import where
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.facts.installed.contents import needed, visible
from harness.facts.installed.editable import Pointer, pointers
from harness.facts.python.search import Missing
from harness.facts.view import Installed
from harness.model import Edit, Finding, Note, Severity

REMEDY = (
    "install it for real: `uv sync --no-editable` or `uv export --no-editable`, `pip install ./{name}` without -e, "
    "`poetry build` and the wheel for a path dependency; then build the archive again"
)


@dataclass(slots=True)
class Left:
    """The remains of an editable install of one distribution."""

    name: str
    pointers: list[Pointer] = field(default_factory=list)
    installed: Installed | None = None


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Every distribution is there itself, not as a pointer to the machine that built.

    ## Why it matters

    An editable install (`pip install -e ./lib`, a workspace member, a path dependency) copies no modules: it leaves a
    `.pth` file, a finder or an `.egg-link` with the path of the project's folder. Metadata is there, so that
    every tool that lists what is installed is content. On Lambda that folder does not exist:
    `No module named 'my_lib'`.

    ## How to fix

    Install such distributions for real when the layer is built: `uv sync --no-editable`, `uv export --no-editable`,
    `pip install ./lib` without `-e`, or a wheel that `poetry build` made of the path dependency.
    """
    if not subject.bundle.items:
        raise Inapplicable("the archives are empty")
    for one in _left(subject):
        yield _judged(subject, one)


def _left(subject: Subject) -> list[Left]:
    """The remains of editable installs, by distribution."""
    found: dict[str, Left] = {}
    for pointer in pointers(subject.program):
        found.setdefault(canonicalize_name(pointer.name), Left(pointer.name)).pointers.append(pointer)
    by_key: dict[str, list[Installed]] = defaultdict(list, {k: [*v] for k, v in visible(subject.program).items()})
    for key, several in by_key.items():
        for one in several:
            if key in found or one.distribution.editable:
                left = found.setdefault(key, Left(one.distribution.name))
                left.installed, left.name = one, one.distribution.name
    return [found[key] for key in sorted(found)]


def _judged(subject: Subject, left: Left) -> Finding | Note:
    """An error where modules are certainly missing, a warning where they may be, a note where they are there."""
    modules = _modules(left)
    known = bool(modules)
    guess = canonicalize_name(left.name).replace("-", "_")
    search = subject.program.search
    lacking = [name for name in modules or (guess,) if isinstance(search.find(name), Missing)]
    place = where(subject.bundle.items[left.pointers[0].path]) if left.pointers else ""
    place = place or (left.installed.where if left.installed else "")
    target = next((target for pointer in left.pointers for target in pointer.targets), None)
    target = target or (left.installed and left.installed.distribution.url) or "a folder of the build machine"
    if not lacking:
        return Note(f"{place} points at {target}, which is not on Lambda; the modules of {left.name} are there anyway")
    imported = next((one for one in lacking if one in set(_wanted(subject))), None)
    # The project itself is often installed as editable, next to its modules under other names: harmless.
    certain = imported is not None or (known and left.installed is not None)
    remedy = REMEDY.format(name=left.name)
    return Finding(
        f"{left.name} is installed as editable: the archive holds a pointer to {target} and not its modules: "
        f"No module named {(imported or lacking[0])!r}",
        place,
        Severity.ERROR if certain else Severity.WARNING,
        remedy,
        edits=(Edit(remedy),),
    )


def _modules(left: Left) -> Sequence[str]:
    """The import names that it should have, where something tells."""
    stated = [name for pointer in left.pointers for name in pointer.modules]
    if left.installed:
        stated += left.installed.distribution.top_level
        stated += (
            name.partition("/")[0].removesuffix(".py")
            for name in needed(left.installed)
            if name.endswith(".py") and not name.startswith("__editable__")
        )
    return tuple(dict.fromkeys(name for name in stated if name.isidentifier()))


def _wanted(subject: Subject) -> Iterator[str]:
    """The top-level names that your own code imports and that are not found."""
    for path in subject.program.own:
        for one in subject.program.graph.unresolved(path):
            if one.statement.certain:
                yield one.missing.partition(".")[0]
