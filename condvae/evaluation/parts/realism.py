"""Generated images compared with real ones: whether they have their label, look real, and are as diverse as these."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from condvae.evaluation.distances import NEIGHBOURS, frechet_distance, kernel_distance, neighbourhood, radii
from condvae.evaluation.drawn import GIVEN, NONE, Way, drawn, ways
from condvae.evaluation.features import JUDGED, embeddings
from condvae.evaluation.measurement import ByClass, Measurement, by_class, measure
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import Protocol, drawing, examples, proportioned, sample_labels, sample_size
from condvae.evaluation.study import BATCH, Study, unit_batches, unit_images
from condvae.progress import progress
from condvae.seeds import seeded

BINARISED = 3  # distinguishes the seed of binarised training images
MIN_IMAGES = 10  # distances between distributions of fewer test images say nothing
TRAINING = "training images"
PROPORTIONS = "with the labels in the proportions of the test images"
NO_IMAGES = 0.5  # samples that have their label less than this times as often as means are no images


@dataclass(frozen=True)
class Compared(Section):
    """Images compared with the test images by one kind of features.

    Attributes:
        features: the kind of features.
        frechet: Frechet distance to the test images, extrapolated to infinitely many images. None if there are too few.
        kernel: kernel distance to the test images. It is unbiased.
        p_value: how probable such a kernel distance is if images and test images have the same distribution.
        precision: share of images within the 5-neighbour ball of a test image.
        recall: share of test images within the 5-neighbour ball of an image.
        density: how densely test images lie around images. It is about 1 for real images.
        coverage: share of test images with an image nearby.
        precision_by_class, recall_by_class, coverage_by_class: the same for each class. Neighbours are of all classes.
    """

    features: str
    frechet: Measurement | None = field(metadata={"title": "Frechet distance"})
    kernel: Measurement = field(metadata={"title": "kernel distance"})
    p_value: Measurement = field(metadata={"title": "p-value of the kernel distance"})
    precision: Measurement = field(metadata={"title": "precision"})
    recall: Measurement = field(metadata={"title": "recall"})
    density: Measurement = field(metadata={"title": "density"})
    coverage: Measurement = field(metadata={"title": "coverage"})
    precision_by_class: ByClass = ()
    recall_by_class: ByClass = ()
    coverage_by_class: ByClass = ()

    @property
    def heading(self) -> str:
        return self.features


@dataclass(frozen=True)
class Realism(Section):
    """Images drawn in one way, or real training images, compared with the test images.

    All figures except the accuracy are of images with the labels in the proportions of the test images.

    Attributes:
        prior: where z is drawn from, "prior" or "mixture"; or "training images", which are what a perfect model draws.
        mode: the "mean" of p(x|z,y), or a "sample" of it. Training images are compared as the images of this mode are:
            binarised beside samples that are.
        conditions: "given", or "none" if no condition is given.
        accuracy: share of images that the judge classifies as their label, of the test images for "training images",
            because the judge knows the training images. None if no label is given.
        accuracy_by_class: the same for each class.
        compared: the comparison by each kind of features.
    """

    prior: str
    mode: str
    conditions: str
    accuracy: Measurement | None = field(metadata={"title": "conditional accuracy"})
    accuracy_by_class: ByClass
    compared: tuple[Compared, ...]
    warning: str = ""

    @property
    def heading(self) -> str:
        if self.prior == TRAINING:
            return f"{TRAINING}, as beside {self.mode}s"
        end = ", no conditions" if self.conditions == NONE else ""
        return f"z from the {self.prior}, decoder {self.mode}{end}"

    @property
    def verdict(self) -> str | None:
        return self.warning or None


def measure_realism(study: Study, _: Protocol) -> tuple[Realism, ...]:
    """Draw images of every label in every way, and compare them and training images with the test images."""
    cases, found = ways(study), []
    real = {"mean": _Reference(study, binary=False)}
    if study.model.likelihood.binary:
        real["sample"] = _Reference(study, binary=True)
    with progress("Comparing with test images", len(cases) + len(real), "sets of images") as advance:
        for mode, reference in real.items():
            found.append(reference.itself(mode))
            advance(1)
        for way in cases:
            found.append(_compared(study, way, real.get(way.mode, real["mean"]), found))
            advance(1)
    return tuple(found)


class _Reference:
    """Test images, and training images with the same labels, by their features.

    Args:
        study: the run.
        binary: whether all images are binarised, as samples are.
    """

    def __init__(self, study: Study, binary: bool) -> None:
        judge = study.judge
        assert judge is not None  # the part does not apply without one
        self.study, self.binary = study, binary
        self.kinds = embeddings(judge, study.model.schema.shape[0])
        labels = sample_labels(study)[proportioned(study)]
        train = unit_images(study.data.train, examples(study, labels))
        test: Iterator[Tensor] = iter(study.observed.split(BATCH)) if binary else unit_batches(study.data.test)
        if binary:
            with seeded(BINARISED):
                train = study.model.observe(train)
        self.test = self._features(test)
        self.radii = {name: radii(features) for name, features in self.test.items()}
        self.train, self.train_labels = self._features(iter(train.split(BATCH))), labels
        self.correct = (judge.classify(self.test[JUDGED]) == study.test_labels).float()
        self.end = "Compared with the test images." + (" All images are binarised." if binary else "")

    def itself(self, mode: str) -> Realism:
        """The training images, compared with the test images."""
        how = (
            f"{len(self.train_labels):,} training images {PROPORTIONS}. The judge was trained on them. Drawn without "
            "replacement if the class has enough images."
        )
        judged = "Share of test images that the judge classifies as their label."
        judged += " They are binarised." if self.binary else ""
        labels, classes = self.study.test_labels, len(self.study.model.conditions.classes)
        return Realism(
            TRAINING,
            mode,
            GIVEN,
            measure(self.correct, judged) if classes else None,
            by_class(self.correct, labels, classes, judged),
            tuple(self.compared(name, self.train[name], self.train_labels, how) for name in self.kinds),
        )

    def compared(self, name: str, features: Tensor, labels: Tensor | None, how: str) -> Compared:
        """Features of images (M, F), and their labels (M,) if they have one, compared with the test images."""
        how = f"{name[0].upper()}{name[1:]} of {how} {self.end}"
        real = self.test[name]
        nearby = f"{NEIGHBOURS} nearest neighbours. {how} The error does not include that of the other set of images."
        near = neighbourhood(real, features, self.radii[name])
        figures: dict[str, Any] = {key: measure(values, nearby) for key, values in near._asdict().items()}
        kernel, p_value = kernel_distance(real, features, how)
        classes, of_test = len(self.study.model.schema.classes), self.study.test_labels
        return Compared(
            name,
            frechet=frechet_distance(real, features, how),
            kernel=kernel,
            p_value=p_value,
            **figures,
            precision_by_class=() if labels is None else by_class(near.precision, labels, classes, nearby),
            recall_by_class=by_class(near.recall, of_test, classes, nearby),
            coverage_by_class=by_class(near.coverage, of_test, classes, nearby),
        )

    def _features(self, images: Iterator[Tensor]) -> dict[str, Tensor]:
        found = [{name: embed(batch) for name, embed in self.kinds.items()} for batch in images]
        return {name: torch.cat([one[name] for one in found]) for name in self.kinds}


def _compared(study: Study, way: Way, real: _Reference, before: list[Realism]) -> Realism:
    images, chosen, given = drawn(study, way), proportioned(study), way.conditions == GIVEN
    how = drawing(study, way.prior, way.mode)
    accuracy: Measurement | None = None
    each: ByClass = ()
    if study.model.conditions.classes and given:
        protocol = f"Share of images that the judge classifies as their label. {sample_size(study)}, {how}"
        accuracy = measure(images.correct, protocol)
        each = by_class(images.correct, images.labels, len(study.model.schema.classes), protocol)
    labels = images.labels[chosen] if given else None
    how = f"{len(chosen):,} images {PROPORTIONS if given else 'without conditions'}, {how}"
    compared = tuple(real.compared(name, images.features[name][chosen], labels, how) for name in real.kinds)
    return Realism(*way, accuracy, each, compared, _warning(way, accuracy, before))


def _warning(way: Way, accuracy: Measurement | None, before: list[Realism]) -> str:
    means = [one.accuracy for one in before if (one.prior, one.mode, one.conditions) == (way.prior, "mean", GIVEN)]
    if way.mode != "sample" or accuracy is None or not means or means[0] is None:
        return ""
    if accuracy.value >= NO_IMAGES * means[0].value:
        return ""
    return (
        f"Samples with z from the {way.prior} are no images that one could use: the judge takes "
        f"{100 * accuracy.value:.0f}% of them for their label, and {100 * means[0].value:.0f}% of the decoder means. "
        "Draw means from this model."
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
