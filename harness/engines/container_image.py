"""Images of a container daemon: Lambda's, a file of one, and one with the trees inside."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import io
import os
import tarfile
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from harness.cache.sealed import replace_file
from harness.engines.daemon import LABEL, Daemon, first_line, owner
from harness.engines.probe_messages import BOOTSTRAP, patched
from harness.engines.protocol import Job, Progress, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import APIClient

EXIT_SECONDS = 2
"""How long the end of the process waits for the daemon."""

_ATTEMPTS = 3
"""How often an image is built before the daemon's refusal counts: where several clients build and remove at once, a
daemon may miss an image that it has just made ("unknown parent image", "failed to get digest")."""
PLATFORMS = {"x86_64": "amd64", "arm64": "arm64"}


def ensured(daemon: Daemon, reference: str, architecture: str, progress: Progress) -> Any:  # noqa: ANN401 - the SDK's
    """The image of that architecture, pulled where it is not there.

    Raises:
        Unavailable: It cannot be had, or is of another architecture.
    """
    from docker.errors import DockerException, ImageNotFound  # noqa: PLC0415 - 150 ms that only this engine needs

    wanted = PLATFORMS[architecture]
    try:
        with contextlib.suppress(ImageNotFound):
            image = daemon.client.images.get(reference)
            if image.attrs.get("Architecture") in (wanted, "", None):
                return image
        progress(f"pulling {reference} for linux/{wanted}")
        image = daemon.client.images.pull(reference, platform=f"linux/{wanted}")
    except DockerException as error:
        raise Unavailable(
            f"the image {reference} for linux/{wanted} is not on the daemon and cannot be pulled "
            f"({first_line(error)}): pull it, or name another with --image."
        ) from error
    if image.attrs.get("Architecture") != wanted:
        raise Unavailable(
            f"the image {reference} is for {image.attrs.get('Architecture')}, the archives are for {wanted}."
        )
    return image


def patched_bootstrap(daemon: Daemon, image: str, folder: Path) -> Path | None:
    """The bootstrap of an image with the patch, as a file below a folder; made once for each image.

    None where the folder cannot be written, or the image has no bootstrap.
    """
    key = hashlib.sha256(f"{image} {patched('')}".encode()).hexdigest()

    def named(content: bytes) -> str:  # what is in the file must match its name
        return f"{key}-{hashlib.sha256(content).hexdigest()}.py"

    for path in folder.glob(f"{key}-*.py"):
        with contextlib.suppress(OSError):
            if path.name == named(path.read_bytes()):
                return path
    if (original := _text_in(daemon, image, BOOTSTRAP)) is not None:
        content = patched(original).encode()
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(folder / named(content), content, 0o444)
            return folder / named(content)
    return None


def _text_in(daemon: Daemon, image: str, path: str) -> str | None:
    """A text file of an image, read without starting anything; None where there is no such file."""
    from docker.errors import DockerException  # noqa: PLC0415 - as above

    api, name = daemon.client.api, f"{LABEL}-{os.urandom(8).hex()}"
    leave = partial(_remove_at_exit, api, name)
    atexit.register(leave)  # Ctrl-C may end the process while this thread waits for the daemon
    try:
        made = api.create_container(image, command=["/"], name=name, labels=owner(), network_disabled=True)["Id"]
        with contextlib.suppress(DockerException, OSError, KeyError, tarfile.TarError, UnicodeDecodeError):
            stream, _ = api.get_archive(made, path)
            with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
                content = tar.extractfile(tar.getmembers()[0])
                return content.read().decode("utf-8") if content else None
    finally:
        with contextlib.suppress(DockerException, OSError):
            api.remove_container(name, force=True, v=True)
        atexit.unregister(leave)
    return None


def _remove_at_exit(api: APIClient, name: str) -> None:
    """Remove a container that is there, or will be as soon as the daemon has made it."""
    from docker.errors import DockerException, NotFound  # noqa: PLC0415 - as above

    vars(api).pop("send", None)  # with its limit of time comes a thread, which none can start any more
    api.timeout = EXIT_SECONDS
    deadline = time.monotonic() + EXIT_SECONDS
    with contextlib.suppress(DockerException, OSError, RuntimeError):
        while time.monotonic() < deadline:
            with contextlib.suppress(NotFound):
                api.remove_container(name, force=True, v=True)
                return
            time.sleep(0.05)


@contextlib.contextmanager
def image_with_trees(
    daemon: Daemon, reference: str, job: Job, bootstrap: Path | None, progress: Progress
) -> Iterator[str]:
    """The tag of an image with the job's trees; removed afterwards.

    Raises:
        Unavailable: It cannot be built.
    """
    from docker.errors import DockerException  # noqa: PLC0415 - as above

    progress("sending the archives to the container daemon, which does not see this machine's files")
    tag = f"{LABEL}-{owner()[f'{LABEL}.pid']}-{os.urandom(4).hex()}"
    with tempfile.TemporaryFile() as context:
        _write_context(context, job, bootstrap)
        try:
            error = None
            for _ in range(_ATTEMPTS):
                if (error := _refused(daemon, context, reference, tag)) is None:
                    break
            if error:
                raise Unavailable(f"the image with the archives could not be built: {error}")
            yield tag
        finally:
            with contextlib.suppress(DockerException, OSError):  # a later run removes it
                daemon.client.images.remove(tag, force=True)


def _refused(daemon: Daemon, context: IO[bytes], reference: str, tag: str) -> str | None:
    """Build an image, and return why the daemon did not; None where it did."""
    context.seek(0)
    steps = daemon.client.api.build(
        fileobj=context,
        custom_context=True,
        buildargs={"BASE_IMAGE": reference},
        labels=owner(),
        tag=tag,
        # A layer that a concurrent run made of the same archives is gone once that run is.
        nocache=True,
        rm=True,
        forcerm=True,
        decode=True,
    )
    return next((str(step["error"]) for step in steps if "error" in step), None)


def _write_context(target: IO[bytes], job: Job, bootstrap: Path | None) -> None:
    with tarfile.open(fileobj=target, mode="w") as tar, tempfile.TemporaryDirectory() as folder:
        empty = Path(folder)
        empty.chmod(0o755)
        _add(tar, Path(__file__).with_name("Dockerfile.lambda"), "Dockerfile")
        _add(tar, empty, "runtime")
        if bootstrap:
            _add(tar, bootstrap, "runtime/bootstrap.py")
        for name, tree in (("task", job.task), ("opt", job.opt or empty)):
            for path in (tree, *sorted(tree.rglob("*"))):
                _add(tar, path, os.fspath(name / path.relative_to(tree)))


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    member = tar.gettarinfo(path, name)
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    # What nobody may read is empty in a masked tree, and this user could not open it either.
    with path.open("rb") if member.isreg() and member.size else contextlib.nullcontext() as content:
        tar.addfile(member, content)
