"""The time of a training step: the plain experiment, recipe `paper` with and without each optimisation, and the floor.

The peak memory of training on MNIST is measured in a process of its own.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
from torch import nn
from torch.utils.data import DataLoader

from benchmarks.clock import Clock
from benchmarks.floor import Floor, linear_layers, seconds_each
from benchmarks.harness import WARM_UP, Tables, arguments, in_turn, publish, step_rows, watched
from benchmarks.plain import Images
from benchmarks.sides import train_plain, train_recipe
from condvae.config import TrainingConfig
from condvae.data.sources import load_data
from condvae.model.cvae import CVAE
from condvae.recipe import load_recipe
from condvae.training.module import CVAEModule
from condvae.training.optimizers import OPTIMIZERS, adam

ITEMS = "an item-by-item dataset"


def unfused(model: CVAE, settings: TrainingConfig, fused: bool) -> torch.optim.Optimizer:
    """Adam without PyTorch's fused implementation."""
    return adam(model, settings, fused=False)


def item_by_item(module: CVAEModule) -> DataLoader[Any]:
    """The batches of the plain experiment, for our model."""
    part, size = module.data.train, module.config.training.batch_size
    return DataLoader(Images(part.pixels(slice(None)), part.labels), size, shuffle=True)


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, segments=7, steps=150)
    data, config = load_data("mnist"), load_recipe("paper")
    floor = Floor(linear_layers(CVAE(config.model, data.train.schema)), config.training.batch_size)

    def without(change: AbstractContextManager[Any], **extra: Any) -> Callable[[], float]:
        def side() -> float:
            with change:
                return per_step(train_recipe, config, data, steps=options.steps, **extra)

        return side

    sides = {
        "plain": lambda: per_step(train_plain, data, steps=options.steps),
        "paper": without(nullcontext()),
        "paper, Adam not fused": without(patch.dict(OPTIMIZERS, {config.training.optimizer: unfused})),
        "paper, PyTorch's dropout": without(patch("condvae.model.networks.Dropout", nn.Dropout)),
        "paper, logging every step": without(nullcontext(), log_every_n_steps=1),
        f"paper, {ITEMS}": without(patch.object(CVAEModule, "train_dataloader", item_by_item)),
        "floor": lambda: seconds_each(floor.step, options.steps),
    }
    measured = in_turn(sides, options.segments)
    with tempfile.TemporaryDirectory() as folder:
        limits = ["--trainer.max_epochs", "3", "--trainer.limit_train_batches", str(4 * options.steps)]
        usage = watched([sys.executable, "-m", "condvae", "train", "--out", f"{folder}/run", *limits])
    tables: Tables = {
        f"One training step, batch {config.training.batch_size}": step_rows(measured, "plain"),
        "condvae train --recipe paper, whole process": [usage.row()],
    }
    return publish("training", options.out, tables, seconds=measured, memory=usage)


def per_step(train: Callable[..., Any], *arguments: Any, steps: int, **options: Any) -> float:
    """Seconds per step of a short training."""
    train(*arguments, max_epochs=1, limit_train_batches=WARM_UP + steps, limit_val_batches=0, **options)
    return Clock.per_step


if __name__ == "__main__":
    main(sys.argv[1:])
