"""The floor of a comparison: the matrix products of a model and nothing else."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from benchmarks.harness import WARM_UP


class Floor:
    """The matrix products of linear layers, in the given order. Each product has its own operands.

    Args:
        layers: the linear layers.
        batch_size: number of rows of each input.
    """

    def __init__(self, layers: Sequence[nn.Linear], batch_size: int) -> None:
        self.weights = [torch.randn(layer.out_features, layer.in_features) for layer in layers]
        self.inputs = [torch.randn(batch_size, layer.in_features) for layer in layers]
        self.gradients = [torch.randn(batch_size, layer.out_features) for layer in layers]

    def forward(self, times: int = 1) -> None:
        """One product for each layer: its output."""
        for _ in range(times):
            for weight, x in zip(self.weights, self.inputs, strict=True):
                x @ weight.T

    def backward(self) -> None:
        """The gradient of the weights of each layer, and the gradient of the input of each layer except the first."""
        for number, (weight, x, gradient) in enumerate(zip(self.weights, self.inputs, self.gradients, strict=True)):
            gradient.T @ x
            if number:
                gradient @ weight

    def step(self) -> None:
        """The products of one training step."""
        self.forward()
        self.backward()


def linear_layers(module: nn.Module) -> list[nn.Linear]:
    """The linear layers of a model, in their order."""
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear)]


def seconds_each(action: Callable[[], Any], times: int) -> float:
    """Seconds per call, averaged over many calls in a row."""
    for _ in range(min(WARM_UP, times)):
        action()
    started = time.perf_counter()
    for _ in range(times):
        action()
    return (time.perf_counter() - started) / times
