"""Which files are the user's own."""

from __future__ import annotations

import pytest

from tests import build

LIB = {
    "python/lib-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lib\nVersion: 1.0\n",
    "python/lib-1.0.dist-info/RECORD": "lib/__init__.py,,\nlib/core.py,,\n",
    "python/lib/__init__.py": "",
    "python/lib/core.py": "",
}


@pytest.mark.parametrize(
    ("code", "layer", "own"),
    [
        ({"app/main.py": "", "common.py": ""}, LIB, {"/var/task/app/main.py", "/var/task/common.py"}),
        ({"app/main.py": ""}, LIB | {"python/shared/x.py": ""}, {"/var/task/app/main.py", "/opt/python/shared/x.py"}),
        # What a library wrote beside its recorded files is the library's.
        ({"app/main.py": ""}, LIB | {"python/lib/_version.py": ""}, {"/var/task/app/main.py"}),
        # No search leads there.
        ({"app/main.py": ""}, LIB | {"share/tool.py": ""}, {"/var/task/app/main.py"}),
        # Copies of others' code.
        ({"app/main.py": "", "app/_vendor/x.py": ""}, LIB, {"/var/task/app/main.py"}),
        # An installer that left no record, and a layer without any metadata at all.
        (
            {"app/main.py": ""},
            {"python/bare-1.egg-info": "Name: bare\nVersion: 1\n", "python/bare/x.py": ""},
            {"/var/task/app/main.py"},
        ),
        ({"app/main.py": ""}, {"python/slim/x.py": ""}, {"/var/task/app/main.py"}),
        # A name that a well-known library has: its metadata was left out.
        ({"app/main.py": "", "requests/api.py": ""}, LIB, {"/var/task/app/main.py"}),
        # A folder that only has the name of a library that is elsewhere, or of one that runs it.
        (
            {"app/main.py": "", "alembic/env.py": "", "alembic/versions/20240101_a.py": ""},
            LIB,
            {"/var/task/app/main.py", "/var/task/alembic/env.py", "/var/task/alembic/versions/20240101_a.py"},
        ),
        ({"app/main.py": "", "lib/extra.py": ""}, LIB, {"/var/task/app/main.py", "/var/task/lib/extra.py"}),
        # What no import names.
        ({"app/main.py": "", "app/._main.py": "", "app/{{ name }}/x.py": ""}, LIB, {"/var/task/app/main.py"}),
        # But a handler's own folder is one's own, whatever its name.
        (
            {"app/main.py": "", "app/requests/api.py": ""},
            LIB,
            {"/var/task/app/main.py", "/var/task/app/requests/api.py"},
        ),
    ],
)
def test_own_is_what_no_distribution_brought(code: dict[str, str], layer: dict[str, str], own: set[str]) -> None:
    assert build.program_of(code, layer, function=build.function()).program.own == own
