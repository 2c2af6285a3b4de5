"""What shuts a start in: the folders that it sees, and the program that makes its sandbox."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import harness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.engines.environment import Environment

PROBE = Path(harness.__file__).parent


@dataclass(frozen=True, slots=True)
class Trees:
    """The folders of one run: the code, the merged layers, and the environment that plays the runtime."""

    task: Path
    opt: Path | None
    environment: Environment

    @property
    def intact(self) -> bool:
        """Whether all of them are still there."""
        return self.environment.intact and all(folder.is_dir() for folder in self.binds.values())

    @property
    def binds(self) -> dict[str, Path]:
        """Where each of the function's folders stands in Lambda."""
        return {"/var/task": self.task, **({"/opt": self.opt} if self.opt else {})}


class NotHere(Exception):  # noqa: N818 - not an error: a reason, and the next rung is tried
    """This machine does not allow a sandbox of this kind; the message is a clause that says why."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """How to start one sandbox.

    Attributes:
        command: The program to start, to which the descriptor of the door is added.
        generation: How far below that program the function's own processes are.
        user: Whom the runtime's process becomes; None where it is that user already.
        guarded: Whether the program ends what it started when its standard input closes.
        scratch: A folder to remove afterwards.
        inherit: Descriptors that the program needs beside the door.
        alone: Whether nobody else is on its network; where somebody is, connections of other users are refused.
    """

    command: Callable[[int], list[str]]
    generation: int
    user: tuple[int, int] | None
    guarded: bool = False
    scratch: Path | None = None
    inherit: tuple[int, ...] = ()
    alone: bool = True


class Rung(Protocol):
    """One kind of sandbox."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a run in it does not show."""

    def paths(self, trees: Trees) -> Mapping[str, str]:
        """For each of Lambda's paths that is not there, the path that plays it."""

    def enclosure(self, trees: Trees, sockets: int, tmp_bytes: int) -> Enclosure:
        """How to start a sandbox.

        Raises:
            NotHere: It cannot be had here.
        """


def program(module: str, order: Mapping[str, Any]) -> Callable[[int], list[str]]:
    """The command of a program of the probe's, in this process's own Python."""
    script = f"import sys; sys.path.append(sys.argv[1]); from probe.{module} import main; main()"

    def command(door: int) -> list[str]:
        return [sys.executable, "-I", "-S", "-c", script, str(PROBE), str(door), json.dumps(order)]

    return command


def pipe(content: bytes) -> int | None:
    """A descriptor from which a little content can be read."""
    if not content:
        return None
    read, write = os.pipe()
    os.write(write, content)
    os.close(write)
    return read
