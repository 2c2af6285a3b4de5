from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import ArtifactInfo, Completed, FunctionInfo, Import, InitProfile, Severity, Share
from harness.reporters import FORMATS, verification
from harness.reporters.html import import_graph, treemap, waterfall
from tests.reporters.reports import ALL, CODE, ENEMY, HOSTILE, LAYER, MISSING, MIXED, PASSED, report, result

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from harness.model import Report

SVG, HTML = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xhtml}"
FILLED = replace(LAYER, unzipped_bytes=150, files=3, shares=(Share("numpy 2.5", 100, 2), Share("app/", 50, 1)))
ENEMY_ARCHIVE = ArtifactInfo(
    ENEMY, ENEMY, ENEMY, ENEMY, 1, 30, 1, ENEMY, (Share(ENEMY, 20, 1), Share(f"{ENEMY}2", 10, 1))
)
PROFILE = InitProfile(
    1.0,
    0.25,
    (
        Import("(Python starts)", None, 0.0, 0.1),
        Import("app.main", None, 0.1, 0.8),
        Import("app", 1, 0.1, 0.1),
        Import("numpy", 1, 0.3, 0.5),
        Import("numpy.core", 3, 0.4, 0.3),
        Import("tiny", 4, 0.4, 0.001),
    ),
)
HOSTILE_PROFILE = InitProfile(float("nan"), 1.0, (Import(ENEMY, None, 9.0, 1e6), Import(ENEMY, 0, 0.0, 1e6)))
ATTACK = replace(
    HOSTILE,
    artifacts=(ENEMY_ARCHIVE,),
    functions=(FunctionInfo(ENEMY, f"{ENEMY}.x", archives=(ENEMY,), runtime=ENEMY, profile=HOSTILE_PROFILE),),
    results=(
        result(ENEMY, Completed((replace(MISSING, chain=(ENEMY, f"{ENEMY}b", ENEMY)),)), ENEMY),
        *HOSTILE.results,
    ),
    unzipped_limit=40,
)
PROFILED = replace(PASSED, functions=(FunctionInfo("api", "app.main.handler", profile=PROFILE),))
REPORTS = {
    **ALL,
    "profiled": PROFILED,
    "attack": ATTACK,
    "filled": replace(PASSED, artifacts=(FILLED,), unzipped_limit=200),
}
each = pytest.mark.parametrize("said", REPORTS.values(), ids=REPORTS)


def parsed(page: str) -> Element:
    """The page as a browser has it; what a browser would have to mend is an error."""
    root: Element = html5lib.HTMLParser(strict=True).parse(page)
    return root


def words(root: Element) -> str:
    return " ".join(" ".join(root.itertext()).split())


@each
def test_a_page_is_valid_and_loads_and_runs_nothing(said: Report) -> None:
    page = FORMATS["html"](said)
    elements = list(parsed(page).iter("*"))

    assert {one.tag.removeprefix(HTML).removeprefix(SVG) for one in elements} <= {
        *("html", "head", "meta", "title", "style", "body", "a", "header", "nav", "main", "section"),
        *("h1", "h2", "h3", "h4"),
        *("p", "b", "br", "code", "pre", "span", "div", "dl", "dt", "dd", "ul", "li", "details", "summary"),
        *("figure", "figcaption", "table", "thead", "tbody", "tr", "th", "td", "svg", "rect", "text", "line", "path"),
    }
    attributes = {name: value for one in elements for name, value in one.items()}
    assert attributes.keys().isdisjoint({"src", "srcset", "style", "xlink:href", "srcdoc", "action"})
    assert not [name for name in attributes if name.startswith("on")]
    assert all(one.get("href", "#").startswith("#") for one in elements)
    ids = [one.get("id") for one in elements if one.get("id")]
    assert len(ids) == len(set(ids))
    assert {one.get("href", "#")[1:] for one in elements} - {""} <= set(ids)
    assert not re.search(r"url\(|@import|https?://", re.sub(r"(?s)</style>.*", "", page))


