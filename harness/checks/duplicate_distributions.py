from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.artifact.bundle import CODE_ROOT, where
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.facts.installed.contents import hollow, module_name, modules, visible
from harness.facts.python.search import Found
from harness.facts.python.startup import stopped, sure
from harness.facts.view import Installed
from harness.model import Finding, Note, Severity
from harness.plain_text import MB, few

SHOWN = 3


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Every distribution is there in one version.

    ## Why it matters

    `pip install --target --upgrade` leaves the old version's metadata beside the new one's, and a second install into
    the same folder mixes the files of both: what is imported then never existed as a release. Between layers the later
    one overwrites, file by file. The code archive comes before all layers on `sys.path`, so that an older package in
    it hides the layer's, together with modules that the layer's other distributions need:
    `No module named 'ddtrace._trace.utils_botocore'`.

    ## How to fix

    Install everything in one go into an empty folder, and let each distribution live in one archive: in the layer, or
    in the code. Where two layers must bring the same one, build both from the same lock file.
    """
    distributions = visible(subject.program)
    if not distributions:
        raise Inapplicable("no distribution is installed")
    twice = []
    for several in distributions.values():
        real = [one for one in several if not hollow(one, subject.bundle)]
        versions = {one.distribution.version for one in real}
        if len(versions) > 1:
            yield _Conflict(subject, real).finding()
        elif len(real) > 1 and len({one.archive.source for one in real}) > 1:
            twice.append(real)
        if len(versions) == 1:
            yield from _strays(subject, real[0])
    yield from _wasted(twice)


def _strays(subject: Subject, installed: Installed) -> Iterator[Finding]:
    """Find compiled modules of no distribution that are imported instead of a distribution's own."""
    for file in sorted(modules(installed)):
        path, name = f"{installed.site}/{file}", module_name(file)
        found = subject.program.search.find(name) if name and file.endswith(".py") else None
        if not isinstance(found, Found) or not found.path.endswith(".so") or path not in subject.bundle.items:
            continue
        if found.path in subject.facts.owners or found.path.rpartition("/")[0] != path.rpartition("/")[0]:
            continue
        one = installed.distribution
        reach = subject.program.graph.reached.get(found.path)
        yield Finding(
            f"{found.path} is imported in the place of {file} of {one.name} {one.version}, and no RECORD has it: "
            "another version has left it behind",
            where(subject.bundle.items[found.path]),
            Severity.WARNING,
            f"build {subject.bundle.items[found.path].archive.source} again in an empty folder",
            chain=reach.chain if reach else (),
        )


