from __future__ import annotations

import pytest

from harness.checks.file_permissions import check
from tests.build import archive, code, entry, findings, subject

PLACES = {
    "readable by all": ([code(entry("app.py", mode=0o644), entry("run.sh", mode=0o755))], []),
    "readable by others alone": ([code(entry("app.py", mode=0o004))], []),
    "writable by nobody": ([code(entry("app.py", mode=0o444))], []),
    "with a set-user-ID": ([code(entry("app.py", mode=0o4755))], []),
    "by the owner alone": ([code(entry("app.py", mode=0o600))], ["code.zip!app.py"]),
    "by the group, too": ([code(entry("app.py", mode=0o640))], ["code.zip!app.py"]),
    "executable, and not readable": ([code(entry("app.py", mode=0o751))], ["code.zip!app.py"]),
    "by nobody": ([code(entry("app.py", mode=0o000))], ["code.zip!app.py"]),
    "in a layer": ([archive(entry("python/x.py", mode=0o600))], ["layer.zip!python/x.py"]),
    "in a folder": ([code(entry("app.py", mode=0o600), source="build", zipped=None)], ["build/app.py"]),
    "in code and layer": (
        [code(entry("app.py", mode=0o600)), archive(entry("python/x.py", mode=0o600))],
        ["code.zip!app.py", "layer.zip!python/x.py"],
    ),
    "a folder, which Lambda corrects": ([code(entry("app/", mode=0o700), "app/main.py")], []),
    "a symlink, whose mode means nothing": ([code("VERSION", "RELEASE -> VERSION")], []),
    "a file that a later layer replaces": (
        [archive(entry("python/x.py", mode=0o600)), archive("python/x.py", source="later.zip")],
        [],
    ),
    "a file that replaces a readable one": (
        [archive("python/x.py"), archive(entry("python/x.py", mode=0o600), source="later.zip")],
        ["later.zip!python/x.py"],
    ),
}


@pytest.mark.parametrize("case", PLACES)
def test_what_others_may_not_read_is_found_where_the_function_sees_it(case: str) -> None:
    archives, expected = PLACES[case]

    assert [finding.where for finding in findings(check, subject(*archives))] == expected


def test_the_message_has_pythons_words_how_many_and_the_first_few() -> None:
    private = [entry(f"app/m{n}.py", mode=0o600) for n in range(7)]

    (finding,) = findings(check, subject(code(*private, "app/__init__.py")))

    assert finding.message == (
        "[Errno 13] Permission denied: '/var/task/app/m0.py': 7 of 8 files are not readable by Lambda's user: "
        "app/m0.py (0600), app/m1.py (0600), app/m2.py (0600), app/m3.py (0600), app/m4.py (0600) and 2 more"
    )
    assert finding.remedy == "run `chmod -R a+rX` on the folder that code.zip is made from, and build it again"
