"""What a trained model is for: arrays or tensors in, numpy arrays out.

App, command line and figures all call these. Images are uint8 (B, C, H, W), 0 to 255. Latent vectors are float32
(B, Z), in standard coordinates, where the prior is N(0, I) whatever the label (see `condvae.priors`), so that the same
numbers are the same style for each. Labels are class names or numbers, one for all or one for each; attributes, for
models that have more conditions than the label, are numbers or class names by name, likewise.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Distribution

from condvae.errors import InputError
from condvae.images import to_uint8, unit
from condvae.model.cvae import CVAE
from condvae.model.priors import MixturePrior
from condvae.seeds import seeded

CHUNK = 500  # images in one pass through the model; their activations stay in the processor's cache


BLOCK = 1000  # latent vectors that one seed decides


def draw(model: CVAE, given: Tensor, seed: int | None = None, start: int = 0, prior: nn.Module | None = None) -> Tensor:
    """Latent vectors from the prior p(z|y), in standard coordinates: conditions (B, D) to float32 (B, Z).

    Args:
        model: a trained model.
        given: conditions (B, D), or labels (B,) where the label is the only one.
        seed: makes the draw repeatable.
        start: how many vectors of a longer draw come before these, a multiple of BLOCK: pieces drawn one by one are the
            whole draw.
        prior: what to draw from instead of the model's own prior, which is N(0, I) in these coordinates: a module from
            condition vectors to a distribution, such as a `MixturePrior`.

    Raises:
        InputError: the seed is not possible, or the mixture is of another kind of model.
    """
    if isinstance(prior, MixturePrior):
        theirs, ours = prior.kind, (len(model.conditions.classes), model.config.latent)
        if theirs != ours:
            raise InputError(
                f"The mixture is of a model with {theirs[0]} labels and {theirs[1]} latent dimensions; this one has "
                f"{ours[0]} and {ours[1]}. Load that of its own run."
            )
    if seed is not None and not 0 <= seed < 2**32:
        raise InputError(f"seed = {seed} is not possible; allowed: 0 to 4294967295.")
    with evaluating(model):
        blocks = []
        for number, block in enumerate(given.split(BLOCK), start // BLOCK):
            with seeded(seed, number) if seed is not None else nullcontext():
                if prior is None:
                    blocks.append(torch.randn(len(block), model.config.latent))
                else:
                    blocks.append(prior(model.conditions(block)).sample())
        return torch.cat(blocks)


def decode(model: CVAE, z: Tensor, given: Tensor, sample: bool = False) -> Tensor:
    """The mean of p(x|z,y), or a sample of it: (B, Z) and conditions (B, D) to floats in [0, 1] (B, C, H, W)."""
    images = torch.empty(len(z), *model.schema.shape)
    with evaluating(model):
        for part, chunk in zip(images.split(CHUNK), _decoded(model, z, given, sample), strict=True):
            part.copy_(chunk)
    return images


def draw_pixels(model: CVAE, z: Tensor, given: Tensor) -> NDArray[np.uint8]:
    """The mean of p(x|z,y), rounded: (B, Z) and conditions (B, D) to uint8 0 to 255 (B, C, H, W)."""
    pixels = np.empty((len(z), *model.schema.shape), np.uint8)
    with evaluating(model):
        # rounded chunk by chunk, because a quarter of the bytes then leaves the cache
        for number, chunk in enumerate(_decoded(model, z, given)):
            pixels[number * CHUNK : (number + 1) * CHUNK] = to_uint8(chunk)
    return pixels


def encode_all(model: CVAE, images: Tensor, given: Tensor) -> Tensor:
    """The mean of q(z|x,y) in standard coordinates, a chunk at a time: (B, Z).

    Args:
        model: a trained model.
        images: uint8, or floats in [0, 1], (B, C, H, W).
        given: conditions (B, D).
    """
    with evaluating(model):
        return torch.cat([model.prior.to_standard(q.mean, y) for q, y in _encoded(model, images, given)])


def encode_moments(model: CVAE, images: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
    """The same, and the standard deviation of q(z|x,y) in these coordinates, to first order: each (B, Z)."""
    with evaluating(model):
        means, deviations = zip(*(model.prior.moments(q, y) for q, y in _encoded(model, images, given)), strict=True)
        return torch.cat(means), torch.cat(deviations)


@contextmanager
def evaluating(model: CVAE) -> Iterator[None]:
    """No gradients and no dropout inside; the model's mode is as before afterwards."""
    training = model.training
    if training:  # switching walks through all modules, which would take longer than decoding one image
        model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        if training:
            model.train()


def _encoded(model: CVAE, images: Tensor, given: Tensor) -> Iterator[tuple[Distribution, Tensor]]:
    """Posteriors and condition vectors, chunk by chunk."""
    for part, chosen in zip(images.split(CHUNK), given.split(CHUNK), strict=True):
        yield model.encode(unit(part), chosen), model.conditions(chosen)


def _decoded(model: CVAE, z: Tensor, given: Tensor, sample: bool = False) -> Iterator[Tensor]:
    for part, chosen in zip(z.split(CHUNK), given.split(CHUNK), strict=True):
        y = model.conditions(chosen)
        images = model.likelihood(model.prior.from_standard(part, y), y)
        yield images.sample().clamp(0, 1) if sample else images.mean
