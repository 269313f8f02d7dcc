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
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.distributions import Distribution

from condvae.errors import InputError
from condvae.inputs import (
    Attributes,
    Labels,
    as_conditions,
    as_images,
    as_vectors,
    common_size,
    for_each,
    with_changes,
)
from condvae.metrics import MEASURES
from condvae.model import CVAE
from condvae.priors import MixturePrior
from condvae.seeds import seeded

CHUNK = 500  # images in one pass through the model; their activations stay in the processor's cache
BLOCK = 1000  # latent vectors that one seed decides


def generate(
    model: CVAE,
    labels: Labels = None,
    *,
    attributes: Attributes | None = None,
    z: ArrayLike | None = None,
    count: int = 1,
    seed: int | None = None,
    prior: nn.Module | None = None,
) -> NDArray[np.uint8]:
    """Draw images of the given labels: the mean of p(x|z,y).

    Args:
        model: a trained model.
        labels: one label for all images, or one for each; leave out for a model without labels, or to draw without one
            from a model with condition dropout.
        attributes: the model's other conditions by name, each one value for all images, or one for each; with condition
            dropout any of them can be left out.
        z: latent vectors, (Z,) for all images or (B, Z) for each; drawn from the prior if left out.
        count: how many images to draw where neither labels nor z say it.
        seed: makes the draw of z repeatable.
        prior: what to draw z from instead of the model's own prior, such as its ex-post mixture.

    Returns:
        uint8 (B, C, H, W).

    Raises:
        InputError: a label or an attribute is not possible, z has the wrong length or is not finite, or the numbers
            of conditions and latent vectors differ.
    """
    if count < 1:
        raise InputError(f"count = {count} is not possible; ask for at least 1 image.")
    given = as_conditions(model, labels, attributes)
    vectors = None if z is None else as_vectors(model, z)
    size = common_size(count, {"labels": len(given), "latent vectors z": 1 if vectors is None else len(vectors)})
    given = given.expand(size, -1) if len(given) == 1 else given
    if vectors is None:
        vectors = draw(model, given, seed, prior=prior)
    return draw_pixels(model, vectors.expand(size, -1) if len(vectors) == 1 else vectors, given)


def encode(
    model: CVAE, images: ArrayLike, labels: Labels = None, *, attributes: Attributes | None = None
) -> NDArray[np.float32]:
    """The latent vector of each image: the mean of q(z|x,y).

    Args:
        model: a trained model.
        images: uint8 (B, C, H, W), or floats in [0, 1]; (B, H, W) where C = 1.
        labels: the label of each image, or one for all; leave out for a model without labels.
        attributes: the model's other conditions by name, each one value for all images, or one for each; what can be
            measured of images, and is left out, is measured.

    Returns:
        float32 (B, Z).

    Raises:
        InputError: images or labels do not fit the model.
    """
    x = as_images(model, images)
    return encode_all(model, x, conditions_of(model, x, labels, attributes)).numpy()


def reconstruct(
    model: CVAE, images: ArrayLike, labels: Labels = None, *, attributes: Attributes | None = None
) -> NDArray[np.uint8]:
    """Each image through the model: encoded to the posterior mean and decoded. Arguments as in `encode`.

    Returns:
        uint8 (B, C, H, W).

    Raises:
        InputError: images, labels or attributes do not fit the model.
    """
    return restyle(model, images, labels, labels, attributes=attributes)


def restyle(
    model: CVAE,
    images: ArrayLike,
    labels: Labels,
    new_labels: Labels,
    *,
    attributes: Attributes | None = None,
    new_attributes: Attributes | None = None,
) -> NDArray[np.uint8]:
    """Each image with its style kept and its conditions changed: encoded with one label, decoded with another.

    Args:
        model: a trained model.
        images: as in `encode`.
        labels: the label of each image, or one for all.
        new_labels: the label that each image shall get, or one for all.
        attributes: as in `encode`.
        new_attributes: the attributes that each image shall get; those left out stay as they are.

    Returns:
        uint8 (B, C, H, W).

    Raises:
        InputError: images, labels or attributes do not fit the model.
    """
    x = as_images(model, images)
    given = conditions_of(model, x, labels, attributes)
    wanted = with_changes(model, given, new_labels, new_attributes)
    return draw_pixels(model, encode_all(model, x, given), wanted)


def interpolate(
    model: CVAE, labels: Labels, z: ArrayLike, *, attributes: Attributes | None = None, steps: int = 10
) -> NDArray[np.uint8]:
    """The images on the way from stop to stop: straight lines in z and in the condition vector.

    Args:
        model: a trained model.
        labels: the label of each stop, or one for all.
        z: the latent vector of each stop, (S, Z), or one for all, (Z,).
        attributes: the other conditions of each stop, by name, each one value for each or one for all.
        steps: from one stop to the next.

    Returns:
        uint8 ((S - 1) * steps + 1, C, H, W): the first image is of the first stop, the last of the last.

    Raises:
        InputError: labels, attributes or z do not fit the model, their numbers differ, there are fewer than two stops,
            or no steps between them.
    """
    given, vectors = as_conditions(model, labels, attributes), as_vectors(model, z)
    stops = common_size(1, {"labels": len(given), "latent vectors z": len(vectors)})
    if stops < 2 or steps < 1:
        raise InputError(f"{stops} stops with {steps} steps between two: allowed are at least 2 stops and 1 step.")
    parts = torch.arange((stops - 1) * steps + 1) / steps
    before = parts.long().clamp(max=stops - 2)
    share = (parts - before)[:, None]

    def between(values: Tensor) -> Tensor:
        every = values.expand(stops, -1)
        return torch.lerp(every[before], every[before + 1], share)

    with evaluating(model):
        way = zip(between(vectors).split(CHUNK), between(model.conditions(given)).split(CHUNK), strict=True)
        images = [model.likelihood(model.prior.from_standard(part, y), y).mean for part, y in way]
    return to_uint8(torch.cat(images))


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


def conditions_of(model: CVAE, x: Tensor, labels: Labels, attributes: Attributes | None = None) -> Tensor:
    """The conditions (B, D) of given images (B, C, H, W): what is left out, and can be measured of them, is measured.

    Raises:
        InputError: as `as_conditions`.
    """
    values = dict(attributes or {})
    for variable in model.conditions.variables:
        if variable.name in MEASURES and variable.name not in values:
            values[variable.name] = torch.cat([MEASURES[variable.name](unit(part)) for part in x.split(CHUNK)])
    return for_each(as_conditions(model, labels, values), len(x))


def unit(images: Tensor) -> Tensor:
    """uint8 images 0 to 255 as floats in [0, 1]; floats stay as they are."""
    return images / 255 if images.dtype == torch.uint8 else images


def to_uint8(images: Tensor) -> NDArray[np.uint8]:
    """Floats in [0, 1] as uint8 0 to 255, rounded to the nearest."""
    return (images * 255).round_().to(torch.uint8).numpy()


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
