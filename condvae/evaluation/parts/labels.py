"""Training images that may have a wrong label, and images that do not look like any class."""

from dataclasses import dataclass, field

import torch

from condvae.evaluation.findings import FILE, write_findings
from condvae.evaluation.measurement import Measurement, measure
from condvae.evaluation.outliers import UNUSUAL, outlier_scores
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import Protocol
from condvae.evaluation.study import Study
from condvae.evaluation.suspects import SAMPLES, cross_fitted

IMPROBABLE = 0.01


@dataclass(frozen=True)
class Labels(Section):
    """How many training images have an improbable label, and how many are unusual. labels.csv says which ones.

    Attributes:
        suspects: share of images whose own label has a probability below IMPROBABLE, without outliers.
        others: share of images for which another label is more probable.
        outliers: share of images that are more than UNUSUAL standard deviations from usual images.
        not_judged: number of images without a judgement of their label.
    """

    suspects: Measurement = field(metadata={"title": f"training images with p(own label) < {IMPROBABLE}"})
    others: Measurement = field(metadata={"title": "training images that look like another label"})
    outliers: Measurement = field(metadata={"title": "training images that look like no label"})
    not_judged: int

    @property
    def headline(self) -> tuple[str, str]:
        return "Improbable labels", f"{round(self.suspects.value * self.suspects.count):,}"


def _measure(study: Study, _: Protocol) -> Labels:
    part, judgement = study.whole.train, cross_fitted(study)
    scores = outlier_scores(part, judgement)
    write_findings(study.run.path / FILE, part, judgement, scores)
    known = ~judgement.log_own.isnan()
    own, unusual = judgement.log_own[known].exp(), torch.from_numpy(scores > UNUSUAL)
    suspects = (own < IMPROBABLE) & ~unusual[known]
    other = judgement.likely[known] != torch.from_numpy(part.labels)[known]
    missing = len(part) - len(own)
    rest = f" {missing:,} images are left out, because the other half has no image of their class." if missing else ""
    how = (
        "Each half of the training images is judged by a model that was trained on the other half with the settings of "
        "the run. Labels have their frequencies in that half."
    )
    judge = f"{how} One sample of z for each label, {SAMPLES} for an image whose label is then doubtful.{rest}"
    return Labels(
        suspects=measure(suspects.float(), f"Share of images with p(y|x) < {IMPROBABLE}, without outliers. {judge}"),
        others=measure(other.float(), f"Share of images whose label does not have the largest p(y|x). {judge}"),
        outliers=measure(
            unusual.float(),
            f"Share of images that are more than {UNUSUAL} standard deviations from usual images, in -log p(x), error "
            f"of the reconstruction and size as a PNG file together. {how}",
        ),
        not_judged=missing,
    )


PART = Part(
    name="labels",
    title="Labels of training images",
    order=100,
    kind=Labels,
    measure=_measure,
    applies=lambda study: study.model.has_bound and len(study.model.conditions.classes) > 1,
    needs="labels among the conditions of the model, at least two classes, a likelihood in nats (not the squared "
    "error), and a posterior with a density",
    by_default=lambda _: False,
)
