"""Servers of object storage on this machine: moto, which keeps everything in memory, and rclone, which has a folder."""

import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError

KEYS = {"AWS_ACCESS_KEY_ID": "accesskey", "AWS_SECRET_ACCESS_KEY": "secretkey", "AWS_REGION": "us-east-1"}
FAULTS = ("500", "503", "reset", "lost", "silent")
SILENCE = 3  # seconds
HOST = "127.0.0.1"


@contextmanager
def moto() -> Iterator[str]:
    """The address of a server that honours create-only puts."""
    port = free_port()
    yield from _served([str(Path(sys.executable).parent / "moto_server"), "-H", HOST, "-p", str(port)], port)


@contextmanager
def rclone(folder: Path) -> Iterator[str]:
    """The address of a server whose buckets are the folders of a folder. It looks at credentials."""
    port, keys = free_port(), f"{KEYS['AWS_ACCESS_KEY_ID']},{KEYS['AWS_SECRET_ACCESS_KEY']}"
    program = shutil.which("rclone", path=str(Path(sys.executable).parent))
    assert program
    yield from _served([program, "serve", "s3", "--auth-key", keys, "--addr", f"{HOST}:{port}", str(folder)], port)


def environment(address: str) -> dict[str, str]:
    """The variables with which condvae finds a server."""
    return {**KEYS, "AWS_ENDPOINT": address}


def make_bucket(address: str, name: str) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{address}/{name}", method="PUT")).read()


def put(address: str) -> None:
    """Write an empty object, as a program of Amazon would: s3://BUCKET/NAME."""
    server = os.environ["AWS_ENDPOINT"]
    urllib.request.urlopen(urllib.request.Request(f"{server}/{address.removeprefix('s3://')}", method="PUT")).read()


def free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


@contextmanager
def faulty(address: str, share: float, seed: int) -> Iterator["Faulty"]:
    """A server in front of another one, which does wrong with a share of the requests."""
    server = Faulty(address, share, seed)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Faulty(ThreadingHTTPServer):
    """Passes requests on, or does one of FAULTS: it answers 500 or 503, resets the connection before or after the
    request was done, or does not answer.

    Attributes:
        counts: how often it did each.
    """

    daemon_threads = True

    def __init__(self, address: str, share: float, seed: int) -> None:
        super().__init__((HOST, 0), _Handler)
        self.behind, self.share, self.random = address.removeprefix("http://"), share, random.Random(seed)
        self.counts = dict.fromkeys(FAULTS, 0)

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}"

    def next_fault(self) -> str:
        if self.random.random() >= self.share:
            return ""
        fault = self.random.choice(FAULTS)
        self.counts[fault] += 1
        return fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Faulty

    def handle_any(self) -> None:
        fault = self.server.next_fault()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if fault == "silent":
            time.sleep(SILENCE)
        if fault in ("500", "503"):
            self._answer(int(fault), {}, b"")
        elif fault in ("reset", "silent"):
            self._reset()
        else:
            connection = HTTPConnection(self.server.behind)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            if fault == "lost":
                self._reset()
            else:
                self._answer(answer.status, dict(answer.getheaders()), content)

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        with suppress(OSError):
            self.send_response(status)
            kept = {name: value for name, value in headers.items() if name.lower() not in HOP}
            length = (
                {} if self.command == "HEAD" and "Content-Length" in kept else {"Content-Length": str(len(content))}
            )
            for name, value in {**kept, **length}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content if self.command != "HEAD" else b"")

    def _reset(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        pass

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815


HOP = {"transfer-encoding", "connection", "date", "server"}


def _served(command: list[str], port: int) -> Iterator[str]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    address = f"http://{HOST}:{port}"
    try:
        for _ in range(300):
            with suppress(HTTPError):  # such as that credentials are needed
                if _listens(port) and urllib.request.urlopen(address):
                    break
                time.sleep(0.1)
                continue
            break
        yield address
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), 1):
        return True
    return False
