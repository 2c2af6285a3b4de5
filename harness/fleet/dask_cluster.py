"""Dask clusters: which one, what its workers offer, and what they are sent."""

from __future__ import annotations

import contextlib
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

import msgspec

from harness import regular_files
from harness.fleet.account import AccountMember
from harness.manifest import Architecture
from harness.model import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

    from harness.fleet.judge import Judge
    from harness.fleet.values import Member

LOCAL: Final = "local:"
WORKER_SECONDS: Final = "60s"
"""After which a worker of a local cluster that does not answer is given up."""
STARTING_SECONDS: Final = 600.0
"""In which the workers of a cluster that is made for one run must come; machines of a cloud take minutes."""


@contextlib.contextmanager
def client(place: str) -> Iterator[Client]:
    """The client of a cluster, which ends with it where it was made for this.

    Args:
        place: As in :func:`harness.fleet.cluster.judged`.

    Raises:
        UsageError: There is no such cluster.
    """
    try:
        import dask  # noqa: PLC0415 - an extra
        from distributed import Client, LocalCluster  # noqa: PLC0415 - the same
    except ImportError:
        raise UsageError("--cluster needs more packages: pip install 'lambda-artifact-harness[fleet]'") from None
    if place.endswith(".toml"):
        with _declared(place) as (cluster, workers), Client(cluster) as client:
            try:
                client.wait_for_workers(workers, timeout=STARTING_SECONDS)
            except TimeoutError as error:
                raise UsageError(f"--cluster {place}: its workers did not come: {error}") from error
            yield client
        return
    if not place.startswith(LOCAL):
        try:
            with Client(place, timeout="10s") as client:
                yield client
        except (OSError, ValueError) as error:
            raise UsageError(f"--cluster {place}: no scheduler answers: {error}") from error
        return
    count = place.removeprefix(LOCAL)
    if not count.isdecimal() or not int(count):
        raise UsageError(f"--cluster {place}: expected {LOCAL}N, with a number of workers")
    settings = {"distributed.scheduler.worker-ttl": WORKER_SECONDS, "distributed.admin.tick.limit": "1h"}
    with (
        dask.config.set(settings),
        LocalCluster(n_workers=int(count), threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


class Declared(msgspec.Struct, forbid_unknown_fields=True, rename={"cluster": "class"}):
    """A cluster that is made for one run, as a file declares it.

    Attributes:
        cluster: The class that makes it, such as ``dask_kubernetes.operator.KubeCluster``.
        workers: How many it is to have.
        arguments: Of the class.
    """

    cluster: str
    workers: int
    arguments: dict[str, Any] = {}


@contextlib.contextmanager
def _declared(place: str) -> Iterator[tuple[Any, int]]:
    """The cluster that a file declares, and how many workers it will have."""
    try:
        declared = msgspec.toml.decode(regular_files.read(Path(place)), type=Declared)
        module, _, name = declared.cluster.rpartition(".")
        made = getattr(importlib.import_module(module), name)(**declared.arguments)
    except (OSError, ValueError, TypeError, ImportError, AttributeError, msgspec.DecodeError) as error:
        raise UsageError(f"--cluster {place}: no cluster was made: {error}") from error
    with made as cluster:
        cluster.scale(declared.workers)
        yield cluster, declared.workers


@dataclass(frozen=True)
class Needs:
    """What members need of a worker, among the resources that any worker of the cluster offers.

    A worker that has a container daemon is started with ``--resources container=1``, one that has the sandboxes of
    namespaces with ``--resources sandbox=1``, one of an architecture with ``--resources arm64=1``.
    """

    judge: Judge
    offered: frozenset[str]

    @classmethod
    def of(cls, client: Client, judge: Judge) -> Needs:
        """Those of a cluster."""
        workers: dict[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
        return cls(judge, frozenset(name for worker in workers.values() for name in worker.get("resources", {})))

    def resources(self, member: Member) -> dict[str, float]:
        """The resources for one member; static checks run anywhere."""
        names = {"container": {"container"}, "process": {"sandbox"}}.get(self.judge.choice, set())
        if self.judge.choice != "none" and self.offered & set(Architecture):
            with contextlib.suppress(UsageError):  # which its verdict says
                manifest = member.manifest(self.judge.environ)
                names = names | {str(manifest.of(one).architecture) for one in manifest.functions}
        return dict.fromkeys(names & self.offered, 1.0)


class Sent:
    """The archives that workers need who do not have them: each is sent once while members that need it are judged."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._sent: WeakValueDictionary[Path, Any] = WeakValueDictionary()

    def of(self, member: Member) -> tuple[Any, ...]:
        """The future contents of a member's archives at a worker, while the caller holds it; folders are not sent."""
        return tuple(map(self._one, member.archives)) if isinstance(member, AccountMember) else ()

    def _one(self, path: Path) -> Any:  # noqa: ANN401 - a Future
        future = self._sent.get(path)
        if future is None or future.status != "finished":
            future = self._sent[path] = self._client.scatter(path.read_bytes(), hash=False)
        return future
