"""What can be measured of images without a model: style by moments, differences, accuracy with its error."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from condvae.data.attributes import TINY

RESAMPLES = 50


@dataclass(frozen=True)
class Measurement:
    """One measured figure with its protocol.

    Attributes:
        value: a mean over `count` items, unless the protocol says otherwise.
        error: its standard error: of a mean the usual one, of most others by the bootstrap; 0 for a single item.
        count: the number of items.
        protocol: what was measured, on what, and how; the unit where there is one.
    """

    value: float
    error: float
    count: int
    protocol: str


def measure(values: Tensor, protocol: str) -> Measurement:
    """The mean of values (N,) with its standard error, taking them as independent."""
    count = values.numel()
    error = values.double().std().item() / sqrt(count) if count > 1 else 0.0
    return Measurement(values.double().mean().item(), error, count, protocol)


def bootstrapped(statistic: Callable[..., float], protocol: str, *counts: int) -> Measurement:
    """A statistic that is no mean, with its standard error: its spread over RESAMPLES draws with replacement.

    Efron, "Bootstrap methods: another look at the jackknife", 1979.

    Args:
        statistic: takes the positions of the items to use, int64 (N,), for each of the counts.
        protocol: what was measured, on what, and how.
        counts: N, how many items there are; several for a statistic of several independent sets, the last of which is
            the one that the measurement counts.
    """
    generator = torch.Generator().manual_seed(0)
    draws = ([torch.randint(count, (count,), generator=generator) for count in counts] for _ in range(RESAMPLES))
    error = torch.tensor([statistic(*draw) for draw in draws], dtype=torch.float64).std().item()
    return Measurement(statistic(*(torch.arange(count) for count in counts)), error, counts[-1], protocol)


def correlation(values: Tensor, others: Tensor) -> float:
    """Pearson's correlation of two samples (N,); 0 where one of them does not vary."""
    pair = torch.stack([values, others]).double()
    deviations = pair - pair.mean(1, keepdim=True)
    scale = deviations.norm(dim=1).prod().clamp(min=TINY)
    return (deviations.prod(0).sum() / scale).item()