@each
def test_the_policy_admits_this_style_alone(said: Report) -> None:
    page = FORMATS["html"](said)
    ((style,), (policy,)) = re.findall(r"(?s)<style>(.*?)</style>", page), re.findall(r'Policy" content="(.*?)"', page)

    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@each
def test_it_says_what_the_terminal_says(said: Report) -> None:
    shown = words(parsed(FORMATS["html"](said)))
    document = verification.document(said)
    terminal = FORMATS["terminal"](said)

    assert shown.startswith(f"{document.verdict.upper()}: Lambda artifact")
    assert terminal.startswith(document.verdict.upper())
    if said in (HOSTILE, ATTACK):  # the terminal escapes these texts in its own way
        return
    parts = [document.summary, *(one.reason for one in document.not_done), *(one.words for one in document.facts)]
    for one in (*document.problems, *document.warnings):
        parts += [one.title, one.consequence, one.message, one.place, one.steps, one.chain, one.cause, one.also]
    assert [part for part in parts if " ".join(part.split()) not in shown] == []


def test_hostile_text_is_shown_to_the_letter() -> None:
    shown = words(parsed(FORMATS["html"](ATTACK)))

    letters = "a|b `c` ```d``` <script>alert(1)</script> [x](javascript:1) <!-- @everyone #1 *b* _i_ \\| $x$ ~~s~~"
    assert shown.count(letters) > 25


@pytest.mark.slow
@pytest.mark.parametrize(("long", "listed"), [("x", 5_000), (f"{ENEMY} {'<&>' * 2_000}", 100)], ids=["short", "long"])
def test_five_thousand_findings_are_less_than_two_megabytes(long: str, listed: int) -> None:
    findings = tuple(replace(MISSING, message=f"{number} {long}", cause=long, remedy=long) for number in range(5_000))
    imports = tuple(Import(f"m{number}.{long}", number - 1 if number else None, 0.1, 0.9) for number in range(200))
    archives = tuple(replace(FILLED, source=f"{number} {long}") for number in range(500))
    functions = tuple(
        FunctionInfo(f"{n} {long}", "a.b", archives=(archives[n].source,), profile=InitProfile(1.0, 0.0, imports))
        for n in range(500)
    )
    said = report(result("a", Completed(findings)))
    page = FORMATS["html"](
        replace(said, artifacts=archives, functions=functions, notes=(long,) * 5_000, unzipped_limit=200)
    )

    shown = words(parsed(page))
    assert len(page.encode()) < 2_000_000
    section = page[page.index('<section id="problems">') : page.index("</section>")]
    problems = section.count('id="problem-') + section.count("<tr><td>")
    assert problems >= listed
    left = f"{5_000 - problems:,} more are left out here; the JSON report has all of them."
    assert (left in shown) == (problems < 5_000)


def test_a_graph_leads_from_each_function_to_the_problem() -> None:
    functions = (FunctionInfo("api", "app.main.handler"), FunctionInfo("worker", "jobs.handler"))
    other = replace(MISSING, chain=("jobs", "app.services.carriers", "app.services.carriers.usps"))
    said = report(result("a", Completed((MISSING,)), "api"), result("a", Completed((other,)), "worker"))
    (problem,) = verification.document(replace(said, functions=functions)).problems

    graph = import_graph.drawn(problem, functions)

    assert graph is not None
    assert [(above.label, below.label) for above, below in graph.edges] == [
        *pairwise(("function api", *MISSING.chain, "No module named 'defusedxml'")),
        *pairwise(("function worker", "jobs", "app.services.carriers")),
    ]
    assert all(above.y < below.y for above, below in graph.edges)
    assert {node.kind for node in graph.nodes if "defusedxml" in node.label} == {"end"}


def test_a_long_chain_and_many_are_cut() -> None:
    chains = [("app.main", *(f"m{number}.{at}" for at in range(40))) for number in range(30)]
    said = report(result("a", Completed(tuple(replace(MISSING, chain=chain) for chain in chains))))
    (problem,) = verification.document(said).problems

    graph = import_graph.drawn(problem, ())

    assert graph is not None
    assert graph.left > 18
    assert len(graph.nodes) < 60
    assert not import_graph.drawn(verification.document(MIXED).problems[1], ())


