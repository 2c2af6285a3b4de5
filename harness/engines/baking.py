"""An image with the trees inside, for a daemon that does not see this machine's folders."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import IO, TYPE_CHECKING

from harness.engines.daemon import LABEL, Daemon, owner, remove_image
from harness.engines.protocol import Job, Progress, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def baked(daemon: Daemon, reference: str, job: Job, bootstrap: Path | None, progress: Progress) -> Iterator[str]:
    """The tag of an image with the job's trees; removed afterwards.

    Raises:
        Unavailable: It cannot be built.
    """
    progress("sending the archives to the container daemon, which does not see this machine's files")
    tag = f"{LABEL}-{owner()[f'{LABEL}.pid']}-{os.urandom(4).hex()}"
    with tempfile.TemporaryFile() as context:
        _write_context(context, job, bootstrap)
        context.seek(0)
        try:
            steps = daemon.client.api.build(
                fileobj=context,
                custom_context=True,
                buildargs={"BASE_IMAGE": reference},
                labels=owner(),
                tag=tag,
                # A layer that a run beside this one made of the same archives is gone once that run is.
                nocache=True,
                rm=True,
                forcerm=True,
                decode=True,
            )
            for step in steps:
                if "error" in step:
                    raise Unavailable(f"the image with the archives could not be built: {step['error']}")
            yield tag
        finally:
            remove_image(daemon, tag)


def _write_context(target: IO[bytes], job: Job, bootstrap: Path | None) -> None:
    recipe = files("harness.engines").joinpath("Dockerfile.lambda").read_bytes()
    with tarfile.open(fileobj=target, mode="w") as tar, tempfile.TemporaryDirectory() as empty:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(recipe)
        tar.addfile(entry, io.BytesIO(recipe))
        tar.addfile(_folder("runtime"))
        if bootstrap:
            member = tar.gettarinfo(bootstrap, "runtime/bootstrap.py")
            member.mode = 0o644
            with bootstrap.open("rb") as content:
                tar.addfile(_as_root(member), content)
        for name, tree in (("task", job.task), ("opt", job.opt or Path(empty))):
            for path in (tree, *sorted(tree.rglob("*"))):
                member = tar.gettarinfo(path, os.fspath(name / path.relative_to(tree)))
                # What nobody may read is empty in a masked tree, and this user could not open it either.
                with path.open("rb") if member.isreg() and member.size else contextlib.nullcontext() as content:
                    tar.addfile(_as_root(member), content)


def _folder(name: str) -> tarfile.TarInfo:
    folder = tarfile.TarInfo(name)
    folder.type, folder.mode = tarfile.DIRTYPE, 0o755
    return folder


def _as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
