"""Time of one training step: the plain experiment, recipe `paper`, and the floor of its matrix products alone."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from benchmarks.clock import WARM_UP, Clock
from benchmarks.harness import arguments, in_turn, publish, ratio, spread
from benchmarks.sides import train_plain, train_recipe
from condvae.config import load_recipe
from condvae.data import load_data
from condvae.model import CVAE


class Floor:
    """Only the matrix products of one training step, forward and backward, each on operands of its own.

    A linear layer needs three: its output, the gradient of its weights, and the gradient of its input, which the first
    layer does not need because nobody asks for the gradient of the images.
    """

    def __init__(self, model: CVAE, batch_size: int, dtype: torch.dtype = torch.float32) -> None:
        layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
        self.weights = [torch.randn(layer.out_features, layer.in_features, dtype=dtype) for layer in layers]
        self.inputs = [torch.randn(batch_size, layer.in_features, dtype=dtype) for layer in layers]
        self.gradients = [torch.randn(batch_size, layer.out_features, dtype=dtype) for layer in layers]

    def forward(self) -> None:
        for weight, x in zip(self.weights, self.inputs, strict=True):
            x @ weight.T

    def backward(self) -> None:
        for weight, x, gradient in zip(self.weights, self.inputs, self.gradients, strict=True):
            gradient.T @ x
            if weight is not self.weights[0]:
                gradient @ weight

    def step(self) -> None:
        self.forward()
        self.backward()


def seconds_each(action: Callable[[], Any], times: int) -> float:
    """Seconds that one call takes, from many in a row."""
    for _ in range(WARM_UP):
        action()
    started = time.perf_counter()
    for _ in range(times):
        action()
    return (time.perf_counter() - started) / times


def per_step(train: Callable[..., Any], *arguments: Any, steps: int) -> float:
    """Seconds per step of a training that is cut short."""
    train(*arguments, max_epochs=1, limit_train_batches=WARM_UP + steps, limit_val_batches=0)
    return Clock.per_step


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, segments=7, steps=150)
    data, config = load_data("mnist"), load_recipe("paper")
    model = CVAE(config.model, data.train.schema)
    floor = Floor(model, config.training.batch_size)
    sides = {
        "plain": lambda: per_step(train_plain, data, steps=options.steps),
        "paper": lambda: per_step(train_recipe, config, data, steps=options.steps),
        "floor": lambda: seconds_each(floor.step, options.steps),
    }
    measured = in_turn(sides, options.segments)
    rows = [
        {
            "side": name,
            "ms per step": spread([1000 * value for value in values]),
            "plain / side": ratio(measured["plain"], values),
            "side / floor": ratio(values, measured["floor"]),
        }
        for name, values in measured.items()
    ]
    return publish("training", options.out, {"One training step, batch 100": rows}, seconds=measured)


if __name__ == "__main__":
    main(sys.argv[1:])
