"""What a trained model is for: arrays or tensors in, numpy arrays out.

App, command line and figures all call these. Images are uint8 (B, C, H, W), 0 to 255; latent vectors are
float32 (B, Z); labels are class names or numbers, one for all or one for each.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from condvae.errors import InputError
from condvae.model import CVAE

Labels: TypeAlias = str | int | Sequence[str | int] | NDArray[Any] | Tensor | None
CHUNK = 500  # images in one pass through the model; their activations stay in the processor's cache
BLOCK = 1000  # latent vectors that one seed decides


def generate(
    model: CVAE, labels: Labels = None, *, z: ArrayLike | None = None, count: int = 1, seed: int | None = None
) -> NDArray[np.uint8]:
    """Draw images of the given labels: the mean of p(x|z,y).

    Args:
        model: a trained model.
        labels: one label for all images, or one for each; leave out for a model without labels.
        z: latent vectors, (Z,) for all images or (B, Z) for each; drawn from the prior if left out.
        count: how many images to draw where neither labels nor z say it.
        seed: makes the draw from the prior repeatable.

    Returns:
        uint8 (B, C, H, W).

    Raises:
        InputError: a label is not a class of the model, z has the wrong length or is not finite, or the
            numbers of labels and latent vectors differ.
    """
    if count < 1:
        raise InputError(f"count = {count} is not possible; ask for at least 1 image.")
    known = as_labels(model, labels)
    vectors = None if z is None else as_vectors(model, z)
    size = _common_size(count, {"labels": len(known), "latent vectors z": 1 if vectors is None else len(vectors)})
    known = known.expand(size) if len(known) == 1 else known
    if vectors is None:
        vectors = draw(model, known, seed)
    return draw_pixels(model, vectors.expand(size, -1) if len(vectors) == 1 else vectors, known)


def encode(model: CVAE, images: ArrayLike, labels: Labels = None) -> NDArray[np.float32]:
    """The latent vector of each image: the mean of q(z|x,y).

    Args:
        model: a trained model.
        images: uint8 (B, C, H, W), or floats in [0, 1]; (B, H, W) where C = 1.
        labels: the label of each image, or one for all; leave out for a model without labels.

    Returns:
        float32 (B, Z).

    Raises:
        InputError: images or labels do not fit the model.
    """
    x = _images(model, images)
    means, _ = encode_all(model, x, _labels_for(model, labels, len(x)))
    return means.numpy()


def reconstruct(model: CVAE, images: ArrayLike, labels: Labels = None) -> NDArray[np.uint8]:
    """Each image through the model: encoded to the posterior mean and decoded. Arguments as in `encode`.

    Returns:
        uint8 (B, C, H, W).
    """
    return restyle(model, images, labels, labels)


def restyle(model: CVAE, images: ArrayLike, labels: Labels, new_labels: Labels) -> NDArray[np.uint8]:
    """Each image with its style kept and its label changed: encoded with one label, decoded with another.

    Args:
        model: a trained model.
        images: as in `encode`.
        labels: the label of each image, or one for all.
        new_labels: the label that each image shall get, or one for all.

    Returns:
        uint8 (B, C, H, W).

    Raises:
        InputError: images or labels do not fit the model.
    """
    x = _images(model, images)
    means, _ = encode_all(model, x, _labels_for(model, labels, len(x)))
    return draw_pixels(model, means, _labels_for(model, new_labels, len(x)))


def draw(model: CVAE, labels: Tensor, seed: int | None = None, start: int = 0) -> Tensor:
    """Latent vectors from the prior p(z|y): labels int64 (B,) to float32 (B, Z).

    Args:
        model: a trained model.
        labels: int64 (B,).
        seed: makes the draw repeatable.
        start: how many vectors of a longer draw come before these, a multiple of BLOCK: pieces drawn one by one are the
            whole draw.

    Raises:
        InputError: the seed is not possible.
    """
    if seed is not None and not 0 <= seed < 2**32:
        raise InputError(f"seed = {seed} is not possible; allowed: 0 to 4294967295.")
    with torch.random.fork_rng(devices=[], enabled=seed is not None), torch.inference_mode():
        blocks = []
        for number, block in enumerate(labels.split(BLOCK), start // BLOCK):
            if seed is not None:
                torch.manual_seed(derived_seed(seed, number))
            blocks.append(model.prior(model.conditions(block)).sample())
        return torch.cat(blocks)


def derived_seed(*parts: int) -> int:
    """One seed out of several numbers; neighbouring numbers give unrelated seeds, and zeros at the end do not count."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def decode(model: CVAE, z: Tensor, labels: Tensor) -> Tensor:
    """The mean of p(x|z,y): (B, Z) and int64 (B,) to floats in [0, 1] (B, C, H, W)."""
    with evaluating(model):
        return torch.cat(list(_decoded(model, z, labels)))


