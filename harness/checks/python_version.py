import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from packaging.tags import Tag, parse_tag

from harness.artifact.entries import printable
from harness.check import Engines, Findings, Subject, define
from harness.dependencies.locks import python_line
from harness.dependencies.pythons.pin import lets_in
from harness.dependencies.pythons.search import Kind, PythonPin, deployers, python_pins
from harness.facts.installed.contents import visible
from harness.facts.installed.distributions import Distribution
from harness.facts.native.foreign import ForeignFiles
from harness.facts.view import Installed
from harness.manifest import Function
from harness.model import Finding, Note, Severity
from harness.plain_text import few

SHOWN = 3
PLACES = 12  # that may have to be changed
TAG_PARTS = 3
MEANS = {
    Kind.BUILD: "what is installed there is for another Python than the function's",
    Kind.DEVELOPMENT: "what works on a developer's machine may not work in Lambda",
    Kind.PIPELINE: "what is installed and tested there says little about the function",
    Kind.LINTER: "code that it accepts may not run there",
}
# What deploys only if somebody starts it: a program that is left from another tool looks like one that is used.
PROGRAMS = frozenset({"cdk", "pulumi", "sst"})


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Everything that names a Python version names the function's.

    ## Why it matters

    The runtime is written in many places: in the template that deploys the function, in `requires-python`, in the image
    that installs the layer, in the pipeline that runs the tests. A place that was forgotten in an upgrade deploys
    another runtime than the one that was verified, installs native code that the runtime cannot load, or tests on a
    Python whose standard library still has what the runtime's has lost.

    ## How to fix

    Name one version everywhere; each finding has the file and the line. Of templates, Terraform and programs for the
    CDK and its kin, only what they say of the manifest's own functions counts, by their handlers; a matrix of a
    pipeline agrees if it has that version among others. A file whose tool nothing in the repository deploys with is a
    warning: remove it if it is left from another time. What is not about this function at all is accepted with a waiver
    that matches its file.

    `requires-python` is an error where the requirements install the project itself, which pip then refuses, and else a
    warning.
    """
    found = python_pins(subject.manifest)
    yield from _project(subject)
    yield from _deployed(subject, [one for one in found if one.kind is Kind.FUNCTION])
    yield from _layers(subject, [one for one in found if one.kind is Kind.LAYER])
    yield from _others(subject, [one for one in found if one.kind in MEANS])
    yield from _wheels(subject)
    yield from _older(subject, found)
    if agreeing := [one for one in found if one.agrees(subject.policy.python)]:
        files = sorted({one.file for one in agreeing})
        yield Note(f"{subject.manifest.runtime} is named in {few(files, SHOWN)}")


def _project(subject: Subject) -> Iterator[Finding]:
    """Compare the project's `requires-python`, and the Python that its lock was made for."""
    project, runtime = subject.lists.project, subject.manifest.runtime
    declared, lock = project.declared, subject.lists.lock
    if declared and _excludes(declared.requires_python, subject):
        # pip refuses only what it is told to install: the project itself, where a line of the requirements names it.
        build = subject.lists.project.build
        lines = build.asked if build and declared.shown not in build.shown else ()
        refused = any(one.where.rpartition(":")[0] == declared.shown for one in lines)
        words = f"Package {declared.name!r} requires a different Python: {_version(subject)} not in "
        yield Finding(
            f"{declared.shown} asks for Python {declared.requires_python}, and the function runs {runtime}: the "
            "project is not made for it, and resolvers choose distributions for another",
            declared.requires_python_where or declared.shown,
            Severity.ERROR if refused else Severity.WARNING,
            f"let it include {_version(subject)}, or declare the runtime that the project is for",
            f"pip refuses to install it: {words}{declared.requires_python!r}" if refused else None,
        )
    elif lock and _excludes(lock.requires_python, subject):
        yield Finding(
            f"{lock.shown} was made for Python {lock.requires_python}, and the function runs {runtime}: what it lists "
            "may not fit there",
            python_line(lock),
            Severity.WARNING,
            f"let the project include {_version(subject)}, and lock again",
        )


def _deployed(subject: Subject, found: Sequence[PythonPin]) -> Iterator[Finding]:
    """Judge what deploys the manifest's functions; where no file names a function, all that may deploy them."""
    own = {one: None for function in subject.manifest.functions for one in _of(function, found, subject.policy.python)}
    whose = any(one.handler or one.function for one in found)
    mentioned = list(own) if own or whose else [*found]
    wrong = [one for one in mentioned if not one.agrees(subject.policy.python)]
    if not own and len(wrong) < len(mentioned):
        return  # others are another function's
    certain = [one for one in wrong if own and _is_used(one, deployers(subject.manifest))]
    first = next(iter(certain or wrong), None)
    if first is None:
        return
    whose_is = f" for {first.handler}" if first.handler else ""
    aside = "" if certain or not own else ", or remove the file: nothing here deploys with it"
    yield Finding(
        f"{printable(first.text)}: the function is deployed{whose_is} with Python {first.python}, and verified for "
        f"{subject.manifest.runtime}",
        first.where,
        Severity.ERROR if certain else Severity.WARNING,
        f"name the same runtime there and in {_manifest(subject)}{aside}",
        _also([one.where for one in wrong if one is not first]),
    )