@dataclass(frozen=True, slots=True)
class _Conflict:
    """One distribution in several versions.

    Attributes:
        copies: All of them, in the order of ``sys.path``; in one folder the last layer's first.
    """

    subject: Subject
    copies: Sequence[Installed]

    def finding(self) -> Finding:
        first, *others = self._ranked()
        other = next(one for one in others if one.distribution.version != first.distribution.version)
        mixed = first.site == other.site and first.archive is other.archive
        places = " and ".join(f"{one.distribution.version} in {one.archive.source}" for one in (first, *others))
        name = first.distribution.name
        winners = self._winners(first, other)
        # Files of both were never released together, and may do all the same; a compiled leftover in the place of
        # another version's module does not.
        worse = any(sure(f"{other.site}/{file}", self.subject.program) for file in winners)
        both = mixed and not self._whole(first, other)
        doubtful = (*winners, *(sorted(modules(first) | modules(other)) if both else ()))
        reaches = (sure(f"{other.site}/{file}", self.subject.program) for file in doubtful)
        reach = next((one for one in reaches if one), None)
        won = (
            f"; {other.site}/{winners[0]}, of {other.distribution.version}, is imported all the same" if winners else ""
        )
        return Finding(
            f"{name} is there in {len({one.distribution.version for one in self.copies})} versions: {places}; "
            f"{self._why(first, other)}{won}",
            other.where,
            Severity.ERROR if worse else Severity.WARNING,
            f"build {first.archive.source} again in an empty folder: `pip install --target --upgrade` leaves the old "
            "metadata behind"
            if mixed
            else f"leave {name} out of {other.archive.source if first.site != other.site else 'one of the two'}, or "
            "build both from the same lock file",
            "; ".join(self._leftovers(first, other)) or None,
            reach.chain if reach else (),
            reach.when if reach else None,
            stopped(reach.path, self.subject.program) if reach else (),
        )

    def _ranked(self) -> list[Installed]:
        """The copies, with the one first that the files belong to."""
        first = self.copies[0]
        rivals = [one for one in self.copies if one.site == first.site and one.archive is first.archive]
        best = max(rivals, key=self._matching)
        return [best, *(one for one in self.copies if one is not best)]

    def _matching(self, one: Installed) -> float:
        """The share of its files that have the size which its RECORD states."""
        items = self.subject.bundle.items
        sizes = [
            (items[path].entry.size if (path := f"{one.root}/{recorded.path}") in items else -1) == recorded.size
            for recorded in one.distribution.record or ()
            if recorded.size is not None
        ]
        return sum(sizes) / len(sizes) if sizes else 0

    def _why(self, first: Installed, other: Installed) -> str:
        if first.site != other.site:
            order = "the code comes before the layers" if first.root == CODE_ROOT else f"{first.site} comes first"
            return f"{first.distribution.version} is imported: {order} on sys.path"
        if first.archive is not other.archive:
            return (
                f"{first.distribution.version} is imported: {first.archive.source} is listed later, and overwrites; "
                "importlib.metadata may tell either version"
            )
        whole = self._whole(first, other)
        return (
            f"the files are {first.distribution.version}'s" if whole else "the files are of both"
        ) + ", and importlib.metadata may tell either version"

    def _whole(self, first: Installed, other: Installed) -> bool:
        """Whether every module is the first one's."""
        return self._matching(first) == 1 and not self._winners(first, other)

    def _winners(self, first: Installed, other: Installed) -> list[str]:
        """The other's compiled modules that Python finds before the first one's of the same name."""
        search = self.subject.program.search
        names = {module_name(file) for file in modules(first) if search.loads(file)}
        rivals = {file: name for file in modules(other) - modules(first) if (name := module_name(file)) in names}
        found = ((file, search.find(name)) for file, name in sorted(rivals.items()) if name)
        return [file for file, one in found if isinstance(one, Found) and one.path == f"{other.site}/{file}"]

    def _leftovers(self, first: Installed, other: Installed) -> Iterator[str]:
        """Name what only the other copy has: still importable together with the first, or no longer found."""
        search, winners = self.subject.program.search, self._winners(first, other)
        if winners:
            won = few(winners, SHOWN)
            yield f"{won} of {other.distribution.version} is imported, not the module of that name next to it"
        mixed, hidden = [], []
        for file in sorted(modules(other) - modules(first)):
            name = module_name(file)
            if name is None or file in winners or f"{other.site}/{file}" not in self.subject.bundle.items:
                continue
            found = search.find(name)
            if isinstance(found, Found) and found.path == f"{other.site}/{file}":
                mixed.append(name)
            elif not isinstance(found, Found):
                hidden.append(name)
        version = other.distribution.version
        if mixed:
            imported = few(mixed, SHOWN)
            yield f"only {version} has {imported}, imported together with {first.distribution.version}'s modules"
        if hidden:
            yield f"only {version} has {few(hidden, SHOWN)}, which is not found any more"


def _wasted(twice: Iterable[Sequence[Installed]]) -> Iterator[Note]:
    """A note on what is there more than once in the same version, where it takes room."""
    names, size = [], 0
    for copies in twice:
        recorded = (one.size or 0 for one in copies[0].distribution.record or ())
        size += sum(recorded) * (len(copies) - 1)
        names.append(f"{copies[0].distribution.name} {copies[0].distribution.version}")
    if size >= MB:
        yield Note(
            f"{few(names, SHOWN)}: in more than one archive, in the same version: {size / MB:,.0f} MB for nothing"
        )
