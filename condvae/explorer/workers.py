"""Several processes that serve one model on one port."""

import multiprocessing
import os
import signal
import socket
import tempfile
import threading
from dataclasses import dataclass

from uvicorn.supervisors import Multiprocess

from condvae.explorer.monitoring import SHARED, App
from condvae.explorer.opening import opened
from condvae.explorer.options import Options
from condvae.explorer.server import config_of, make_app


@dataclass(frozen=True)
class Opening:
    """Makes the application of a model, in a worker.

    Attributes:
        name: the model, as in `opened`.
        device: where it computes.
        options: how to serve.
    """

    name: str
    device: str
    options: Options

    def __call__(self) -> App:
        threading.Thread(target=_end_with_parent, daemon=True).start()
        return make_app(opened(self.name, self.device, self.options.max_images), self.options)


def _end_with_parent() -> None:
    """Stop this worker if the process that watches it is killed. Otherwise the worker would keep the port."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def serve_with_workers(opening: Opening, listener: socket.socket) -> None:
    """Serve a model in several processes until Ctrl-C or SIGTERM. A process that dies is replaced.

    Args:
        opening: the model, and how to serve it.
        listener: the open port, from `Options.listen`.
    """
    options = opening.options
    print(f"The explorer of {opening.name} is at {options.address} in a few seconds (Ctrl-C stops it).", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[SHARED] = folder
        Multiprocess(config_of(opening, is_factory=True, workers=options.workers), [listener]).run()
