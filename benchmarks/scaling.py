"""The time of training by number of images, width of the layers, latent dimensions and batch size.

The floor of each row is that of the same model and the same batch size.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clock import Clock
from benchmarks.floor import Floor, linear_layers, seconds_each
from benchmarks.harness import arguments, in_turn, publish, spread
from benchmarks.sides import train_recipe
from benchmarks.training import per_step
from condvae.config import Config
from condvae.data.dataset import Dataset
from condvae.data.sources import load_data
from condvae.model.cvae import CVAE
from condvae.recipe import load_recipe

WIDTHS = (0.5, 1, 2, 4)
LATENTS = (2, 16, 128)
BATCHES = (50, 100, 250, 500, 1000)
SIZES = (15_000, 30_000, 60_000, 120_000)


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, segments=3, steps=60, largest=SIZES[-1])
    data, paper = load_data("mnist"), load_recipe("paper")
    configs: dict[str, Mapping[float, Config]] = {
        "width": {factor: wider(paper, factor) for factor in WIDTHS},
        "latent": {z: replace(paper, model=replace(paper.model, latent=z)) for z in LATENTS},
        "batch": {size: replace(paper, training=replace(paper.training, batch_size=size)) for size in BATCHES},
    }
    titles = {"width": "times the width of `paper`", "latent": "latent dimensions", "batch": "images in a batch"}
    tables, measured = {}, {}
    for name, several in configs.items():
        sides: dict[str, Callable[[], float]] = {}
        for value, config in several.items():
            sides[f"{value}"] = partial(per_step, train_recipe, config, data, steps=options.steps)
            layers = linear_layers(CVAE(config.model, data.train.schema))
            floor = Floor(layers, config.training.batch_size)
            sides[f"{value} floor"] = partial(seconds_each, floor.step, options.steps)
        measured[name] = in_turn(sides, options.segments)
        tables[titles[name].capitalize()] = [
            {
                titles[name]: value,
                "parameters": f"{CVAE(config.model, data.train.schema).parameter_count:,}",
                "ms per step": milli(measured[name][f"{value}"]),
                "floor, ms": milli(measured[name][f"{value} floor"]),
                "microseconds per image": milli(measured[name][f"{value}"], 1000 / config.training.batch_size),
            }
            for value, config in several.items()
        ]
    sizes = [size for size in SIZES if size <= options.largest]
    measured["images"] = in_turn(
        {str(size): partial(epoch, paper, first(data, size)) for size in sizes}, min(options.segments, 2)
    )
    tables["Training images"] = [
        {
            "training images": f"{size:,}",
            "seconds per epoch": spread(measured["images"][str(size)]),
            "microseconds per image": spread([1e6 * value / size for value in measured["images"][str(size)]]),
        }
        for size in sizes
    ]
    result = publish("scaling", options.out, tables, seconds=measured)
    draw(measured, configs, options.out / "scaling.png")
    return result


def wider(config: Config, factor: float) -> Config:
    """A recipe with hidden layers that are `factor` times as wide."""
    encoder, decoder = (
        tuple(int(factor * width) for width in side) for side in (config.model.encoder, config.model.decoder)
    )
    return replace(config, model=replace(config.model, encoder=encoder, decoder=decoder))


def first(data: Dataset, size: int) -> Dataset:
    """A data set with `size` training images, which are repeated if there are not enough."""
    chosen = np.arange(size) % len(data.train)
    return replace(data, train=data.train.take(chosen))


def epoch(config: Config, data: Dataset) -> float:
    """Seconds of one epoch."""
    train_recipe(config, data, max_epochs=1, limit_val_batches=0)
    return Clock.whole


def milli(seconds: Sequence[float], factor: float = 1) -> str:
    """Seconds times `factor` as milliseconds: median, minimum and maximum."""
    return str(spread([1000 * factor * value for value in seconds]))


def draw(measured: Mapping[str, Any], configs: Mapping[str, Mapping[float, Config]], path: Path) -> None:
    """Draw the curves of the tables, with their floors."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 4, figsize=(13, 3.2), layout="constrained")
    labels = {"width": "width, times that of paper", "latent": "latent dimensions", "batch": "images in a batch"}
    for axis, (name, several) in zip(axes, configs.items(), strict=False):
        for end, label in (("", "condvae"), (" floor", "matrix products")):
            medians = [1000 * spread(measured[name][f"{value}{end}"]).median for value in several]
            axis.plot(list(several), medians, marker="o", label=label)
        axis.set(xlabel=labels[name], ylabel="ms per step", xlim=0, ylim=0)
        axis.legend(frameon=False)
    sizes = [int(size) for size in measured["images"]]
    axes[3].plot(
        [size / 1000 for size in sizes], [spread(values).median for values in measured["images"].values()], marker="o"
    )
    axes[3].set(xlabel="thousand training images", ylabel="seconds per epoch", xlim=0, ylim=0)
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main(sys.argv[1:])
