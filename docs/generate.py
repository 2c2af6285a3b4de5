# ruff: noqa: INP001 - MkDocs loads this file by its path
"""Adds to the site the pages that are not written by hand; ``mkdocs.yml`` names it as a hook.

=====================  =========================================================================================
page                   made of
=====================  =========================================================================================
``index.md``           ``README.md``, whose links to the published site become links to pages
``contributing.md``    ``CONTRIBUTING.md``; ``changelog.md`` and ``benchmarks.md`` likewise
``checks/*.md``        the checks' docstrings, and a finding of each: a case of the corpus, verified by the command
``reference.md``       the parsers of the command, and the JSON schemas
=====================  =========================================================================================
"""

from __future__ import annotations

import argparse
import functools
import json
import logging
import os
import posixpath
import re
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mkdocs.structure.files import File, Files

from fixtures.build import build_sample
from fixtures.corpus import CASES, Case, lay_out
from harness.catalogue import CATALOGUE
from harness.check import Need
from harness.cli import COMMANDS, parser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

    from harness.check import Check

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
SITE: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]["Documentation"]
COPIED: Final = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "benchmarks.md": "benchmarks/results.md",
}
AREAS: Final = {
    "archive-integrity": "Archives and files",
    "foreign-binaries": "Native code",
    "distribution-metadata": "Installed distributions",
    "declared-dependencies": "Dependency lists",
    "syntax": "Python code",
    "extensions-load": "In the runtime",
}
"""The first check of each area, in the catalogue's order."""

SCHEMAS: Final = ("report-v1", "preflight-v1", "transition-v1", "diff-v1", "fleet-v1")
WITHOUT_EXAMPLES: Final = "LAMBDA_ARTIFACT_DOCS_WITHOUT_EXAMPLES"
"""Set for a build that verifies nothing, such as that of the test of links."""

_LINK: Final = re.compile(r"\]\((?!https?://|#)([^)#\s]+)(#[^)\s]*)?\)")
_log: Final = logging.getLogger("mkdocs.hooks.generate")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name the site as the package does, and list the checks in the navigation."""
    config.site_url = SITE
    for entry in config.nav or []:
        if entry.get("Checks") == "checks/index.md":
            entry["Checks"] = [
                "checks/index.md",
                *({area: [f"checks/{check.id}.md" for check in checks]} for area, checks in areas().items()),
            ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for name, text in pages(examples=not os.environ.get(WITHOUT_EXAMPLES)).items():
        files.append(File.generated(config, name, content=text))
    files.append(File.generated(config, "results.svg", abs_src_path=str(ROOT / "benchmarks" / "results.svg")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Keep the text of links to files of the repository that are not on the site."""
    del config

    def linked(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), match[1]))
        if files.get_file_from_path(target):
            return match[0]
        origin = ROOT / COPIED.get(page.file.src_uri, f"docs/{page.file.src_uri}")
        if not (origin.parent / match[1]).exists():
            _log.warning("%s links to %s, which does not exist", page.file.src_uri, match[1])
        return "]()"

    return re.sub(r"\[([^\[\]]*)\]\(\)", r"\1", _LINK.sub(linked, markdown))


def pages(*, examples: bool) -> dict[str, str]:
    """Every generated page, by its path on the site.

    Args:
        examples: Whether the pages of checks have a finding, for which a case of each is verified.
    """
    return {
        **{name: _copied(ROOT / source) for name, source in COPIED.items()},
        **check_pages(findings() if examples else {}),
        "reference.md": reference(),
    }


def check_pages(examples: Mapping[str, tuple[Case, str]]) -> dict[str, str]:
    """The page of each check, with its example where there is one, and their list."""
    return {
        "checks/index.md": _index(),
        **{f"checks/{check.id}.md": _page(check, examples.get(check.id)) for check in CATALOGUE},
    }


def areas() -> dict[str, list[Check]]:
    """The checks of each area."""
    found: dict[str, list[Check]] = {}
    for check in CATALOGUE:
        area = AREAS.get(check.id) or next(reversed(found))
        found.setdefault(area, []).append(check)
    return found


def _copied(source: Path) -> str:
    """A page of the repository with the links that it has as a page of the site."""

    def linked(match: re.Match[str]) -> str:
        name = match["page"] or "index"
        return f"]({'checks/index' if name == 'checks' else name}.md{match['anchor'] or ''})"

    text = source.read_text("utf-8")
    text = re.sub(rf"\]\({re.escape(SITE)}(?P<page>[a-z-]*)/?(?P<anchor>#[^)]*)?\)", linked, text)
    for page, origin in COPIED.items():
        text = text.replace(f"]({origin}", f"]({page}")
    return text.replace("](docs/", "](")


def _page(check: Check, example: tuple[Case, str] | None) -> str:
    shown = ""
    if example:
        case, text = example
        shown = (
            f"## Example\n\nWhat `lambda-artifact verify` reports for the case `{case.name}` of the "
            f"[corpus](../contributing.md#the-corpus):\n\n```text\n{text}\n```\n\n"
        )
    return f"# {check.id}\n\n{check.doc}\n\n{shown}Needs {check.need}. Since {check.since}.\n"


