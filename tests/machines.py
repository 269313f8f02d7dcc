"""Two machines for tests: network namespaces joined by a cable, or two loopback addresses where none may be made."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

NAMES = ("condvae-a", "condvae-b")
ADDRESSES = ("10.77.0.1", "10.77.0.2")
CABLES = ("cva", "cvb")


@dataclass(frozen=True)
class Machine:
    """A place where commands run, with a network address of its own.

    Attributes:
        address: its IP address.
        device: the name of its network device.
        namespace: its network namespace. Empty if there are only loopback addresses.
    """

    address: str
    device: str
    namespace: str

    def start(self, *command: object, log: Path, **environment: str) -> subprocess.Popen[str]:
        """Start a command."""
        inside = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        own = {**os.environ, "GLOO_SOCKET_IFNAME": self.device, "OMP_NUM_THREADS": "1", **environment}
        with log.open("w") as file:
            return subprocess.Popen([*inside, *map(str, command)], stdout=file, stderr=file, text=True, env=own)

    def unplug(self) -> None:
        """Cut the machine off, without a message to the others."""
        ip("-n", self.namespace, "link", "set", self.device, "down")


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a command, and everything that it started."""
    for number in [process.pid, *started_by(process.pid)]:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    process.wait()


def started_by(number: int) -> list[int]:
    """The processes that a process started, and those that they started."""
    found = subprocess.run(["pgrep", "-P", str(number)], capture_output=True, text=True)
    children = list(map(int, found.stdout.split()))
    return [one for child in children for one in (child, *started_by(child))]


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """Two machines. Those of a test that was killed before are removed first."""
    remove()
    try:
        yield made()
    finally:
        remove()


def made() -> tuple[Machine, Machine]:
    """Make the namespaces and the cable."""
    try:
        for name in NAMES:
            ip("netns", "add", name)
        ip("link", "add", CABLES[0], "type", "veth", "peer", "name", CABLES[1])
        for name, address, cable in zip(NAMES, ADDRESSES, CABLES, strict=True):
            ip("link", "set", cable, "netns", name)
            ip("-n", name, "addr", "add", f"{address}/24", "dev", cable)
            ip("-n", name, "link", "set", cable, "up")
            ip("-n", name, "link", "set", "lo", "up")
    except (OSError, subprocess.CalledProcessError):
        remove()
        return Machine("127.0.0.1", "lo", ""), Machine("127.0.0.2", "lo", "")
    first, second = map(Machine, ADDRESSES, CABLES, NAMES)
    return first, second


def remove() -> None:
    """Remove the namespaces, and with them the cable."""
    for name in NAMES:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True) if has_ip() else None


def has_ip() -> bool:
    """Whether there is the program that makes network namespaces."""
    return subprocess.run(["which", "ip"], capture_output=True).returncode == 0


def ip(*arguments: str) -> None:
    """Run the program `ip`."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def torchrun(first: Machine, number: int, port: int) -> list[object]:
    """The beginning of a command that starts one of two machines, whose first waits at a port.

    Args:
        first: the first machine.
        number: which machine this is, 0 or 1.
        port: a free port of the first machine.
    """
    place = ["--nnodes", 2, "--node-rank", number, "--nproc-per-node", 1]
    return [sys.executable, "-m", "torch.distributed.run", *place, "--master-addr", first.address,
            "--master-port", port, "-m", "condvae"]  # fmt: skip
