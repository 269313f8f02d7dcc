"""Lightning's Trainer as condvae uses it: its options, what it shows, logs and saves."""

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from jsonargparse import ArgumentError, ArgumentParser
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from condvae.checkpoint import Run, load_checkpoint, save_checkpoint
from condvae.config import TRAINER, Config
from condvae.errors import ConfigError, RunError

MONITORED = "val_bound"  # the unweighted bound of the validation images
# Options of the Trainer that condvae decides itself: the run folder says where things go.
OWN_OPTIONS = {"default_root_dir"}
# Those that keep weights and latent vectors in float32.
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "32", "bf16", "16")
SHOWN = {"test_mse": "test MSE", MONITORED: "validation bound", "val_mse": "validation MSE"}


def make_trainer(config: Config, run: Run, checkpoint: Mapping[str, Any]) -> pl.Trainer:
    """Lightning's Trainer with the options of a run, its progress, its log, and its checkpoint after each epoch.

    Args:
        config: every setting.
        run: the run folder.
        checkpoint: what training goes on from; empty for a new run.

    Raises:
        ConfigError: an option is not possible.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    options = _instantiated(config.trainer)
    precision = options["precision"]
    if precision is not None and str(precision) not in PRECISIONS:
        raise ConfigError(f"trainer.precision = {precision} is not possible; allowed: {', '.join(PRECISIONS)}.")
    callbacks: list[pl.Callback] = [ConfigFile(run, config), *(options.pop("callbacks") or [])]
    if config.training.patience:
        every, epochs = options["check_val_every_n_epoch"] or 1, options["max_epochs"] or inf
        if 0 < epochs < every:
            raise ConfigError(
                f"trainer.check_val_every_n_epoch = {every} is not possible; allowed: 1 to {epochs}, the epochs there "
                f"are, as training.patience = {config.training.patience} waits for a better bound on held-out images."
            )
        # before cvae.ckpt, which holds what they know
        callbacks += [
            EarlyStopping(MONITORED, mode="max", patience=config.training.patience),
            BestCheckpoint(run.path, "best", monitor=MONITORED, mode="max", enable_version_counter=False),
        ]
    if options["enable_checkpointing"] is not False:
        options["plugins"] = [*(options["plugins"] or []), SafeCheckpointIO()]
        callbacks.append(
            ModelCheckpoint(run.path, run.checkpoint.stem, save_on_train_epoch_end=True, enable_version_counter=False)
        )
    shows_progress = options["enable_progress_bar"] is not False
    if shows_progress:
        callbacks.append(ProgressBar() if sys.stdout.isatty() else ProgressLines())
    if options["logger"] in (None, True):
        options["logger"] = _loggers(run, checkpoint)
    if config.training.bf16 and precision is None and _has_bf16(options["accelerator"]):
        options["precision"] = "bf16-mixed"
    options["enable_progress_bar"] = shows_progress and sys.stdout.isatty()
    for name in ("num_sanity_val_steps", "enable_model_summary"):
        options[name] = options[name] or False
    try:
        return pl.Trainer(**options, callbacks=callbacks, default_root_dir=run.path)
    except (MisconfigurationException, ValueError, ImportError) as error:
        raise ConfigError(f"Lightning's Trainer refuses its options: {error}") from error


def is_main_process() -> bool:
    """Whether this is the process that writes: with several devices Lightning starts the same command for each."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def add_trainer_options(parser: ArgumentParser) -> ArgumentParser:
    """Let a parser know every option of Lightning's Trainer, as `--trainer.NAME`."""
    parser.add_class_arguments(pl.Trainer, "trainer", instantiate=False, skip=OWN_OPTIONS)
    return parser


def changed_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that differ from the Trainer's own defaults, and those for which condvae has a default of its own."""
    defaults = add_trainer_options(ArgumentParser()).get_defaults().trainer.as_dict()
    return {name: value for name, value in options.items() if value != defaults[name] or name in TRAINER}


@contextmanager
def without_noise() -> Iterator[None]:
    """Silence what Lightning warns of although it is meant to be so."""
    with warnings.catch_warnings():
        meant = ("Checkpoint directory", "The dirpath has changed", r"The '\w+' does not have many workers")
        for message in (*meant, r"`isinstance\(treespec"):
            warnings.filterwarnings("ignore", message=message)
        yield


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


class CsvLog(Logger):
    """metrics.csv in the run folder; a resumed run continues the rows of its first part.

    Lightning's own CSV log starts anew when it is opened, and so would lose them.
    """

    def __init__(self, run: Run, rows: list[dict[str, float]]) -> None:
        super().__init__()
        self.run, self.rows = run, rows

    @property
    def name(self) -> str:
        return "csv"

    @property
    def version(self) -> str:
        return ""

    def log_hyperparams(self, params: Any, *args: Any, **options: Any) -> None:
        """The settings are in config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.rows.append({"step": float(step or 0), **metrics})
        # whole epochs at once, because every write is a whole file
        if "seconds" in metrics:
            self.run.write_history(self.rows)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self.rows:
            self.run.write_history(self.rows)


class SafeCheckpointIO(TorchCheckpointIO):
    """Checkpoints that are written whole or not at all, and read without executing what is in them."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        save_checkpoint(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: Any = None) -> dict[str, Any]:
        return load_checkpoint(Path(path))


def _instantiated(options: Mapping[str, Any]) -> dict[str, Any]:
    parser = add_trainer_options(ArgumentParser(exit_on_error=False))
    try:
        parsed = parser.parse_object({"trainer": deepcopy(dict(options))})  # it changes what it is given
    except ArgumentError as error:
        raise ConfigError(f"An option of Lightning's Trainer is not possible: {error}") from error
    return parser.instantiate(parsed).trainer.as_dict()


def _has_bf16(accelerator: Any) -> bool:
    """Whether the device multiplies matrices in bfloat16; where it does not, that would be emulated, and slow."""
    if accelerator != "cpu" and torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older versions of PyTorch do not tell
    return any(known.get(name) for name in ("avx512_bf16", "amx_bf16"))


def _loggers(run: Run, checkpoint: Mapping[str, Any]) -> list[Logger]:
    kept = [row for row in run.history() if row["step"] < checkpoint["global_step"]] if checkpoint else []
    log = CsvLog(run, kept)
    if find_spec("tensorboard") is None:
        return [log]
    return [log, TensorBoardLogger(run.path, name="", version="tensorboard")]
