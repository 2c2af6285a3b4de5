import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from harness.artifact.bundle import CODE_ROOT, Item, where
from harness.artifact.entries import Kind
from harness.check import Engines, Findings, Subject, define
from harness.facts.files.accesses import own_uses
from harness.facts.python.locations import Places
from harness.model import Finding, Fix, Note, Safety, Severity
from harness.plain_text import MB, few, files, megabytes

SHOWN = 3
NOTED = 5 * MB  # bytes of libraries' own tests, from which on they are worth a note; of one's own, a warning


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort of unwanted files: what it is, how to recognise it, what to do, and whether it can just be left out."""

    what: str
    expression: re.Pattern[str]
    remedy: str
    safety: Safety | None = None


VENV = Sort(
    "a virtual environment",
    re.compile(r"^(.*/)pyvenv\.cfg$"),
    "install the packages into the archive itself, and leave the virtual environment out",
)
CACHES = r"\.(?:pytest_cache|mypy_cache|ruff_cache|tox|nox|hypothesis|ipynb_checkpoints|terraform|serverless|aws-sam)"
SORTS = (
    Sort(
        "the history of the source code",
        re.compile(r"(?:^|/)\.(?:git|hg|svn)/"),
        "copy the folders that the function needs instead of the whole checkout",
        Safety.UNSAFE,
    ),
    VENV,
    Sort(
        "packages of Node.js", re.compile(r"/(?<!^/opt/nodejs/)node_modules/"), "leave node_modules out", Safety.UNSAFE
    ),
    Sort(
        "caches of development tools",
        re.compile(rf"(?:^|/)(?:{CACHES}|htmlcov)/|(?:^|/)\.coverage(?:\.[^/]*)?$"),
        "leave them out of the archive",
        Safety.SAFE,
    ),
    Sort(
        "what macOS and Windows add to folders",
        re.compile(r"(?:^|/)(?:__MACOSX/|(?:\.DS_Store|\._[^/]*|Thumbs\.db|desktop\.ini)$)"),
        "zip with `zip -r archive.zip . -x '*.DS_Store' '__MACOSX/*'`, or in the pipeline",
        Safety.SAFE,
    ),
    Sort(
        "what editors leave behind",
        re.compile(r"(?:^|/)(?:\.(?:idea|vscode)/|[^/]+(?:\.sw[op]|~|\.orig|\.rej)$)"),
        "leave them out of the archive",
        Safety.UNSAFE,
    ),
)
NESTED = re.compile(r"\.(?:zip|whl|egg|tar|tgz|tar\.(?:gz|bz2|xz|zst)|7z|rar)$")
# serverless-python-requirements puts it there and unpacks it when the function starts.
MEANT = frozenset({".requirements.zip"})
TESTS = re.compile(r"^(.*?/)?tests?/")
TEST = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.py$")


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """The artifact holds no secrets, tests, caches or archives of its own.

    ## Why it matters

    Whoever may read the function's code may read every secret in it, and so may everybody whom a layer is shared with;
    a `.env` next to the code is found by libraries that look for one. Tests, caches, a `.git` folder and archives
    within the archive count against the 262,144,000 bytes that Lambda allows, and lengthen each cold start.

    ## How to fix

    Zip a folder that only holds what the function needs, instead of the checkout with exceptions. Keep secrets in
    Secrets Manager or Parameter Store, and replace those that an artifact has already carried.
    """
    files = {path: item for path, item in subject.bundle.items.items() if item.entry.kind is Kind.FILE}
    unowned = {path: item for path, item in files.items() if path not in subject.facts.owners}
    sorts = {path: sort for sort in reversed(SORTS) for path in unowned if sort.expression.search(path)}
    # What is installed in a virtual environment belongs to a distribution, and yet not to the artifact.
    venvs = tuple(found[1] for path in unowned if (found := VENV.expression.search(path)))
    sorts |= {path: VENV for path in files if path.startswith(venvs)} if venvs else {}
    yield from _secrets(subject, unowned)
    for sort in SORTS:
        yield from _finding(sort, [files[path] for path in sorted(sorts) if sorts[path] is sort])
    rest = {path: item for path, item in unowned.items() if path not in sorts}
    yield from _nested(subject, rest)
    yield from _tests(subject, rest)
    yield from _libraries(subject)


def _secrets(subject: Subject, unowned: dict[str, Item]) -> Iterator[Finding]:
    kinds = defaultdict(list)
    for path in sorted(subject.facts.secrets.keys() & unowned.keys()):
        for secret in subject.facts.secrets[path]:
            kinds[secret.kind].append((path, secret.line))
    for kind, places in kinds.items():
        path, line = places[0]
        yield Finding(
            f"{len(places):,} files hold {kind}: {few((path for path, _ in places), SHOWN)}"
            if len(places) > 1
            else f"the file holds {kind} (line {line})",
            where(unowned[path]),
            Severity.WARNING,
            "leave it out, read it from Secrets Manager or Parameter Store, and replace it if the artifact was ever "
            "uploaded",
        )


def _nested(subject: Subject, rest: dict[str, Item]) -> Iterator[Finding]:
    if subject.program.added.outside or subject.program.added.unknown:
        return  # one of them may be put on sys.path
    places = Places(subject.program)
    used = {path for file, use in own_uses(subject.program) for path in places.paths(use.location, file)}
    found = [
        rest[path]
        for path in sorted(subject.facts.packed.keys() & rest.keys())
        if NESTED.search(path)
        and path not in used
        and posixpath.basename(path) not in MEANT
        and f"{posixpath.dirname(path)}/__init__.py" not in subject.facts.modules  # a package's own data
    ]
    remedy = "unpack it into the folder that is zipped, or leave it out: Python looks into no archive that is not named"
    yield from _finding(Sort("archives within the archive", NESTED, remedy), found)


def _tests(subject: Subject, rest: dict[str, Item]) -> Iterator[Finding | Note]:
    """Folders of first-party tests; one that a handler reaches into is no such thing. They harm by their size alone."""
    own = [path for path in subject.program.own if path.startswith(f"{CODE_ROOT}/") and TEST.search(path)]
    folders = {found[0] for path in own if (found := TESTS.search(path))}
    reached = subject.program.graph.reached
    idle = tuple(folder for folder in folders if not any(path.startswith(folder) for path in reached))
    inside = [rest[path] for path in sorted(rest) if path.startswith(idle)]
    for one in _finding(Sort("tests", TESTS, "leave the folders of tests out of the archive"), inside):
        large = sum(item.entry.size for item in inside) >= NOTED
        yield one if large else Note(f"{one.message}: {one.remedy}")


def _libraries(subject: Subject) -> Iterator[Note]:
    sizes: dict[str, int] = defaultdict(int)
    for path, installed in subject.facts.owners.items():
        item = subject.bundle.items.get(path)
        if item and TESTS.search(path.removeprefix(f"{installed.site}/")):
            sizes[installed.distribution.name] += item.entry.size
    total = sum(sizes.values())
    if total >= NOTED:
        largest = sorted(sizes, key=lambda name: -sizes[name])[:SHOWN]
        shown = ", ".join(f"{name} {megabytes(sizes[name])}" for name in largest)
        yield Note(f"tests of libraries take {megabytes(total)}: {shown}")


def _finding(sort: Sort, items: list[Item]) -> Iterator[Finding]:
    if not items:
        return
    size = sum(item.entry.size for item in items)
    names: dict[str, list[str]] = defaultdict(list)
    for item in items:
        names[item.archive.source].append(item.entry.name)
    shown = megabytes(size) if size >= MB else f"{size:,} bytes"
    yield Finding(
        f"{sort.what}: {files(len(items))}, {shown}: {few((item.path for item in items), SHOWN)}",
        where(items[0]),
        Severity.WARNING,
        sort.remedy,
        fixes=tuple(Fix(sort.safety, archive, drop=tuple(each)) for archive, each in names.items())
        if sort.safety
        else (),
    )
