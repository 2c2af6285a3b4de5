import posixpath
import re
from collections.abc import Mapping

from harness.artifact.bundle import CODE_ROOT, LAYER_ROOT, Item
from harness.artifact.entries import Kind
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis import absent_files
from harness.model import Defect, Fault, Finding, Fix, Note, Safety

MOST_HOPS = 40  # as many links as the kernel follows


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Every file that the manifest requires is in the artifact.

    ## Why it matters

    A file that no import names is missed by every test that mocks it and by every handler that only starts: a
    migration, a template, a certificate. `alembic.ini` left out of the archive shows at the first migration in
    production, as `FAILED: No config file 'alembic.ini' found`.

    ## How to fix

    Copy the file into the folder that the archive is made from; the finding names each pattern that matched nothing.
    Patterns are relative to `/var/task`, or absolute below `/opt` and `/var/task`; `*`, `?`, `[a-z]` and `[!a-z]` stay
    within a folder, `**` does not. A pattern that matches only empty files, or only a folder, fails too: name the files
    in it (`alembic/**`).
    """
    if not subject.manifest.required_files:
        raise Inapplicable("the manifest requires no files")
    seen = _seen(subject.bundle.items)
    for pattern in subject.manifest.required_files:
        wanted = posixpath.normpath(posixpath.join(CODE_ROOT, pattern))
        expression = re.compile(_expression(wanted), re.DOTALL)
        matched = {path: size for path, size in seen.items() if expression.fullmatch(path)}
        files = [path for path, size in matched.items() if size is not None]
        if any(matched.values()):
            yield Note(f"{pattern}: {len(files)}")
        else:
            what, remedy = _explain(subject, pattern, wanted, list(matched), files)
            missing = () if files or matched else (Fault(Defect.NO_FILE, wanted),)
            yield Finding(
                f"required file {pattern}: {what}",
                _where(subject, wanted),
                remedy=remedy,
                faults=missing,
                fixes=_fixes(subject, wanted) if missing else (),
            )


def _fixes(subject: Subject, wanted: str) -> tuple[Fix, ...]:
    """The fix: the code archive with the files of the repository, whose folder the manifest names or does not."""
    found = absent_files.copies(subject.lists, wanted)
    if not found or subject.bundle.code is None:
        return ()
    declared = subject.manifest.source or any(function.source for function in subject.manifest.functions)
    return (Fix(Safety.SAFE if declared else Safety.UNSAFE, subject.bundle.code.source, copy=found),)


def _seen(items: Mapping[str, Item]) -> dict[str, int | None]:
    """The size of every file that the function sees; None for a folder, also for one that only its files imply."""
    seen: dict[str, int | None] = {}
    for path, item in items.items():
        seen[path] = _size(item, items)
        folder = posixpath.dirname(path)
        while folder not in seen and folder != "/":
            seen[folder] = None
            folder = posixpath.dirname(folder)
    return seen


def _size(item: Item, items: Mapping[str, Item]) -> int | None:
    """Bytes of a file, through symbolic links where it is one; a link that leads nowhere is as good as empty."""
    for _ in range(MOST_HOPS):
        if item.entry.kind is not Kind.SYMLINK:
            return item.entry.size if item.entry.kind is Kind.FILE else None
        path = posixpath.normpath(posixpath.join(posixpath.dirname(item.path), item.entry.target or ""))
        if path not in items:
            return None if any(name.startswith(f"{path}/") for name in items) else 0
        item = items[path]
    return 0


def _explain(subject: Subject, pattern: str, wanted: str, matched: list[str], files: list[str]) -> tuple[str, str]:
    """Explain a pattern that matches no file with content: what is wrong, and what to do."""
    if files:
        remedy = "look at the build step that wrote it: a copy that failed leaves an empty file"
        return f"matches only empty files ({', '.join(files[:3])})", remedy
    if matched:
        return f"matches only a folder ({matched[0]})", f"require the files in it: {pattern.rstrip('/')}/**"
    return "not in the artifact", _remedy(subject, wanted)


def _remedy(subject: Subject, wanted: str) -> str:
    if not wanted.startswith((f"{CODE_ROOT}/", f"{LAYER_ROOT}/")):
        return f"archives fill {CODE_ROOT} and {LAYER_ROOT} only: name a path there"
    for path in absent_files.elsewhere(subject.program, wanted):
        return f"it is at {path}: move it, or require that path"
    return absent_files.copied(subject.lists, wanted)


def _where(subject: Subject, wanted: str) -> str:
    """The place where the file should be: in the code archive, else in one of the layers."""
    archives = _archives(subject, wanted)
    return f"{archives}: {wanted}" if archives else wanted


def _archives(subject: Subject, wanted: str) -> str:
    if wanted.startswith(f"{LAYER_ROOT}/"):
        return ", ".join(dict.fromkeys(layer.source for layer in subject.bundle.layers))
    return subject.bundle.code.source if subject.bundle.code else ""


def _expression(pattern: str) -> str:
    """The regular expression of a pattern with ``*``, ``?``, ``[…]`` and ``**``."""
    meanings = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.split(r"((?<![^/])\*\*/|\*\*|\*|\?|\[!?[^]/]+\])", pattern)
    # Every second token is one that the expression above has split at; the others are to be taken literally.
    return "".join(
        re.escape(token) if index % 2 == 0 else meanings.get(token) or _any_of(token)
        for index, token in enumerate(tokens)
    )


def _any_of(token: str) -> str:
    """The regular expression of ``[a-z_]`` or ``[!a-z_]``: one character, and never the slash."""
    negated, members = token[1] == "!", token[1:-1].removeprefix("!")
    ranges = re.findall(r"(.)-(.)|(.)", members)
    said = "".join(
        re.escape(one) or f"{re.escape(low)}-{re.escape(high)}" for low, high, one in ranges if one or low <= high
    )
    if negated:
        return f"[^/{said}]"
    return f"(?!/)[{said}]" if said else "(?!)"  # a range that runs backwards holds nothing
