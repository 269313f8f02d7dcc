"""The six claims of the original experiment, each with a measure, a threshold that decides it, and a verdict.

Which corner of the latent plane looks like what differs from one training run to the next, so everything is measured
over circles and over labels, not at one point.
"""

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import pairwise
from math import pi
from typing import Any

import torch
from torch import Tensor

from condvae.data.attributes import Style, style
from condvae.errors import ConfigError
from condvae.evaluation.control import SHARED_CODES, style_agreement
from condvae.evaluation.distances import neighbour_confusion
from condvae.evaluation.evaluate import Evaluation
from condvae.evaluation.study import Study
from condvae.files import write_text
from condvae.images import unit
from condvae.inference.batched import decode

RADII = (0.5, 1.0, 2.0, 3.0, 5.0, 7.0)


PAIR = ("4", "9")


PAIR_RADII = (1.0, 3.0, 5.0, 7.0)


ANGLES = 120


PLANE_STEPS = 41


LARGE = 0.5  # correlation; Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988


@dataclass(frozen=True)
class Finding:
    """One measured figure of a claim.

    Attributes:
        name: what it is.
        value: as measured.
        reference: what a plain implementation of the experiment measured; None where there is no such figure.
    """

    name: str
    value: float
    reference: float | None = None


@dataclass(frozen=True)
class Claim:
    """A claim, how it was measured and whether it holds for this model.

    Attributes:
        statement: what the experiment claims.
        measure: how it was measured.
        threshold: what the figures must reach for the claim to hold.
        findings: the figures.
        holds: the verdict; None if it could not be measured.
    """

    statement: str
    measure: str
    threshold: str
    findings: tuple[Finding, ...]
    holds: bool | None

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return {True: "holds", False: "does not hold", None: "not measured"}[self.holds]


def has_claims(study: Study) -> bool:
    """Whether the experiment's claims are about a model of this kind: labelled MNIST, and N(0, I) over a plane."""
    config = study.model.config
    kind = config.latent, config.conditions, config.prior, study.config.data
    return kind == (2, ("label",), "standard", "mnist")


def measure_claims(study: Study, evaluation: Evaluation) -> list[Claim]:
    """Measure the six claims, in the order in which the experiment makes them.

    Raises:
        ConfigError: the model is of another kind than the experiment's.
    """
    if not has_claims(study):
        raise ConfigError(
            "The experiment's claims are about MNIST, labels, 2 latent dimensions and the prior N(0, I); "
            f"{study.run.path} was trained on '{study.config.data}' with the conditions "
            f"{', '.join(study.model.config.conditions) or 'none'}, {study.model.config.latent} latent dimensions and "
            f"the prior '{study.model.config.prior}'. Train with 'condvae train --recipe paper'."
        )
    return [
        label_decides(evaluation),
        centre_is_clear(study),
        moves_are_continuous(study),
        style_is_shared(study),
        neighbours_in_autoencoder(study.autoencoder),
        far_out_alike(study),
    ]


def assess(study: Study, evaluation: Evaluation) -> list[Claim]:
    """Measure the claims, where they apply, and write claims.json."""
    claims = measure_claims(study, evaluation) if has_claims(study) else []
    if claims:
        save_claims(study, claims)
    return claims


def save_claims(study: Study, claims: list[Claim]) -> None:
    """Write claims.json into the run folder."""
    content = [{**asdict(claim), "verdict": claim.verdict} for claim in claims]
    write_text(study.run.path / "claims.json", json.dumps(content, indent=2) + "\n")


def load_claims(study: Study) -> list[Claim]:
    """The claims that `save_claims` wrote into the run folder; none if there are none."""
    try:
        content = json.loads((study.run.path / "claims.json").read_text("utf-8"))
        return [_restored(**claim) for claim in content]
    except (OSError, ValueError, TypeError):
        return []


def _restored(findings: list[dict[str, Any]], verdict: str, **rest: Any) -> Claim:
    return Claim(findings=tuple(Finding(**finding) for finding in findings), **rest)


