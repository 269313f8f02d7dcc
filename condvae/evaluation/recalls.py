"""Recall of classes, averaged over several classifiers, with errors that come from the seeds and from the test images.

The recall of a class is the share of its test images that are classified as it. The mean over classes is the balanced
accuracy. For the difference of two ways to train, the values are the differences, test image by test image.
"""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from condvae.evaluation.measurement import Measurement

LARGEST = 0.25  # variance of a share, which is that of a class with a single test image: it is not known


class _Spread(NamedTuple):
    """The mean over classes of the recall, and where its variance comes from.

    Attributes:
        value: the mean.
        seeds: variance of the mean that comes from the seeds.
        images: variance of the mean that comes from the test images.
        freedom: degrees of freedom of each of the two variances.
        tested: the number of test images of these classes.
    """

    value: float
    seeds: float
    images: float
    freedom: tuple[int, int]
    tested: int


def mean_recall(right: Tensor, labels: Tensor, classes: Sequence[int], protocol: str) -> Measurement:
    """The mean over classes of the recall.

    Its standard error joins the variance over seeds with the variance over the test images of each class.

    Args:
        right: 1 where a classifier is right about a test image and 0 elsewhere, or differences of these, (S, N).
        labels: the labels of the test images, int64 (N,).
        classes: the classes to average over. Each must have a test image.
        protocol: what was measured, and how.
    """
    found = _spread(right, labels, classes)
    return Measurement(found.value, sqrt(found.seeds + found.images), found.tested, protocol)


def interval(right: Tensor, labels: Tensor, classes: Sequence[int], confidence: float) -> tuple[float, float]:
    """The confidence interval of the same mean, by Student's t distribution. There must be at least two seeds.

    Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin, 1946,
    https://doi.org/10.2307/3002019, gives the degrees of freedom of the sum of the two variances.
    """
    from scipy.stats import t

    found = _spread(right, labels, classes)
    total = found.seeds + found.images
    if not total:
        return found.value, found.value
    parts = zip((found.seeds, found.images), found.freedom, strict=True)
    freedom = total**2 / sum(variance**2 / degrees for variance, degrees in parts)
    half = float(t.ppf((1 + confidence) / 2, freedom)) * sqrt(total)
    return found.value - half, found.value + half


def _spread(right: Tensor, labels: Tensor, classes: Sequence[int]) -> _Spread:
    values = right.double()
    groups = [values[:, labels == one] for one in classes]
    each_seed = torch.stack([group.mean(1) for group in groups]).mean(0)  # (S,)
    each_image = [group.mean(0) for group in groups]
    count = sum(map(len, each_image))
    images = sum(_variance_of_mean(group, LARGEST) for group in each_image) / len(classes) ** 2
    freedom = (max(1, len(right) - 1), max(1, count - len(classes)))
    return _Spread(each_seed.mean().item(), _variance_of_mean(each_seed), images, freedom, count)


def _variance_of_mean(values: Tensor, alone: float = 0.0) -> float:
    """`alone` is that of a single value, which says nothing about its variance."""
    return values.var().item() / len(values) if len(values) > 1 else alone
