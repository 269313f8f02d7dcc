"""What happens besides the training steps: config.yaml, the best checkpoint, and progress."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar

from condvae.config import Config
from condvae.errors import RunError
from condvae.run import Run

MONITORED = "val_bound"  # the bound of the validation images, with the KL term at its full weight
SHOWN = {"test_mse": "test MSE", MONITORED: "validation bound", "val_mse": "validation MSE"}
FORMATS = {MONITORED: ".4g"}  # all other figures have four decimals
REFRESH_RATE = 20  # steps between two updates of the bar


class ConfigFile(pl.Callback):
    """Writes config.yaml when training begins, so that no file is left behind if settings were refused before."""

    def __init__(self, run: Run, config: Config) -> None:
        self.run, self.config = run, config

    def on_train_start(self, trainer: pl.Trainer, module: Any) -> None:
        if trainer.is_global_zero:
            self.run.write_config(self.config)


class BestCheckpoint(ModelCheckpoint):
    """best.ckpt. Lightning's own callback does not find it again if the run folder was moved before resuming."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        path = str(Path(str(self.dirpath)) / f"{self.filename}.ckpt")
        moved = {"dirpath": self.dirpath, "best_model_path": path, "kth_best_model_path": path}
        scores = state_dict["best_k_models"].values()  # empty before the first validation, otherwise one score
        best = dict(zip((path,), scores, strict=False))
        if best and not Path(path).is_file():
            raise RunError(
                f"{path} is missing. It has the best weights of this run so far. Restore it, or train again."
            )
        super().load_state_dict({**state_dict, **moved, "best_k_models": best} if best else state_dict)


def shown_figures(module: Any, found: Mapping[str, Any]) -> dict[str, str]:
    """The measured figures that progress shows, by their titles. The bound is left out if the model has none."""
    keys = [key for key in SHOWN if key in found and (key != MONITORED or module.model.has_bound)]
    return {SHOWN[key]: f"{float(found[key]):{FORMATS.get(key, '.4f')}}" for key in keys}


class ProgressBar(TQDMProgressBar):
    """Lightning's progress bar for a terminal, with the images per second."""

    def __init__(self) -> None:
        super().__init__(refresh_rate=REFRESH_RATE)

    def get_metrics(self, trainer: pl.Trainer, module: Any) -> dict[str, Any]:
        measured = super().get_metrics(trainer, module)
        loss = {"loss": measured["train_loss_step"]} if "train_loss_step" in measured else {}
        return {**loss, **shown_figures(module, measured), "images/s": round(module.images_per_second)}


class ProgressLines(pl.Callback):
    """One line for each epoch, if the output is not a terminal."""

    def on_train_epoch_end(self, trainer: pl.Trainer, module: Any) -> None:
        loss = f"loss {module.mean_loss():.4f}"  # all processes take part in the mean
        figures = [f"{title} {value}" for title, value in shown_figures(module, trainer.callback_metrics).items()]
        rate = f"{module.images_per_second:.0f} images/s"
        if trainer.is_global_zero:
            epoch = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
            print(f"{epoch}: {', '.join([loss, *figures, rate])}", flush=True)
