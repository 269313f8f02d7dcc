"""Features of images, in which sets of images are compared: those of the judge, and random ones."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from condvae.evaluation.judge import Judge, embedded
from condvae.images import reduced
from condvae.seeds import seeded

JUDGED, RANDOM = "features of the judge", "random features"
CHANNELS, POOLED = 32, (2, 2)
WEIGHTS = 21  # distinguishes the seed of the random weights
Embedding = Callable[[Tensor], Tensor]  # images (N, C, H, W) in [0, 1] to features (N, F), both on the CPU


class RandomFeatures(nn.Module):
    """A small convolutional network with random weights: (B, C, H, W) floats in [0, 1] to (B, 128).

    Unlike the features of a classifier, these depend on no labels and on no training images. Naeem et al., "Reliable
    Fidelity and Diversity Metrics for Generative Models", https://arxiv.org/abs/2002.09797, section 5, recommend random
    features for images that are far from those that classifiers are trained on.

    Args:
        channels: C. Height and width can be any. Large images are averaged down, as `reduced` says.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        with seeded(WEIGHTS):
            self.layers = nn.Sequential(
                _orthogonal(channels, CHANNELS, 5), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True),
                _orthogonal(CHANNELS, CHANNELS, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(POOLED), nn.Flatten(),
            )  # fmt: skip
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(reduced(images))

    @torch.inference_mode()
    def embed(self, images: Tensor) -> Tensor:
        """The features of any number of images, whatever the device of the network: (N, C, H, W) to (N, 128)."""
        return embedded(self, images, next(self.parameters()).device)


def embeddings(judge: Judge, channels: int) -> dict[str, Embedding]:
    """Both kinds of features by their names."""
    random = RandomFeatures(channels).to(judge.head.weight.device)
    return {JUDGED: judge.embed, RANDOM: random.embed}


def _orthogonal(inputs: int, outputs: int, size: int) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
    nn.init.orthogonal_(layer.weight, nn.init.calculate_gain("relu"))
    return layer
