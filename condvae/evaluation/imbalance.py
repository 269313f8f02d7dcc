"""Ways to train a classifier on classes of very different sizes, and which classes are rare."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condvae.evaluation.classifiers import (
    BATCH,
    LEARNING_RATE,
    ROTATION,
    SCALE,
    SHIFT,
    moved,
    predicted,
    train_classifier,
)
from condvae.evaluation.protocol import Protocol, drawing, examples, sample_rows
from condvae.evaluation.study import Study, unit_images
from condvae.images import unit
from condvae.inference.batched import draw_pixels
from condvae.seeds import derived_seed, seeded

RARE = 0.1  # a class is rare with fewer training images than this share of the largest class
AS_IS, COPIES, GENERATED = "as they are", "copies", "generated images"
TRAINED, DRAWN = 6, 7  # distinguish the seeds of classifiers and of generated images


class Way(NamedTuple):
    """A way to train on imbalanced images.

    Attributes:
        words: what the classifier is trained on.
        filled: how each class is filled up to the largest: AS_IS, COPIES or GENERATED.
        weighted: whether the loss has class weights.
        moved: whether images are changed at random.
    """

    words: str
    filled: str = AS_IS
    weighted: bool = False
    moved: bool = False


WAYS = {
    "plain": Way("real images as they are"),
    "weights": Way("real images, class weights", weighted=True),
    "oversampling": Way("real images, oversampling", COPIES),
    "classical": Way("real images, classical augmentation", moved=True),
    "oversampling_classical": Way("real images, oversampling and classical augmentation", COPIES, moved=True),
    "generated": Way("real and generated images", GENERATED),
    "generated_classical": Way("real and generated images, classical augmentation", GENERATED, moved=True),
}


class Pool:
    """The images that a classifier is trained on, and the order in which it sees them.

    Args:
        study: the run.
        filled: how each class is filled up to the largest: AS_IS, COPIES or GENERATED. A class without training images
            stays empty.
        seed: decides the order, the copies and the generated images.
        protocol: how many images classifiers see, and where z is drawn from.

    Attributes:
        labels: the label of each image, int64 (M,).
        order: positions of classifier_steps * BATCH images. Each image is seen equally often, give or take one time.
    """

    def __init__(self, study: Study, filled: str, seed: int, protocol: Protocol) -> None:
        self.train, real = study.data.train, study.train_labels
        added = _missing(real, len(study.model.schema.classes)) if filled != AS_IS else real[:0]
        self.labels = torch.cat([real, added])
        self.order = _order(len(self.labels), protocol.classifier_steps * BATCH, seed)
        self.sources = torch.arange(len(real))  # positions of training images
        self.drawn: NDArray[np.uint8] = np.empty((0, *self.train.shape), np.uint8)
        self.places = torch.empty(0, dtype=torch.int64)  # of the generated images in `drawn`
        if filled == COPIES:
            self.sources = torch.cat([self.sources, examples(study, added, seed)])
        elif len(added):
            self._draw(study, added, seed, protocol.filling_prior)

    def images(self, chosen: Tensor) -> Tensor:
        """Some of the images: positions (B,) to floats in [0, 1] (B, C, H, W)."""
        count, is_real = len(self.sources), chosen < len(self.sources)
        images = torch.empty(len(chosen), *self.train.shape)
        images[is_real] = unit_images(self.train, self.sources[chosen[is_real]])
        images[~is_real] = unit(torch.from_numpy(self.drawn[self.places[chosen[~is_real] - count].numpy()]))
        return images

    def _draw(self, study: Study, labels: Tensor, seed: int, prior: str) -> None:
        """Draw the generated images that are in the order."""
        needed = self.order[self.order >= len(self.sources)].unique() - len(self.sources)
        rows = sample_rows(study, labels, seed)[needed]
        self.drawn = draw_pixels(study.model, study.draw(rows, derived_seed(seed, DRAWN), prior), rows)
        self.places = torch.zeros(len(labels), dtype=torch.int64)
        self.places[needed] = torch.arange(len(needed))


def recognised(study: Study, way: Way, pool: Pool, seed: int, protocol: Protocol) -> Tensor:
    """Train a classifier in one way, and say about which test images it is right: 1 or 0, floats (N,)."""
    train, counts = study.data.train, class_sizes(study)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for chosen in pool.order.split(BATCH):
            images = pool.images(chosen)
            yield moved(images, protocol.flips) if way.moved else images, pool.labels[chosen]

    weights = counts.sum() / counts.clamp(min=1) / (counts > 0).sum() if way.weighted else None
    what, steps = f"{way.words}, seed {seed}", protocol.classifier_steps
    with seeded(seed, TRAINED):
        network = train_classifier(train, batches, steps, what, weights=weights)
    return (predicted(network, study.data.test) == study.test_labels).float()


def how_trained(study: Study, protocol: Protocol) -> str:
    """How classifiers are trained, for a protocol: sentences."""
    flips = " and mirrored" if protocol.flips else ""
    return (
        f"{protocol.classifier_seeds} seeds, each with new classifiers, a new order and new generated images, from one "
        f"generative model. {protocol.classifier_steps:,} steps with batches of {BATCH}, Adam with a step size that "
        "falls linearly from "
        f"{LEARNING_RATE} to 0. Real images are the {len(study.data.train):,} training images of the model. "
        "Oversampling fills each class up to the largest with copies, and generated images do it with "
        f"{drawing(study, protocol.filling_prior)} Classical augmentation: shifted by up to {SHIFT:.0%}, rotated by up "
        f"to {ROTATION} degrees, scaled by up to {SCALE:.0%}{flips}. Class weights are inversely proportional to the "
        "number of images. Standard error over seeds and test images. A class is rare with fewer than "
        f"{RARE:.0%} of the images of the largest class. If no class is, the third with the fewest images is."
    )


def class_sizes(study: Study) -> Tensor:
    """The number of training images of each class, int64 (classes,)."""
    return torch.bincount(study.train_labels, minlength=len(study.model.schema.classes))


def tested_classes(study: Study) -> list[int]:
    """The classes that have training images and test images."""
    tested = torch.bincount(study.test_labels, minlength=len(study.model.schema.classes))
    return ((class_sizes(study) > 0) & (tested > 0)).nonzero()[:, 0].tolist()


def rare_classes(sizes: Tensor, among: Sequence[int]) -> list[int]:
    """The classes that have fewer images than RARE times those of the largest class.

    If these are none or all of the classes, it is the third with the fewest images, but at least one.

    Args:
        sizes: the number of training images of each class.
        among: the classes to choose from.
    """
    rare = [one for one in among if sizes[one] < RARE * sizes.max()]
    if 0 < len(rare) < len(among):
        return rare
    by_size = sorted(among, key=lambda one: int(sizes[one]))
    return sorted(by_size[: max(1, len(among) // 3)])


def _missing(labels: Tensor, classes: int) -> Tensor:
    """The labels of the images that classes lack to be as large as the largest, int64. An empty class stays empty."""
    sizes = torch.bincount(labels, minlength=classes)
    return torch.arange(classes).repeat_interleave((sizes.max() - sizes) * (sizes > 0))


def _order(count: int, seen: int, seed: int) -> Tensor:
    """Positions of `seen` of `count` images: rounds of all of them, each in a new order."""
    generator = torch.Generator().manual_seed(seed)
    rounds = -(-seen // count)
    return torch.cat([torch.randperm(count, generator=generator) for _ in range(rounds)])[:seen]
