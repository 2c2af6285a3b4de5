"""Judges one member, in whichever process: this one, one of a pool, or a worker of a cluster."""

from __future__ import annotations

import hashlib
import os
import traceback
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.diagnosis.problems import problems, undone
from harness.engines.choice import Choice, engine
from harness.fleet.values import FoundProblem, MemberVerdict
from harness.model import Crashed, Skipped, UsageError, Verdict
from harness.plain_text import few
from harness.reporters import FORMATS
from harness.session.settings import Settings
from harness.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date
    from pathlib import Path

    from harness.fleet.values import Member
    from harness.manifest import Manifest, Source
    from harness.model import Report
    from harness.session.verdicts import VerdictCache

_SHOWN = 3
_NAME = 100  # characters of a member's name in that of a file


def is_layer(layer: Source, text: str) -> bool:
    """Whether a text names a layer: as it is declared, by its path, or by its ARN with or without the version."""
    named = {layer.text, layer.text.rpartition(":")[0] if layer.text.startswith("arn:") else layer.text}
    return text in named or (layer.path is not None and os.path.realpath(layer.path) == os.path.realpath(text))


@dataclass(frozen=True, slots=True)
class Exchange:
    """A layer that takes another's place: ``old`` is its name, its ARN or its path."""

    old: str
    new: Source

    def applied(self, manifest: Manifest) -> Manifest:
        """A manifest with the new layer in the old one's place."""

        def exchanged(layers: tuple[Source, ...]) -> tuple[Source, ...]:
            # Under the old one's name, so that what is said of it is the same where nothing has changed.
            return tuple(replace(self.new, text=layer.text) if is_layer(layer, self.old) else layer for layer in layers)

        functions = tuple(replace(one, layers=exchanged(one.layers)) for one in manifest.functions)
        return replace(manifest, layers=exchanged(manifest.layers), functions=functions)

    def concerns(self, manifest: Manifest) -> bool:
        """Whether a function of a manifest carries the old layer."""
        every = (manifest.layers, *(function.layers for function in manifest.functions))
        return any(is_layer(layer, self.old) for layers in every for layer in layers)


@dataclass(frozen=True)
class Judge:
    """How members are judged; made once in each process.

    Attributes:
        environ: The user's environment.
        verdicts: Makes the verdict cache of a process; None without one.
        reports: The folder for each member's own report in HTML; None without.
        exchange: A layer to rehearse.
    """

    choice: str
    cache: Path
    environ: Mapping[str, str]
    today: date
    image: str | None = None
    python: Path | None = None
    strict: bool = False
    init_timeout: float = 60.0
    profile: str | None = None
    verdicts: Callable[[], VerdictCache | None] | None = None
    reports: Path | None = None
    exchange: Exchange | None = None
    _settings: dict[str, Settings] = field(default_factory=dict, compare=False, repr=False)

    def __getstate__(self) -> dict[str, object]:
        """Without what belongs to a process."""
        return {**self.__dict__, "_settings": {}}

    def __call__(self, member: Member) -> MemberVerdict:
        """The verdict on a member; whatever goes wrong is in it."""
        verdict = MemberVerdict(member.name, member.team)
        try:
            manifest = member.manifest(self.environ)
            manifest = self.exchange.applied(manifest) if self.exchange else manifest
            report = verify(manifest, self.settings)
        except UsageError as wrong:
            return replace(verdict, reason=str(wrong))
        except Exception as error:  # noqa: BLE001 - one member must not silence the others
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{os.path.basename(where.filename)}:{where.lineno}"  # noqa: PTH119 - a text
            return replace(verdict, reason=f"{type(error).__name__}: {error} ({place})")
        if self.reports:
            _write(self.reports, member.name, report)
        return summary(verdict, report)

    @property
    def settings(self) -> Settings:
        """How to verify, with an engine and a verdict cache that all members of this process share."""
        if "" not in self._settings:
            choice = Choice(self.choice)
            self._settings[""] = Settings(
                engine=engine(choice, self.environ, self.cache, self.image, self.python),
                cache=self.cache,
                progress=lambda _: None,
                today=self.today,
                strict=self.strict,
                static=choice is Choice.NONE,
                init_timeout=self.init_timeout,
                profile=self.profile,
                verdicts=self.verdicts() if self.verdicts else None,
            )
        return self._settings[""]


def summary(verdict: MemberVerdict, report: Report) -> MemberVerdict:
    """What a fleet's report has of a member's own."""
    found = tuple(
        FoundProblem(one.id, one.severity, one.stage, one.title, one.functions, str(one.edits[0]) if one.edits else "")
        for one in problems(report)
    )
    return replace(
        verdict,
        functions=tuple((one.name, one.runtime or report.runtime) for one in report.functions),
        verdict=report.verdict,
        problems=found,
        reason=_reason(report),
        archives=tuple((one.role, one.sha256) for one in report.artifacts),
        seconds=sum(one.seconds for one in report.results) if report.from_verdict_cache else report.seconds,
        from_verdict_cache=report.from_verdict_cache,
        verified_at=report.verified_at,
    )


def _reason(report: Report) -> str:
    """Why not everything was done; empty where it was."""
    if not report.incomplete:
        return ""
    reasons = {
        f"{one.check}: {one.outcome.reason if isinstance(one.outcome, Skipped) else one.outcome.summary}": None
        for one in undone(report)
        if isinstance(one.outcome, Skipped | Crashed)
    }
    if not reasons and report.verdict is Verdict.INCOMPLETE:
        return "nothing was checked, or the handlers had no sandbox around them"
    return few(list(reasons), _SHOWN, "; ")


def report_name(member: str) -> str:
    """The file of a member's own report: its name as far as file systems take it, and what tells it from others."""
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in member)
    return f"{plain[:_NAME]}-{hashlib.sha256(member.encode()).hexdigest()[:8]}.html"


def _write(folder: Path, member: str, report: Report) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / report_name(member)).write_text(FORMATS["html"](report), encoding="utf-8")
