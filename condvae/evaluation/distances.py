"""Two sets of images compared by their features or pixels: distances between distributions, and neighbours."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from condvae.data.labelled import LabelledImages
from condvae.evaluation.measurement import Measurement, bootstrapped, measure
from condvae.images import unit
from condvae.seeds import shuffled

CHUNK = 1000
NEIGHBOURS = 5


class Neighbourhood(NamedTuple):
    """How real points (N, F) and generated points (M, F) lie among each other.

    The ball of a point is the sphere around it that reaches to its k-th nearest neighbour of the same set.

    Attributes:
        precision: whether each generated point lies in the ball of a real point, (M,).
        recall: whether each real point lies in the ball of a generated point, (N,).
        density: the number of balls of real points in which each generated point lies, divided by k, (M,).
        coverage: whether a generated point lies in the ball of each real point, (N,).
    """

    precision: Tensor
    recall: Tensor
    density: Tensor
    coverage: Tensor


def frechet_distance(real: Tensor, generated: Tensor, protocol: str) -> Measurement:
    """The squared Frechet distance between Gaussians fitted to features (N, F) and (M, F).

    Heusel et al., https://arxiv.org/abs/1706.08500. The error is that of the bootstrap. The distance is biased upwards,
    more so for smaller sets. Compare it with the distance between two sets of real images of the same sizes.
    """

    def distance(chosen: Tensor, drawn: Tensor) -> float:
        return _frechet(real[chosen], generated[drawn])

    return bootstrapped(distance, protocol, len(real), len(generated))


def kernel_distance(real: Tensor, generated: Tensor, protocol: str) -> Measurement:
    """The squared maximum mean discrepancy of features (N, F) and (M, F) with a cubic kernel, unbiased.

    Binkowski et al., https://arxiv.org/abs/1801.01401. The value is the mean over disjoint blocks of about 1,000 images
    (two blocks if there are fewer images), and the error is the standard error of this mean. For two sets from the same
    distribution the value is negative half of the time. Each set must have at least four images.
    """
    from torchmetrics.image.kid import poly_mmd

    fewer = min(len(real), len(generated))
    blocks = max(2, fewer // CHUNK)
    pairs = zip(_blocks(real, blocks, fewer), _blocks(generated, blocks, fewer), strict=True)
    distances = torch.stack([poly_mmd(*pair) for pair in pairs])
    return replace(measure(distances, protocol), count=len(generated))


def neighbourhood(real: Tensor, generated: Tensor) -> Neighbourhood:
    """Precision, recall, density and coverage of features (N, F) and (M, F).

    Kynkaanniemi et al., https://arxiv.org/abs/1904.06991, and Naeem et al., https://arxiv.org/abs/2002.09797. The
    definitions are those of the reference implementation of the latter.
    """
    real_radii, generated_radii = _radii(real), _radii(generated)
    precision, density = torch.zeros(len(generated), dtype=torch.bool), torch.zeros(len(generated))
    recall, coverage = [], []
    for part, radii in zip(real.split(CHUNK), real_radii.split(CHUNK), strict=True):
        distances = torch.cdist(part, generated)
        inside = distances < radii[:, None]
        precision |= inside.any(0)
        density += inside.sum(0) / NEIGHBOURS
        recall.append((distances < generated_radii).any(1))
        coverage.append(inside.any(1))
    return Neighbourhood(precision.float(), torch.cat(recall).float(), density, torch.cat(coverage).float())


def nearest(images: Tensor, others: Tensor | LabelledImages, count: int = 1) -> tuple[Tensor, Tensor]:
    """The nearest of other images to each image, by the root mean square difference of pixels in [0, 1].

    Args:
        images: floats in [0, 1] (N, C, H, W).
        others: uint8, or floats in [0, 1], (M, C, H, W).
        count: how many of the nearest images. There are M if M is smaller.

    Returns:
        Distances, and positions among the others, nearest first: (N, count) each.
    """
    flat, start = images.flatten(1), 0
    distances, positions = torch.empty(len(images), 0), torch.empty(len(images), 0, dtype=torch.int64)
    for part in _chunks(others):
        distances = torch.cat([distances, torch.cdist(flat, part.flatten(1))], 1)
        places = torch.arange(len(part)) + start
        positions = torch.cat([positions, places.expand(len(images), -1)], 1)
        distances, best = distances.topk(min(count, distances.shape[1]), largest=False)
        positions = positions.gather(1, best)
        start += len(part)
    return distances / images[0].numel() ** 0.5, positions


def neighbour_confusion(points: Tensor, labels: Tensor, classes: int, neighbours: int = 10) -> Tensor:
    """How often the nearest neighbours of points of one class belong to another class.

    Args:
        points: (N, D).
        labels: int64 (N,).
        classes: the number of classes.
        neighbours: how many nearest neighbours of each point count, without the point itself.

    Returns:
        float64 (classes, classes), symmetric. The mean of two shares: neighbours of class b around points of class a,
        and neighbours of class a around points of class b. The diagonal is 0.
    """
    counts = torch.zeros(classes, classes, dtype=torch.float64)
    for chunk, own in zip(torch.arange(len(points)).split(CHUNK), labels.split(CHUNK), strict=True):
        distances = torch.cdist(points[chunk], points)
        distances[torch.arange(len(chunk)), chunk] = torch.inf
        found = labels[distances.topk(neighbours, largest=False).indices]
        pairs = own[:, None] * classes + found
        counts += torch.bincount(pairs.flatten(), minlength=classes**2).reshape(classes, classes)
    shares = counts / counts.sum(1, keepdim=True).clamp(min=1)
    return ((shares + shares.T) / 2).fill_diagonal_(0)


class _Given(nn.Module):
    """The "network" of a metric whose input already is features."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_features = width

    def forward(self, features: Tensor) -> Tensor:
        return features


def _frechet(real: Tensor, generated: Tensor) -> float:
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=_Given(real.shape[1]))
    metric.update(real, real=True)
    metric.update(generated, real=False)
    return metric.compute().item()


def _blocks(points: Tensor, blocks: int, count: int) -> list[Tensor]:
    """Disjoint blocks of equal size, of about `count` points in all, chosen at random."""
    size = count // blocks
    return list(points[shuffled(len(points))[: blocks * size]].split(size))


def _radii(points: Tensor) -> Tensor:
    """The distance of each point to its k-th nearest other point, or to the farthest if there are fewer."""
    rank = min(NEIGHBOURS + 1, len(points))
    return torch.cat([torch.cdist(part, points).kthvalue(rank).values for part in points.split(CHUNK)])


def _chunks(images: Tensor | LabelledImages) -> Iterator[Tensor]:
    """Images as floats in [0, 1], at most ten chunks at a time."""
    if isinstance(images, Tensor):
        yield from (unit(part) for part in images.split(10 * CHUNK))
    else:
        yield from (unit(torch.from_numpy(batch.pixels())) for batch in images.batches(10 * CHUNK))
