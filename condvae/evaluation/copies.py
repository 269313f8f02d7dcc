"""Whether images are copies of training images: how near they are to these, compared with images that are none.

Meehan, Chaudhuri and Dasgupta, "A Non-Parametric Test to Detect Data-Copying in Generative Models", 2020,
https://arxiv.org/abs/2004.05675. Distances are to the nearest training image of the same class, and are compared within
the class: a 1 is nearer to other images of its class than an 8 is, copied or not.
"""

from collections.abc import Callable, Mapping
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from condvae.evaluation.study import Study, unit_images
from condvae.seeds import seeded

Views = Callable[[Tensor], list[Tensor]]  # images (N, C, H, W) to features (N, F) of each of several views
Labelled = tuple[Tensor, Tensor]  # images (N, C, H, W) and their labels (N,)
CHUNK = 5000  # training images that are embedded at once
LEVEL = 0.01  # share of held-out images that are flagged as copies
NOISE = 0.1  # standard deviation
CONTROLS = 41  # distinguishes the seed of the controls


class Nearness(NamedTuple):
    """How near a set of images is to the training images, compared with held-out images, for each image (N,).

    Attributes:
        nearer: the share of held-out images of the same class that are farther than the image, counting ties as half.
            Its mean is 0.5 for images of the same distribution, and 1 for copies.
        flagged: 1.0 where the distance, divided by the median of the held-out images of the class, is smaller than that
            of all held-out images but a share LEVEL of them.
    """

    nearer: Tensor
    flagged: Tensor


def small_and_shifted(images: Tensor) -> list[Tensor]:
    """Images shifted by at most one pixel in all directions, averaged over 2 x 2 pixels, as vectors: 9 times (N, F).

    The first is not shifted. Distances to the nearest of them find copies that are shifted, blurred or noisy.
    """
    steps = sorted(product((0, 1, -1), (0, 1, -1)), key=lambda step: step != (0, 0))
    padded, (height, width) = functional.pad(images, (1, 1, 1, 1), mode="replicate"), images.shape[-2:]
    views = [padded[..., 1 + down : 1 + down + height, 1 + right : 1 + right + width] for down, right in steps]
    return [functional.avg_pool2d(view, 2, ceil_mode=True, count_include_pad=False).flatten(1) for view in views]


def nearest_of_class(study: Study, sets: Mapping[str, Labelled], views: Views) -> dict[str, Tensor]:
    """The distance of each image of several sets to the nearest training image with its label, by features: (N,) each.

    The training images are embedded once.

    Args:
        study: the run.
        sets: images, floats in [0, 1] (N, C, H, W), and their labels, int64 (N,), by names. Images of a class without
            training images have the distance infinity.
        views: images to features, of one or several views of an image. The distance is that of the view that is nearest
            to the first view of a training image.
    """
    features = {name: views(images) for name, (images, _) in sets.items()}
    found = {name: torch.full((len(labels),), torch.inf) for name, (_, labels) in sets.items()}
    for label in study.train_labels.unique().tolist():
        for positions in (study.train_labels == label).nonzero()[:, 0].split(CHUNK):
            others = views(unit_images(study.data.train, positions))[0]
            for name, (_, labels) in sets.items():
                own = labels == label
                for view in features[name]:
                    near = torch.cdist(view[own], others).min(1).values
                    found[name][own] = torch.minimum(found[name][own], near)
    return found


def compare(distances: Tensor, labels: Tensor, held_out: Tensor, held_out_labels: Tensor) -> Nearness:
    """Distances of images (N,) with labels, compared with those of held-out images (M,) with theirs.

    Images of a class without held-out images are not nearer than these, nor flagged.
    """
    nearer, scale = torch.full((len(distances),), 0.5), torch.zeros(int(torch.cat([labels, held_out_labels]).max()) + 1)
    for label in held_out_labels.unique().tolist():
        own, theirs = labels == label, held_out[held_out_labels == label].sort().values
        ends = [torch.searchsorted(theirs, distances[own], right=right) for right in (False, True)]
        nearer[own] = 1 - (ends[0] + ends[1]) / (2 * len(theirs))
        scale[label] = theirs.median().clamp(min=torch.finfo(torch.float32).tiny)
    limit = (held_out / scale[held_out_labels]).quantile(LEVEL)
    return Nearness(nearer, (distances / scale[labels] < limit).float())


def controls(study: Study, positions: Tensor) -> dict[str, Tensor]:
    """Training images, by their positions (N,), copied in ways that the comparison must detect: (N, C, H, W) each."""
    images = unit_images(study.data.train, positions)
    return {name: change(images, study, positions) for name, change in WAYS.items()}


def _blurred(images: Tensor, *_: object) -> Tensor:
    padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    return functional.avg_pool2d(padded, 3, stride=1)


def _noisy(images: Tensor, *_: object) -> Tensor:
    with seeded(CONTROLS):
        return (images + NOISE * torch.randn(images.shape)).clamp(0, 1)


def _shifted(images: Tensor, *_: object) -> Tensor:
    return functional.pad(images, (1, 0, 0, 0), mode="replicate")[..., :-1]


def _averaged(images: Tensor, study: Study, positions: Tensor) -> Tensor:
    """Each image averaged with the nearest of at most CHUNK others of its class. Without any it stays as it is."""
    found = images.clone()
    labels = study.train_labels[positions]
    for label in labels.unique().tolist():
        own, others = (labels == label).nonzero()[:, 0], (study.train_labels == label).nonzero()[:CHUNK, 0]
        if len(others) > 1:
            candidates = unit_images(study.data.train, others)
            near = torch.cdist(images[own].flatten(1), candidates.flatten(1))
            near[positions[own][:, None] == others[None]] = torch.inf
            found[own] = (images[own] + candidates[near.argmin(1)]) / 2
    return found


WAYS: dict[str, Callable[[Tensor, Study, Tensor], Tensor]] = {
    "copied": lambda images, *_: images,
    "blurred": _blurred,
    "noisy": _noisy,
    "shifted": _shifted,
    "averaged pairs": _averaged,
}
