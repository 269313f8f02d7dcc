"""How often images that the model draws have the requested label."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from condvae.config import Z_PRIORS
from condvae.evaluation.measurement import Measurement, measure
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import Protocol, drawing, encoding, examples, sample_labels, sample_rows, sample_size
from condvae.evaluation.study import BATCH, Study
from condvae.inference.batched import decode, draw
from condvae.inference.mixture import fit_mixture
from condvae.progress import progress


@dataclass(frozen=True)
class Accuracy(Section):
    """Conditional accuracy: the share of images that the judge classifies as their label.

    It is measured for four sources of z.

    Attributes:
        encoded: z is the code of a training image of the same label.
        gaussian: z from one Gaussian for each class, fitted to these codes.
        mixture: z from the ex-post mixture.
        prior: z from the prior.
    """

    encoded: Measurement = field(metadata={"title": "conditional accuracy, z as encoded"})
    gaussian: Measurement = field(metadata={"title": "conditional accuracy, a Gaussian per class"})
    mixture: Measurement = field(metadata={"title": "conditional accuracy, the ex-post mixture"})
    prior: Measurement = field(metadata={"title": "conditional accuracy, z from the prior"})

    @property
    def headline(self) -> tuple[str, str]:
        return "Conditional accuracy, z from the prior", f"{100 * self.prior.value:.1f}%"


def _measure(study: Study, _: Protocol) -> Accuracy:
    labels = sample_labels(study)
    rows = sample_rows(study, labels)
    means = f"decoder means.{encoding(study)}"
    cases: dict[str, tuple[Tensor, str]] = {
        "encoded": (
            study.train_codes[examples(study, labels)],
            f"z are the codes of training images of that label, {means}",
        ),
        "gaussian": (
            draw(study.model, rows, 0, prior=_gaussians(study)),
            f"z from a Gaussian for each class, fitted to the codes of its training images, {means}",
        ),
        **{prior: (study.draw(rows, 0, prior), drawing(study, prior)) for prior in Z_PRIORS},
    }
    protocol = f"Share of images that the judge classifies as their label. {sample_size(study)}, "
    shares = {}
    with progress("Judging images", len(cases) * len(labels)) as advance:
        for name, (z, how) in cases.items():
            parts = zip(z.split(BATCH), rows.split(BATCH), labels.split(BATCH), strict=True)
            correct = []
            for part in parts:
                correct.append(_correct(study, *part))
                advance(len(part[0]))
            shares[name] = measure(torch.cat(correct), protocol + how)
    return Accuracy(**shares)


def _gaussians(study: Study) -> torch.nn.Module:
    classes = len(study.model.schema.classes)
    return fit_mixture(study.train_codes, study.train_labels, classes, components=1, outliers=0)


def _correct(study: Study, z: Tensor, rows: Tensor, labels: Tensor) -> Tensor:
    assert study.judge is not None  # the part does not apply without one
    return study.judge.correct(decode(study.model, z, rows), labels)


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
