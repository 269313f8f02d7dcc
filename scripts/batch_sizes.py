"""Which batch sizes the recipes bear: python -m scripts.batch_sizes [NAME ...] [--address ADDRESS]

Each trial adds up the gradients of several batches of the recipe before it takes a step. The learning rate grows with
the square root of the batch, or stays. All is measured on held-out training images. The results are kept in
docs/quality/batch-sizes.json, and the table in docs/scaling.md is written.
"""

import json
import sys
from pathlib import Path
from typing import Any

from condvae.config import Config
from condvae.recipe import load_recipe, with_settings
from condvae.run import Run
from condvae.storage.files import write_text
from scripts.quality_cells import table
from scripts.sweeps import arguments, trained

RUNS, RESULTS, PAGE = Path("runs/batch-sizes"), Path("docs/quality/batch-sizes.json"), Path("docs/scaling.md")
HELD_OUT = 5000
EPOCHS = {"paper": 10, "conv": 3}
BATCHES = {"paper": (1, 5, 20, 80), "conv": (1, 4, 16, 32)}  # of the recipe, in one step
RATES = ("training.learning_rate", "training.muon_learning_rate")
BEGIN, END = "<!-- batch sizes -->\n", "<!-- end of batch sizes -->\n"


def main(argv: list[str]) -> None:
    """Measure what is missing, and write the table."""
    options = arguments(__doc__, argv)
    for recipe in options.names or EPOCHS:
        names = {name: config for name, config in configs(recipe).items() if name not in results()}
        runs = trained(names, 1, RUNS, address=options.address) if names else {}
        for (name, _), run in runs.items():
            write_text(RESULTS, json.dumps({**results(), name: measured(run)}, indent=1) + "\n")
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    write_text(PAGE, f"{before}{BEGIN}\n{chr(10).join(page())}\n\n{END}{rest.partition(END)[2]}")
    print(f"Written: {PAGE}")


def configs(recipe: str) -> dict[str, Config]:
    """The settings of all trials of a recipe."""
    found = {}
    for batches in BATCHES[recipe]:
        for is_scaled in (False, True)[: 1 + (batches > 1)]:
            config = load_recipe(recipe)
            changed: dict[str, Any] = {
                "data.validation_split": HELD_OUT,
                "trainer.max_epochs": EPOCHS[recipe],
                "trainer.accumulate_grad_batches": batches,
            }
            if is_scaled:
                changed |= {rate: getattr(config.training, rate.partition(".")[2]) * batches**0.5 for rate in RATES}
            name = f"{recipe}-{batches * config.training.batch_size}-{'root' if is_scaled else 'same'}"
            found[name] = with_settings(config, changed)
    return found


def measured(run: Run) -> dict[str, float]:
    """The held-out figures of the last epoch, and the number of steps."""
    last = {name: value for row in run.history() for name, value in row.items() if name in ("val_mse", "val_bound")}
    return {**last, "steps": run.describe()["record"]["steps"]}


def results() -> dict[str, Any]:
    return json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {}


def page() -> list[str]:
    """The lines of the table."""
    rows = []
    for name, one in results().items():
        recipe, images, rate = name.split("-")
        has_bound = load_recipe(recipe).training.beta > 0
        bound = f"{-one['val_bound']:.2f}" if has_bound else "-"
        how = {"same": "as in the recipe", "root": "times the root of the factor"}[rate]
        rows.append([f"`{recipe}`", f"{int(images):,}", how, f"{one['steps']:,}", f"{one['val_mse']:.4g}", bound])
    return table(["recipe", "images in a step", "learning rate", "steps", "squared error", "bound, nats"], rows)


if __name__ == "__main__":
    main(sys.argv[1:])
