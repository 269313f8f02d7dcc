"""Lightning's Trainer as condvae uses it: its options, and what it shows, logs and saves."""

import logging
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
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
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from condvae.config import TRAINER, Config, require
from condvae.errors import CondvaeError, ConfigError
from condvae.model.devices import has_bf16
from condvae.progress import in_notebook
from condvae.run import Run
from condvae.training.callbacks import (
    BestCheckpoint,
    LastCheckpoint,
    ProgressBar,
    ProgressLines,
    SettingsFiles,
)
from condvae.training.checkpoints import SafeCheckpointIO
from condvae.training.logged import MONITORED
from condvae.training.logs import CsvLog
from condvae.training.notebook import Curves
from condvae.training.processes import RunCopies, losing_none

# Options that cannot be set: the run folder decides the first, and processes share each batch instead of the second.
OWN_OPTIONS = {"default_root_dir", "use_distributed_sampler"}
# The precisions that keep weights and latent vectors in float32, or in float64 to see what is more than rounding.
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "64-true", "32", "bf16", "16", "64")
# Beginnings of Lightning's warnings about what condvae does on purpose, with the reason.
EXPECTED_WARNINGS = (
    "Checkpoint directory",  # the run folder has config.yaml before it has a checkpoint
    "The dirpath has changed",  # a run folder may be moved; BestCheckpoint finds its file again
    r"The '\w+' does not have many workers",  # the images are in memory, so workers would only copy them
    r"The number of training batches \(\d+\) is smaller than the logging interval",  # each epoch is logged as well
    "You're resuming from a checkpoint that ended before the epoch ended",  # max_steps may end a run within an epoch
    "GPU available but not used",  # --device cpu
    r"`isinstance\(treespec",  # Lightning calls a function that PyTorch deprecates
)


def make_trainer(
    config: Config, run: Run, checkpoint: Mapping[str, Any], callbacks: Sequence[pl.Callback] = ()
) -> pl.Trainer:
    """Lightning's Trainer with the options of a run, its progress, its logs, and its checkpoints.

    Args:
        config: all settings.
        run: the run folder.
        checkpoint: the checkpoint that training continues from. Empty for a new run.
        callbacks: what else happens besides the training steps.

    Raises:
        ConfigError: an option is not possible.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    options = _instantiated(config.trainer)
    shows_progress = options["enable_progress_bar"] is not False
    has_bar = shows_progress and (sys.stdout.isatty() or in_notebook())
    kept = [row for row in run.history() if row["step"] < checkpoint["global_step"]] if checkpoint else []
    callbacks = [SettingsFiles(run, config), RunCopies(run), *callbacks, *_callbacks(config, run, options)]
    if shows_progress:
        callbacks.append(ProgressBar() if has_bar else ProgressLines())
    if shows_progress and in_notebook():
        callbacks.append(Curves(kept))
    if options["enable_checkpointing"] is not False:
        options["plugins"] = [*(options["plugins"] or []), SafeCheckpointIO()]
    options |= {
        "callbacks": callbacks,
        "logger": _loggers(options["logger"], run, kept),
        "precision": _precision(config, options),
        "enable_progress_bar": has_bar,
        "num_sanity_val_steps": options["num_sanity_val_steps"] or False,
        "enable_model_summary": options["enable_model_summary"] or False,
    }
    try:
        return pl.Trainer(**options, default_root_dir=run.path, use_distributed_sampler=False)
    except (MisconfigurationException, ValueError, ImportError) as error:
        raise refused(error) from error


def refused(error: Exception) -> ConfigError:
    """The error to raise if Lightning does not accept an option of its Trainer."""
    return ConfigError(f"Lightning's Trainer refuses its options: {error}")


def run_trainer(trainer: pl.Trainer, module: Any, run: Run, resumes: bool) -> None:
    """Let Lightning train. Its errors about options become a ConfigError, and Ctrl-C a KeyboardInterrupt.

    Args:
        trainer: Lightning's Trainer.
        module: the CVAEModule to train.
        run: the run folder.
        resumes: whether to continue from the checkpoint in it.

    Raises:
        ConfigError, TrainingError, KeyboardInterrupt: see above.
    """
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        with losing_none(run, trainer.world_size):
            trainer.fit(module, ckpt_path=run.checkpoint if resumes else None)
    except (MisconfigurationException, ValueError) as error:
        if isinstance(error, CondvaeError) or module.has_begun:
            raise
        raise refused(error) from error
    except SystemExit:  # Lightning ends with it on Ctrl-C, and ignores Ctrl-C from then on
        signal.signal(signal.SIGINT, interrupt)
        if trainer.interrupted:
            raise KeyboardInterrupt from None
        raise


def is_main_process() -> bool:
    """Whether this process is the one that writes. With several devices, Lightning starts one process for each."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def add_trainer_options(parser: ArgumentParser) -> ArgumentParser:
    """Add all options of Lightning's Trainer to a parser, as `--trainer.NAME`."""
    parser.add_class_arguments(pl.Trainer, "trainer", instantiate=False, skip=OWN_OPTIONS)
    return parser


