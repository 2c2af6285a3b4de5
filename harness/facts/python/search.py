"""Search for modules: in the code, in a layer, in the runtime."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from harness.artifact.bundle import CODE_ROOT, LAYER_ROOT
from harness.artifact.entries import Kind
from harness.facts.native.binaries import extension_suffixes
from harness.facts.python import stdlib
from harness.policy import preinstalled
from harness.policy.preloaded import early
from harness.policy.stdlib import why_absent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.facts.view import Facts
    from harness.policy import RuntimePolicy

_PYTHONPATH = "PYTHONPATH"
# What setuptools leaves beside itself: for `import distutils` it has its own, unless a variable says otherwise.
_DISTUTILS, _SHIM, _SHIM_OFF = "distutils", "distutils-precedence.pth", "SETUPTOOLS_USE_DISTUTILS"
DEEPEST = 100  # parts of a name: more is no program


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the archives.

    Attributes:
        path: As in the function: ``/opt/python/pkg/__init__.py``.
        package: Whether it can have submodules.
    """

    path: str
    package: bool = False

    @property
    def is_source(self) -> bool:
        """Whether its text is there to be read."""
        return self.path.endswith(".py")


@dataclass(frozen=True, slots=True)
class Portions:
    """A namespace package: folders without an ``__init__``."""

    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """The runtime brings it: ``by`` is ``the standard library`` or a distribution's name."""

    by: str


@dataclass(frozen=True, slots=True)
class Missing:
    """Nowhere.

    Attributes:
        name: The first part of the name that is not there, with what is before it.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The archives' text does not tell: a parent makes modules itself, or is compiled."""


Resolution: TypeAlias = Found | Portions | Given | Missing | Unknown

STANDARD_LIBRARY = "the standard library"


def site_folders(python: tuple[int, int]) -> tuple[str, str, str]:
    """The folders of the archives on ``sys.path``, in its order; in these ``.pth`` files are obeyed."""
    site = f"{LAYER_ROOT}/python/lib/python{python[0]}.{python[1]}/site-packages"
    return CODE_ROOT, site, f"{LAYER_ROOT}/python"


