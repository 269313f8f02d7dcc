"""The batches, the loss, and what is logged.

The random numbers of an epoch (the order of the images, augmentation, dropout, sampling) depend only on the seed and
the number of the epoch. Weights, optimiser, schedule and counters are in the checkpoint. On a CPU, a run that was
interrupted and resumed therefore ends with the same weights as one that was not.

Several processes share each batch, and take the same steps as one process, within rounding (`condvae.model.shares`).
"""

import time
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from condvae.config import Config
from condvae.data.batches import Batches
from condvae.data.dataset import Dataset
from condvae.data.labelled import Images, LabelledImages
from condvae.errors import ConfigError, TrainingError
from condvae.images import unit
from condvae.model.cvae import CVAE
from condvae.model.distributions import squared_error
from condvae.model.shares import Share, first_of_batch, mean_for_processes, sharing
from condvae.seeds import derived_seed, seeded
from condvae.training.augmentation import augmented
from condvae.training.callbacks import ends_here
from condvae.training.optimizers import OPTIMIZERS, SCHEDULES
from condvae.training.sampling import ShuffledBatches, shared
from condvae.training.styles import POINTS, style_disagreement

Batch = Sequence[Tensor]  # images uint8 (B, C, H, W), and conditions (B, D)

PREFETCHED = 4  # batches that are read ahead for a GPU
EVALUATION_BATCH = 1000  # images times importance samples that are measured at once


