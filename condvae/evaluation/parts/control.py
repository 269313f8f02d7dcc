"""How well images have the attributes that were requested."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from condvae.data.attributes import MEASURES
from condvae.evaluation.measurement import ByClass, Measurement, bootstrapped, by_class, correlation, measure
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import Protocol, drawing, sample_labels, sample_rows, sample_size
from condvae.evaluation.study import BATCH, Study


@dataclass(frozen=True)
class Control(Section):
    """How well a requested attribute agrees with the attribute measured of the image.

    `error`, `offset` and `spread` are in the unit of the attribute. Slant is the tangent of an angle, thickness and
    width are in pixels, and ink is in fully inked pixels.

    Attributes:
        name: the attribute.
        prior: where z is drawn from, "prior" or "mixture".
        correlation: correlation of requested and measured values.
        within: the correlation after the mean of each label is subtracted, because labels differ in their attributes.
        error: mean absolute difference.
        offset: mean difference, measured minus requested.
        spread: mean absolute deviation of the requested values from their mean, to compare the error with.
        within_by_class, error_by_class: the correlation and the mean absolute difference of each class.
    """

    name: str
    prior: str
    correlation: Measurement = field(metadata={"title": "requested against measured, correlation"})
    within: Measurement = field(metadata={"title": "requested against measured, correlation within labels"})
    error: Measurement = field(metadata={"title": "requested against measured, mean absolute error"})
    offset: Measurement = field(metadata={"title": "requested against measured, mean difference"})
    spread: Measurement = field(metadata={"title": "mean absolute deviation of requested values"})
    within_by_class: ByClass = ()
    error_by_class: ByClass = ()

    @property
    def heading(self) -> str:
        return f"{self.name}, z from the {self.prior}"


def _measure(study: Study, protocol: Protocol) -> tuple[Control, ...]:
    """Request the attributes of training images, and measure the images drawn."""
    names, labels = study.model.config.conditions, sample_labels(study)
    rows = sample_rows(study, labels)
    images = study.decode(study.draw(rows, 0, protocol.usual_prior), rows)
    how = f"{sample_size(study)}, {drawing(study, protocol.usual_prior)} Requested values are those of training images."
    found = []
    for name in _measurable(study):
        measured = torch.cat([MEASURES[name](part) for part in images.split(BATCH)])
        what = f"{name.capitalize()} of {how}"
        found.append(_compared(name, protocol.usual_prior, labels, rows[:, names.index(name)], measured, what))
    return tuple(found)


def _measurable(study: Study) -> list[str]:
    """The conditions that can be measured of images."""
    return [name for name in study.model.config.conditions if name in MEASURES]


def _compared(name: str, prior: str, labels: Tensor, requested: Tensor, found: Tensor, how: str) -> Control:
    within, error = (_within(requested, labels), _within(found, labels)), (found - requested).abs()
    classes = [labels == label for label in range(int(labels.max()) + 1)]
    return Control(
        name,
        prior,
        _correlation(requested, found, how),
        _correlation(*within, f"{how} The mean of each label is subtracted from both."),
        measure(error, how),
        measure(found - requested, how),
        measure((requested - requested.mean()).abs(), f"{name.capitalize()} as requested."),
        tuple(_correlation(requested[own], found[own], how) for own in classes),
        by_class(error, labels, len(classes), how),
    )


def _correlation(values: Tensor, others: Tensor, protocol: str) -> Measurement:
    def of(chosen: Tensor) -> float:
        return correlation(values[chosen], others[chosen])

    return bootstrapped(of, protocol, len(values))


def _within(values: Tensor, labels: Tensor) -> Tensor:
    """Values (N,) minus the mean of their label."""
    sums = torch.zeros(int(labels.max()) + 1).index_add(0, labels, values)
    return values - (sums / torch.bincount(labels).clamp(min=1))[labels]


PART = Part(
    name="control",
    title="Control of attributes",
    order=60,
    kind=tuple[Control, ...],
    measure=_measure,
    applies=lambda study: bool(_measurable(study)),
    needs=f"a condition that can be measured of images: {', '.join(MEASURES)}",
)
