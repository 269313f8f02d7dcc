"""Attributes that can be measured of any image: slant, stroke thickness, ink and width."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

TINY = 1e-8


class Style(NamedTuple):
    """The style of each image, from the moments of its ink, (B,) each.

    Attributes:
        slant: horizontal shift of the stroke for each pixel upwards. This is the tangent of the angle, positive to the
            right.
        ink: the sum of all pixel values, in fully inked pixels. For the same shape it grows with stroke thickness.
        width: standard deviation of the ink perpendicular to the slanted axis, in pixels.
    """

    slant: Tensor
    ink: Tensor
    width: Tensor


def style(images: Tensor) -> Style:
    """Slant, ink and width of each image, floats in [0, 1] (B, C, H, W). An image without ink gets zeros.

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
    """The thickness of the strokes of each image, in pixels: floats in [0, 1] (B, C, H, W) to (B,).

    It is twice the area of the ink divided by the length of its outline (its total variation), because a stroke of
    length L and thickness t has the area L t and two sides of length L. An image without ink gets 0.
    """
    ink = nn.functional.pad(images.mean(1), (1, 1, 1, 1))
    down, right = ink.diff(dim=1)[:, :, :-1], ink.diff(dim=2)[:, :-1]
    outline = (down.square() + right.square() + TINY**2).sqrt().sum((1, 2))  # the gradient of a root of 0 is infinite
    return 2 * ink.sum((1, 2)) / outline.clamp(min=TINY)


# each can be a condition of any model
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
