"""The six claims of the original experiment, each with a measure, a threshold that decides it, and a verdict."""

import json
from dataclasses import dataclass
from itertools import pairwise

from condvae.config import Config
from condvae.errors import CondvaeError, ConfigError
from condvae.evaluation.evaluate import Evaluation
from condvae.evaluation.parts.styles import SHARED_CODES, style_agreement
from condvae.evaluation.plane import (
    ANGLES,
    PAIR_RADII,
    PLANE_STEPS,
    RADII,
    accuracy_over_radius,
    pair_difference,
    pair_rank,
    style_over_plane,
)
from condvae.evaluation.study import Study
from condvae.plain import plain, restored
from condvae.storage.files import write_text

EXPERIMENT = Config()  # the defaults are the settings of the experiment
FILE = "claims.json"
LARGE = 0.5  # correlation; Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988


@dataclass(frozen=True)
class Finding:
    """One measured figure of a claim.

    Attributes:
        name: what was measured.
        value: the value of this model.
        reference: the value of a plain implementation of the experiment. None if it was not measured there.
    """

    name: str
    value: float
    reference: float | None = None


@dataclass(frozen=True)
class Claim:
    """A claim, how it was measured, and whether it holds for this model.

    Attributes:
        statement: what the experiment claims.
        measure: how it was measured.
        threshold: what the figures must reach, so that the claim holds.
        findings: the figures.
        holds: the verdict. None if the claim could not be measured.
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
    """Whether the model has what the claims are about: the experiment's data, conditions, prior and latent plane."""
    ours, theirs = study.model.config, EXPERIMENT.model
    same_model = all(getattr(ours, name) == getattr(theirs, name) for name in ("latent", "conditions", "prior"))
    return same_model and study.config.data.source == EXPERIMENT.data.source


def measure_claims(study: Study, evaluation: Evaluation) -> list[Claim]:
    """Measure the six claims, in the order in which the experiment makes them.

    Raises:
        ConfigError: the model is of another kind than that of the experiment, or its accuracy was not measured.
    """
    if not has_claims(study):
        raise ConfigError(
            "The experiment's claims are about MNIST, labels, 2 latent dimensions and the prior N(0, I); "
            f"{study.run.path} was trained on '{study.config.data.source}' with the conditions "
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
    """Measure the claims and write claims.json, if they apply to the model and its accuracy was measured."""
    claims = measure_claims(study, evaluation) if has_claims(study) and evaluation["accuracy"] else []
    if claims:
        save_claims(study, claims)
    return claims


def save_claims(study: Study, claims: list[Claim]) -> None:
    """Write claims.json into the run folder."""
    content = [{**plain(claim), "verdict": claim.verdict} for claim in claims]
    write_text(study.run.path / FILE, json.dumps(content, indent=2) + "\n")


def load_claims(study: Study) -> list[Claim]:
    """The claims from claims.json in the run folder. Empty if it is missing or damaged."""
    try:
        content = json.loads((study.run.path / FILE).read_text("utf-8"))
        claims = [{name: value for name, value in claim.items() if name != "verdict"} for claim in content]
        return list(restored(tuple[Claim, ...], claims, FILE))
    except (OSError, ValueError, TypeError, AttributeError, CondvaeError):
        return []


def label_decides(evaluation: Evaluation) -> Claim:
    """Claim 1, from the accuracies of the evaluation.

    Raises:
        ConfigError: they were not measured.
    """
    measured = evaluation["accuracy"]
    if measured is None:
        raise ConfigError("The conditional accuracy was not measured. Evaluate the run with --only accuracy first.")
    sources = {
        "z as encoded": (measured.encoded, 0.940),  # the reference may also be of a Gaussian per class
        "z from a Gaussian per class": (measured.gaussian, None),
        "z from N(0, I)": (measured.prior, 0.873),
    }
    found = {name: Finding(name, figure.value, known) for name, (figure, known) in sources.items()}
    return Claim(
        "The label decides the digit.",
        "Share of decoded images that the judge classifies as their label. z are codes of training images of that "
        "label, or drawn from one Gaussian per class fitted to these codes, or drawn from N(0, I).",
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
        f"Share of images that the judge classifies as their label. All labels at {ANGLES} points on each circle "
        "around the origin.",
        "at least 85% at radius 0.5, at most 50% at radius 7, and a rise of at most 3 percentage points from one "
        "radius to the next",
        tuple(Finding(f"radius {r:g}", accuracy[r], known) for r, known in zip(RADII, references, strict=True)),
        accuracy[RADII[0]] >= 0.85
        and accuracy[RADII[-1]] <= 0.50
        and all(accuracy[far] <= accuracy[near] + 0.03 for near, far in pairwise(RADII)),
    )


def moves_are_continuous(study: Study) -> Claim:
    """Claim 3, by the moments of images decoded over the part of the plane that holds the codes of each label."""
    ranges, steps = style_over_plane(study)
    return Claim(
        "Moving z changes slant, stroke thickness and width, continuously.",
        f"Slant, ink and width of images on a grid of {PLANE_STEPS} x {PLANE_STEPS} points over the central 95% of "
        "each label's codes. The range is from the 5th to the 95th percentile, in standard deviations of the real "
        "images of that label. The largest step is between neighbours on the grid, as a share of the whole range. "
        "Medians over labels.",
        "a range of at least 1 standard deviation and no step of more than 0.25, for each of the three",
        tuple(Finding(f"range of {name}", value) for name, value in ranges.items())
        + tuple(Finding(f"largest step of {name}", value) for name, value in steps.items()),
        min(ranges.values()) >= 1 and max(steps.values()) <= 0.25,
    )


def style_is_shared(study: Study) -> Claim:
    """Claim 4, by the correlation of style between labels at the same z."""
    shared = {one.style: one.correlation.value for one in style_agreement(study)}
    slant, ink = shared["slant"], shared["ink"]
    return Claim(
        "z carries the style, and all labels share it.",
        f"Correlation of slant, and of ink, between two labels at the same z. {SHARED_CODES} codes of test images. "
        "Mean over the 45 pairs of labels.",
        f"at least {LARGE} for both: a large effect by Cohen's convention",
        (Finding("slant", slant, 0.96), Finding("ink", ink, 0.86)),
        min(slant, ink) >= LARGE,
    )


def neighbours_in_autoencoder(autoencoder: Study | None) -> Claim:
    """Claim 5, by the nearest neighbours of the test images in the latent space of the plain autoencoder."""
    rank = None if autoencoder is None else pair_rank(autoencoder)
    return Claim(
        "4 and 9 lie near each other in the latent space of a plain autoencoder.",
        "Rank of the pair (4, 9) among the 45 pairs of labels. Pairs are ranked by how often test images of one label "
        "are among the 10 nearest neighbours of test images of the other.",
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
        f"Root mean square difference of their pixels, in [0, 1], at {ANGLES} points on each circle around the origin.",
        "at radius 7 at most half of that at radius 1",
        tuple(Finding(f"radius {r:g}", difference[r], known) for r, known in zip(PAIR_RADII, references, strict=True)),
        difference[PAIR_RADII[-1]] <= 0.5 * difference[PAIR_RADII[0]],
    )
