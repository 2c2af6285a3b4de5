"""What a function may try against the gate, its neighbours and the machine: nothing of it passes, nothing outlives it.

Each attack is a module of a few lines, started on every engine that has walls, beside a polite neighbour.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from harness.engines.protocol import Answered, Exceeded, Exited, Failed, Ready
from tests.engines.bench import a_job, elsewhere, start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.engines.protocol import Observation

pytestmark = pytest.mark.xdist_group("attacks")
MB = 1024 * 1024

# Helpers that attacks import: the Runtime API by hand, and a few calls of the kernel.
TOOLS = '''
import ctypes, json, os, socket, threading, time
HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
API = "/2018-06-01/runtime/"
CLIENT = "aws-lambda-python/3.12-4.2.2"
libc = ctypes.CDLL(None, use_errno=True)

def connect():
    connection = socket.create_connection((HOST, int(PORT)), 20)
    return connection

def send(connection, method, path, body=b"", agent=CLIENT, **headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"User-Agent: {agent}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    connection.sendall("\\r\\n".join([*lines, "", ""]).encode() + body)

def receive(connection):
    head = b""
    while b"\\r\\n\\r\\n" not in head:
        part = connection.recv(1)
        if not part:
            return "", {}
        head += part
    status, *lines = head.decode().split("\\r\\n")
    headers = dict(line.split(": ", 1) for line in lines if line)
    left = int(headers.get("Content-Length", "0"))
    while left:
        left -= len(connection.recv(left))
    return status.split()[1], headers

def ask(agent=CLIENT):
    """The next event, as a runtime client asks for it: its number."""
    connection = connect()
    send(connection, "GET", API + "invocation/next", agent=agent)
    return receive(connection)[1].get("Lambda-Runtime-Aws-Request-Id")

def post(path, body):
    connection = connect()
    send(connection, "POST", path, body)
    return receive(connection)[0]

def attempt(deed):
    try:
        return deed()
    except Exception as error:
        return error
'''
# The result that an attacker would like best, as an observer writes it.
RESULT = json.dumps(
    {
        "type": "result",
        "function": "attack",
        "init": {"kind": "ready", "seconds": 0.1, "cpu_seconds": 0.1},
        "answers": [{"seconds": 0.1, "body": "null"}],
        "max_rss_bytes": 1,
        "output": "",
        "trace": None,
        "modules": [],
    }
)

# Modules that always raise, so that no function whose module is one of these may pass. What each does before it raises
# is how it tries to.
FORGERIES = {
    "own_descriptors": f"""
        for number in range(1024):
            attempt(lambda: os.write(number, b'\\n' + {RESULT!r}.encode() + b'\\n'))
    """,
    "descriptors_of_others": f"""
        for pid in os.listdir("/proc"):
            for number in attempt(lambda: os.listdir(f"/proc/{{pid}}/fd")) if pid.isdigit() else ():
                def write():
                    with open(f"/proc/{{pid}}/fd/{{number}}", "wb", buffering=0) as file:
                        file.write(b'\\n' + {RESULT!r}.encode() + b'\\n')
                attempt(write)
    """,
    "memory_of_others": """
        for pid in [1, os.getppid()]:
            for file in ("mem", "environ", "maps", "root/etc/shadow", "cwd", "exe"):
                found = attempt(lambda: open(f"/proc/{pid}/{file}", "rb").read(16))
                assert pid == os.getpid() or isinstance(found, OSError), (pid, file, found)
            assert libc.ptrace(16, pid, 0, 0) == -1
    """,
    "a_thread_that_asks": """
        threading.Thread(target=ask, daemon=True).start()
        time.sleep(0.5)
    """,
    "a_thread_with_another_name": """
        threading.Thread(target=ask, args=("curl/8",), daemon=True).start()
        time.sleep(0.5)
    """,
    "a_client_of_its_own": """
        def serve():
            while True:
                request = ask()
                post(f"{API}invocation/{request}/error", b'{"errorType": "X", "errorMessage": "x"}')
                post(f"{API}invocation/{request}/response", b'null')
        threading.Thread(target=serve, daemon=True).start()
        time.sleep(0.5)
    """,
    "a_client_with_another_name": """
        def serve():
            while True:
                post(f"{API}invocation/{ask('curl/8')}/response", b'null')
        threading.Thread(target=serve, daemon=True).start()
        time.sleep(0.5)
    """,
    "answers_to_nothing": """
        for path in ("invocation/1/response", "invocation//response", "invocation/next", "init/success", "init/next"):
            post(API + path, b'null')
    """,
    "two_errors": """
        post(API + "init/error", b'{"errorType": "First", "errorMessage": "' + b"x" * 100 + b'"}')
        post(API + "init/error", b'{"errorType": "Second"}')
    """,
    "reports": """
        frames = [[], 3, {}, [3], [{}], [{"file": 3}], [{"file": "/x", "line": 10**400, "module": {}}], None,
                  [{"file": "\\ud800", "line": -1, "module": "\\udfff"}] * 9]
        for found in frames:
            post("/lambda-artifact/import", json.dumps({"frames": found, "causes": found, "modules": found}).encode())
            post("/lambda-artifact/import", json.dumps(found).encode())
    """,
    "a_report_of_success": """
        post("/lambda-artifact/import", b'{"modules": 7}')
        post("/lambda-artifact/import", b'{"modules": []}')
    """,
    "a_deep_report": """
        post("/lambda-artifact/import", b'{"frames": ' + b"[" * 400_000)
        post("/lambda-artifact/import", b'{"frames": ' + b'{"a": ' * 100_000 + b"1" + b"}" * 100_001)
    """,
    "a_wide_report": """
        post("/lambda-artifact/import", b'{"modules": [' + b"[]," * 2_000_000 + b"1]}")
        post("/lambda-artifact/import", b'{"modules": [' + b'"x",' * 250_000 + b'"x"]}')
    """,
    "half_a_character": """
        post(API + "init/error", b'{"errorType": "\\\\ud800", "errorMessage": "\\\\udfff", "stackTrace": ["\\\\ud801"]}')
    """,
    "endless_lines": """
        def flood(text):
            connection = connect()
            for _ in range(300):
                connection.sendall(text * 1_000_000)
        for opening in (b"GET /", b"POST / HTTP/1.1\\r\\nX: ", b"POST / HTTP/1.1\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n"):
            def run():
                connection = connect()
                connection.sendall(opening)
                for _ in range(300):
                    connection.sendall(b"1" * 1_000_000)
            attempt(run)
    """,
    "endless_headers": """
        def run():
            connection = connect()
            connection.sendall(b"POST / HTTP/1.1\\r\\n")
            for number in range(100_000):
                connection.sendall(b"X-%d: " % number + b"y" * 60_000 + b"\\r\\n")
        attempt(run)
    """,
    "endless_bodies": """
        def run(head, part):
            connection = connect()
            connection.sendall(b"POST /lambda-artifact/import HTTP/1.1\\r\\n" + head + b"\\r\\n\\r\\n")
            for _ in range(2_000):
                connection.sendall(part)
        for head, part in ((b"Content-Length: 99999999999", b"x" * 1_000_000),
                           (b"Transfer-Encoding: chunked", b"F4240\\r\\n" + b"x" * 1_000_000 + b"\\r\\n"),
                           (b"Transfer-Encoding: chunked", b"1\\r\\nx\\r\\n" * 4_000)):
            attempt(lambda: run(head, part))
    """,
    "many_connections": """
        connections = [attempt(connect) for _ in range(900)]
        for connection in connections:
            attempt(lambda: connection.sendall(b"POST / HTTP/1.1\\r\\nContent-Length: 6000000\\r\\n\\r\\n" + b"x" * 5_000_000))
        for connection in connections:
            attempt(connection.close)
    """,
    "another_json": """
        import importlib, sys, _socket
        sys.stdout = sys.stderr = None
        json.dumps = json.loads = importlib.import_module = _socket.socket = None
    """,
    "no_descriptors": """
        os.closerange(0, 1024)
    """,
    "another_address": """
        os.environ["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:1"
    """,
    "a_filter_of_its_own": """
        libc.prctl(38, 1, 0, 0, 0)
        # Every call is allowed but connect, which is as if it were unknown.
        import struct
        rules = [(0x20, 0, 0, 0), (0x15, 0, 1, 42), (0x06, 0, 0, 0x00050026), (0x06, 0, 0, 0x7FFF0000)]
        program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
        libc.prctl(22, 2, ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(program))), 0, 0)
    """,
}

MEMORY = {  # 1.5 GB each, where a function has 256 MB
    "grows": """
        held = [bytearray(os.urandom(1) * 10_000_000) for _ in range(150)]
    """,
    "memfd": """
        file = os.memfd_create("x")
        for _ in range(1500):
            os.write(file, bytes(1_000_000))
    """,
    "memfds_of_many": """
        for _ in range(15):
            if os.fork() == 0:
                file = os.memfd_create("x")
                for _ in range(100):
                    os.write(file, bytes(1_000_000))
                time.sleep(60)
        time.sleep(2)
    """,
    "mapped_by_two": """
        import mmap
        held = mmap.mmap(-1, 1_500_000_000)
        os.fork()
        for at in range(0, len(held), 4096):
            held[at] = 1
        time.sleep(2)
    """,
    "mapped_memfd": """
        import mmap
        file = os.memfd_create("x")
        os.truncate(file, 1_500_000_000)
        held = mmap.mmap(file, 1_500_000_000)
        os.close(file)
        os.fork()
        for at in range(0, len(held), 4096):
            held[at] = 1
        time.sleep(2)
    """,
}
COUNTED_BY_GROUPS = {  # what no process's size shows: with a control group, which root and daemons have
    "segments": """
        import ctypes
        libc.shmat.restype = ctypes.c_void_p
        for _ in range(15):
            number = libc.shmget(0, ctypes.c_size_t(100_000_000), 0o1600)
            place = libc.shmat(number, None, 0)
            ctypes.memset(place, 1, 100_000_000)
            libc.shmdt(ctypes.c_void_p(place))
        time.sleep(2)
    """,
    "many_files": """
        for number in range(1_500_000):
            os.close(os.open(f"/tmp/{number}", os.O_CREAT))
    """,
}

ENDINGS = {  # how each ends that tries to outlive the gate, or to take it along
    "kills_everybody": ("attempt(lambda: os.kill(-1, 9))\nraise ValueError('left')", "ValueError: left"),
    "kills_its_parent": ("attempt(lambda: os.kill(os.getppid(), 9))\nraise ValueError('left')", "ValueError: left"),
    "stops_everybody": (
        "attempt(lambda: os.kill(-1, 19))\nattempt(lambda: os.kill(1, 19))\nos.kill(os.getpid(), 19)",
        "timeout",
    ),
    "prints_no_line": (
        "for _ in range(300):\n    os.write(1, b'y' * 1_000_000)\nraise ValueError('after')",
        "ValueError: after",
    ),
    "fills_tmp": (
        "with open('/tmp/x', 'wb') as file:\n    while True:\n        file.write(bytes(1_000_000))",
        r"OSError: \[Errno 28\] No space left on device",
    ),
    "leaves_a_daemon": (
        """if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 1024)
        import signal
        for number in range(1, 65):
            attempt(lambda: signal.signal(number, signal.SIG_IGN))
        time.sleep(600)
    os._exit(0)
