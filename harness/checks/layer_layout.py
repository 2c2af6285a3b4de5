"""See the check."""

import re
from collections.abc import Iterator

from harness.artifact.entries import Archive, Kind
from harness.check import Engines, Findings, Subject, define
from harness.model import Finding, Severity

# What Lambda reads in a layer by itself (developer guide, page packaging-layers).
KNOWN = ("python/", "lib/", "bin/", "extensions/")
VERSIONED = re.compile(r"python/lib/(python3\.\d+)/site-packages/(.+)")
# A folder that somebody zipped along, or put one level too deep.
MISPLACED = re.compile(r"(.*?(?:^|/)(?:python/python|site-packages|python))/(?=[^/]+)")
MODULE = re.compile(r"(?:.*/)?(?:[^/]+\.dist-info/METADATA|[^/]+\.py|[^/]+\.so)")


@define(since="0.1")
def check(subject: Subject, engines: Engines) -> Findings:
    """Every layer has its modules where Python looks for them.

    ## Why it matters

    A layer is unpacked at `/opt`, and Python looks in `/opt/python` and `/opt/python/lib/python3.12/site-packages`
    only. Modules at the layer's root, in `python/python/`, in `python/site-packages/` or in the `site-packages` of
    another Python version are there and cannot be imported: `No module named 'x'`. Where two layers disagree on whether
    a path is a file or a folder, publishing or attaching them fails with `Layer conversion failed`.

    ## How to fix

    Install into a folder named `python` and zip that folder, not what is in it:
    `pip install --target build/python -r requirements.txt && cd build && zip -r layer.zip python`.
    """
    del engines
    version = "python{}.{}".format(*subject.policy.python)
    for layer in subject.bundle.layers:
        yield from _layer(layer, version)
    for clash in subject.bundle.clashes:
        yield Finding(
            f"Layer conversion failed: {clash.path} is a file in {clash.file.source} and a folder in "
            f"{clash.folder.source}",
            f"{clash.file.source}!{clash.path.removeprefix('/opt/')}",
            remedy="rename the file, or leave the layer out that does not need the path",
        )


def _layer(layer: Archive, version: str) -> Iterator[Finding]:
    names = [entry.name for entry in layer.entries if entry.kind is not Kind.DIRECTORY]
    if not names:
        yield Finding(
            "the layer is empty",
            layer.source,
            remedy="look at the step that installs into it: a missing requirements file is no error for every tool",
        )
        return
    lost = _lost(names, version)
    if not lost:
        if not any(name.startswith(KNOWN) for name in names):
            yield _unused(layer, names)
        return
    # Modules in their place too: then what lies elsewhere may be meant for a path that the code adds itself.
    placed = any(MODULE.fullmatch(name) and name not in set(lost) for name in names if name.startswith("python/"))
    folder = _folder(lost)
    yield Finding(
        f"{len(lost):,} files of Python modules lie in {folder or 'the root of the layer'}, where Python "
        f"{version.removeprefix('python')} does not look: `No module named {_module(lost[0], folder)!r}`",
        f"{layer.source}!{lost[0]}",
        Severity.WARNING if placed else Severity.ERROR,
        f"build the layer so that they lie in python/ or in python/lib/{version}/site-packages/",
    )


def _lost(names: list[str], version: str) -> list[str]:
    """Files of Python modules that no entry of ``sys.path`` leads to."""
    versions = {found[1] for name in names if (found := VERSIONED.fullmatch(name))}
    lost = []
    for name in names:
        if not MODULE.fullmatch(name):
            continue
        if found := VERSIONED.fullmatch(name):
            # A layer for several runtimes has a folder for each; one for others only has lost them all.
            if version not in versions and found[1] != version:
                lost.append(name)
        elif name.startswith(("python/python/", "python/site-packages/", "python/lib/site-packages/")):
            lost.append(name)
        elif not name.startswith(KNOWN):
            lost.append(name)
    return lost


def _folder(lost: list[str]) -> str:
    found = MISPLACED.match(lost[0]) or VERSIONED.fullmatch(lost[0])
    if found and VERSIONED.fullmatch(lost[0]):
        return lost[0].partition("/site-packages/")[0] + "/site-packages"
    return found[1] if found else ""


def _module(name: str, folder: str) -> str:
    return re.split(r"[/.]|-\d", name.removeprefix(folder).lstrip("/"), maxsplit=1)[0]


def _unused(layer: Archive, names: list[str]) -> Finding:
    return Finding(
        f"nothing in the layer is where Lambda looks by itself ({', '.join(KNOWN)}): it holds {names[0]}"
        + (f" and {len(names) - 1:,} more" if len(names) > 1 else ""),
        layer.source,
        Severity.WARNING,
        "leave it if the code opens /opt/… itself; else put modules below python/ and libraries below lib/",
    )
