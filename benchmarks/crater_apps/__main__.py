"""Run ``python -m benchmarks.crater_apps``; ``--help`` says how."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders import RUNTIMES
from benchmarks.crater_apps import page
from benchmarks.crater_apps.applications import Unknown, applications
from benchmarks.crater_apps.verdicts import judgements, seen
from harness.cache.folder import cache_folder
from harness.commands.progress import Progress
from harness.engines.choice import Choice, engine
from harness.manifest import load
from harness.policy import KNOWN_RUNTIMES
from harness.session.settings import Settings
from harness.verify import verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.crater_apps.applications import Application
    from benchmarks.crater_apps.verdicts import Judgement
    from harness.model import Report

FOLDER = "LAMBDA_ARTIFACT_CRATER_APPS"
IMAGE = "LAMBDA_ARTIFACT_TEST_IMAGE"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; 0 where there is nothing that somebody has to look at."""
    options = _parser().parse_args(arguments)
    if options.folder is None:
        _say(f"name the folder that has the built applications, with --folder or ${FOLDER}")
        return 2
    try:
        chosen = applications(options.only)
    except Unknown as problem:
        _say(str(problem))
        return 2
    table = judgements()
    done: list[page.Verified] = []
    problems: list[str] = []
    with Progress(sys.stderr) as progress:
        for one in chosen:
            if not one.manifest(options.folder).is_file():
                problems.append(f"{one.name}: no {one.manifest(options.folder)}")
                continue
            progress.show(one.name)
            try:
                done.append(_verified(one, options.folder, Choice(options.engine), progress, table))
            except Exception as error:  # noqa: BLE001 - what breaks on one application must not hide the others
                place = traceback.extract_tb(error.__traceback__)[-1]
                problems.append(f"{one.name}: {type(error).__name__}: {error}, at {place.filename}:{place.lineno}")
    problems += page.complaints(done)
    if options.all:
        _say("\n".join(str(found) for verified in done for found in verified.found))
    if not options.only:
        problems += _unused(done, table)
        if options.page:
            page.write(done)
    _say("\n".join(["", *problems, "", *page.checks(done), ""]))
    for name, figure in page.figures(done):
        _say(f"{figure:>8,}  {name}")
    return int(bool(problems))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.crater_apps",
        description="Verifies applications that lie built in a folder, and shows what judged.toml does not judge yet.",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=os.environ.get(FOLDER),
        metavar="DIR",
        help=f"has owner+name/lambda-artifact.toml for each application, and what it names; default: ${FOLDER}",
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="OWNER/NAME", help="these applications alone")
    parser.add_argument("--engine", choices=[str(one) for one in Choice], default=str(Choice.NONE))
    parser.add_argument("--all", action="store_true", help="list what is judged, too")
    parser.add_argument("--page", action="store_true", help="write the page's table")
    return parser


def _verified(
    application: Application, folder: Path, choice: Choice, progress: Progress, table: Sequence[Judgement]
) -> page.Verified:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        Path(scratch).chmod(0o755)  # the function is another user's
        report = _report(application.manifest(folder), Path(scratch), choice, progress)
    found = tuple(seen(application.name, report, table))
    return page.Verified(application, len(report.functions), found)


def _report(manifest: Path, cache: Path, choice: Choice, progress: Progress) -> Report:
    theirs = cache_folder(os.environ) / RUNTIMES  # the runtime client is installed once per machine
    theirs.mkdir(parents=True, exist_ok=True)
    (cache / RUNTIMES).symlink_to(theirs)
    settings = Settings(
        engine=engine(choice, os.environ, cache, os.environ.get(IMAGE), None),
        cache=cache,
        progress=progress.show,
        today=datetime.now(tz=UTC).date(),
        static=choice is Choice.NONE,
    )
    return verify(load(manifest, runtimes=KNOWN_RUNTIMES), settings)


def _unused(done: Sequence[page.Verified], table: Sequence[Judgement]) -> list[str]:
    used = {found.judgement for one in done for found in one.found}
    return [
        f"judged.toml: {row.repository}, {row.check}, {row.match!r} fits nothing" for row in table if row not in used
    ]


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command line talks to a person


if __name__ == "__main__":
    sys.exit(main())
