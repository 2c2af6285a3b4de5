"""What Lambda's system has and lacks, as functions notice it: the same on every engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from harness.engines.protocol import Answered, Exited, Failed, Ready
from tests.engines.bench import Bench, start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.engines.protocol import Engine, Observation

# Modules as libraries have them, beside how init ends: what needs a program, a library or a locale that Lambda lacks.
MODULES = {
    # As GitPython does when it is imported.
    "asks_git": (
        "import subprocess\n"
        "try:\n    subprocess.Popen(['git', 'version'])\n"
        "except OSError as error:\n    raise ImportError(f'Bad git executable: {error}') from None\n",
        "Runtime.ImportModuleError: Unable to import module 'asks_git': Bad git executable: [Errno 2] No such file or "
        "directory: 'git'",
    ),
    # As psycopg without its binary, pyzbar and python-magic find their libraries, which a layer may hold in /opt/lib.
    "finds_a_library": (
        "from ctypes.util import find_library\n"
        "found = [find_library(name) for name in ('pq', 'zbar', 'magic', 'c', 'z', 'layered')]\n"
        "raise ImportError(f'{found}')\n",
        "Runtime.ImportModuleError: Unable to import module 'finds_a_library': [None, None, None, None, None, None]",
    ),
    "speaks_spanish": (
        "import locale\nlocale.setlocale(locale.LC_ALL, 'es_ES.UTF-8')\n",
        "Error: unsupported locale setting",
    ),
    "packs": (
        "import subprocess\nsubprocess.run(['tar', 'cf', '/tmp/x', '/var/task'], check=True)\n",
        "FileNotFoundError: [Errno 2] No such file or directory: 'tar'",
    ),
    "runs_perl": (
        "import subprocess\nsubprocess.run(['/var/task/script.pl'], check=True)\n",
        "FileNotFoundError: [Errno 2] No such file or directory: '/var/task/script.pl'",
    ),
    "compiles": (
        "import subprocess\nsubprocess.run('gcc --version || ld --version || cc --version || exit 3', shell=True, check=True)\n",
        "CalledProcessError: Command 'gcc --version || ld --version || cc --version || exit 3' returned non-zero exit "
        "status 3.",
    ),
}
WORKS = """
import locale, os, subprocess
def shell(line):
    return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout.strip()
def handler(event, context):
    return {
        "shell": shell("[[ abc == a* ]] && words=(one two) && echo ${words[1]} ${BASH_VERSION%%.*}"),
        "resolver": [line.split()[0] for line in open("/etc/resolv.conf") if line.strip()][:1],
        "system": [line.strip() for line in open("/etc/os-release") if line.startswith(("ID=", "VERSION_ID="))],
        "locales": [locale.setlocale(locale.LC_ALL, name) for name in ("C", "POSIX", "C.UTF-8")],
        "programs": shell("cat /etc/system-release; ls / | wc -l; sha256sum < /dev/null | cut -c1-8"),
    }
"""
WRAPPER = "#!{}\nexec @ARGV;\n"


def ended(seen: Observation) -> str:
    return str(seen.init.error) if isinstance(seen.init, Failed) else type(seen.init).__name__


def test_what_lambda_lacks_is_lacking(an_engine: Engine, unpack: Callable[..., Path]) -> None:
    files = {f"{name}.py": text for name, (text, _) in MODULES.items()}
    task = unpack({**files, "script.pl": "#!/usr/bin/perl\nprint 1;\n"}, {"script.pl": 0o755})
    seen = Bench(an_engine, task).run(*(start(f"{name}.handler") for name in MODULES))
    assert {one.function: ended(one) for one in seen} == {f"{name}.handler": how for name, (_, how) in MODULES.items()}


@pytest.mark.parametrize(("interpreter", "starts"), [("/usr/bin/perl", False), ("/bin/bash", True)])
def test_a_wrapper_needs_its_interpreter(
    an_engine: Engine, unpack: Callable[..., Path], interpreter: str, *, starts: bool
) -> None:
    wrapper = f'#!{interpreter}\nexec "$@"\n'
    files = {"app.py": "def handler(event, context):\n    return 1\n", "wrapper": wrapper}
    seen = Bench(an_engine, unpack(files, {"wrapper": 0o755})).start(
        "app.handler", AWS_LAMBDA_EXEC_WRAPPER="/var/task/wrapper"
    )
    assert isinstance(seen.init, Ready if starts else Exited), seen


def test_what_lambda_has_is_there(an_engine: Engine, unpack: Callable[..., Path]) -> None:
    (answer,) = Bench(an_engine, unpack({"app.py": WORKS})).start("app.handler", ["{}"]).answers
    assert isinstance(answer, Answered), answer
    found = json.loads(answer.body)
    assert found["shell"] == "two 5"
    assert found["resolver"] == ["nameserver"]
    assert found["system"] == ['ID="amzn"', 'VERSION_ID="2023"']
    assert found["locales"] == ["C", "C", "C.UTF-8"]
    assert found["programs"].splitlines()[-1] == "e3b0c442"
