"""Does a classifier of a long-tailed data set become better with generated images?

    python -m benchmarks.augmentation --data fashion-mnist --minutes 10

The classes of a balanced data set are cut to an exponential profile, a model is trained on what is left, and the part
`augmentation` of the evaluation is measured on all test images. The tables have all of its columns. With --imbalance 0
the data is taken as it is.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import publish
from condvae.config import Config
from condvae.data.dataset import Dataset
from condvae.data.sources import load_data
from condvae.evaluation.evaluate import evaluate
from condvae.evaluation.measurement import Measurement
from condvae.evaluation.parts.augmentation import Augmentation
from condvae.evaluation.protocol import Protocol
from condvae.evaluation.study import Study
from condvae.plain import plain
from condvae.recipe import load_recipe
from condvae.training.auto import RECIPE, STEPS, auto
from condvae.training.fit import fit


def long_tailed(data: Dataset, largest: int = 5000, imbalance: float = 100, seed: int = 0) -> Dataset:
    """The same data with training images in an exponential profile. The test images stay as they are.

    Class i of K keeps `largest * imbalance ** (-i / (K - 1))` images, which are drawn at random, so that the first
    class has `imbalance` times as many as the last. Cao et al., "Learning Imbalanced Datasets with Label-Distribution-
    Aware Margin Loss", https://arxiv.org/abs/1906.07413

    Raises:
        ValueError: a class has too few images.
    """
    generator, labels, classes = np.random.default_rng(seed), data.train.labels, data.train.classes
    kept = []
    for label, name in enumerate(classes):
        own = np.flatnonzero(labels == label)
        count = max(1, round(largest * imbalance ** (-label / max(1, len(classes) - 1))))
        if count > len(own):
            raise ValueError(f"The class '{name}' of {data.source} has {len(own)} training images, and not {count}.")
        kept.append(generator.permutation(own)[:count])
    train = data.train.select(np.sort(np.concatenate(kept)))
    return Dataset(f"{data.source}-long-tailed", train, data.test)


def trained(data: Dataset, options: Namespace, seed: int, path: Path) -> Study:
    """A model of the data by the recipe of the command line."""
    config: Config = load_recipe(options.recipe)
    if options.recipe == RECIPE:
        config, sentences = auto(data, config, {STEPS} if options.minutes else set())
        print("\n".join(sentences), flush=True)
    config = replace(config, training=replace(config.training, seed=seed))
    fit(config, path, data, minutes=options.minutes or None)
    return Study(path, data)


def table(found: Augmentation) -> list[dict[str, Any]]:
    """All columns of the part, one in a row: percent, with standard errors over seeds and test images."""
    gains = {gain.words: gain for gain in found.gains}
    rows = []
    for column in found.columns.values():
        gain = gains.get(column.words)
        low, high = (f"{100 * bound:+.2f}" for bound in gain.interval) if gain else ("", "")
        rows.append(
            {
                "trained on": column.words,
                "balanced accuracy": _percent(column.balanced),
                "rare classes": _percent(column.rare),
                "other classes": _percent(column.others),
                "balanced accuracy, against as they are": _percent(column.difference, "+"),
                "against the best without generated images": _percent(gain.difference if gain else None, "+"),
                "its interval": f"{low} to {high}" if gain else "",
            }
        )
    return rows


def recalls(found: Augmentation) -> list[dict[str, Any]]:
    """The recall of each class, with the number of its training images."""
    return [
        {
            "trained on": column.words,
            **{
                f"{name} ({count:,})": f"{100 * recall.value:.1f}" if recall else ""
                for name, count, recall in zip(found.classes, found.train_images, column.recalls, strict=True)
            },
        }
        for column in found.columns.values()
    ]


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = _options(argv)
    tables: dict[str, list[dict[str, Any]]] = {}
    measured: dict[str, Any] = {}
    source = replace(load_data(options.data), source=options.data)  # without the path of this machine
    for seed in range(options.models):
        data = long_tailed(source, options.largest, options.imbalance, seed) if options.imbalance else source
        path = options.out / f"augmentation-{data.source.replace(':', '-').replace('/', '-')}-{seed}"
        study = trained(data, options, seed, path)
        protocol = Protocol(
            prior=options.prior,
            classifier_seeds=options.seeds,
            classifier_steps=options.steps,
            flips=options.flips,
        )
        found = evaluate(study, ["augmentation"], protocol)["augmentation"]
        title = f"{data.source}, model {seed}"
        tables |= {title: table(found), f"{title}, recall of each class (training images)": recalls(found)}
        measured[title] = {"verdict": found.verdict, "config": study.description["config"], **plain(found)}
        print(found.verdict, flush=True)
    return publish("augmentation", options.out, tables, **measured)


def _percent(figure: Measurement | None, sign: str = "") -> str:
    return f"{100 * figure.value:{sign}.2f} ± {100 * figure.error:.2f}" if figure else ""


def _options(argv: Sequence[str] | None) -> Namespace:
    usual = Protocol()
    parser = ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"), help="folder (default: %(default)s)")
    parser.add_argument("--data", default="mnist", help="data source (default: %(default)s)")
    parser.add_argument("--recipe", default=RECIPE, help="a recipe, or a YAML file (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training, or 0 (default: %(default)s)")
    parser.add_argument("--models", type=int, default=1, help="number of models (default: %(default)s)")
    parser.add_argument("--largest", type=int, default=5000, help="images of the largest class (default: %(default)s)")
    parser.add_argument("--imbalance", type=float, default=100.0, help="largest / smallest (default: %(default)s)")
    parser.add_argument("--prior", default=usual.filling_prior, help="where z is drawn from (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=usual.classifier_seeds, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=usual.classifier_steps, help="default: %(default)s")
    parser.add_argument("--flips", action="store_true", help="mirror images in the classical augmentation")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main(sys.argv[1:])
