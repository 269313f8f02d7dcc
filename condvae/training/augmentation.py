"""Augmentation of training images: flips, shifts in whole pixels, and rotations."""

from math import radians

import torch
from torch import Tensor

from condvae.config import TrainingConfig
from condvae.images import warped
from condvae.model.shares import for_rows


def augmented(images: Tensor, settings: TrainingConfig) -> Tensor:
    """Images changed at random, each in its own way. Without augmentation no random number is drawn.

    The random numbers come from PyTorch's global generator, which training seeds at the beginning of each epoch.

    Args:
        images: floats (B, C, H, W) in [0, 1].
        settings: `flip`, `shift` and `rotate` say what is changed.
    """
    count, device = len(images), images.device
    if settings.flip:
        mirrored = for_rows(count, lambda rows: torch.rand(rows, 1, 1, 1, device=device)) < settings.flip
        images = torch.where(mirrored, images.flip(-1), images)
    if not settings.shift and not settings.rotate:
        return images
    size = torch.tensor(images.shape[:1:-1], device=device)[:, None]  # width and height
    shift = (_symmetric(2, count, device) * settings.shift * size).round() / size
    turn = _symmetric(1, count, device)[0] * radians(settings.rotate)
    moved = warped(images, turn, torch.ones_like(shift), 2 * shift, "border")
    return moved.clamp(0, 1)  # interpolation may leave [0, 1] by a rounding error


def _symmetric(rows: int, count: int, device: torch.device) -> Tensor:
    """Uniform random numbers from -1 to 1, (rows, count)."""
    drawn = for_rows(rows * count, lambda every: torch.rand(every, device=device))
    return 2 * drawn.view(rows, count) - 1
