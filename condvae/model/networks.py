"""Encoders and decoders: tensors to tensors, without probabilities.

Shapes: images (B, C, H, W), condition vectors (B, Y), latent vectors (B, Z).

A network is a pair of an encoder and a decoder. The encoder has `width` features. The decoder has `start_at`, which
sets its first output to an image. Both have `inner_weights`, the weights between hidden layers.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from condvae.config import ModelConfig
from condvae.model.shares import for_rows, is_shared

Layer = Callable[[int], nn.Module]


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU, "gelu": nn.GELU}


def _groups(width: int) -> nn.Module:
    return nn.GroupNorm(1 if width % 8 else width // 8, width)


# The first is for vectors (B, F), the second for images (B, C, H, W), for which "layer" is over channels and pixels.
NORMS: dict[str, tuple[Layer, Layer]] = {
    "layer": (nn.LayerNorm, partial(nn.GroupNorm, 1)),
    "group": (_groups, _groups),
    "none": (nn.Identity, nn.Identity),
}


class Dropout(nn.Module):
    """`nn.Dropout` with a mask that is fast to draw on a CPU.

    PyTorch draws one random number for each unit, one after the other. Here each random 64-bit word decides eight
    units (a byte each) if p is a multiple of 1/256, and two units otherwise. Units are dropped with probability p,
    rounded to a multiple of 2^-32. Srivastava et al., "Dropout", JMLR 2014,
    https://jmlr.org/papers/v15/srivastava14a.html

    Args:
        p: probability of dropping a unit, at least 0 and less than 1. The other units are divided by 1 - p.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.bits, self.dtype = (8, torch.int8) if 256 * p % 1 == 0 else (32, torch.int32)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        if x.device.type != "cpu" and not is_shared():
            return nn.functional.dropout(x, self.p)
        draws = for_rows(len(x), lambda rows: self._draws(x.shape[1:], rows, x.device))
        dropped = min(round(self.p * 2**self.bits), 2**self.bits - 1)  # of the 2^bits values that a draw has
        return x * (draws >= dropped - 2 ** (self.bits - 1)).to(x.dtype).div_(1 - self.p)

    def _draws(self, shape: torch.Size, rows: int, device: torch.device) -> Tensor:
        """Random whole numbers, (rows, *shape)."""
        count = rows * shape.numel()
        words = torch.empty(-(-count * self.bits // 64), dtype=torch.int64, device=device).random_(-(2**63), None)
        return words.view(self.dtype)[:count].view(rows, *shape)


def mlp(widths: Sequence[int], config: ModelConfig) -> nn.Sequential:
    """Linear layers of the given widths, each followed by normalisation, activation and dropout."""
    norm, _ = NORMS[config.norm]
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), norm(outputs), ACTIVATIONS[config.activation](), Dropout(config.dropout)]
    return nn.Sequential(*layers)


def _weights(layers: nn.Module, kind: type[nn.Linear | nn.Conv2d]) -> list[Tensor]:
    return [layer.weight for layer in layers.modules() if isinstance(layer, kind)]


class MlpEncoder(nn.Module):
    """Images (B, C, H, W) and condition vectors (B, Y) to features (B, `width`)."""

    def __init__(self, shape: tuple[int, int, int], condition: int, config: ModelConfig) -> None:
        super().__init__()
        self.layers = mlp([prod(shape) + condition, *config.encoder], config)
        self.width = config.encoder[-1]

    def inner_weights(self) -> list[Tensor]:
        return _weights(self.layers, nn.Linear)[1:]

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.layers(torch.cat([x.flatten(1), y], -1))


class MlpDecoder(nn.Module):
    """Latent vectors (B, Z) and condition vectors (B, Y) to one unbounded number for each pixel, (B, C, H, W)."""

    def __init__(self, shape: tuple[int, int, int], condition: int, config: ModelConfig) -> None:
        super().__init__()
        self.layers = mlp([config.latent + condition, *config.decoder], config)
        self.pixels = nn.Linear(config.decoder[-1], prod(shape))
        self.shape = shape

    def inner_weights(self) -> list[Tensor]:
        return _weights(self.layers, nn.Linear)[1:]

    def start_at(self, image: Tensor) -> None:
        """Set the last bias so that a sigmoid of the first output is near an image, floats in [0, 1] (C, H, W)."""
        with torch.no_grad():
            self.pixels.bias.copy_(image.flatten().logit(eps=0.01))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.pixels(self.layers(torch.cat([z, y], -1))).unflatten(-1, self.shape)


class ResidualBlock(nn.Module):
    """Two convolutions with a shortcut: (B, C, H, W) and an embedding (B, E) to (B, C, H, W).

    Between the two, the embedding scales and shifts each channel (FiLM: Perez et al.,
    https://arxiv.org/abs/1709.07871). The last convolution starts at zero, so that a new block is the identity.
    """

    def __init__(self, channels: int, embedding: int, config: ModelConfig) -> None:
        super().__init__()
        _, norm = NORMS[config.norm]
        activation = ACTIVATIONS[config.activation]
        self.first = nn.Sequential(norm(channels), activation(), nn.Conv2d(channels, channels, 3, padding=1))
        self.film = nn.Linear(embedding, 2 * channels)
        last = nn.Conv2d(channels, channels, 3, padding=1)
        self.last = nn.Sequential(activation(), Dropout(config.dropout), last)
        with torch.no_grad():
            for parameter in (*last.parameters(), *self.film.parameters()):
                parameter.zero_()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.film(embedding)[:, :, None, None].chunk(2, 1)
        return x + self.last(self.first(x) * (1 + scale) + shift)


