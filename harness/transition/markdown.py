"""For the summary of a CI job or a comment on a pull request, in GitHub's Markdown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.plain_text import harmless
from harness.reporters import text
from harness.reporters.markdown import findings
from harness.reporters.markup import LONGEST, code, document, prose, table
from harness.transition import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.transition.values import Transition


def render(transition: Transition) -> str:
    """Renders a transition as Markdown.

    Args:
        transition: What to render.

    Returns:
        A document that starts with a heading of level 2.
    """
    transition = text.map_text(transition, partial(harmless, longest=LONGEST))
    verdict, _, rest = words.headline(transition).partition(": ")
    blocks = (
        f"## Lambda transition: {verdict}",
        prose(rest),
        table(words.COLUMNS, (tuple(map(prose, row)) for row in words.rows(transition))),
        "\n".join(f"- **{label}:** {prose(said)}" for label, said in words.steps(transition)),
        *findings(words.findings(transition)),
        *_undone(transition),
        "### Looked at",
        table(
            ("side", "archive", "source", "SHA-256"),
            (
                (label, prose(one.role), code(one.source), code(one.sha256[:12]))
                for label, side in (("from", transition.before), ("to", transition.after))
                for one in side.artifacts
            ),
        ),
        "\n".join(_tail(transition)),
    )
    return document(blocks)


def _undone(transition: Transition) -> Iterator[str]:
    if transition.undone:
        yield "### Not looked at"
        yield "\n".join(f"- {prose(places)}: {prose(reason)}" for reason, places in words.undone(transition).items())


def _tail(transition: Transition) -> Iterator[str]:
    caveats = dict.fromkeys(caveat for ran in transition.ran for caveat in ran.engine.caveats)
    said = (
        *(("on", platform) for platform in words.platforms(transition)),
        *(("caveat", caveat) for caveat in caveats),
        *(("note", note) for note in transition.notes),
    )
    return (f"- **{label}:** {prose(one)}" for label, one in said)
