"""Calls that read or write files, and which argument is the path."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Act(StrEnum):
    """What a call does to a path."""

    READ = "read"
    LIST = "list"
    """Look for files in a folder; where that is not there it finds nothing, without a word."""
    TEMPLATES = "templates"
    """Remember a folder to read from later."""
    SERVE = "serve"
    """Demand a folder at once, to read from later."""
    ALEMBIC = "alembic"
    """Read a configuration, when it is first asked for something."""
    WRITE = "write"
    MAKE = "make"
    """Make a folder, which may be there already."""
    DATABASE = "database"
    """Read a database, or make it where there is none."""


@dataclass(frozen=True, slots=True)
class Access:
    """One argument of a call that is a path.

    Attributes:
        argument: Its expression.
    """

    act: Act
    argument: ast.expr


# By the full name: the position of the path among the arguments, and its name as a keyword.
_FUNCTIONS: Final[Mapping[str, tuple[Act, int, str]]] = {
    "alembic.config.Config": (Act.ALEMBIC, 0, "file_"),
    "logging.config.fileConfig": (Act.READ, 0, "fname"),
    "runpy.run_path": (Act.READ, 0, "path_name"),
    "linecache.getlines": (Act.READ, 0, "filename"),
    "os.listdir": (Act.READ, 0, "path"),
    "os.scandir": (Act.READ, 0, "path"),
    "os.stat": (Act.READ, 0, "path"),
    "os.path.getsize": (Act.READ, 0, "filename"),
    "os.path.getmtime": (Act.READ, 0, "filename"),
    "shutil.copy": (Act.READ, 0, "src"),
    "shutil.copy2": (Act.READ, 0, "src"),
    "shutil.copyfile": (Act.READ, 0, "src"),
    "shutil.copytree": (Act.READ, 0, "src"),
    "shutil.unpack_archive": (Act.READ, 0, "filename"),
    "fastapi.responses.FileResponse": (Act.READ, 0, "path"),
    "starlette.responses.FileResponse": (Act.READ, 0, "path"),
    "fastapi.staticfiles.StaticFiles": (Act.SERVE, -1, "directory"),
    "starlette.staticfiles.StaticFiles": (Act.SERVE, -1, "directory"),
    "fastapi.templating.Jinja2Templates": (Act.TEMPLATES, 0, "directory"),
    "starlette.templating.Jinja2Templates": (Act.TEMPLATES, 0, "directory"),
    "jinja2.FileSystemLoader": (Act.TEMPLATES, 0, "searchpath"),
    "joblib.load": (Act.READ, 0, "filename"),
    "numpy.load": (Act.READ, 0, "file"),
    "numpy.loadtxt": (Act.READ, 0, "fname"),
    "pandas.read_csv": (Act.READ, 0, "filepath_or_buffer"),
    "pandas.read_excel": (Act.READ, 0, "io"),
    "pandas.read_json": (Act.READ, 0, "path_or_buf"),
    "pandas.read_parquet": (Act.READ, 0, "path"),
    "pandas.read_pickle": (Act.READ, 0, "filepath_or_buffer"),
    "PIL.Image.open": (Act.READ, 0, "fp"),
    "PIL.ImageFont.truetype": (Act.READ, 0, "font"),
    "torch.load": (Act.READ, 0, "f"),
    "toml.load": (Act.READ, 0, "f"),
    "ssl.create_default_context": (Act.READ, -1, "cafile"),
    "glob.glob": (Act.LIST, -1, "root_dir"),
    "sqlite3.connect": (Act.DATABASE, 0, "database"),
    "logging.FileHandler": (Act.WRITE, 0, "filename"),
    "logging.basicConfig": (Act.WRITE, -1, "filename"),
    "logging.handlers.RotatingFileHandler": (Act.WRITE, 0, "filename"),
    "logging.handlers.TimedRotatingFileHandler": (Act.WRITE, 0, "filename"),
    "logging.handlers.WatchedFileHandler": (Act.WRITE, 0, "filename"),
    "os.mkdir": (Act.MAKE, 0, "path"),
    "os.makedirs": (Act.MAKE, 0, "name"),
    "joblib.dump": (Act.WRITE, 1, "filename"),
    "numpy.save": (Act.WRITE, 0, "file"),
    "numpy.savez": (Act.WRITE, 0, "file"),
    "numpy.savetxt": (Act.WRITE, 0, "fname"),
    "torch.save": (Act.WRITE, 1, "f"),
    "urllib.request.urlretrieve": (Act.WRITE, 1, "filename"),
    "matplotlib.pyplot.savefig": (Act.WRITE, 0, "fname"),
    "tempfile.mkdtemp": (Act.WRITE, 2, "dir"),
    "tempfile.mkstemp": (Act.WRITE, 2, "dir"),
    "tempfile.TemporaryDirectory": (Act.WRITE, 2, "dir"),
    "tempfile.TemporaryFile": (Act.WRITE, -1, "dir"),
    "tempfile.NamedTemporaryFile": (Act.WRITE, -1, "dir"),
}
_COPIES: Final[Mapping[str, str]] = {
    "shutil.copy": "dst",
    "shutil.copy2": "dst",
    "shutil.copyfile": "dst",
    "shutil.copytree": "dst",
    "shutil.move": "dst",
    "shutil.unpack_archive": "extract_dir",
}
# Those whose mode decides, with its position.
_OPENERS: Final[Mapping[str, int]] = {
    "open": 1,
    "io.open": 1,
    "codecs.open": 1,
    "gzip.open": 1,
    "bz2.open": 1,
    "lzma.open": 1,
    "tarfile.open": 1,
    "zipfile.ZipFile": 1,
    "aiofiles.open": 1,
}
_METHODS: Final[Mapping[str, Act]] = {
    "read_text": Act.READ,
    "read_bytes": Act.READ,
    "iterdir": Act.READ,
    "glob": Act.LIST,
    "rglob": Act.LIST,
    "write_text": Act.WRITE,
    "write_bytes": Act.WRITE,
    "touch": Act.WRITE,
    "mkdir": Act.MAKE,
}
# Methods of what is no path, whose names say enough: the position of the path, and its name as a keyword.
_WRITERS: Final[Mapping[str, tuple[int, str]]] = {
    "to_csv": (0, "path_or_buf"),
    "to_parquet": (0, "path"),
    "to_pickle": (0, "path"),
    "download_file": (2, "Filename"),
    "savefig": (0, "fname"),
}
# Lambda's client has given the root logger a handler: nothing is configured, and no file opened, unless it is forced.
_LOGGING: Final = "logging.basicConfig"
# Alembic's own command line, which reads its configuration where the arguments do not name another.
_COMMANDS: Final = frozenset({"alembic.config.main", "alembic.config.CommandLine.main"})
_CONFIGURATION: Final = "alembic.ini"
_RESOURCES: Final = frozenset(
    f"importlib.resources.{name}" for name in ("open_text", "open_binary", "read_text", "read_binary")
)
NAMES: Final = frozenset(
    {name.rpartition(".")[2] for name in (*_FUNCTIONS, *_COPIES, *_OPENERS, *_RESOURCES, *_COMMANDS)}
    | {*_METHODS, *_WRITERS, "get_data", "resource_string", "PackageLoader"}
)
"""The last names of all of them: a call of any other name does nothing to a path."""


def accesses(node: ast.Call, dotted: str) -> Iterator[Access]:
    """What a call does to the paths that it is given.

    Args:
        node: The call.
        dotted: The full name of what is called, such as ``logging.config.fileConfig``.
    """
    if dotted in _OPENERS:
        if act := _mode(node, _OPENERS[dotted]):
            yield from _argument(node, 0, "file", act)
    elif dotted in _FUNCTIONS and (dotted != _LOGGING or _forces(node)):
        act, position, keyword = _FUNCTIONS[dotted]
        yield from _argument(node, position, keyword, act)
    elif dotted in _COMMANDS:
        yield from _of_alembic(node)
    if dotted in _COPIES:
        yield from _argument(node, 1, _COPIES[dotted], Act.WRITE)
    if isinstance(node.func, ast.Attribute) and dotted not in _OPENERS and dotted not in _FUNCTIONS:
        yield from _of_method(node, node.func)


def _of_alembic(node: ast.Call) -> Iterator[Access]:
    """The configuration that Alembic's command line reads: ``main(argv=["-c", "db/alembic.ini", "upgrade"])``."""
    argv = next((one.value for one in node.keywords if one.arg == "argv"), node.args[0] if node.args else None)
    if not isinstance(argv, ast.List | ast.Tuple):
        return
    for flag, value in pairwise(argv.elts):
        if isinstance(flag, ast.Constant) and flag.value in {"-c", "--config"}:
            yield Access(Act.ALEMBIC, value)
            return
    yield Access(Act.ALEMBIC, ast.Constant(_CONFIGURATION))


