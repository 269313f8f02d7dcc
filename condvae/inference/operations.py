"""The operations of a trained model: arrays or tensors in, numpy arrays out.

Images are uint8 (B, C, H, W), from 0 to 255. Latent vectors are float32 (B, Z), in standard coordinates, in which the
prior is N(0, I) for every label (see `condvae.model.priors`). A label is the name or the number of a class. Attributes,
the conditions beside the label, are numbers or names of classes. The model computes on the device where it is, and
arrays come back on the CPU.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from condvae.images import to_uint8
from condvae.inference.batched import CHUNK, MODEL_PRIOR, draw_pixels, encode_all, evaluating
from condvae.inference.drawing import Drawing
from condvae.inference.inputs import Attributes, Label, stops_of_path
from condvae.inference.tensors import as_conditions, as_images, as_vectors, conditions_of, with_changes
from condvae.model.cvae import CVAE


def generate(
    model: CVAE,
    label: Label = None,
    *,
    attributes: Attributes | None = None,
    z: ArrayLike | None = None,
    count: int = 1,
    pair: bool = False,
    sample: bool = False,
    seed: int | None = None,
    prior: str | nn.Module = MODEL_PRIOR,
) -> NDArray[np.uint8]:
    """Draw images: `count` images of each label, or each label at each latent vector z.

    An image is the mean of p(x|z,y). If `sample` is true, it is drawn from p(x|z,y).

    Args:
        model: a trained model.
        label: one label or several. Leave it out for a model without labels, or to draw without a label from a model
            with condition dropout.
        attributes: the other conditions of the model by name, one value for all labels or one for each label. A model
            with condition dropout can draw without them.
        z: latent vectors, (Z,) or (V, Z). They are drawn if left out.
        count: the number of images of each label, if latent vectors are drawn.
        pair: pair labels and latent vectors one to one, instead of drawing all combinations.
        sample: draw the pixels from p(x|z,y), instead of taking its mean.
        seed: makes the draw repeatable.
        prior: where latent vectors are drawn from: "prior" for the model's own prior, or an object such as
            `condvae.load_mixture(run)`.

    Returns:
        uint8 (L * count, C, H, W) or (L * V, C, H, W), all images of the first label first. With `pair`, one image for
        each pair.

    Raises:
        InputError: an argument does not fit the model, or arguments do not fit each other.
    """
    drawing = Drawing(
        model, label, attributes=attributes, z=z, count=count, pair=pair, sample=sample, seed=seed, prior=prior
    )
    return drawing.piece(0, drawing.total)[0]


def encode(
    model: CVAE, images: ArrayLike, label: Label = None, *, attributes: Attributes | None = None
) -> NDArray[np.float32]:
    """Encode images: the latent vector of each is the mean of q(z|x,y).

    Args:
        model: a trained model.
        images: uint8 (B, C, H, W), or floats in [0, 1]. (B, H, W) is accepted if C is 1.
        label: the label of each image, or one for all. Leave it out for a model without labels.
        attributes: the other conditions of the model by name, one value for each image or one for all. Attributes that
            are not given are measured, if they can be measured of images.

    Returns:
        float32 (B, Z).

    Raises:
        InputError: images, labels or attributes do not fit the model.
    """
    x = as_images(model, images)
    return encode_all(model, x, conditions_of(model, x, label, attributes)).numpy()


def reconstruct(
    model: CVAE, images: ArrayLike, label: Label = None, *, attributes: Attributes | None = None
) -> NDArray[np.uint8]:
    """Reconstruct images: each is encoded to the mean of q(z|x,y) and decoded. Arguments as in `encode`.

    Returns:
        uint8 (B, C, H, W).

    Raises:
        InputError: images, labels or attributes do not fit the model.
    """
    return restyle(model, images, label, label, attributes=attributes)


def restyle(
    model: CVAE,
    images: ArrayLike,
    label: Label,
    new_label: Label,
    *,
    attributes: Attributes | None = None,
    new_attributes: Attributes | None = None,
) -> NDArray[np.uint8]:
    """Change the conditions of images and keep their style: encode each with its own label, decode with another.

    Args:
        model: a trained model.
        images: as in `encode`.
        label: the label of each image, or one for all.
        new_label: the new label of each image, or one for all.
        attributes: as in `encode`.
        new_attributes: the new attributes of each image, or one value for all. Those left out stay as they are.

    Returns:
        uint8 (B, C, H, W).

    Raises:
        InputError: images, labels or attributes do not fit the model.
    """
    x = as_images(model, images)
    rows = conditions_of(model, x, label, attributes)
    return draw_pixels(model, encode_all(model, x, rows), with_changes(model, rows, new_label, new_attributes))


def interpolate(
    model: CVAE, label: Label, z: ArrayLike, *, attributes: Attributes | None = None, steps: int = 10
) -> NDArray[np.uint8]:
    """Draw the images along a path: z and the condition vector change linearly between neighbouring stops.

    Args:
        model: a trained model.
        label: the label of each stop, or one for all.
        z: the latent vector of each stop, (S, Z), or one for all, (Z,).
        attributes: the other conditions of each stop by name, one value for each or one for all.
        steps: number of steps from one stop to the next.

    Returns:
        uint8 ((S - 1) * steps + 1, C, H, W). The first image is that of the first stop, the last that of the last stop.

    Raises:
        InputError: labels, attributes or z do not fit the model, their numbers differ, there are fewer than two stops,
            or there is no step.
    """
    rows, vectors = as_conditions(model, label, attributes), as_vectors(model, z)
    stops = stops_of_path(len(rows), len(vectors), steps)
    parts = torch.arange((stops - 1) * steps + 1) / steps
    before = parts.long().clamp(max=stops - 2)
    share = (parts - before)[:, None]

    def between(values: Tensor) -> Tensor:
        every = values.expand(stops, -1)
        return torch.lerp(every[before], every[before + 1], share)

    with evaluating(model):
        device = model.device
        y = model.conditions(rows.to(device)).cpu()
        way = zip(between(vectors).split(CHUNK), between(y).split(CHUNK), strict=True)
        moved = ((part.to(device), y.to(device)) for part, y in way)
        images = [to_uint8(model.likelihood(model.prior.from_standard(part, y), y).mean) for part, y in moved]
    return np.concatenate(images)
