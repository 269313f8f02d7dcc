"""Two sets of images compared by their features or pixels: distances between distributions, and neighbours."""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from condvae.evaluation.measurement import Measurement, bootstrapped, measure
from condvae.seeds import shuffled

CHUNK = 1000


NEIGHBOURS = 5


class Neighbourhood(NamedTuple):
    """How two sets of points, real (N, F) and generated (M, F), lie among each other, by balls to the k-th neighbour.

    Attributes:
        precision: of each generated point, whether it lies in the ball of a real one, (M,).
        recall: of each real point, whether it lies in the ball of a generated one, (N,).
        density: of each generated point, in how many balls of real points it lies, divided by k, (M,).
        coverage: of each real point, whether a generated one lies in its ball, (N,).
    """

    precision: Tensor
    recall: Tensor
    density: Tensor
    coverage: Tensor


class _Given(nn.Module):
    """Features that are there already, for metrics that ask for a network."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_features = width

    def forward(self, features: Tensor) -> Tensor:
        return features


def frechet_distance(real: Tensor, generated: Tensor, protocol: str) -> Measurement:
    """The squared Frechet distance between Gaussians fitted to features (N, F) and (M, F); its error by the bootstrap.

    Heusel et al., https://arxiv.org/abs/1706.08500. It is biased upwards, the more the smaller the sets are: compare it
    to the same distance between two real sets of the same sizes.
    """

    def distance(chosen: Tensor, drawn: Tensor) -> float:
        return _frechet(real[chosen], generated[drawn])

    return bootstrapped(distance, protocol, len(real), len(generated))


def kernel_distance(real: Tensor, generated: Tensor, protocol: str) -> Measurement:
    """The squared maximum mean discrepancy of features (N, F) and (M, F) with a cubic kernel, unbiased.

    Binkowski et al., https://arxiv.org/abs/1801.01401; the mean over blocks of about 1,000 that share no image (two of
    half the images where there are fewer), and its error by their spread. Between like sets it is below 0 half of the
    time. It takes at least four images of each set.
    """
    from torchmetrics.image.kid import poly_mmd

    fewer = min(len(real), len(generated))
    blocks = max(2, fewer // CHUNK)
    pairs = zip(_blocks(real, blocks, fewer), _blocks(generated, blocks, fewer), strict=True)
    distances = torch.stack([poly_mmd(*pair) for pair in pairs])
    return replace(measure(distances, protocol), count=len(generated))


def neighbourhood(real: Tensor, generated: Tensor) -> Neighbourhood:
    """Precision, recall, density and coverage of features (N, F) and (M, F).

    Kynkaanniemi et al., https://arxiv.org/abs/1904.06991, and Naeem et al., https://arxiv.org/abs/2002.09797, whose
    reference implementation this follows.
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


def nearest(images: Tensor, others: Tensor, count: int = 1) -> tuple[Tensor, Tensor]:
    """The nearest of other images to each image, by the root mean square difference of their pixels.

    Args:
        images: floats in [0, 1] (N, C, H, W).
        others: uint8, or floats in [0, 1], (M, C, H, W).
        count: how many; M if there are fewer.

    Returns:
        Distances, in [0, 1], and positions among the others, the nearest first: each (N, count).
    """
    flat, scale = images.flatten(1), 255 if others.dtype == torch.uint8 else 1
    distances, positions = torch.empty(len(images), 0), torch.empty(len(images), 0, dtype=torch.int64)
    for number, part in enumerate(others.split(10 * CHUNK)):
        found = torch.cdist(flat, part.flatten(1) / scale)
        distances = torch.cat([distances, found], 1)
        places = torch.arange(len(part)) + number * 10 * CHUNK
        positions = torch.cat([positions, places.expand(len(images), -1)], 1)
        distances, best = distances.topk(min(count, distances.shape[1]), largest=False)
        positions = positions.gather(1, best)
    return distances / images[0].numel() ** 0.5, positions


def _frechet(real: Tensor, generated: Tensor) -> float:
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=_Given(real.shape[1]))
    metric.update(real, real=True)
    metric.update(generated, real=False)
    return metric.compute().item()


def _blocks(points: Tensor, blocks: int, count: int) -> list[Tensor]:
    """Blocks of equal size out of as many points, chosen at random, as divide into them."""
    size = count // blocks
    return list(points[shuffled(len(points))[: blocks * size]].split(size))


def _radii(points: Tensor) -> Tensor:
    """The distance of each point to its k-th nearest neighbour, itself left out; to the last where there are fewer."""
    rank = min(NEIGHBOURS + 1, len(points))
    return torch.cat([torch.cdist(part, points).kthvalue(rank).values for part in points.split(CHUNK)])


def neighbour_confusion(points: Tensor, labels: Tensor, classes: int, neighbours: int = 10) -> Tensor:
    """How often the nearest neighbours of one class's points belong to another class.

    Args:
        points: (N, D).
        labels: int64 (N,).
        classes: how many classes there are.
        neighbours: how many nearest neighbours of each point count, itself left out.

    Returns:
        float64 (classes, classes), symmetric: the mean of the share of class-b neighbours around class-a points and
        the reverse; the diagonal is 0.
    """
    counts = torch.zeros(classes, classes, dtype=torch.float64)
    for chunk, own in zip(torch.arange(len(points)).split(1000), labels.split(1000), strict=True):
        distances = torch.cdist(points[chunk], points)
        distances[torch.arange(len(chunk)), chunk] = torch.inf
        nearest = labels[distances.topk(neighbours, largest=False).indices]
        pairs = own[:, None] * classes + nearest
        counts += torch.bincount(pairs.flatten(), minlength=classes**2).reshape(classes, classes)
    shares = counts / counts.sum(1, keepdim=True).clamp(min=1)
    return ((shares + shares.T) / 2).fill_diagonal_(0)