class Stage(nn.Module):
    """Residual blocks of one image size, all with the same embedding."""

    def __init__(self, channels: int, config: ModelConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResidualBlock(channels, EMBEDDING, config) for _ in range(config.blocks))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, embedding)
        return x


class Halving(nn.Conv2d):
    """A convolution of stride 2: (B, C, H, W) to half the height and width, rounded up."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return _in_float32(super().forward, x) if x.shape[-1] <= 2 else super().forward(x)


class Doubling(nn.ConvTranspose2d):
    """A transposed convolution of stride 2: (B, C, H, W) to twice the height and width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        return _in_float32(super().forward, x) if x.shape[-1] == 1 else super().forward(x)


def _in_float32(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """A layer of stride 2 between images of which one is a single pixel wide.

    In bfloat16, PyTorch 2.13 returns uninitialised memory for them on processors with AMX.
    """
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.float())


class ConvEncoder(nn.Module):
    """Images (B, C, H, W) and condition vectors (B, Y) to features (B, `width`).

    Each entry of `config.encoder` is the number of channels of a stage: a convolution of stride 2, which halves height
    and width (rounded up), and `config.blocks` residual blocks. The features are the output of the last stage.
    """

    def __init__(self, shape: tuple[int, int, int], condition: int, config: ModelConfig) -> None:
        super().__init__()
        channels = [shape[0], *config.encoder]
        self.embed = _embed(condition)
        self.down = nn.ModuleList(Halving(*pair) for pair in pairwise(channels))
        self.stages = nn.ModuleList(Stage(width, config) for width in config.encoder)
        self.activation = ACTIVATIONS[config.activation]()
        self.width = config.encoder[-1] * prod(_sizes(shape, len(config.encoder))[-1])

    def inner_weights(self) -> list[Tensor]:
        return _weights(self.stages, nn.Conv2d)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        embedding = self.embed(y)
        x = x.contiguous(memory_format=torch.channels_last)
        for down, stage in zip(self.down, self.stages, strict=True):
            x = stage(down(x), embedding)
        return self.activation(x).flatten(1)


class ConvDecoder(nn.Module):
    """Latent vectors (B, Z) and condition vectors (B, Y) to one unbounded number for each pixel, (B, C, H, W).

    The stages of the encoder in reverse, with the channels of `config.decoder`: residual blocks, and a transposed
    convolution to twice the size, cropped to the size of the encoder's stage. Each block gets an embedding of latent
    vector and condition vector.
    """

    def __init__(self, shape: tuple[int, int, int], condition: int, config: ModelConfig) -> None:
        super().__init__()
        *self.sizes, smallest = _sizes(shape, len(config.decoder))
        last = max(1, config.decoder[-1] // 2)
        self.embed = _embed(config.latent + condition)
        self.start = nn.Linear(config.latent + condition, config.decoder[0] * prod(smallest))
        self.start_shape = (config.decoder[0], *smallest)
        self.stages = nn.ModuleList(Stage(width, config) for width in config.decoder)
        self.up = nn.ModuleList(Doubling(*pair) for pair in pairwise([*config.decoder, last]))
        self.activation = ACTIVATIONS[config.activation]()
        self.pixels = nn.Conv2d(last, shape[0], 3, padding=1)

    def inner_weights(self) -> list[Tensor]:
        return _weights(self.stages, nn.Conv2d)

    def start_at(self, image: Tensor) -> None:
        """Set the last bias so that a sigmoid of the first output is near the mean of an image in each channel."""
        with torch.no_grad():
            self.pixels.bias.copy_(image.mean((1, 2)).logit(eps=0.01))  # type: ignore[union-attr]

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        vector = torch.cat([z, y], -1)
        embedding = self.embed(vector)
        x = self.start(vector).unflatten(-1, self.start_shape).contiguous(memory_format=torch.channels_last)
        for stage, up, (height, width) in zip(self.stages, self.up, reversed(self.sizes), strict=True):
            x = up(self.activation(stage(x, embedding)))[..., :height, :width]
        return self.pixels(self.activation(x))


EMBEDDING = 128


NETWORKS = {"mlp": (MlpEncoder, MlpDecoder), "conv": (ConvEncoder, ConvDecoder)}


def _embed(inputs: int) -> nn.Sequential:
    with warnings.catch_warnings():  # PyTorch warns of a layer without weights, which an unconditional model has
        warnings.filterwarnings("ignore", message="Initializing zero-element tensors")
        return nn.Sequential(nn.Linear(inputs, EMBEDDING), nn.SiLU())


def _sizes(shape: tuple[int, int, int], stages: int) -> list[tuple[int, int]]:
    """Height and width of the image, then after each stage."""
    sizes = [shape[1:]]
    for _ in range(stages):
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes
