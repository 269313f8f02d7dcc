"""Whether z predicts the label, and whether two labels have the same style at the same z."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condvae.data.attributes import TINY, style
from condvae.evaluation.measurement import Measurement, bootstrapped, measure
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import Protocol, decode_all_labels, encoding
from condvae.evaluation.study import Study
from condvae.seeds import shuffled

SHARED_CODES = 1000
PROBED = 20_000


@dataclass(frozen=True)
class Styles(Section):
    """Whether z contains the label, which the model is given anyway, and whether labels look alike at the same z.

    Attributes:
        probe: accuracy of a linear classifier of the label from z. At the chance level, it finds no label in z.
        chance: accuracy of always choosing the most frequent label.
        slant: correlation of slant between two labels at the same z. None if there are fewer than two labels.
        ink: the same for ink.
    """

    probe: Measurement = field(metadata={"title": "accuracy of a linear probe of the label from z"})
    chance: Measurement = field(metadata={"title": "chance level of the probe"})
    slant: Measurement | None = field(metadata={"title": "correlation of slant between labels"})
    ink: Measurement | None = field(metadata={"title": "correlation of ink between labels"})


def style_agreement(study: Study) -> dict[str, Measurement]:
    """Correlation of slant, and of ink, between two labels at the same z. It is the mean over pairs of labels."""
    chosen = shuffled(len(study.train_codes))[:SHARED_CODES]
    images = decode_all_labels(study, study.train_codes[chosen])
    found = style(images.flatten(0, 1))._asdict()
    how = f"between two labels at the same z, mean over pairs of labels. {len(chosen):,} codes of training images."
    if len(study.model.conditions.variables) > 1:
        how += " Attributes are those of training images."
    how += encoding(study)
    return {
        name: _mean_pair_correlation(found[name].unflatten(0, images.shape[:2]), f"Correlation of {name} {how}")
        for name in ("slant", "ink")
    }


def _measure(study: Study, _: Protocol) -> Styles:
    chosen, truth = shuffled(len(study.train_codes))[:PROBED], study.test_labels
    guesses = _probe(study, chosen)
    shared = style_agreement(study) if len(study.model.conditions.classes) > 1 else {}
    trained = f"Logistic regression on the posterior means of {len(chosen):,} training images, tested on test images."
    return Styles(
        measure((torch.from_numpy(guesses) == truth).float(), trained + encoding(study)),
        measure(
            (truth == study.label_frequencies.argmax()).float(),
            "Share of test images with the most frequent label of the training images.",
        ),
        shared.get("slant"),
        shared.get("ink"),
    )


def _probe(study: Study, chosen: Tensor) -> NDArray[np.int64]:
    """Labels of the test images (N,), predicted from z by a classifier trained on the chosen training images."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    codes, labels = study.train_codes[chosen].numpy(), study.train_labels[chosen].numpy()
    test = study.test_codes[0].numpy()
    if len(np.unique(labels)) == 1:
        return labels[:1].repeat(len(test))
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    predicted: NDArray[np.int64] = probe.fit(codes, labels).predict(test)
    return predicted


def _mean_pair_correlation(values: Tensor, protocol: str) -> Measurement:
    """The mean correlation over all pairs of rows, (labels, N). 0 for a pair of which one row does not vary."""
    labels, count = values.shape

    def mean_of_pairs(chosen: Tensor) -> float:
        deviations = values[:, chosen].double()
        deviations -= deviations.mean(1, keepdim=True)
        directions = deviations / deviations.norm(dim=1, keepdim=True).clamp(min=TINY)
        return (directions @ directions.T).triu(1).sum().item() / (labels * (labels - 1) / 2)

    return bootstrapped(mean_of_pairs, protocol, count)


PART = Part(
    name="styles",
    title="Style and label in z",
    order=50,
    kind=Styles,
    measure=_measure,
)
