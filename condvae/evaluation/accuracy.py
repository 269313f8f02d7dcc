"""TODO."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from condvae.config import SOURCES
from condvae.evaluation.measurement import Measurement, measure
from condvae.evaluation.protocol import Choices
from condvae.evaluation.study import Study
from condvae.inference.batched import decode, draw
from condvae.inference.mixture import fit_mixture


@dataclass(frozen=True)
class Accuracy:
    """Share of images that the judge takes for their label, by where z is from.

    Attributes:
        encoded: z of training images of that label.
        gaussian: z from one Gaussian per class, fitted to those.
        mixture: z from the ex-post mixture fitted to those.
        prior: z from the prior.
    """

    encoded: Measurement = field(metadata={"title": "conditional accuracy, z as encoded"})
    gaussian: Measurement = field(metadata={"title": "conditional accuracy, a Gaussian per class"})
    mixture: Measurement = field(metadata={"title": "conditional accuracy, the ex-post mixture"})
    prior: Measurement = field(metadata={"title": "conditional accuracy, z from the prior"})


def _accuracy(study: Study, _: Choices) -> dict[str, Any]:
    judge, model = study.judge, study.model
    if judge is None or not model.conditions.classes:
        return {}
    labels = study.sample_labels
    rows = study.rows(labels)
    gaussians = fit_mixture(study.train_codes, study.train_labels, len(model.schema.classes), components=1, outliers=0)
    sources: dict[str, tuple[Tensor, str]] = {
        "encoded": (study.train_codes[study.examples(labels)], f"training images of that label{study.encoding}"),
        "gaussian": (draw(model, rows, 0, prior=gaussians), f"a Gaussian a class, fitted to its codes{study.encoding}"),
        **{source: (study.draw(rows, 0, source), f"the {study.origin(source)}") for source in SOURCES},
    }
    protocol = f"share judged to be the label, {study.sample_size}, decoder mean, z from "
    shares = {
        name: measure(judge.correct(decode(model, z, rows), labels), protocol + source)
        for name, (z, source) in sources.items()
    }
    return {"accuracy": Accuracy(**shares), "judge": judge.description}
