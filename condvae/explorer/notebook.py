"""The explorer in a notebook: a server in this process, and its page in the cell."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from condvae.config import Config, DataConfig
from condvae.data.dataset import Dataset
from condvae.errors import InputError
from condvae.evaluation.study import Study
from condvae.explorer.options import LOOPBACK, Options, listen
from condvae.explorer.run_session import RunSession
from condvae.explorer.server import make_app, server_of
from condvae.explorer.session import Session
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.run import Run, name_of

HEIGHT = 800  # pixels
COLAB = "google.colab"
MEMORY = "memory"  # the run, and the source of the data, of a model that is not in a run folder


class Explorer:
    """The page of a model. A notebook shows it in the cell. It is served until `stop` is called or Python ends.

    Attributes:
        address: of the page.
        height: of the page in a cell, in pixels.
    """

    def __init__(self, session: Session, height: int, folder: "TemporaryDirectory[str] | None" = None) -> None:
        listener = listen(LOOPBACK[0], 0)
        self.height, self.port, self._folder = height, int(listener.getsockname()[1]), folder
        self.address = f"http://{LOOPBACK[0]}:{self.port}"
        self._server = server_of(make_app(session, Options()))
        self._thread = Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the server. The page in the cell stays, and no longer answers."""
        self._server.should_exit = True
        self._thread.join()
        if self._folder:
            self._folder.cleanup()

    def __repr__(self) -> str:
        state = "" if self._thread.is_alive() else ", stopped"
        return f"Explorer({self.address}{state})"

    def _ipython_display_(self) -> None:
        """Show the page in the cell: in Jupyter and VS Code from this machine, in Colab through its own proxy."""
        if COLAB in sys.modules:
            sys.modules[COLAB].output.serve_kernel_port_as_iframe(self.port, path="/?embed", height=str(self.height))
            return
        from IPython.display import IFrame, display

        display(IFrame(f"{self.address}/?embed", "100%", self.height))  # type: ignore[no-untyped-call]


def explore(run: Run | Path | str | CVAE, data: Dataset | None = None, *, height: int = HEIGHT) -> Explorer:
    """Serve the explorer of a model, and show its page in the cell of a notebook.

    Args:
        run: a finished run, its folder, its address on the Hub, "pretrained", or a trained model.
        data: the data set. By default, the source of the run is loaded. A model alone has no data by default: its map
            shows draws from the prior.
        height: of the page in the cell, in pixels.

    Returns:
        The page with its address. Its method `stop` stops the server.

    Raises:
        InputError: the height is not above 0.
        MissingExtraError: the extra `explorer` is not installed.
        RunError: the run is missing, unfinished or damaged.
    """
    if height < 1:
        raise InputError(f"height must be at least 1, got {height}.")
    if not isinstance(run, CVAE):
        return Explorer(RunSession(Study(run, data), name_of(run)), height)
    folder = TemporaryDirectory()
    own = Run(Path(folder.name))
    save_model(own, run, Config(data=DataConfig(data.source if data else MEMORY), model=run.config), {})
    return Explorer(RunSession(Study(own, data), MEMORY), height, folder)
