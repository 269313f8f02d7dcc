"""Variants of the training step of recipe `paper` that were tried and are not used, in a loop without Lightning.

`torch.compile` needs a C++ compiler. Its first step takes about 20 seconds, which are not counted. The products by
oneDNN call a private operation of PyTorch, which uses MKL for 32-bit products.
"""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from benchmarks.floor import Floor, linear_layers, seconds_each
from benchmarks.harness import arguments, in_turn, publish, step_rows
from benchmarks.sides import pixels_and_labels
from condvae.config import Config
from condvae.data.dataset import Dataset
from condvae.data.sources import load_data
from condvae.images import unit
from condvae.model.cvae import CVAE
from condvae.recipe import load_recipe


class OneDnnProduct(torch.autograd.Function):
    """A linear layer whose three matrix products are computed by oneDNN."""

    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        context.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = context.saved_tensors
        for_x = _product(gradient, weight.T, None) if context.needs_input_grad[0] else None
        return for_x, _product(gradient.T, x.T, None), gradient.sum(0)


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


def one_dnn(layer: nn.Linear, x: Tensor) -> Tensor:
    """The forward pass of a linear layer, by oneDNN."""
    return OneDnnProduct.apply(x, layer.weight, layer.bias)  # type: ignore[no-untyped-call]


def step_of(config: Config, data: Dataset, prepare: Callable[[Any], Any] = lambda loss: loss) -> Callable[[], None]:
    """A training step without Lightning. `prepare` may replace the function that computes the loss."""
    model = CVAE(config.model, data.train.schema).train()
    optimizer = torch.optim.Adam(model.parameters(), config.training.learning_rate, fused=True)
    images, labels = pixels_and_labels(data.train)
    batches = iter(torch.randperm(len(images)).repeat(100).split(config.training.batch_size))
    loss_of = prepare(lambda x, y: -model.elbo(unit(x), y, 0.0).value.mean())

    def step() -> None:
        chosen = next(batches)
        loss = loss_of(images[chosen], labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, segments=7, steps=150, compile=1)
    data, paper = load_data("mnist"), load_recipe("paper")
    floor = Floor(linear_layers(CVAE(paper.model, data.train.schema)), paper.training.batch_size)
    bare, by_one_dnn = step_of(paper, data), step_of(paper, data)

    def with_one_dnn() -> float:
        with patch.object(nn.Linear, "forward", one_dnn):
            return seconds_each(by_one_dnn, options.steps)

    sides: dict[str, Callable[[], float]] = {
        "bare loop": lambda: seconds_each(bare, options.steps),
        "bare loop, products by oneDNN": with_one_dnn,
        "floor": lambda: seconds_each(floor.step, options.steps),
    }
    first = 0.0
    if options.compile:
        compiled = step_of(paper, data, torch.compile)
        started = time.perf_counter()
        compiled()
        first = time.perf_counter() - started
        sides["bare loop, torch.compile"] = lambda: seconds_each(compiled, options.steps)
    measured = in_turn(sides, options.segments)
    title = "Tried on a step of recipe paper" + (f" (first step of torch.compile: {first:.0f} s)" if first else "")
    return publish("tried", options.out, {title: step_rows(measured, "bare loop")}, seconds=measured, first=first)


if __name__ == "__main__":
    main(sys.argv[1:])
