"""What happens besides the training steps: config.yaml, checkpoints, and progress."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm

from condvae.config import Config
from condvae.errors import RunError
from condvae.progress import in_notebook
from condvae.run import Run
from condvae.storage.files import write_text
from condvae.training.logged import MONITORED, SHOWN
from condvae.training.processes import RunCopies

FORMATS = {MONITORED: ".4g"}  # all other figures have four decimals
REFRESH_RATE = 20  # steps between two updates of the bar
Report = Callable[[dict[str, float]], None]
LINES = 50  # of progress, at most, whatever the number of epochs


class SettingsFiles(pl.Callback):
    """Writes data.json, split.csv and config.yaml when training begins. A refused setting leaves no file behind."""

    def __init__(self, run: Run, config: Config) -> None:
        self.run, self.config = run, config

    def on_train_start(self, trainer: pl.Trainer, module: Any) -> None:
        if not trainer.is_global_zero:
            return
        if module.data.record:
            write_text(self.run.data_file, json.dumps(module.data.record, indent=2, ensure_ascii=False) + "\n")
            module.data.write_split(self.run.split_file)
        self.run.write_config(self.config)


class LastCheckpoint(ModelCheckpoint):
    """cvae.ckpt, from which a run continues. It is written every few epochs, and after the last one.

    Args:
        run: the run folder.
        every: number of epochs between two checkpoints.
    """

    def __init__(self, run: Run, every: int) -> None:
        super().__init__(run.path, run.checkpoint.stem, save_on_train_epoch_end=True, enable_version_counter=False)
        self.every = every

    @property
    def state_key(self) -> str:
        """The name of its state in a checkpoint. It is the name in runs of earlier versions."""
        return super().state_key.replace(type(self).__qualname__, ModelCheckpoint.__qualname__)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: Any) -> None:
        if ends_here(trainer, self.every):
            super().on_train_epoch_end(trainer, module)
            RunCopies.of(trainer).send(trainer)


class BestCheckpoint(ModelCheckpoint):
    """best.ckpt. Lightning's own callback does not find it again if the run folder was moved before resuming.

    Args:
        run: the run folder. Lightning takes that of the main process, which another machine may not have.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run.path, "best", monitor=MONITORED, mode="max", enable_version_counter=False)
        self.run = run

    @property
    def path(self) -> Path:
        """The file on this machine."""
        return self.run.path / f"{self.filename}.ckpt"

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        path = str(self.path)
        moved = {"dirpath": self.dirpath, "best_model_path": path, "kth_best_model_path": path}
        scores = state_dict["best_k_models"].values()  # empty before the first validation, otherwise one score
        best = dict(zip((path,), scores, strict=False))
        if best and not self.path.is_file():
            raise RunError(
                f"{path} is missing. It has the best weights of this run so far. Restore it, or train again."
            )
        super().load_state_dict({**state_dict, **moved, "best_k_models": best} if best else state_dict)


def shown_keys(module: Any, found: Mapping[str, Any]) -> list[str]:
    """The keys of the measured figures that progress shows. The bound is left out if the model has none."""
    return [key for key in SHOWN if key in found and (key != MONITORED or module.model.has_bound)]


def shown_figures(module: Any, found: Mapping[str, Any]) -> dict[str, str]:
    """The measured figures that progress shows, by their titles."""
    return {SHOWN[key]: f"{float(found[key]):{FORMATS.get(key, '.4f')}}" for key in shown_keys(module, found)}


class ProgressBar(TQDMProgressBar):
    """Lightning's progress bar for a terminal or a notebook, with the images per second."""

    def __init__(self) -> None:
        super().__init__(refresh_rate=REFRESH_RATE)

    def init_validation_tqdm(self) -> Any:
        """The bar of validation. Without one in a notebook, whose cells cannot draw one bar above another as text."""
        return Tqdm(disable=True) if in_notebook() else super().init_validation_tqdm()

    def get_metrics(self, trainer: pl.Trainer, module: Any) -> dict[str, Any]:
        measured = super().get_metrics(trainer, module)
        loss = {"loss": measured["train_loss_step"]} if "train_loss_step" in measured else {}
        return {**loss, **shown_figures(module, measured), "images/s": round(module.images_per_second)}


class ProgressLines(pl.Callback):
    """One line for each epoch where no bar can be drawn. For many epochs, a line for several of them."""

    def on_train_epoch_end(self, trainer: pl.Trainer, module: Any) -> None:
        every = -(-max(1, trainer.max_epochs or 1) // LINES)
        if not ends_here(trainer, every):
            return
        loss = f"loss {module.mean_loss():.4f}"  # all processes take part in the mean
        figures = [f"{title} {value}" for title, value in shown_figures(module, trainer.callback_metrics).items()]
        rate = f"{module.images_per_second:.0f} images/s"
        if trainer.is_global_zero:
            epoch = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
            print(f"{epoch}: {', '.join([loss, *figures, rate])}", flush=True)


class Reporter(pl.Callback):
    """Reports the held-out figures of each epoch, after its checkpoint is written.

    Those of the last epoch wait for `flush`, because whoever gets them may end the process before the model is saved.

    Args:
        report: gets the figures and the number of the epoch, from 1. It may end the process.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        self.found: dict[str, float] = {}

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.found = {**figures, "epoch": trainer.current_epoch + 1}

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.flush()

    def flush(self) -> None:
        """Report what was found since the last time."""
        if self.found:
            self.report(self.found)
        self.found = {}


def ends_here(trainer: pl.Trainer, every: int) -> bool:
    """Whether the current epoch is the last one of so many epochs, or of the training."""
    ends = (trainer.max_epochs, trainer.current_epoch + 1), (trainer.max_steps, trainer.global_step)
    is_last = trainer.should_stop or any(limit == reached for limit, reached in ends)
    return is_last or (trainer.current_epoch + 1) % every == 0
