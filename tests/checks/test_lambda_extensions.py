from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.check import Inapplicable
from harness.checks.lambda_extensions import check
from harness.facts.archive import ArchiveFacts
from harness.facts.native.binaries import Binary
from harness.model import Finding, Severity
from tests.build import archive, entry, findings, function, manifest, subject
from tests.natives import ARM64, MACOS, MUSL, PROGRAM, X86_64

if TYPE_CHECKING:
    from harness.check import Subject

AGENT = "extensions/agent"
STATIC = replace(X86_64, kind="executable")


def agent(
    content: Binary | str | None, mode: int = 0o755, *others: str, runtime: str = "python3.12", **environment: str
) -> Subject:
    """A layer with an extension: a program, a script with this first line, or something else."""
    facts = ArchiveFacts(
        binaries={AGENT: content} if isinstance(content, Binary) else {},
        shebangs={AGENT: content} if isinstance(content, str) else {},
    )
    layer = archive(entry(AGENT, mode=mode), *others)
    declared = replace(manifest(function(environment=environment)), runtime=runtime)
    return subject(layer, facts=(facts,), declared=declared)


STARTED: dict[str, tuple[Binary | str, tuple[str, ...]]] = {
    "a program": (PROGRAM, ()),
    "a static program": (STATIC, ()),
    "a shell script": ("#!/bin/sh\n", ()),
    "with an option": ("#!/bin/bash -e\n", ()),
    "with a space": ("#! /usr/bin/bash\n", ()),
    "by its name": ("#!/usr/bin/env bash\n", ()),
    "in Python": ("#!/usr/bin/env python3\n", ()),
    "in Python, by its path": ("#!/var/lang/bin/python3.12\n", ()),
    "with an option of env": ("#!/usr/bin/env -S python3.12 -u\n", ()),
    "with an interpreter of its own": ("#!/opt/agent/node\n", ("agent/node",)),
    "with one in bin/": ("#!/usr/bin/env node\n", ("bin/node",)),
}


@pytest.mark.parametrize("case", STARTED)
def test_lambda_can_start(case: str) -> None:
    content, others = STARTED[case]

    assert findings(check, agent(content, 0o755, *others)) == []


HINDERED: list[tuple[Binary | str | None, int, str]] = [
    (PROGRAM, 0o644, "permission denied: its mode is 0644"),
    (PROGRAM, 0o754, "permission denied: its mode is 0754"),
    ("#!/bin/sh\n", 0o644, "permission denied: its mode is 0644"),
    (ARM64, 0o755, "exec format error: it is ELF for arm64"),
    (MACOS, 0o755, "exec format error: it is Mach-O for arm64"),
    (replace(X86_64, kind="object"), 0o755, "exec format error: it is ELF for x86_64"),
    (None, 0o755, "exec format error: it is neither a program nor a script that begins with #!"),
    ("#!\n", 0o755, "exec format error: it is neither a program nor a script that begins with #!"),
    (
        replace(MUSL, interpreter="/lib/ld-musl-x86_64.so.1"),
        0o755,
        "no such file or directory: it is started by /lib/ld-",
    ),
    (
        "#!/bin/bash\r\n",
        0o755,
        "no such file or directory: its first line ends as on Windows (CRLF), so that /bin/bash\\r is looked for",
    ),
    ("#!/usr/bin/env node\n", 0o755, "no such file or directory: its first line asks for node, which is neither in"),
    ("#!/usr/bin/python3\n", 0o755, "no such file or directory: its first line asks for /usr/bin/python3, which is"),
    ("#!/usr/bin/env python3.11\n", 0o755, "no such file or directory: its first line asks for python3.11, which is"),
]


@pytest.mark.parametrize(("content", "mode", "words"), HINDERED)
def test_lambda_cannot_start(content: Binary | str | None, mode: int, words: str) -> None:
    (finding,) = findings(check, agent(content, mode))

    assert finding.severity is Severity.ERROR
    assert finding.message.startswith(f"Extension.LaunchError: fork/exec /opt/extensions/agent: {words}")
    assert finding.where == "layer.zip!extensions/agent"
    assert finding.remedy


def test_of_an_unknown_system_an_interpreter_may_be_there() -> None:
    (finding,) = findings(check, agent("#!/usr/bin/perl\n", runtime="python3.11"))

    assert finding.severity is Severity.WARNING


def test_a_path_of_the_functions_own_counts() -> None:
    assert findings(check, agent("#!/usr/bin/env node\n", 0o755, "node/node", PATH="/opt/node:/bin")) == []


def test_what_is_no_program_has_no_place_there() -> None:
    (finding,) = findings(check, subject(archive("extensions/README.md"), facts=(ArchiveFacts(),)))

    assert finding == Finding(
        "Extension.LaunchError: fork/exec /opt/extensions/README.md: permission denied: its mode is 0644",
        "layer.zip!extensions/README.md",
        Severity.ERROR,
        "give it mode 0755 before it is zipped (chmod 755), or take it out",
    )


def test_folders_beside_it_are_passed_over() -> None:
    assert findings(check, agent(PROGRAM, 0o755, "extensions/lib/", "extensions/lib/helper.py")) == []


def test_a_folder_alone_starts_nothing() -> None:
    (finding,) = findings(check, subject(archive("extensions/agent/main"), facts=(ArchiveFacts(),)))

    assert finding.severity is Severity.WARNING
    assert finding.message == "Lambda starts the files in /opt/extensions alone, and there is only a folder: agent/"


@pytest.mark.parametrize("names", [["python/x.py"], ["extensions/"], ["python/extensions/agent"]])
def test_without_extensions_there_is_nothing_to_look_at(names: list[str]) -> None:
    with pytest.raises(Inapplicable, match="no layer has Lambda extensions"):
        findings(check, subject(archive(*names)))
