"""The classification accuracy score: how well a classifier does that has only ever seen generated images."""

import json
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from condvae.data.dataset import Dataset
from condvae.evaluation.measurement import Measurement, measure
from condvae.evaluation.study import Study
from condvae.files import cache_folder, write_text
from condvae.images import unit
from condvae.inference.batched import decode
from condvae.seeds import seeded

IMAGES = 60_000


EPOCHS = 10


BATCH = 64


LEARNING_RATE = 1e-3


SAMPLED = 5  # the seed of samples


@dataclass(frozen=True)
class Score:
    """Test accuracy of a small classifier (convolutions of 32 and 64 channels, a dense layer of 128).

    Ravuri and Vinyals, "Classification Accuracy Score for Conditional Generative Models",
    https://arxiv.org/abs/1905.10887

    Attributes:
        source: where z is from: prior, or mixture.
        mean: trained on generated images only, as decoder means.
        sample: trained on samples of p(x|z,y), which are what the model says images look like; None where it has no
            likelihood to sample from.
        ceiling: trained on the real ones.
    """

    source: str
    mean: Measurement = field(metadata={"title": "classification accuracy score, decoder means"})
    sample: Measurement | None = field(metadata={"title": "classification accuracy score, samples"})
    ceiling: Measurement = field(metadata={"title": "its ceiling, trained on real images"})


def measure_score(study: Study, source: str = "prior") -> Score:
    """Train the classifier on images drawn, as many of each label, and test it on the real ones."""
    labels = torch.arange(IMAGES) % len(study.model.schema.classes)
    rows = study.rows(labels)
    z = study.draw(rows, 1, source)
    how = f"seen {EPOCHS * IMAGES:,} times in all, Adam at {LEARNING_RATE}, batches of {BATCH}; accuracy on test images"

    def drawn(mode: str) -> Measurement:
        with seeded(SAMPLED):
            images = decode(study.model, z, rows, sample=mode == "sample")
        what = f"trained on {IMAGES:,} images, z from the {study.origin(source)}, {study.manner(mode)}, {how}"
        return measure(_correct(images, labels, study.data), what)

    all_real = f"trained on all {len(study.whole.train):,} training images, {how}"
    found = {mode: drawn(mode) for mode in study.modes}
    return Score(source, found["mean"], found.get("sample"), measure(_ceiling(study.whole), all_real))


def _correct(images: Tensor, labels: Tensor, data: Dataset) -> Tensor:
    """Whether a classifier trained on these images is right about each test image, (N,).

    It sees EPOCHS times IMAGES of them, each as often as any other, however many there are.
    """
    with seeded():
        network = _classifier(images.shape[1], len(data.train.classes))
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a quarter less time
        optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE, fused=True)
        rounds = -(-EPOCHS * IMAGES // len(images))
        order = torch.cat([torch.randperm(len(images)) for _ in range(rounds)])[: EPOCHS * IMAGES]
        for chosen in order.split(BATCH):
            loss = functional.cross_entropy(network(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.inference_mode():
        test = unit(torch.from_numpy(data.test.images))
        guesses = torch.cat([network(part).argmax(1) for part in test.split(BATCH)])
    return (guesses == torch.from_numpy(data.test.labels)).float()


def _classifier(channels: int, classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(7), nn.Flatten(),
        nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, classes),
    )  # fmt: skip


def _ceiling(data: Dataset) -> Tensor:
    """Whether a classifier trained on the real images is right about each test image, (N,), kept in the cache."""
    train = data.train
    with torch.device("meta"):  # only what it is made of
        classifier = _classifier(train.shape[0], len(train.classes))
    path = cache_folder() / "ceilings" / f"{data.digest(EPOCHS, IMAGES, BATCH, LEARNING_RATE, classifier)}.json"
    if not path.is_file():
        right = _correct(unit(torch.from_numpy(train.images)), torch.from_numpy(train.labels), data)
        write_text(path, json.dumps([int(value) for value in right]))
    return torch.tensor(json.loads(path.read_text("utf-8")), dtype=torch.float32)
