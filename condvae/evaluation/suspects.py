"""How improbable the label of each training image is, judged by models that were not trained on that image."""

import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, fields, replace
from math import log
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condvae.config import Config
from condvae.data.labelled import LabelledImages
from condvae.data.split import TEST, split
from condvae.errors import DataError
from condvae.evaluation.study import Study
from condvae.images import unit
from condvae.inference.batched import CHUNK, evaluating
from condvae.model.cvae import CVAE
from condvae.progress import announce, progress
from condvae.seeds import seeded

FOLDS = 2  # each model is trained on one half of the images and judges the other half
SAMPLES = 16  # importance samples of z for each label, if one sample makes the label of an image doubtful
AT_ONCE = CHUNK // SAMPLES  # images that are judged with so many samples together
DOUBTFUL = 0.5  # probability of an image's own label below which it is
TRAINED, JUDGED = 31, 32  # distinguish the seeds of training and of samples of z
Training = Callable[[Study, LabelledImages, LabelledImages], CVAE]
COUNTS = ("limit_train_batches", "max_steps")  # options of the Trainer that count batches or steps


@dataclass(frozen=True)
class Judgement:
    """What a model finds of images that it was not trained on, a value for each of N images.

    Attributes:
        log_own: log p(y|x) of the image's own label, float32. NaN if the model has seen no image of that label.
        likely: the most probable label, int64.
        log_p: log p(x), summed over all labels, float32, in the unit of the likelihood (nats).
        error: squared error of the reconstruction under the most probable label, summed over pixels, float32.
    """

    log_own: Tensor
    likely: Tensor
    log_p: Tensor
    error: Tensor


def cross_fitted(study: Study, train: Training | None = None) -> Judgement:
    """Judge all training images of the data source, those held out for validation too.

    The images are divided into two halves, class by class. Duplicates stay together if they are known. A model is
    trained on each half with the settings of the run and judges the other half. Together, the two trainings see as
    many images as the training of the run.

    Args:
        study: the run.
        train: how a model is trained. By default as `trained` does it.

    Raises:
        DataError: there is only one image of each class.
        TrainingError: a training failed.
    """
    data = study.whole.with_attributes(study.config.model.conditions)
    half = halves(data.train, data.source)
    positions, found = [], []
    for number in range(FOLDS):
        own, others = np.flatnonzero(half == number), np.flatnonzero(half != number)
        what = f"model {number + 1} of {FOLDS}"
        announce(f"Training {what} on {len(others):,} images, to judge {len(own):,} others")
        model = (train or trained)(study, data.train.select(others), data.train.select(own))
        counts = np.bincount(data.train.labels[others], minlength=len(data.train.classes))
        frequencies = torch.from_numpy(counts / len(others)).float()
        positions.append(torch.from_numpy(own))
        found.append(judged(model, data.train.select(own), frequencies, f"Judging with {what}"))
    order = torch.cat(positions).argsort()
    return Judgement(*(torch.cat([getattr(one, field.name) for one in found])[order] for field in fields(Judgement)))


def halves(part: LabelledImages, source: str = "The data") -> NDArray[np.int64]:
    """The half of each image, 0 or 1: int64 (N,). A class with at least two images has images in both halves.

    Args:
        part: the images.
        source: what a message calls the data.

    Raises:
        DataError: there is only one image of each class.
    """
    groups = np.arange(len(part)) if part.groups is None else part.groups
    pairs = np.unique(np.stack([part.labels, groups]), axis=1)[0]
    if np.bincount(pairs).max() < FOLDS:
        raise DataError(
            f"Labels are judged by a model that was trained on other images of the same class, and {source} has only "
            "one training image of each class. Add images."
        )
    found: NDArray[np.int64] = (split(part.labels, groups, 1 / FOLDS, 0, 0) == TEST).astype(np.int64)
    return found


