"""What the runtime answers about the archives: the same in each engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fixtures import elf
from harness.engines.protocol import Answered, Job, Start
from harness.policy import runtime_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from harness.engines.protocol import Engine

SUFFIX = "cpython-312-x86_64-linux-gnu.so"
POLICY = runtime_policy("python3.12")


@pytest.fixture
def asked(an_engine: Engine, unpack: Callable[..., Path]) -> Callable[..., Any]:
    """Ask one question about a code archive."""

    def asked(files: Mapping[str, str | bytes], question: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON
        start = Start("question", "a_question.handler", 512, 60, events=(json.dumps(question),), asks=True)
        job = Job(POLICY, "x86_64", unpack(files), None, (start,), 30.0)
        (seen,) = an_engine.run(job, lambda _: None).observations
        (answer,) = seen.answers
        assert isinstance(answer, Answered), (seen.init, answer, seen.output)
        return json.loads(answer.body)

    return asked


class TestExtensions:
    def test_what_loads_is_not_mentioned(self, asked: Callable[..., Any]) -> None:
        files = {f"pkg/_fast.{SUFFIX}": elf.shared_object(init="PyInit__fast"), "pkg/__init__.py": ""}

        assert asked(files, {"ask": "extensions", "extensions": [[f"/var/task/pkg/_fast.{SUFFIX}", "pkg._fast"]]}) == []

    def test_what_does_not_is_told_in_the_loaders_words_and_hides_nothing(self, asked: Callable[..., Any]) -> None:
        names = ["one", "two", "three"]
        files = {
            f"one.{SUFFIX}": elf.shared_object(init="one", needed=("libnope.so.9",)),
            f"two.{SUFFIX}": elf.shared_object(init="two", misaligned=True),
            f"three.{SUFFIX}": elf.shared_object(init="three", versions={"libc.so.6": ("GLIBC_9.9",)}),
        }

        answer = asked(files, {"ask": "extensions", "extensions": [[f"/var/task/{n}.{SUFFIX}", n] for n in names]})

        assert [said["path"] for said in answer] == [f"/var/task/{name}.{SUFFIX}" for name in names]
        assert "libnope.so.9: cannot open shared object file" in answer[0]["error"]
        assert "ELF load command address/offset not" in answer[1]["error"]
        assert "GLIBC_9.9" in answer[2]["error"]

    def test_what_its_package_loads_first_counts(self, asked: Callable[..., Any]) -> None:
        files = {
            f"pkg/_fast.{SUFFIX}": elf.shared_object(init="_fast", needed=("libhelp.so.1",)),
            "pkg/_help.bin": elf.shared_object(soname="libhelp.so.1"),
            "pkg/__init__.py": "import ctypes, sys\n"
            "sys.modules['pkg._fast'] = ctypes.CDLL(__path__[0] + '/_help.bin', 256)\n",
        }

        assert asked(files, {"ask": "extensions", "extensions": [[f"/var/task/pkg/_fast.{SUFFIX}", "pkg._fast"]]}) == []
