from __future__ import annotations

import pytest

from harness.checks.layer_count import check
from tests.build import archive, code, findings, subject


@pytest.mark.parametrize("count", [1, 4, 5])
def test_five_layers_are_allowed(count: int) -> None:
    assert findings(check, subject(code("app.py"), *[archive("python/x.py")] * count)) == []


@pytest.mark.parametrize("count", [6, 12])
def test_more_are_not(count: int) -> None:
    (finding,) = findings(check, subject(*(archive("python/x.py", source=f"{n}.zip") for n in range(count))))

    assert finding.message == f"{count} layers, and Lambda allows 5"
    assert finding.where == ", ".join(f"{n}.zip" for n in range(count))
