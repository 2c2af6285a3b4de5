from __future__ import annotations

from dataclasses import replace

import pytest

from harness.facts.native.roles import NativeFile, NativeFiles, Owner, Role
from tests.build import function
from tests.natives import MUSL, PROGRAM, X86_64, Files, installed, native, needing

HANDLER = function(handler="app.handler")
CODE: Files = {"app.py": "import fast\n"}
PACKAGE: Files = {"fast/__init__.py": "from fast import _fast\n"}
EXT = "fast/_fast.cpython-312-x86_64-linux-gnu.so"


def natives(layer: Files, code: Files = CODE) -> NativeFiles:
    return NativeFiles(native(code, layer, function=HANDLER).program)


def started(layer: Files) -> list[tuple[str, Role]]:
    """What is loaded for its own sake, by its place in the layer."""
    return [(one.path.removeprefix("/opt/"), one.use) for one in natives(layer).started]


USES: list[tuple[Files, list[tuple[str, Role]]]] = [
    ({"python/x.abi3.so": X86_64}, [("python/x.abi3.so", Role.MODULE)]),
    ({"python/x.so": needing(init="x")}, [("python/x.so", Role.MODULE)]),
    ({"python/x.so": needing(init="y")}, [("python/x.so", Role.LIBRARY)]),
    ({"python/x.so": X86_64}, [("python/x.so", Role.LIBRARY)]),
    (
        {"python/x.cpython-311-x86_64-linux-gnu.so": X86_64},
        [("python/x.cpython-311-x86_64-linux-gnu.so", Role.LIBRARY)],
    ),
    ({"lib/libx.so.1": X86_64}, [("lib/libx.so.1", Role.LIBRARY)]),
    ({"lib/libx.so.1": needing("liby.so"), "lib/liby.so": X86_64}, [("lib/libx.so.1", Role.LIBRARY)]),
    ({"bin/tool": PROGRAM}, [("bin/tool", Role.PROGRAM)]),
    ({"bin/tool": replace(PROGRAM, interpreter=None)}, [("bin/tool", Role.PROGRAM)]),
    ({"python/tool/run": PROGRAM}, [("python/tool/run", Role.PROGRAM)]),
    ({"extensions/agent": PROGRAM}, [("extensions/agent", Role.AGENT)]),
    ({"extensions/lib/agent": PROGRAM}, [("extensions/lib/agent", Role.PROGRAM)]),
    ({"lib/libx.so.1": MUSL}, []),
]


@pytest.mark.parametrize(("layer", "uses"), USES)
def test_what_a_native_file_is_there_for(layer: Files, uses: list[tuple[str, Role]]) -> None:
    assert started(layer) == uses


def test_a_module_that_every_start_imports_is_certain() -> None:
    layer = installed("fast", "1.0", {**PACKAGE, EXT: needing("libfoo.so.1", init="_fast")})

    known = natives({**layer, "lib/libfoo.so.1": X86_64})

    (module,) = known.modules
    assert (module.module, module.is_certain) == ("fast._fast", True)
    assert module.reach is not None
    assert module.reach.chain == ("app", "fast", "fast._fast")
    assert known.needed == {"/opt/lib/libfoo.so.1": module}


def test_a_lambda_extension_is_certain_too() -> None:
    assert [one.is_certain for one in natives({"extensions/agent": PROGRAM, "bin/tool": PROGRAM}).started] == [
        False,
        True,
    ]


OWNERS: list[tuple[Files, str, str]] = [
    (installed("fast", "1.0", {EXT: X86_64}), f"/opt/python/{EXT}", "fast 1.0"),
    (installed("fast", "1.0", PACKAGE), "/opt/python/fast/_left.abi3.so", "fast 1.0"),
    ({"python/own/_x.abi3.so": X86_64}, "/opt/python/own/_x.abi3.so", "/opt/python/own"),
    ({"python/_x.abi3.so": X86_64}, "/opt/python/_x.abi3.so", "/opt/python"),
    ({"lib/libx.so.1": X86_64}, "/opt/lib/libx.so.1", "/opt/lib"),
    (
        {
            "python/fast-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: fast\nVersion: 1.0\n",
            "python/fast/_x.abi3.so": X86_64,
        },
        "/opt/python/fast/_x.abi3.so",
        "fast 1.0",
    ),
]


@pytest.mark.parametrize(("layer", "path", "name"), OWNERS)
def test_whose_a_file_is(layer: Files, path: str, name: str) -> None:
    assert natives(layer).owner(path).name == name


def test_owners_are_compared_as_values() -> None:
    known = natives(installed("fast", "1.0", {EXT: X86_64, "fast/b.abi3.so": X86_64}))

    assert len({known.owner(one.path) for one in known.modules}) == 1
    assert Owner("/opt/lib") == Owner("/opt/lib")
    assert NativeFile("/opt/lib/x", Role.LIBRARY).is_certain is False
