"""The command, run in this process: what it imports is imported once."""

from __future__ import annotations

import contextlib
import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock

from harness.cli import run
from tests.canaries import canaries_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


def command(folder: Path, environ: Mapping[str, str], *arguments: str) -> Done:
    """Run the command in a folder, with variables of its own and the cache in that folder."""
    out, err = io.StringIO(), io.StringIO()
    own = {**environ, "LAMBDA_ARTIFACT_CACHE": str(folder / "cache")}
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.dict(os.environ, own),  # where the AWS SDK looks
    ):
        code = run(arguments, dict(os.environ))
    done = Done(code, out.getvalue(), err.getvalue())
    assert not canaries_in(done.stdout + done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    return done
