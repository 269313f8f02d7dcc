"""The mean of log p(x|y) over many images, at the cost of few importance samples for most of them.

All images get few samples. By how much more samples raise the estimate is measured on a random part of the images, and
added: the sum of the gains has the expectation of the mean with all samples for each image. Goda et al., "Multilevel
Monte Carlo estimation of log marginal likelihood", https://arxiv.org/abs/1910.10616. The difference between float32 and
bfloat16 is a level of its own. A level has as many images as make its error small.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import hypot, inf, sqrt

import torch
from torch import Tensor

from condvae.evaluation.importance import FACTOR, Estimates, units
from condvae.evaluation.measurement import Measurement
from condvae.seeds import seeded, shuffled

LEVEL_IMAGES = (200, 1000), (40, 100), (10, 20)  # least and most images of the levels above the lowest one
PRECISION_IMAGES = 100, 1000  # the same, of the difference between float32 and bfloat16
SMALL = 0.25  # a level with at most this share of the error of the lowest one needs no more images
Estimate = Callable[[Tensor, int, int, bool], Estimates]


@dataclass(frozen=True)
class Level:
    """One step towards many samples, or from bfloat16 to float32, measured on some of the images.

    Attributes:
        what: the step, in words.
        samples: K.
        positions: of the images, int64 (n,).
        estimates: of these images, with K samples.
        gains: by how much this step raises log p(x|y) of each of them, float64 (n,). At the lowest level, log p(x|y).
        gain: the mean of the gains.
        error: its standard error.
    """

    what: str
    samples: int
    positions: Tensor
    estimates: Estimates
    gains: Tensor
    gain: float
    error: float


def multilevel(estimate: Estimate, images: int, samples: int, *seeds: int, fast: bool) -> tuple[Level, ...]:
    """The mean of log p(x|y) from K samples over many images, of which few get all K samples.

    Args:
        estimate: estimates log p(x|y): positions of images (n,), the number of samples, that of blocks of them, and
            whether to decode in bfloat16.
        images: how many images there are.
        samples: K.
        seeds: distinguish the samples from those of other calls.
        fast: whether all levels but that difference are decoded in bfloat16.
    """
    order, steps = shuffled(images), units(samples)

    def lowest(positions: Tensor) -> tuple[Estimates, Tensor]:
        found = estimate(positions, steps[0], 1, fast)
        return found, found.whole

    def precision(positions: Tensor) -> tuple[Estimates, Tensor]:
        both = []
        for rounded in (False, True):
            with seeded(*seeds, 1, len(positions)):  # the same samples
                both.append(estimate(positions, steps[0], 1, rounded))
        return both[0], both[0].whole - both[1].whole

    def higher(count: int) -> Callable[[Tensor], tuple[Estimates, Tensor]]:
        def gain(positions: Tensor) -> tuple[Estimates, Tensor]:
            found = estimate(positions, count, FACTOR, fast)
            return found, found.whole - found.by_block

        return gain

    found = [_level(_samples(steps[0]), steps[0], lowest, order, (images, images), 0.0, *seeds, 0)]
    enough = SMALL * found[0].error
    if fast:
        what = "the difference between float32 and bfloat16"
        found.append(_level(what, steps[0], precision, order, PRECISION_IMAGES, enough, *seeds, 1))
    for number, count in enumerate(steps[1:]):
        limits = LEVEL_IMAGES[min(number, len(LEVEL_IMAGES) - 1)]
        found.append(_level(_samples(count), count, higher(count), order, limits, enough, *seeds, 2 + number))
    return tuple(found)


def minus_log_likelihood(
    levels: tuple[Level, ...], protocol: str, scale: float = 1.0, offset: float = 0.0
) -> Measurement:
    """The mean of -log p(x|y), multiplied by a scale, plus an offset. Its error has those of all levels."""
    value = -scale * sum(level.gain for level in levels) + offset
    error = scale * hypot(*(level.error for level in levels))
    return Measurement(value, error, len(levels[0].positions), f"{protocol} {described(levels)}")


def described(levels: tuple[Level, ...]) -> str:
    """How many images got how many samples, in a sentence."""
    steps = [f"{level.what} for {len(level.positions):,} images" for level in levels]
    if len(steps) == 1:
        return f"{levels[0].what} for each image."
    return f"{', '.join(steps[:-1])}, and {steps[-1]}, combined by multilevel Monte Carlo."


def _samples(count: int) -> str:
    return f"{count:,} importance samples"


def _level(
    what: str,
    samples: int,
    measured: Callable[[Tensor], tuple[Estimates, Tensor]],
    order: Tensor,
    limits: tuple[int, int],
    enough: float,
    *seeds: int,
) -> Level:
    """Measure a level on twice as many images until its error is small enough, or there are no more.

    Args:
        what: the level, in words.
        samples: K.
        measured: positions of images (n,) to estimates, and to by how much the level raises them, (n,).
        order: of all images.
        limits: the least and the most images.
        enough: the error that is small enough.
        seeds: distinguish the samples from those of other levels.
    """
    least, most = (min(len(order), limit) for limit in limits)
    chosen, estimates, gains, count, error = [], [], torch.empty(0, dtype=torch.float64), 0, inf
    while count < least or (count < most and error > enough):
        positions = order[count : min(most, max(least, 2 * count))].sort().values
        with seeded(*seeds, count):
            one, gain = measured(positions)
        chosen.append(positions)
        estimates.append(one)
        gains = torch.cat([gains, gain.double()])
        count = len(gains)
        error = gains.std().item() / sqrt(count) if count > 1 else 0.0
    everything = Estimates(*(torch.cat(column) for column in zip(*estimates, strict=True)))
    return Level(what, samples, torch.cat(chosen), everything, gains, gains.mean().item(), error)
