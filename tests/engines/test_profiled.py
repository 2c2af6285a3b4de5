"""An extra start reports when its imports began and ended, and nothing that is reported does harm."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.engines.probe_messages import LONGEST_INIT, PYTHON, imports_of
from harness.engines.protocol import Failed, Ready
from harness.model import Import
from tests.engines.bench import Bench, start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.engines.protocol import Engine, Observation

FILES = {
    "app/__init__.py": "",
    "app/slow.py": "import time\ntime.sleep(0.3)\n",
    "app/main.py": (
        "import importlib\nimportlib.import_module('app.slow')\nimport xml.dom\n"
        "def handler(event, context):\n    import wave\n"
    ),
    "broken.py": "import app.slow\nimport does_not_exist_xyz\n",
    "threaded.py": (
        "import threading\nthread = threading.Thread(target=__import__, args=('xml.sax',))\n"
        "thread.start()\nthread.join()\nimport app.slow\ndef handler(event, context):\n    pass\n"
    ),
    "leaves.py": "import app.slow, os\nos._exit(3)\n",
}


@pytest.fixture
def profiled(any_engine: Engine, unpack: Callable[..., Path]) -> Callable[[str], Observation]:
    bench = Bench(any_engine, unpack(FILES))

    def profiled(handler: str) -> Observation:
        (seen,) = bench.run(replace(start(handler), profiled=True), init_timeout=30.0)
        return seen

    return profiled


def tree(seen: Observation) -> dict[str, str | None]:
    """The module that each import is a part of, by name."""
    return {one.name: None if one.within is None else seen.imports[one.within].name for one in seen.imports}


def test_each_import_is_timed_within_its_importer(profiled: Callable[[str], Observation]) -> None:
    seen = profiled("app.main.handler")

    assert isinstance(seen.init, Ready)
    within = tree(seen)
    assert next(iter(within)) == PYTHON
    assert within["app.main"] is None
    assert within["app"] == within["app.slow"] == within["xml.dom"] == "app.main"
    assert "wave" not in within, "the handler's own, of no init"
    slow = next(one for one in seen.imports if one.name == "app.slow")
    assert slow.seconds >= 0.3
    together = sum(one.seconds for one in seen.imports if one.within is None)
    # On a quiet machine they agree to some hundredths; a busy one may wait anywhere.
    assert 0.5 * seen.init.seconds < together <= 1.1 * seen.init.seconds


@pytest.mark.parametrize(
    ("handler", "ended", "has", "lacks"),
    [
        ("broken.handler", Failed, "does_not_exist_xyz", "nothing"),
        ("threaded.handler", Ready, "app.slow", "xml.sax"),
        ("leaves.handler", None, None, "app.slow"),
    ],
)
def test_an_init_that_goes_another_way(
    profiled: Callable[[str], Observation], handler: str, ended: type | None, has: str | None, lacks: str
) -> None:
    seen = profiled(handler)

    assert ended is None or isinstance(seen.init, ended)
    within = tree(seen)
    assert (within[has] == handler.partition(".")[0]) if has else not within
    assert lacks not in within


def test_other_starts_report_none(any_engine: Engine, unpack: Callable[..., Path]) -> None:
    assert Bench(any_engine, unpack(FILES)).start("app.main.handler").imports == ()


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ({}, ()),
        ({"began": 1.0, "imports": [["a", -1, 2.0, 3.0]]}, ()),
        ({"origin": 1.0, "began": 2.0, "imports": [["a", "b", 2.0, 3.0]]}, ()),
        ({"origin": 1.0, "began": 2.0, "imports": []}, (Import(PYTHON, None, 0.0, 1.0),)),
        (
            {"origin": 5.0, "began": 2.0, "imports": [["a", 0, 9.0, 3.0], ["b", 7, 2.0, float("inf")]]},
            (Import(PYTHON, None, 0.0, 0.0), Import("a", None, 4.0, 0.0), Import("b", None, 0.0, LONGEST_INIT)),
        ),
        (
            {"origin": 1.0, "began": 1.0, "imports": [["x" * 5_000, -1, 1.0, 2.0], ["b", 0, 1.5, 2.0]]},
            (Import(PYTHON, None, 0.0, 0.0), Import("x" * 300, None, 0.0, 1.0), Import("b", 1, 0.5, 0.5)),
        ),
    ],
)
def test_what_anybody_can_report(reported: object, expected: tuple[Import, ...]) -> None:
    assert imports_of(reported) == expected
