"""log p(x|y) by importance sampling of z.

Burda et al., https://arxiv.org/abs/1509.00519. The logarithm of the mean importance weight of K samples is a stochastic
lower bound that rises to log p(x|y) with K.
"""

from contextlib import nullcontext
from math import log
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from condvae.inference.batched import CHUNK, evaluating
from condvae.model.cvae import CVAE
from condvae.model.devices import fast_products
from condvae.progress import progress

EVERY = 5  # one of so many samples is from the prior, and one from a wider q(z|x,y)
WIDENING = 3.0  # by which the standard deviations of q(z|x,y) are multiplied for the latter
FACTOR, FEWEST = 10, 5  # between the samples of two levels, and samples of the lowest one, at least
TOGETHER = 2000  # samples of z in one pass through the prior, whose many small operations take less time for more


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


def log_likelihood(
    model: CVAE,
    x: Tensor,
    rows: Tensor,
    samples: int,
    what: str = "Importance sampling",
    *,
    blocks: int = 1,
    fast: bool = False,
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
        fast: whether images are decoded in bfloat16 if the device has instructions for it. Densities of z are always
            computed in float32.

    Returns:
        float32 on the CPU, in nats.
    """
    device, found = model.device, []
    together = max(1, TOGETHER // (samples // blocks))
    with evaluating(model), progress(what, len(x)) as advance:
        for images, chosen in zip(x.split(together), rows.split(together), strict=True):
            found.append(_estimates(model, images.to(device), chosen.to(device), samples // blocks, blocks, fast))
            advance(len(images))
        return Estimates(*(torch.cat(column).cpu() for column in zip(*found, strict=True)))


def _estimates(model: CVAE, x: Tensor, rows: Tensor, samples: int, blocks: int, fast: bool) -> Estimates:
    y = model.conditions(rows)
    q, empty = model.posterior(x, y), torch.full((len(x),), -torch.inf, device=x.device)
    each, total, squares = [], empty, empty
    for _ in range(blocks):
        block = empty
        for start in range(0, samples, TOGETHER):
            weights = _log_weights(model, x, y, q, min(TOGETHER, samples - start), fast)
            block = torch.logaddexp(block, weights.logsumexp(0))
            squares = torch.logaddexp(squares, (2 * weights).logsumexp(0))
        each.append(block - log(samples))
        total = torch.logaddexp(total, block)
    return Estimates(total - log(samples * blocks), torch.stack(each).mean(0), (2 * total - squares).exp())


def units(samples: int) -> list[int]:
    """K divided by FACTOR as often as possible, fewest first: 5, 50, 500 and 5,000 for 5,000."""
    found = [samples]
    while found[0] % FACTOR == 0 and found[0] // FACTOR >= FEWEST:
        found.insert(0, found[0] // FACTOR)
    return found


def defensive(samples: int) -> int:
    """How many of K samples are from the prior. As many are from the wider q(z|x,y).

    The share is the same for FACTOR times as many samples, so that all levels have the same proposal.
    """
    fewest = units(samples)[0]
    return fewest // EVERY * (samples // fewest)


def _log_weights(model: CVAE, x: Tensor, y: Tensor, q: Distribution, samples: int, fast: bool) -> Tensor:
    """Logarithms of importance weights, (samples, B)."""
    from_prior = wide = defensive(samples)
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
    with fast_products(x.device) if fast else nullcontext():
        reconstruction = torch.cat([model.likelihood(one, given).log_prob(x[own]) for one, given, own in chunks])
    return reconstruction.unflatten(0, z.shape[:2]) + prior - proposal
