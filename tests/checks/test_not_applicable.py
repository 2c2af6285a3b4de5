"""The reason that a check gives where an artifact has nothing for it to judge."""

from __future__ import annotations

import pytest

from harness.catalogue import named
from harness.check import Inapplicable
from tests.build import Seen, program_of

REASONS = {
    "upload-size": "unpacked folders are not uploaded",
    "layer-count": "no layers are declared",
    "layer-layout": "no layers are declared",
    "required-files": "the manifest requires no files",
    "referenced-files": "no first-party code builds a path out of constants",
    "foreign-binaries": "there is no native code",
    "compiled-modules": "there are no compiled modules",
    "symbol-versions": "there is no native code",
    "shared-libraries": "there is no native code",
    "lambda-extensions": "no layer has Lambda extensions",
    "distribution-metadata": "no distribution is installed, and no code asks for one",
    "duplicate-distributions": "no distribution is installed",
    "requirements-met": "no distribution is installed",
    "sdk-complete": "the artifact holds no part of the AWS SDK",
    "declared-dependencies": "the manifest names no project",
    "built-dependencies": "the manifest names nothing that the archives are built from",
    "unpinned": "the manifest names no requirements",
    "layer-fresh": "the manifest does not say what the archives are built from: requirements, project or inputs",
    "version-stamp": "the manifest declares no version stamps",
    "source-parity": "the manifest declares no `source` for the code archive",
    "syntax": "there is no Python source",
    "imports-resolve": "there is no Python source",
    "namespace-packages": "there is no Python source",
    "shadowing": "there is no Python source",
    "stale-bytecode": "there is no bytecode",
    "migrations": "the artifact has no Alembic environment",
    "environment": "no function is declared",
    "lambda-system": "there is no Python code",
    "write-outside-tmp": "no first-party code builds a path out of constants",
    "extensions-load": "the archives have no native extensions for this runtime",
    "migrations-read": "the artifact has no Alembic environment",
    "handler-imports": "no function is declared",
    "handler-responds": "no event is declared",
}


@pytest.mark.parametrize(("check", "reason"), REASONS.items(), ids=REASONS)
def test_an_archive_with_a_text_alone_gives_it_nothing_to_judge(check: str, reason: str) -> None:
    with pytest.raises(Inapplicable) as raised:
        list(named(check).body(program_of({"README": ""}), Seen()))

    assert str(raised.value) == reason
