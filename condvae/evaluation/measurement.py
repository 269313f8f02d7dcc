"""A measured figure: its value, its standard error, the number of items, and how it was measured."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import TypeAlias

import torch
from torch import Tensor

from condvae.data.attributes import TINY

RESAMPLES = 50


@dataclass(frozen=True)
class Measurement:
    """One measured figure with its protocol.

    Attributes:
        value: the mean over `count` items, unless the protocol says otherwise.
        error: the standard error of the value. 0 for a single item, see `has_error`.
        count: the number of items.
        protocol: what was measured, on which images, and how. It names the unit if there is one.
    """

    value: float
    error: float
    count: int
    protocol: str

    @property
    def has_error(self) -> bool:
        """Whether the error says anything: a single item does not show by how much others would differ."""
        return self.count > 1


ByClass: TypeAlias = tuple[Measurement | None, ...]  # a figure for each class, None where there is nothing to measure


def measure(values: Tensor, protocol: str) -> Measurement:
    """The mean of values (N,) with its standard error. The values are taken as independent."""
    count = values.numel()
    error = values.double().std().item() / sqrt(count) if count > 1 else 0.0
    return Measurement(values.double().mean().item(), error, count, protocol)


def by_class(values: Tensor, labels: Tensor, classes: int, protocol: str) -> ByClass:
    """The mean of the values (N,) of each class, by their labels, int64 (N,). None for a class without values."""
    parts = [values[labels == label] for label in range(classes)]
    return tuple(measure(part, protocol) if len(part) else None for part in parts)


def bootstrapped(statistic: Callable[..., float], protocol: str, *counts: int) -> Measurement:
    """A statistic that is not a mean. Its standard error is its spread over RESAMPLES draws with replacement.

    Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics, 1979,
    https://doi.org/10.1214/aos/1176344552

    Args:
        statistic: takes positions of items, int64 (N,), one tensor for each of the counts.
        protocol: what was measured, on which images, and how.
        counts: N, the number of items. A statistic of several independent sets has several, and the last one is the
            count of the measurement.
    """
    generator = torch.Generator().manual_seed(0)
    draws = ([torch.randint(count, (count,), generator=generator) for count in counts] for _ in range(RESAMPLES))
    error = torch.tensor([statistic(*draw) for draw in draws], dtype=torch.float64).std().item()
    return Measurement(statistic(*(torch.arange(count) for count in counts)), error, counts[-1], protocol)


def correlation(values: Tensor, others: Tensor) -> float:
    """Pearson's correlation of two samples (N,). 0 if one of them does not vary."""
    pair = torch.stack([values, others]).double()
    deviations = pair - pair.mean(1, keepdim=True)
    scale = deviations.norm(dim=1).prod().clamp(min=TINY)
    return (deviations.prod(0).sum() / scale).item()
