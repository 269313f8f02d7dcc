"""What z and the conditions carry: whether style and label are apart, and whether attributes are met."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from condvae.data.attributes import MEASURES, TINY, style
from condvae.evaluation.measurement import Measurement, bootstrapped, correlation, measure
from condvae.evaluation.study import Study
from condvae.inference.batched import decode
from condvae.seeds import shuffled

SHARED_CODES = 1000


PROBED = 20_000


@dataclass(frozen=True)
class Leak:
    """Whether z repeats the label, which the model is given anyway; a probe at chance means that it does not.

    Attributes:
        probe: accuracy of a linear classifier of labels from z.
        chance: accuracy of always saying the most frequent label.
        slant: correlation of slant between two labels at the same z; None for fewer than two.
        ink: the same of ink.
    """

    probe: Measurement = field(metadata={"title": "label from z, linear probe"})
    chance: Measurement = field(metadata={"title": "its chance level"})
    slant: Measurement | None = field(metadata={"title": "style agreement of labels, slant"})
    ink: Measurement | None = field(metadata={"title": "style agreement of labels, ink"})


@dataclass(frozen=True)
class Obedience:
    """How well a requested attribute is met by the images drawn.

    Error, offset and spread are in its own unit: slant the tangent of an angle, thickness and width pixels, ink fully
    inked pixels.

    Attributes:
        name: of the attribute.
        source: where z is from: prior, or mixture.
        correlation: between requested and measured values.
        within: the same within labels, which differ in the attribute themselves.
        error: mean absolute difference.
        offset: mean difference, measured less requested.
        spread: mean absolute deviation of the real values from their mean, to compare the error with.
    """

    name: str
    source: str
    correlation: Measurement = field(metadata={"title": "requested against measured, correlation"})
    within: Measurement = field(metadata={"title": "the same within labels"})
    error: Measurement = field(metadata={"title": "requested against measured, mean error"})
    offset: Measurement = field(metadata={"title": "requested against measured, mean difference"})
    spread: Measurement = field(metadata={"title": "its scale, mean deviation of real values"})


def measure_leak(study: Study) -> Leak:
    """Train the probe on codes of training images, test it on those of test images; compare labels at the same z."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    chosen = shuffled(len(study.train_codes))[:PROBED]
    codes, labels = study.train_codes[chosen].numpy(), study.train_labels[chosen].numpy()
    test, truth = study.test_codes[0].numpy(), study.test_labels
    if len(set(labels.tolist())) > 1:
        guesses = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(codes, labels).predict(test)
    else:
        guesses = labels[:1].repeat(len(test))
    frequent = study.label_frequencies.argmax()
    trained = f"logistic regression on posterior means of {len(chosen):,} training images"
    shared = style_agreement(study) if len(study.model.conditions.classes) > 1 else {}
    return Leak(
        measure((torch.from_numpy(guesses) == truth).float(), f"{trained}, tested on test images{study.encoding}"),
        measure((truth == frequent).float(), "share of the most frequent label among test images"),
        shared.get("slant"),
        shared.get("ink"),
    )


def style_agreement(study: Study) -> dict[str, Measurement]:
    """Mean correlation over pairs of labels, at the same z, of slant and of ink."""
    chosen = shuffled(len(study.train_codes))[:SHARED_CODES]
    images = study.decoded(study.train_codes[chosen])
    found = style(images.flatten(0, 1))._asdict()
    count = f"{len(chosen):,} codes of training images{study.encoding}"
    how = f"between two labels at the same z, mean over pairs of labels, {count}"
    if len(study.model.conditions.variables) > 1:
        how += ", attributes of training images"
    return {
        name: _mean_pair_correlation(found[name].unflatten(0, images.shape[:2]), f"correlation of {name} {how}")
        for name in ("slant", "ink")
    }


def measure_obedience(study: Study, source: str = "prior") -> tuple[Obedience, ...]:
    """Ask for the attributes of training images, and measure what was drawn."""
    names = study.model.config.conditions
    labels = study.sample_labels
    rows = study.rows(labels)
    images = decode(study.model, study.draw(rows, 0, source), rows)
    how = f"{study.sample_size}, z from the {study.origin(source)}, decoder mean, requested as training images have it"
    return tuple(
        _obedience(name, source, rows[:, names.index(name)], labels, images, f"{name}, {how}")
        for name in names
        if name in MEASURES
    )


def _obedience(name: str, source: str, requested: Tensor, labels: Tensor, images: Tensor, how: str) -> Obedience:
    found = torch.cat([MEASURES[name](part) for part in images.split(1000)])
    return Obedience(
        name,
        source,
        _correlation(requested, found, how),
        _correlation(_within(requested, labels), _within(found, labels), f"{how}; less the mean of each label"),
        measure((found - requested).abs(), how),
        measure(found - requested, how),
        measure((requested - requested.mean()).abs(), f"{name} as requested"),
    )


def _correlation(values: Tensor, others: Tensor, protocol: str) -> Measurement:
    def of(chosen: Tensor) -> float:
        return correlation(values[chosen], others[chosen])

    return bootstrapped(of, protocol, len(values))


def _within(values: Tensor, labels: Tensor) -> Tensor:
    """Values (N,) less the mean of their label."""
    sums = torch.zeros(int(labels.max()) + 1).index_add(0, labels, values)
    return values - (sums / torch.bincount(labels).clamp(min=1))[labels]


def _mean_pair_correlation(values: Tensor, protocol: str) -> Measurement:
    """The mean correlation over all pairs of rows, (labels, N); 0 for a pair of which one does not vary."""
    labels, count = values.shape

    def mean_of_pairs(chosen: Tensor) -> float:
        deviations = values[:, chosen].double()
        deviations -= deviations.mean(1, keepdim=True)
        directions = deviations / deviations.norm(dim=1, keepdim=True).clamp(min=TINY)
        return (directions @ directions.T).triu(1).sum().item() / (labels * (labels - 1) / 2)

    return bootstrapped(mean_of_pairs, protocol, count)
