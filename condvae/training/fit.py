"""`fit` and `resume`: a model and data become a run folder."""

import platform
import signal
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ModelCheckpoint

from condvae.config import Config
from condvae.data.dataset import Dataset, prepared
from condvae.data.sources import load_data
from condvae.errors import CondvaeError, ConfigError, RunError
from condvae.files import require_empty
from condvae.model.cvae import CVAE
from condvae.model.saving import require_fit, save_model
from condvae.run import Run
from condvae.training.callbacks import MONITORED
from condvae.training.checkpoints import load_checkpoint
from condvae.training.checks import check
from condvae.training.module import CVAEModule
from condvae.training.optimizers import SCHEDULES
from condvae.training.trainer import is_main_process, make_trainer, refused, without_noise

NEEDED = {"epoch", "global_step", "state_dict", "optimizer_states", "loops"}  # of a checkpoint, to continue from it
RECORDED = ("condvae", "torch", "lightning", "pytorch-optimizer", "zuko", "numpy", "safetensors")


def fit(config: Config, out: Path, data: Dataset | None = None) -> CVAE:
    """Train a model into a new run folder.

    Args:
        config: all settings.
        out: the run folder, which must be new or empty.
        data: the images, if they do not come from `config.data`.

    Returns:
        The trained model on the CPU, in evaluation mode.

    Raises:
        ConfigError: a setting is not possible.
        DataError: the data is not available.
        RunError: there is a run in `out` already.
        StorageError: `out` is not empty or cannot be written.
        TrainingError: the loss is not finite.
        KeyboardInterrupt: the user stopped the training. cvae.ckpt has the last completed epoch.
    """
    check(config)
    if is_main_process():
        _require_new(Run(out))
    images = data or load_data(config.data)
    return _train(replace(config, data=images.source), Run(out), prepared(images, config), {})


def resume(path: Path, trainer: Mapping[str, Any] | None = None, data: Dataset | None = None) -> CVAE:
    """Continue a run from its last completed epoch. The result is the same as without an interruption.

    Args:
        path: the run folder.
        trainer: all options of the Trainer, if they differ from the run's own, for example for more epochs. The other
            settings of a run cannot be changed.
        data: the images, if they do not come from the run's own source.

    Raises:
        RunError: there is no run in `path`, its checkpoint is missing, damaged or refused or does not fit, or the run
            is complete.
        ConfigError, DataError, StorageError, TrainingError, KeyboardInterrupt: as in `fit`.
    """
    run = Run(path)
    before = run.config()
    config = before if trainer is None else replace(before, trainer=dict(trainer))
    check(config)
    content = _resumable(run) if run.checkpoint.is_file() else {}
    if run.is_finished and not content:
        raise RunError(
            f"The run in {path} is finished and has no cvae.ckpt to continue from. Train again into another folder."
        )
    if is_main_process() and run.is_finished and config.trainer == before.trainer:
        can_continue = SCHEDULES[config.training.schedule].can_continue
        further = "To train it further, set --trainer.max_epochs to more epochs."
        planned = f"Its schedule {config.training.schedule} ends with its last step. Train a new run with more epochs."
        raise RunError(
            f"The run in {path} is complete after {content['epoch'] + 1} epochs. {further if can_continue else planned}"
        )
    return _train(config, run, prepared(data or load_data(config.data), config), content)


def _resumable(run: Run) -> dict[str, Any]:
    content = load_checkpoint(run.checkpoint)
    missing = NEEDED - content.keys()
    if missing:
        raise RunError(
            f"{run.checkpoint} is not a training checkpoint: it has no {', '.join(sorted(missing))}. Restore it, or "
            "delete it and train again."
        )
    return content


def _require_new(run: Run) -> None:
    if run.is_finished:
        raise RunError(
            f"{run.path} holds a finished run. Choose another --out. If its schedule has no planned end, you can also "
            f"train it further with 'condvae train --resume {run.path} --trainer.max_epochs N'."
        )
    if run.is_started:
        raise RunError(
            f"{run.path} holds an unfinished run. Continue it with 'condvae train --resume {run.path}', or choose "
            "another --out."
        )
    require_empty(run.path)


def _train(config: Config, run: Run, data: Dataset, checkpoint: Mapping[str, Any]) -> CVAE:
    module = _module(config, run, data, checkpoint)
    with without_noise():
        trainer = make_trainer(config, run, checkpoint)
        _fit_module(trainer, module, run.checkpoint if checkpoint else None)
    if not trainer.global_step:
        raise ConfigError(
            f"No training step was made, because the options of the Trainer allow none: {dict(config.trainer)}. Allow "
            "at least one epoch with one batch."
        )
    _take_best(trainer, module)
    model = module.model.cpu().eval()
    if is_main_process():
        save_model(run, model, config, _record(trainer, module, data))
    return model


def _module(config: Config, run: Run, data: Dataset, checkpoint: Mapping[str, Any]) -> CVAEModule:
    torch.manual_seed(config.training.seed)
    model = CVAE(config.model, data.train.schema)
    if config.training.start_at_mean and not checkpoint:
        decoder: Any = model.likelihood.decoder
        decoder.start_at(torch.as_tensor(data.train.mean_image()))
    module = CVAEModule(model, config, data)
    if checkpoint:
        require_fit(run, module.state_dict(), checkpoint["state_dict"])
    return module


def _fit_module(trainer: pl.Trainer, module: CVAEModule, checkpoint: Path | None) -> None:
    """Let Lightning train. Its errors about options become a ConfigError, and Ctrl-C a KeyboardInterrupt."""
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(module, ckpt_path=checkpoint)
    except (MisconfigurationException, ValueError) as error:
        if isinstance(error, CondvaeError) or module.has_begun:
            raise
        raise refused(error) from error
    except SystemExit:  # Lightning ends with it on Ctrl-C, and ignores Ctrl-C from then on
        signal.signal(signal.SIGINT, interrupt)
        if trainer.interrupted:
            raise KeyboardInterrupt from None
        raise


def _take_best(trainer: pl.Trainer, module: CVAEModule) -> None:
    """Load the weights with the best bound, if training.patience is set."""
    if not module.config.training.patience:
        return
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.monitor == MONITORED and callback.best_model_path:
            best = load_checkpoint(Path(callback.best_model_path))
            module.load_state_dict(best["state_dict"])


def _record(trainer: pl.Trainer, module: CVAEModule, data: Dataset) -> dict[str, Any]:
    """When, how long and on what the model was trained, for model.json."""
    return {
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "seconds": round(module.seconds, 1),
        "epochs": trainer.current_epoch,
        "steps": trainer.global_step,
        "train_images": len(data.train),
        "validation_images": len(data.validation) if data.validation else 0,
        "test_images": len(data.test),
        "parameters": module.model.parameter_count,
        "device": str(trainer.strategy.root_device),
        "precision": trainer.precision,
        "threads": torch.get_num_threads(),
        "platform": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": {name: version(name) for name in RECORDED},
    }
