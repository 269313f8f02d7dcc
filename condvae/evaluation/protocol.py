"""How everything is measured: what can be chosen, which images are drawn and compared, and how protocols name them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from condvae.config import Z_PRIORS, require
from condvae.evaluation.study import Study
from condvae.inference.batched import MIXTURE, MODEL_PRIOR, decode
from condvae.inference.mixture import FITTED

SAMPLES_PER_CLASS = 1000
MAX_SAMPLES = 50_000
MIXTURE_TEXT = f"The ex-post mixture is a {FITTED}."


@dataclass(frozen=True)
class Protocol:
    """What can be chosen of how a model is evaluated.

    Args:
        importance_samples: number of importance samples of z for each image. Figures are those of so many samples for
            each image, but only some images get them, see `condvae.evaluation.multilevel`.
        images: number of test images for importance sampling. None takes all of them.
        prior: where z is drawn from in the parts control, classifier_score and augmentation, "prior" or "mixture". None
            is the mixture in augmentation, as in `condvae augment`, and the prior in the others. The parts accuracy,
            memorisation and realism measure both.
        classifier_seeds: number of seeds of the classifiers in the part augmentation.
        classifier_steps: number of training steps of each of these classifiers.
        flips: whether classical augmentation in the part augmentation mirrors images, left to right.

    Raises:
        ConfigError: a value is not possible.
    """

    importance_samples: int = 5000
    images: int | None = None
    prior: str | None = None
    classifier_seeds: int = 5
    classifier_steps: int = 2000
    flips: bool = False

    def __post_init__(self) -> None:
        samples = self.importance_samples
        require(samples >= 1, "--importance-samples", samples, "at least 1")
        require(self.images is None or self.images >= 1, "--images", self.images, "at least 1, or all")
        seeds, steps = self.classifier_seeds, self.classifier_steps
        require(seeds >= 2, "--classifier-seeds", seeds, "at least 2, because intervals need the spread over seeds")
        require(steps >= 1, "--classifier-steps", steps, "at least 1")
        require(self.prior in (None, *Z_PRIORS), "--prior", f"'{self.prior}'", f"one of {', '.join(Z_PRIORS)}")

    @property
    def usual_prior(self) -> str:
        """Where z is drawn from, in all parts but augmentation."""
        return self.prior or MODEL_PRIOR

    @property
    def filling_prior(self) -> str:
        """Where z is drawn from in the part augmentation."""
        return self.prior or MIXTURE


def modes(study: Study) -> tuple[str, ...]:
    """How images can be drawn: as the mean of p(x|z,y), and as a sample of it if it is a likelihood."""
    return ("mean", "sample") if study.model.likelihood.is_likelihood else ("mean",)


def sample_labels(study: Study) -> Tensor:
    """SAMPLES_PER_CLASS of each label in order, but about MAX_SAMPLES at most: int64 (N,)."""
    classes = len(study.model.schema.classes)
    return torch.arange(classes).repeat_interleave(min(SAMPLES_PER_CLASS, max(1, MAX_SAMPLES // classes)))


def proportioned(study: Study) -> Tensor:
    """Positions in `sample_labels` that leave the labels in the proportions of the test images, int64 (M,).

    A label has at most as many positions as there are training images with it: as many are compared with the test
    images, and the same image twice would be two near neighbours. A label of any test image has at least one position.
    """
    labels, classes = sample_labels(study), len(study.model.schema.classes)
    counts, known = (torch.bincount(one, minlength=classes) for one in (study.test_labels, study.train_labels))
    most = min(int((labels == 0).sum()), max(1, int(known[counts.argmax()])))
    wanted = (counts * most // counts.max()).minimum(known).clamp(min=1).where(counts > 0, 0)
    return torch.cat([(labels == label).nonzero()[:count, 0] for label, count in enumerate(wanted.tolist())])


def examples(study: Study, labels: Tensor, seed: int = 0) -> Tensor:
    """Positions of training images with the given labels (N,), drawn at random: int64 (N,).

    Drawn without replacement if the class has enough images. For a class without training images, all training images
    are used.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen, known = torch.empty_like(labels), study.train_labels
    for label in labels.unique().tolist():
        candidates = (known == label).nonzero()[:, 0]
        if not len(candidates):
            candidates = torch.arange(len(known))
        wanted = labels == label
        rounds = -(-int(wanted.sum()) // len(candidates))
        order = torch.cat([torch.randperm(len(candidates), generator=generator) for _ in range(rounds)])
        chosen[wanted] = candidates[order[: wanted.sum()]]
    return chosen


def sample_rows(study: Study, labels: Tensor, seed: int = 0) -> Tensor:
    """Conditions (N, D) for images with the given labels (N,). Attributes are those of `examples`."""
    rows = study.train_rows[examples(study, labels, seed)]
    if study.model.conditions.classes:
        rows[:, 0] = labels
    return rows


def null_rows(study: Study, count: int) -> Tensor:
    """Conditions (N, D) that are all not given, for a model with condition dropout."""
    return torch.full((count, len(study.model.conditions.variables)), torch.nan)


def decode_all_labels(study: Study, z: Tensor) -> Tensor:
    """The same latent vectors under every label: (B, Z) to floats in [0, 1] (classes, B, C, H, W).

    Each attribute is its mean over the training images, so that all differences under one label are due to z.
    """
    classes = len(study.model.schema.classes)
    rows = study.train_rows.nanmean(0).repeat(classes * len(z), 1)
    rows[:, 0] = torch.arange(classes).repeat_interleave(len(z))
    return decode(study.model, z.repeat(classes, 1), rows).unflatten(0, (classes, len(z)))


def sample_size(study: Study) -> str:
    """How many images `sample_labels` asks for, in words."""
    count, classes = len(sample_labels(study)), len(study.model.conditions.classes)
    return f"{count // classes:,} images of each class" if classes else f"{count:,} images"


def drawing(study: Study, prior: str, mode: str = "mean") -> str:
    """How images are drawn, for a protocol: the end of a sentence, and further sentences if necessary.

    Args:
        study: the run.
        prior: "prior" or "mixture".
        mode: one of `modes`.
    """
    if mode == "sample" and study.model.likelihood.unbounded:
        pixels = "decoder samples clipped to [0, 1]"
    else:
        pixels = f"decoder {mode}s"
    if prior == MIXTURE:
        return f"z from the ex-post mixture, {pixels}. {MIXTURE_TEXT}{encoding(study)}"
    return f"z from the prior, {pixels}."


def encoding(study: Study) -> str:
    """How latent vectors are encoded, for a protocol: sentences to append, each with a space before it."""
    where = "" if study.model.prior.is_standard else " Codes are in standard coordinates."
    grey = " Grey images are encoded, although training used binarised images."
    return where + (grey if study.model.likelihood.binary else "")
