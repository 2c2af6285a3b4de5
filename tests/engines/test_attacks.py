"""What a function may try against the gate, its neighbours and the machine: nothing of it passes, nothing outlives it.

Each attack is a module of a few lines, started on every engine that has walls, beside a polite neighbour.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from harness.engines.protocol import Answered, Exceeded, Exited, Failed, Ready
from tests.engines.bench import Bench, a_job, elsewhere, start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.engines.protocol import Engine, Observation

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

MEMORY = {  # 1.5 GB each but for one, where a function has 256 MB
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
    "shared_by_two": """
        import mmap
        held = mmap.mmap(-1, 400_000_000)
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
        "memory|processes|timeout",
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
    """What happened to each function, and what of it is still there afterwards."""

    seen: Mapping[str, Observation]
    memory: int
    left: set[str]


def left(pid: int, mark: str, cache: Path) -> set[str]:
    """What the runs of a process leave while they go on: groups, mounts, and processes with a mark in their variables."""
    groups = [f"{folder}/{name}" for folder, names, _ in os.walk("/sys/fs/cgroup") for name in names]
    found = {group for group in groups if fnmatch(group, f"*/lambda-artifact-*-{pid}-*")}
    mounts = Path("/proc/self/mounts").read_text("utf-8").splitlines()
    found |= {line.split()[1] for line in mounts if str(cache) in line}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes():
                found.add(f"{process} {(process / 'cmdline').read_bytes()[:200]!r}")
    return found


