"""The runtime's file system, without programs, libraries and Python: data, in ``files.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from harness.policy.documents import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class SystemFiles:
    """Folders and files of the runtime's operating system, by their path below its root.

    Attributes:
        folders: Those that are there even if empty.
        links: Symbolic links with their targets, all relative.
        texts: Files whose content is known.
        copies: What any Linux has: the places where one may have it, ``{machine}`` standing for its architecture.
        locales: Locales that are there.
        some_locales: Locales that some have.
        terminals: Terminals that have a description.
    """

    folders: tuple[str, ...]
    links: Mapping[str, str]
    texts: Mapping[str, str]
    copies: Mapping[str, tuple[str, ...]]
    locales: tuple[str, ...]
    some_locales: tuple[str, ...]
    terminals: tuple[str, ...]


@cache
def system_files(operating_system: str) -> SystemFiles:
    """The files of an operating system, named as in :attr:`RuntimePolicy.operating_system`.

    Raises:
        KeyError: There are none for it.
    """
    document = read_toml("files.toml")
    texts = document["texts"]["values"] | document["systems"][operating_system]["values"]
    return SystemFiles(
        folders=tuple(document["folders"]["values"]),
        links=document["links"]["values"],
        texts={name: text.lstrip("\n") for name, text in texts.items()},
        copies={name: tuple(places) for name, places in document["copies"]["values"].items()},
        locales=tuple(document["locales"]["values"]),
        some_locales=tuple(document["locales"]["some"]),
        terminals=tuple(document["terminals"]["values"]),
    )
