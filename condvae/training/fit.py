"""`fit` and `resume`: a model and data become a run folder."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from condvae.config import Config, require
from condvae.data.dataset import Dataset, prepared, require_same
from condvae.data.sources import load_data
from condvae.errors import ConfigError, RunError
from condvae.model.cvae import CVAE
from condvae.model.saving import require_fit, save_model
from condvae.run import Run
from condvae.storage.files import require_empty
from condvae.training.callbacks import BestCheckpoint
from condvae.training.checkpoints import load_checkpoint
from condvae.training.checks import check
from condvae.training.module import CVAEModule
from condvae.training.optimizers import SCHEDULES
from condvae.training.plan import require_minutes
from condvae.training.processes import RunCopies, losing_none, own_group
from condvae.training.timing import fitted
from condvae.training.trainer import is_main_process, make_trainer, run_trainer, without_noise

NEEDED = {"epoch", "global_step", "state_dict", "optimizer_states", "loops"}  # of a checkpoint, to continue from it
RECORDED = ("condvae", "torch", "lightning", "pytorch-optimizer", "zuko", "numpy", "safetensors")


def fit(
    config: Config,
    out: Path | str,
    data: Dataset | None = None,
    *,
    minutes: float | None = None,
    callbacks: Sequence[pl.Callback] = (),
) -> CVAE:
    """Train a model into a new run folder.

    Args:
        config: all settings.
        out: the run folder, which must be new or empty.
        data: the images, if they do not come from `config.data`.
        minutes: about how long training shall take on this machine. A few steps are timed, and config.yaml gets the
            length that follows. It replaces the number of epochs in `config`.
        callbacks: Lightning's callbacks, for this call only.

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
    if minutes is not None:
        require_minutes(minutes)
    run = Run.at(out)
    if is_main_process():
        require_new(run)
    images = data or load_data(config.data)
    used = _used(images, config)
    chosen = config if minutes is None else fitted(config, used, minutes)
    return _train(replace(chosen, data=replace(config.data, source=images.source)), run, used, {}, callbacks)


def resume(
    path: Path | str,
    trainer: Mapping[str, Any] | None = None,
    data: Dataset | None = None,
    *,
    callbacks: Sequence[pl.Callback] = (),
) -> CVAE:
    """Continue a run from its last completed epoch. The result is the same as without an interruption.

    Args:
        path: the run folder.
        trainer: all options of the Trainer, if they differ from the run's own, for example for more epochs. The other
            settings of a run cannot be changed.
        data: the images, if they do not come from the run's own source.
        callbacks: Lightning's callbacks, for this call only.

    Raises:
        RunError: there is no run in `path`, its checkpoint is missing, damaged or refused or does not fit, or the run
            is complete.
        ConfigError, DataError, StorageError, TrainingError, KeyboardInterrupt: as in `fit`.
    """
    run = Run(Path(path))
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
    images = data or load_data(config.data)
    require_same(images, run.data_record(), run.path)
    return _train(config, run, _used(images, config), content, callbacks)


def _used(images: Dataset, config: Config) -> Dataset:
    """The images as the run uses them. Settings that need certain images are checked."""
    data, patience, hidden = prepared(images, config), config.training.patience, config.model.condition_dropout
    no_validation = "0 without validation images. Set data.validation_split to 0.1, for example"
    require(data.validation is not None or not patience, "training.patience", patience, no_validation)
    needed = "more than 0 for images without a label, so that the model learns to do without it, such as 0.1"
    require(data.unlabelled is None or hidden > 0, "model.condition_dropout", hidden, needed)
    return data


def _resumable(run: Run) -> dict[str, Any]:
    content = load_checkpoint(run.checkpoint)
    missing = NEEDED - content.keys()
    if missing:
        raise RunError(
            f"{run.checkpoint} is not a training checkpoint: it has no {', '.join(sorted(missing))}. Restore it, or "
            "delete it and train again."
        )
    return content


def require_new(run: Run) -> None:
    """Make sure that a run can begin in this folder.

    Raises:
        RunError: there is a run already.
        StorageError: the folder is not empty.
    """
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


def _train(
    config: Config, run: Run, data: Dataset, checkpoint: Mapping[str, Any], callbacks: Sequence[pl.Callback]
) -> CVAE:
    module = _module(config, run, data, checkpoint)
    with without_noise(), own_group():
        trainer = make_trainer(config, run, checkpoint, callbacks)
        run_trainer(trainer, module, run, resumes=bool(checkpoint))
        if not trainer.global_step:
            raise ConfigError(
                f"No training step was made, because the options of the Trainer allow none: {dict(config.trainer)}. "
                "Allow at least one epoch with one batch."
            )
        _take_best(trainer, module)
        model = module.model.cpu().eval()
        if is_main_process():
            save_model(run, model, config, _record(trainer, module, data))
        with losing_none(run, trainer.world_size):
            RunCopies.of(trainer).send(trainer)
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


def _take_best(trainer: pl.Trainer, module: CVAEModule) -> None:
    """Load the weights with the best bound, if training.patience is set."""
    if not module.config.training.patience:
        return
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, BestCheckpoint) and callback.best_model_path:
            best = load_checkpoint(callback.path)
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
