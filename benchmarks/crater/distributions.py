"""The distributions of the crater, and the modules that a function imports of each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

TABLE = Path(__file__).with_name("distributions.toml")
# Folders that some distributions leave beside their packages by mistake; nobody imports them.
_BY_MISTAKE = frozenset({"benchmarks", "bin", "docs", "examples", "scripts", "test", "tests"})
_SUFFIXES = (".cpython-312-x86_64-linux-gnu.so", ".abi3.so", ".so", ".py")


class Unknown(Exception):  # noqa: N818 - a wrong request, in a sentence for who made it
    """A name that is not in the table, or a distribution that has nothing to import."""


@dataclass(frozen=True, slots=True)
class Specimen:
    """One distribution that is looked at.

    Attributes:
        requirement: What the layer is built from, extras included.
        imports: What the function imports; empty for every top-level package of the distribution.
    """

    requirement: str
    imports: tuple[str, ...] = ()

    @property
    def distribution(self) -> str:
        """Its name as it is compared (PEP 503)."""
        return canonicalize_name(Requirement(self.requirement).name)

    @property
    def name(self) -> str:
        """The same with its extras, fit for a folder: ``pyjwt+crypto``."""
        return "+".join([self.distribution, *sorted(Requirement(self.requirement).extras)])


def specimens(only: Collection[str] = (), table: Path = TABLE) -> tuple[Specimen, ...]:
    """Those of the table, sorted by name.

    Args:
        only: The ones that are wanted, by name, by requirement or by distribution; empty for all.
        table: Where they are listed.

    Raises:
        Unknown: One that is wanted is not there.
    """
    content = tomllib.loads(table.read_text(encoding="utf-8"))
    imports: dict[str, list[str]] = content["imports"]
    all_ = [Specimen(text, tuple(imports.pop(text, ()))) for text in content["requirements"]]
    if imports:
        raise Unknown(f"{table.name}: [imports] names {', '.join(imports)}, which requirements does not list")
    known = {name for one in all_ for name in _names(one)}
    if wrong := sorted(set(only) - known):
        raise Unknown(f"{table.name} does not list {', '.join(wrong)}")
    chosen = [one for one in all_ if not only or _names(one) & set(only)]
    return tuple(sorted(chosen, key=lambda one: one.name))


def _names(one: Specimen) -> set[str]:
    return {one.name, one.requirement, one.distribution}


def import_names(files: Iterable[str]) -> tuple[str, ...]:
    """The modules of a distribution of these files.

    Its top-level packages and modules; below a namespace, which has no code of its own, the first that have some.

    Args:
        files: As its RECORD lists them.
    """
    modules = {path: stem for path in map(PurePosixPath, files) if (stem := _stem(path.name))}
    packages = {path.parent for path, stem in modules.items() if stem == "__init__"}
    names = set()
    for path, stem in modules.items():
        if not all(part.isidentifier() for part in (*path.parent.parts, stem)) or path.parts[0] in _BY_MISTAKE:
            continue
        regular = [folder for folder in path.parents if folder in packages]
        names.add(".".join(regular[-1].parts if regular else (*path.parent.parts, stem)))
    return tuple(sorted(names))


def _stem(name: str) -> str:
    """A module's name without its suffix; empty for a file that is none, or one for another Python."""
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            stem = name.removesuffix(suffix)
            return stem if stem.isidentifier() else ""
    return ""


def handler_source(modules: Sequence[str]) -> str:
    """A function that imports these modules, and does nothing else."""
    lines = [f"import {module}" for module in modules]
    return "\n".join([*lines, "", "", "def handler(event, context):", '    return {"ok": True}', ""])
