"""Two sets of images compared by their features or pixels: distances between distributions, and neighbours."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from math import sqrt
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from condvae.data.labelled import LabelledImages
from condvae.evaluation.measurement import Measurement, measure
from condvae.images import unit
from condvae.seeds import shuffled

CHUNK = 1000
NEIGHBOURS = 5
GROUPS = 10  # of images, for the error of the Frechet distance
SHARES = (0.4, 0.7, 1.0)  # of the images, between which it is extrapolated
PERMUTATIONS = 400


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


def frechet_distance(real: Tensor, generated: Tensor, protocol: str) -> Measurement | None:
    """The squared Frechet distance between Gaussians fitted to features (N, F) and (M, F), extrapolated to N = M = oo.

    Heusel et al., https://arxiv.org/abs/1706.08500. The distance of finite sets is biased upwards, by an amount that is
    nearly proportional to 1 / N. A line through the distances of parts of the sets gives its value for infinite sets
    (Chong and Forsyth, "Effectively Unbiased FID", https://arxiv.org/abs/1911.07023). It is about 0 for two sets from
    the same distribution, and may be negative. The error is that of the jackknife over GROUPS groups of images.

    None if the smallest part has no more images than features: its covariance has no full rank, and the distance is far
    from the line.
    """
    if SHARES[0] * min(len(real), len(generated)) <= real.shape[1]:
        return None
    sets = [_blocks(one, GROUPS, len(one)) for one in (real, generated)]
    value = _extrapolated(sets, list(range(GROUPS)))
    without = [_extrapolated(sets, [one for one in range(GROUPS) if one != left]) for left in range(GROUPS)]
    spread = torch.tensor(without, dtype=torch.float64).var(correction=0).item()
    return Measurement(value, sqrt((GROUPS - 1) * spread), len(generated), f"{protocol} Extrapolated to infinite sets.")


def kernel_distance(real: Tensor, generated: Tensor, protocol: str) -> tuple[Measurement, Measurement]:
    """The squared maximum mean discrepancy of features (N, F) and (M, F) with a cubic kernel, and how likely it is.

    Binkowski et al., https://arxiv.org/abs/1801.01401. The distance is unbiased: for two sets from the same
    distribution it is negative half of the time. It is the mean over disjoint blocks of about 1,000 images (two blocks
    if there are fewer images), with the standard error of this mean. Each set must have at least four images.

    The p-value is that of a permutation test: the probability of a distance at least as large if both sets come from
    the same distribution (Gretton et al., "A Kernel Two-Sample Test", JMLR 2012, https://jmlr.org/papers/v13/gretton12a).
    Its error is that of the permutations alone. Other images give other p-values, which are uniform in [0, 1] if the
    distributions are the same.
    """
    fewer = min(len(real), len(generated))
    blocks = max(2, fewer // CHUNK)
    pairs = zip(_blocks(real, blocks, fewer), _blocks(generated, blocks, fewer), strict=True)
    found, by_chance = [], torch.zeros(PERMUTATIONS, dtype=torch.float64)
    for pair, is_first in zip(pairs, _halves(fewer // blocks, blocks), strict=True):
        points = torch.cat(pair).double()
        kernel = ((points @ points.T / real.shape[1] + 1) ** 3).fill_diagonal_(0)
        whole, mixed = _discrepancy(kernel, is_first.double()).split([1, PERMUTATIONS])
        found.append(whole[0])
        by_chance += mixed / blocks
    value = replace(measure(torch.stack(found), protocol), count=len(generated))
    larger = int((by_chance >= torch.stack(found).mean()).sum())
    p = (1 + larger) / (1 + PERMUTATIONS)
    how = f"Permutation test of the kernel distance with {PERMUTATIONS} permutations. {protocol}"
    return value, Measurement(p, sqrt(p * (1 - p) / PERMUTATIONS), len(generated), how)


def neighbourhood(real: Tensor, generated: Tensor, real_radii: Tensor | None = None) -> Neighbourhood:
    """Precision, recall, density and coverage of features (N, F) and (M, F).

    Kynkaanniemi et al., https://arxiv.org/abs/1904.06991, and Naeem et al., https://arxiv.org/abs/2002.09797. The
    definitions are those of the reference implementation of the latter.

    Args:
        real: features of real images.
        generated: features of generated images.
        real_radii: `radii(real)`, if it is known already.
    """
    real_radii = radii(real) if real_radii is None else real_radii
    generated_radii = radii(generated)
    precision, density = torch.zeros(len(generated), dtype=torch.bool), torch.zeros(len(generated))
    recall, coverage = [], []
    for part, reach in zip(real.split(CHUNK), real_radii.split(CHUNK), strict=True):
        distances = torch.cdist(part, generated)
        balls = (distances < reach[:, None]).float().sum(0)
        precision |= balls > 0
        density += balls / NEIGHBOURS
        recall.append((distances < generated_radii).any(1))
        coverage.append(distances.amin(1) < reach)
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


def _extrapolated(sets: list[list[Tensor]], groups: list[int]) -> float:
    """The Frechet distance for infinite sets, from the first groups, more of them, and all of them."""
    counts = [round(len(groups) * share) for share in SHARES]
    pairs = [tuple(torch.cat([blocks[group] for group in groups[:count]]) for blocks in sets) for count in counts]
    distances = np.array([_frechet(*pair) for pair in pairs])
    inverse = np.array([1 / len(pair[1]) for pair in pairs])
    return float(np.polynomial.Polynomial.fit(inverse, distances, 1)(0.0))


@lru_cache(maxsize=1)
def _halves(size: int, blocks: int) -> list[Tensor]:
    """Which of 2 S points belong to the first half, as they are and in PERMUTATIONS random orders, for each block.

    Returns:
        bool (2 S, 1 + PERMUTATIONS) each.
    """
    generator, first = torch.Generator().manual_seed(0), torch.arange(2 * size) < size
    return [
        torch.stack([first, *(first[torch.randperm(2 * size, generator=generator)] for _ in range(PERMUTATIONS))], 1)
        for _ in range(blocks)
    ]


def _discrepancy(kernel: Tensor, first: Tensor) -> Tensor:
    """The unbiased squared discrepancy of two halves of points, for several ways to halve them.

    Args:
        kernel: of 2 S points, (2 S, 2 S), with zeros in its diagonal.
        first: 1 for points of the first half, and 0 for the others, (2 S, ways).
    """
    size, second = len(kernel) // 2, 1 - first
    toward_first = kernel @ first
    toward_second = kernel.sum(1, keepdim=True) - toward_first
    own = (first * toward_first).sum(0) + (second * toward_second).sum(0)
    return own / (size * (size - 1)) - 2 * (first * toward_second).sum(0) / size**2


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


def radii(points: Tensor) -> Tensor:
    """The distance of points (N, D) to the k-th nearest other one, or to the farthest if there are fewer: (N,)."""
    rank = min(NEIGHBOURS + 1, len(points))
    nearest_first = (torch.cdist(part, points).topk(rank, largest=False).values for part in points.split(CHUNK))
    return torch.cat([distances[:, -1] for distances in nearest_first])


def _chunks(images: Tensor | LabelledImages) -> Iterator[Tensor]:
    """Images as floats in [0, 1], at most ten chunks at a time."""
    if isinstance(images, Tensor):
        yield from (unit(part) for part in images.split(10 * CHUNK))
    else:
        yield from (unit(torch.from_numpy(batch.pixels())) for batch in images.batches(10 * CHUNK))
