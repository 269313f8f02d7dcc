"""The term that makes labels share their styles: what it measures, its gradient, and what training with it does."""

from math import pi
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.errors import ConfigError
from condvae.evaluation.parts.styles import style_agreement
from condvae.evaluation.study import Study
from condvae.model.cvae import CVAE
from condvae.schema import Schema
from condvae.training.checks import check
from condvae.training.fit import fit
from condvae.training.styles import SHARED, style_disagreement

SIDE = 16
SCHEMA = Schema((1, SIDE, SIDE), ("straight", "turned"))


class Strokes(nn.Module):
    """A stroke with the first latent dimension as its slant, and the second as its thickness.

    For the second label, both are turned by an angle before.
    """

    def __init__(self, angle: float) -> None:
        super().__init__()
        self.angle = nn.Parameter(torch.tensor(angle))

    def forward(self, z: Tensor, y: Tensor) -> Distribution:
        cosine, sine = self.angle.cos(), self.angle.sin()
        turned = torch.stack([cosine * z[:, 0] - sine * z[:, 1], sine * z[:, 0] + cosine * z[:, 1]], 1)
        slant, thickness = torch.where(y[:, :1] == 1, z, turned).unbind(1)
        at = torch.arange(SIDE) - (SIDE - 1) / 2
        distance = at + 0.2 * slant[:, None, None] * at[:, None]
        images = torch.exp(-(distance**2) / torch.exp(1 + 0.3 * thickness[:, None, None]))
        return Independent(Normal(images[:, None], 0.1), 3)


class FirstPixels(nn.Module):
    """The posterior of an image is around its first two pixels."""

    def forward(self, x: Tensor, y: Tensor) -> Distribution:
        return Independent(Normal(x[:, 0, 0, :2], 0.1), 1)


def strokes(angle: float) -> CVAE:
    model = CVAE(ModelConfig(latent=2, likelihood="gaussian"), SCHEMA)
    model.likelihood, model.posterior = Strokes(angle), FirstPixels()
    return model


def disagreement(model: CVAE, count: int) -> Tensor:
    """Of random images."""
    return style_disagreement(model, torch.randn(count, *SCHEMA.shape), torch.zeros(count))


@pytest.mark.parametrize(("angle", "wanted"), [(0.0, 0.0), (pi / 2, 1.0), (pi, 2.0)])
def test_it_is_one_minus_the_correlation_between_labels(angle: float, wanted: float) -> None:
    torch.manual_seed(0)
    values = [disagreement(strokes(angle), 100).item() for _ in range(20)]
    assert sum(values) / len(values) == pytest.approx(wanted, abs=0.15)


def test_its_gradient_leads_to_the_same_styles() -> None:
    torch.manual_seed(0)
    model = strokes(1.0)
    disagreement(model, 100).backward()
    assert model.likelihood.angle.grad > 0.1, "a smaller angle makes the labels agree"


@pytest.mark.parametrize("value", [-30.0, 30.0])
def test_blank_images_have_a_finite_gradient(value: float) -> None:
    model = CVAE(ModelConfig(latent=2, likelihood="bernoulli", decoder=(4,)), SCHEMA)
    with torch.no_grad():
        for parameter in model.likelihood.parameters():
            parameter.zero_()
        list(model.likelihood.parameters())[-1].fill_(value)
    disagreement(model, 10).backward()
    assert all(one.grad is None or one.grad.isfinite().all() for one in model.parameters())


def test_one_label_has_nothing_to_share() -> None:
    model = CVAE(ModelConfig(latent=2), Schema(SCHEMA.shape, ("only",)))
    assert disagreement(model, 10) == 0


def bars_and_boxes(count: int) -> LabelledImages:
    """Bars of random thickness and slant, and boxes of random thickness and slant: two labels with the same styles."""
    generator = np.random.default_rng(count)
    at = np.arange(SIDE) - (SIDE - 1) / 2
    labels = np.arange(count) % 2
    slant, thick = generator.normal(0, 0.3, (count, 1, 1)), generator.uniform(0.7, 2.5, (count, 1, 1))
    across = at - slant * -at[:, None]
    bar = np.abs(across) < thick
    box = (np.abs(np.abs(across) - 4) < thick / 2) & (np.abs(at[:, None]) < 7)
    images = np.where(labels[:, None, None] == 0, bar, box)
    return LabelledImages((255 * images[:, None]).astype(np.uint8), labels.astype(np.int64), ("bar", "box"))


def test_training_with_it_makes_labels_share_their_styles(tmp_path: Path) -> None:
    data = Dataset("strokes", bars_and_boxes(1500), bars_and_boxes(300))
    model = ModelConfig(latent=4, encoder=(64,), decoder=(64,), dropout=0, likelihood="bernoulli")
    found = {}
    for weight in (0.0, 5.0):
        training = TrainingConfig(beta=1, learning_rate=3e-3, batch_size=50, shared_style=weight)
        run = tmp_path / str(weight)
        fit(Config(model=model, training=training, trainer={"max_epochs": 8}), run, data)
        found[weight] = {one.style: one.correlation.value for one in style_agreement(Study(run, data))}
    assert all(found[5.0][name] > 0.75 for name in SHARED)
    assert any(found[0.0][name] < 0.5 for name in SHARED), "without it the labels do not share some style"


def test_it_needs_labels() -> None:
    config = Config(model=ModelConfig(conditions=("slant",)), training=TrainingConfig(shared_style=2))
    with pytest.raises(ConfigError, match=r"shared_style must be 0 if model\.conditions does not have label, got 2"):
        check(config)
