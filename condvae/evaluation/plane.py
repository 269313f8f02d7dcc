"""Measurements of the claims over a latent plane.

Training runs differ in which corner of the plane looks like what. Everything is therefore measured over circles and
over labels, not at single points.
"""

from functools import lru_cache
from math import pi

import torch
from torch import Tensor

from condvae.data.attributes import Style, style
from condvae.errors import ConfigError
from condvae.evaluation.distances import neighbour_confusion
from condvae.evaluation.protocol import decode_all_labels
from condvae.evaluation.study import Study, unit_batches
from condvae.inference.batched import decode

RADII = (0.5, 1.0, 2.0, 3.0, 5.0, 7.0)
PAIR = ("4", "9")
PAIR_RADII = (1.0, 3.0, 5.0, 7.0)
ANGLES = 120
PLANE_STEPS = 41


@lru_cache(maxsize=1)  # the claim and the figure use the same
def accuracy_over_radius(study: Study) -> dict[float, float]:
    """Share of images that the judge classifies as their label, on each circle of RADII."""
    if study.judge is None:
        raise ConfigError(f"'{study.data.source}' has only one class, so there is nothing to judge.")
    accuracy = {}
    for radius in RADII:
        images = decode_all_labels(study, circle(radius))
        labels = torch.arange(len(images)).repeat_interleave(ANGLES)
        accuracy[radius] = study.judge.correct(images.flatten(0, 1), labels).mean().item()
    return accuracy


def style_over_plane(study: Study) -> tuple[dict[str, float], dict[str, float]]:
    """Two figures for slant, ink and width each, as medians over labels.

    Returns:
        The range over the plane in standard deviations of the real images, and the largest step, see `largest_step`.
    """
    classes = len(study.model.schema.classes)
    ranges, steps = torch.empty(classes, 3), torch.empty(classes, 3)
    real = torch.cat([torch.stack(style(batch)) for batch in unit_batches(study.data.train)], 1)
    for label in range(classes):
        own = study.train_labels == label
        low, high = study.train_codes[own].quantile(torch.tensor([0.025, 0.975]), dim=0)
        axes = [torch.linspace(float(a), float(b), PLANE_STEPS) for a, b in zip(low, high, strict=True)]
        z = torch.cartesian_prod(*axes)
        images = decode(study.model, z, torch.full((len(z),), label))
        for index, values in enumerate(style(images)):
            spread = values.quantile(torch.tensor([0.05, 0.95])).diff()
            ranges[label, index] = (spread / real[index, own].std()).item()
            steps[label, index] = largest_step(values.reshape(PLANE_STEPS, PLANE_STEPS))
    return _by_name(ranges), _by_name(steps)


def largest_step(plane: Tensor) -> float:
    """The largest difference between neighbours on a grid, (N, N), as a share of the range. 0 if nothing varies."""
    steps = torch.stack([plane.diff(dim=0).abs().max(), plane.diff(dim=1).abs().max()])
    spread = plane.max() - plane.min()
    return (steps.max() / spread).item() if spread > 0 else 0.0


def pair_rank(autoencoder: Study) -> int:
    """The rank, from 1, of PAIR among all pairs by confusion among nearest neighbours of the test images."""
    classes = autoencoder.model.schema.classes
    confusion = neighbour_confusion(autoencoder.test_codes, autoencoder.test_labels, len(classes))
    first, second = (classes.index(name) for name in PAIR)
    pairs = confusion[tuple(torch.triu_indices(len(classes), len(classes), offset=1))]
    return 1 + int((pairs > confusion[first, second]).sum())


def pair_difference(study: Study) -> dict[float, float]:
    """Root mean square pixel difference between the images of PAIR at the same z, on each circle of PAIR_RADII."""
    first, second = (study.model.conditions.index(name) for name in PAIR)
    difference = {}
    for radius in PAIR_RADII:
        images = decode_all_labels(study, circle(radius))
        difference[radius] = (images[first] - images[second]).square().mean().sqrt().item()
    return difference


def circle(radius: float) -> Tensor:
    """ANGLES points on a circle around the origin of the latent plane, float32 (ANGLES, 2)."""
    angles = torch.arange(ANGLES) * (2 * pi / ANGLES)
    return radius * torch.stack([angles.cos(), angles.sin()], 1)


def _by_name(values: Tensor) -> dict[str, float]:
    """Medians over labels, (labels, 3), by the name of the measure."""
    return dict(zip(Style._fields, values.median(0).values.tolist(), strict=True))
