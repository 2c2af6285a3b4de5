"""``verify --fix`` and ``--diff``: make the changes that the findings ask for, or show them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.commands.output import complain
from harness.model import UsageError
from harness.plain_text import harmless

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from harness.manifest import Manifest
    from harness.model import Report


def add_options(group: argparse._ActionsContainer) -> None:
    """Add the options of fixes."""
    group.add_argument(
        "--fix",
        action="store_true",
        help="insert missing lines into files, write archives that can be mended as NAME.fixed.zip, and verify again",
    )
    group.add_argument(
        "--unsafe-fixes", action="store_true", help="with --fix or --diff: also what may remove a file that is wanted"
    )
    group.add_argument("--diff", action="store_true", help="show what --fix would change, in place of the report")


def check(options: argparse.Namespace) -> None:
    """Make sure that the options of fixes go together.

    Raises:
        UsageError: They do not.
    """
    if options.fix and options.diff:
        raise UsageError("--fix and --diff: choose one; --diff shows what --fix would change")
    if options.unsafe_fixes and not (options.fix or options.diff):
        raise UsageError("--unsafe-fixes goes with --fix or --diff")


def difference(report: Report, manifest: Manifest, *, unsafe: bool) -> str:
    """What ``--fix`` would change, as lines."""
    from harness.session.fixes import plan

    changes = plan(report, manifest, unsafe=unsafe)
    _say_withheld(changes.withheld)
    return "".join(f"{harmless(line)}\n" for line in changes.diff.splitlines()) or "nothing can be fixed at once\n"


def fixed(report: Report, manifest: Manifest, again: Callable[[Manifest], Report], *, unsafe: bool) -> Report:
    """Make the changes, verify again, and say what was changed.

    Args:
        report: What was found.
        manifest: What was verified.
        again: Verifies.
        unsafe: Whether unsafe changes are wanted.

    Raises:
        UsageError: An archive cannot be written again.
        OSError: A file cannot be written.
    """
    from harness.session.fixes import plan

    changes = plan(report, manifest, unsafe=unsafe)
    _say_withheld(changes.withheld)
    if not changes:
        complain("nothing can be fixed at once")
        return report
    changes.write()
    after = again(changes.applied(manifest))
    return replace(after, notes=(*after.notes, *changes.notes(report, after)))


def _say_withheld(count: int) -> None:
    if count:
        complain(f"--unsafe-fixes would change {count} more")
