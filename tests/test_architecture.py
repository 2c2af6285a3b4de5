"""What .importlinter cannot say: nothing below the entry points prints, reads the environment or exits."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
HARNESS = ROOT / "harness"
MODULES = sorted(path.relative_to(HARNESS).as_posix() for path in HARNESS.rglob("*.py"))

LONG = 300
PRINTS, READS, EXITS = "prints", "reads the environment", "exits"
MEANING = {
    **dict.fromkeys(("print", "input", "sys.stdin", "sys.stdout", "sys.stderr"), PRINTS),
    **dict.fromkeys(("os.environ", "os.environb", "os.getenv", "os.getenvb", "sys.argv"), READS),
    **dict.fromkeys(("exit", "quit", "sys.exit", "os._exit", "os.abort", "SystemExit"), EXITS),
}
# The probe is a program of its own, which runs in another interpreter, and so is what emulates AWS.
ALLOWED = {
    "__main__.py": {PRINTS, READS, EXITS},
    "commands/fleet.py": {PRINTS},
    "commands/match.py": {PRINTS},
    "commands/options.py": {PRINTS},
    "commands/output.py": {PRINTS},
    "commands/preflight.py": {PRINTS},
    "commands/progress.py": {PRINTS},
    "emulator/server.py": {READS, EXITS},
    "fleet/cluster.py": {READS},  # on a worker, whose environment no command has read
    "plugin/hooks.py": {READS},
    "plugin/verifications.py": {READS},
    "plugin/xdist.py": {PRINTS, READS},
}


def deeds(source: str) -> Iterator[tuple[str, int]]:
    """What a module does that only an entry point may, and on which line."""
    tree = ast.parse(source)
    # `except SystemExit` is no exit.
    caught = {
        id(name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type
        for name in ast.walk(node.type)
    }
    for node in ast.walk(tree):
        if id(node) in caught:
            continue
        if isinstance(node, ast.Name) and node.id in MEANING:
            yield MEANING[node.id], node.lineno
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in MEANING:
            yield MEANING[ast.unparse(node)], node.lineno
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                if (found := f"{node.module}.{name.name}") in MEANING:
                    yield MEANING[found], node.lineno


@pytest.mark.parametrize("module", MODULES)
def test_a_long_module_says_why(module: str) -> None:
    text = (HARNESS / module).read_text("utf-8")

    assert (text.count("\n") > LONG) == ("\n# More than 300 lines: " in text)


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith("probe/")])
def test_only_entry_points_print_read_the_environment_or_exit(module: str) -> None:
    source = (HARNESS / module).read_text(encoding="utf-8")
    allowed = ALLOWED.get(module, set())

    wrong = [f"harness/{module}:{line} {deed}" for deed, line in deeds(source) if deed not in allowed]

    assert not wrong


@pytest.mark.parametrize(
    ("source", "deed"),
    [
        ("print(1)", PRINTS),
        ("import sys\nsys.stderr.write('')", PRINTS),
        ("from sys import stdout", PRINTS),
        ("show = print", PRINTS),
        ("import os\nos.environ['HOME']", READS),
        ("import os\nos.getenv('HOME')", READS),
        ("from os import environ", READS),
        ("import sys\nsys.exit(1)", EXITS),
        ("raise SystemExit(1)", EXITS),
    ],
)
def test_each_deed_is_seen(source: str, deed: str) -> None:
    assert {found for found, _ in deeds(source)} == {deed}


@pytest.mark.parametrize(
    "source", ["try: f()\nexcept SystemExit: g()", "environ['HOME']", "say.print(1)", "'print(1)'"]
)
def test_nothing_else_is_seen(source: str) -> None:
    assert not list(deeds(source))


def test_the_exceptions_are_all_needed() -> None:
    needed = {module: {deed for deed, _ in deeds((HARNESS / module).read_text(encoding="utf-8"))} for module in ALLOWED}

    assert {module: deeds & needed[module] for module, deeds in ALLOWED.items()} == ALLOWED


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("probe/")])
def test_the_probe_needs_the_standard_library_alone(module: str) -> None:
    nodes = list(ast.walk(ast.parse((HARNESS / module).read_text(encoding="utf-8"))))
    imported = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    # AWS's client is what the probe starts.
    foreign = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names - {"awslambdaric"}

    assert not foreign


ASKED = re.compile(
    r"\.(?:exists|glob|is_dir|is_file|is_symlink|iterdir|lstat|open|read_bytes|read_text|resolve|rglob|stat)\(\)?"
    r"|\bos\.(?:listdir|lstat|open|path\.(?:exists|is\w+|realpath)|scandir|stat|walk)\b|\bopen\("
)
UNRECORDED = {
    "dependencies/git.py": "its own way through what git opens, whose answer is recorded",
    "dependencies/source_files.py": "identities of folders and links, which the listings of walked folders have",
}


@pytest.mark.parametrize(
    "module",
    [one for one in MODULES if one.startswith(("checks/", "dependencies/", "diagnosis/")) and one not in UNRECORDED],
)
def test_what_is_asked_of_a_repositorys_files_can_be_recorded(module: str) -> None:
    """A verdict that is cached depends on each answer: see ``harness/regular_files.py``."""
    tree = ast.parse((HARNESS / module).read_text(encoding="utf-8"))
    calls = [ast.unparse(node.func) + "(" for node in ast.walk(tree) if isinstance(node, ast.Call)]

    own = re.compile(r"regular_files\.|places\.exists|one\.is_(?:file|dir)")  # of an archive; of a listing
    assert not [call for call in calls if ASKED.search(call) and not own.match(call)]


def test_contributors_are_shown_the_layers_that_are_held() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter", encoding="utf-8")
    held = [
        set(re.findall(r"\w+", row)) for row in contracts["importlinter:contract:layers"]["layers"].strip().split("\n")
    ]
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

    shown = [set(re.findall(r"\w+", row)) for row in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", text, re.MULTILINE)]

    assert [row for row in shown if row <= set().union(*held)] == held
