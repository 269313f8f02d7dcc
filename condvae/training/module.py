"""Training: the batches, the loss, `fit` and `resume`.

Everything random in an epoch (order of the images, dropout, sampling) is derived from the seed and the number of
the epoch alone, so a run that was interrupted and resumed ends with the same weights as one that was not.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, Sampler, TensorDataset

from condvae.config import Config
from condvae.data.dataset import Dataset, LabelledImages
from condvae.errors import ConfigError, TrainingError
from condvae.images import unit
from condvae.model.cvae import CVAE
from condvae.model.distributions import squared_error
from condvae.seeds import derived_seed, seeded

Batch = Sequence[Tensor]  # images uint8 (B, C, H, W), and conditions (B, D)


EVALUATION_BATCH = 1000


class ShuffledBatches(Sampler[Tensor]):
    """Indices of one batch after another, in a fresh permutation each epoch that seed and epoch decide.

    Args:
        count: how many images there are.
        batch_size: how many of them make a batch; the last one may be smaller.
        seed: decides the permutations, on every device the same.
        device: where the images are, and so the indices.
    """

    def __init__(self, count: int, batch_size: int, seed: int, device: torch.device) -> None:
        self.count, self.batch_size, self.seed, self.device, self.epoch = count, batch_size, seed, device, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(derived_seed(self.seed, self.epoch, 0))
        yield from torch.randperm(self.count, generator=generator).to(self.device).split(self.batch_size)

    def __len__(self) -> int:
        return -(-self.count // self.batch_size)


class CVAEModule(pl.LightningModule):
    """The batches, the loss, the optimiser and what is logged.

    The data lives on the device that trains, as uint8, and a step waits for the device only where it is logged.
    """

    def __init__(self, model: CVAE, config: Config, data: Dataset) -> None:
        super().__init__()
        self.model, self.config, self.data = model, config, data
        self.loss_sum, self.images = torch.zeros(()), 0  # of the images seen in this epoch
        self.seconds_before = 0.0  # in earlier parts of an interrupted run
        self.started, self.has_begun = time.perf_counter(), False

    @property
    def seconds(self) -> float:
        """How long training has taken until now, in seconds."""
        return self.seconds_before + time.perf_counter() - self.started

    @property
    def images_per_second(self) -> float:
        """Images that all processes together have seen, for each second of training."""
        batches = self.trainer.global_step * self.trainer.accumulate_grad_batches * self.trainer.world_size
        return batches * self.config.training.batch_size / self.seconds

    def train_dataloader(self) -> DataLoader[Any]:
        chosen = self.config.training
        part = self._on_device(self.data.train)
        order = ShuffledBatches(len(part), chosen.batch_size, chosen.seed, part.tensors[0].device)
        return DataLoader(part, sampler=order, batch_size=None, generator=torch.Generator())

    def val_dataloader(self) -> DataLoader[Any]:
        part = self._on_device(self.data.validation or self.data.test)
        together = max(1, EVALUATION_BATCH // self.config.training.samples)
        order = torch.arange(len(part), device=part.tensors[0].device).split(together)
        return DataLoader(part, sampler=order, batch_size=None, generator=torch.Generator())

    def configure_optimizers(self) -> Any:
        optimizer = self._muon() if self.config.training.optimizer == "muon" else self._adam()
        if self.config.training.schedule == "constant":
            return optimizer
        peaks = [group["lr"] for group in optimizer.param_groups]
        steps = self.trainer.estimated_stepping_batches
        if not 5 <= steps < float("inf"):
            raise ConfigError(
                f"training.schedule = 'one-cycle' needs at least 5 steps, and to know how many; there are {steps}. Set "
                "--trainer.max_epochs or --trainer.max_steps, or choose --training.schedule constant."
            )
        shape: dict[str, Any] = {
            "pct_start": self.config.training.peak,
            "anneal_strategy": "linear",
            "cycle_momentum": False,
        }
        schedule = OneCycleLR(optimizer, peaks, int(steps), **shape)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_start(self) -> None:
        self.started, self.has_begun = time.perf_counter(), True

    def on_train_epoch_start(self) -> None:
        torch.manual_seed(derived_seed(self.config.training.seed, self.current_epoch, 1 + self.global_rank))
        self.loss_sum, self.images = torch.zeros(()), 0

    def training_step(self, batch: Batch, index: int) -> Tensor:
        images, given = batch
        chosen = self.config.training
        x = self.model.observe(unit(images))
        loss = -self.model.elbo(x, given, self._beta(index), chosen.free_bits, chosen.samples).value.mean()
        self.loss_sum = self.loss_sum + loss.detach() * len(images)
        self.images += len(images)
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and (self.global_step + 1) % every == 0:
            self.mean_loss()
            self.log("train_loss_step", loss, prog_bar=True, sync_dist=True)
        return loss

    def mean_loss(self) -> Tensor:
        """The loss of this epoch until now, averaged over the images of all processes.

        Raises:
            TrainingError: it is not finite, because the loss of some step was not.
        """
        mean: Tensor = self.trainer.strategy.reduce(self.loss_sum / self.images, reduce_op="mean")
        if not mean.isfinite():
            raise TrainingError(
                f"The loss is {mean.item()}, found at step {self.global_step} (epoch {self.current_epoch}). Start "
                f"again with a lower --training.learning_rate than {self.config.training.learning_rate}, or with "
                "--trainer.gradient_clip_val 1. The checkpoint of the last completed epoch is kept."
            )
        return mean

    def validation_step(self, batch: Batch, index: int) -> None:
        images, given = unit(batch[0]), batch[1]
        reconstruction = self.model.decode(self.model.encode(images, given).mean, given).mean
        measured = {"test_mse": squared_error(images, reconstruction).mean()}
        if self.data.validation:
            with seeded(index):  # each epoch the same binarised images, and the same noise
                x, beta = self.model.observe(images), float(self.config.has_bound)
                bound = self.model.elbo(x, given, beta, samples=self.config.training.samples).value.mean()
            measured = {"val_bound": bound, "val_mse": measured["test_mse"]}
        self.log_dict(measured, prog_bar=True, batch_size=len(images), sync_dist=True)

    def on_train_epoch_end(self) -> None:
        self.log_dict({"train_loss_epoch": self.mean_loss(), "seconds": self.seconds}, sync_dist=True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["seconds"] = self.seconds

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.seconds_before = checkpoint["seconds"]
        for schedule in checkpoint["lr_schedulers"]:
            if schedule["total_steps"] != self.trainer.estimated_stepping_batches:
                raise ConfigError(
                    f"The one-cycle schedule of this run ends after {schedule['total_steps']} steps, and "
                    f"{self.trainer.estimated_stepping_batches} are asked for now. Resume it as it was, or train anew "
                    "with more."
                )

    def _beta(self, index: int) -> float:
        """The weight of the KL term in a step of this epoch, by its number from 0."""
        chosen = self.config.training
        if not chosen.warm_up:
            return chosen.beta
        epochs = self.current_epoch + (index + 1) / self.trainer.num_training_batches
        return chosen.beta * min(1.0, epochs / chosen.warm_up)

    def _adam(self) -> torch.optim.Optimizer:
        chosen = self.config.training
        # Lightning does not clip the gradients of a fused optimiser in mixed precision
        fused = None if self.trainer.gradient_clip_val and "mixed" in self.trainer.precision else True
        return torch.optim.Adam(self.parameters(), chosen.learning_rate, chosen.adam_betas, fused=fused)

    def _muon(self) -> torch.optim.Optimizer:
        """Jordan et al., "Muon: An optimizer for hidden layers in neural networks", https://kellerjordan.github.io/posts/muon/"""
        from pytorch_optimizer import Muon

        chosen = self.config.training
        networks: tuple[Any, Any] = self.model.posterior.encoder, self.model.likelihood.decoder
        inner = [weight for network in networks for weight in network.inner_weights()]
        outer = [weight for weight in self.parameters() if all(weight is not other for other in inner)]
        groups = [
            {"params": inner, "use_muon": True, "lr": chosen.muon_learning_rate, "momentum": 0.9, "ns_steps": 3},
            {"params": outer, "use_muon": False, "lr": chosen.learning_rate, "betas": chosen.adam_betas, "eps": 1e-8},
        ]
        return Muon(groups)

    def _on_device(self, part: LabelledImages) -> TensorDataset:
        device = self.trainer.strategy.root_device  # not self.device, which a resumed run asks for too early
        rows = part.rows(self.config.model.conditions)
        return TensorDataset(*(torch.from_numpy(array).to(device) for array in (part.images, rows)))
