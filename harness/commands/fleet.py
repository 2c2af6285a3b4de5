"""``fleet``: verify many projects, or the functions of an account, as one."""

from __future__ import annotations

import argparse
import os
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.commands import verdict_cache
from harness.commands.options import EXIT_CODES, Once, add, engine_of, one_of
from harness.commands.output import Outputs, show
from harness.commands.progress import Progress
from harness.model import ExitCode, UsageError
from harness.plain_text import printed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.fleet.judge import Exchange, Judge
    from harness.fleet.values import Member

DESCRIPTION = (
    "Verifies all that is below folders, in a list, or in an account: `fleet PLACE...`. `fleet find WHAT PLACE...` "
    "shows which functions have a distribution ('urllib3<2.6'), a layer (its ARN or path) or a runtime that ends "
    "(runtime<2027-01-31); `fleet rehearse PLACE... --layer OLD=NEW.zip` what a new layer would break."
)
FIND, REHEARSE = "find", "rehearse"
STATE = "fleet-state.json"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``fleet``."""
    parser.description, parser.epilog = DESCRIPTION, EXIT_CODES
    group = parser.add_argument_group("what")
    group.add_argument("places", metavar="PLACE", nargs="*", help="a folder with projects; find or rehearse first")
    option = group.add_argument
    option("--list", metavar="FILE", action=Once, type=Path, help="a folder, manifest or build output a line")
    option("--account", action="store_true", help="the functions of the AWS account; they are not started")
    option("--prefix", metavar="P", action=Once, help="of the account, those whose names begin so")
    option("--tag", metavar="K=V", action="append", default=[], help="of the account, those with this tag; repeatable")
    option("--team-tag", metavar="K", action=Once, help="the tag that names a function's team (default: no teams)")
    option("--state", metavar="FILE", action=Once, type=Path, help=f"how far the account is read (default: {STATE})")
    option(
        "--layer", metavar="OLD=NEW", action=Once, help="for rehearse: a path, a name or an ARN, and the new archive"
    )
    group = parser.add_argument_group("how")
    add(group, "--engine", "--image", "--python", "--profile", "--strict", "--init-timeout")
    option = group.add_argument
    option(
        "--jobs", metavar="N", action=Once, type=_count, help="processes on this machine (default: one for each core)"
    )
    option(
        "--shard", metavar="I/N", action=Once, type=_shard, help="judge the I-th of N shares, which take equally long"
    )
    option(
        "--since",
        metavar="FILE",
        action="append",
        default=[],
        type=Path,
        help="a JSON report of an earlier run, or of each of its shards: what is new since, and how long each takes",
    )
    option(
        "--cluster", metavar="C", action=Once, help="judge on Dask's workers: tcp://HOST:PORT, local:N, or FILE.toml"
    )
    verdict_cache.add_options(group)
    group = parser.add_argument_group("output")
    add(group, "--format", "--output")
    group.add_argument("--reports", metavar="FOLDER", action=Once, type=Path, help="each member's own report, in HTML")
    group.add_argument("-v", "--verbose", action="store_true", help="explain warnings, too")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Verify a fleet, or search it.

    Returns:
        The exit code that the report earns.

    Raises:
        UsageError: The request is wrong.
    """
    from harness.cache.folder import cache_folder, using
    from harness.fleet.document import FORMATS
    from harness.fleet.json_v1 import earlier
    from harness.fleet.members import sharded
    from harness.fleet.verification import rehearse, verify

    action = options.places.pop(0) if options.places[:1] in ([FIND], [REHEARSE]) else "verify"
    outputs = Outputs.of(options, FORMATS)
    last = earlier(*options.since) if options.since else None
    with Progress(sys.stderr) as progress, using(cache_folder(environ)):
        if action == FIND:
            return _find(options, environ, progress)
        exchange = _exchange(options) if action == REHEARSE else None
        members, notes = _members(options, environ, progress)
        verdicts = verdict_cache.verdict_cache(options, environ, outputs)  # which says here what is wrong with it
        notes = (*notes, verdicts.absence) if verdicts and verdicts.absence else notes
        judge = _judge(options, environ, outputs)
        shard = ""
        if options.shard:
            members, shard = sharded(members, last or {}, *options.shard), "{}/{}".format(*options.shard)
        judged = _judged(options, progress)
        report = rehearse(members, judge, exchange, judged) if exchange else verify(members, judge, last, judged)
    report = replace(report, shard=shard, notes=(*report.notes, *notes))

    def text(name: str, **style: Any) -> str:  # noqa: ANN401 - what a terminal can do
        verbose = {"verbose": options.verbose} if name == "terminal" else {}
        return FORMATS[name](report, **verbose, **style)

    if options.reports:
        options.reports.mkdir(parents=True, exist_ok=True)
        (options.reports / "index.html").write_text(text("html"), encoding="utf-8")
    return show(outputs.write(text, environ), report.verdict.exit_code)


