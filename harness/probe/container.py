"""Process 1 of a function's container: starts the handler as another user, and observes it.

It belongs to root, with the rights to change to the handler's user and to end that user's processes, and none else; the
handler cannot read its memory or its descriptors. It reads its job from standard input, answers in lines of JSON on
standard output, and ends with everything that it started as soon as standard input does.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from . import kernel
from .launch import become, listening
from .observer import Tree, observe
from .output import Output
from .processes import in_memory, oom_killed, resident
from .relay import Relay
from .runtime_api import RuntimeApi

if TYPE_CHECKING:
    from typing import NoReturn

IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DAEMONS = ("HOSTNAME", "container")  # variables that a container daemon sets, and Lambda does not
CGROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/memory")
_writing = threading.Lock()


class Container(Tree):
    """All processes of the container but this one."""

    def __init__(self, child: int) -> None:
        self._child = child
        self._status: int | None = None

    def poll(self) -> int | None:
        """See ``observer.Tree``. Buries what has ended, too: every orphan comes to process 1."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._child:
                    self._status = os.waitstatus_to_exitcode(ended[1])
        return self._status

    def pids(self) -> list[int]:
        """See ``observer.Tree``."""
        found = [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]
        return sorted(found, key=lambda pid: pid != self._child)

    def first(self) -> list[int]:
        """See ``observer.Tree``."""
        return [self._child]

    def crowd(self) -> int:
        """See ``observer.Tree``."""
        return len(self.pids())

    def end(self) -> None:
        """See ``observer.Tree``. One call reaches all processes but this one: nothing can outrun it."""
        while True:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:  # no child is left, so no other process is either
                return
            time.sleep(0.002)

    def out_of_memory(self) -> bool:
        """See ``observer.Tree``."""
        return oom_killed(CGROUPS)

    def memory(self) -> int | None:
        """See ``observer.Tree``. The kernel lets this process look into no other."""
        counted = in_memory(CGROUPS)
        if counted is None:
            return None
        tmp = os.statvfs("/tmp")  # noqa: S108 - the container's, which the daemon made
        return max(0, counted - resident(1) - (tmp.f_blocks - tmp.f_bfree) * tmp.f_frsize)


def say(kind: str, value: dict[str, Any]) -> None:
    """Write one line of the protocol."""
    data = memoryview(json.dumps({"type": kind, **value}).encode() + b"\n")
    with _writing:
        while data:
            data = data[os.write(1, data) :]


def attend(selector: selectors.BaseSelector, relay: Relay) -> NoReturn:
    """Carry what the emulated AWS is sent, and end everything when nobody waits for the answer any more."""
    rest = b""
    while True:
        for key, events in selector.select():
            if key.fd != 0:
                key.data(events)
            elif not (received := os.read(0, 1 << 16)):
                os.kill(-1, signal.SIGKILL)
                os._exit(1)
            else:
                *lines, rest = (rest + received).split(b"\n")
                for line in lines:
                    relay.received(json.loads(line))


def started(order: dict[str, Any], write: int) -> int:
    """Start the handler's first process, with its output going to a descriptor."""
    child = os.fork()
    if child:
        os.close(write)
        return child
    try:
        for number in IGNORED:
            signal.signal(number, signal.SIG_DFL)
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")  # what a handler costs, the kernel is to take from the handler
        os.nice(19)  # within the container; others keep their share however many processes it has
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(write, 1)
        os.dup2(write, 2)
        os.setsid()
        kernel.renounce(own_ipc=True)  # a daemon's own filter may be switched off
        become(order)
    except Exception as error:  # noqa: BLE001 - the output is the one way that is left to report it
        os.write(2, f"{error}\n".encode())
    finally:
        os._exit(127)


def main(job: dict[str, Any], rest: bytes) -> NoReturn:
    """Do the job that arrived on standard input; ``rest`` came after it."""
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    mounted = all(os.path.lexists(f"{root}/{name}") for root, names in job["roots"].items() for name in names)
    say("ready", {"python": sys.version.split()[0], "mounted": mounted})
    if not mounted:
        os._exit(0)
    while b"\n" not in rest:  # the order to begin
        if not (received := os.read(0, 1 << 16)):
            os._exit(1)
        rest += received
    selector, start = selectors.DefaultSelector(), job["start"]
    relay = Relay(selector, say)
    selector.register(0, selectors.EVENT_READ)
    order = job["order"]
    inherited = {name: value for name, value in os.environ.items() if name not in DAEMONS}
    order["environment"] = {**inherited, **order["environment"]}
    if job["emulated"]:
        order["environment"]["AWS_ENDPOINT_URL"] = relay.opened(start["function"])
    (api_socket,) = listening(1)
    order["environment"]["AWS_LAMBDA_RUNTIME_API"] = "{}:{}".format(*api_socket.getsockname())
    threading.Thread(target=attend, args=(selector, relay), daemon=True).start()
    read, write = os.pipe()
    tree = Container(started(order, write))
    api = RuntimeApi(api_socket, start["function"], start["events"], start["timeout"])
    say("result", observe(start, api, Output(read), tree))
    os._exit(0)  # nothing is left to be tidied up
