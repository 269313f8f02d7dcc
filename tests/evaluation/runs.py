"""What the tests of the evaluation share: small models and data, trained for a moment or not at all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset, prepared
from condvae.data.labelled import LabelledImages, Values
from condvae.evaluation.evaluate import evaluate, load_evaluation
from condvae.evaluation.measurement import Measurement
from condvae.evaluation.protocol import Protocol
from condvae.evaluation.study import Study
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.report.text import summary
from condvae.run import Run
from condvae.training.fit import fit

SMALL = ModelConfig(encoder=(16,), decoder=(16,), dropout=0)
SHORT = {"max_epochs": 2, "enable_progress_bar": False}
BOUND = TrainingConfig(batch_size=30, beta=1)
NO_BOUND = TrainingConfig(batch_size=30)
FEW = Protocol(importance_samples=7, images=9, classifier_steps=2)


def trained(path: Path, data: Dataset, model: ModelConfig, training: TrainingConfig = BOUND) -> Study:
    """A small model after two epochs."""
    fit(Config(model=model, training=training, trainer=SHORT), path, data)
    return Study(path, data)


def untrained(path: Path, data: Dataset, **model: object) -> Study:
    """A small model with its initial weights."""
    config = Config(model=ModelConfig(**{"encoder": (8,), "decoder": (8,), **model}))
    torch.manual_seed(0)
    save_model(Run(path), CVAE(config.model, prepared(data, config).train.schema), config, {})
    return Study(path, data)


def measured(study: Study) -> dict[str, Measurement]:
    """Every figure by heading and title. Each must be a finite number with an error, a count and a protocol."""
    evaluation = evaluate(study, protocol=FEW)
    figures = {f"{heading}: {title}": figure for heading, title, figure in evaluation.figures()}
    for name, figure in figures.items():
        assert np.isfinite([figure.value, figure.error]).all(), name
        assert figure.error >= 0, name
        assert figure.count >= 1, name
        assert figure.protocol[0].isupper() or figure.protocol[0].isdecimal(), name
        assert figure.protocol.endswith("."), name
    assert len(figures) == len(list(evaluation.figures())), "every figure has a title of its own"
    assert load_evaluation(study) == evaluation
    assert summary(evaluation, [])
    return figures


def parts_of(figures: dict[str, Measurement]) -> set[str]:
    """The titles of the parts that figures belong to."""
    return {name.split(":")[0].split(",")[0] for name in figures}


def with_tone(data: Dataset) -> Dataset:
    """The same data with an attribute of two classes."""

    def toned(part: LabelledImages) -> LabelledImages:
        return replace(part, attributes={"tone": Values(np.arange(len(part)) % 2, ("warm", "cold"))})

    return Dataset(data.source, toned(data.train), toned(data.test))
