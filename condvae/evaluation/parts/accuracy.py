"""How often images that the model draws have the requested label."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from condvae.config import Z_PRIORS
from condvae.evaluation.drawn import GIVEN, Way, drawn
from condvae.evaluation.measurement import Measurement, measure
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import Protocol, drawing, encoding, examples, sample_labels, sample_rows, sample_size
from condvae.evaluation.study import BATCH, Study, unit_batches
from condvae.inference.batched import draw
from condvae.inference.mixture import fit_mixture
from condvae.progress import progress


@dataclass(frozen=True)
class ClassAccuracy(Section):
    """How often the judge recognises the images of one class.

    Attributes:
        label: the class.
        real: of the real test images of the class. None if there are none.
        prior: of images drawn with this label, z from the prior.
        mixture: the same, z from the ex-post mixture. None in evaluations of earlier versions.
    """

    label: str
    real: Measurement | None = field(metadata={"title": "real test images recognised"})
    prior: Measurement = field(metadata={"title": "images drawn from the prior recognised"})
    mixture: Measurement | None = field(
        default=None, metadata={"title": "images drawn from the ex-post mixture recognised"}
    )

    @property
    def heading(self) -> str:
        return f"class {self.label}"


@dataclass(frozen=True)
class Accuracy(Section):
    """Conditional accuracy: the share of images that the judge classifies as their label.

    It is measured for four sources of z. The same number of images is drawn of each label, so that these are means over
    classes.

    Attributes:
        encoded: z is the code of a training image of the same label.
        gaussian: z from one Gaussian for each class, fitted to these codes.
        mixture: z from the ex-post mixture.
        prior: z from the prior.
        weighted: z from the prior, with each label as frequent as in the test images: a mean over images. None in
            evaluations of earlier versions, as is `real`.
        real: the share of real test images that the judge recognises, as a mean over the classes that have any.
        by_class: the same for each class. Empty in evaluations of earlier versions.
    """

    encoded: Measurement = field(metadata={"title": "conditional accuracy, z as encoded"})
    gaussian: Measurement = field(metadata={"title": "conditional accuracy, a Gaussian per class"})
    mixture: Measurement = field(metadata={"title": "conditional accuracy, the ex-post mixture"})
    prior: Measurement = field(metadata={"title": "conditional accuracy, z from the prior"})
    weighted: Measurement | None = field(
        default=None,
        metadata={"title": "conditional accuracy, z from the prior, labels as frequent as in the test images"},
    )
    real: Measurement | None = field(default=None, metadata={"title": "real test images recognised, mean over classes"})
    by_class: tuple[ClassAccuracy, ...] = ()

    @property
    def headline(self) -> tuple[str, str]:
        return "Conditional accuracy, z from the prior", f"{100 * self.prior.value:.1f}%"


def _measure(study: Study, _: Protocol) -> Accuracy:
    labels = sample_labels(study)
    rows = sample_rows(study, labels)
    means = f"decoder means.{encoding(study)}"
    chosen: dict[str, tuple[Tensor, str]] = {
        "encoded": (
            study.train_codes[examples(study, labels)],
            f"z are the codes of training images of that label, {means}",
        ),
        "gaussian": (
            draw(study.model, rows, 0, prior=_gaussians(study)),
            f"z from a Gaussian for each class, fitted to the codes of its training images, {means}",
        ),
    }
    protocol = f"Share of images that the judge classifies as their label. {sample_size(study)}, "
    shares, correct = {}, {}
    with progress("Judging images", (len(chosen) + len(Z_PRIORS)) * len(labels)) as advance:
        for name, (z, how) in chosen.items():
            shares[name] = measure(_correct(study, z, rows, labels), protocol + how)
            advance(len(labels))
        for prior in Z_PRIORS:
            correct[prior] = drawn(study, Way(prior, "mean", GIVEN)).correct
            shares[prior] = measure(correct[prior], protocol + drawing(study, prior))
            advance(len(labels))
    by_class = _by_class(study, labels, correct)
    return Accuracy(
        **shares,
        weighted=_weighted(study, by_class),
        real=_mean_of_classes([one.real for one in by_class if one.real is not None]),
        by_class=by_class,
    )


def _by_class(study: Study, labels: Tensor, correct: dict[str, Tensor]) -> tuple[ClassAccuracy, ...]:
    assert study.judge is not None  # the part does not apply without one
    guesses = torch.cat([study.judge.predict(batch) for batch in unit_batches(study.data.test)])
    right = (guesses == study.test_labels).float()
    found = []
    for number, name in enumerate(study.model.schema.classes):
        of_class = right[study.test_labels == number]
        real = measure(of_class, "Share of real test images that the judge classifies as their label.")
        drawn = {
            prior: measure(
                one[labels == number],
                f"Share of images that the judge classifies as their label, {drawing(study, prior)}",
            )
            for prior, one in correct.items()
        }
        found.append(ClassAccuracy(name, real if len(of_class) else None, **drawn))
    return tuple(found)


def _weighted(study: Study, by_class: tuple[ClassAccuracy, ...]) -> Measurement:
    counts = torch.bincount(study.test_labels, minlength=len(by_class)).double()
    return _mean([one.prior for one in by_class], counts / counts.sum())


def _mean_of_classes(found: list[Measurement]) -> Measurement:
    return _mean(found, torch.full((len(found),), 1 / len(found), dtype=torch.float64))


def _mean(found: list[Measurement], weights: Tensor) -> Measurement:
    """The weighted mean of independent figures."""
    values, errors = (torch.tensor([getattr(one, name) for one in found]).double() for name in ("value", "error"))
    protocol = f"Weighted mean over {len(found)} classes. {found[0].protocol}"
    count = sum(one.count for one in found)
    return Measurement(float(weights @ values), float((weights * errors).norm()), count, protocol)


def _gaussians(study: Study) -> torch.nn.Module:
    classes = len(study.model.schema.classes)
    return fit_mixture(study.train_codes, study.train_labels, classes, components=1, outliers=0)


def _correct(study: Study, z: Tensor, rows: Tensor, labels: Tensor) -> Tensor:
    assert study.judge is not None  # the part does not apply without one
    found = []
    for part, given, label in zip(z.split(BATCH), rows.split(BATCH), labels.split(BATCH), strict=True):
        found.append(study.judge.correct(study.decode(part, given), label))
    return torch.cat(found)


PART = Part(
    name="accuracy",
    title="Conditional accuracy of generated images",
    order=30,
    kind=Accuracy,
    measure=_measure,
    applies=lambda study: len(study.model.conditions.classes) > 1,
    needs="labels among the conditions of the model, and at least two classes",
    judged=True,
    quick=True,
)
