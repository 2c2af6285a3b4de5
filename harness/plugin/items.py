"""The items that pytest collects: a manifest is a file, and each check of each function an item of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.model import Completed, Crashed, NotApplicable, Severity, Skipped, UsageError
from harness.plugin.verifications import names_of, report_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from harness.model import Report, Result

MARKER = "artifact"


class ArtifactWarning(UserWarning):
    """A finding of severity warning."""


class ManifestFile(pytest.File):
    """A manifest."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item per check and function.

        Raises:
            CollectError: The manifest is wrong.
        """
        try:
            names = names_of(self.config, self.path)
        except (UsageError, OSError) as problem:
            raise self.CollectError(str(problem)) from problem
        for name in names:
            # The id as a text, which pytest takes apart as it does the one that it remembers for --lf.
            yield CheckItem.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}")


class CheckItem(pytest.Item):
    """One check, of one function or of the artifact.

    Attributes:
        seconds: What the check took; None before it ran.
    """

    def __init__(self, **rest: Any) -> None:  # noqa: ANN401 - pytest's
        super().__init__(**rest)
        self.add_marker(MARKER)
        if self.config.pluginmanager.hasplugin("timeout"):
            # One item waits for all; what may hang has limits of its own.
            self.add_marker(pytest.mark.timeout(0))
        self.seconds: float | None = None

    def runtest(self) -> None:
        """Run the check; findings, a check that crashed and one that could not run are failures."""
        items = (self, *self.session.items)
        selected = {item.name for item in items if isinstance(item, CheckItem) and item.path == self.path}
        report = report_of(self.config, self.path, self.name, selected)
        (result,) = report.results
        self.seconds = result.seconds
        match result.outcome:
            case NotApplicable(reason=reason):
                pytest.skip(reason)
            case Skipped(reason=reason, findings=()) if self.config.getoption("--artifact-allow-skips"):
                pytest.skip(reason)
            case Completed() if not any(finding.severity is Severity.ERROR for finding in result.findings):
                for finding in result.findings:
                    self.warn(ArtifactWarning(f"{self.name}: {finding.message} ({finding.where})"))
            case Completed() | Skipped() | Crashed():
                raise CheckFailed(report, result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401 - pytest's
        """The report on this check alone, as the command would print it, and its first finding as the summary."""
        if not isinstance(excinfo.value, CheckFailed | ArtifactWarning):  # a warning: the user may make errors of them
            return super().repr_failure(excinfo, style)
        shown = excinfo.getrepr(style="value")
        if (crash := shown.reprcrash) is not None:  # changed where it is: the report has it twice, and xdist sends both
            first = excinfo.value.summary if isinstance(excinfo.value, CheckFailed) else str(excinfo.value)
            crash.path, crash.lineno, crash.message = str(self.path), 0, first
        return shown

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        """Where the item comes from and its name."""
        return self.path, 0, self.name  # a place without a line cannot be warned of


class CheckFailed(Exception):  # noqa: N818 - it is what the item reports, not an error of this program
    """A check found an error, crashed, or could not be run.

    Attributes:
        summary: One line on it.
    """

    def __init__(self, report: Report, result: Result) -> None:
        from harness.plain_text import harmless
        from harness.reporters import FORMATS

        super().__init__(FORMATS["terminal"](report))
        self.summary = harmless(_summary(result)).partition("\n")[0]


def _summary(result: Result) -> str:
    """The first error, and how many more there are; else why there is no verdict."""
    match result.outcome:
        case Skipped(reason=reason) if not result.findings:
            return reason
        case Crashed(summary=summary):
            return f"{result.check} crashed: {summary}"
        case _:
            errors = sorted(result.findings, key=lambda finding: finding.severity is not Severity.ERROR)
            more = f" (and {len(errors) - 1} more)" if errors[1:] else ""
            return f"{errors[0].message.splitlines()[0]}{more}"
