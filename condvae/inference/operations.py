"""TODO."""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from condvae.errors import InputError
from condvae.images import to_uint8
from condvae.inference.batched import CHUNK, draw, draw_pixels, encode_all, evaluating
from condvae.inference.inputs import (
    Attributes,
    Labels,
    as_conditions,
    as_images,
    as_vectors,
    common_size,
    conditions_of,
    with_changes,
)
from condvae.model.cvae import CVAE


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