def _index() -> str:
    tables = (
        f"## {area}\n\n| Check | An artifact passes if |\n| --- | --- |\n"
        + "".join(f"| [{check.id}]({check.id}.md) | {check.title} |\n" for check in checks)
        for area, checks in areas().items()
    )
    return (
        "# Checks\n\nChecks are listed in the order of a report. The last area starts handlers and needs an "
        "[engine](../engines.md). All others are static: they need no engine, and are skipped where "
        "[archive-integrity](archive-integrity.md) refuses an archive. `lambda-artifact explain CHECK` prints a "
        "page.\n\n" + "\n".join(tables)
    )


@functools.cache
def findings() -> dict[str, tuple[Case, str]]:
    """A case that each check fails, and what the command says of it."""
    with ThreadPoolExecutor(os.cpu_count()) as pool, tempfile.TemporaryDirectory() as folder:
        found = pool.map(lambda check: finding(check, Path(folder, check.id)), CATALOGUE)
        return dict(zip((check.id for check in CATALOGUE), found, strict=True))


def example_of(check: Check) -> Case:
    """The case that shows a check: an error rather than a warning, in the small application if there is such a one."""

    def rank(case: Case) -> tuple[bool, ...]:
        return check.id not in case.checks, case.base != "small", case.downloads

    return min((case for case in CASES if check.id in case.checks | case.warnings), key=rank)


def finding(check: Check, folder: Path) -> tuple[Case, str]:
    """A case that a check fails, and what the command says of it.

    Raises:
        RuntimeError: Nothing was found, or the case could not be verified.
    """
    case = example_of(check)
    sample = build_sample(ROOT / "build" / "sample" / "x86_64", "x86_64") if case.base == "sample" else None
    lay_out(case, folder, sample)
    engine = "process" if check.need is Need.RUNTIME else "none"
    verbose = ["-v"] if check.id not in case.checks else []  # which shows warnings in full
    printed = _command("verify", *verbose, "--engine", engine, "--select", check.id, folder=folder)
    problems = takewhile(lambda block: re.match(r"\d+ ", block), printed.split("\n\n")[1:])
    if not (text := "\n\n".join(problems)):
        raise RuntimeError(f"{check.id} found nothing in {case.name}, or could not run:\n{printed}")
    return case, text


def reference() -> str:
    """The page of commands and of the JSON reports."""
    whole = parser(COMMANDS)
    (commands,) = (action for action in whole._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001 - argparse has no public way to its subparsers
    helps = "".join(_command_help(name, command) for name, command in commands.choices.items())
    schemas = "".join(_schema(name) for name in SCHEMAS)
    return (
        "# Reference\n\nGenerated from the command's own options and from the JSON schemas. "
        f"`lambda-artifact --help` and `lambda-artifact COMMAND --help` print the same.\n\n{helps}{schemas}"
    )


def _command_help(name: str, command: argparse.ArgumentParser) -> str:
    what = f"{COMMANDS[name][0]}."
    text = f"## {name}\n\n{command.description or what[0].upper() + what[1:]}\n\n"
    for group in command._action_groups:  # noqa: SLF001 - the same
        rows = "".join(
            f"| {_name_of(action)} | {(action.help or '').replace('|', '&#124;')} |\n"
            for action in group._group_actions  # noqa: SLF001 - the same
            if not isinstance(action, argparse._HelpAction)  # noqa: SLF001 - the same
        )
        if rows:
            text += f"| {(group.title or '').capitalize()} | |\n| --- | --- |\n{rows}\n"
    epilog = (command.epilog or "").strip()
    return f"{text}{epilog[:1].upper()}{epilog[1:]}\n\n"


def _name_of(action: argparse.Action) -> str:
    """An option as it is written, or an argument."""
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    names = [f"`{option}{value}`" for option in action.option_strings]
    return ", ".join(names) or f"`{action.metavar or action.dest}`"


def _schema(name: str) -> str:
    schema = json.loads((DOCS / f"{name}.schema.json").read_text("utf-8"))
    title = schema["title"]
    parts = "".join(_definition(part, text) for part, text in schema["$defs"].items())
    return f"## {name}\n\nThe JSON report `{title}`; [JSON Schema]({name}.schema.json).\n\n{parts}"


def _definition(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = "".join(
        f"| `{key}`{'' if key in required else ' (optional)'} | {_type(value)} | {value.get('description', '')} |\n"
        for key, value in schema.get("properties", {}).items()
    )
    return f"**{name}**: {schema.get('description', '')}\n\n| Key | Type | Meaning |\n| --- | --- | --- |\n{rows}\n"


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(kind) for kind in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        items: dict[str, Any] = schema.get("items") or next(iter(schema.get("prefixItems", [])), {})
        return f"list of {_type(items)}"
    return str(schema.get("type", "any"))


def _command(*arguments: str, folder: Path = ROOT) -> str:
    environ = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "harness", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False).stdout
