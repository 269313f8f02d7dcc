"""Fitting a training to a given time on this machine: a copy of the model is trained for a moment and timed.

What is found is written down as plain settings, so that the run can be resumed and repeated without timing. The copy
leaves no trace: training sets its seed when it makes its own model.
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from condvae.config import Config
from condvae.data.dataset import Dataset
from condvae.errors import ConfigError
from condvae.model.cvae import CVAE
from condvae.progress import announce
from condvae.run import Run
from condvae.training.module import CVAEModule
from condvae.training.plan import FILLED, Costs, with_plan, within
from condvae.training.trainer import make_trainer, run_trainer, without_noise

WARM_UP, FEWEST = 5, 5  # steps before the timed ones, and timed steps at least
TIMED = 0.03  # share of the time that is used for timing
SHORTEST, LONGEST = 1.0, 15.0  # seconds in which steps are timed
VALIDATED = 5  # validation batches that are timed, at most
ENDLESS = 10**9  # steps or epochs
# Only what changes the speed is as in the run.
TRIAL = {
    "max_epochs": -1, "max_steps": ENDLESS, "check_val_every_n_epoch": ENDLESS, "num_sanity_val_steps": 1,
    "min_epochs": None, "min_steps": None, "max_time": None, "val_check_interval": None,
    "callbacks": None, "logger": False, "profiler": None, "fast_dev_run": False, "enable_progress_bar": False,
}  # fmt: skip


class Stopwatch(pl.Callback):
    """Times training steps, and then stops the training. Times validation batches.

    Args:
        seconds: how long training steps are timed.

    Attributes:
        step: mean seconds of a training step. None if there was none.
        batch: mean seconds of a validation batch.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.steps, self.started = seconds, 0, 0.0
        self.step: float | None = None
        self.batch = 0.0

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self.steps += 1
        timed = self.steps - WARM_UP
        if not timed:
            self.started = _now(trainer)
        elif timed >= FEWEST and time.perf_counter() - self.started > self.seconds:
            self.step = (_now(trainer) - self.started) / timed
            trainer.should_stop = True

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.started = _now(trainer)

    def on_validation_batch_end(self, trainer: pl.Trainer, *arguments: Any) -> None:
        *_, number = arguments
        self.batch = (_now(trainer) - self.started) / (number + 1)


def fitted(config: Config, data: Dataset, minutes: float) -> Config:
    """The settings with the length of training that takes about so many minutes on this machine, timing included.

    Args:
        config: all settings.
        data: the images, prepared for these settings.
        minutes: how long training may take.

    Raises:
        ConfigError: the time is too short for a single step, or several devices are asked for.
    """
    begin, seconds = time.perf_counter(), 60 * minutes
    announce(f"Timing a few steps to find a training of {minutes:g} minutes")
    costs = measured_costs(config, data, min(LONGEST, max(SHORTEST, TIMED * seconds)))
    left = FILLED * seconds - (time.perf_counter() - begin)
    found = with_plan(config, plan := within(left, costs, config.training.schedule))
    steps, pauses = plan.epochs * (plan.limit or costs.batches), plan.epochs // plan.every
    announce(
        f"Training for about {(steps * costs.step + pauses * costs.pause) / 60:.3g} minutes: {plan.epochs:,} epochs, "
        f"{steps:,} steps of {1000 * costs.step:.3g} ms, {pauses} validations and checkpoints"
    )
    return found


def measured_costs(config: Config, data: Dataset, seconds: float) -> Costs:
    """What steps, a validation and a checkpoint take.

    Args:
        config: all settings.
        data: the images, prepared for these settings.
        seconds: how long steps are timed.
    """
    # patience needs validations, which are timed by themselves
    training = replace(config.training, patience=0, checkpoint_every=ENDLESS)
    trial = replace(config, training=training, trainer={**config.trainer, **TRIAL})
    module = CVAEModule(CVAE(config.model, data.train.schema), trial, data)
    with tempfile.TemporaryDirectory() as folder, without_noise():
        run, stopwatch = Run(Path(folder) / "trial"), Stopwatch(seconds)
        trainer = make_trainer(trial, run, {})
        if trainer.world_size > 1:
            raise ConfigError(
                f"--minutes needs a training on one device, got {trainer.world_size}. Set --trainer.max_epochs instead."
            )
        trainer.callbacks.append(stopwatch)  # type: ignore[attr-defined]
        run_trainer(trainer, module, run, resumes=False)
        if stopwatch.step is None:
            raise ConfigError(
                f"--minutes needs a training step, and the options of the Trainer allow none: {config.trainer}."
            )
        pause = _seconds_of_checkpoint(trainer, run) * (2 if config.training.patience else 1)
        pause += _seconds_of_validation(trainer, module, stopwatch)
        return Costs(int(trainer.num_training_batches), stopwatch.step, pause)


def _seconds_of_checkpoint(trainer: pl.Trainer, run: Run) -> float:
    if not trainer.checkpoint_callbacks:
        return 0.0
    trainer.save_checkpoint(run.checkpoint)
    begin = time.perf_counter()
    trainer.save_checkpoint(run.checkpoint)
    return time.perf_counter() - begin


def _seconds_of_validation(trainer: pl.Trainer, module: CVAEModule, stopwatch: Stopwatch) -> float:
    limit, size = trainer.limit_val_batches, len(module.val_dataloader())
    batches = min(size, limit) if isinstance(limit, int) else int(size * limit)
    if not batches:
        return 0.0
    trainer.limit_val_batches = min(batches, VALIDATED)
    trainer.validate(module, verbose=False)
    return stopwatch.batch * batches


def _now(trainer: pl.Trainer) -> float:
    """The time when everything that was asked of the device is done."""
    device = trainer.strategy.root_device
    getattr(torch, device.type).synchronize()
    return time.perf_counter()
