"""Tensors to tensors: nothing here is probabilistic, and everything can be exported.

Shapes: images (B, C, H, W), condition vectors (B, Y), latent vectors (B, Z).
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from condvae.config import ModelConfig


class Dropout(nn.Module):
    """`nn.Dropout` with a mask that is cheap to draw on a CPU.

    PyTorch draws one random number a unit there, one after the other. Here every random 64-bit word decides eight
    units, a byte each, if p is a multiple of 1/256, and two units otherwise. Units are dropped with probability p
    exactly, to the nearest 2^-32. Srivastava et al., "Dropout", JMLR 2014, https://jmlr.org/papers/v15/srivastava14a.html

    Args:
        p: probability of dropping a unit, 0 to 1 (exclusive); the others are divided by 1 - p.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.bits, self.dtype = (8, torch.int8) if 256 * p % 1 == 0 else (32, torch.int32)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        if x.device.type != "cpu":
            return nn.functional.dropout(x, self.p)
        words = torch.empty(-(-x.numel() * self.bits // 64), dtype=torch.int64).random_(-(2**63), None)
        draws = words.view(self.dtype)[: x.numel()].view(x.shape)
        dropped = min(round(self.p * 2**self.bits), 2**self.bits - 1)  # of the 2^bits values that a draw has
        return x * (draws >= dropped - 2 ** (self.bits - 1)).to(x.dtype).div_(1 - self.p)


def mlp(widths: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear layers between the given widths, each followed by LayerNorm, ReLU and dropout."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.ReLU(), Dropout(dropout)]
    return nn.Sequential(*layers)


def inner_weights(layers: nn.Sequential) -> list[Tensor]:
    """The weight matrices between hidden layers: those of all linear layers of an `mlp` but the first."""
    return [layer.weight for layer in layers if isinstance(layer, nn.Linear)][1:]


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

    def start_at(self, image: Tensor) -> None:
        """Set the last bias so that a sigmoid of the first outputs is near an image, floats in [0, 1] (C, H, W)."""
        with torch.no_grad():
            self.pixels.bias.copy_(image.flatten().logit(eps=0.01))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.pixels(self.layers(torch.cat([z, y], -1))).unflatten(-1, self.shape)


NETWORKS = {"mlp": (MlpEncoder, MlpDecoder)}
