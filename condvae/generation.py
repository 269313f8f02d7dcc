"""How good the images are that a model draws: do they obey their label, do they look real, are they as diverse."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from condvae.features import frechet_distance, kernel_distance, nearest_distance, neighbourhood
from condvae.judge import Judge
from condvae.metrics import Measurement, measure
from condvae.sampling import decode, draw, unit
from condvae.seeds import seeded
from condvae.study import Study

MEMORISED = 1000  # images whose nearest training image is looked for
FEWEST = 10  # test images for which distances between distributions mean anything


@dataclass(frozen=True)
class Generation:
    """Images drawn with z from one source, as decoder means or as samples.

    Attributes:
        source: where z is from: prior, or mixture (the ex-post density of the codes).
        mode: mean or sample, of p(x|z,y).
        accuracy: share of images that the judge takes for their label; None for a model without labels.
        frechet: Frechet distance to the test images, in the judge's features.
        frechet_floor: the same of as many training images.
        kernel: kernel distance, likewise.
        kernel_floor: the same of as many training images.
        precision: share of images among the real ones.
        recall: share of real images among those drawn.
        density: how thickly real images lie around those drawn; 1 for real ones.
        coverage: share of real images with one drawn near.
    """

    source: str
    mode: str
    accuracy: Measurement | None = field(metadata={"title": "conditional accuracy"})
    frechet: Measurement = field(metadata={"title": "Frechet distance"})
    frechet_floor: Measurement = field(metadata={"title": "Frechet distance, real against real"})
    kernel: Measurement = field(metadata={"title": "kernel distance"})
    kernel_floor: Measurement = field(metadata={"title": "kernel distance, real against real"})
    precision: Measurement = field(metadata={"title": "precision"})
    recall: Measurement = field(metadata={"title": "recall"})
    density: Measurement = field(metadata={"title": "density"})
    coverage: Measurement = field(metadata={"title": "coverage"})


@dataclass(frozen=True)
class Memorisation:
    """Whether images drawn are copies of training images. Distances are root mean square differences of pixels.

    Attributes:
        generated: from images drawn to their nearest training image.
        real: from test images, which cannot be copies, to theirs.
        copies: share of images drawn that are nearer than all but one in a hundred test images.
    """

    generated: Measurement = field(metadata={"title": "nearest training image, of images drawn"})
    real: Measurement = field(metadata={"title": "nearest training image, of test images"})
    copies: Measurement = field(metadata={"title": "images drawn nearer than 99% of test images"})


def measure_generation(study: Study, judge: Judge, source: str, mode: str) -> Generation:
    """Draw images of every label and compare them with the test images, in the eyes of the judge."""
    labels = study.sample_labels
    drawn = _drawn(study, source, mode)
    binary = mode == "sample" and study.model.likelihood.binary
    real = study.observed if binary else unit(torch.from_numpy(study.data.test.images))
    others = unit(torch.from_numpy(study.data.train.images[study.examples(labels).numpy()]))
    if binary:
        with seeded(3):
            others = torch.bernoulli(others)
    points = {name: judge.embed(images) for name, images in (("real", real), ("drawn", drawn), ("floor", others))}
    what = f"{study.sample_size}, z from the {source}, decoder {mode}"
    end = ", judge's features, against the test images" + (", all binarised" if binary else "")
    against = what + end
    floor = f"{len(labels):,} training images, as many of each class, none twice where there are enough{end}"
    correct = (judge.classify(points["drawn"]) == labels).float()
    pairs: dict[str, Any] = {
        "frechet": frechet_distance(points["real"], points["drawn"], against),
        "frechet_floor": frechet_distance(points["real"], points["floor"], floor),
        "kernel": kernel_distance(points["real"], points["drawn"], against),
        "kernel_floor": kernel_distance(points["real"], points["floor"], floor),
    }
    found = neighbourhood(points["real"], points["drawn"])._asdict()
    near = {name: measure(values, f"5 nearest neighbours, {against}") for name, values in found.items()}
    accuracy = measure(correct, f"share judged to be the label, {what}") if study.model.conditions.classes else None
    return Generation(source, mode, accuracy, **pairs, **near)


def measure_memorisation(study: Study) -> Memorisation:
    """Compare images drawn from the prior, as decoder means, with all training images."""
    train = unit(torch.from_numpy(study.data.train.images))
    shown = study.balanced(MEMORISED)
    rows = study.rows(study.test_labels[shown])
    drawn = nearest_distance(decode(study.model, draw(study.model, rows, seed=0), rows), train)
    real = nearest_distance(unit(torch.from_numpy(study.data.test.images[shown.numpy()])), train)
    protocol = "root mean square difference of pixels in [0, 1] to the nearest of all training images, "
    drawn_how = "decoder means, z from the prior, as many of each label as of the test images"
    copies = (drawn < real.quantile(0.01)).float()
    return Memorisation(
        measure(drawn, protocol + drawn_how),
        measure(real, protocol + "class-balanced test images"),
        measure(copies, f"share, {drawn_how}; the same share of test images is 1%"),
    )


def _drawn(study: Study, source: str, mode: str) -> Tensor:
    rows = study.rows(study.sample_labels)
    z = draw(study.model, rows, seed=0, prior=study.mixture if source == "mixture" else None)
    with seeded(4):
        return decode(study.model, z, rows, sample=mode == "sample")
