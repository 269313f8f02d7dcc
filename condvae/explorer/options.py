"""How to serve the explorer; light, so that mistakes are told before anything heavy is imported."""

import socket
from dataclasses import dataclass

from condvae.errors import ConfigError, StorageError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MEGABYTE = 2**20


@dataclass(frozen=True)
class Options:
    """How to serve.

    Attributes:
        host: the address to listen on.
        port: the port to listen on.
        auth: USER:PASSWORD that every request must give (HTTP Basic); empty for none.
        origins: other sites whose pages may use the HTTP interface.
        most_images: in one answer.
        most_megabytes: of one request.

    Raises:
        ConfigError: a value is not possible.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    auth: str = ""
    origins: tuple[str, ...] = ()
    most_images: int = 1000
    most_megabytes: float = 10

    def __post_init__(self) -> None:
        if self.auth and not all(self.auth.partition(":")):
            raise ConfigError("The password is given as USER:PASSWORD, neither of them empty. Give both.")
        if not 0 < self.port < 2**16:
            raise ConfigError(f"--port {self.port} is not possible; allowed: 1 to 65535.")
        if self.most_images < 1 or self.most_megabytes <= 0:
            raise ConfigError(
                f"A server that gives {self.most_images} images and takes {self.most_megabytes:g} megabytes at most "
                "gives none; allowed: at least 1 image, and more than 0 megabytes."
            )

    @property
    def address(self) -> str:
        """Where to find the page."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def warning(self) -> str:
        """What to say before anybody on the network can use the server; empty where nobody can."""
        if self.auth or self.host in LOOPBACK:
            return ""
        return (
            f"Warning: anyone who reaches {self.host} can use this server. Set a password with --auth USER:PASSWORD, "
            "or leave --host out."
        )

    def listen(self) -> socket.socket:
        """Open the port.

        Raises:
            StorageError: it is in use, or may not be used.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        # asyncio turns Nagle's algorithm, which would hold answers back for 40 ms, off only where TCP is named
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
            listener.listen(2048)
        except OSError as error:
            listener.close()
            raise StorageError(
                f"Port {self.port} on {self.host} cannot be used ({error}): it is taken by another program, or not "
                "allowed. Choose another with --port."
            ) from error
        return listener
