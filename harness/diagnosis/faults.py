"""What is at the bottom of a finding: what its check says, and what its words and its place say."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

from harness.artifact.bundle import CODE_ROOT
from harness.model import Defect, Fault, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.model import Finding

# The words of Python, of the loader, and of what is opened by a path.
_MODULE: Final = re.compile(r"No module named '([\w.]+)'")
_LIBRARY: Final = re.compile(r"([\w.+-]+\.so[\w.]*): cannot open shared object file")
_NATIVE: Final = re.compile(r"(/[^\s:]+\.so[\w.]*): (?:file too short|invalid ELF header|wrong ELF class)")
_FILE: Final = re.compile(r"(?:No such file or directory: |No config file |there is no folder )['\"]?([^'\"\s]+)")
_BINARY: Final = re.compile(r".*\.(?:so(?:\.\d+)*|pyd|dylib)")
# What tells of one handler's name, whatever looked for it.
_NAMES: Final = re.compile(r"Runtime\.(?:HandlerNotFound|MalformedHandlerName|BuiltInModuleConflict): .*", re.DOTALL)
_SYNTAX: Final = re.compile(r"Runtime\.UserCodeSyntaxError: Syntax error in module '([^']+)'")


def faults(finding: Finding) -> Iterator[Fault]:
    """What is at the bottom of a finding."""
    yield from finding.faults
    said = finding.message
    yield from (Fault(Defect.NO_MODULE, name) for name in _MODULE.findall(said))
    yield from (Fault(Defect.NO_LIBRARY, name) for name in _LIBRARY.findall(said))
    yield from (Fault(Defect.BAD_FILE, posixpath.basename(path)) for path in _NATIVE.findall(said))
    yield from (Fault(Defect.BAD_FILE, name) for name in _SYNTAX.findall(said))
    for path in _FILE.findall(said):
        yield Fault(Defect.NO_FILE, posixpath.normpath(posixpath.join(CODE_ROOT, path)))
    if _NAMES.fullmatch(said):
        yield Fault(Defect.NO_HANDLER, said)
    if finding.severity is Severity.ERROR and _BINARY.fullmatch(finding.where):
        yield Fault(Defect.BAD_FILE, posixpath.basename(finding.where))
