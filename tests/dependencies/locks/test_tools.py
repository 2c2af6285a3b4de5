"""What is read of a lock is what the tool that wrote it says of it."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name

from fixtures.locks.tools import BY_FOLDER, HERE, TOOLS, Tool
from harness.dependencies.locks import read_lock
from harness.dependencies.project import MAIN, Edge, Group, Kind, Lock, MalformedFileError
from tests.dependencies.locks.lock_texts import declaring, needed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

DEV, POSTGRES = Group(Kind.GROUP, "dev"), Group(Kind.EXTRA, "postgres")
ROOTS: dict[Group, tuple[Edge, ...]] = {
    MAIN: (Edge("httpx", frozenset({"http2"})), Edge("shellingham"), Edge("zope-interface")),
    POSTGRES: (Edge("pg8000"),),
    DEV: (Edge("anyio", frozenset({"trio"})), Edge("pip-audit")),
}
# What comes along on Windows alone: some of the tools leave it out where they run elsewhere, and some do not.
WINDOWS = {"cffi", "colorama", "pycparser"}
OWN = "parcel-desk"
CHAIN = ["pip-audit", "cyclonedx-python-lib", "py-serializable", "defusedxml"]

WITH_GROUPS = [one for one in TOOLS if one.folder not in {"uv", "pip", "poetry-1.8"}]
WITH_GRAPH = [one for one in TOOLS if one.lock not in {"pylock.toml", "Pipfile.lock"}]


def read(path: Path) -> Lock:
    found = read_lock(path, path.parent, declaring(path.parent, DEV, POSTGRES, name=OWN))
    assert isinstance(found, Lock)
    # Pipenv has no extras: what is one elsewhere is a category of its own.
    return replace(found, packages=tuple(replace(one, groups=_as_extra(one.groups)) for one in found.packages))


def _as_extra(groups: frozenset[Group] | None) -> frozenset[Group] | None:
    category = Group(Kind.GROUP, POSTGRES.name)
    return groups if groups is None else frozenset(POSTGRES if one == category else one for one in groups)


def listed(lock: Lock, group: Group) -> set[str]:
    """What a list needs, by what the lock says of it."""
    return {one.name for one in lock.packages if one.groups is not None and group in one.groups} - WINDOWS


def reached(lock: Lock, group: Group) -> set[str]:
    """What a list needs, by what the lock says of dependencies."""
    edges = {one.name: one.dependencies or () for one in lock.packages}
    waiting = [(edge.name, extra) for edge in (lock.roots or ROOTS)[group] for extra in ("", *edge.extras)]
    found = set()
    while waiting:
        name, extra = one = waiting.pop()
        if one not in found and name in edges:
            found.add(one)
            waiting += [(e.name, also) for e in edges[name] if e.extra == extra for also in ("", *e.extras)]
    return {name for name, _ in found} - WINDOWS


@pytest.mark.parametrize("tool", WITH_GROUPS, ids=lambda tool: tool.folder)
def test_lists_are_told_apart(tool: Tool) -> None:
    lock = read(HERE / tool.folder / tool.lock)

    groups = {one.name: one.groups for one in lock.packages}
    assert {groups[name] for name in CHAIN} == {needed(DEV)}
    assert groups["pg8000"] == groups["scramp"] == needed(POSTGRES)
    assert groups["zope-interface"] == groups["hpack"] == needed(MAIN)


@pytest.mark.parametrize("tool", WITH_GRAPH, ids=lambda tool: tool.folder)
def test_what_is_needed_can_be_followed(tool: Tool) -> None:
    lock = read(HERE / tool.folder / tool.lock)

    edges = {one.name: {edge.name for edge in one.dependencies or ()} for one in lock.packages}
    assert all(one in edges[name] for name, one in pairwise(CHAIN))
    assert [group for group in ROOTS if "defusedxml" in reached(lock, group)] == [DEV]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.folder)
def test_every_entry_has_its_line(tool: Tool) -> None:
    path = HERE / tool.folder / tool.lock
    lines = path.read_text("utf-8").split("\n")

    for one in read(path).packages:
        file, _, line = one.where.partition(":")
        assert file == tool.lock
        found = re.search(r'^name = "(.+)"|^ {8}"(.+)": \{', lines[int(line) - 1])
        assert found is not None
        assert canonicalize_name(found[1] or found[2]) == one.name


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.folder)
def test_nothing_leads_to_a_registry(tool: Tool) -> None:
    hosts = set(re.findall(r"https?://([^/\"]+)", (HERE / tool.folder / tool.lock).read_text("utf-8")))

    assert hosts <= {"registry.example"}


POETRY = {(MAIN, POSTGRES): "poetry show --only main", (DEV,): "poetry show --only dev"}
PDM = {
    (MAIN,): "pdm export --prod --without-hashes",
    (MAIN, POSTGRES): "pdm export --prod --without-hashes -G postgres",
    (DEV,): "pdm export --no-default --without-hashes -G dev",
}
UV = "uv export --quiet --frozen --no-hashes --no-annotate --no-header"
LISTS: Mapping[str, Mapping[tuple[Group, ...], str]] = {
    "poetry-1.1": {(MAIN, POSTGRES): "poetry show --no-dev", (MAIN, POSTGRES, DEV): "poetry show"},
    "poetry-1.8": POETRY,
    "poetry-2.5": POETRY,
    "uv": {(MAIN,): f"{UV} --no-dev", (MAIN, POSTGRES): f"{UV} --no-dev --extra postgres", (DEV,): f"{UV} --only-dev"},
    "pdm-2.12": PDM,
    "pdm-2.26": PDM,
    "pdm-pylock": PDM,
    "pipenv": {
        (MAIN,): "pipenv requirements",
        (DEV,): "pipenv requirements --dev-only",
        (POSTGRES,): "pipenv requirements --categories postgres",
    },
}
TREES = {
    **dict.fromkeys(("poetry-1.1", "poetry-1.8", "poetry-2.5"), "poetry show --tree"),
    "uv": "uv tree --quiet --frozen --universal --no-dedupe",
}


def named(text: str) -> set[str]:
    names = re.findall(r"^[A-Za-z0-9][\w.-]*", text, re.MULTILINE)
    return {str(canonicalize_name(name)) for name in names} - WINDOWS


def branches(tree: str) -> set[tuple[str, str]]:
    """Who needs whom, by a tree that indents each level by four characters."""
    found, above = set(), list[str]()
    for line in tree.splitlines():
        if (name := re.search(r"[A-Za-z0-9][\w.-]*", line)) is not None:
            del above[name.start() // 4 :]
            found |= {(above[-1], canonicalize_name(name[0]))} if above else set()
            above.append(canonicalize_name(name[0]))
    return {edge for edge in found if edge[1] not in WINDOWS}


def edges_of(lock: Lock, *, extras: bool) -> set[tuple[str, str]]:
    """Who needs whom, of what is locked."""
    locked = {one.name for one in lock.packages} - WINDOWS
    every = ((one.name, edge) for one in lock.packages for edge in one.dependencies or ())
    return {(name, edge.name) for name, edge in every if edge.name in locked and (extras or not edge.extra)}


def united(several: Iterable[set[str]]) -> set[str]:
    return set().union(*several)


@pytest.mark.network
@pytest.mark.parametrize("folder", LISTS)
def test_a_fresh_lock_is_read_as_its_tool_reads_it(tmp_path: Path, folder: str) -> None:
    tool = BY_FOLDER[folder]
    lock = read(tool.write(tool.copy(tmp_path / "desk")))

    for groups, command in LISTS[folder].items():
        said = named(tool.run(tmp_path / "desk", *command.split()))
        assert "certifi" in said or groups == (POSTGRES,)
        if tool in WITH_GROUPS:
            assert united(listed(lock, group) for group in groups) == said
        if tool in WITH_GRAPH:
            assert united(reached(lock, group) for group in groups) == said
    if folder in TREES:
        told = branches(tool.run(tmp_path / "desk", *TREES[folder].split()))
        assert ("py-serializable", "defusedxml") in told
        assert edges_of(lock, extras=False) <= told
        assert {edge for edge in told if edge[0] not in {*WINDOWS, OWN}} <= edges_of(lock, extras=True)


@pytest.mark.network
def test_a_fresh_lock_of_pip_is_what_pip_would_install(tmp_path: Path) -> None:
    tool = BY_FOLDER["pip"]
    folder = tool.copy(tmp_path / "desk")
    lock = read(tool.write(folder))

    said = tool.run(folder, "pip", "install", "--dry-run", "--ignore-installed", ".[postgres]")

    would = re.search(r"^Would install (.+)$", said, re.MULTILINE)
    assert would is not None
    assert {f"{one.name}-{one.version}" for one in lock.packages if not one.url} == {
        f"{canonicalize_name(name)}-{version}"
        for name, version in (one.rsplit("-", 1) for one in would[1].split())
        if canonicalize_name(name) != OWN
    }


def test_a_lock_that_is_cut_off_is_malformed(tmp_path: Path) -> None:
    text = (HERE / "poetry-2.5" / "poetry.lock").read_text("utf-8")
    (tmp_path / "poetry.lock").write_text(text[: text.index("[metadata]")])

    with pytest.raises(MalformedFileError, match="missing required field `metadata`"):
        read(tmp_path / "poetry.lock")