class Search:
    """The runtime's search for modules, over the paths that a function sees."""

    def __init__(
        self,
        facts: Facts,
        policy: RuntimePolicy,
        architecture: str,
        environment: Mapping[str, str] | None = None,
        added: Iterable[str] = (),
    ) -> None:
        """Prepare a search.

        Its ``path`` has the folders of the archives on ``sys.path``, in order; those that ``.pth`` files add come after
        the runtime's own. Its ``early`` names the modules that no archive can replace, and who has them.

        Args:
            facts: What the archives hold.
            policy: The runtime.
            architecture: Of the function, which decides which extensions count.
            environment: The function's variables; a ``PYTHONPATH`` in it takes the layers off ``sys.path``.
            added: Folders that code adds to ``sys.path``; they are searched last, wherever it puts them.
        """
        self._facts = facts
        self._policy = policy
        self._suffixes = (*extension_suffixes(policy.python, architecture), ".py", ".pyc")
        self._runtime = dict(policy.preinstalled_modules)
        self._files = {path for path, item in facts.bundle.items.items() if item.entry.kind is not Kind.DIRECTORY}
        self._links = {path for path, item in facts.bundle.items.items() if item.entry.kind is Kind.SYMLINK}
        self._folders = {
            f"{root}/{name}".rstrip("/") for root, archive in facts.bundle.rooted for name in archive.folders
        }
        self._known: dict[str, Resolution] = {}
        self._names: dict[str, str | None] = {}
        loaded = early(policy.python)
        self.early = dict.fromkeys(policy.builtins | loaded.stdlib, STANDARD_LIBRARY) | dict(loaded.packages)
        pythonpath = (environment or {}).get(_PYTHONPATH)
        self._first = tuple(dict.fromkeys(self._search_path(pythonpath)))
        code, *layers = site_folders(policy.python)
        obeyed = (code, *(layers if pythonpath is None else ()))
        shimmed = (environment or {}).get(_SHIM_OFF, "local") == "local"
        self._distutils = shimmed and any(f"{folder}/{_SHIM}" in self._files for folder in obeyed)
        last = dict.fromkeys((*(one for folder in obeyed for one in self._added(folder)), *added))
        self._last = tuple(folder for folder in last if folder not in self._first)
        self.path = self._first + self._last
        self._longest_first = sorted(self.path, key=len, reverse=True)

    def _search_path(self, pythonpath: str | None) -> Iterator[str]:
        code, *layers = site_folders(self._policy.python)
        yield code
        if pythonpath is None:
            yield from layers
        else:
            yield from (posixpath.normpath(folder) for folder in pythonpath.split(":") if folder)

    def _added(self, folder: str) -> Iterator[str]:
        """What the ``.pth`` files of a folder add to the end of the search path."""
        for path in sorted(self._facts.texts):
            if posixpath.dirname(path) == folder and path.endswith(".pth"):
                for line in self._facts.texts[path].splitlines():
                    if line.strip() and not line.startswith(("#", "import ", "import\t")):
                        yield posixpath.normpath(posixpath.join(folder, line.rstrip()))

    def lacks(self, module: str, name: str) -> bool:
        """Whether a module of the runtime's standard library certainly has no such name."""
        return why_absent(self._policy.python, module, name) is not None

    def imported_with(self, resolution: Resolution) -> tuple[str, ...]:
        """The modules that a module of the runtime's loads when it is imported, and that an archive may replace."""
        return self._policy.sdk_imports if resolution == Given("boto3") else ()

    def find(self, name: str) -> Resolution:
        """Where a module of an absolute name is."""
        if name not in self._known:
            if name.count(".") > DEEPEST:
                return Unknown()
            parent, _, last = name.rpartition(".")
            self._known[name] = self._child(name, parent, last) if parent else self._top(name)
        return self._known[name]

    def _top(self, name: str) -> Resolution:
        if name in self.early:
            return Given(self.early[name])
        shimmed = name == _DISTUTILS and self._distutils
        found = self.find("setuptools._distutils") if shimmed else self.within(self._first, name)
        if isinstance(found, Found | Unknown):
            return found
        if name in self._runtime:
            return Given(self._runtime[name])
        if name in self._policy.stdlib:
            return Given(STANDARD_LIBRARY)
        last = self.within(self._last, name)
        if isinstance(found, Portions) and isinstance(last, Portions):
            return Portions(found.folders + last.folders)
        return (found if last is None else last) or Missing(name)

    def _child(self, name: str, parent: str, last: str) -> Resolution:
        match self.find(parent):
            case Portions(folders=folders):
                return self.within(folders, last) or Missing(name)
            case Found(path=path, package=True) as package:
                if found := self.within(self._folders_of(parent, package), last):
                    return found
                return Unknown() if not package.is_source or self._injects(path) else Missing(name)
            case Found(path=path) as module:
                return Unknown() if not module.is_source or self._injects(path) else Missing(name)
            case Given(by=by) if self._hides(name) if by == STANDARD_LIBRARY else not preinstalled.has_submodule(name):
                return Missing(name)
            case other:
                return other

    def _hides(self, name: str) -> bool:
        """Whether the archives have a module whose package is in the shadow of one of the standard library."""
        path = name.replace(".", "/")
        parent, _, last = path.rpartition("/")
        there = self.within([f"{folder}/{parent}" for folder in self.path], last)
        return isinstance(there, Found | Portions) and not stdlib.has_submodule(name)

    def _folders_of(self, name: str, package: Found) -> tuple[str, ...]:
        """Where a package's submodules are: beside its ``__init__``, and elsewhere if it shares its name."""
        own = posixpath.dirname(package.path)
        module = self._facts.modules.get(package.path)
        if module is None or not module.names.shared:
            return (own,)
        others = (f"{folder}/{name.replace('.', '/')}" for folder in self.path)
        return (own, *(folder for folder in others if folder != own and folder in self._folders))

    def _injects(self, path: str) -> bool:
        module = self._facts.modules.get(path)
        return module is None or not module.parsed or module.names.injects

    def within(self, folders: Iterable[str], name: str) -> Found | Portions | Unknown | None:
        """What these folders have under a name without dots: a module, the first; else all folders of that name."""
        portions = []
        for folder in folders:
            base = f"{folder}/{name}"
            for suffix in self._suffixes:
                if f"{base}/__init__{suffix}" in self._files:
                    return Found(f"{base}/__init__{suffix}", package=True)
            for suffix in self._suffixes:
                if base + suffix in self._files:
                    return Found(base + suffix)
            if base in self._links or folder in self._links:
                return Unknown()
            if base in self._folders:
                portions.append(base)
        return Portions(tuple(portions)) if portions else None

    def folders(self, name: str) -> tuple[str, ...]:
        """Where the submodules of a package are."""
        match self.find(name):
            case Portions(folders=folders):
                return folders
            case Found(package=True) as package:
                return self._folders_of(name, package)
            case _:
                return ()

    @cached_property
    def contents(self) -> Mapping[str, frozenset[str]]:
        """The names, without their endings, of the modules and folders in each folder of the archives.

        Only folders count that hold modules, themselves or further down.
        """
        found: dict[str, set[str]] = defaultdict(set)
        for path in self._files:
            suffix = next((suffix for suffix in self._suffixes if path.endswith(suffix)), None)
            folder, _, name = path.removesuffix(suffix or "").rpartition("/")
            while suffix and folder and name.isidentifier() and name not in found[folder]:
                found[folder].add(name)
                folder, _, name = folder.rpartition("/")
        return {folder: frozenset(names) for folder, names in found.items()}

    def loads(self, path: str) -> bool:
        """Whether Python looks for modules in files of this name: ``m.cpython-39-….so`` is nothing to Python 3.12."""
        suffix = next((suffix for suffix in self._suffixes if path.endswith(suffix)), None)
        return suffix is not None and path.removesuffix(suffix).rpartition("/")[2].isidentifier()

    def module_name(self, path: str) -> str | None:
        """The name under which a source file is imported; None where no search reaches it."""
        if path not in self._names:
            self._names[path] = self._module_name(path)
        return self._names[path]

    def _module_name(self, path: str) -> str | None:
        for folder in self._longest_first:
            if path.startswith(f"{folder}/"):
                parts = path[len(folder) + 1 :].removesuffix(".py").split("/")
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                return name if all(part.isidentifier() for part in name.split(".")) else None
        return None
