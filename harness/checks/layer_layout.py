import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from harness.artifact.bundle import LAYER_ROOT
from harness.artifact.entries import Archive, Kind
from harness.artifact.stamp import STAMP
from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.model import Finding, Severity
from harness.plain_text import and_more, files

# What Lambda reads in a layer by itself (developer guide, page packaging-layers), and what it reads for others.
ORDINARY = frozenset({"python", "lib", "bin", "extensions"})
KNOWN = ("python/", "lib/", "bin/", "extensions/")
FOREIGN = ("nodejs/", "ruby/", "java/")
# What macOS and this tool add to an archive.
JUNK = re.compile(rf"(?:.*/)?(?:__MACOSX/.*|\._[^/]*|\.DS_Store)|{re.escape(STAMP)}")
MODULE = re.compile(r"(?:.*/)?(?:[^/]+\.dist-info/METADATA|[^/]+\.py|[^/]+\.(?:cpython-[^/]+|abi3)\.so)")
PACKAGED = ("/METADATA", "/__init__.py")
SITE = re.compile(r"(.*?(?:^|/)(?:site|dist)-packages)/.+")
VERSIONED = re.compile(r"python/lib/python3\.\d+/site-packages")
# A folder too deep: zipped twice, or what `pip --home` makes.
TWICE = re.compile(r"(python/(?:python[\d.]*|lib/python))/.+")
# A folder that somebody zipped along.
ALONG = re.compile(r"((?:[^/]+/)?python)/.+", re.IGNORECASE)


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
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
    if not subject.bundle.layers:
        raise Inapplicable("no layers are declared")
    version = "python{}.{}".format(*subject.policy.python)
    functions = subject.manifest.functions
    # A variable that names a path below /opt (PYTHONPATH, a wrapper script, fonts) gives other folders a reader.
    led = any(f"{LAYER_ROOT}/" in value for function in functions for _, value in function.environment)
    named = tuple(_named(subject))
    for layer in subject.bundle.layers:
        yield from _layer(layer, version, named, led=led)
    for clash in subject.bundle.clashes:
        separator = "/" if clash.file.is_folder else "!"
        yield Finding(
            f"Layer conversion failed: {clash.path} is a file in {clash.file.source} and a folder in "
            f"{clash.folder.source}",
            f"{clash.file.source}{separator}{clash.path.removeprefix(f'{LAYER_ROOT}/')}",
            remedy="rename the file, or leave the layer out that does not need the path",
        )


def _named(subject: Subject) -> Iterator[str]:
    """The folders and files of layers that code names, or puts on the search path, as they are called in a layer."""
    program = subject.program
    texts = [text for path in program.serving for text in subject.facts.modules[path].loading.layered]
    for text in (*texts, *program.search.path):
        inner = f"{text}/".removeprefix(f"{LAYER_ROOT}/").rstrip("/")
        if text.startswith(LAYER_ROOT) and inner not in ORDINARY:
            yield f"{inner}/" if inner else ""


def _layer(layer: Archive, version: str, named: Sequence[str], *, led: bool) -> Iterator[Finding]:
    names = [e.name for e in layer.entries if e.kind is not Kind.DIRECTORY and not JUNK.fullmatch(e.name)]
    if not names:
        yield Finding(
            "the layer is empty",
            layer.source,
            remedy="look at the step that installs into it: a missing requirements file is no error for every tool",
        )
        return
    read = {name for name in names if any(f"{name}/".startswith(one) for one in named)}
    lost = _lost(names, read, version)
    gone = {name for found in lost.values() for name in found}
    # Something else is in its place: then files elsewhere may be meant for another reader. `bin/` proves
    # nothing: pip puts one next to the modules.
    placed = led or any(
        name.startswith(("lib/", "extensions/")) or (name.startswith("python/") and MODULE.fullmatch(name))
        for name in names
        if name not in gone
    )
    for folder, found in lost.items():
        outside = not folder.startswith(KNOWN)
        if placed and outside and not any(f"/{name}".endswith(PACKAGED) for name in found):
            continue  # loose scripts: a build's, or a wrapper's
        yield _misplaced(layer, folder, found, version, Severity.WARNING if placed else Severity.ERROR)
    if not gone and not led and not read and not any(name.startswith(KNOWN) for name in names):
        yield _unused(layer, names)


def _lost(names: list[str], read: set[str], version: str) -> dict[str, list[str]]:
    """Files of Python modules that no entry of ``sys.path`` leads to, by the folder that they lie in."""
    known = frozenset(names)
    right = f"python/lib/{version}/site-packages"
    several = any(name.startswith(f"{right}/") for name in names)
    lost = defaultdict(list)
    for name in names:
        folder = _folder(name, known)
        # A layer for several runtimes has a folder for each; one for others only has lost them all.
        if folder is None or folder == right or (several and VERSIONED.fullmatch(folder)):
            continue
        if MODULE.fullmatch(name) and name not in read:
            lost[folder].append(name)
    return lost


def _folder(name: str, known: frozenset[str]) -> str | None:
    """The folder that one would have to add to ``sys.path`` for this file; None where it is right or not Python's."""
    if name.startswith(FOREIGN):
        return None
    first, _, rest = name.partition("/")
    if first == "python" and f"python/{rest.partition('/')[0]}/__init__.py" in known:
        return None  # inside a package, whatever its folders are called
    if found := SITE.fullmatch(name) or TWICE.fullmatch(name):
        return found[1]
    if name.startswith(KNOWN):
        return None
    found = ALONG.fullmatch(name)
    return found[1] if found else ""


def _misplaced(layer: Archive, folder: str, found: list[str], version: str, severity: Severity) -> Finding:
    # A distribution's own name may be another than its modules'.
    first = next((name for name in found if not name.endswith("/METADATA")), found[0])
    module = re.split(r"[/.]|-\d", first.removeprefix(f"{folder}/"), maxsplit=1)[0]
    return Finding(
        f"Python modules lie in {folder or 'the root of the layer'} ({files(len(found))}), where Python "
        f"{version.removeprefix('python')} does not look: `No module named {module!r}`",
        f"{layer.source}{'/' if layer.is_folder else '!'}{first}",
        severity,
        f"build the layer so that they lie in python/ or in python/lib/{version}/site-packages/",
    )


def _unused(layer: Archive, names: list[str]) -> Finding:
    return Finding(
        f"nothing in the layer is where Lambda's Python looks by itself ({', '.join(KNOWN)}): it holds {names[0]}"
        f"{and_more(len(names))}",
        layer.source,
        Severity.WARNING,
        "leave it if the code opens /opt/… itself; else put modules below python/ and libraries below lib/",
    )
