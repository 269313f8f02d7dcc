"""Compare settings of recipes on held-out training images: python -m scripts.choose [NAME ...]

No test image is used. It writes docs/choices.md. The trials are sweeps, on this machine or on the cluster whose address
is given as --address. Results are kept in docs/quality/choices.json, and an interrupted call continues with what is
there.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch

from condvae.config import Config
from condvae.data.dataset import Dataset
from condvae.evaluation.distances import frechet_distance
from condvae.evaluation.drawn import GIVEN, Way, drawn
from condvae.evaluation.features import JUDGED, embeddings
from condvae.evaluation.importance import log_likelihood
from condvae.evaluation.parts.styles import style_agreement
from condvae.evaluation.protocol import proportioned
from condvae.evaluation.study import Study, unit_batches
from condvae.recipe import with_settings
from condvae.seeds import seeded
from condvae.storage.files import write_text
from condvae.training.styles import SHARED
from scripts.choose_criteria import Trial, least_error, most_probable, nearest, shared, shared_at_least_error
from scripts.quality import settings as settings_of
from scripts.quality_cells import over_seeds, table
from scripts.sweeps import arguments, trained

RUNS, RESULTS, PAGE = Path("runs/choices"), Path("docs/quality/choices.json"), Path("docs/choices.md")
HELD_OUT = 5000
IMAGES, SAMPLES = 2000, 50  # held-out images, and importance samples for each
FIGURES = ("mse", "nll", "frechet", *SHARED)


class Comparison(NamedTuple):
    """Settings that are compared for one recipe.

    Attributes:
        name: of the recipe, as in scripts/quality.py.
        epochs: of each trial.
        seeds: how many.
        criterion: how the choice is made.
        trials: the changed settings, by dotted names. The recipe has those of one of them.
    """

    name: str
    epochs: int
    seeds: int
    criterion: Callable[[list[Trial]], int]
    trials: tuple[Mapping[str, Any], ...]


def weights(*values: float) -> tuple[Mapping[str, Any], ...]:
    return tuple({"training.shared_style": value} for value in values)


ALONE = {"training.shared_style": 0.0}
MUON, ADAM = {"training.optimizer": "muon", **ALONE}, {"training.optimizer": "adam", **ALONE}
COMPARISONS = (
    Comparison("fast", 2, 3, least_error, (
        MUON, ADAM, *({**MUON, name: value} for name, value in (
            ("training.muon_learning_rate", 0.05), ("training.muon_learning_rate", 0.2),
            ("training.learning_rate", 3e-3), ("training.learning_rate", 1.5e-2), ("training.start_at_mean", False),
            ("training.adam_betas", [0.9, 0.999]),
        )),
    )),
    Comparison("fast", 2, 3, shared_at_least_error, weights(0.0, 1e-4, 3e-4, 1e-3)),
    Comparison("plane", 3, 1, shared, weights(0.0, 0.3, 1.0, 3.0)),
    Comparison("plane-gaussian", 3, 1, shared, weights(0.0, 1.0, 3.0)),
    Comparison("conv", 3, 1, shared, weights(0.0, 0.3, 1.0)),
    Comparison("attributes", 3, 1, shared, weights(0.0, 0.3, 1.0)),
    Comparison("attributes", 3, 1, nearest, tuple(
        {"training.shared_style": 0.3, "training.beta": beta} for beta in (1.0, 0.8, 0.6)
    )),
    Comparison("conv", 3, 2, nearest, (
        *({**MUON, "training.beta": beta} for beta in (1.0, 0.8, 0.6)),
        *({**ADAM, "training.beta": beta} for beta in (1.0, 0.8)),
    )),
    Comparison("best", 3, 1, most_probable, (
        *({**MUON, "training.beta": beta} for beta in (1.0, 0.8)), {**ADAM, "training.beta": 1.0},
    )),
)  # fmt: skip


class HeldOut(Study):
    """A run whose held-out training images take the place of the test images."""

    @cached_property
    def data(self) -> Dataset:
        whole: Dataset = super().data
        assert whole.validation is not None  # all trials hold images out
        return replace(whole, test=whole.validation)


def main(argv: list[str]) -> None:
    """Measure what is missing, and write the page."""
    options = arguments(__doc__, argv)
    for comparison in COMPARISONS:
        if not options.names or comparison.name in options.names:
            measure(comparison, options.address)
    PAGE.write_text("\n".join(page()), "utf-8")
    print(f"Written: {PAGE}")


def changed(comparison: Comparison, trial: Mapping[str, Any], seed: int) -> Config:
    """The settings of a recipe with those of a trial."""
    fixed = {"data.validation_split": HELD_OUT, "trainer.max_epochs": comparison.epochs}
    return with_settings(settings_of(comparison.name, seed), {**fixed, **trial})


def measure(comparison: Comparison, address: str | None) -> None:
    """Train and measure the trials of which a result is missing."""
    missing = [trial for trial in comparison.trials if not measured(comparison, trial)]
    if not missing:
        return
    configs = {f"{comparison.name}-{number}": changed(comparison, trial, 0) for number, trial in enumerate(missing)}
    runs = trained(configs, comparison.seeds, RUNS, address=address)
    known = [one["config"] for one in results()]
    for run in runs.values():
        config = run.config().to_dict()
        if config not in known:
            found = {"config": config, **figures(HeldOut(run))}
            write_text(RESULTS, json.dumps([*results(), found], indent=1) + "\n")


def figures(study: Study) -> dict[str, float]:
    """What the criteria need, on held-out images."""
    judge, model = study.judge, study.model
    assert judge is not None  # MNIST has several classes
    embed = embeddings(judge, 1)[JUDGED]
    real = torch.cat([embed(batch) for batch in unit_batches(study.data.test)])
    images = drawn(study, Way("prior", "mean", GIVEN)).features[JUDGED][proportioned(study)]
    distance = frechet_distance(real, images, "")
    assert distance is not None  # there are many images
    found = {"frechet": distance.value}
    found["mse"] = next(row["val_mse"] for row in reversed(study.run.history()) if "val_mse" in row)
    if model.has_bound:
        with seeded(0):
            estimates = log_likelihood(model, study.observed[:IMAGES], study.test_rows[:IMAGES], SAMPLES)
        found["nll"] = -estimates.whole.mean().item()
    return found | {one.style: one.correlation.value for one in style_agreement(study)}


def results() -> list[dict[str, Any]]:
    return json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else []


def chosen(comparison: Comparison) -> int | None:
    """The number of the trial that the criterion chooses. None if not all of them are measured."""
    found = [own for own in (measured(comparison, trial) for trial in comparison.trials) if own]
    return comparison.criterion(found) if len(found) == len(comparison.trials) else None


def measured(comparison: Comparison, trial: Mapping[str, Any]) -> Trial:
    """The figures of a trial, a list of one value for each seed. Empty if a seed is not measured."""
    wanted = [changed(comparison, trial, seed).to_dict() for seed in range(comparison.seeds)]
    own = [one for one in results() if one["config"] in wanted]
    if len(own) < comparison.seeds:
        return {}
    return {key: values for key in FIGURES if (values := [one[key] for one in own if key in one])}


def page() -> list[str]:
    """The lines of the page."""
    lines = ["# How the settings of the recipes were chosen", "", INTRODUCTION]
    for comparison in COMPARISONS:
        rows, best = [], chosen(comparison)
        for number, trial in enumerate(comparison.trials):
            found = measured(comparison, trial)
            if found:
                text = ", ".join(f"`{name.partition('.')[2]}: {value}`" for name, value in trial.items())
                cells = [spread(found.get(key, [])) for key in FIGURES]
                rows.append([text, *cells, "yes" if number == best else ""])
        seeds = f"{comparison.seeds} seed{'s' if comparison.seeds > 1 else ''}"
        lines += ["", f"## `{comparison.name}`: {comparison.criterion.__doc__}", ""]
        lines += [f"{comparison.epochs} epochs, {seeds}." + ("" if best is not None else " Not all are measured yet.")]
        lines += ["", *table(["settings", *TITLES, "chosen"], rows)]
    return [*lines, ""]


def spread(values: list[float]) -> str:
    """The mean of the seeds ± their standard deviation."""
    return over_seeds(values) if values else "-"


TITLES = ("squared error", "-log p(x\\|y)", "Frechet distance", *(f"{name} shared" for name in SHARED))
INTRODUCTION = f"""This page is written by `python -m scripts.choose`. Each trial is trained on the training images
without {HELD_OUT:,} of them, and measured on those {HELD_OUT:,}. No test image is used. Trials have fewer epochs than
the recipe, except for `fast`. The recipes have the settings that the criterion in each heading chooses, and a test
compares them. `attributes` has the optimizer of `conv`. The judge, whose features the Frechet distance uses, was
trained on the held-out images, too. That makes no difference between trials.

-log p(x|y) is by {SAMPLES} importance samples for {IMAGES:,} images. The Frechet distance is of decoder means with z
from the prior. A style is shared if it correlates between labels at the same z. A cell has the mean over seeds ± the
standard deviation over seeds."""


if __name__ == "__main__":
    main(sys.argv[1:])
