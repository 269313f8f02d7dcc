"""Training time and test error of the plain experiment, recipe `paper` and recipe `fast`, with several seeds.

The test MSE is measured at the end of each training, which the recipe fixes beforehand. No test image is used before.
The time is measured from the start of the first step to the end of the last step.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from statistics import mean, stdev
from typing import Any

from benchmarks.clock import Clock
from benchmarks.harness import Tables, arguments, publish, ratio, spread, watched
from benchmarks.sides import plain_error, recipe_error, train_plain, train_recipe
from condvae.data.dataset import Dataset
from condvae.data.sources import load_data
from condvae.recipe import load_recipe

UNSEEN = {"limit_val_batches": 0}


def trained(recipe: str, data: Dataset, seed: int, **options: Any) -> tuple[float, float]:
    """Test MSE and seconds of training of a recipe."""
    error = recipe_error(train_recipe(load_recipe(recipe), data, seed, **UNSEEN, **options), data)
    return error, Clock.whole


def trained_plain(data: Dataset, seed: int, **options: Any) -> tuple[float, float]:
    """Test MSE and seconds of training of the plain experiment."""
    error = plain_error(train_plain(data, seed, **{"max_epochs": 10, **options}), data)
    return error, Clock.whole


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, seeds=3, batches=0)
    data = load_data("mnist")
    cut = {"limit_train_batches": options.batches} if options.batches else {}
    sides: dict[str, Callable[[int], tuple[float, float]]] = {
        "plain": lambda seed: trained_plain(data, seed, **cut),
        "paper": lambda seed: trained("paper", data, seed, **cut),
        "fast": lambda seed: trained("fast", data, seed, **cut),
    }
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for seed in range(options.seeds):
        for name, side in sides.items():
            measured[name].append(side(seed))
            print(
                f"seed {seed}, {name}: test MSE {measured[name][-1][0]:.5f}, {measured[name][-1][1]:.2f} s", flush=True
            )
    errors = {name: [error for error, _ in values] for name, values in measured.items()}
    seconds = {name: [time for _, time in values] for name, values in measured.items()}
    rows = [
        {
            "side": name,
            "test MSE": f"{mean(errors[name]):.5f} ± {stdev(errors[name]) if options.seeds > 1 else 0:.5f}",
            "each seed": ", ".join(f"{error:.5f}" for error in errors[name]),
            "seconds": spread(seconds[name]),
            "plain / side": ratio(seconds["plain"], seconds[name]),
        }
        for name in sides
    ]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "condvae", "train", "--recipe", "fast", "--out", f"{folder}/run"]
        usage = watched(command)
    tables: Tables = {
        f"Training on MNIST, {options.seeds} seeds": rows,
        "condvae train --recipe fast, whole process": [usage.row()],
    }
    return publish("quality", options.out, tables, errors=errors, seconds=seconds, process=usage)


if __name__ == "__main__":
    main(sys.argv[1:])
