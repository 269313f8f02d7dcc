"""Which images are in each batch of an epoch. Seed and epoch decide it, the same on every device."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Sampler

from condvae.model.shares import Share
from condvae.seeds import derived_seed


class ShuffledBatches(Sampler[Tensor]):
    """The indices of the images of each batch.

    Args:
        count: number of images.
        batch_size: number of images in a batch. The last batch may be smaller.
        seed: seed of the random order.
        device: where the indices are.
        balance: how alike the frequencies of the classes become, from 0 (each image is drawn once) to 1 (all the same).
        labels: the label of each image, int64 (count,), for a balance above 0.
        rank: the number of this process.
        processes: the number of processes, which share each batch.
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        seed: int,
        device: torch.device,
        balance: float = 0.0,
        labels: NDArray[np.int64] | None = None,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self.rank, self.processes = rank, processes
        self.count, self.batch_size, self.seed, self.device, self.epoch = count, batch_size, seed, device, 0
        self.labels = torch.from_numpy(labels) if balance and labels is not None else None
        self.draws = balanced_draws(self.labels, balance) if self.labels is not None else None

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(derived_seed(self.seed, self.epoch, 0))
        order = torch.randperm(self.count, generator=generator)
        if self.labels is not None and self.draws is not None:
            order = order[self.labels[order].argsort(stable=True)]
            order = resampled(order, self.draws[order], generator)
        yield from shared(order.to(self.device).split(self.batch_size), self.rank, self.processes)

    def __len__(self) -> int:
        return -(-self.count // self.batch_size)


def shared(batches: Sequence[Tensor], rank: int, processes: int) -> Iterator[Tensor]:
    """The share of each batch that a process has (see `condvae.model.shares`)."""
    for batch in batches:
        share = Share(len(batch), rank, processes)
        yield batch[share.start : share.stop]


def balanced_draws(labels: Tensor, balance: float) -> Tensor:
    """How often each image is drawn in an epoch on average, so that the frequencies of the classes are more alike.

    The frequency of a class with n images becomes proportional to n ** (1 - balance). Images without a label keep their
    frequency.

    Args:
        labels: the label of each image, int64 (N,). It is negative if an image has none.
        balance: from 0 (as the data is) to 1 (all classes alike).

    Returns:
        float64 (N,) with the sum N.
    """
    draws, known = torch.ones(len(labels), dtype=torch.float64), labels >= 0
    counts = labels[known].bincount().double()
    weights = counts[labels[known]] ** -balance
    draws[known] = weights * len(weights) / weights.sum()
    return draws


def resampled(order: Tensor, draws: Tensor, generator: torch.Generator) -> Tensor:
    """Systematic resampling: N indices in a random order, each as often as its number of draws, rounded up or down.

    The sum over any indices side by side is rounded up or down as well. Indices of one class therefore belong side by
    side. Douc et al., "Comparison of Resampling Schemes for Particle Filtering", https://arxiv.org/abs/cs/0507025

    Args:
        order: indices, (N,), in a random order within each class.
        draws: the mean number of draws of each, float64 (N,), with the sum N.
        generator: source of the random numbers.
    """
    count = len(order)
    points = torch.arange(count, dtype=torch.float64) + torch.rand((), dtype=torch.float64, generator=generator)
    chosen = torch.searchsorted(draws.cumsum(0), points, right=True)
    chosen = chosen.clamp(max=count - 1)  # the sum may be a rounding error below N
    return order[chosen][torch.randperm(count, generator=generator)]
