"""Wrong labels and foreign images: does the part `labels` of the evaluation find them, and does cleanlab?

    python -m benchmarks.labels --images 60000 --seeds 3

Of the training images of MNIST and of Fashion-MNIST, 2% get another label at random, and 1% are replaced by images of
the other set with a random label. The sides see the same images. cleanlab (pip install -r benchmarks/labels.txt) gets
the probabilities and features of a classifier that is trained on the same halves of the images, for the same time.
Without cleanlab, its rows are left out.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.harness import arguments, publish
from condvae.config import DataConfig
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.data.sources import load_data
from condvae.evaluation.findings import FILE, read_findings, write_findings
from condvae.evaluation.judge import Judge, JudgeTraining, train_judge
from condvae.evaluation.outliers import outlier_scores, png_sizes
from condvae.evaluation.study import Study
from condvae.evaluation.suspects import cross_fitted, halves, trained
from condvae.images import unit
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.recipe import load_recipe
from condvae.run import Run

SETS = ("mnist", "fashion-mnist")
RECIPE = "conv"
CHANGED, FOREIGN = 0.02, 0.01
BYTE = 8 * np.log(2)  # nats
Scores = NDArray[np.float64]  # a larger value is more suspicious


@dataclass(frozen=True)
class Marred:
    """Images of which some have another label, and some are of another set.

    Attributes:
        data: the data set.
        changed: whether a label was changed, (N,).
        foreign: whether an image is of the other set, (N,).
    """

    data: Dataset
    changed: NDArray[np.bool_]
    foreign: NDArray[np.bool_]


@dataclass
class Side:
    """What one side finds, and the time it takes.

    Attributes:
        labels: a score of each image's label, by the name of the score.
        outliers: a score of each image, by the name of the score.
        training: seconds of training.
        judging: seconds of all other work.
    """

    labels: dict[str, Scores] = field(default_factory=dict)
    outliers: dict[str, Scores] = field(default_factory=dict)
    training: float = 0.0
    judging: float = 0.0


def marred(name: str, count: int, seed: int) -> Marred:
    """Some training images of a set, with changed labels and images of the other set among them."""
    own, other = (load_data(one).train for one in sorted(SETS, key=lambda one: one != name))
    generator, classes = np.random.default_rng(seed), len(own.classes)
    part = own.take(generator.permutation(len(own))[:count])
    order, replaced = generator.permutation(count), round(FOREIGN * count)
    foreign, changed = order[:replaced], order[replaced : replaced + round(CHANGED * count)]
    part.pixels()[foreign] = other.pixels(generator.permutation(len(other))[:replaced])
    part.labels[foreign] = generator.integers(classes, size=replaced)
    part.labels[changed] = (part.labels[changed] + generator.integers(1, classes, len(changed))) % classes
    test = own.take(slice(0, 1000))
    marks = [np.isin(np.arange(count), chosen) for chosen in (changed, foreign)]
    return Marred(Dataset(f"{name}, marred", part, test), *marks)


def condvae_side(data: Dataset, steps: int, seed: int) -> Side:
    """The part `labels` of a run of RECIPE, and what else could be made of the same figures.

    Args:
        data: the images.
        steps: steps of an epoch. 0 for all images.
        seed: seed of the trainings.
    """
    config, side = load_recipe(RECIPE), Side()
    trainer = {**config.trainer, "enable_progress_bar": False, **({"limit_train_batches": steps} if steps else {})}
    config = replace(config, data=DataConfig(), training=replace(config.training, seed=seed), trainer=trainer)

    def timed(*given: Any) -> CVAE:
        started = time.perf_counter()
        model = trained(*given)
        side.training += time.perf_counter() - started
        return model

    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))  # only its settings count, so its model is not trained
        save_model(run, CVAE(config.model, data.train.schema), config, {})
        started = time.perf_counter()
        judgement = cross_fitted(Study(run, data), timed)
        scores = outlier_scores(data.train, judgement)
        write_findings(run.path / FILE, data.train, judgement, scores)
        side.judging = time.perf_counter() - started - side.training
        rows = sorted(read_findings(run.path / FILE), key=lambda row: row.position)
    minus_log_p = -judgement.log_p.double().numpy()
    side.labels = {
        "condvae, rank": np.array([-row.rank for row in rows], np.float64),
        "condvae, p(own label) alone": -judgement.log_own.double().numpy(),
    }
    side.outliers = {
        "condvae, outlier_score": scores,
        "-log p(x) alone": minus_log_p,
        "-log p(x) minus PNG size (Serra et al.)": minus_log_p - BYTE * png_sizes(data.train),
        "distance of log p(x) from its median": np.abs(minus_log_p - np.median(minus_log_p)),
        "error of reconstruction alone": judgement.error.double().numpy(),
    }
    return side


def cleanlab_side(data: Dataset, seconds: float, seed: int) -> Side:
    """cleanlab with a classifier that is trained on each half for half of the seconds."""
    part, side = data.train, Side()
    half = halves(part)
    probabilities, near = np.zeros((len(part), len(part.classes))), np.zeros(len(part))
    outlier = import_module("cleanlab.outlier")
    for number in (0, 1):
        own, others = np.flatnonzero(half == number), np.flatnonzero(half != number)
        judge, taken = _classifier(part.select(others), seconds / 2, seed)
        side.training += taken
        started = time.perf_counter()
        features = torch.cat(
            [judge.embed(unit(torch.from_numpy(one.pixels()))) for one in part.select(own).batches(1000)]
        )
        with torch.inference_mode():
            probabilities[own] = judge.head(features).double().softmax(1)
        near[own] = -outlier.OutOfDistribution().fit_score(features=features.numpy(), verbose=False)
        side.judging += time.perf_counter() - started
    started = time.perf_counter()
    quality = import_module("cleanlab.rank").get_label_quality_scores
    side.labels = {"cleanlab, self-confidence": -quality(part.labels, probabilities, method="self_confidence")}
    by_class = outlier.OutOfDistribution().fit_score(pred_probs=probabilities, labels=part.labels, verbose=False)
    side.outliers = {"cleanlab, nearest neighbours": near, "cleanlab, entropy": -by_class}
    side.judging += time.perf_counter() - started
    return side


def _classifier(part: LabelledImages, seconds: float, seed: int) -> tuple[Judge, float]:
    """The classifier that judges generated images, trained for as many epochs as fit, and the seconds it took."""

    def train(epochs: int) -> tuple[Judge, float]:
        started = time.perf_counter()
        for _, _, judge in train_judge(part, JudgeTraining(epochs=epochs, seed=seed)):  # noqa: B007
            pass
        return judge, time.perf_counter() - started

    return train(max(2, round(seconds / train(1)[1])))


def precision(scores: Scores, wanted: NDArray[np.bool_]) -> float:
    """The share of wanted images among the first ones, as many as there are wanted images."""
    return float(wanted[np.argsort(-scores, kind="stable")[: int(wanted.sum())]].mean())


def auroc(scores: Scores, wanted: NDArray[np.bool_]) -> float:
    """The probability that a wanted image has a larger score than another one."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(wanted, scores))


