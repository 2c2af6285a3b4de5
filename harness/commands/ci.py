"""Reports where a CI service shows them, without being asked for: its annotations, its summary, its quality report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness import regular_files
from harness.commands.output import annotate, complain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.commands.output import Outputs

QUALITY: Final = "lambda-artifact-codequality.json"
"""The file for GitLab, in the working directory."""


def show_in_ci(outputs: Outputs, render: Callable[[str], str], environ: Mapping[str, str]) -> None:
    """Write what the service shows beside the job's log, and say so once; nothing elsewhere.

    Args:
        outputs: What was asked for: a report that goes somewhere else is left out here.
        render: Takes a format.
        environ: The user's environment.
    """
    try:
        if done := "; ".join(_shown(outputs, render, environ)):
            complain(done)
    except OSError as error:
        complain(f"the report for the CI service was not written: {error.filename}: {error.strerror}")


def _shown(outputs: Outputs, render: Callable[[str], str], environ: Mapping[str, str]) -> Iterator[str]:
    if environ.get("GITHUB_ACTIONS") == "true":
        if "github" not in outputs.formats and (annotations := render("github")):
            annotate(annotations)
            yield "the problems are annotations, since GITHUB_ACTIONS is set (--output github=FILE: to a file)"
        if "markdown" not in outputs.formats and (summary := environ.get("GITHUB_STEP_SUMMARY")):
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(render("markdown"))
            yield "the report is in the summary of the step"
    elif environ.get("GITLAB_CI") == "true" and "gitlab" not in outputs.formats:
        regular_files.write(Path(QUALITY), render("gitlab"))
        yield (
            f"{QUALITY} is written, since GITLAB_CI is set: name it under `artifacts: reports: codequality:` to see it "
            "in merge requests"
        )
