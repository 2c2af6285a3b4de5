from __future__ import annotations

import pytest

from harness.checks.lambda_system import check
from harness.model import Severity
from tests.build import findings, function, program_of
from tests.natives import X86_64, native

HANDLER = function(handler="app.handler")
AT_EVENT = "def handler(event, context):\n    "
OK = "    pass"


def judged(source: str, *layers: dict[str, str | bytes], **code: str) -> list[tuple[str, str]]:
    """The severities and the messages of what is found."""
    found = findings(check, program_of({"app.py": source, **code}, *layers, function=HANDLER))
    return [(one.severity.value, one.message) for one in found]


# What is imported, what the handler does, and what is said of it; nothing where it is fine.
ASKED = [
    ("import subprocess", "subprocess.run(['git'])", "error", "No such file or directory: 'git': subprocess.run"),
    ("import subprocess", "subprocess.run('git log')", "error", "No such file or directory: 'git log'"),
    ("import subprocess", "subprocess.run('git log', shell=True)", "warning", "sh: git: command not found"),
    ("import subprocess", "subprocess.check_call('cd /tmp; tar x', shell=True)", "error", "sh: tar"),
    ("import subprocess", "subprocess.check_call('tar x | cat', shell=True)", "warning", "sh: tar"),
    ("import subprocess as sp", "cmd = ['tar', 'x']\n    sp.Popen(cmd + event)", "error", "'tar'"),
    ("import subprocess", "subprocess.run(f'git clone {event}'.split())", "error", "'git'"),
    ("import subprocess, shlex", "subprocess.run(shlex.split('git log'))", "error", "'git'"),
    ("import subprocess", "subprocess.run([event])", None, ""),
    (
        "import subprocess",
        "subprocess.run(['ls']); subprocess.run(['/bin/cat']); subprocess.run('python3')",
        None,
        "",
    ),
    ("import subprocess", "subprocess.run(['/usr/bin/git'])", "error", "'/usr/bin/git'"),
    ("import subprocess", "subprocess.run(['/tmp/tool'])", None, ""),
    ("import subprocess", "subprocess.run(['/opt/bin/tool'])", "error", "'/opt/bin/tool'"),
    ("import subprocess", "if event:\n        subprocess.run(['git'])", "warning", "'git'"),
    ("import subprocess", "try:\n        subprocess.run(['git'])\n    except OSError:\n        pass", None, ""),
    ("import subprocess, os", "if os.environ.get('LOCAL'):\n        subprocess.run(['git'])", None, ""),
    ("import os", "os.execvp('git', event)", "error", "'git'"),
    ("import os", "os.spawnlp(os.P_WAIT, 'git', 'git')", "error", "'git'"),
    ("import os", "os.popen(f'unzip {event}').read()", "warning", "sh: unzip"),
    ("import asyncio", "asyncio.run(asyncio.create_subprocess_exec('git'))", "error", "'git'"),
    ("from shutil import which", "return which('ffmpeg')", "warning", "shutil.which('ffmpeg') finds nothing"),
    ("from shutil import which", "tool = which('ffmpeg')\n    return tool if tool else 0", None, ""),
    ("import ctypes", "ctypes.cdll.LoadLibrary('libpq.so.5')", "error", "OSError: libpq.so.5: cannot open"),
    ("import ctypes", "ctypes.CDLL('libc.so.6'); ctypes.CDLL(None)", None, ""),
    ("import cffi", "cffi.FFI().dlopen('libpq.so.5')", "error", "libpq.so.5"),
    (
        "from ctypes.util import find_library",
        "return find_library('pq')",
        "warning",
        "find_library('pq') finds nothing",
    ),
    ("import ctypes.util", "ctypes.CDLL(ctypes.util.find_library('pq'))", "error", "find_library('pq')"),
    (
        "import ctypes.util",
        "lib = ctypes.util.find_library('pq')\n    if not lib:\n        raise OSError",
        "error",
        "'pq'",
    ),
    ("import ctypes.util", "return ctypes.util.find_library('pq') or 'libpq.so'", None, ""),
    ("import ctypes.util", "ctypes.util.find_library = str\n    ctypes.util.find_library('pq')", None, ""),
    ("import locale", "locale.setlocale(locale.LC_ALL, ('de_DE', 'UTF-8'))", "error", "setting: de_DE.UTF-8"),
    ("import locale", "locale.setlocale(0, 'C.utf8'); locale.setlocale(0, ''); locale.setlocale(0)", None, ""),
    ("import locale", "locale.setlocale(0, 'en_US.UTF-8')", None, ""),
    ("import multiprocessing as mp", "mp.get_context('spawn').Queue()", "error", "multiprocessing.Queue"),
    ("import multiprocessing as mp", "mp.Process(); mp.Pipe(); mp.cpu_count()", None, ""),
    ("from multiprocessing.shared_memory import SharedMemory", "SharedMemory()", "error", "SharedMemory"),
    ("from threading import Lock\nfrom queue import Queue", "Lock(); Queue()", None, ""),
]


