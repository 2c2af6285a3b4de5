from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.facts.installed.requirements import Required, python_fits
from harness.facts.installed.union import Union
from harness.facts.python.graph import Unresolved
from harness.facts.python.startup import certain
from harness.facts.view import Installed
from harness.model import Defect, Fault, Finding, Severity
from harness.plain_text import few

SHOWN = 3
SDK = frozenset({"boto3", "botocore", "s3transfer"})
# Many distributions require them, few import them, and who slims a layer takes them out first.
BUILD_TOOLS = frozenset({"pip", "setuptools", "wheel"})


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """What each distribution requires is there, in a version that fits.

    ## Why it matters

    Code, layers and the runtime are put together when they are attached, and no installer resolves the whole. A
    layer with urllib3 2 next to a requests that needs 1.26 ends in
    `cannot import name 'DEFAULT_CIPHERS' from 'urllib3.util.ssl_'`; an extra that got lost (`pkg` instead of
    `pkg[tracer]`) in `No module named 'aws_xray_sdk'`. What the runtime brings counts by its name: AWS fixes no
    versions of it, and a requirement that depends on one is a warning.

    ## How to fix

    Resolve everything in one go, for the declared runtime: one lock file, one `pip install` or `uv sync` for code and
    layers together. What needs a certain version of boto3 or another distribution of the runtime must bring it along.
    """
    if not subject.facts.distributions:
        raise Inapplicable("no distribution is installed")
    union = Union(subject.program)
    for name, by in _grouped(union.conflicts).items():
        yield _conflict(union, union.installed[name][0], by)
    for name, by in _grouped(union.absences).items():
        failing = next((failing for one in by if (failing := union.failing(one))), None)
        if failing or name not in BUILD_TOOLS:
            yield _absence(union, by, failing)
    for one, pin in union.of_the_runtime():
        if not {one.name, one.by.distribution.key} <= SDK:  # parts of the SDK are reported by sdk-complete
            yield _of_the_runtime(one, pin)
    for several in union.installed.values():
        for installed in several:
            if not python_fits(installed.distribution.requires_python, subject.policy.python):
                yield _another_python(subject, union, installed)


def _grouped(required: Iterable[Required]) -> Mapping[str, Sequence[Required]]:
    """The requirements by what is required: one cause, one finding."""
    found = defaultdict(list)
    for one in required:
        found[one.name].append(one)
    return found


def _by(several: Sequence[Required]) -> str:
    """List the distributions that require something, and their requirements."""
    stated = (f"{one.by.distribution.name} {one.by.distribution.version} requires {one.text}" for one in several)
    return few(dict.fromkeys(stated), SHOWN, "; ")


def _conflict(union: Union, found: Installed, by: Sequence[Required]) -> Finding:
    """An error where an import shows that it breaks: what is a little beyond the bounds mostly works."""
    name = found.distribution.name
    apart = next((one.by.archive.source for one in by if one.by.archive is not found.archive), None)
    broken = next((broken for one in by if (broken := union.broken(one))), None)
    together = f"{found.archive.source} and {apart} were not resolved together" if apart else None
    return Finding(
        f"{name} {found.distribution.version} does not fit: {_by(by)}",
        found.where,
        Severity.ERROR if broken else Severity.WARNING,
        f"resolve code and layers together, so that one version of {name} fits all that require it",
        "\n".join(one for one in (together, broken) if one) or None,
    )


def _absence(union: Union, by: Sequence[Required], failing: Unresolved | None) -> Finding:
    reach = certain(failing.path, union.program) if failing else None
    module = (
        f"No module named {failing.missing!r}, imported at {failing.path}:{failing.statement.line}" if failing else ""
    )
    return Finding(
        f"{by[0].requirement.name} is nowhere in code, layers and runtime: {_by(by)}",
        by[0].by.where,
        Severity.ERROR if failing else Severity.WARNING,
        f"add {by[0].requirement.name} to the requirements that the layer is built from; where it was left out on "
        "purpose, a waiver says why",
        module or None,
        reach.chain if reach else (),
        faults=(Fault(Defect.NO_DISTRIBUTION, by[0].name),),
    )


def _of_the_runtime(one: Required, pin: str | None) -> Finding:
    stand_in = f" ({pin} stands in for it here)" if pin else ""
    together = "; boto3, botocore and s3transfer only together" if one.name in SDK else ""
    return Finding(
        f"{_by([one])}, and only the runtime has it, in a version that AWS changes at any time{stand_in}",
        one.by.where,
        Severity.WARNING,
        f"add {one.text} to the requirements that the layer is built from{together}",
    )


def _another_python(subject: Subject, union: Union, installed: Installed) -> Finding:
    reached = subject.program.graph.reached
    broken = list(subject.facts.modules.faults(union.sources(installed)))
    version = "{}.{}".format(*subject.policy.python)
    return Finding(
        f"{installed.distribution.name} {installed.distribution.version} requires Python "
        f"{installed.distribution.requires_python}, and the runtime is {subject.policy.runtime}: it was resolved for "
        "another one",
        installed.where,
        Severity.ERROR if any(path in reached for path in broken) else Severity.WARNING,
        f"build the layer again for the runtime: `pip install --python-version {version} --only-binary=:all:`, or "
        f"`uv pip install --python-version {version}`",
        f"{broken[0]} does not compile for it" if broken else "its modules compile for it all the same",
    )
