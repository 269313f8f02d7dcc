"""What can be measured of images without a model: style by moments, differences, accuracy with its error."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

TINY = 1e-8
RESAMPLES = 50


class Style(NamedTuple):
    """The style of each image, from the moments of its ink; each (B,).

    Attributes:
        slant: horizontal shift of the stroke for one pixel up: the tangent of the angle, positive to the right.
        ink: the sum of all pixel values, in fully inked pixels; at equal shape it grows with stroke thickness.
        width: standard deviation of the ink to the left and right of the slanted axis, in pixels.
    """

    slant: Tensor
    ink: Tensor
    width: Tensor


def style(images: Tensor) -> Style:
    """Slant, ink and width of each image, floats in [0, 1] (B, C, H, W); 0 where there is no ink.

    Slant is the regression of the horizontal on the vertical position, Cov(x, y) / Var(y), as in the usual
    deslanting of digits (LeCun et al., "Gradient-based learning applied to document recognition", 1998).
    """
    ink = images.mean(1)
    height, width = ink.shape[-2:]
    up = (height - 1) / 2 - torch.arange(height, dtype=ink.dtype, device=ink.device)
    right = torch.arange(width, dtype=ink.dtype, device=ink.device) - (width - 1) / 2
    total = ink.sum((-2, -1))
    scale = 1 / total.clamp(min=TINY)
    rows, columns = ink.sum(-1) * scale[:, None], ink.sum(-2) * scale[:, None]
    mean_up, mean_right = rows @ up, columns @ right
    variance_up, variance_right = rows @ up**2 - mean_up**2, columns @ right**2 - mean_right**2
    covariance = torch.einsum("bhw,h,w->b", ink, up, right) * scale - mean_up * mean_right
    slant = covariance / variance_up.clamp(min=TINY)
    spread = (variance_right - slant * covariance).clamp(min=0).sqrt()
    return Style(slant, total, spread)


def thickness(images: Tensor) -> Tensor:
    """The thickness of the strokes of each image, in pixels: floats in [0, 1] (B, C, H, W) to (B,); 0 without ink.

    Twice the area of the ink by the length of its outline, which is its total variation: a stroke of length L and
    thickness t has the area L t and two sides of length L.
    """
    ink = nn.functional.pad(images.mean(1), (1, 1, 1, 1))
    down, right = ink.diff(dim=1)[:, :, :-1], ink.diff(dim=2)[:, :-1]
    outline = (down.square() + right.square()).sqrt().sum((1, 2))
    return 2 * ink.sum((1, 2)) / outline.clamp(min=TINY)


# what can be measured of any image, and so be a condition of any model
MEASURES: dict[str, Callable[[Tensor], Tensor]] = {
    "slant": lambda images: style(images).slant,
    "thickness": thickness,
    "ink": lambda images: style(images).ink,
    "width": lambda images: style(images).width,
}


def measured(images: NDArray[np.uint8], names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Measures of images by their names in MEASURES: uint8 (N, C, H, W) to float32 (N,) each."""
    parts = [torch.from_numpy(part) / 255 for part in np.array_split(images, -(-len(images) // 1000))]
    return {name: torch.cat([MEASURES[name](part) for part in parts]).numpy() for name in names}


@dataclass(frozen=True)
class Measurement:
    """One measured figure with its protocol.

    Attributes:
        value: a mean over `count` items, unless the protocol says otherwise.
        error: its standard error: of a mean the usual one, of most others by the bootstrap; 0 for a single item.
        count: the number of items.
        protocol: what was measured, on what, and how; the unit where there is one.
    """

    value: float
    error: float
    count: int
    protocol: str


def measure(values: Tensor, protocol: str) -> Measurement:
    """The mean of values (N,) with its standard error, taking them as independent."""
    count = values.numel()
    error = values.double().std().item() / sqrt(count) if count > 1 else 0.0
    return Measurement(values.double().mean().item(), error, count, protocol)


def bootstrapped(statistic: Callable[..., float], protocol: str, *counts: int) -> Measurement:
    """A statistic that is no mean, with its standard error: its spread over RESAMPLES draws with replacement.

    Efron, "Bootstrap methods: another look at the jackknife", 1979.

    Args:
        statistic: takes the positions of the items to use, int64 (N,), for each of the counts.
        protocol: what was measured, on what, and how.
        counts: N, how many items there are; several for a statistic of several independent sets, the last of which is
            the one that the measurement counts.
    """
    generator = torch.Generator().manual_seed(0)
    draws = ([torch.randint(count, (count,), generator=generator) for count in counts] for _ in range(RESAMPLES))
    error = torch.tensor([statistic(*draw) for draw in draws], dtype=torch.float64).std().item()
    return Measurement(statistic(*(torch.arange(count) for count in counts)), error, counts[-1], protocol)


def squared_error(images: Tensor, others: Tensor) -> Tensor:
    """The squared error of each image, averaged over its pixels: (B, C, H, W) twice to (B,)."""
    return (images - others).square().mean((-3, -2, -1))


def correlation(values: Tensor, others: Tensor) -> float:
    """Pearson's correlation of two samples (N,); 0 where one of them does not vary."""
    pair = torch.stack([values, others]).double()
    deviations = pair - pair.mean(1, keepdim=True)
    scale = deviations.norm(dim=1).prod().clamp(min=TINY)
    return (deviations.prod(0).sum() / scale).item()


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