def _of(function: Function, found: Sequence[PythonPin], python: tuple[int, int]) -> Sequence[PythonPin]:
    """The mentions of a function; none where a file has several with its handler and does not name it."""
    called = {_plain(function.name), _plain((function.deployed_as or "").rpartition("function:")[2].partition(":")[0])}
    bare = [one for one in found if one.handler is None and one.function and _plain(one.function) in called]
    by_file: dict[str, list[PythonPin]] = defaultdict(list)
    for one in found:
        if one.handler and _handler(one.handler) == _handler(function.handler):
            by_file[one.file].append(one)
    named = {one for several in by_file.values() for one in several if one.function and _plain(one.function) in called}
    for several in by_file.values():
        theirs = [one for one in several if one in named]
        # Where another file names it, what has a name of its own here is another function.
        perhaps = [one for one in several if not (named and one.function)]
        if theirs or len(perhaps) == 1 or not any(one.agrees(python) for one in perhaps):
            bare += theirs or perhaps
    return bare


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_used(one: PythonPin, tools: frozenset[str]) -> bool:
    """Whether what a file says is deployed, as far as the repository shows."""
    return one.tool in tools or (one.tool not in PROGRAMS and not tools)


def _layers(subject: Subject, found: Sequence[PythonPin]) -> Iterator[Finding]:
    """Judge what publishes layers: one of them is the function's, and which one is not known."""
    if found and not any(one.agrees(subject.policy.python) for one in found):
        yield Finding(
            f"{printable(found[0].text)}: the layer is published for Python {found[0].python}, and the function runs "
            f"{subject.manifest.runtime}",
            found[0].where,
            Severity.WARNING,
            f"add {subject.manifest.runtime} to the layer's compatible runtimes",
        )


def _others(subject: Subject, found: Sequence[PythonPin]) -> Iterator[Finding]:
    """Judge builds and tests, one finding for each; a file that names the function's Python among others agrees."""
    handlers = {_handler(function.handler) for function in subject.manifest.functions}
    files: dict[tuple[str, Kind], list[PythonPin]] = defaultdict(list)
    for one in found:
        if one.handler is None or _handler(one.handler) in handlers:  # else an image of its own
            files[one.file, one.kind].append(one)
    agreeing = {kind for (_, kind), several in files.items() if _agrees(several, subject)}
    wrong: dict[tuple[Kind, str], list[PythonPin]] = defaultdict(list)
    for (file, kind), several in files.items():
        others = kind is Kind.BUILD and kind in agreeing and "/" in file and _is_image(several)
        older = kind is Kind.LINTER and all(_is_older(one, subject) for one in several)  # what runs there runs here
        if not (_agrees(several, subject) or others or older):
            wrong[kind, several[0].python] += several
    for (kind, _), several in wrong.items():
        first = several[0]
        said = "" if first.text == first.python else f" ({printable(first.text)})"
        yield Finding(
            f"{first.file} names Python {first.python}{said}, and the function runs {subject.manifest.runtime}: "
            f"{MEANS[kind]}",
            first.where,
            Severity.WARNING,
            f"name {_version(subject)} there, or declare the runtime that it is for",
            _also([place for place in dict.fromkeys(one.where for one in several) if place != first.where]),
        )


def _agrees(several: Sequence[PythonPin], subject: Subject) -> bool:
    return any(one.agrees(subject.policy.python) for one in several)


def _is_image(several: Sequence[PythonPin]) -> bool:
    return all(one.text.startswith("FROM ") for one in several)


def _is_older(one: PythonPin, subject: Subject) -> bool:
    return tuple(map(int, one.python.split("."))) < subject.policy.python


def _older(subject: Subject, found: Sequence[PythonPin]) -> Iterator[Note]:
    """Note linters that are set to an older Python: harmless, and worth knowing after an upgrade."""
    older = [one for one in found if one.kind is Kind.LINTER and _is_older(one, subject)]
    if older:
        places = [f"{one.where} ({printable(one.text)})" for one in older]
        yield Note(f"named for an older Python than {subject.manifest.runtime}: {', '.join(places)}")


def _wheels(subject: Subject) -> Iterator[Finding]:
    """Find wheels for another CPython without native files; foreign-binaries reports the others."""
    importable = [one for several in visible(subject.program).values() for one in several]
    tagged = [one for one in importable if _other_python(one.distribution, subject)]
    if not tagged:
        return
    reported = {id(one.owner.installed) for one in ForeignFiles(subject.program).found if one.owner.installed}
    if several := [one for one in tagged if id(one) not in reported]:
        first = several[0]
        yield Finding(
            f"{few(map(_named, several), SHOWN)} "
            f"{'is' if len(several) == 1 else 'are'} installed for another Python than "
            f"{subject.manifest.runtime}: the wheel of {first.distribution.name} is {first.distribution.tags[0]}",
            f"{first.where}/WHEEL",
            Severity.WARNING,
            f"install for the function's Python: `pip install --python-version {_version(subject)} "
            "--only-binary=:all: …`, into an empty folder",
        )


def _other_python(distribution: Distribution, subject: Subject) -> bool:
    """Whether all tags of its wheel name another CPython; one for ``abi3`` or for any ``py3`` names none."""
    tags = [tag for text in distribution.tags if text.count("-") == TAG_PARTS - 1 for tag in parse_tag(text)]
    return bool(tags) and not any(_fits(tag, subject.policy.python) for tag in tags)


def _fits(tag: Tag, python: tuple[int, int]) -> bool:
    own = "cp{}{}".format(*python)
    return not tag.interpreter.startswith("cp") or tag.abi == "abi3" or (tag.interpreter == own)


def _named(installed: Installed) -> str:
    return f"{installed.distribution.name} {installed.distribution.version}"


def _excludes(said: str | None, subject: Subject) -> bool:
    return said is not None and lets_in(said, subject.policy.python) is False


def _handler(text: str) -> str:
    return text.replace("/", ".")


def _version(subject: Subject) -> str:
    return "{}.{}".format(*subject.policy.python)


def _manifest(subject: Subject) -> str:
    return subject.manifest.path.name if subject.manifest.path else "the manifest"


def _also(places: Sequence[str]) -> str | None:
    return f"also at {few(places, PLACES)}" if places else None
