"""How to serve the explorer. This module is light, so that wrong options are reported before anything heavy loads."""

import socket
from dataclasses import dataclass
from math import inf

from condvae.errors import ConfigError, StorageError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MEGABYTE = 2**20
MAX_PORT = 2**16 - 1
BACKLOG = 2048  # connections that wait to be accepted


@dataclass(frozen=True)
class Options:
    """How to serve.

    Attributes:
        host: the address to listen on.
        port: the port to listen on.
        auth: USER:PASSWORD that every request must give (HTTP Basic). Empty if no password is needed.
        origin: other sites whose pages may use the HTTP interface.
        max_images: the largest number of images in one answer.
        max_megabytes: the largest size of one request.
        workers: the number of processes that serve.

    Raises:
        ConfigError: a value is not possible.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    auth: str = ""
    origin: tuple[str, ...] = ()
    max_images: int = 1000
    max_megabytes: float = 10
    workers: int = 1

    def __post_init__(self) -> None:
        if self.auth and not all(self.auth.partition(":")):
            raise ConfigError("--auth must be USER:PASSWORD, and neither may be empty.")
        if not 0 < self.port <= MAX_PORT:
            raise ConfigError(f"--port must be from 1 to {MAX_PORT}, got {self.port}.")
        if self.max_images < 1:
            raise ConfigError(f"--max-images must be at least 1, got {self.max_images}.")
        if not 0 < self.max_megabytes < inf:
            raise ConfigError(f"--max-megabytes must be a number above 0, got {self.max_megabytes:g}.")

        if self.workers < 1:
            raise ConfigError(f"--workers must be at least 1, got {self.workers}.")

    @property
    def address(self) -> str:
        """The address of the page."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def warning(self) -> str:
        """A warning if anybody on the network can use the server. Empty otherwise."""
        if self.auth or self.host in LOOPBACK:
            return ""
        return (
            f"Warning: anyone who can reach {self.host} can use this server. Set a password with --auth USER:PASSWORD, "
            "or leave --host out."
        )

    def listen(self) -> socket.socket:
        """Open the port.

        Raises:
            StorageError: the port is in use, or it is not allowed to use it.
        """
        return listen(self.host, self.port)


def listen(host: str, port: int) -> socket.socket:
    """Open a port. 0 is one that is free.

    Raises:
        StorageError: the port is in use, or it is not allowed to use it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns off Nagle's algorithm, which would delay answers by 40 ms, only if the protocol is named here
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StorageError(
            f"Port {port} on {host} cannot be used ({error}). Another program uses it, or it is not "
            "allowed. Choose another port with --port."
        ) from error
    return listener
