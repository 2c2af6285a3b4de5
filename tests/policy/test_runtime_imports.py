from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

from fixtures.runtime_imports import absolute
from harness.facts.python.module import module
from harness.policy import KNOWN_RUNTIMES, runtime_policy
from harness.policy.preloaded import early
from harness.policy.runtime_imports import client, imports

HERE = sys.version_info[:2]


@pytest.mark.skipif(not imports(HERE), reason="the table is of other versions")
@pytest.mark.parametrize("name", ["concurrent.futures.thread", "http.client", "tempfile", "urllib.request", "zipfile"])
def test_a_module_of_python_imports_what_the_table_says(name: str) -> None:
    base = Path(sysconfig.get_path("stdlib"), *name.split("."))
    file = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    found: dict[str, set[str]] = {}
    for one in module(file.read_bytes(), HERE).imports:
        found.setdefault(absolute(one, name, package=base.is_dir()), set()).update(one.names)

    assert [target for target, names in imports(HERE)[name].items() if not found[target].issuperset(names)] == []


@pytest.mark.parametrize("runtime", KNOWN_RUNTIMES)
def test_what_no_archive_can_replace_is_not_in_it(runtime: str) -> None:
    python = runtime_policy(runtime).python
    table = imports(python)

    assert early(python).stdlib.intersection(table) == set()
    assert {target for found in table.values() for target in found} & early((3, 10)).stdlib == set()


def test_the_sdk_is_in_it() -> None:
    assert imports((3, 12))["dateutil.parser._parser"]["calendar"] == ("monthrange",)


def test_a_version_that_was_not_read_has_none() -> None:
    assert (imports((3, 9)), imports((3, 14))) == ({}, {})


@pytest.mark.parametrize(
    ("python", "modules"),
    [((3, 11), []), ((3, 12), ["concurrent.futures", "queue"]), ((3, 14), ["concurrent.futures", "queue"])],
)
def test_the_client_takes_a_thread_for_events_since_3_12(python: tuple[int, int], modules: list[str]) -> None:
    assert [*client(python)] == modules
