"""Images that a model draws in one way, as the evaluation sees them: their labels, features and judged classes.

Several parts of the evaluation look at the same images, which are drawn and embedded once.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from condvae.config import Z_PRIORS
from condvae.evaluation.features import JUDGED, embeddings
from condvae.evaluation.protocol import modes, null_rows, sample_labels, sample_rows
from condvae.evaluation.study import BATCH, Study
from condvae.inference.batched import MODEL_PRIOR
from condvae.seeds import seeded

DRAWN = 4  # distinguishes the seed of samples
WAYS = 8  # of one study that are kept
GIVEN, NONE = "given", "none"


class Way(NamedTuple):
    """One way to draw images.

    Attributes:
        prior: where z is drawn from, "prior" or "mixture".
        mode: the "mean" of p(x|z,y), or a "sample" of it.
        conditions: "given", or "none" if no condition is given.
    """

    prior: str
    mode: str
    conditions: str


@dataclass(frozen=True)
class Drawn:
    """Images of `sample_labels`.

    Attributes:
        labels: the labels that were asked for, int64 (N,).
        features: each kind of features, (N, F).
        correct: 1.0 where the judge takes an image for its label, else 0.0, (N,).
    """

    labels: Tensor
    features: dict[str, Tensor]
    correct: Tensor


def ways(study: Study) -> list[Way]:
    """All ways to draw images from a model."""
    conditions = study.model.conditions
    usual = GIVEN if conditions.variables else NONE
    found = [Way(prior, mode, usual) for prior in Z_PRIORS for mode in modes(study)]
    return [*found, Way(MODEL_PRIOR, "mean", NONE)] if conditions.optional else found


@lru_cache(maxsize=WAYS)
def drawn(study: Study, way: Way) -> Drawn:
    """Draw images and embed them, in batches. The same study gives the same images."""
    judge = study.judge
    assert judge is not None  # parts that draw images do not apply without one
    labels = sample_labels(study)
    rows = sample_rows(study, labels) if way.conditions == GIVEN else null_rows(study, len(labels))
    z = study.draw(rows, 0, way.prior)
    kinds = embeddings(judge, study.model.schema.shape[0])
    found: dict[str, list[Tensor]] = {name: [] for name in kinds}
    with seeded(DRAWN):
        for part, given in zip(z.split(BATCH), rows.split(BATCH), strict=True):
            images = study.decode(part, given, sample=way.mode == "sample")
            for name, embed in kinds.items():
                found[name].append(embed(images))
    features = {name: torch.cat(parts) for name, parts in found.items()}
    return Drawn(labels, features, (judge.classify(features[JUDGED]) == labels).float())
