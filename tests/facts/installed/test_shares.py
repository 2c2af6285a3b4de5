from __future__ import annotations

import pytest

from harness.facts.installed.shares import LOOSE, shares
from tests.build import analysed, wheel


@pytest.mark.parametrize("site", ["", "python/", "python/lib/python3.12/site-packages/"])
def test_every_file_is_in_one_share(site: str) -> None:
    files = {
        **wheel("numpy==2.5", "numpy/__init__.py", "numpy/core.py", "google/numpy.py", folder=site),
        **wheel("Six==1.16", "six.py", "google/six.py", folder=site),
        f"{site}numpy/__pycache__/core.cpython-312.pyc": "bytecode",
        f"{site}numpy.libs/libblas.so": "unrecorded",
        f"{site}google/stray.py": "x = 1",
        f"{site}app/main.py": "x = 10",
        f"{site}main.py": "x",
    }
    archive, facts = analysed(files)

    found = shares(archive, facts.distributions)

    assert {one.name: one.files for one in found} == {
        "numpy 2.5": sum(name.startswith((f"{site}numpy/", f"{site}numpy-", f"{site}google/numpy")) for name in files),
        "Six 1.16": sum("six" in name.lower() for name in files),
        f"{site}numpy.libs/": 1,
        f"{site}google/": 1,
        f"{site}app/": 1,
        LOOSE: 1,
    }
    assert sum(one.size for one in found) == archive.unzipped_bytes
    assert [one.size for one in found] == sorted((one.size for one in found), reverse=True)
