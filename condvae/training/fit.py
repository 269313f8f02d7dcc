"""TODO."""

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
from condvae.training.module import CVAEModule
from condvae.training.trainer import is_main_process, make_trainer, without_noise


def fit(config: Config, out: Path, data: Dataset | None = None) -> CVAE:
    """Train a model and leave a run folder.

    Args:
        config: every setting.
        out: the run folder, which must be new or empty.
        data: the images, where they do not come from `config.data`.

    Returns:
        The trained model, in evaluation mode.

    Raises:
        ConfigError: a setting is not possible.
        DataError: the data cannot be had.
        RunError: `out` holds a run already.
        StorageError: `out` is not empty or cannot be written.
        TrainingError: the loss is not finite.
        KeyboardInterrupt: the user stopped it; the last completed epoch is kept in cvae.ckpt.
    """
    if is_main_process():
        _require_new(Run(out))
    images = data or load_data(config.data)
    return _train(replace(config, data=images.source), Run(out), prepared(images, config), {})


def resume(path: Path, trainer: Mapping[str, Any] | None = None, data: Dataset | None = None) -> CVAE:
    """Continue a run from its last completed epoch, to the same end as if it had never stopped.

    Args:
        path: the run folder.
        trainer: all options of the Trainer, where they shall differ from the run's own, such as more epochs. The
            other settings stay what they are: a run with other settings is another run.
        data: the images, where they do not come from the run's own source.

    Raises:
        RunError: there is no run in `path`, its checkpoint is missing, damaged, refused or does not fit, or the
            run is complete; and as `fit`.
    """
    run = Run(path)
    before = run.config()
    config = before if trainer is None else replace(before, trainer=dict(trainer))
    content = _resumable(run) if run.checkpoint.is_file() else {}
    if run.is_finished and not content:
        raise RunError(
            f"The run in {path} is finished and has no cvae.ckpt to go on from. Train again, into another folder."
        )
    if is_main_process() and run.is_finished and config.trainer == before.trainer:
        raise RunError(
            f"The run in {path} is complete after {content['epoch'] + 1} epochs. To train it further, "
            "set --trainer.max_epochs to more; where its schedule is one-cycle, train anew."
        )
    return _train(config, run, prepared(data or load_data(config.data), config), content)


def _resumable(run: Run) -> dict[str, Any]:
    content = load_checkpoint(run.checkpoint)
    missing = {"epoch", "global_step", "state_dict", "optimizer_states", "loops"} - content.keys()
    if missing:
        raise RunError(
            f"{run.checkpoint} is no training checkpoint: it has no {', '.join(sorted(missing))}. Restore it, or "
            "delete it and train again."
        )
    return content


def _require_new(run: Run) -> None:
    if run.is_started and not run.is_finished:
        raise RunError(
            f"{run.path} holds an unfinished run. Continue it with 'condvae train --resume {run.path}', or choose "
            "another --out."
        )
    if run.is_finished:
        raise RunError(
            f"{run.path} holds a finished run. Choose another --out. With a constant schedule it can also be trained "
            f"further: 'condvae train --resume {run.path} --trainer.max_epochs N'."
        )
    require_empty(run.path)


def _train(config: Config, run: Run, data: Dataset, checkpoint: Mapping[str, Any]) -> CVAE:
    torch.manual_seed(config.training.seed)
    model = CVAE(config.model, data.train.schema)
    if config.training.start_at_mean and not checkpoint:
        decoder: Any = model.likelihood.decoder
        decoder.start_at(torch.from_numpy(data.train.images.mean(0) / 255))
    module = CVAEModule(model, config, data)
    if checkpoint:
        require_fit(run, module.state_dict(), checkpoint["state_dict"])
    interrupt = signal.getsignal(signal.SIGINT)
    with without_noise():
        trainer = make_trainer(config, run, checkpoint)
        try:
            trainer.fit(module, ckpt_path=run.checkpoint if checkpoint else None)
        except (MisconfigurationException, ValueError) as error:
            if isinstance(error, CondvaeError) or module.has_begun:
                raise
            raise ConfigError(f"Lightning's Trainer refuses its options: {error}") from error
        except SystemExit:  # how Lightning ends on Ctrl-C; from then on it ignores further ones
            signal.signal(signal.SIGINT, interrupt)
            if trainer.interrupted:
                raise KeyboardInterrupt from None
            raise
    if not trainer.global_step:
        raise ConfigError(
            f"No step of training was made, as the options of the Trainer leave none: {dict(config.trainer)}. Allow an "
            "epoch, and a batch in it, at least."
        )
    _take_best(trainer, module)
    model = module.model.cpu().eval()
    if is_main_process():
        save_model(run, model, config, _record(trainer, module, data))
    return model


def _take_best(trainer: pl.Trainer, module: CVAEModule) -> None:
    """Go back to the weights of the best bound, where training waited for one."""
    if not module.config.training.patience:
        return
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.monitor == MONITORED and callback.best_model_path:
            best = load_checkpoint(Path(callback.best_model_path))
            module.load_state_dict(best["state_dict"])


def _record(trainer: pl.Trainer, module: CVAEModule, data: Dataset) -> dict[str, Any]:
    packages = ("condvae", "torch", "lightning", "pytorch-optimizer", "zuko", "numpy", "safetensors")
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
        "versions": {name: version(name) for name in packages},
    }
