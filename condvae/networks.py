"""Tensors to tensors: nothing here is probabilistic, and everything can be exported.

Shapes: images (B, C, H, W), condition vectors (B, Y), latent vectors (B, Z).
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from condvae.config import ModelConfig


def mlp(widths: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear layers between the given widths, each followed by LayerNorm, ReLU and dropout."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers)


class MlpEncoder(nn.Module):
    """Image and condition to features: (B, C, H, W) and (B, Y) to (B, `width`)."""

    def __init__(self, shape: tuple[int, int, int], condition: int, config: ModelConfig) -> None:
        super().__init__()
        self.layers = mlp([prod(shape) + condition, *config.encoder], config.dropout)
        self.width = config.encoder[-1]

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.layers(torch.cat([x.flatten(1), y], -1))


class MlpDecoder(nn.Module):
    """Latent vector and condition to one unbounded number a pixel: (B, Z) and (B, Y) to (B, C, H, W)."""

    def __init__(self, shape: tuple[int, int, int], condition: int, config: ModelConfig) -> None:
        super().__init__()
        self.layers = mlp([config.latent + condition, *config.decoder], config.dropout)
        self.pixels = nn.Linear(config.decoder[-1], prod(shape))
        self.shape = shape

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.pixels(self.layers(torch.cat([z, y], -1))).unflatten(-1, self.shape)


NETWORKS = {"mlp": (MlpEncoder, MlpDecoder)}
