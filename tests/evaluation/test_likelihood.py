"""Estimators of the likelihood against closed forms: the exact log p(x|y) of a linear-Gaussian model."""

from math import inf, log, log2
from pathlib import Path

import numpy as np
import pytest
import torch

from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.evaluation.parts import likelihood
from condvae.evaluation.parts.likelihood import _classifier, measure_likelihood
from condvae.evaluation.protocol import Protocol
from condvae.evaluation.study import Study
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.run import Run
from tests.evaluation.linear import IMAGES, LATENT, PIXELS, SCHEMA, SHAPE, LinearGaussian
from tests.evaluation.runs import untrained

BOUND = TrainingConfig(beta=1)


@pytest.fixture
def linear() -> LinearGaussian:
    return LinearGaussian()


@pytest.fixture
def study(linear: LinearGaussian, tmp_path: Path) -> Study:
    """The linear model with its exact posterior, and its own images as test images."""
    run = Run(tmp_path / "run")
    config = ModelConfig(latent=LATENT, likelihood="gaussian")
    save_model(run, CVAE(config, SCHEMA), Config(model=config, training=BOUND), {})
    images, labels = np.zeros((IMAGES, *SHAPE), np.uint8), linear.labels.numpy()
    train, test = (LabelledImages(images[:count], labels[:count], SCHEMA.classes) for count in (IMAGES - 10, IMAGES))
    made = Study(run, Dataset("linear", train, test))
    made.model = linear.with_posterior(wrong=0)
    codes = linear.mean(0)(linear.x, linear.one_hot).mean
    made.__dict__.update(
        observed=linear.x, observed_codes=(codes, linear.covariance.diagonal().sqrt().expand(IMAGES, -1))
    )
    return made


def test_the_marginal_and_the_classifier_are_those_of_bayes(linear: LinearGaussian, study: Study) -> None:
    found = measure_likelihood(study, Protocol(importance_samples=2, images=None))
    under = torch.stack([linear.exact.log_prob(linear.x.flatten(1) - linear.shift[label]) for label in (0, 1)], 1)
    marginal = (under + torch.tensor([0.5, 0.5]).log()).logsumexp(1)
    assert found.nll.value == pytest.approx(-linear.log_p.mean().item(), rel=1e-4)
    each = [-linear.log_p[linear.labels == label].mean().item() for label in (0, 1)]
    assert [one.value for one in found.nll_by_class] == pytest.approx(each, rel=1e-4)
    assert found.marginal.value == pytest.approx(-marginal.mean().item(), rel=1e-4)
    assert found.bits.value == pytest.approx(found.nll.value / (PIXELS * log(2)) + log2(255), rel=1e-4)
    right = (under.argmax(1) == linear.labels).double().mean().item()
    assert found.classifier.accuracy.value == pytest.approx(right)
    assert 0 < found.classifier.calibration_error.value < 0.2
    assert "All test images. 2 importance samples for each image." in found.nll.protocol
    assert found.gap is None
    assert found.effective.value == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize(("small", "images"), [(inf, "10"), (0.0, "40")])
def test_other_labels_are_measured_on_more_images_until_the_error_is_small(
    small: float, images: str, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likelihood, "PAIRS", (20, 80))
    monkeypatch.setattr(likelihood, "SMALL", small)
    found = measure_likelihood(study, Protocol(importance_samples=2, images=None))
    assert f"for each label. {images} test images drawn at random." in found.marginal.protocol
    assert found.classifier.accuracy.count == int(images)


def test_the_code_length_is_the_mean_over_uniform_noise(linear: LinearGaussian, study: Study) -> None:
    """The mean of a quadratic form over noise with a known mean and variance. All test images are black."""
    found = measure_likelihood(study, Protocol(importance_samples=2, images=None))
    deviations = 0.5 / 256 - linear.shift[linear.labels]
    noise = linear.exact.precision_matrix.trace() / (12 * 256**2) / 2
    bits = 8 - (linear.exact.log_prob(deviations) - noise) / (PIXELS * log(2))
    assert found.code_length.value == pytest.approx(bits.mean().item(), abs=1e-3)
    assert "An upper bound, by uniform dequantisation" in found.code_length.protocol


def test_a_uniform_density_needs_all_eight_bits(bars: Dataset, tmp_path: Path) -> None:
    study = untrained(tmp_path / "run", bars, likelihood="continuous-bernoulli")
    for parameter in study.model.parameters():
        parameter.data.zero_()
    found = measure_likelihood(study, Protocol(importance_samples=3, images=9))
    assert found.code_length.value == pytest.approx(8)
    assert found.bits.value == pytest.approx(log2(255)), "without dequantisation it is no code length"


def test_binarised_images_have_no_code_length_in_grey_levels(bars: Dataset, tmp_path: Path) -> None:
    study = untrained(tmp_path / "run", bars, likelihood="bernoulli")
    assert measure_likelihood(study, Protocol(importance_samples=3, images=9)).code_length is None


@pytest.mark.parametrize("claimed", [0.5, 0.9])
def test_the_calibration_error_is_claimed_minus_true(claimed: float) -> None:
    labels = torch.arange(1000) % 2
    table = torch.tensor([claimed, 1 - claimed]).log().expand(1000, 2)
    error = _classifier(table, labels, "here").calibration_error
    assert error.value == pytest.approx(claimed - 0.5, abs=1e-4)
    assert error.error == pytest.approx(0.5 / 1000**0.5, rel=0.5)


def test_active_units_and_the_divergence_of_each_dimension(study: Study) -> None:
    torch.manual_seed(0)
    means = torch.randn(IMAGES, LATENT) * torch.tensor([1.0, 0.05, 2.0])
    means[:, 1] += 3 * study.test_labels  # where a learned prior may put codes that carry nothing else
    study.__dict__["observed_codes"] = (means, torch.tensor([0.5, 1.0, 1.0]).expand(IMAGES, -1))
    found = measure_likelihood(study, Protocol(importance_samples=1, images=None))
    assert found.active_units.value == 2
    wanted = (means.square().mean(0) + torch.tensor([0.25, 1, 1]) - 1) / 2 - torch.tensor([0.5, 1, 1]).log()
    assert [one.value for one in found.dimensions] == pytest.approx(wanted.tolist(), rel=1e-4)