def label_decides(evaluation: Evaluation) -> Claim:
    """Claim 1, from the accuracies of the evaluation.

    Raises:
        ConfigError: they were not measured.
    """
    measured = evaluation.accuracy
    if measured is None:
        raise ConfigError("The conditional accuracy was not measured. Evaluate the run with --only accuracy first.")
    sources = {
        "z as encoded": (measured.encoded, 0.940),  # the reference's "encoded training distribution" may be the next
        "z from a Gaussian per class": (measured.gaussian, None),
        "z from N(0, I)": (measured.prior, 0.873),
    }
    found = {name: Finding(name, figure.value, known) for name, (figure, known) in sources.items()}
    return Claim(
        "The label decides the digit.",
        "Share of decoded images that the judge takes for their label: with z of training images of that label, from "
        "one Gaussian per class fitted to those, and from N(0, I).",
        "at least 90% with z as encoded and 80% with z from N(0, I) (chance is 10%)",
        tuple(found.values()),
        found["z as encoded"].value >= 0.90 and found["z from N(0, I)"].value >= 0.80,
    )


def centre_is_clear(study: Study) -> Claim:
    """Claim 2, by the accuracy on circles around the origin."""
    accuracy = accuracy_over_radius(study)
    references = (0.94, 0.93, 0.80, 0.60, 0.37, 0.28)
    return Claim(
        "Images from the centre of the plane are clear and typical, those from its periphery are distorted.",
        f"Share of images that the judge takes for their label, all labels at {ANGLES} points on circles of growing "
        "radius.",
        "at least 85% at radius 0.5, at most 50% at radius 7, and no rise of more than 3 points in between",
        tuple(Finding(f"radius {r:g}", accuracy[r], known) for r, known in zip(RADII, references, strict=True)),
        accuracy[RADII[0]] >= 0.85
        and accuracy[RADII[-1]] <= 0.50
        and all(accuracy[far] <= accuracy[near] + 0.03 for near, far in pairwise(RADII)),
    )


def moves_are_continuous(study: Study) -> Claim:
    """Claim 3, by the moments of images decoded over the part of the plane where each label's codes lie."""
    ranges, steps = style_over_plane(study)
    return Claim(
        "Moving z changes slant, stroke thickness and width, continuously.",
        f"Slant, ink and width of images on a grid of {PLANE_STEPS} x {PLANE_STEPS} points over the central 95% of "
        "each label's codes: the range from the 5th to the 95th percentile, in standard deviations of the real images "
        "of that label, and the largest step between neighbours, as a share of the whole range; medians over labels.",
        "a range of at least 1 standard deviation and no step of more than 0.25, for each of the three",
        tuple(Finding(f"range of {name}", value) for name, value in ranges.items())
        + tuple(Finding(f"largest step of {name}", value) for name, value in steps.items()),
        min(ranges.values()) >= 1 and max(steps.values()) <= 0.25,
    )


def style_is_shared(study: Study) -> Claim:
    """Claim 4, by the correlation of style between labels at the same z."""
    shared = style_agreement(study)
    slant, ink = shared["slant"].value, shared["ink"].value
    return Claim(
        "z carries the style, and all labels share it.",
        f"Correlation of slant, and of ink, between two labels at the same z, over {SHARED_CODES} codes of training "
        "images; mean over the 45 pairs of labels.",
        f"at least {LARGE} for both: a large effect by Cohen's convention",
        (Finding("slant", slant, 0.96), Finding("ink", ink, 0.86)),
        min(slant, ink) >= LARGE,
    )


def neighbours_in_autoencoder(autoencoder: Study | None) -> Claim:
    """Claim 5, by the nearest neighbours of the test images in the plain autoencoder's latent space."""
    rank = None if autoencoder is None else pair_rank(autoencoder)
    return Claim(
        "4 and 9 lie near each other in the latent space of a plain autoencoder.",
        "Rank of the pair (4, 9) among the 45 pairs of labels by how often one's test images are among the 10 nearest "
        "neighbours of the other's.",
        "among the first 3",
        () if rank is None else (Finding("rank of (4, 9)", rank),),
        None if rank is None else rank <= 3,
    )


