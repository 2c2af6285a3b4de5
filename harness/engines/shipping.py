"""The container's first process, as text: nothing has to be mounted for it, wherever the daemon is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.engines.environment import GROUP, HOME, USER
from harness.engines.hooking import BOOTSTRAP
from harness.engines.programs import text
from harness.engines.starting import limits, observed, variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from harness.engines.protocol import Job, Start

# The first line of standard input holds the job, and in it the modules of the probe.
BOOT = """
import json, os, sys, types
read = []
while not read or b"\\n" not in read[-1]:
    read.append(os.read(0, 1 << 16))
    if not read[-1]:
        sys.exit(1)
line, _, rest = b"".join(read).partition(b"\\n")
job = json.loads(line)
package = types.ModuleType("probe")
package.__path__ = []
sys.modules["probe"] = package
for name, text in job["modules"]:
    module = types.ModuleType("probe." + name)
    module.__package__ = "probe"
    sys.modules[module.__name__] = module
    exec(compile(text, name + ".py", "exec"), module.__dict__)
sys.modules["probe.container"].main(job, rest)
"""
# In the order of their imports.
MODULES = ("kernel", "launch", "bootstrap_patch", "runtime_api", "outside", "observer", "container")
BEGIN = b"begin\n"
LONGEST = 64 * 1024 * 1024  # bytes of a frame or a line: more than all that an observer may answer


def program(python: str) -> list[str]:
    """The command of the first process; it waits for its job on standard input."""
    return [python, "-I", "-S", "-B", "-c", BOOT]


def packed(job: Job, start: Start, python: str, roots: Mapping[str, list[str]]) -> bytes:
    """The job of one container, as its first process reads it.

    Args:
        job: What the start belongs to.
        start: What to start.
        python: The image's interpreter.
        roots: For each folder that must be visible, the names that must be in it.
    """
    relay = ("relay",) if start.emulated else ()
    command = ["/lambda-entrypoint.sh", start.handler]
    if start.asks:
        command = [python, "-c", text("questions"), BOOTSTRAP]
    order = {
        "command": command,
        "environment": variables(job, start, {"HOME": HOME}),
        "cwd": "/var/task",
        "limits": limits(job, processes=False),
        "user": USER,
        "group": GROUP,
    }
    what = {
        "modules": [(name, text(name)) for name in (*relay, *MODULES)],
        "start": observed(job, start, alone=True),
        "order": order,
        "roots": roots,
        "emulated": start.emulated,
    }
    return json.dumps(what).encode() + b"\n"


@dataclass
class Answer:
    """What the first process of a container answers.

    Attributes:
        python: The interpreter's version, once it answers at all.
        mounted: Whether it sees this machine's folders.
        result: What the observer found.
    """

    python: str | None = None
    mounted: bool = False
    result: dict[str, Any] | None = None

    def read(self, chunks: Iterable[bytes], relay: Callable[[dict[str, Any]], None], *, until_ready: bool) -> None:
        """Read lines until it is ready, or until the result is there; ends with the stream in any case."""
        rest = b""
        for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST:
                raise ValueError(f"a line of more than {LONGEST:,} bytes")
            for line in lines:
                self._take(json.loads(line), relay)
            if self.result is not None or (until_ready and self.python is not None):
                return

    def _take(self, line: dict[str, Any], relay: Callable[[dict[str, Any]], None]) -> None:
        match line["type"]:
            case "ready":
                self.python, self.mounted = line["python"], line["mounted"]
            case "relay":
                relay(line)
            case "result":
                self.result = line
            case _:
                pass