def label_row(scores: Scores, images: Marred) -> dict[str, float]:
    own = ~images.foreign
    return {
        "precision, first 2%": precision(scores, images.changed),
        "AUROC": auroc(scores, images.changed),
        "precision without foreign images": precision(scores[own], images.changed[own]),
        "AUROC without foreign images": auroc(scores[own], images.changed[own]),
    }


def outlier_row(scores: Scores, images: Marred) -> dict[str, float]:
    return {"precision, first 1%": precision(scores, images.foreign), "AUROC": auroc(scores, images.foreign)}


def table(measured: dict[tuple[str, str], list[dict[str, float]]]) -> list[dict[str, str]]:
    """Rows with means over seeds, and the values of each seed in brackets if there are several."""

    def cell(name: str, values: Iterable[float]) -> str:
        shown = [f"{one:.0f}" if name.startswith("seconds") else f"{one:.4f}" for one in (mean(values), *values)]
        return f"{shown[0]} ({', '.join(shown[1:])})" if len(shown) > 2 else shown[0]

    return [
        {"data": data, "side": side, **{name: cell(name, [one[name] for one in found]) for name in found[0]}}
        for (data, side), found in measured.items()
    ]


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, images=60_000, seeds=3, first=0, steps=0)
    labels: dict[tuple[str, str], list[dict[str, float]]] = {}
    outliers: dict[tuple[str, str], list[dict[str, float]]] = {}
    has_cleanlab = find_spec("cleanlab") is not None
    if not has_cleanlab:
        print("cleanlab is not installed: pip install -r benchmarks/labels.txt", flush=True)
    for name in SETS:
        for seed in range(options.first, options.first + options.seeds):
            images = marred(name, options.images, seed)
            ours = condvae_side(images.data, options.steps, seed)
            sides = [ours, *([cleanlab_side(images.data, ours.training, seed)] if has_cleanlab else [])]
            for side in sides:
                times = {"seconds of training": side.training, "seconds of judging": side.judging}
                judgements: tuple[tuple[Any, dict[str, Scores], Callable[..., dict[str, float]]], ...] = (
                    (labels, side.labels, label_row),
                    (outliers, side.outliers, outlier_row),
                )
                for found, given, row in judgements:
                    for title, scores in given.items():
                        found.setdefault((name, title), []).append({**row(scores, images), **times})
                        print(f"{name}, seed {seed}, {title}: {found[name, title][-1]}", flush=True)
    tables = {
        f"Changed labels (2%) among {options.images:,} images": table(labels),
        f"Images of the other set (1%) among {options.images:,} images": table(outliers),
    }
    keyed = [{"data": data, "side": side, "seeds": rows} for (data, side), rows in (labels | outliers).items()]
    return publish("labels", options.out, tables, seeds=keyed, recipe=RECIPE)


if __name__ == "__main__":
    main(sys.argv[1:])
