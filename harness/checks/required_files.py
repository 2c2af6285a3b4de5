"""See the check."""

import posixpath
import re

from harness.artifact.bundle import Item
from harness.artifact.entries import Kind
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.model import Finding, Note


@define(since="0.1")
def check(subject: Subject, engines: Engines) -> Findings:
    """Every file that the manifest requires is in the artifact.

    ## Why it matters

    A file that no import names is missed by every test that mocks it and by every handler that only starts: a
    migration, a template, a certificate. `alembic.ini` left out of the archive shows at the first migration in
    production, as `FAILED: No config file 'alembic.ini' found`.

    ## How to fix

    Copy the file into the folder that the archive is made from; the finding names each pattern that matched nothing.
    Patterns are relative to `/var/task`, or absolute below `/opt` and `/var/task`; `*` stays within a folder, `**` does
    not. A pattern that matches only empty files, or only a folder, fails too: name the files in it (`alembic/**`).
    """
    del engines
    patterns = subject.manifest.required_files
    if not patterns:
        raise Inapplicable("the manifest requires no files")
    items = subject.bundle.items
    for pattern in patterns:
        wanted = posixpath.join("/var/task", pattern)
        expression = re.compile(_expression(wanted.rstrip("/")))
        matched = [item for path, item in items.items() if expression.fullmatch(path)]
        files = [item for item in matched if item.entry.kind is not Kind.DIRECTORY]
        if any(item.entry.size for item in files):
            yield Note(f"{pattern}: {len(files)}")
            continue
        root = "/opt" if wanted.startswith("/opt/") else "/var/task"
        yield Finding(_what(pattern, matched, files), root, remedy=_remedy(subject, pattern, matched, files))


def _what(pattern: str, matched: list[Item], files: list[Item]) -> str:
    if files:
        return f"required file {pattern}: matches only empty files ({', '.join(item.path for item in files[:3])})"
    if matched:
        return f"required file {pattern}: matches only a folder ({matched[0].path})"
    return f"required file {pattern}: not in the artifact"


def _remedy(subject: Subject, pattern: str, matched: list[Item], files: list[Item]) -> str:
    if files:
        return "look at the build step that wrote it: a copy that failed leaves an empty file"
    if matched:
        return f"require the files in it: {pattern.rstrip('/')}/**"
    name = posixpath.basename(pattern.rstrip("/"))
    elsewhere = [path for path in subject.bundle.items if posixpath.basename(path) == name]
    if elsewhere:
        return f"it lies at {elsewhere[0]}: move it, or require that path"
    archive = ", ".join(layer.source for layer in subject.bundle.layers) if pattern.startswith("/opt") else None
    return f"copy {pattern} into the folder that {archive or 'the code archive'} is made from"


def _expression(pattern: str) -> str:
    """The regular expression of a pattern with ``*``, ``?``, ``[…]`` and ``**``."""
    tokens = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^]/]+\])", pattern)
    meanings = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        meanings.get(token) or (token.replace("[!", "[^") if token[:1] == "[" and token[-1:] == "]" else re.escape(token))
        for token in tokens
    )
