from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.elf import shared_object
from harness.check import Inapplicable
from harness.checks.compiled_modules import check
from harness.model import Severity
from tests.build import findings, function, program_of, said, wheel
from tests.natives import MUSL, X86_64, native, needing

HANDLER = function(handler="app.handler")
NAME = "python/fast.cpython-312-x86_64-linux-gnu.so"
HANDLES = "def handler(event, context):\n    "
USES = [
    ("import fast\n", f"{HANDLES}pass\n", Severity.ERROR),
    ("", f"{HANDLES}import fast\n", Severity.ERROR),
    ("", f"{HANDLES}if event:\n        import fast\n", Severity.WARNING),
    ("try:\n    import fast\nexcept ImportError:\n    fast = None\n", f"{HANDLES}pass\n", Severity.WARNING),
    ("", f"{HANDLES}pass\n", Severity.WARNING),
]


@pytest.mark.parametrize(("imports", "handler", "severity"), USES)
def test_it_is_as_bad_as_what_imports_it(imports: str, handler: str, severity: Severity) -> None:
    (finding,) = findings(check, program_of({"app.py": imports + handler}, {NAME: b""}, function=HANDLER))

    assert finding.severity is severity
    assert "file too short: fast is fast.cpython-312-x86_64-linux-gnu.so of /opt/python" in finding.message


def test_a_library_under_a_modules_name_is_let_be_unless_it_is_imported() -> None:
    code = {"app.py": f"{HANDLES}pass\n"}
    with pytest.raises(Inapplicable):
        said(check, program_of(code, {NAME: shared_object()}, function=HANDLER))

    (finding,) = findings(check, program_of({"app.py": "import fast\n"}, {NAME: shared_object()}, function=HANDLER))

    assert "dynamic module does not define module export function (PyInit_fast)" in finding.message


@pytest.mark.parametrize("binary", [MUSL, replace(X86_64, machines=("arm64",)), needing("libgone.so.1", init="fast")])
def test_what_other_checks_speak_of(binary: object) -> None:
    subject = native({"app.py": "import fast\n"}, {NAME: binary}, function=HANDLER)  # type: ignore[dict-item]

    assert findings(check, subject) == []


@pytest.mark.parametrize(("version", "expected"), [("1.26.4", []), ("2.0.0", [Severity.ERROR]), ("what", [])])
def test_modules_for_numpy_1(version: str, expected: list[Severity]) -> None:
    layer: dict[str, str | bytes] = {
        **wheel(f"numpy=={version}"),
        NAME: shared_object(init="PyInit_fast", soname="numpy.core._multiarray_umath"),
    }
    found = findings(check, program_of({"app.py": "import fast\n"}, layer, function=HANDLER))

    assert [one.severity for one in found] == expected