@given(
    st.lists(st.lists(st.integers(1, 10**8), min_size=1, max_size=30), min_size=1, max_size=6), st.integers(1, 10**9)
)
def test_areas_of_the_treemap_are_bytes(sizes: list[list[int]], limit: int) -> None:
    artifacts = tuple(
        replace(
            CODE,
            source=f"{number}.zip",
            unzipped_bytes=sum(each),
            shares=tuple(Share(f"d{at}", size, 1) for at, size in enumerate(sorted(each, reverse=True))),
        )
        for number, each in enumerate(sizes)
    )
    functions = (FunctionInfo("api", "a.b", archives=tuple(one.source for one in artifacts)),)
    said = replace(PASSED, artifacts=artifacts, functions=functions, unzipped_limit=limit)

    (one,) = treemap.maps(verification.document(said))

    used = sum(map(sum, sizes))
    assert sum(box.share.size for box in one.boxes) == max(used, limit)
    assert sum(box.share.size for box in one.boxes if box.archive is None) == max(0, limit - used)
    scale = treemap.WIDTH * treemap.HEIGHT / max(used, limit)
    for box in one.boxes:
        assert box.width * box.height == pytest.approx(box.share.size * scale, rel=1e-3, abs=0.01)
        assert -0.01 <= box.x <= box.x + box.width <= treemap.WIDTH + 0.01
        assert -0.01 <= box.y <= box.y + box.height <= treemap.HEIGHT + 0.01


def test_functions_with_the_same_archives_share_a_map() -> None:
    functions = (
        FunctionInfo("a", "a.b", archives=("code.zip", "layer.zip")),
        FunctionInfo("b", "a.b", archives=("code.zip", "layer.zip")),
        FunctionInfo("c", "a.b", archives=("code.zip",)),
        FunctionInfo("d", "a.b", archives=("unread.zip",)),
    )
    artifacts = tuple(replace(FILLED, source=f"{name}.zip") for name in ("code", "layer"))
    document = verification.document(replace(PASSED, artifacts=artifacts, functions=functions, unzipped_limit=200))

    assert [(one.functions, one.used) for one in treemap.maps(document)] == [(("a", "b"), 300), (("c",), 150)]
    assert "100.0 KB too much" not in FORMATS["html"](replace(PASSED, artifacts=artifacts))


def test_a_warning_is_explained_as_an_error_is() -> None:
    finding = replace(MISSING, severity=Severity.WARNING)
    page = FORMATS["html"](report(result("a", Completed((finding,)))))
    assert 'class="problem warning"' in page
    assert "Build the layer from requirements.txt again" in page


def test_a_waterfall_has_what_can_be_seen_of_an_init() -> None:
    ((one),) = waterfall.waterfalls(PROFILED.functions)

    assert one.imported == pytest.approx(0.9)
    assert one.left == 1
    assert [(bar.name, bar.depth, bar.importer) for bar in one.bars] == [
        ("(Python starts)", 0, "the runtime"),
        ("app.main", 0, "the runtime"),
        ("app", 1, "the runtime"),
        ("numpy", 1, "app.main"),
        ("numpy.core", 2, "numpy"),
    ]
    assert [place for bar in one.bars[:2] for place in (bar.left, bar.width)] == pytest.approx([0, 10, 10, 80])
    assert [bar.own for bar in one.bars] == pytest.approx([0.1, 0.2, 0.1, 0.2, 0.299])
    assert [(cost.package, cost.modules, cost.importer) for cost in one.costs] == [
        ("numpy", 2, "app.main"),
        ("app", 2, "the runtime"),
        ("(Python starts)", 1, "the runtime"),
        ("tiny", 1, "numpy.core"),
    ]
    assert sum(cost.seconds for cost in one.costs) == pytest.approx(one.imported)
    assert "init of     api in 1.00 s: numpy 0.50 s (imported by app.main), tiny" in FORMATS["terminal"](PROFILED)
