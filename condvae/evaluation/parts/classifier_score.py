"""The classification accuracy score: the accuracy of a classifier that was trained on generated images only."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from condvae.data.dataset import Dataset
from condvae.evaluation.classifiers import BATCH, LEARNING_RATE, predicted, small_classifier, train_classifier
from condvae.evaluation.measurement import Measurement, measure
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import Protocol, drawing, modes, sample_rows
from condvae.evaluation.study import Study, unit_images
from condvae.files import cache_folder, write_text
from condvae.inference.batched import decode
from condvae.seeds import seeded

IMAGES = 60_000
EPOCHS = 10
SAMPLED = 5  # distinguishes the seed of samples


@dataclass(frozen=True)
class ClassifierScore(Section):
    """Test accuracy of a small classifier (convolutions of 32 and 64 channels, a dense layer of 128).

    Ravuri and Vinyals, "Classification Accuracy Score for Conditional Generative Models",
    https://arxiv.org/abs/1905.10887

    Attributes:
        prior: where z is drawn from, "prior" or "mixture".
        mean: accuracy after training on decoder means only.
        sample: accuracy after training on samples of p(x|z,y) only. None if there is no likelihood to sample from.
        ceiling: accuracy after training on the real training images.
    """

    prior: str
    mean: Measurement = field(metadata={"title": "classification accuracy score, decoder means"})
    sample: Measurement | None = field(metadata={"title": "classification accuracy score, samples"})
    ceiling: Measurement = field(metadata={"title": "accuracy of training on real images"})

    @property
    def heading(self) -> str:
        return f"z from the {self.prior}"


def measure_score(study: Study, protocol: Protocol) -> ClassifierScore:
    """Train the classifier on generated images, the same number of each label, and test it on the test images."""
    labels = torch.arange(IMAGES) % len(study.model.schema.classes)
    rows = sample_rows(study, labels)
    z = study.draw(rows, 1, protocol.usual_prior)
    how = f"{EPOCHS * IMAGES:,} images seen in all, Adam with step size {LEARNING_RATE}, batches of {BATCH}."
    tested = "Accuracy on test images of a classifier trained on"

    def drawn(mode: str) -> Measurement:
        with seeded(SAMPLED):
            images = decode(study.model, z, rows, sample=mode == "sample")
        correct = _correct(study.data, lambda chosen: images[chosen], labels, f"decoder {mode}s")
        return measure(correct, f"{tested} {IMAGES:,} images, {drawing(study, protocol.usual_prior, mode)} {how}")

    found = {mode: drawn(mode) for mode in modes(study)}
    ceiling = measure(_ceiling(study.whole), f"{tested} all {len(study.whole.train):,} training images. {how}")
    return ClassifierScore(protocol.usual_prior, found["mean"], found.get("sample"), ceiling)


def _correct(data: Dataset, images: Callable[[Tensor], Tensor], labels: Tensor, what: str) -> Tensor:
    """Whether a classifier is right about each test image, (N,).

    It sees EPOCHS times IMAGES images, all of them equally often.

    Args:
        data: the data set with the test images.
        images: positions (B,) to training images, floats in [0, 1] (B, C, H, W).
        labels: the labels of the training images, int64 (M,).
        what: what these images are, for the progress.
    """

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        rounds = -(-EPOCHS * IMAGES // len(labels))
        order = torch.cat([torch.randperm(len(labels)) for _ in range(rounds)])[: EPOCHS * IMAGES]
        return ((images(chosen), labels[chosen]) for chosen in order.split(BATCH))

    with seeded():
        network = train_classifier(data.train, batches, -(-EPOCHS * IMAGES // BATCH), what)
    return (predicted(network, data.test) == torch.from_numpy(data.test.labels)).float()


def _ceiling(data: Dataset) -> Tensor:
    """Whether a classifier trained on the real images is right about each test image, (N,). It is kept in the cache."""
    train = data.train
    with torch.device("meta"):  # the digest needs its layers, not its weights
        classifier = small_classifier(train.shape[0], len(train.classes))
    path = cache_folder() / "ceilings" / f"{data.digest(EPOCHS, IMAGES, BATCH, LEARNING_RATE, classifier)}.json"
    if not path.is_file():
        labels = torch.from_numpy(train.labels)
        right = _correct(data, lambda chosen: unit_images(train, chosen), labels, "real images")
        write_text(path, json.dumps([int(value) for value in right]))
    return torch.tensor(json.loads(path.read_text("utf-8")), dtype=torch.float32)


PART = Part(
    name="classifier_score",
    title="Classification accuracy score",
    order=90,
    kind=ClassifierScore,
    measure=measure_score,
    applies=lambda study: bool(study.model.conditions.classes),
    needs="labels among the conditions of the model",
)
