"""TODO."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar

from condvae.config import Config
from condvae.errors import RunError
from condvae.run import Run

MONITORED = "val_bound"  # the unweighted bound of the validation images


SHOWN = {"test_mse": "test MSE", MONITORED: "validation bound", "val_mse": "validation MSE"}


class ConfigFile(pl.Callback):
    """Writes config.yaml when training begins, so that settings which were refused leave nothing behind."""

    def __init__(self, run: Run, config: Config) -> None:
        self.run, self.config = run, config

    def on_train_start(self, trainer: pl.Trainer, module: Any) -> None:
        if trainer.is_global_zero:
            self.run.write_config(self.config)


class BestCheckpoint(ModelCheckpoint):
    """best.ckpt, which Lightning would lose sight of where a run was moved before it is resumed."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        path = str(Path(str(self.dirpath)) / f"{self.filename}.ckpt")
        moved = {"dirpath": self.dirpath, "best_model_path": path, "kth_best_model_path": path}
        scores = state_dict["best_k_models"].values()  # one, or none before the first
        best = dict(zip((path,), scores, strict=False))
        if best and not Path(path).is_file():
            raise RunError(
                f"{path} is missing, which holds the best weights of this run so far. Restore it, or train again."
            )
        super().load_state_dict({**state_dict, **moved, "best_k_models": best} if best else state_dict)


def shown_figures(module: Any, found: Mapping[str, Any]) -> dict[str, Any]:
    """What the progress shows of what was measured; minus an error is no bound to show."""
    shown = {name: found[key] for key, name in SHOWN.items() if key in found}
    return {name: value for name, value in shown.items() if name != SHOWN[MONITORED] or module.config.has_bound}


class ProgressBar(TQDMProgressBar):
    """Lightning's bar for a terminal, with images per second."""

    def __init__(self) -> None:
        super().__init__(refresh_rate=20)

    def get_metrics(self, trainer: pl.Trainer, module: Any) -> dict[str, Any]:
        measured = super().get_metrics(trainer, module)
        loss = {"loss": measured["train_loss_step"]} if "train_loss_step" in measured else {}
        return {**loss, **shown_figures(module, measured), "images/s": round(module.images_per_second)}


class ProgressLines(pl.Callback):
    """One line an epoch, where the output is not a terminal."""

    def on_train_epoch_end(self, trainer: pl.Trainer, module: Any) -> None:
        measured = [f"loss {module.mean_loss():.4f}"]
        found = shown_figures(module, trainer.callback_metrics)
        measured += [f"{name} {value:{'.4g' if 'bound' in name else '.4f'}}" for name, value in found.items()]
        rate = f"{module.images_per_second:.0f} images/s"
        if trainer.is_global_zero:
            epoch = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
            print(f"{epoch}: {', '.join([*measured, rate])}", flush=True)
