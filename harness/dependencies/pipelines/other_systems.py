"""Caches of Azure Pipelines (``Cache@2``), CircleCI (``save_cache``) and GitLab CI (keys that are made of files)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness.dependencies.pipelines.cache_step import CacheStep, inside, substituted
from harness.dependencies.pipelines.scripts import keys_by_hand, shell
from harness.dependencies.yaml_nodes import child, entries, items, line, mappings, scalar, scalars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from yaml.nodes import Node

    from harness.dependencies.pipelines.shell import Shell

# Variables and templates that a key may be made of, too: they say nothing about the content of files.
_AZURE_CONSTANT: Final = re.compile(
    r"Agent\.(?:OS|OSArchitecture|JobName|MachineName)|System\.JobName|"
    r"Build\.(?:SourceBranch|SourceBranchName|DefinitionName|Repository\.Name)",
    re.IGNORECASE,
)
_CIRCLECI_CONSTANT: Final = re.compile(r"\s*(?:\.Branch|arch)\s*")
_GITLAB_CONSTANT: Final = re.compile(
    r"CI_(?:COMMIT_(?:REF_SLUG|REF_NAME|BRANCH)|DEFAULT_BRANCH|JOB_(?:NAME|NAME_SLUG|STAGE|IMAGE)|PROJECT_\w+|"
    r"RUNNER_EXECUTABLE_ARCH)"
)
_AZURE_TASK: Final = re.compile(r"Cache(?:Beta)?@\d+")
_AZURE_VARIABLE: Final = re.compile(r"\$\(([\w.-]+)\)")
_AZURE_WORKSPACES: Final = ("$(Build.SourcesDirectory)", "$(System.DefaultWorkingDirectory)")
_AZURE_PATH: Final = re.compile(r"[./*]")  # a segment without any of these is a word
_CIRCLECI_TEMPLATE: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_CIRCLECI_CHECKSUM: Final = re.compile(r"\s*checksum\s+\"([^\"]+)\"\s*")
_CIRCLECI_PARAMETER: Final = "<<"
_GITLAB_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_GITLAB_WORKSPACES: Final = ("$CI_PROJECT_DIR", "${CI_PROJECT_DIR}")


def azure(document: Node, name: str, source: Callable[[str], str]) -> Iterator[CacheStep]:
    """The caches of all jobs and templates of a file."""
    every = tuple(mappings(document))
    known = {key: text for mapping in every for key, text in _literals(mapping).items()}
    tasks = (mapping for mapping in every if _AZURE_TASK.fullmatch(scalar(child(mapping, "task")) or ""))
    state = shell(document, name, source)
    yield from dict.fromkeys(step for task in tasks for step in _azure_step(task, known, state))
    yield from keys_by_hand(state)


def _azure_step(task: Node, known: Mapping[str, str], state: Shell) -> Iterator[CacheStep]:
    node = child(task, "inputs", "key")
    key = scalar(node)
    if node is None or key is None or "${{" in key or "$[" in key:
        return
    hashed: list[tuple[str, ...]] = []
    for segment in substituted(key, _AZURE_VARIABLE, known).split("|"):
        made = [value for name in _AZURE_VARIABLE.findall(segment) if (value := state.variables.get(name))]
        if made and all(value.keyed for value in made):
            hashed += (value.files for value in made)
            continue
        patterns = _azure_patterns(segment)
        variables = _AZURE_VARIABLE.findall(" ".join(patterns) or segment)
        if not all(map(_AZURE_CONSTANT.fullmatch, variables)):
            return
        if patterns:
            hashed.append(tuple(patterns))
    path = inside(substituted(scalar(child(task, "inputs", "path")) or "", _AZURE_VARIABLE, known), *_AZURE_WORKSPACES)
    paths = () if "$(" in path else (path,)
    yield _cache(node, paths, tuple(hashed), state)


def _azure_patterns(segment: str) -> Sequence[str]:
    """The patterns of a segment of a key; none where it is a word."""
    if re.fullmatch(r"\"[^\"]*\"", segment.strip()):
        return ()
    written = [text.strip() for text in segment.split(",")]
    patterns = [
        f"{'!' if text.startswith('!') else ''}{inside(text.lstrip('!'), *_AZURE_WORKSPACES)}" for text in written
    ]
    return patterns if _AZURE_PATH.search(_AZURE_VARIABLE.sub("", "".join(patterns))) else ()


def circleci(document: Node, name: str, source: Callable[[str], str]) -> Iterator[CacheStep]:
    """The caches of all jobs and commands of a file."""
    every = tuple(mappings(document))
    folders = (scalar(child(mapping, "working_directory")) for mapping in every)
    roots = ("~/project", *(text.rstrip("/") for text in folders if text))
    saves = (child(mapping, "save_cache") for mapping in every)
    state = shell(document, name, source)
    yield from dict.fromkeys(step for save in saves if save is not None for step in _circleci_step(save, roots, state))
    yield from keys_by_hand(state)


def _circleci_step(save: Node, roots: Sequence[str], state: Shell) -> Iterator[CacheStep]:
    node = child(save, "key")
    key = scalar(node)
    if node is None or key is None or _CIRCLECI_PARAMETER in key:
        return
    hashed: list[tuple[str, ...]] = []
    for template in _CIRCLECI_TEMPLATE.findall(key):
        if checksum := _CIRCLECI_CHECKSUM.fullmatch(template):
            path = inside(checksum[1], *roots)
            made = state.contents.get(checksum[1]) or state.contents.get(path)
            hashed.append(made.files if made is not None and made.keyed else (path,))
        elif not _CIRCLECI_CONSTANT.fullmatch(template):
            return
    paths = tuple(inside(path, *roots) for path in scalars(child(save, "paths")) if _CIRCLECI_PARAMETER not in path)
    yield _cache(node, paths, tuple(hashed), state)


def gitlab(document: Node, name: str, source: Callable[[str], str]) -> Iterator[CacheStep]:
    """The caches of all jobs of a file, and those that jobs share."""
    shared, state = _literals(document), shell(document, name, source)
    yield from dict.fromkeys(
        step
        for holder in (document, *(value for _, value in entries(document)))
        if (caches := child(holder, "cache"))
        for cache in items(caches) or (caches,)
        for step in _gitlab_step(cache, {**shared, **_literals(holder)}, state)
    )
    yield from keys_by_hand(state)


def _gitlab_step(cache: Node, known: Mapping[str, str], state: Shell) -> Iterator[CacheStep]:
    key = child(cache, "key")
    files = child(key, "files") or child(key, "files_commits")
    if key is None or files is None:
        return  # one key for a branch or a job: its archives are replaced by every run
    patterns = [substituted(text, _GITLAB_VARIABLE, known) for text in scalars(files)]
    prefix = substituted(scalar(child(key, "prefix")) or "", _GITLAB_VARIABLE, known)
    variables = [braced or bare for braced, bare in _GITLAB_VARIABLE.findall(prefix)]
    if any("$" in text for text in patterns) or not all(map(_GITLAB_CONSTANT.fullmatch, variables)):
        return
    written = (substituted(text, _GITLAB_VARIABLE, known) for text in scalars(child(cache, "paths")))
    paths = (inside(text, *_GITLAB_WORKSPACES) for text in written)
    yield _cache(key, tuple(path for path in paths if "$" not in path), (tuple(patterns),), state)


def _cache(key: Node, paths: tuple[str, ...], hashed: tuple[tuple[str, ...], ...], state: Shell) -> CacheStep:
    where = f"{state.name}:{line(key)}"
    return CacheStep(where, paths, hashed, installed=tuple(state.installed), made=tuple(state.made))


def _literals(node: Node | None) -> dict[str, str]:
    """The variables that are given a value in the file, as a mapping or as a list of names and values."""
    variables = child(node, "variables")
    listed = ((scalar(child(item, "name")), child(item, "value")) for item in items(variables))
    values = ((name, scalar(value)) for name, value in (*entries(variables), *listed))
    return {name: text for name, text in values if name is not None and text is not None and "$" not in text}