def judged(model: CVAE, part: LabelledImages, frequencies: Tensor, what: str = "Judging") -> Judgement:
    """Judge images with a model: p(y|x) is proportional to p(x|y) p(y).

    log p(x|y) is a lower bound: of one sample of z, and for images whose own label is then less probable than DOUBTFUL
    of SAMPLES importance samples (Burda et al., https://arxiv.org/abs/1509.00519), because these images come first.
    Grey images are not binarised: for a likelihood of binarised images, log p(x|z,y) is the mean over binarisations.
    Conditions other than the label are those of the image.

    Args:
        model: a trained model.
        part: the images.
        frequencies: p(y), (classes,). 0 for a label of which the model has seen no image.
        what: the name of the work, for its progress.
    """
    device, seen = model.device, frequencies > 0
    found: list[tuple[Tensor, ...]] = []
    with evaluating(model), seeded(JUDGED), progress(what, len(part)) as advance:
        for batch in part.batches(CHUNK):
            x = unit(torch.from_numpy(batch.pixels()).to(device))
            rows = torch.from_numpy(batch.rows(model.config.conditions)).to(device)
            labels = torch.from_numpy(batch.labels)
            table = _log_joint(model, x, rows, frequencies, 1)
            doubtful = (_log_own(table, labels) < log(DOUBTFUL)).nonzero()[:, 0]
            for start in range(0, len(doubtful), AT_ONCE):
                some = doubtful[start : start + AT_ONCE]
                given = x[some.to(device)], rows[some.to(device)]
                table[some] = _log_joint(model, *given, frequencies, SAMPLES)
            likely = table.argmax(1)
            own = _log_own(table, labels).masked_fill(~seen[labels], torch.nan)
            found.append((own, likely, table.logsumexp(1), _error(model, x, rows, likely)))
            advance(len(batch))
    return Judgement(*(torch.cat(column) for column in zip(*found, strict=True)))


def _log_own(table: Tensor, labels: Tensor) -> Tensor:
    """log p(y|x) of the labels (B,), from log p(x|y) + log p(y) of all labels (B, classes)."""
    return table.log_softmax(1).gather(1, labels[:, None])[:, 0]


def _log_joint(model: CVAE, x: Tensor, rows: Tensor, frequencies: Tensor, samples: int) -> Tensor:
    """log p(x|y) + log p(y) for every label: (B, classes), on the CPU."""
    table = torch.full((len(x), len(frequencies)), -torch.inf)
    for label in frequencies.nonzero()[:, 0].tolist():
        bound = model.elbo(x, _with_label(rows, label), samples=samples).value
        table[:, label] = bound.cpu() + frequencies[label].log()
    return table


def _error(model: CVAE, x: Tensor, rows: Tensor, labels: Tensor) -> Tensor:
    given = _with_label(rows, labels.to(rows))
    mean = model.decode(model.encode(x, given).mean, given).mean
    return (mean - x).square().flatten(1).sum(1).cpu()


def _with_label(rows: Tensor, label: Tensor | int) -> Tensor:
    changed = rows.clone()
    changed[:, 0] = label
    return changed


def trained(study: Study, seen: LabelledImages, other: LabelledImages) -> CVAE:
    """A new model with the settings of the run, on the device of the run's model.

    Args:
        study: the run.
        seen: the images to train on. Images without a label are those of the run's data.
        other: the images to judge, with the same conditions. They are not used.
    """
    from condvae.training.fit import fit  # needs the extra [train]

    data = replace(study.whole, train=seen, test=other, validation=None)
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr), seeded(TRAINED):
        model = fit(settings(study), Path(folder) / "run", data)
    return model.to(study.model.device)


def settings(study: Study) -> Config:
    """The settings of the run for a training on one half of its images: no images are held out, and nothing is kept.

    Half of the images means half of the steps, because the number of epochs is that of the run.
    """
    config = study.config
    shorter = {name: max(1, value // FOLDS) for name, value in config.trainer.items() if _counts(name, value)}
    stopped = {"max_epochs": study.description["record"]["epochs"]} if config.training.patience else {}
    unwatched = {"limit_val_batches": 0, "logger": False, "enable_checkpointing": False}
    return replace(
        config,
        data=replace(config.data, validation_split=0),
        training=replace(config.training, patience=0),
        trainer={**config.trainer, **shorter, **stopped, **unwatched, "accelerator": study.model.device.type},
    )


def _counts(name: str, value: object) -> bool:
    """Whether an option of the Trainer is a number of batches or steps. A share, such as 0.5, is none, nor is -1."""
    return name in COUNTS and isinstance(value, int) and value > 0