def resource(node: ast.Call, dotted: str) -> tuple[ast.expr, ast.expr] | None:
    """The package and the name of a file of it that a call reads, where it is such a call."""
    readers = dotted in _RESOURCES or dotted in {"pkgutil.get_data", "pkg_resources.resource_string"}
    return (node.args[0], node.args[1]) if readers and len(node.args) >= 2 else None  # noqa: PLR2004 - these two


def templates(node: ast.Call, dotted: str) -> tuple[ast.expr, ast.expr] | None:
    """The package and the folder in it that a call takes templates from, where it is such a call."""
    if dotted != "jinja2.PackageLoader" or not node.args:
        return None
    given = next(_argument(node, 1, "package_path", Act.SERVE), None)
    return node.args[0], given.argument if given else ast.Constant("templates")


def _of_method(node: ast.Call, func: ast.Attribute) -> Iterator[Access]:
    if func.attr == "open":
        if act := _mode(node, 0):
            yield Access(act, func.value)
    elif func.attr in _METHODS:
        yield Access(_METHODS[func.attr], func.value)
    elif func.attr in _WRITERS:
        position, keyword = _WRITERS[func.attr]
        yield from _argument(node, position, keyword, Act.WRITE)


def _forces(node: ast.Call) -> bool:
    return any(one.arg == "force" and isinstance(one.value, ast.Constant) and one.value.value for one in node.keywords)


def _argument(node: ast.Call, position: int, keyword: str, act: Act) -> Iterator[Access]:
    if 0 <= position < len(node.args) and not any(isinstance(one, ast.Starred) for one in node.args):
        given: ast.expr | None = node.args[position]
    else:
        given = next((one.value for one in node.keywords if one.arg == keyword), None)
    if isinstance(given, ast.List | ast.Tuple) and len(given.elts) == 1:
        given = given.elts[0]  # of several folders, one will do
    if given is not None:
        yield Access(act, given)


def _mode(node: ast.Call, position: int) -> Act | None:
    """Whether a file is opened for reading or writing; None where only the run time tells."""
    given = node.args[position] if position < len(node.args) else None
    given = given or next((one.value for one in node.keywords if one.arg == "mode"), ast.Constant("r"))
    if not isinstance(given, ast.Constant) or not isinstance(given.value, str):
        return None
    return Act.WRITE if set(given.value) & set("wax+") else Act.READ