def changed_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that differ from the Trainer's defaults, and those for which condvae has its own default."""
    defaults = add_trainer_options(ArgumentParser()).get_defaults().trainer.as_dict()
    return {name: value for name, value in options.items() if value != defaults[name] or name in TRAINER}


@contextmanager
def without_noise() -> Iterator[None]:
    """Silence Lightning's warnings about what condvae does on purpose."""
    with warnings.catch_warnings():
        for message in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        yield


def _instantiated(options: Mapping[str, Any]) -> dict[str, Any]:
    """All options of the Trainer. Callbacks and loggers that are given by class_path are objects."""
    parser = add_trainer_options(ArgumentParser(exit_on_error=False))
    try:
        parsed = parser.parse_object({"trainer": deepcopy(dict(options))})  # the parser changes what it is given
        return parser.instantiate(parsed).trainer.as_dict()
    except (ArgumentError, MisconfigurationException, ValueError, ImportError) as error:
        raise ConfigError(f"An option of Lightning's Trainer is not possible: {error}") from error


def _callbacks(config: Config, run: Run, options: Mapping[str, Any]) -> list[pl.Callback]:
    """The callbacks that options ask for, and those that write checkpoints."""
    callbacks: list[pl.Callback] = [*(options["callbacks"] or [])]
    patience = config.training.patience
    if patience:
        every, epochs = options["check_val_every_n_epoch"] or 1, options["max_epochs"] or inf
        allowed = f"1 to {epochs}, the number of epochs, if training.patience is {patience}"
        require(epochs < 1 or every <= epochs, "trainer.check_val_every_n_epoch", every, allowed)
        # These come before cvae.ckpt, which saves their state.
        callbacks += [
            EarlyStopping(MONITORED, mode="max", patience=patience),
            BestCheckpoint(run),
        ]
    if options["enable_checkpointing"] is not False:
        callbacks.append(LastCheckpoint(run, config.training.checkpoint_every))
    return callbacks


def _loggers(chosen: Any, run: Run, kept: list[dict[str, float]]) -> list[Logger]:
    """metrics.csv, which every run has, and the loggers that the option `logger` asks for.

    Args:
        chosen: the option. None and True mean TensorBoard if it is installed, False means no other log.
        run: the run folder.
        kept: the rows of metrics.csv up to the checkpoint that training continues from.
    """
    loggers: list[Logger] = [CsvLog(run, kept)]
    if chosen in (None, True):
        has_tensorboard = find_spec("tensorboard") is not None
        return [*loggers, TensorBoardLogger(run.path, name="", version="tensorboard")] if has_tensorboard else loggers
    if not chosen:
        return loggers
    return [*loggers, chosen] if isinstance(chosen, Logger) else [*loggers, *chosen]


def _precision(config: Config, options: Mapping[str, Any]) -> Any:
    precision = options["precision"]
    possible = precision is None or str(precision) in PRECISIONS
    require(possible, "trainer.precision", precision, f"one of {', '.join(PRECISIONS)}")
    kind = "cuda" if options["accelerator"] != "cpu" and torch.cuda.is_available() else "cpu"
    if config.training.bf16 and precision is None and has_bf16(kind):
        return "bf16-mixed"
    return precision
