"""A trained model applied to many images or latent vectors, a chunk at a time.

Tensors are given and returned on the CPU. The chunks are computed on the device of the model. Latent vectors are in
standard coordinates (see `condvae.model.priors`).
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Distribution

from condvae.config import Z_PRIORS
from condvae.data.labelled import LabelledImages
from condvae.errors import InputError
from condvae.images import to_uint8, unit
from condvae.inference.inputs import require_seed
from condvae.model.cvae import CVAE
from condvae.model.priors import MixturePrior
from condvae.seeds import seeded

CHUNK = 500  # images in one pass through the decoder, so that activations stay in the cache of the processor
ENCODED = 100  # the same for the encoder, which computes in float32
BLOCK = 1000  # latent vectors that one derived seed decides
MODEL_PRIOR, MIXTURE = Z_PRIORS


def draw(
    model: CVAE, rows: Tensor, seed: int | None = None, start: int = 0, prior: str | nn.Module = MODEL_PRIOR
) -> Tensor:
    """Draw latent vectors: conditions (B, D) to float32 (B, Z). The same seed gives the same vectors on any device.

    Args:
        model: a trained model.
        rows: conditions (B, D), or labels (B,) if the label is the only condition.
        seed: makes the draw repeatable.
        start: the number of vectors of a longer draw that come before these, a multiple of BLOCK. Pieces drawn one by
            one are equal to the whole draw.
        prior: "prior" for the model's own prior, which is N(0, I) in standard coordinates, or a module from condition
            vectors to a distribution, such as a `MixturePrior`.

    Raises:
        InputError: the prior or the seed is not possible, or the mixture belongs to another kind of model.
    """
    module = prior_module(model, prior)
    require_seed(seed)
    with evaluating(model):
        blocks = []
        for number, block in enumerate(rows.split(BLOCK), start // BLOCK):
            with seeded(seed, number) if seed is not None else nullcontext():
                if module is None:
                    blocks.append(torch.randn(len(block), model.config.latent))
                else:
                    y = model.conditions(block.to(model.device)).to(_device_of(module))
                    blocks.append(module(y).sample().cpu())
        return torch.cat(blocks)


def prior_module(model: CVAE, prior: str | nn.Module) -> nn.Module | None:
    """The module to draw latent vectors from, or None for the model's own prior, which is N(0, I).

    Raises:
        InputError: there is no such prior, or it belongs to another kind of model.
    """
    if isinstance(prior, MixturePrior):
        theirs, ours = prior.kind, (len(model.conditions.classes), model.config.latent)
        if theirs != ours:
            raise InputError(
                f"The mixture is of a model with {theirs[0]} labels and {theirs[1]} latent dimensions; this one has "
                f"{ours[0]} and {ours[1]}. Load the mixture of the model's own run."
            )
    if not isinstance(prior, str):
        return prior
    if prior == MIXTURE:
        raise InputError("The mixture is kept in the run folder. Give prior=condvae.load_mixture(RUN).")
    if prior != MODEL_PRIOR:
        raise InputError(f"prior must be one of {', '.join(Z_PRIORS)}, or a module, got '{prior}'.")
    return None


def decode(model: CVAE, z: Tensor, rows: Tensor, sample: bool = False) -> Tensor:
    """The mean of p(x|z,y), or a sample of it: (B, Z) and conditions (B, D) to floats in [0, 1] (B, C, H, W)."""
    images = torch.empty(len(z), *model.schema.shape)
    with evaluating(model):
        for part, p in zip(images.split(CHUNK), decoded(model, z, rows), strict=True):
            part.copy_(image(p, sample))
    return images


def draw_pixels(model: CVAE, z: Tensor, rows: Tensor, sample: bool = False) -> NDArray[np.uint8]:
    """The same, rounded to uint8 from 0 to 255 (B, C, H, W)."""
    pixels = np.empty((len(z), *model.schema.shape), np.uint8)
    with evaluating(model):
        # rounded chunk by chunk, so that only a quarter of the bytes leaves the cache
        for number, p in enumerate(decoded(model, z, rows)):
            pixels[number * CHUNK : (number + 1) * CHUNK] = to_uint8(image(p, sample))
    return pixels


def encode_all(model: CVAE, images: Tensor | LabelledImages, rows: Tensor) -> Tensor:
    """The mean of q(z|x,y) of each image: (B, Z).

    Args:
        model: a trained model.
        images: uint8, or floats in [0, 1], (B, C, H, W).
        rows: conditions (B, D).
    """
    with evaluating(model):
        return torch.cat([model.prior.to_standard(q.mean, y).cpu() for q, y in _encoded(model, images, rows)])


def encode_moments(model: CVAE, images: Tensor | LabelledImages, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The mean and the standard deviation of q(z|x,y) of each image, (B, Z) each. See `Prior.moments`."""
    with evaluating(model):
        moments = [model.prior.moments(q, y) for q, y in _encoded(model, images, rows)]
        means, deviations = ([one.cpu() for one in both] for both in zip(*moments, strict=True))
        return torch.cat(means), torch.cat(deviations)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Inside, no gradients and no dropout. Afterwards the model is in the mode that it was in before."""
    training = model.training
    if training:  # switching walks through all modules, which takes longer than decoding one image
        model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        if training:
            model.train()


def _device_of(module: nn.Module) -> torch.device:
    tensors = [*module.parameters(), *module.buffers()]
    return tensors[0].device if tensors else torch.device("cpu")


def _encoded(model: CVAE, images: Tensor | LabelledImages, rows: Tensor) -> Iterator[tuple[Distribution, Tensor]]:
    """Posteriors and condition vectors, chunk by chunk, on the device of the model."""
    device = model.device
    for part, chosen in zip(_chunks(images), rows.split(ENCODED), strict=True):
        given = chosen.to(device)
        yield model.encode(unit(part.to(device)), given), model.conditions(given)


def _chunks(images: Tensor | LabelledImages) -> Iterator[Tensor]:
    if isinstance(images, Tensor):
        yield from images.split(ENCODED)
    else:
        yield from (torch.from_numpy(batch.images) for batch in images.batches(ENCODED))


def decoded(model: CVAE, z: Tensor, rows: Tensor) -> Iterator[Distribution]:
    """p(x|z,y) for (B, Z) and conditions (B, D), a chunk at a time, on the device of the model."""
    device = model.device
    for part, chosen in zip(z.split(CHUNK), rows.split(CHUNK), strict=True):
        y = model.conditions(chosen.to(device))
        yield model.likelihood(model.prior.from_standard(part.to(device), y), y)


def image(p: Distribution, sample: bool) -> Tensor:
    """The mean of p(x|z,y), or a sample of it: floats in [0, 1] (B, C, H, W)."""
    found: Tensor = p.sample().clamp(0, 1) if sample else p.mean
    return found
