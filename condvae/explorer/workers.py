"""Several processes that serve one model on one port."""

import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from dataclasses import dataclass

from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from condvae.errors import CondvaeError, RunError
from condvae.explorer.monitoring import SHARED, App
from condvae.explorer.opening import opened
from condvae.explorer.options import Options
from condvae.explorer.server import config_of, freeze, make_app, warn


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
        try:
            app = make_app(opened(self.name, self.device, self.options.max_images), self.options)
        except CondvaeError as error:
            print(f"condvae: {error}", file=sys.stderr, flush=True)
            sys.exit(STARTUP_FAILURE)  # with which uvicorn does not start it again
        freeze()
        return app


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

    Raises:
        RunError: a process cannot open the model. It has said why.
    """
    options = opening.options
    warn(options)
    print(f"The explorer of {opening.name} is at {options.address} in a few seconds (Ctrl-C stops it).", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[SHARED] = folder
        workers = Multiprocess(config_of(opening, is_factory=True, workers=options.workers), [listener])
        workers.run()
    if any(one.exitcode == STARTUP_FAILURE for one in workers.processes):
        raise RunError(f"The explorer of {opening.name} could not start. The reason is above.")
