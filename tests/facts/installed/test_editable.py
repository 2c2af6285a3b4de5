"""What an editable install leaves in an archive."""

from __future__ import annotations

import pytest

from harness.facts.installed.editable import Pointer, pointers
from tests.build import program_of

FINDER = "MAPPING: dict[str, str] = {'prices': '/builds/shop/prices', 'shop.tax': '/builds/shop/tax'}\n"


def found(files: dict[str, str], code: dict[str, str] | None = None) -> list[Pointer]:
    return list(pointers(program_of({**code} if code else None, {**files}).program))


@pytest.mark.parametrize(
    ("name", "text", "pointer"),
    [
        ("prices.pth", "/builds/prices/src\n", Pointer("/opt/python/prices.pth", "prices", ("/builds/prices/src",))),
        ("_prices.pth", "/b\n/c\n", Pointer("/opt/python/_prices.pth", "prices", ("/b", "/c"))),
        (
            "__editable__.left_pad-1.0.pth",
            "/builds/pad",
            Pointer("/opt/python/__editable__.left_pad-1.0.pth", "left_pad", ("/builds/pad",)),
        ),
        (
            "__editable___left_pad_1_0_finder.py",
            FINDER,
            Pointer(
                "/opt/python/__editable___left_pad_1_0_finder.py",
                "left_pad",
                ("/builds/shop/prices", "/builds/shop/tax"),
                ("prices", "shop"),
            ),
        ),
        (
            "__editable___pad_1_finder.py",
            "MAPPING = load(",
            Pointer("/opt/python/__editable___pad_1_finder.py", "pad"),
        ),
        ("prices.egg-link", "/builds/prices\n.", Pointer("/opt/python/prices.egg-link", "prices")),
        ("easy-install.pth", "/opt/gone\n", Pointer("/opt/python/easy-install.pth", "easy-install", ("/opt/gone",))),
    ],
)
def test_each_kind_of_pointer(name: str, text: str, pointer: Pointer) -> None:
    assert found({f"python/{name}": text}) == [pointer]


@pytest.mark.parametrize(
    "text",
    [
        "import sys; sys.path\n",
        "# /builds/prices\n",
        "tools\n",
        "/opt/python/tools\n",
        "/var/task\n",
        "/mnt/efs/python\n",
        "/var/lang/lib/python3.12/site-packages\n",
        "\n",
    ],
)
def test_path_files_that_lead_nowhere_else(text: str) -> None:
    files = {"python/x.pth": text, "python/tools/hammer.py": ""}

    assert found(files, {"app.py": ""}) == []


def test_no_pointer_counts_where_python_does_not_look() -> None:
    assert found({"lib/x.pth": "/builds/x", "python/pkg/data/x.egg-link": "/builds/x"}) == []