@pytest.mark.parametrize(("imports", "code", "severity", "words"), ASKED, ids=[f"{row[0]}: {row[1]}" for row in ASKED])
def test_what_a_handler_asks_for(imports: str, code: str, severity: str | None, words: str) -> None:
    found = judged(f"{imports}\n\n\n{AT_EVENT}{code}\n")

    assert [one for one, _ in found] == ([severity] if severity else [])
    assert all(words in message for _, message in found)


CRLF = "#!/bin/sh\r\necho\r\n"
LIBRARIES = [
    ("git", {"python/git/__init__.py": ""}, {}, "ImportError: Bad git executable"),
    ("git", {"python/git/__init__.py": ""}, {"GIT_PYTHON_REFRESH": "quiet"}, None),
    ("psycopg", {"python/psycopg/__init__.py": ""}, {}, "ImportError: no pq wrapper available"),
    ("psycopg", {"python/psycopg/__init__.py": "", "python/psycopg_c/__init__.py": ""}, {}, None),
    ("json", {"python/git/__init__.py": ""}, {}, None),
]


@pytest.mark.parametrize(("module", "layer", "environment", "words"), LIBRARIES)
def test_what_libraries_are_known_to_need(
    module: str, layer: dict[str, str | bytes], environment: dict[str, str], words: str | None
) -> None:
    declared = function(handler="app.handler", environment=environment)
    found = findings(check, program_of({"app.py": f"import {module}\n{AT_EVENT}{OK}\n"}, layer, function=declared))

    assert [one.severity for one in found] == ([Severity.ERROR] if words else [])
    assert all(words and one.message.startswith(words) for one in found)


def test_a_program_of_the_layer_that_cannot_be_started_and_one_that_the_code_makes_findable() -> None:
    run = f"import os, subprocess\n{AT_EVENT}subprocess.run(['tool'])\n"

    assert judged(run, {"bin/tool": CRLF})[0][1].startswith("PermissionError: [Errno 13] Permission denied: 'tool'")
    assert judged(f"{run}    os.environ['PATH'] += ':/opt/x'\n", {"x/tool": CRLF}) == []


def test_a_library_in_a_folder_where_nobody_looks_is_named() -> None:
    source = f"import ctypes.util\n{AT_EVENT}ctypes.util.find_library('pq')\n"
    (finding,) = findings(check, native({"app.py": source}, {"lib/libpq.so.5": X86_64}, function=HANDLER))

    assert finding.remedy == 'open it by its name: ctypes.CDLL("libpq.so.5")'


def test_code_that_no_handler_reaches_is_let_be() -> None:
    assert judged(f"{AT_EVENT}{OK}\n", **{"tools/pack.py": "import os\nos.system('tar')\n"}) == []
