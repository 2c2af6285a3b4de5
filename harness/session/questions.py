"""Asks the runtime about archives: whether a library loads, say; what it answered once is stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from harness.artifact.store import content_key
from harness.diagnosis import scripts
from harness.engines.protocol import Answered, Failed, Job, Observation, Start, Unavailable
from harness.session.answers import AnswerStore, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.check import Subject
    from harness.session.starts import Starts

QUESTION = "lambda_artifact_question.handler"  # no module: the probe answers in its place
QUESTION_MB = 2048  # for what all extensions of a large library need, each loaded by itself


@dataclass
class Questions:
    """What can be asked about archives, through the engine that starts their functions."""

    starts: Starts

    def ask(self, subject: Subject, questions: Sequence[str]) -> tuple[str, ...]:
        """The runtime's answers to questions about a subject's archives; see ``harness.check.Engines``.

        Raises:
            Unavailable: They could not be asked here, or got no answer.
        """
        task, opt = self.starts.trees(subject.bundle)
        starts = tuple(
            Start(
                function=f"question {number}",
                handler=QUESTION,
                memory=QUESTION_MB,
                timeout=subject.policy.limits.timeout_max_seconds,
                environment=scripts.for_python(subject.manifest.functions, subject.program),
                events=(question,),
                asks=True,
            )
            for number, question in enumerate(questions, 1)
        )
        answers = [key and self._saved.find(key) for key in self._keys(starts, task, opt)]
        if asked := tuple(start for start, answer in zip(starts, answers, strict=True) if answer is None):
            target = subject.policy, str(subject.manifest.architecture)
            limit, portable = self.starts.settings.init_timeout, lambda: not subject.facts.binaries
            job = Job(*target, task, opt, asked, limit, portable=portable)
            done = self.starts.run(job)
            self.starts.info = self.starts.info or done.info
            replies = iter([_reply(observation) for observation in done.observations])
            answers = [next(replies) if answer is None else answer for answer in answers]
            for key, answer in zip(self._keys(starts, task, opt), answers, strict=True):
                if key and answer:
                    self._saved.save(key, answer)
        return tuple(answer or "" for answer in answers)

    @cached_property
    def _saved(self) -> AnswerStore:
        return AnswerStore(self.starts.settings.cache / "answers")

    def _keys(self, starts: Sequence[Start], task: Path, opt: Path | None) -> list[str | None]:
        """The key of each answer, by all that it depends on; None where that is not known, or may change any time."""
        trees = [content_key(tree, self.starts.settings.cache) for tree in (task, opt) if tree]
        if self.starts.info is None or None in trees:
            return [None] * len(starts)
        return [key_of(start, self.starts.info, trees) for start in starts]


def _reply(seen: Observation) -> str:
    match seen:
        case Observation(answers=(Answered(body=body),)):
            return body
        case Observation(init=Failed(error=error)) | Observation(answers=(Failed(error=error),)):
            raise Unavailable(f"the runtime could not be asked about the archives: {error}.")
        case _:
            raise Unavailable("the runtime ended while it was asked about the archives.")
