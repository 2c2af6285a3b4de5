"""The applications: which repositories, at which commits, and where each lies built."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.manifest import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

LIST = Path(__file__).with_name("repositories.toml")


class Unknown(Exception):  # noqa: N818 - a wrong request, in a sentence for who made it
    """A name that is not in the list."""


@dataclass(frozen=True, slots=True)
class Application:
    """One repository.

    Attributes:
        name: ``owner/name`` on GitHub.
        commit: What was built.
        deploys: The tool of its own that deploys it: ``SAM``, ``CDK``, ``Terraform`` and the like.
        functions: How many of its functions are verified.
    """

    name: str
    commit: str
    deploys: str
    functions: int

    def manifest(self, folder: Path) -> Path:
        """Its manifest, in the root of its unpacked tree: ``owner+name/lambda-artifact.toml``."""
        return folder / self.name.replace("/", "+") / FILE_NAME


def applications(only: Sequence[str] = ()) -> list[Application]:
    """The list, or a part of it.

    Raises:
        Unknown: A name is not in the list.
    """
    table = tomllib.loads(LIST.read_text("utf-8"))
    known = {name: Application(name, **values) for name, values in table.items()}
    if missing := [name for name in only if name not in known]:
        raise Unknown(f"not in {LIST.name}: {', '.join(missing)}")
    return [known[name] for name in only or sorted(known, key=str.casefold)]