def draw_pixels(model: CVAE, z: Tensor, labels: Tensor) -> NDArray[np.uint8]:
    """The mean of p(x|z,y), rounded: (B, Z) and int64 (B,) to uint8 0 to 255 (B, C, H, W)."""
    pixels = np.empty((len(z), *model.schema.shape), np.uint8)
    with evaluating(model):
        # rounded chunk by chunk, because a quarter of the bytes then leaves the cache
        for number, chunk in enumerate(_decoded(model, z, labels)):
            pixels[number * CHUNK : (number + 1) * CHUNK] = to_uint8(chunk)
    return pixels


def encode_all(model: CVAE, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of q(z|x,y), a chunk at a time: each (B, Z).

    Args:
        model: a trained model.
        images: uint8, or floats in [0, 1], (B, C, H, W).
        labels: int64 (B,).
    """
    with evaluating(model):
        parts = zip(images.split(CHUNK), labels.split(CHUNK), strict=True)
        posteriors = [model.encode(unit(part), chosen) for part, chosen in parts]
        return torch.cat([q.mean for q in posteriors]), torch.cat([q.stddev for q in posteriors])


def as_labels(model: CVAE, labels: Labels) -> Tensor:
    """Labels as int64 (B,); one 0, which nothing reads, for a model without labels.

    Raises:
        InputError: a label is not a class of the model, or is missing.
    """
    if labels is None:
        if model.conditions.width:
            raise InputError(f"This model needs a label. Choose from {', '.join(model.conditions.classes)}.")
        return torch.zeros(1, dtype=torch.int64)
    given = np.atleast_1d(np.asarray(_detached(labels), dtype=object)).tolist()
    if not given:
        raise InputError("The list of labels is empty; at least one is needed.")
    return torch.tensor([model.conditions.index(label) for label in given])


def unit(images: Tensor) -> Tensor:
    """uint8 images 0 to 255 as floats in [0, 1]; floats stay as they are."""
    return images / 255 if images.dtype == torch.uint8 else images


def as_vectors(model: CVAE, z: ArrayLike) -> Tensor:
    """Latent vectors as float32 (B, Z): (Z,) or (B, Z) numbers.

    Raises:
        InputError: they are no numbers, have the wrong length, or are not finite.
    """
    try:
        vectors = torch.as_tensor(np.asarray(_detached(z), dtype=np.float32))
    except (TypeError, ValueError) as error:
        raise InputError(f"z = {z!r} cannot be read as numbers: {error}.") from error
    latent = model.config.latent
    if vectors.ndim not in (1, 2) or vectors.shape[-1] != latent or not len(vectors):
        raise InputError(
            f"z has the shape {tuple(vectors.shape)}; this model has {latent} latent dimensions and takes "
            f"({latent},) or (B, {latent})."
        )
    if not vectors.isfinite().all():
        raise InputError(f"z = {vectors.tolist()} is not finite; every entry must be an ordinary number.")
    return torch.atleast_2d(vectors)


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


def _decoded(model: CVAE, z: Tensor, labels: Tensor) -> Iterator[Tensor]:
    for part, chosen in zip(z.split(CHUNK), labels.split(CHUNK), strict=True):
        yield model.decode(part, chosen).mean


def _labels_for(model: CVAE, labels: Labels, count: int) -> Tensor:
    known = as_labels(model, labels)
    if len(known) not in (1, count):
        raise InputError(f"There are {len(known)} labels for {count} images. Give one label for all or one for each.")
    return known.expand(count)


def _detached(values: Any) -> Any:
    """A tensor as an array, wherever it lives and whatever gradients it has; anything else as it is."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values


def _images(model: CVAE, images: ArrayLike) -> Tensor:
    given = np.asarray(_detached(images))
    shape = model.schema.shape
    if given.ndim == 3 and shape[0] == 1:
        given = given[:, np.newaxis]
    if given.ndim != 4 or given.shape[1:] != shape or not len(given):
        raise InputError(
            f"Images have the shape {np.shape(images)}; this model takes (B, {', '.join(map(str, shape))}) with B >= 1."
        )
    if given.dtype == np.uint8:
        return torch.from_numpy(np.ascontiguousarray(given))
    values = torch.as_tensor(given.astype(np.float32))
    if not ((values >= 0) & (values <= 1)).all():
        raise InputError(
            f"Images of type {given.dtype} run from {given.min()} to {given.max()}; give uint8 from 0 to 255, "
            "or floats from 0 to 1."
        )
    return values


def _common_size(count: int, sizes: dict[str, int]) -> int:
    several = {name: size for name, size in {**sizes, "images to draw (count)": count}.items() if size != 1}
    if len(set(several.values())) > 1:
        listed = " and ".join(f"{size} {name}" for name, size in several.items())
        raise InputError(f"The numbers do not match: {listed}. Give one for all, or one for each image.")
    return max(several.values(), default=1)