raise ValueError('left')""",
        "ValueError: left",
    ),
    "leaves_stopped_ones": (
        """for _ in range(20):
    if os.fork() == 0:
        os.setsid()
        os.kill(os.getpid(), 19)
        time.sleep(600)
raise ValueError('left')""",
        "ValueError: left",
    ),
    "multiplies": (
        """while True:
    attempt(os.fork)
    attempt(os.setsid)""",
        "memory|processes",
    ),
    "multiplies_threads": (
        """while True:
    attempt(threading.Thread(target=time.sleep, args=(600,), daemon=True).start)""",
        "timeout",
    ),
}

POLITE = "def handler(event, context):\n    return 1\n"


def module(body: str, ending: str = "raise ValueError('always')") -> str:
    return f"from tools import *\n{dedent(body)}\n{ending}\n"


@dataclass(frozen=True)
class Attacked:
    """What happened to each function, and what is still there afterwards that was not there before."""

    seen: Mapping[str, Observation]
    memory: int
    left: set[str]


def left(cache: Path, mark: str) -> set[str]:
    """What runs leave while they go on: groups, roots, and processes with a mark in their environment."""
    found = {str(path) for path in Path("/sys/fs/cgroup").glob("**/lambda-artifact-*")}
    found |= {str(path) for path in (cache / "roots").glob("*")}
    found |= {
        line.split()[1] for line in Path("/proc/self/mounts").read_text("utf-8").splitlines() if str(cache) in line
    }
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.add(f"{process} {(process / 'cmdline').read_bytes()[:200]!r}")
        except OSError:
            continue
    return found


def attacked(kind: str, cache: Path, task: Path, names: list[str], init_timeout: float) -> Attacked:
    """Start functions, named like their modules, with a polite one between any two."""
    mark = f"attack-{os.urandom(8).hex()}"
    starts = [replace(start(f"{name}.handler", ["{}"], MARK=mark), function=name) for name in names]
    polite = [replace(start("polite.handler", ["{}"], MARK=mark), function=f"polite{number}") for number in range(2)]
    before = left(cache, mark)
    job = a_job(task, polite[0], *starts, polite[1], init_timeout=init_timeout)
    seen, memory = elsewhere(kind, cache, job)
    new = left(cache, mark) - before
    deadline = time.monotonic() + 20
    while new and time.monotonic() < deadline:  # other tests run beside this one, and theirs goes, too
        time.sleep(0.1)
        new &= left(cache, mark)
    return Attacked({one.function: one for one in seen}, memory, new)


def check(attack: Attacked) -> None:
    """What holds whatever was tried: the neighbours answer, the gate stays small, and nothing stays."""
    polite = [one for name, one in attack.seen.items() if name.startswith("polite")]
    assert all(isinstance(one.init, Ready) and isinstance(one.answers[0], Answered) for one in polite), polite
    assert attack.left == set()
    assert attack.memory < 200 * MB


def ended(seen: Observation) -> str:
    """How init ended, in a word."""
    match seen.init:
        case Failed(error=error):
            return str(error)
        case Exceeded(limit=limit):
            return limit
        case Exited(status=status):
            return f"status {status}"
        case _:
            return f"ready, {seen.answers}"


def test_no_module_that_raises_passes(walled: str, unpack: Callable[..., Path], cache: Path) -> None:
    files = {f"{name}.py": module(body) for name, body in FORGERIES.items()}
    task = unpack({"tools.py": TOOLS, "polite.py": POLITE, **files})
    attack = attacked(walled, cache, task, [*FORGERIES], init_timeout=8.0)
    check(attack)
    passed = {name: ended(attack.seen[name]) for name in FORGERIES if isinstance(attack.seen[name].init, Ready)}
    assert passed == {}


def test_memory_is_the_functions_whatever_it_is_called(walled: str, unpack: Callable[..., Path], cache: Path) -> None:
    bodies = {**MEMORY, **(COUNTED_BY_GROUPS if walled == "container" or os.geteuid() == 0 else {})}
    files = {f"{name}.py": module(body) for name, body in bodies.items()}
    task = unpack({"tools.py": TOOLS, "polite.py": POLITE, **files})
    attack = attacked(walled, cache, task, [*bodies], init_timeout=30.0)
    check(attack)
    assert {name: ended(attack.seen[name]) for name in bodies} == dict.fromkeys(bodies, "memory")


def test_nothing_outlives_the_run(walled: str, unpack: Callable[..., Path], cache: Path) -> None:
    files = {f"{name}.py": module(body, "") for name, (body, _) in ENDINGS.items()}
    task = unpack({"tools.py": TOOLS, "polite.py": POLITE, **files})
    attack = attacked(walled, cache, task, [*ENDINGS], init_timeout=8.0)
    check(attack)
    other = {
        name: ended(attack.seen[name])
        for name, (_, how) in ENDINGS.items()
        if not re.fullmatch(how, ended(attack.seen[name]))
    }
    assert other == {}
