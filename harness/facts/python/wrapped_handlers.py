"""Handlers that a variable or a packaged file names, because the declared handler is a tool's, which calls them."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness.artifact.bundle import CODE_ROOT
from harness.facts.python.search import Found
from harness.model import When

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.facts.python.search import Search
    from harness.facts.view import Modules

# DD_LAMBDA_HANDLER, NEW_RELIC_LAMBDA_HANDLER, SENTRY_INITIAL_HANDLER, LUMIGO_ORIGINAL_HANDLER, ORIG_HANDLER and more.
_NAME: Final = re.compile(r"(?:^|_)HANDLER(?:_NAME)?$")
_VALUE: Final = re.compile(r"[A-Za-z_]\w*(?:[./][A-Za-z_]\w*)+")
KNOWN: Final = frozenset(
    {
        "DD_LAMBDA_HANDLER",
        "NEW_RELIC_LAMBDA_HANDLER",
        "SENTRY_INITIAL_HANDLER",
        "LUMIGO_ORIGINAL_HANDLER",
        "ORIG_HANDLER",
    }
)
"""What wrappers of common libraries read."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that packages a handler of its own, and a file that names what this one calls.

    Attributes:
        file: That file, at the root of the code.
        modules: The tool's modules beside it.
        module: Finds the called module, or the path to it, in the text of the file.
        attribute: Finds the called function.
    """

    file: str
    modules: frozenset[str]
    module: re.Pattern[str]
    attribute: re.Pattern[str]


_APP: Final = (re.compile(r'"app":\s*"([\w./]+)\.\w+"'), re.compile(r'"app":\s*"[\w./]+\.(\w+)"'))
TOOLS: Final = (
    Tool(".serverless-wsgi", frozenset({"wsgi_handler.py", "serverless_wsgi.py"}), *_APP),
    Tool(".wsgi_app", frozenset({"wsgi.py", "wsgi_handler.py", "serverless_wsgi.py"}), *_APP),
    Tool(
        "zappa_settings.py",
        frozenset({"handler.py"}),
        re.compile(r"^APP_MODULE\s*=\s*['\"]([\w.]+)['\"]", re.MULTILINE),
        re.compile(r"^APP_FUNCTION\s*=\s*['\"](\w+)['\"]", re.MULTILINE),
    ),
)
"""serverless-wsgi, now and before 1.6, and Zappa."""


def packaged(paths: Iterable[str]) -> frozenset[str]:
    """The modules of these tools, of those whose file is among the paths."""
    tools = [tool for tool in TOOLS if f"{CODE_ROOT}/{tool.file}" in paths]
    return frozenset(f"{CODE_ROOT}/{module}" for tool in tools for module in tool.modules)


@dataclass(frozen=True, slots=True)
class View:
    """What handlers are looked for in: where modules are, what they and other files say, which are the user's own."""

    search: Search
    modules: Modules
    own: frozenset[str]
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Redirection:
    """One variable or one packaged file that names a handler.

    Attributes:
        function: The function that declares it.
        source: The name of the variable, or the path of the file.
        handler: What it names.
        declared: The function's own handler, which calls that one.
        when: When it does: as it starts, or with every event.
        folder: What it puts on ``sys.path`` for that; empty for nothing.
    """

    function: str
    source: str
    handler: str
    declared: str
    when: When = When.AT_START
    folder: str = ""

    @property
    def certain(self) -> bool:
        """Whether the tool is known to read that source."""
        return self.source in KNOWN or self.source.startswith(CODE_ROOT)


def redirections(
    function: str, declared: str, variables: Iterable[tuple[str, str]], view: View
) -> Iterator[Redirection]:
    """The handlers that the variables of a function, or files beside its handler, name, be they there or not.

    A variable of a name that nobody knows counts where its value is a function of the archives, and where the declared
    handler is a library's, or in a module that imports by computed names.
    """
    called = _found(declared, view)
    wraps = called is not None and (called not in view.own or bool(view.modules[called].loading.computed))
    for name, value in variables:
        if value == declared or not _VALUE.fullmatch(value):
            continue
        found = _found(value, view)
        bound = found in view.own and value.rpartition(".")[2] in view.modules[found].names.bound if found else False
        if name in KNOWN or (wraps and (bound or (found and _NAME.search(name)))):
            yield Redirection(function, name, value, declared)
    for tool in TOOLS:
        file = f"{CODE_ROOT}/{tool.file}"
        module, attribute = (pattern.search(view.texts.get(file, "")) for pattern in (tool.module, tool.attribute))
        if called in packaged([file]) and module and attribute:
            folder, name = posixpath.split(module[1])
            place = f"{CODE_ROOT}/{folder}" if folder else ""
            yield Redirection(function, file, f"{name}.{attribute[1]}", declared, When.AT_EVENT, place)


def _found(handler: str, view: View) -> str | None:
    """The source file that a handler's name leads to."""
    module = handler.rpartition(".")[0].replace("/", ".")
    found = view.search.find(module) if module else None
    return found.path if isinstance(found, Found) and found.path in view.modules else None
