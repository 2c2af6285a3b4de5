import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from harness.artifact.bundle import where
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis import import_errors
from harness.diagnosis.severity import severity
from harness.facts.python.graph import Unresolved
from harness.facts.python.search import Found
from harness.facts.python.shadowed import Shadowed, closed_to, misled, shadowed
from harness.model import Finding, Severity
from harness.plain_text import few

# What is shipped by mistake and never imported.
IDLE = re.compile(r"(?:tests?|testing|docs?|examples?|benchmarks?|scripts|tools|samples?)(?:\..*)?")
SHOWN = 3


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """No package hides the other portions of a namespace package.

    ## Why it matters

    Distributions such as google-cloud-storage and opentelemetry-sdk share a package: each brings a folder `google/`
    without an `__init__.py`, and Python joins the folders of the code and the layers. One `google/__init__.py` in any
    of them ends that: Python takes this folder alone, and all others are there and cannot be imported: `No module named
    'google.cloud'`. Tools that add an `__init__.py` to every folder do it, and so does a copied project.

    ## How to fix

    Remove the `__init__.py` that the finding names, or put all portions of the package into one folder: into the same
    layer, built by one `pip install --target`. An `__init__.py` that extends its `__path__` (`pkgutil.extend_path`)
    hides nothing.
    """
    if not subject.facts.modules:
        raise Inapplicable("there is no Python source")
    groups: dict[tuple[str, str], list[Shadowed]] = defaultdict(list)
    for one in shadowed(subject.program):
        if one.portion and one.modules and not _made_at_start(subject, one.name):
            groups[one.name, one.front].append(one)
    for (name, front), portions in groups.items():
        yield from _judged(subject, name, front, portions)


def _judged(subject: Subject, name: str, front: str, portions: Sequence[Shadowed]) -> Iterator[Finding]:
    lost = tuple(dict.fromkeys(module for portion in portions for module in portion.modules))
    package = subject.program.search.find(name)
    needed = [one for one in _wanted(subject, name, package) if _asks(one) in lost]
    installed = sorted({owner for portion in portions for owner in _owners(subject, portion)})
    # Folders that no code imports from, such as migrations, are no packages.
    if not needed and (not installed or IDLE.fullmatch(name)):
        return
    item = subject.bundle.items[front]
    of = f" of {', '.join(installed[:SHOWN])}" if installed else ""
    modules = [module for module in lost if module.rpartition(".")[0] not in lost]
    said = f"{front} hides {few(modules, SHOWN)}{of} in {_folders(portions)}"
    first = needed[0] if needed else None
    yield Finding(
        f"{import_errors.message(first, subject.program)}: {said}" if first else said,
        where(item),
        (severity(subject.program.when(first.path, first.statement.line)) if first else None) or Severity.WARNING,
        f"remove {where(item)} if it is empty, or install all that belongs to {name!r} into the same folder",
        f"imported at {first.path}:{first.statement.line}" if first else None,
        import_errors.chain(first, subject.program) if first else (),
    )


def _wanted(subject: Subject, name: str, package: object) -> Iterable[Unresolved]:
    if not isinstance(package, Found):
        return ()
    return misled(subject.program, name, lambda wanted: closed_to(subject.program, package, name, wanted))


def _asks(one: Unresolved) -> str:
    return f"{one.missing}.{one.name}" if one.name else one.missing


def _owners(subject: Subject, portion: Shadowed) -> Iterator[str]:
    """The distributions that have files in a portion."""
    for path in subject.facts.modules:
        if path.startswith(f"{portion.path.removesuffix('/__init__.py')}/") and path in subject.facts.owners:
            distribution = subject.facts.owners[path].distribution
            yield f"{distribution.name} {distribution.version}"


def _made_at_start(subject: Subject, name: str) -> bool:
    """Whether a `*-nspkg.pth` file makes the package before anybody looks for it, of all folders."""
    top = repr(name.partition(".")[0])
    return any(path.endswith("-nspkg.pth") and top in text for path, text in subject.facts.texts.items())


def _folders(portions: Sequence[Shadowed]) -> str:
    return ", ".join(dict.fromkeys(portion.path.removesuffix("/__init__.py") for portion in portions))
