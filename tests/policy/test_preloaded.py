"""What the runtime has loaded before it looks into the archives."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.policy import KNOWN_RUNTIMES, runtime_policy
from harness.policy.preloaded import early

PYTHONS = [runtime_policy(runtime).python for runtime in KNOWN_RUNTIMES]


@pytest.mark.parametrize("python", PYTHONS)
def test_it_is_of_the_standard_library(python: tuple[int, int]) -> None:
    policy = runtime_policy("python{}.{}".format(*python))

    named = {name for name in early(python).stdlib if not name.startswith("_")}
    assert named <= policy.stdlib
    assert not named & policy.builtins


@pytest.mark.parametrize(
    ("name", "pythons"),
    [
        ("json", range(10, 16)),
        ("logging", range(10, 16)),
        ("runpy", range(11, 16)),
        ("sre_parse", range(10, 11)),
        ("tokenize", range(10, 13)),
        ("email", range(0)),
        ("secrets", range(0)),
        ("typing", range(0)),
    ],
)
def test_a_module_is_there_early_or_it_is_not(name: str, pythons: range) -> None:
    assert [python for python in PYTHONS if name in early(python).stdlib] == [(3, minor) for minor in pythons]


def test_the_runtimes_own_are_among_them() -> None:
    assert dict(early((3, 12)).packages)["simplejson"] == "simplejson"


@pytest.mark.skipif(sys.version_info[:2] not in PYTHONS, reason="no runtime has this Python")
def test_it_agrees_with_the_python_that_is_here() -> None:
    # These are what the runtime client imports of the standard library; the rest is what they import in their turn.
    imports = "import json, logging, os, site, sys, threading, time, traceback, warnings, decimal, importlib"
    show = "print(*{name.partition('.')[0] for name in sys.modules} - set(sys.builtin_module_names) - {'__main__'})"
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"{imports}\n{show}"], check=True, capture_output=True, text=True
    )

    assert set(run.stdout.split()) <= early(sys.version_info[:2]).stdlib
