"""A Ray cluster of two nodes on this machine, whose processes tests kill."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

PATIENCE = 180  # seconds until a test gives up


@contextmanager
def two_nodes(**environment: str) -> Iterator[Any]:
    """A Ray cluster of two nodes with one core each, in processes of their own. `second` is the one to remove.

    Args:
        environment: variables of the second node.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            found.second = found.add_node(num_cpus=1)
        yield found
    finally:
        found.shutdown()


def wait_for(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something holds, while a process runs."""
    begin = time.monotonic()
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - begin < PATIENCE
        time.sleep(0.2)


def processes(pattern: str) -> list[int]:
    """The numbers of the processes of this machine with such a title."""
    found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True)
    return list(map(int, found.stdout.split()))
