"""Whether z predicts the label, and whether two labels have the same style at the same z."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condvae.data.attributes import MEASURES, TINY
from condvae.evaluation.measurement import Measurement, bootstrapped, measure
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import Protocol, decode_all_labels, encoding
from condvae.evaluation.study import Study
from condvae.seeds import shuffled

SHARED_CODES = 1000
PROBED = 20_000
NEIGHBOURS = 10


@dataclass(frozen=True)
class Agreement(Section):
    """How well labels agree in a measure of style.

    Attributes:
        style: the measure, a name in MEASURES.
        correlation: correlation between two labels at the same z, mean over all pairs.
        by_class: correlation between each label and another one, mean over the other labels.
    """

    style: str
    correlation: Measurement = field(metadata={"title": "correlation between labels at the same z"})
    by_class: tuple[Measurement, ...]

    @property
    def heading(self) -> str:
        return self.style


@dataclass(frozen=True)
class Styles(Section):
    """Whether z contains the label, which the model is given anyway, and whether labels look alike at the same z.

    Attributes:
        linear: accuracy of a linear classifier of the label from z. At the chance level, it finds no label in z.
        neighbours: the same for a classifier that is not linear, by the NEIGHBOURS nearest codes.
        chance: accuracy of always choosing the most frequent label.
        agreement: how well labels agree in each measure of style. Empty if there are fewer than two labels.
    """

    linear: Measurement = field(metadata={"title": "accuracy of a linear probe of the label from z"})
    neighbours: Measurement = field(metadata={"title": "accuracy of a nearest-neighbour probe of the label from z"})
    chance: Measurement = field(metadata={"title": "chance level of the probes"})
    agreement: tuple[Agreement, ...] = ()


def style_agreement(study: Study) -> tuple[Agreement, ...]:
    """How well labels agree in slant, thickness, ink and width at the same z.

    Measures that are conditions of the model are left out, because z does not decide them.
    """
    chosen = study.some_test(SHARED_CODES)
    images = decode_all_labels(study, study.test_codes[chosen])
    how = f"between labels at the same z. {len(chosen):,} codes of test images."
    if len(study.model.conditions.variables) > 1:
        how += " Attributes are the means of those of the training images."
    how += encoding(study)
    return tuple(
        _agreement(name, torch.stack([measure_of(one) for one in images]), f"Correlation of {name} {how}")
        for name, measure_of in MEASURES.items()
        if name not in study.model.config.conditions
    )


def _measure(study: Study, _: Protocol) -> Styles:
    chosen, truth = shuffled(len(study.train_codes))[:PROBED], study.test_labels
    linear, neighbours = (torch.from_numpy(guesses) == truth for guesses in _probes(study, chosen))
    on = f"the posterior means of {len(chosen):,} training images, tested on test images.{encoding(study)}"
    return Styles(
        measure(linear.float(), f"Logistic regression on {on}"),
        measure(neighbours.float(), f"Majority of the {NEIGHBOURS} nearest of {on}"),
        measure(
            (truth == study.label_frequencies.argmax()).float(),
            "Share of test images with the most frequent label of the training images.",
        ),
        style_agreement(study) if len(study.model.conditions.classes) > 1 else (),
    )


def _probes(study: Study, chosen: Tensor) -> list[NDArray[np.int64]]:
    """Labels of the test images (N,), predicted from z by two classifiers trained on the chosen training images."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    codes, labels = study.train_codes[chosen].numpy(), study.train_labels[chosen].numpy()
    test = study.test_codes.numpy()
    if len(np.unique(labels)) == 1:
        return [labels[:1].repeat(len(test))] * 2
    kinds = LogisticRegression(max_iter=1000), KNeighborsClassifier(min(NEIGHBOURS, len(codes)))
    return [make_pipeline(StandardScaler(), kind).fit(codes, labels).predict(test) for kind in kinds]


def _agreement(name: str, values: Tensor, protocol: str) -> Agreement:
    """How well rows of values agree, (labels, N). The correlation is 0 for a pair of which one row does not vary."""
    labels, count = values.shape

    def with_others(chosen: Tensor) -> Tensor:
        deviations = values[:, chosen].double()
        deviations -= deviations.mean(1, keepdim=True)
        directions = deviations / deviations.norm(dim=1, keepdim=True).clamp(min=TINY)
        return (directions @ directions.T).fill_diagonal_(0).sum(1) / (labels - 1)

    def of(label: int) -> Measurement:
        return bootstrapped(
            lambda chosen: with_others(chosen)[label].item(), f"{protocol} With each other label.", count
        )

    mean = bootstrapped(
        lambda chosen: with_others(chosen).mean().item(), f"{protocol} Mean over all pairs of labels.", count
    )
    return Agreement(name, mean, tuple(of(label) for label in range(labels)))


PART = Part(
    name="styles",
    title="Style and label in z",
    order=50,
    kind=Styles,
    measure=_measure,
)
