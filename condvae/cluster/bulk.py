"""The shards of a job as tasks of Ray. Ray gives the tasks of a machine or a process that was lost to others."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import Any

from condvae.cluster.connection import connected, require_room, require_same_versions, require_versions, versions
from condvae.errors import ClusterError, CondvaeError
from condvae.inference.shards import Workers, taken
from condvae.storage.place import Place

NAMESPACE = "condvae"
LOSSES = 10  # so often a shard is begun again whose process was lost
LONGEST_END = 30  # seconds that tasks have to end once they are not wanted any more
AHEAD = 2  # shards for each core that wait for it

Work = Callable[[int], None]


@contextmanager
def on_cluster(address: str, device: str = "cpu") -> Iterator[Workers]:
    """Inside, the machines of a cluster make the shards of a job.

    Args:
        address: of the cluster, HOST:PORT or "auto".
        device: the device to compute on, by its name. Each shard has a GPU for itself if it is cuda, or if it is auto
            and the cluster has any.

    Raises:
        ClusterError: no cluster answers, a machine has other versions, or no machine has such a device.
    """
    with connected(address) as wait:
        wait()
        require_same_versions()
        workers = _RayWorkers(device)
        require_room("A shard", 1, workers.gpus, "Choose another --device, or start Ray with more of them.")
        yield workers


class _RayWorkers(Workers):
    def __init__(self, device: str) -> None:
        self.device = device

    @contextmanager
    def alone_at(self, record: Place) -> Iterator[None]:
        import ray

        with super().alone_at(record):
            actor: Any = ray.remote(num_cpus=0, max_restarts=-1)(_Claim)
            try:  # Ray has one actor of a name, and ends it with its driver
                held = actor.options(name=record.address, namespace=NAMESPACE).remote()
            except ValueError as error:
                raise taken(record) from error
            try:
                yield
            finally:
                ray.kill(held)

    def each(self, work: Work, starts: Iterable[int]) -> Iterator[int]:
        import ray

        wanted, box, left = versions(), [ray.put(work)], iter(starts)
        task = ray.remote(_make).options(num_cpus=1, num_gpus=self.gpus, max_retries=LOSSES)
        asked: dict[Any, int] = {}
        try:
            while True:
                room = AHEAD * int(_resources().get("CPU", 1)) - len(asked)
                asked |= {task.remote(box, start, wanted): start for start in islice(left, max(0, room))}
                if not asked:
                    return
                done, _ = ray.wait(list(asked))
                for one in done:
                    start = asked.pop(one)
                    _require_done(one)
                    yield start
        finally:  # so that nothing is written once an error or Ctrl-C has left
            for one in asked:
                ray.cancel(one, force=True)
            if asked:
                ray.wait(list(asked), num_returns=len(asked), timeout=LONGEST_END)

    @property
    def gpus(self) -> int:
        """Graphics cards for a shard."""
        return int(self.device == "cuda" or (self.device == "auto" and "GPU" in _resources()))


class _Claim:
    """Exists while a driver writes to a place."""


def _resources() -> dict[str, float]:
    """What all machines of the cluster have together, such as cores."""
    import ray

    return ray.cluster_resources()  # type: ignore[no-untyped-call]


def _make(box: list[Any], start: int, wanted: Mapping[str, str]) -> None:
    """Make a shard, in a worker. `box` has the reference of the work, which each process fetches once."""
    require_versions(wanted)
    _fetched(box[0])(start)


@lru_cache(maxsize=1)
def _fetched(reference: Any) -> Work:
    import ray

    return ray.get(reference)


def _require_done(task: Any) -> None:
    """Make sure that a task ended well.

    Raises:
        CondvaeError: what the task raised, or a ClusterError if it was lost too often.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        ray.get(task)
    except RayTaskError as error:
        if isinstance(error.cause, CondvaeError):
            raise error.cause from None
        raise
    except RayError as error:
        raise ClusterError(
            f"The process that made a shard was lost {LOSSES + 1} times: {str(error).splitlines()[0]} It may have run "
            "out of memory. Run the same command again to continue."
        ) from error