class CVAEModule(pl.LightningModule):
    """A model and its data, as Lightning trains them.

    A training step waits for the device only if it is logged.

    Args:
        model: the model to train.
        config: all settings.
        data: the images, prepared for these settings.
    """

    def __init__(self, model: CVAE, config: Config, data: Dataset) -> None:
        super().__init__()
        self.model, self.config, self.data = model, config, data
        self.loss_sum, self.images = torch.zeros(()), 0  # of this epoch until now
        self.seconds_before = 0.0  # training time before the run was interrupted
        self.started, self.has_begun = time.perf_counter(), False

    @property
    def seconds(self) -> float:
        """Training time until now, in seconds."""
        return self.seconds_before + time.perf_counter() - self.started

    @property
    def images_per_second(self) -> float:
        """Images seen by all processes together, per second of training."""
        batches = self.trainer.global_step * self.trainer.accumulate_grad_batches
        return batches * self.config.training.batch_size / self.seconds

    def train_dataloader(self) -> DataLoader[Any]:
        settings = self.config.training
        device, batches = self.trainer.strategy.root_device, self._batches(self.data.train, self.data.unlabelled)
        labels = _labels(self.data.train, len(batches))
        size, seed, balance = settings.batch_size, settings.seed, settings.balance
        place = self.global_rank, self.trainer.world_size
        order = ShuffledBatches(len(batches), size, seed, batches.device, balance, labels, *place)
        return _loader(batches, order, device)

    def val_dataloader(self) -> DataLoader[Any]:
        device, batches = self.trainer.strategy.root_device, self._batches(self.data.validation or self.data.test)
        every = torch.arange(len(batches), device=batches.device).split(self._measured_at_once)
        return _loader(batches, list(shared(every, self.global_rank, self.trainer.world_size)), device)

    def configure_optimizers(self) -> Any:
        settings = self.config.training
        # Lightning does not clip the gradients of a fused optimiser in mixed precision.
        fused = not (self.trainer.gradient_clip_val and "mixed" in self.trainer.precision)
        optimizer = OPTIMIZERS[settings.optimizer](self.model, settings, fused)
        scheduler = SCHEDULES[settings.schedule].make(optimizer, settings, self._schedule_steps())
        if scheduler is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_start(self) -> None:
        self.started, self.has_begun = time.perf_counter(), True

    def on_train_epoch_start(self) -> None:
        torch.manual_seed(derived_seed(self.config.training.seed, self.current_epoch, 1))
        self.loss_sum, self.images = torch.zeros(()), 0

    def training_step(self, batch: Batch, index: int) -> Tensor:
        images, given = batch
        settings = self.config.training
        total = min(settings.batch_size, self._training_images - index * settings.batch_size)
        with sharing(self._share(total)):
            x = self.model.observe(augmented(unit(images), settings))
            value = self.model.elbo(x, given, self._beta(index), settings.free_bits, settings.samples).value
            loss = -mean_for_processes(value)
            first = [first_of_batch(one, POINTS) for one in (x, given)] if settings.shared_style else []
        if first:  # every process computes this term from the same images
            loss = loss + settings.shared_style * style_disagreement(self.model, *first)
        self.loss_sum = self.loss_sum + loss.detach() * total
        self.images += total
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and (self.global_step + 1) % every == 0:
            self.mean_loss()
            self.log("train_loss_step", loss, prog_bar=True, sync_dist=True)
        return loss

    def mean_loss(self) -> Tensor:
        """The mean loss of this epoch until now, over the images of all processes.

        Raises:
            TrainingError: it is not finite, because the loss of a step was not.
        """
        mean: Tensor = self.trainer.strategy.reduce(self.loss_sum / self.images, reduce_op="mean")
        if not mean.isfinite():
            raise TrainingError(
                f"The loss is {mean.item()}. This was found at step {self.global_step} (epoch {self.current_epoch}). "
                f"Train again with a lower --training.learning_rate than {self.config.training.learning_rate}, or with "
                "--trainer.gradient_clip_val 1. The checkpoint of the last completed epoch is kept."
            )
        return mean

    def validation_step(self, batch: Batch, index: int) -> None:
        images, given = unit(batch[0]), batch[1]
        size = self._measured_at_once
        total = min(size, len(self.data.validation or self.data.test) - index * size)
        reconstruction = self.model.decode(self.model.encode(images, given).mean, given).mean
        with sharing(self._share(total)), seeded(index):  # the same binarised images and the same noise in each epoch
            measured = {"test_mse": mean_for_processes(squared_error(images, reconstruction))}
            if self.data.validation:
                x, beta = self.model.observe(images), float(self.model.has_bound)
                bound = self.model.elbo(x, given, beta, samples=self.config.training.samples).value
                measured = {"val_bound": mean_for_processes(bound), "val_mse": measured["test_mse"]}
        self.log_dict(measured, prog_bar=True, batch_size=total, sync_dist=True)

    def on_train_epoch_end(self) -> None:
        if not ends_here(self.trainer, self.config.training.checkpoint_every):  # thousands of epochs need no row each
            return
        figures = {"train_loss_epoch": self.mean_loss().item(), "seconds": self.seconds}
        self.log_dict(figures, logger=False, sync_dist=True)
        # Lightning logs after the checkpoint. A process that is killed in between would leave a run without this row.
        for logger in self.loggers:
            logger.log_metrics({"epoch": float(self.current_epoch), **figures}, self.global_step - 1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["seconds"] = self.seconds

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.seconds_before = checkpoint["seconds"]
        schedule, steps = self.config.training.schedule, self.trainer.estimated_stepping_batches
        for state in checkpoint["lr_schedulers"]:
            planned = SCHEDULES[schedule].planned_steps(state)
            if planned not in (None, steps):
                raise ConfigError(
                    f"The schedule {schedule} of this run is planned for {planned} steps, and {steps} steps are asked "
                    "for. Resume the run without changing its number of steps, or train a new run with more steps."
                )

    def _share(self, total: int) -> Share | None:
        """The share that this process has of a batch. None if it is the only process."""
        processes = self.trainer.world_size
        return None if processes == 1 else Share(total, self.global_rank, processes)

    @property
    def _training_images(self) -> int:
        unlabelled = self.data.unlabelled
        return len(self.data.train) + (0 if unlabelled is None else len(unlabelled))

    @property
    def _measured_at_once(self) -> int:
        return max(1, EVALUATION_BATCH // self.config.training.samples)

    def _batches(self, part: LabelledImages, unlabelled: Images | None = None) -> Batches:
        # self.device is still the CPU when a resumed run makes its batches
        return Batches(part, self.config.model.conditions, self.trainer.strategy.root_device, unlabelled)

    def _beta(self, index: int) -> float:
        """The weight of the KL term in a step of this epoch, by the number of the step from 0."""
        settings = self.config.training
        if not settings.warm_up:
            return settings.beta
        epochs = self.current_epoch + (index + 1) / self.trainer.num_training_batches
        return settings.beta * min(1.0, epochs / settings.warm_up)

    def _schedule_steps(self) -> int:
        """The number of steps that the schedule is planned for. 0 if it need not know."""
        name = self.config.training.schedule
        minimum = SCHEDULES[name].minimum_steps
        if not minimum:
            return 0
        steps = self.trainer.estimated_stepping_batches
        if not minimum <= steps < inf:
            raise ConfigError(
                f"The schedule {name} needs a known number of steps, at least {minimum}, got {steps}. Set "
                "--trainer.max_epochs or --trainer.max_steps, or choose another --training.schedule."
            )
        return int(steps)


def _labels(part: LabelledImages, count: int) -> NDArray[np.int64]:
    """The label of each image, (count,). It is -1 if an image has none, as the images after the labelled ones."""
    return np.pad(part.labels, (0, count - len(part)), constant_values=-1)


def _loader(batches: Batches, order: Iterable[Tensor], trains_on: torch.device) -> DataLoader[Any]:
    """Batches in this order. Images in a file are read by another process while a GPU computes."""
    # a generator of its own, because a DataLoader draws a seed from the global one
    options: dict[str, Any] = {"sampler": order, "batch_size": None, "generator": torch.Generator()}
    if batches.in_file and trains_on.type != "cpu":
        options |= {"pin_memory": True, "num_workers": 1, "prefetch_factor": PREFETCHED, "persistent_workers": True}
    return DataLoader(batches, **options)