def far_out_alike(study: Study) -> Claim:
    """Claim 6, by the difference between the images of 4 and of 9 at the same z."""
    difference = pair_difference(study)
    references = (0.117, 0.105, 0.070, 0.047)
    return Claim(
        "Far out, the images of 4 and of 9 at the same z become nearly the same.",
        f"Root mean square difference of their pixels, in [0, 1], at {ANGLES} points on circles of growing radius.",
        "at radius 7 at most half of that at radius 1",
        tuple(Finding(f"radius {r:g}", difference[r], known) for r, known in zip(PAIR_RADII, references, strict=True)),
        difference[PAIR_RADII[-1]] <= 0.5 * difference[PAIR_RADII[0]],
    )


@lru_cache(maxsize=1)  # the claim and the figure ask for the same
def accuracy_over_radius(study: Study) -> dict[float, float]:
    """Share of images that the judge takes for their label, on each circle of RADII."""
    if study.judge is None:
        raise ConfigError(f"'{study.data.source}' has one class only, so that there is nothing to judge.")
    accuracy = {}
    for radius in RADII:
        images = study.decoded(circle(radius))
        labels = torch.arange(len(images)).repeat_interleave(ANGLES)
        accuracy[radius] = study.judge.correct(images.flatten(0, 1), labels).mean().item()
    return accuracy


def style_over_plane(study: Study) -> tuple[dict[str, float], dict[str, float]]:
    """For slant, ink and width: the range over the plane in real standard deviations, and the largest step."""
    classes = len(study.model.schema.classes)
    ranges, steps = torch.empty(classes, 3), torch.empty(classes, 3)
    real = torch.stack(style(unit(torch.from_numpy(study.data.train.images))))
    for label in range(classes):
        own = study.train_labels == label
        low, high = study.codes_of(label).quantile(torch.tensor([0.025, 0.975]), dim=0)
        axes = [torch.linspace(float(a), float(b), PLANE_STEPS) for a, b in zip(low, high, strict=True)]
        z = torch.cartesian_prod(*axes)
        images = decode(study.model, z, torch.full((len(z),), label))
        for index, values in enumerate(style(images)):
            spread = values.quantile(torch.tensor([0.05, 0.95])).diff()
            ranges[label, index] = (spread / real[index, own].std()).item()
            steps[label, index] = largest_step(values.reshape(PLANE_STEPS, PLANE_STEPS))
    return _by_name(ranges), _by_name(steps)


def largest_step(plane: Tensor) -> float:
    """The largest difference between neighbours on a grid, (N, N), as a share of the range; 0 where nothing varies."""
    steps = torch.stack([plane.diff(dim=0).abs().max(), plane.diff(dim=1).abs().max()])
    spread = plane.max() - plane.min()
    return (steps.max() / spread).item() if spread > 0 else 0.0


def pair_rank(autoencoder: Study) -> int:
    """The rank, from 1, of the pair (4, 9) by confusion among nearest neighbours of the test images."""
    classes = autoencoder.model.schema.classes
    confusion = neighbour_confusion(autoencoder.test_codes[0], autoencoder.test_labels, len(classes))
    first, second = (classes.index(name) for name in PAIR)
    pairs = confusion[tuple(torch.triu_indices(len(classes), len(classes), offset=1))]
    return 1 + int((pairs > confusion[first, second]).sum())


def pair_difference(study: Study) -> dict[float, float]:
    """Root mean square pixel difference between the images of 4 and of 9, on each circle of PAIR_RADII."""
    first, second = (study.model.conditions.index(name) for name in PAIR)
    difference = {}
    for radius in PAIR_RADII:
        images = study.decoded(circle(radius))
        difference[radius] = (images[first] - images[second]).square().mean().sqrt().item()
    return difference


def circle(radius: float) -> Tensor:
    """ANGLES points on a circle around the origin of the latent plane, float32 (ANGLES, 2)."""
    angles = torch.arange(ANGLES) * (2 * pi / ANGLES)
    return radius * torch.stack([angles.cos(), angles.sin()], 1)


def _by_name(values: Tensor) -> dict[str, float]:
    """Medians over labels, (labels, 3), by the name of the measure."""
    return dict(zip(Style._fields, values.median(0).values.tolist(), strict=True))
