import json
from collections.abc import Iterator

from harness.check import Engines, Findings, Inapplicable, Need, Subject, define
from harness.facts.migrations.environments import Environment, environments, run_by
from harness.facts.python.search import Found
from harness.model import Finding, Note, Severity
from harness.plain_text import few

SHOWN = 5


@define(since="0.1", need=Need.RUNTIME)
def check(subject: Subject, engines: Engines) -> Findings:
    """Alembic reads the migrations in the runtime as their files say.

    ## Why it matters

    `migrations` reads the files; Alembic executes them: each revision is a module that is imported, with all that it
    imports itself, and a configuration may compute what it says. The archives' own Alembic is asked in the runtime for
    its script directory, its revisions and its heads, as `alembic upgrade` would, without a database.

    ## How to fix

    The finding has Alembic's own words. A revision that cannot be imported lacks what it imports, or does at module
    level what belongs into `upgrade()`. Where Alembic reads other revisions than the files tell of, look for a second
    configuration or a computed `version_locations`.
    """
    asked = [one for one in environments(subject.program) if one.there and not (one.config or "").endswith(".toml")]
    if not asked:
        raise Inapplicable("the artifact has no Alembic environment")
    if not all(isinstance(subject.program.search.find(f"alembic.{name}"), Found) for name in ("config", "script")):
        raise Inapplicable("the artifact has no Alembic to read its migrations")
    answers = engines.ask(subject, [json.dumps(_question(one)) for one in asked])
    for environment, answer in zip(asked, map(json.loads, answers), strict=True):
        sure = Severity.ERROR if run_by(subject.program, environment) else Severity.WARNING
        if answer["error"]:
            yield Finding(
                str(answer["error"]),
                environment.place,
                sure,
                "correct the revision or the configuration that Alembic names, and build the archive again",
                cause=f"Alembic said so when it read {environment.config or environment.folder} in the runtime",
            )
        else:
            yield from _compared(environment, tuple(answer["revisions"]), tuple(answer["heads"]))


def _question(environment: Environment) -> dict[str, str | None]:
    location = None if environment.config else environment.folder
    return {"ask": "migrations", "ini": environment.config, "section": environment.section, "location": location}


def _compared(environment: Environment, revisions: tuple[str, ...], heads: tuple[str, ...]) -> Iterator[Finding | Note]:
    history = environment.history
    static = {name for name, _ in history.revisions} if history else set(revisions)
    if differ := sorted(static.symmetric_difference(revisions)):
        yield Finding(
            f"Alembic reads {len(revisions)} revisions where the files have {len(static)}: {few(differ, SHOWN)}",
            environment.place,
            Severity.WARNING,
            "let the configuration name the folder that the archive has, and one only",
        )
    else:
        yield Note(
            f"Alembic reads {len(revisions)} revisions, {'head' if len(heads) == 1 else 'heads'} {', '.join(heads)}"
        )
