"""Generated images compared with real ones: whether they have their label, look real, and are as diverse as these."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from condvae.config import Z_PRIORS
from condvae.evaluation.distances import NEIGHBOURS, frechet_distance, kernel_distance, neighbourhood
from condvae.evaluation.judge import Judge
from condvae.evaluation.measurement import Measurement, measure
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import (
    Protocol,
    drawing,
    examples,
    modes,
    null_rows,
    proportioned,
    sample_labels,
    sample_rows,
    sample_size,
)
from condvae.evaluation.study import BATCH, Study, unit_batches, unit_images
from condvae.inference.batched import MODEL_PRIOR, decode
from condvae.progress import progress
from condvae.seeds import seeded

REAL, DRAWN = 3, 4  # distinguish the seeds of binarised real images and of samples
MIN_IMAGES = 10  # distances between distributions of fewer test images say nothing
PROPORTIONS = "with the labels in the proportions of the test images"
GIVEN, NONE = "given", "none"


@dataclass(frozen=True)
class Realism(Section):
    """Images drawn in one way, compared with the test images in the features of the judge.

    All figures except the accuracy are of images with the labels in the proportions of the test images.

    Attributes:
        prior: where z is drawn from, "prior" or "mixture".
        mode: the "mean" of p(x|z,y), or a "sample" of it.
        conditions: "given", or "none" if no condition is given.
        accuracy: share of images that the judge classifies as their label. None if no label is given.
        frechet: Frechet distance to the test images.
        frechet_floor: Frechet distance of the same number of training images to the test images.
        kernel: kernel distance to the test images.
        kernel_floor: kernel distance of the same number of training images to the test images.
        precision: share of generated images within the 5-neighbour ball of a real image.
        recall: share of real images within the 5-neighbour ball of a generated image.
        density: how densely real images lie around generated ones. It is about 1 for real images.
        coverage: share of real images with a generated image nearby.
    """

    prior: str
    mode: str
    conditions: str
    accuracy: Measurement | None = field(metadata={"title": "conditional accuracy"})
    frechet: Measurement = field(metadata={"title": "Frechet distance"})
    frechet_floor: Measurement = field(metadata={"title": "Frechet distance, training images"})
    kernel: Measurement = field(metadata={"title": "kernel distance"})
    kernel_floor: Measurement = field(metadata={"title": "kernel distance, training images"})
    precision: Measurement = field(metadata={"title": "precision"})
    recall: Measurement = field(metadata={"title": "recall"})
    density: Measurement = field(metadata={"title": "density"})
    coverage: Measurement = field(metadata={"title": "coverage"})

    @property
    def heading(self) -> str:
        end = ", no conditions" if self.conditions == NONE else ""
        return f"z from the {self.prior}, decoder {self.mode}{end}"


class _Case(NamedTuple):
    """One way to draw images, by the fields of Realism."""

    prior: str
    mode: str
    conditions: str


class _Real(NamedTuple):
    """Features of the test images, and the distances of training images to them."""

    features: Tensor
    frechet: Measurement
    kernel: Measurement
    compared: str


def measure_realism(study: Study, _: Protocol) -> tuple[Realism, ...]:
    """Draw images of every label in every way, and compare them with the test images."""
    judge, cases, found = study.judge, _cases(study), []
    assert judge is not None  # the part does not apply without one
    grey = _real(study, judge, binary=False)
    real = {"mean": grey, "sample": _real(study, judge, binary=True) if study.model.likelihood.binary else grey}
    with progress("Comparing with test images", len(cases), "sets of images") as advance:
        for case in cases:
            found.append(_compared(study, judge, case, real[case.mode]))
            advance(1)
    return tuple(found)


def _cases(study: Study) -> list[_Case]:
    conditions = study.model.conditions
    usual = GIVEN if conditions.variables else NONE
    cases = [_Case(prior, mode, usual) for prior in Z_PRIORS for mode in modes(study)]
    return [*cases, _Case(MODEL_PRIOR, "mean", NONE)] if conditions.optional else cases


def _real(study: Study, judge: Judge, binary: bool) -> _Real:
    labels = sample_labels(study)[proportioned(study)]
    others = unit_images(study.data.train, examples(study, labels))
    test: Iterator[Tensor] = unit_batches(study.data.test)
    if binary:
        test = iter(study.observed.split(BATCH))
        with seeded(REAL):
            others = study.model.observe(others)
    features, floor = torch.cat([judge.embed(batch) for batch in test]), judge.embed(others)
    compared = "Features of the judge, compared with those of the test images."
    compared += " All images are binarised." if binary else ""
    how = (
        f"{len(labels):,} training images {PROPORTIONS}. The judge was trained on them. Drawn without replacement if "
        f"the class has enough images. {compared}"
    )
    return _Real(features, frechet_distance(features, floor, how), kernel_distance(features, floor, how), compared)


def _compared(study: Study, judge: Judge, case: _Case, real: _Real) -> Realism:
    given, labels, chosen = case.conditions == GIVEN, sample_labels(study), proportioned(study)
    rows = sample_rows(study, labels) if given else null_rows(study, len(labels))
    z = study.draw(rows, 0, case.prior)
    with seeded(DRAWN):
        features = judge.embed(decode(study.model, z, rows, sample=case.mode == "sample"))
    drawn, accuracy = drawing(study, case.prior, case.mode), None
    if study.model.conditions.classes and given:
        correct = (judge.classify(features) == labels).float()
        protocol = f"Share of images that the judge classifies as their label. {sample_size(study)}, {drawn}"
        accuracy = measure(correct, protocol)
    features = features[chosen]
    how = f"{len(chosen):,} images {PROPORTIONS if given else 'without conditions'}, {drawn} {real.compared}"
    nearby = f"{NEIGHBOURS} nearest neighbours. {how} The error does not include that of the other set of images."
    found = neighbourhood(real.features, features)._asdict().items()
    near: dict[str, Any] = {name: measure(values, nearby) for name, values in found}
    return Realism(
        *case,
        accuracy=accuracy,
        frechet=frechet_distance(real.features, features, how),
        frechet_floor=real.frechet,
        kernel=kernel_distance(real.features, features, how),
        kernel_floor=real.kernel,
        **near,
    )


PART = Part(
    name="realism",
    title="Realism of generated images",
    order=80,
    kind=tuple[Realism, ...],
    measure=measure_realism,
    applies=lambda study: len(study.model.schema.classes) > 1 and len(study.test_labels) >= MIN_IMAGES,
    needs=f"at least two classes, and at least {MIN_IMAGES} test images",
    judged=True,
)