def _members(
    options: argparse.Namespace, environ: Mapping[str, str], progress: Progress
) -> tuple[list[Member], tuple[str, ...]]:
    """Who is in the fleet, and notes on who is not.

    Raises:
        UsageError: Nobody is.
    """
    from harness.fleet.members import in_folder, of_list

    if options.account:
        return _of_account(options, environ, progress)
    if options.prefix or options.tag or options.team_tag or options.state:
        raise UsageError("--prefix, --tag, --team-tag and --state go with --account")
    if not options.places and not options.list:
        raise UsageError("name folders, a list with --list, or --account")
    members: list[Member] = [*(of_list(options.list) if options.list else ())]
    for place in options.places:
        members += in_folder(Path(place))
    return members, ()


def _of_account(
    options: argparse.Namespace, environ: Mapping[str, str], progress: Progress
) -> tuple[list[Member], tuple[str, ...]]:
    from harness.cache.folder import cache_folder
    from harness.fleet.account import Account
    from harness.sources.aws import Aws

    if options.places or options.list:
        raise UsageError("--account or folders, not both")
    if options.engine not in {"auto", "none"}:
        raise UsageError("--account reads no values of variables, so that handlers are not started: leave out --engine")
    if wrong := [tag for tag in options.tag if "=" not in tag]:
        raise UsageError(f"--tag {wrong[0]}: write it as KEY=VALUE")
    options.engine = "none"
    account = Account(
        aws=Aws(options.profile, patient=True),
        cache=cache_folder(environ),
        state_file=options.state or Path(STATE),
        progress=progress.show,
        prefix=options.prefix or "",
        tags=dict(tag.split("=", 1) for tag in options.tag),
        team_tag=options.team_tag,
    )
    members, others = account.members()
    return [*members], tuple(f"not covered: {name}: {reason}" for name, reason in sorted(others.items()))


def _judge(options: argparse.Namespace, environ: Mapping[str, str], outputs: Outputs) -> Judge:
    from harness.cache.folder import cache_folder
    from harness.fleet.judge import Judge

    return Judge(
        choice=engine_of(options).value,
        cache=cache_folder(environ),
        environ=dict(environ),
        today=datetime.now(tz=UTC).date(),
        image=options.image,
        python=options.python,
        strict=options.strict,
        init_timeout=options.init_timeout,
        profile=options.profile,
        verdicts=partial(verdict_cache.verdict_cache, options, dict(environ), outputs),
        reports=options.reports.absolute() if options.reports else None,
    )


def _judged(options: argparse.Namespace, progress: Progress) -> Any:  # noqa: ANN401 - see harness.fleet.verification
    from harness.fleet import pool

    if options.cluster:
        from harness.fleet import cluster

        return partial(cluster.judged, place=options.cluster, progress=progress.show)
    jobs = options.jobs or len(os.sched_getaffinity(0))
    return partial(pool.judged, jobs=jobs, progress=progress.show)


def _exchange(options: argparse.Namespace) -> Exchange:
    from harness.fleet.judge import Exchange
    from harness.manifest import Source, SourceKind

    old, _, new = (options.layer or "").rpartition("=")
    if not old:
        raise UsageError("rehearse: name the layer and the archive that takes its place, as in --layer OLD=NEW.zip")
    if not Path(new).exists():
        raise UsageError(f"--layer {options.layer}: {new} is not there; build it first")
    return Exchange(old, Source(new, Path(new).absolute(), SourceKind.LOCAL))


def _find(options: argparse.Namespace, environ: Mapping[str, str], progress: Progress) -> int:
    import msgspec

    from harness.cache.folder import cache_folder
    from harness.fleet.search import Search

    if not options.places:
        raise UsageError("find: name what to look for: 'urllib3<2.6', a layer's ARN or path, or runtime<2027-01-31")
    one_of("--format", options.format, ("terminal", "json"))
    search = Search(options.places.pop(0), cache_folder(environ), environ)
    members, _ = _members(options, environ, progress)
    found = search.run(members, progress.show)
    code = ExitCode.INCOMPLETE if found.undone else ExitCode.OK
    if options.format == "json":
        return show(printed(msgspec.json.format(msgspec.json.encode(found), indent=2).decode()) + "\n", code)
    lines = [
        "  ".join(filter(None, (one.team, one.member, one.function, one.what, one.where))) for one in found.matches
    ]
    lines += [f"NOT DONE  {name}: {reason}" for name, reason in found.undone.items()]
    functions = len({(one.member, one.function) for one in found.matches})
    return show(printed("\n".join((*lines, f"{functions:,} functions have {found.query}"))) + "\n", code)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 1024:  # noqa: PLR2004 - more than any machine has
        raise argparse.ArgumentTypeError(f"expected a number of processes, found {text}")
    return int(text)


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,4})/([1-9]\d{0,4})", text)
    if not found or int(found[1]) > int(found[2]):
        raise argparse.ArgumentTypeError(f"expected I/N, such as 2/5, found {text}")
    return int(found[1]), int(found[2])
