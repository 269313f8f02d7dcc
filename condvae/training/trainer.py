"""Lightning's Trainer as condvae uses it: its options, what it shows, logs and saves."""

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from importlib.util import find_spec
from math import inf
from typing import Any

import lightning.pytorch as pl
import torch
from jsonargparse import ArgumentError, ArgumentParser
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from condvae.config import TRAINER, Config
from condvae.errors import ConfigError
from condvae.run import Run
from condvae.training.callbacks import MONITORED, BestCheckpoint, ConfigFile, ProgressBar, ProgressLines
from condvae.training.checkpoints import SafeCheckpointIO
from condvae.training.logs import CsvLog

# Options of the Trainer that condvae decides itself: the run folder says where things go.
OWN_OPTIONS = {"default_root_dir"}


# Those that keep weights and latent vectors in float32.
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "32", "bf16", "16")


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
