"""The connection to Ray: a cluster that runs, or one that lives on this machine as long as the command."""

import logging
import os
import platform
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from condvae.errors import ClusterError

AUTO = "auto"  # the address that stands for the cluster of this machine, as in Ray
ANSWER = 10  # seconds in which a cluster must answer
COMPARED = ("condvae", "torch", "numpy", "lightning", "zuko")
# Ray reports its usage to its makers unless it is told not to, and changes the working directory of its workers.
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_CHDIR_TO_TRIAL_DIR": "0", "RAY_AIR_NEW_OUTPUT": "0",
               "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1", "TUNE_DISABLE_SIGINT_HANDLER": "1"}  # fmt: skip
DEBUGGER = "PYTHONBREAKPOINT"  # Ray sets and keeps it. A kernel of Jupyter that inherits it runs no cell


@contextmanager
def connected(address: str | None) -> Iterator[Callable[[], None]]:
    """Inside, Ray starts or is reached in the background. The function that is given waits until it can be used.

    Args:
        address: of a cluster, HOST:PORT or "auto". None starts Ray on this machine, with all of its cores.

    Raises:
        ClusterError: no cluster answers, or Ray cannot start.
    """
    os.environ.update(ENVIRONMENT)
    debugger = os.environ.get(DEBUGGER)
    if address not in (None, AUTO):
        _require_answer(address)
    with ThreadPoolExecutor(1) as threads:
        started = threads.submit(_start, address)
        try:
            yield started.result
        finally:
            if not started.exception():
                import ray

                ray.shutdown()
                os.environ.pop(DEBUGGER, None)
                os.environ.update({} if debugger is None else {DEBUGGER: debugger})


def _start(address: str | None) -> None:
    import ray

    options: dict[str, Any] = {} if address else {"include_dashboard": False}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise _unreachable(address, f"{error}.".splitlines()[0]) from error


def _require_answer(address: str) -> None:
    """Make sure that something listens. Ray itself would wait for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise ClusterError(f"--address must be HOST:PORT or {AUTO}, got {address}. Ray's usual port is 6379.")
    try:
        socket.create_connection((host, int(port)), ANSWER).close()
    except OSError as error:
        raise _unreachable(address, f"{error.strerror or error}.") from error


def _unreachable(address: str | None, why: str) -> ClusterError:
    where = f"at the address {address}" if address else "on this machine"
    return ClusterError(
        f"Ray cannot be reached {where}: {why} Start a cluster with 'ray start --head' on one machine and 'ray start "
        "--address HOST:6379' on the others, or leave --address out to use this machine."
    )


def nodes_of_cluster() -> list[dict[str, Any]]:
    """What Ray knows of each machine."""
    import ray

    found: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return found


def require_room(what: str, cpus: float, gpus: float, advice: str) -> None:
    """Make sure that one of the machines has enough cores and graphics cards.

    Args:
        what: what needs them, as the beginning of a sentence.
        cpus: cores.
        gpus: graphics cards.
        advice: the end of the message.

    Raises:
        ClusterError: none has.
    """
    nodes = [node["Resources"] for node in nodes_of_cluster() if node["Alive"]]
    if not any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes):
        most = {kind: max((node.get(kind, 0) for node in nodes), default=0) for kind in ("CPU", "GPU")}
        raise ClusterError(
            f"{what} needs {cpus:g} cores and {gpus:g} graphics cards, and the largest machine has {most['CPU']:g} and "
            f"{most['GPU']:g}. {advice}"
        )


def versions() -> dict[str, str]:
    """The versions of what decides results: packages, and Python."""
    return {"python": platform.python_version(), **{name: version(name) for name in COMPARED}}


def require_same_versions() -> None:
    """Make sure, in the driver, that each machine of the cluster has its versions.

    Raises:
        ClusterError: one has not.
    """
    import ray
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask, wanted = ray.remote(num_cpus=0)(_difference), versions()
    nodes = [node["NodeID"] for node in nodes_of_cluster() if node["Alive"]]
    places = [NodeAffinitySchedulingStrategy(node, soft=True) for node in nodes]  # one may be lost just now
    try:
        found: list[str] = ray.get([ask.options(scheduling_strategy=place).remote(wanted) for place in places])
    except RayError as error:
        raise ClusterError(
            f"A machine of the cluster cannot load condvae: {str(error).strip().splitlines()[-1]} Install condvae with "
            "the same versions and extras on all machines of the cluster."
        ) from error
    for problem in filter(None, found):
        raise ClusterError(problem)


def require_versions(wanted: Mapping[str, str]) -> None:
    """Make sure, in a worker, that it has the versions of the driver.

    Raises:
        ClusterError: it has not.
    """
    problem = _difference(wanted)
    if problem:
        raise ClusterError(problem)


def _difference(wanted: Mapping[str, str]) -> str:
    """What differs on this machine, as a message. Empty if nothing does."""
    found = versions()
    different = [f"{name} {found[name]} instead of {wanted[name]}" for name in wanted if found[name] != wanted[name]]
    if not different:
        return ""
    names = ", ".join(different)
    return f"The machine {platform.node()} has {names}. Install the same versions on all machines of the cluster."
