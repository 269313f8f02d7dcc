"""log p(x|y) by importance sampling of z, and its mean over many images at the cost of few samples for most of them.

Burda et al., https://arxiv.org/abs/1509.00519. The logarithm of the mean importance weight of K samples is a stochastic
lower bound that rises to log p(x|y) with K.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import hypot, log, sqrt
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from condvae.evaluation.measurement import Measurement
from condvae.inference.batched import CHUNK, evaluating
from condvae.model.cvae import CVAE
from condvae.progress import progress
from condvae.seeds import seeded, shuffled

PRIOR_SHARE, WIDE_SHARE = 0.1, 0.3  # shares of the samples that are not from q(z|x,y) itself
WIDENING = 3.0  # by which the standard deviations of q(z|x,y) are multiplied for WIDE_SHARE of the samples
TOGETHER = 2000  # samples of z in one pass through the prior, whose many small operations take less time for more
FACTOR = 10  # between the samples of two levels
FEWEST = 5  # samples of the lowest level, at least
LEVEL_IMAGES = 1000, 100, 20  # images of the levels above the lowest one


class Estimates(NamedTuple):
    """What the importance weights of B images say, (B,) each.

    Attributes:
        whole: log p(x|y) from all K samples, in nats.
        by_block: the mean over blocks of samples, of the same from the samples of one block alone.
        effective: the effective sample size, (sum of weights)^2 / sum of squared weights, from 1 to K. Kish, "Survey
            Sampling", 1965.
    """

    whole: Tensor
    by_block: Tensor
    effective: Tensor


@dataclass(frozen=True)
class Level:
    """One step towards many samples, measured on some of the images.

    Attributes:
        samples: K.
        positions: of the images, int64 (n,).
        estimates: of these images, with K samples.
        gain: the mean by which log p(x|y) from K samples exceeds that of the level below. At the lowest level it is
            the mean itself.
        error: its standard error.
    """

    samples: int
    positions: Tensor
    estimates: Estimates
    gain: float
    error: float


def log_likelihood(
    model: CVAE, x: Tensor, rows: Tensor, samples: int, what: str = "Importance sampling", *, blocks: int = 1
) -> Estimates:
    """log p(x|y) of each image, estimated with exactly K importance samples, in constant memory.

    q(z|x,y) is narrower than the true posterior, and may miss some of its modes. The proposal is therefore a mixture of
    q(z|x,y), of the same with WIDENING times its standard deviations, and of the prior. Each has a fixed share of the
    samples, and weights are taken against the whole mixture (Hesterberg, "Weighted Average Importance Sampling and
    Defensive Mixture Distributions", 1995, https://doi.org/10.1080/00401706.1995.10484303).

    Args:
        model: a trained model.
        x: images as the likelihood sees them, float (B, C, H, W), on the CPU.
        rows: conditions (B, D), or labels (B,).
        samples: K, a multiple of the number of blocks.
        what: the name of the work, for its progress.
        blocks: the number of blocks that the samples are divided into.

    Returns:
        float32 on the CPU, in nats.
    """
    device, found = model.device, []
    together = max(1, TOGETHER // (samples // blocks))
    with evaluating(model), progress(what, len(x)) as advance:
        for images, chosen in zip(x.split(together), rows.split(together), strict=True):
            found.append(_estimates(model, images.to(device), chosen.to(device), samples // blocks, blocks))
            advance(len(images))
        return Estimates(*(torch.cat(column).cpu() for column in zip(*found, strict=True)))


def multilevel(
    estimate: Callable[[Tensor, int, int], Estimates], images: int, samples: int, *seeds: int
) -> tuple[Level, ...]:
    """The mean of log p(x|y) from K samples over many images, of which few get all K samples.

    All images get few samples. By how much more samples raise the estimate is measured on a random part of the images,
    and added: the sum of the gains has the expectation of the mean with K samples for each image. Goda et al.,
    "Multilevel Monte Carlo estimation of log marginal likelihood", https://arxiv.org/abs/1910.10616

    Args:
        estimate: positions of images, K and the number of blocks to `Estimates`.
        images: how many images there are.
        samples: K.
        seeds: distinguish the samples from those of other calls.
    """
    found: list[Level] = []
    for number, (count, chosen) in enumerate(_plan(samples, images)):
        positions = shuffled(images)[:chosen].sort().values
        with seeded(*seeds, number):
            estimates = estimate(positions, count, FACTOR if number else 1)
        gains = (estimates.whole - estimates.by_block if number else estimates.whole).double()
        error = gains.std().item() / sqrt(chosen) if chosen > 1 else 0.0
        found.append(Level(count, positions, estimates, gains.mean().item(), error))
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
    steps = [f"{level.samples:,} importance samples for {len(level.positions):,} images" for level in levels]
    if len(steps) == 1:
        return f"{levels[0].samples:,} importance samples for each image."
    return f"{', '.join(steps[:-1])}, and {steps[-1]}, combined by multilevel Monte Carlo."


def _plan(samples: int, images: int) -> list[tuple[int, int]]:
    """Samples and number of images of each level, fewest samples first."""
    steps = [samples]
    while steps[0] % FACTOR == 0 and steps[0] // FACTOR >= FEWEST:
        steps.insert(0, steps[0] // FACTOR)
    fewer = [min(images, limit) for limit in LEVEL_IMAGES]
    return [(step, images if not number else fewer[min(number, len(fewer)) - 1]) for number, step in enumerate(steps)]


def _estimates(model: CVAE, x: Tensor, rows: Tensor, samples: int, blocks: int) -> Estimates:
    y = model.conditions(rows)
    q, empty = model.posterior(x, y), torch.full((len(x),), -torch.inf, device=x.device)
    each, total, squares = [], empty, empty
    for _ in range(blocks):
        block = empty
        for start in range(0, samples, TOGETHER):
            weights = _log_weights(model, x, y, q, min(TOGETHER, samples - start))
            block = torch.logaddexp(block, weights.logsumexp(0))
            squares = torch.logaddexp(squares, (2 * weights).logsumexp(0))
        each.append(block - log(samples))
        total = torch.logaddexp(total, block)
    return Estimates(total - log(samples * blocks), torch.stack(each).mean(0), (2 * total - squares).exp())


def _log_weights(model: CVAE, x: Tensor, y: Tensor, q: Distribution, samples: int) -> Tensor:
    """Logarithms of importance weights, (samples, B)."""
    from_prior, wide = int(PRIOR_SHARE * samples), int(WIDE_SHARE * samples)
    own = samples - from_prior - wide
    drawn = [q.sample((own,)), q.mean + WIDENING * (q.sample((wide,)) - q.mean)]
    if from_prior:
        drawn.append(model.prior(y.repeat(from_prior, 1)).sample().unflatten(0, (from_prior, len(x))))
    z = torch.cat(drawn)
    repeated = y.repeat(samples, 1)
    prior = model.prior(repeated).log_prob(z.flatten(0, 1)).unflatten(0, z.shape[:2])
    narrower = q.log_prob(q.mean + (z - q.mean) / WIDENING) - z.shape[-1] * log(WIDENING)
    densities = [(q.log_prob(z), own), (narrower, wide), (prior, from_prior)]
    proposal = torch.stack([density + log(count / samples) for density, count in densities if count]).logsumexp(0)
    images = torch.arange(len(repeated), device=x.device) % len(x)
    chunks = zip(z.flatten(0, 1).split(CHUNK), repeated.split(CHUNK), images.split(CHUNK), strict=True)
    reconstruction = torch.cat([model.likelihood(one, given).log_prob(x[own]) for one, given, own in chunks])
    return reconstruction.unflatten(0, z.shape[:2]) + prior - proposal