def attacked(kind: str, cache: Path, task: Path, names: list[str], init_timeout: float) -> Attacked:
    """Start functions, named like their modules, between two polite ones."""
    mark = f"attack-{os.urandom(8).hex()}"
    starts = [replace(start(f"{name}.handler", ["{}"], MARK=mark), function=name) for name in names]
    polite = [replace(start("polite.handler", ["{}"], MARK=mark), function=f"polite{number}") for number in range(2)]
    run = elsewhere(kind, cache, a_job(task, polite[0], *starts, polite[1], init_timeout=init_timeout))
    deadline = time.monotonic() + 20
    while (rest := left(run.pid, mark, cache)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return Attacked({one.function: one for one in run.seen}, run.memory, rest)


def check(attack: Attacked) -> None:
    """What holds whatever was tried: a neighbour answers, the gate stays small, and nothing stays.

    On a machine that has other work, one of the two may not get its turn beside a thousand processes that multiply.
    """
    polite = {name: ended(one) for name, one in attack.seen.items() if name.startswith("polite")}
    assert any(how.startswith("ready, (Answered(") for how in polite.values()), polite
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
    other = {name: how for name in bodies if (how := ended(attack.seen[name])) != "memory"}
    assert other in ({}, {"many_files": "timeout"})  # on a slow machine


def test_nothing_outlives_the_run(walled: str, unpack: Callable[..., Path], cache: Path) -> None:
    files = {f"{name}.py": module(body, "") for name, (body, _) in ENDINGS.items()}
    task = unpack({"tools.py": TOOLS, "polite.py": POLITE, **files})
    attack = attacked(walled, cache, task, [*ENDINGS], init_timeout=8.0)
    check(attack)
    hows = {name: ended(attack.seen[name]) for name in ENDINGS}
    other = {name: hows[name] for name, (_, how) in ENDINGS.items() if not re.fullmatch(how, hows[name])}
    assert other == {}


# What leads out of a sandbox, or from one function to another, where there is no wall: what each finds.
LOOK = """
import fcntl, resource, signal
def error(deed):
    try:
        return repr(deed())
    except OSError as error:
        return error.strerror
def call(*arguments):
    ctypes.set_errno(0)
    result = libc.syscall(*map(ctypes.c_long, arguments))
    return os.strerror(ctypes.get_errno()) if result == -1 else "done"
def writable(*roots):
    return [path for root in roots for folder, _, names in os.walk(root) for path in
            (os.path.join(folder, name) for name in names) if os.access(path, os.W_OK) and not os.path.islink(path)]
def below_proc(*names):
    return [path for name in names for path in writable("/proc/" + name)]
def new(*folders):
    return {folder: error(lambda: open(folder + "/new", "w")) for folder in folders}
def handler(event, context):
    nowhere = [name for name in ("bus", "fs", "irq", "sys") if below_proc(name)]
    return {
        "below /proc": nowhere,
        "sysctls": [path for path in writable("/proc/sys") if error(lambda: open(path, "r+")) == repr(None)],
        "core_pattern": isinstance(attempt(lambda: open("/proc/sys/kernel/core_pattern", "w")), OSError),
        "sysrq": isinstance(attempt(lambda: open("/proc/sysrq-trigger", "w")), OSError),
        "sys": writable("/sys"),
        "written": [folder for folder in ("/var/task", "/var/task/__pycache__", "/opt", "/var/lang", "/var/runtime",
                    "/var/lang/lib/python3.12/site-packages", "/dev", "/dev/shm", "/", "/etc", "/usr/lib64", "/run",
                    "/home", "/var/tmp", "/proc", "/sys") if not isinstance(attempt(lambda: open(folder + "/new", "w")), OSError)],
        "opened": [isinstance(attempt(lambda: os.chmod(path, 0o777)), OSError) for path in ("/dev/shm", "/dev", "/var/task")],
        "user namespace": [call(272, 0x10000000), call(56, 0x10000000 | 17, 0, 0, 0, 0), call(435, 0, 0)],
        "short pointers": call(0x40000000 + 39),
        "keyrings": [call(248, 0, 0, 0, 0, 0), call(250, 0, -3, 1), call(249, 0, 0, 0, 0)],
        "virtual sockets": error(lambda: socket.socket(40, socket.SOCK_STREAM)),
        "mounts": [error(lambda: libc.mount(b"x", b"/tmp", b"tmpfs", 0, None) and os.strerror(ctypes.get_errno())), call(155, 0, 0)],
        "privileges": [line.split()[1] for line in open("/proc/self/status")
                       if line.startswith(("CapPrm", "CapEff", "CapAmb", "NoNewPrivs"))],
        "groups": os.getgroups(),
        "descriptors": sorted(set(os.listdir("/proc/self/fd")) - {"0", "1", "2"}, key=int)[4:],
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "interfaces": [name for _, name in socket.if_nameindex()],
        "terminal": isinstance(attempt(lambda: open("/dev/tty")), OSError),
        "input": os.read(0, 1).decode(),
    }
"""
SEEN = {
    "below /proc": [],
    "sysctls": [],
    "core_pattern": True,
    "sysrq": True,
    "sys": [],
    "written": [],
    "opened": [True, True, True],
    "user namespace": ["Operation not permitted", "Operation not permitted", "Function not implemented"],
    "short pointers": "Function not implemented",
    "keyrings": ["Function not implemented"] * 3,
    "virtual sockets": "Address family not supported by protocol",
    "mounts": ["'Operation not permitted'", "Operation not permitted"],
    "privileges": ["0000000000000000"] * 3 + ["1"],
    "groups": [],
    "descriptors": [],
    "core": [0, 0],
    "interfaces": ["lo"],
    "terminal": True,
    "input": "",
}


def test_there_is_no_way_out(an_engine: Engine, unpack: Callable[..., Path]) -> None:
    (answer,) = (
        Bench(an_engine, unpack({"tools.py": TOOLS, "look.py": f"from tools import *\n{LOOK}"}))
        .start("look.handler", ["{}"])
        .answers
    )
    assert isinstance(answer, Answered), answer
    assert json.loads(answer.body) == SEEN


# What one function leaves or does, and how another, which needs it, fails where it is shut in by itself.
NEIGHBOURS = {
    "a_file": ("open('/tmp/x', 'w')", "open('/tmp/x')"),
    "a_server": ("socket.create_server(('127.0.0.1', 4711))", "socket.create_connection(('127.0.0.1', 4711), 1)"),
    "an_abstract_socket": (
        "one = socket.socket(socket.AF_UNIX)\none.bind('\\0x')\none.listen()",
        "socket.socket(socket.AF_UNIX).connect('\\0x')",
    ),
    "a_socket_in_tmp": (
        "one = socket.socket(socket.AF_UNIX)\none.bind('/tmp/s')\none.listen()",
        "socket.socket(socket.AF_UNIX).connect('/tmp/s')",
    ),
    "a_segment": (
        "assert libc.shmget(4711, 4096, 0o1666) >= 0",
        "if libc.shmget(4711, 0, 0o666) < 0:\n    raise OSError",
    ),
    "a_key": (
        "libc.syscall(248, b'user', b'x', b'x', 1, -4)",
        "if libc.syscall(249, b'user', b'x', None, 0) < 0:\n    raise OSError",
    ),
    "a_process": (
        "libc.prctl(15, b'leader', 0, 0, 0)",
        "open(next(p for p in __import__('glob').glob('/proc/[0-9]*/comm') if 'leader' in open(p).read()))",
    ),
}
# Looks for another function on every port, and signals all that there is.
MEDDLES = """
def meddle():
    for port in list(range(1024, 65536)):
        if port == int(PORT):
            continue
        def run():
            with socket.create_connection((HOST, port), 0.2) as connection:
                if connection.getsockname() != connection.getpeername():  # the kernel may choose the port that is tried
                    raise SystemExit(f"{port} answers")
        attempt(run)
meddle()
for pid in range(1, 200):
    for number in (9, 15, 19, 62):
        if pid not in (1, os.getpid(), os.getppid()):
            attempt(lambda: os.kill(pid, number))
"""


def test_neighbours_are_not_there(walled: str, unpack: Callable[..., Path], cache: Path) -> None:
    """One keeps what the other needs, for longer than the other runs: the other fails, as it does alone."""
    ends = "time.sleep(2)\ndef handler(event, context):\n    return 1"
    files = {f"{name}_has.py": module(has, ends) for name, (has, _) in NEIGHBOURS.items()}
    files |= {f"{name}_needs.py": module(f"time.sleep(1)\n{needs}", ends) for name, (_, needs) in NEIGHBOURS.items()}
    # An init whose calls fail, and that then sleeps, is not waited for.
    meddles = module(MEDDLES, ends.partition("\n")[2])
    task = unpack({"tools.py": TOOLS, "polite.py": POLITE, "meddles.py": meddles, **files})
    names = [f"{name}_{part}" for name in NEIGHBOURS for part in ("has", "needs")]
    attack = attacked(walled, cache, task, ["meddles", *names], 30.0)
    check(attack)
    ready = {name for name, one in attack.seen.items() if isinstance(one.init, Ready)}
    assert ready == {"polite0", "polite1", "meddles", *(f"{name}_has" for name in NEIGHBOURS)}
