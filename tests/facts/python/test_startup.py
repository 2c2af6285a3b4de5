"""What must succeed for a handler to start."""

from __future__ import annotations

import pytest

from harness.facts.python.startup import certain
from tests.build import function, manifest, program_of


@pytest.mark.parametrize(
    ("main", "chain"),
    [
        ("import pad", ("main", "pad")),
        ("from pad import x", ("main", "pad")),
        ("import importlib\nimportlib.import_module('pad')", ("main", "pad")),
        ("import middle", ("main", "middle", "pad")),
        ("try:\n    import pad\nexcept ImportError: pass", None),
        ("try:\n    import json5\nexcept ImportError:\n    import pad", ("main", "pad")),
        ("try:\n    import json\nexcept ImportError:\n    import pad", None),
        ("if debug:\n    import pad", None),
        ("def f():\n    import pad", None),
        ("try:\n    import middle\nexcept Exception: pass", None),
        ("", None),
    ],
)
def test_a_start_needs_a_module_if_no_import_on_the_way_may_fail(main: str, chain: tuple[str, ...] | None) -> None:
    code = {"main.py": f"{main}\ndef handler(event, context): ...\n", "middle.py": "import pad\n", "pad.py": "x = 1\n"}
    program = program_of({**code}, declared=manifest(function(handler="main.handler"))).program

    reach = certain("/var/task/pad.py", program)

    assert (reach.chain if reach else None) == chain


def test_the_handlers_own_module_is_needed() -> None:
    program = program_of({"main.py": ""}, declared=manifest(function(handler="main.handler"))).program

    assert certain("/var/task/main.py", program) == program.graph.reached["/var/task/main.py"]
