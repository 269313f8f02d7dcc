"""Training in several processes: one that is lost ends the others, and each machine has the files of the run."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch.distributed
from lightning.fabric.utilities.distributed import is_shared_filesystem
from torch.distributed.distributed_c10d import _set_pg_timeout

from condvae.errors import CondvaeError, RunError, TrainingError
from condvae.run import Run
from condvae.storage.files import write_bytes

ANSWER = 45  # seconds in which the other processes must answer. PyTorch waits for half an hour
LOST = ("gloo", "NCCL", "Connection", "Timed out", "pair closure")  # in an error of PyTorch, if a process is lost


class RunCopies(pl.Callback):
    """Sends the files of a run to each machine that does not share the run folder with the main process.

    Each machine then has the whole run, and training can be resumed after any of them is lost. In processes that share
    the folder, nothing is sent.

    Args:
        run: the run folder. It may have another path on each machine.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.is_shared: bool | None = None  # not known before the processes know each other
        self.sent: dict[str, tuple[int, int]] = {}  # time of change and size of each file

    @classmethod
    def of(cls, trainer: pl.Trainer) -> "RunCopies":
        """That of a Trainer."""
        return next(one for one in trainer.callbacks if isinstance(one, cls))  # type: ignore[attr-defined]

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        """Before the checkpoint is read, the main process sends its own, which may be of a later epoch."""
        if trainer.num_nodes == 1:
            return
        resumes = trainer.ckpt_path is not None
        if resumes != trainer.strategy.broadcast(resumes):
            raise RunError(
                f"{self.run.path} has {'a' if resumes else 'no'} checkpoint here, unlike on the first machine. Copy "
                "the run folder of the first machine to this one, and start all processes again."
            )
        if trainer.strategy.broadcast(self.run.is_started):
            self.send(trainer)

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if torch.distributed.is_initialized():
            _set_pg_timeout(timedelta(seconds=ANSWER))
        self.send(trainer)

    def send(self, trainer: pl.Trainer) -> None:
        """Send what has changed since the last time. All processes must call this together.

        Raises:
            StorageError: a file cannot be written.
        """
        if trainer.num_nodes == 1:
            return
        if self.is_shared is None:
            self.run.path.mkdir(parents=True, exist_ok=True)
            strategy: Any = trainer.strategy  # Lightning's function takes this one as well
            self.is_shared = is_shared_filesystem(strategy, self.run.path)
        if self.is_shared:
            return
        files = trainer.strategy.broadcast(self._changed() if trainer.is_global_zero else {})
        if trainer.local_rank == 0 and not trainer.is_global_zero:
            for name, content in files.items():
                write_bytes(self.run.path / name, content)

    def _changed(self) -> dict[str, bytes]:
        """The content of each file that has changed. model.json is the last, because it marks the run as complete."""
        found = sorted(self.run.path.iterdir(), key=lambda path: (path == self.run.description, path.name))
        files = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in found if _is_whole(path)}
        changed = [path for path, state in files.items() if self.sent.get(path.name) != state]
        self.sent = {path.name: state for path, state in files.items()}
        return {path.name: path.read_bytes() for path in changed}


@contextmanager
def losing_none(run: Run, processes: int) -> Iterator[None]:
    """Turn the errors of PyTorch about a process that does not answer into one that says what to do.

    Args:
        run: the run folder.
        processes: the number of processes.

    Raises:
        TrainingError: a process was lost.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, CondvaeError) or processes == 1 or not any(word in str(error) for word in LOST):
            raise
        begin = f"--resume {run.path}" if run.is_started else f"--out {run.path}"
        raise TrainingError(
            f"One of the {processes} processes of this training ended, or did not answer for {ANSWER} seconds "
            f"({_first_sentence(error)}). The last checkpoint is kept. Look for an earlier message of another process, "
            f"then start all of them again with 'condvae train {begin}'."
        ) from error


@contextmanager
def own_group() -> Iterator[None]:
    """Leave the group of processes that training joins inside. A process with a group may crash when it ends."""
    had_group = torch.distributed.is_initialized()
    try:
        yield
    finally:
        if torch.distributed.is_initialized() and not had_group:
            torch.distributed.destroy_process_group()


def _is_whole(path: Path) -> bool:
    """Whether this is a file, and not one that is being written."""
    return path.is_file() and not path.name.startswith(".")


def _first_sentence(error: Exception) -> Any:
    """The error without the place in the source code that raised it."""
    return str(error).splitlines()[0].rpartition("] ")[2].split(". ")[0]
