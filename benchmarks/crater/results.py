"""The results of a run, saved from run to run, and their summary."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.crater.compare import Judgement

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from benchmarks.crater.build import Built
    from benchmarks.crater.compare import Comparison
    from benchmarks.crater.distributions import Specimen
    from benchmarks.crater.ground_truth import Truth
    from harness.model import Report

FILE = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True)
class Results:
    """All artifacts, by name.

    Attributes:
        artifacts: What came of each, as it stands in the file.
        left_out: Why there is no artifact of a distribution.
    """

    artifacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path, known: Collection[str]) -> Results:
        """The results of an earlier run for distributions that are still listed."""
        stored = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        artifacts = {one["name"]: one for one in stored.get("artifacts", ()) if one["name"] in known}
        return cls(artifacts, {name: why for name, why in stored.get("left_out", {}).items() if name in known})

    def write(self, file: Path) -> None:
        """Keep them, sorted."""
        content = {
            "summary": dict(self.summary()),
            "left_out": dict(sorted(self.left_out.items())),
            "artifacts": [one for _, one in sorted(self.artifacts.items())],
        }
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def leave_out(self, name: str, reason: str) -> None:
        """Note a distribution that there is no artifact of."""
        self.artifacts.pop(name, None)
        self.left_out[name] = reason

    def add(self, specimen: Specimen, built: Built, report: Report, truth: Truth, said: Comparison) -> dict[str, Any]:
        """Note what came of an artifact."""
        layer = next(one for one in report.artifacts if one.role == "layer")
        row = {
            "name": specimen.name,
            "requirement": specimen.requirement,
            "version": built.version,
            "distributions": len(built.installed),
            "zipped_bytes": layer.zipped_bytes,
            "unzipped_bytes": layer.unzipped_bytes,
            "engine": truth.engine,
            "verdict": str(report.verdict),
            "imports": truth.imports,
            "extensions": truth.count("extension", "unimportable"),
            "libraries": truth.count("library", "dependent"),
            "broken": [asdict(one) for one in said.broken],
            "errors": [asdict(one) for one in said.errors],
            "warnings": said.warnings,
            "undone": said.undone,
            "seconds": round(report.seconds, 1),
        }
        self.left_out.pop(specimen.name, None)
        self.artifacts[specimen.name] = row
        return row

    def summary(self) -> Iterator[tuple[str, int]]:
        """The figures that one wants to know."""
        rows = self.artifacts.values()
        errors = [one for row in rows for one in row["errors"]]
        broken = [one for row in rows for one in row["broken"]]
        yield "artifacts", len(rows)
        yield "left out", len(self.left_out)
        yield "that import", sum(row["imports"] for row in rows)
        yield "extensions", sum(row["extensions"] for row in rows)
        yield "libraries", sum(row["libraries"] for row in rows)
        yield "broken", len(broken)
        yield "broken, unexplained", sum(not one["reason"] for one in broken)
        yield "broken, unsaid", sum(not one["said"] for one in broken)
        yield "errors", len(errors)
        for judgement in Judgement:
            yield f"errors, {judgement}", sum(one["judgement"] == judgement for one in errors)
        yield "warnings", sum(count for row in rows for count in row["warnings"].values())


def complaints(row: dict[str, Any]) -> Iterator[str]:
    """The results that need a judgement."""
    for one in row["errors"]:
        if one["judgement"] == Judgement.FALSE_ALARM:
            yield f"FALSE ALARM {one['check']}: {one['message']}\n    where {one['where']}"
    for one in row["broken"]:
        if not one["reason"]:
            yield f"UNEXPLAINED {one['name']}: {one['error']}"
    for check, reason in row["undone"].items():
        if not row["errors"]:  # an error explains why something else could not be done
            yield f"UNDONE {check}: {reason}"


def line(row: dict[str, Any]) -> str:
    """An artifact in a line."""
    size = row["unzipped_bytes"] / (1 << 20)
    parts = [
        f"{row['name']} {row['version']}".ljust(42),
        f"{size:7.1f} MB",
        row["verdict"].ljust(10),
        "imports   " if row["imports"] else "NO IMPORT ",
        f"{row['extensions']:4} extensions",
        f"{sum(row['warnings'].values()):4} warnings",
        f"{row['seconds']:6.1f} s",
    ]
    return "  ".join(parts)
