"""One artifact, one cache and one way to start functions, of which the right report is known."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fixtures.broken import mini
from harness.cache import trees
from tests.conftest import IMAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

FULL = "LAMBDA_ARTIFACT_ENDURANCE"
"""How many percent of all repetitions are wanted; without it a few, which the ordinary suite has time for."""

SECONDS = 300.0  # for a run that takes one, on a machine that has other things to do
LAYERED = {
    "python/layered/__init__.py": "NAME = 'layered'\n",
    **{f"python/layered/m{number}.py": f"VALUE = {number}\n" * 40 for number in range(60)},
}
CODE = {
    "good.py": "from layered import m7\n\ndef handler(event, context):\n    return m7.VALUE\n",
    "bad.py": "import layered.absent\n\ndef handler(event, context):\n    return 1\n",
}
MEASURED = {"verified_at", "seconds", "init_seconds", "init_cpu_seconds", "max_rss_mb", "timings"}
FIGURES = re.compile(r"\b[\d.]+ (?:s|MB)\b")
HIDE_BUBBLEWRAP = 'mount --bind /dev/null "$(command -v bwrap)" && exec "$@"'


def times(full: int, few: int) -> int:
    """How often something is repeated."""
    percent = os.environ.get(FULL)
    return max(few, full * int(percent) // 100) if percent else few


@dataclass(frozen=True)
class Ended:
    """A run that has ended."""

    pid: int
    code: int
    output: str
    errors: str

    @property
    def report(self) -> Any:  # noqa: ANN401 - JSON
        """What was found, without what is measured; None where there is no report."""
        return _unmeasured(json.loads(self.output)) if self.output else None


def difference(seen: Any, right: Any) -> str:  # noqa: ANN401 - JSON
    """The lines in which two reports differ."""
    expected, found = (json.dumps(report, indent=1).splitlines() for report in (right, seen))
    return "\n".join(difflib.unified_diff(expected, found, "right", "seen", n=2, lineterm=""))


def faults(seen: Ended, right: Any, *words: str) -> list[object]:  # noqa: ANN401 - JSON
    """What is wrong with a run that met trouble: each result must be right, or say these words and be incomplete."""

    def explains(text: str) -> bool:
        return all(word in text for word in words) and "Traceback" not in text

    if seen.report is None:
        return [] if seen.code == 3 and explains(seen.errors) else [seen]
    pairs = zip(seen.report["results"], right["results"], strict=True)
    different = [one for one, other in pairs if one != other]
    wrong = [one for one in different if one["outcome"] != "skipped" or not explains(one["reason"])]
    return [seen, *wrong] if wrong or seen.code not in {1, 3} or "Traceback" in seen.errors else []


def _unmeasured(value: Any) -> Any:  # noqa: ANN401 - JSON
    match value:
        case dict():
            return {name: _unmeasured(one) for name, one in value.items() if name not in MEASURED}
        case list():
            return [_unmeasured(one) for one in value]
        case str():
            return FIGURES.sub("…", value)
        case _:
            return value


@dataclass
class Scene:
    """A good function and a bad one, in one code archive above one layer.

    Attributes:
        kind: ``bubblewrap``, ``namespaces``, ``container`` or ``auto``.
        folder: Where everything of this scene lies, the temporary files of its runs included.
        runtime: A cache whose runtimes may be shared.
        environ: Of its runs.
        program: What Python is to run.
        user: Whose the runs are, where they are another's than this process.
        pids: Of all its runs.
    """

    kind: str
    folder: Path
    runtime: Path
    environ: Mapping[str, str]
    program: tuple[str, ...] = ("-m", "harness")
    user: str | None = None
    pids: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.code = mini(self.folder / "code.zip", CODE)
        self.layer = mini(self.folder / "layer.zip", LAYERED)
        self.cache = self.folder / "cache"
        self.tmp = self.folder / "tmp"
        if not self.tmp.exists():
            self.tmp.mkdir()
            self.tmp.chmod(0o1777)
            self.empty()

    def empty(self) -> None:
        """Begin with a cache that holds nothing but a runtime."""
        trees.remove(self.cache)
        (self.cache / "runtimes").mkdir(parents=True)
        for made in (self.runtime / "runtimes").iterdir():
            if not made.name.endswith(".lock"):
                (self.cache / "runtimes" / made.name).symlink_to(made)

    @property
    def settings(self) -> dict[str, str]:
        """The environment of its runs."""
        return {**self.environ, "LAMBDA_ARTIFACT_CACHE": str(self.cache), "TMPDIR": str(self.tmp)}

    @property
    def command(self) -> list[str]:
        """The verification."""
        engine = self.kind if self.kind in {"container", "auto"} else "process"
        command = [sys.executable, *self.program, "verify", "--format", "json", "--engine", engine]
        command += ["--code", str(self.code), "--layer", str(self.layer)]
        command += ["--handler", "good.handler", "--handler", "bad.handler"]
        if self.kind == "container":  # a named image is never replaced by another engine
            command += ["--image", self.environ.get(IMAGE, "none")]
        if self.kind == "namespaces" and shutil.which("bwrap"):
            command = ["unshare", "--mount", "sh", "-c", HIDE_BUBBLEWRAP, "sh", *command]
        if self.user:
            command = ["setpriv", "--reuid", self.user, "--regid", self.user, "--init-groups", *command]
        return ["env", "--default-signal=INT", *command]  # what is started in the background is born deaf to it

    def start(self, **settings: str) -> subprocess.Popen[str]:
        """A run, in a process group of its own."""
        run = subprocess.Popen(
            self.command,
            env={**self.settings, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self.pids.add(run.pid)
        return run

    def run(self, **settings: str) -> Ended:
        """A run until its end, which must come."""
        return ended(self.start(**settings))

    def right(self) -> Ended:
        """A run that nothing disturbs, held against what is known of the scene."""
        run = self.run()
        assert run.code == 1
        assert "No module named 'layered.absent'" in run.output
        return run

    def seconds(self) -> float:
        """How long a run takes now."""
        began = time.monotonic()
        self.run()
        return time.monotonic() - began

    def left(self) -> list[str]:
        """What runs that have ended left behind, of what no later run has to remove."""
        return [*processes(str(self.folder)), *mounts(str(self.folder)), *self._groups(), *self._contained()]

    def half_made(self) -> list[str]:
        """Drafts, temporary files and roots."""
        found = [path for part in self.cache.glob("*") if not part.is_symlink() for path in (part, *part.rglob("*"))]
        own = [path for path in found if "draft" in path.name or ".tmp" in path.name]
        roots = list((self.cache / "roots").glob("*"))
        return sorted(str(path.relative_to(self.folder)) for path in (*own, *roots, *self.tmp.iterdir()))

    def _groups(self) -> Iterator[str]:
        # os.walk goes on where another test's group ends meanwhile; Path.glob does not.
        every = (Path(path, name) for path, names, _ in os.walk("/sys/fs/cgroup") for name in names)
        for folder in (one for one in every if one.name.startswith("lambda-artifact-")):
            if any(f"-{pid}-" in folder.name for pid in self.pids):
                yield str(folder)

    def _contained(self) -> Iterator[str]:
        if self.kind != "container":
            return
        label = "lambda-artifact-harness"
        for what in ("container", "image"):
            asked = ["docker", what, "ls", "--all", "--quiet", "--no-trunc", "--filter", f"label={label}"]
            state = "{{.State.Status}}" if what == "container" else ""
            done = subprocess.run(asked, env=dict(self.environ), capture_output=True, text=True, check=True)
            for one in done.stdout.split():
                form = f'{{{{index .Config.Labels "{label}.pid"}}}} {state}'
                look = ["docker", what, "inspect", one, "--format", form]
                seen = subprocess.run(look, env=dict(self.environ), capture_output=True, text=True, check=False).stdout
                pid, _, status = seen.strip().partition(" ")
                if pid and int(pid) in self.pids:
                    yield f"{what} {one} {status}"


def ended(run: subprocess.Popen[str], seconds: float = SECONDS) -> Ended:
    """Wait for a run; one that does not end is ended, and a failure."""
    try:
        output, errors = run.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        raise
    return Ended(run.pid, run.returncode, output, errors)


def processes(mark: str) -> Iterator[str]:
    """Living processes that were started with a mark, or see a mount of it."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            texts = [(folder / name).read_bytes() for name in ("cmdline", "environ")]
            # Where its mounts come from: in which folder they are may be copied from this process's own.
            texts += [line.split()[3] for line in (folder / "mountinfo").read_bytes().splitlines()]
        except OSError:
            continue
        if state not in "ZX" and folder.name != str(os.getpid()) and any(mark.encode() in text for text in texts):
            yield f"process {folder.name}: {texts[0].replace(bytes(1), b' ')[:100].decode('utf-8', 'replace')}"


def mounts(mark: str) -> Iterator[str]:
    """Mounts of this machine whose place or source is a mark's."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if mark in line:
            yield f"mount {line}"


def soon(look: Callable[[], Sequence[str]], seconds: float = 2.0) -> Sequence[str]:
    """What is found still after a while, which an idle machine does not need; mostly nothing at the first look."""
    seconds += 5 * os.getloadavg()[0] / (os.cpu_count() or 1)
    deadline = time.monotonic() + seconds
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found
