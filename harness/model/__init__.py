"""What a verification says: findings, outcomes, the report, and its exit code."""

from harness.model.findings import Defect, Edit, Fault, Finding, Note, Place, Problem, Severity, Stage, Waived, When
from harness.model.report import (
    UNCONFINED,
    ArtifactInfo,
    Completed,
    Component,
    Crashed,
    EngineInfo,
    ExitCode,
    FunctionInfo,
    NotApplicable,
    Outcome,
    Report,
    Result,
    Share,
    Skipped,
    Timing,
    Uncovered,
    Verdict,
)

__all__ = [
    "UNCONFINED",
    "ArtifactInfo",
    "Completed",
    "Component",
    "Crashed",
    "Defect",
    "Edit",
    "EngineInfo",
    "ExitCode",
    "Fault",
    "Finding",
    "FunctionInfo",
    "NotApplicable",
    "Note",
    "Outcome",
    "Place",
    "Problem",
    "Report",
    "Result",
    "Severity",
    "Share",
    "Skipped",
    "Stage",
    "Timing",
    "Uncovered",
    "UsageError",
    "Verdict",
    "Waived",
    "When",
]


class UsageError(Exception):
    """The request itself is wrong; each line of the message is a sentence for the user."""
