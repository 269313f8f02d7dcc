"""How good the images are that a model draws: do they obey their label, do they look real, are they as diverse."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from condvae.config import SOURCES
from condvae.evaluation.distances import NEIGHBOURS, frechet_distance, kernel_distance, neighbourhood
from condvae.evaluation.judge import Judge
from condvae.evaluation.measurement import Measurement, measure
from condvae.evaluation.study import Study
from condvae.images import unit
from condvae.inference.batched import decode
from condvae.seeds import seeded

REAL, DRAWN = 3, 4  # seeds of the pixels of real images that are binarised, and of samples


FEWEST = 10  # test images for which distances between distributions mean anything


PROPORTIONS = "labels in the proportions of the test images"


@dataclass(frozen=True)
class Generation:
    """Images drawn with z from one source, as decoder means or as samples.

    Attributes:
        source: where z is from: prior, or mixture (the ex-post density of the codes).
        mode: mean or sample, of p(x|z,y).
        conditions: given; or none: of a model without any, or with the null condition of one trained to do without.
        accuracy: share of images that the judge takes for their label; None where no label was given.
        frechet: Frechet distance to the test images, in the judge's features; of images with the labels in the
            proportions of the test images, as all that follows.
        frechet_floor: the same of as many training images.
        kernel: kernel distance, likewise.
        kernel_floor: the same of as many training images.
        precision: share of images drawn that lie among real ones.
        recall: share of real images that lie among those drawn.
        density: how thickly real images lie around those drawn; 1 for real ones.
        coverage: share of real images with one drawn near.
    """

    source: str
    mode: str
    conditions: str
    accuracy: Measurement | None = field(metadata={"title": "conditional accuracy"})
    frechet: Measurement = field(metadata={"title": "Frechet distance"})
    frechet_floor: Measurement = field(metadata={"title": "Frechet distance, real against real"})
    kernel: Measurement = field(metadata={"title": "kernel distance"})
    kernel_floor: Measurement = field(metadata={"title": "kernel distance, real against real"})
    precision: Measurement = field(metadata={"title": "precision"})
    recall: Measurement = field(metadata={"title": "recall"})
    density: Measurement = field(metadata={"title": "density"})
    coverage: Measurement = field(metadata={"title": "coverage"})


class _Real(NamedTuple):
    """The test images in the eyes of the judge, and how far as many training images are from them."""

    features: Tensor
    frechet: Measurement
    kernel: Measurement
    ending: str


def measure_generation(study: Study, judge: Judge) -> tuple[Generation, ...]:
    """Draw images of every label, in every way there is, and compare them with the test images."""
    grey = _real(study, judge, binary=False)
    real = {"mean": grey, "sample": _real(study, judge, binary=True) if study.model.likelihood.binary else grey}
    return tuple(_compared(study, judge, case, real[case[1]]) for case in _cases(study))


def _cases(study: Study) -> Iterator[tuple[str, str, str]]:
    """Source, mode and conditions of each set of images to draw."""
    conditions = study.model.conditions
    usual = "given" if conditions.variables else "none"
    for source in SOURCES:
        yield from ((source, mode, usual) for mode in study.modes)
    if conditions.optional:
        yield "prior", "mean", "none"


def _real(study: Study, judge: Judge, binary: bool) -> _Real:
    test = study.observed if binary else unit(torch.from_numpy(study.data.test.images))
    labels = study.sample_labels[study.proportioned]
    others = unit(torch.from_numpy(study.data.train.images[study.examples(labels).numpy()]))
    if binary:
        with seeded(REAL):
            others = study.model.observe(others)
    ending = ", judge's features, against the test images" + (", all binarised" if binary else "")
    what = f"{len(labels):,} training images, from which the judge has learned"
    how = f"{what}, {PROPORTIONS}, none twice where there are enough{ending}"
    features, floor = judge.embed(test), judge.embed(others)
    return _Real(features, frechet_distance(features, floor, how), kernel_distance(features, floor, how), ending)


def _compared(study: Study, judge: Judge, case: tuple[str, str, str], real: _Real) -> Generation:
    source, mode, conditions = case
    given = conditions == "given"
    labels, chosen = study.sample_labels, study.proportioned
    rows = study.rows(labels) if given else study.null_rows(len(labels))
    z = study.draw(rows, 0, source)
    with seeded(DRAWN):
        features = judge.embed(decode(study.model, z, rows, sample=mode == "sample"))
    manner = f", z from the {study.origin(source)}, {study.manner(mode)}"
    accuracy = None
    if study.model.conditions.classes and given:
        correct = (judge.classify(features) == labels).float()
        accuracy = measure(correct, f"share judged to be the label, {study.sample_size}{manner}")
    features = features[chosen]
    what = f"{len(chosen):,} images, {PROPORTIONS if given else 'without a condition'}{manner}"
    found = neighbourhood(real.features, features)._asdict().items()
    how = f"{NEIGHBOURS} nearest neighbours, {what}{real.ending}; error with the other set as given"
    near: dict[str, Any] = {name: measure(values, how) for name, values in found}
    return Generation(
        *case,
        accuracy=accuracy,
        frechet=frechet_distance(real.features, features, what + real.ending),
        frechet_floor=real.frechet,
        kernel=kernel_distance(real.features, features, what + real.ending),
        kernel_floor=real.kernel,
        **near,
    )
