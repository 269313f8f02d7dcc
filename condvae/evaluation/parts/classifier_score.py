"""The classification accuracy score: the accuracy of a classifier that was trained on generated images only."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import hypot

import torch
from torch import Tensor

from condvae.data.dataset import Dataset
from condvae.evaluation.classifiers import predicted, small_classifier, train_classifier
from condvae.evaluation.measurement import ByClass, Measurement, measure
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import Protocol, drawing, modes, sample_rows
from condvae.evaluation.study import Study, unit_images
from condvae.images import to_uint8, unit
from condvae.inference.batched import CHUNK, decoded, evaluating, image
from condvae.model.devices import fast_products
from condvae.seeds import seeded
from condvae.storage.files import cache_folder, write_text

IMAGES = 60_000
SEEN = 60_000  # training images that a classifier sees in all
BATCH, PEAK = 128, 6e-3  # images in a step, and the largest step size of one cycle
SEEDS = 3
SAMPLED = 5  # distinguishes the seed of samples


@dataclass(frozen=True)
class ClassifierScore(Section):
    """Test accuracy of a small classifier (convolutions of 32 and 64 channels, a dense layer of 128).

    Ravuri and Vinyals, "Classification Accuracy Score for Conditional Generative Models",
    https://arxiv.org/abs/1905.10887

    Figures are means over SEEDS classifiers. Their errors have those of the seeds and of the test images.

    Attributes:
        prior: where z is drawn from, "prior" or "mixture".
        mean: accuracy after training on decoder means only.
        sample: accuracy after training on samples of p(x|z,y) only. None if there is no likelihood to sample from.
        ceiling: accuracy after training on the real training images.
        mean_by_class, sample_by_class, ceiling_by_class: the same for the test images of each class.
    """

    prior: str
    mean: Measurement = field(metadata={"title": "classification accuracy score, decoder means"})
    sample: Measurement | None = field(metadata={"title": "classification accuracy score, samples"})
    ceiling: Measurement = field(metadata={"title": "accuracy of training on real images"})
    mean_by_class: ByClass = ()
    sample_by_class: ByClass = ()
    ceiling_by_class: ByClass = ()

    @property
    def heading(self) -> str:
        return f"z from the {self.prior}"


def measure_score(study: Study, protocol: Protocol) -> ClassifierScore:
    """Train classifiers on generated images, the same number of each label, and test them on the test images."""
    labels, found = torch.arange(IMAGES) % len(study.model.schema.classes), {}
    rows = sample_rows(study, labels)
    z = study.draw(rows, 1, protocol.usual_prior)
    for mode, pixels in _drawn(study, z, rows).items():
        correct = correct_after_training(study.data, chosen_of(pixels), labels, f"decoder {mode}s", SEEN)
        found[mode] = correct, f"{IMAGES:,} images, {drawing(study, protocol.usual_prior, mode)}"
    found["ceiling"] = _ceiling(study.whole), f"all {len(study.whole.train):,} training images."
    figures, each, classes = {}, {}, len(study.model.schema.classes)
    for name, (correct, what) in found.items():
        how = (
            f"Accuracy on test images of classifiers trained on {what} {SEEN:,} images seen, Adam with one cycle of "
            f"the step size up to {PEAK}, batches of {BATCH}. Mean over {SEEDS} seeds."
        )
        figures[name] = over_seeds(correct, how)
        own = (correct[:, study.test_labels == label] for label in range(classes))
        each[name] = tuple(over_seeds(part, how) if part.shape[1] else None for part in own)
    return ClassifierScore(
        protocol.usual_prior,
        figures["mean"],
        figures.get("sample"),
        figures["ceiling"],
        each["mean"],
        each.get("sample", ()),
        each["ceiling"],
    )


def _drawn(study: Study, z: Tensor, rows: Tensor) -> dict[str, Tensor]:
    """Images of each mode, uint8 (N, C, H, W), which are decoded once."""
    pixels = {mode: torch.empty(len(z), *study.model.schema.shape, dtype=torch.uint8) for mode in modes(study)}
    with evaluating(study.model), seeded(SAMPLED), fast_products(study.model.device):
        for number, p in enumerate(decoded(study.model, z, rows)):
            for mode, images in pixels.items():
                part = torch.from_numpy(to_uint8(image(p, mode == "sample")))
                images[number * CHUNK : (number + 1) * CHUNK] = part
    return pixels


def chosen_of(pixels: Tensor) -> Callable[[Tensor], Tensor]:
    """Positions (B,) to those of the uint8 images (N, C, H, W), as floats in [0, 1]."""
    return lambda chosen: unit(pixels[chosen])


def over_seeds(correct: Tensor, how: str) -> Measurement:
    """The mean of values of seeds and test images, (seeds, N)."""
    over_images, over_seeds = measure(correct.mean(0), how), measure(correct.mean(1), how)
    return replace(over_images, error=hypot(over_images.error, over_seeds.error))


def correct_after_training(
    data: Dataset, images: Callable[[Tensor], Tensor], labels: Tensor, what: str, seen: int
) -> Tensor:
    """Whether classifiers with SEEDS seeds are right about each test image, (SEEDS, N).

    Each sees the same number of images, all of them equally often.

    Args:
        data: the data set with the test images.
        images: positions (B,) to training images, floats in [0, 1] (B, C, H, W).
        labels: the labels of the training images, int64 (M,).
        what: what these images are, for the progress.
        seen: the number of images that a classifier sees in all.
    """

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        rounds = -(-seen // len(labels))
        order = torch.cat([torch.randperm(len(labels)) for _ in range(rounds)])[:seen]
        return ((images(chosen), labels[chosen]) for chosen in order.split(BATCH))

    found = []
    for seed in range(SEEDS):
        with seeded(seed):
            network = train_classifier(data.train, batches, -(-seen // BATCH), what, peak=PEAK)
        found.append((predicted(network, data.test) == torch.from_numpy(data.test.labels)).float())
    return torch.stack(found)


def _ceiling(data: Dataset) -> Tensor:
    """Whether classifiers trained on the real images are right about each test image, (SEEDS, N).

    It is kept in the cache.
    """
    train = data.train
    with torch.device("meta"):  # the digest needs its layers, not its weights
        classifier = small_classifier(train.shape[0], len(train.classes))
    path = cache_folder() / "ceilings" / f"{data.digest(SEEN, SEEDS, BATCH, PEAK, classifier)}.json"
    if not path.is_file():
        labels = torch.from_numpy(train.labels)
        right = correct_after_training(data, lambda chosen: unit_images(train, chosen), labels, "real images", SEEN)
        write_text(path, json.dumps(right.int().tolist()))
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
