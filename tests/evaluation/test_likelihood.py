"""Estimators against closed forms: the exact log p(x|y) of a linear-Gaussian model, and the KL of every prior."""

from math import log, log2
from pathlib import Path

import numpy as np
import pytest
import torch
from condvae.evaluation.likelihood import _classifier, log_likelihood, measure_likelihood
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset, LabelledImages
from condvae.evaluation.study import Study
from condvae.inference.batched import evaluating
from condvae.model.cvae import CVAE
from condvae.model.distributions import divergence, gaussian
from condvae.model.priors import PRIORS
from condvae.model.saving import save_model
from condvae.run import Run
from condvae.schema import Schema
from condvae.seeds import seeded

PIXELS, LATENT, NOISE = 6, 3, 0.4
BOUND = TrainingConfig(beta=1)


class Affine(nn.Module):
    """A Gaussian with a mean that is affine in its first input, with a shift for each label."""

    def __init__(self, weight: Tensor, shift: Tensor, scale: Tensor, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight, self.shift, self.scale, self.shape = weight, shift, scale, shape
        self.drawn = 0

    binary, measures, offset = False, "density of made images", log2(255)

    def forward(self, value: Tensor, y: Tensor) -> Distribution:
        self.drawn += len(value)
        mean = (value.flatten(1) @ self.weight + y @ self.shift).unflatten(1, self.shape)
        return Independent(Normal(mean, self.scale.expand_as(mean)), len(self.shape))


class LinearGaussian:
    """x = W z + c_y + noise, z ~ N(0, I): its log p(x|y) and posterior are known."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        weight, shift = torch.randn(LATENT, PIXELS), torch.randn(2, PIXELS)
        self.model = CVAE(ModelConfig(latent=LATENT, likelihood="gaussian"), Schema((1, 2, 3), ("a", "b")))
        self.model.likelihood = Affine(weight, shift, torch.tensor(NOISE), (1, 2, 3))
        covariance = weight.T @ weight + NOISE**2 * torch.eye(PIXELS)
        self.exact = MultivariateNormal(torch.zeros(PIXELS), covariance)
        self.weight, self.shift = weight, shift
        self.labels = torch.arange(40) % 2
        self.x = (torch.randn(40, LATENT) @ weight + shift[self.labels] + NOISE * torch.randn(40, PIXELS)).view(
            40, 1, 2, 3
        )
        precision = weight @ weight.T / NOISE**2 + torch.eye(LATENT)
        gain = weight.T / NOISE**2 @ precision.inverse()
        self.mean = lambda wrong: Affine(
            gain + wrong * torch.randn_like(gain), -shift @ gain, torch.tensor(1.0), (LATENT,)
        )
        self.covariance = precision.inverse()

    @property
    def one_hot(self) -> Tensor:
        return nn.functional.one_hot(self.labels, 2).float()

    @property
    def log_p(self) -> Tensor:
        return self.exact.log_prob(self.x.flatten(1) - self.shift[self.labels])

    def with_posterior(self, wrong: float, scale: float = 1.0) -> CVAE:
        """The model with its exact posterior (a full Gaussian), or with one that is off."""
        mean, covariance = self.mean(wrong), self.covariance * scale

        class Posterior(nn.Module):
            def forward(self, x: Tensor, y: Tensor) -> Distribution:
                return MultivariateNormal(mean(x, y).mean, covariance)

        self.model.posterior = Posterior()
        return self.model


@pytest.fixture
def linear() -> LinearGaussian:
    return LinearGaussian()


def test_with_the_exact_posterior_every_estimate_is_exact(linear: LinearGaussian) -> None:
    model = linear.with_posterior(wrong=0)
    for samples in (1, 2, 7):
        found = log_likelihood(model, linear.x, linear.labels, samples)
        torch.testing.assert_close(found, linear.log_p, atol=1e-3, rtol=1e-4)
    bound = model.elbo(linear.x, linear.labels)
    torch.testing.assert_close(bound.value, linear.log_p, atol=1e-3, rtol=1e-4)


def test_with_another_posterior_it_rises_with_the_samples_to_the_exact_value(linear: LinearGaussian) -> None:
    model = linear.with_posterior(wrong=0.02, scale=1.5)
    torch.manual_seed(1)
    x, labels = linear.x.repeat(50, 1, 1, 1), linear.labels.repeat(50)
    values = [log_likelihood(model, x, labels, samples).mean() for samples in (1, 4, 16, 256)]
    bound = torch.stack([model.elbo(x, labels).value.mean() for _ in range(4)]).mean()
    assert bound == pytest.approx(values[0].item(), abs=0.1), "the bound is the estimate from one sample"
    assert values[0] < values[1] < values[2] < values[3]
    assert values[0] < linear.log_p.mean() - 0.1
    assert values[3].item() == pytest.approx(linear.log_p.mean().item(), abs=0.03)


def test_the_objective_with_k_samples_has_the_law_of_the_estimate(linear: LinearGaussian) -> None:
    model = linear.with_posterior(wrong=0.02, scale=1.5)
    x, labels = linear.x.repeat(100, 1, 1, 1), linear.labels.repeat(100)
    trained = model.elbo(x, labels, samples=8).value.mean()
    assert trained.item() == pytest.approx(log_likelihood(model, x, labels, 8).mean().item(), abs=0.05)


@pytest.mark.parametrize("images", [1, 3, 40])
@pytest.mark.parametrize("samples", [1, 2, 7, 10, 11, 25])
def test_exactly_k_samples_are_drawn(
    linear: LinearGaussian, samples: int, images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the chunk, and whether it divides K: each image gets K samples, and their mean is taken over K."""
    monkeypatch.setattr("condvae.evaluation.likelihood.CHUNK", 10)
    model = linear.with_posterior(wrong=0)
    model.likelihood.drawn = 0
    found = log_likelihood(model, linear.x[:images], linear.labels[:images], samples)
    assert model.likelihood.drawn == images * samples
    torch.testing.assert_close(found, linear.log_p[:images], atol=1e-3, rtol=1e-4)


def test_memory_is_bounded(linear: LinearGaussian) -> None:
    model, largest = linear.with_posterior(wrong=0), 0
    asked = model.likelihood.forward

    def watched(value: Tensor, y: Tensor) -> Distribution:
        nonlocal largest
        largest = max(largest, len(value))
        return asked(value, y)

    model.likelihood.forward = watched
    log_likelihood(model, linear.x, linear.labels, 1234)
    assert largest <= 500


@pytest.mark.parametrize("prior", PRIORS)
def test_every_divergence_agrees_with_a_monte_carlo_estimate(prior: str) -> None:
    torch.manual_seed(0)
    model = CVAE(ModelConfig(latent=2, prior=prior, likelihood="bernoulli"), Schema((1, 2, 2), ("a", "b")))
    with torch.no_grad():
        for parameter in model.prior.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    y, count = model.conditions(torch.tensor([1])), 40_000
    q, p = gaussian(torch.tensor([[0.5, -1.0]]), torch.tensor([[-1.0, 0.5]])), model.prior(y)
    with evaluating(model):
        z = q.sample((count,))
        estimate = q.log_prob(z) - p.log_prob(z[:, 0])[:, None]
        others = q.sample((2000,))
        ours = torch.stack([divergence(q, p, one).sum(1) for one in others])
    error = (estimate.var() / count + ours.var() / 2000).sqrt().item()
    assert ours.mean().item() == pytest.approx(estimate.mean().item(), abs=4 * error + 1e-3)


@pytest.mark.parametrize("prior", PRIORS)
def test_every_prior_integrates_to_one(prior: str) -> None:
    torch.manual_seed(0)
    model = CVAE(ModelConfig(latent=2, prior=prior, likelihood="bernoulli"), Schema((1, 2, 2), ("a", "b")))
    axis = torch.linspace(-8, 8, 401)
    z = torch.cartesian_prod(axis, axis)
    with evaluating(model):
        density = model.prior(model.conditions(torch.ones(len(z)))).log_prob(z).exp()
    assert (density.sum() * (axis[1] - axis[0]) ** 2).item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("prior", list(PRIORS))
def test_in_standard_coordinates_every_prior_is_the_standard_one(prior: str) -> None:
    torch.manual_seed(0)
    model = CVAE(ModelConfig(latent=LATENT, prior=prior, likelihood="gaussian"), Schema((1, 2, 3), ("a", "b")))
    with torch.no_grad():
        for weight in model.prior.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
        y = model.conditions(torch.arange(20_000) % 2)
        z = model.prior(y).sample()
        u = model.prior.to_standard(z, y)
        for label in (0, 1):
            own = u[label::2]
            assert own.mean(0).abs().max() < 0.04
            torch.testing.assert_close(own.T.cov(), torch.eye(LATENT), atol=0.05, rtol=0)
        if prior != "standard":
            assert (z[::2].mean(0) - z[1::2].mean(0)).abs().max() > 0.05
        q = gaussian(z[:50], torch.full((50, LATENT), -12.0))
        mean, deviation = model.prior.moments(q, y[:50])
        drawn = torch.stack([model.prior.to_standard(sample, y[:50]) for sample in q.sample((2000,))])
        # but for those at a knot of a spline
        assert (mean - drawn.mean(0)).abs().median() < 0.01
        assert (deviation / drawn.std(0) - 1).abs().median() < 0.05


def test_free_bits_cost_nothing_below_the_floor() -> None:
    torch.manual_seed(0)
    model = CVAE(ModelConfig(latent=3, likelihood="bernoulli", dropout=0), Schema((1, 2, 2), ("a", "b")))
    x, labels = torch.ones(8, 1, 2, 2), torch.arange(8) % 2
    parts = divergence(model.encode(x, labels), model.prior(model.conditions(labels)), torch.zeros(8, 3)).mean(0)
    torch.manual_seed(1)
    plain = model.elbo(x, labels)
    floor = parts.max().item() + 0.1
    torch.manual_seed(1)
    freed = model.elbo(x, labels, free_bits=floor)
    torch.testing.assert_close(freed.divergence, plain.divergence)
    torch.testing.assert_close(freed.value.mean(), freed.reconstruction.mean() - 3 * floor)
    kl_part = (freed.reconstruction - freed.value).mean()
    gradients = torch.autograd.grad(kl_part, list(model.posterior.mean.parameters()), retain_graph=True)
    assert all(gradient.abs().max() < 1e-6 for gradient in gradients), "what is free is not trained away"
    torch.manual_seed(1)
    half = model.elbo(x, labels, free_bits=parts.min().item() / 2)
    torch.testing.assert_close(half.value, plain.value)


def test_free_bits_of_a_flow_are_for_all_dimensions_together() -> None:
    torch.manual_seed(0)
    model = CVAE(ModelConfig(latent=3, likelihood="bernoulli", prior="flow", dropout=0), Schema((1, 2, 2), ("a", "b")))
    x, labels = torch.ones(8, 1, 2, 2), torch.arange(8) % 2
    with seeded(0):
        plain = model.elbo(x, labels)
    each = plain.divergence.mean().item() / 3
    for floor, cost in ((each + 0.1, 3 * each + 0.3), (each - 0.1, 3 * each)):
        with seeded(0):
            freed = model.elbo(x, labels, free_bits=floor)
        assert (freed.reconstruction - freed.value).mean().item() == pytest.approx(cost, rel=1e-4)


@pytest.fixture
def study(linear: LinearGaussian, tmp_path: Path) -> Study:
    """The linear model with its exact posterior, and its own images as test images."""
    run = Run(tmp_path / "run")
    config = ModelConfig(latent=LATENT, likelihood="gaussian")
    save_model(run, CVAE(config, Schema((1, 2, 3), ("a", "b"))), Config(model=config, training=BOUND), {})
    images, labels = np.zeros((40, 1, 2, 3), np.uint8), linear.labels.numpy()
    train, test = (LabelledImages(images[:count], labels[:count], ("a", "b")) for count in (30, 40))
    made = Study(run, Dataset("linear", train, test))
    made.model = linear.with_posterior(wrong=0)
    codes = linear.mean(0)(linear.x, linear.one_hot).mean
    made.__dict__.update(observed=linear.x, observed_codes=(codes, linear.covariance.diagonal().sqrt().expand(40, -1)))
    return made


def test_the_marginal_and_the_classifier_are_those_of_bayes(linear: LinearGaussian, study: Study) -> None:
    found, classifier = measure_likelihood(study, samples=3, images=None)
    under = torch.stack([linear.exact.log_prob(linear.x.flatten(1) - linear.shift[label]) for label in (0, 1)], 1)
    marginal = (under + torch.tensor([0.5, 0.5]).log()).logsumexp(1)
    assert found.nll.value == pytest.approx(-linear.log_p.mean().item(), rel=1e-4)
    assert found.marginal.value == pytest.approx(-marginal.mean().item(), rel=1e-4)
    assert found.bits.value == pytest.approx(found.nll.value / (PIXELS * log(2)) + log2(255), rel=1e-4)
    right = (under.argmax(1) == linear.labels).double().mean().item()
    assert classifier.accuracy.value == pytest.approx(right)
    assert 0 < classifier.calibration_error.value < 0.2
    assert "3 importance samples of z for each image, all test images" in found.nll.protocol


@pytest.mark.parametrize("claimed", [0.5, 0.9])
def test_the_calibration_error_is_claimed_minus_true(claimed: float) -> None:
    labels = torch.arange(1000) % 2
    table = torch.tensor([claimed, 1 - claimed]).log().expand(1000, 2)
    error = _classifier(table, labels, "here").calibration_error
    assert error.value == pytest.approx(claimed - 0.5, abs=1e-4)
    assert error.error == pytest.approx(0.5 / 1000**0.5, rel=0.5)


def test_active_units_and_the_divergence_of_each_dimension(study: Study) -> None:
    torch.manual_seed(0)
    means = torch.randn(40, LATENT) * torch.tensor([1.0, 0.05, 2.0])
    means[:, 1] += 3 * study.test_labels  # where a learned prior may put codes that carry nothing else
    study.__dict__["observed_codes"] = (means, torch.tensor([0.5, 1.0, 1.0]).expand(40, -1))
    found, _ = measure_likelihood(study, samples=1, images=None)
    assert found.active_units.value == 2
    wanted = (means.square().mean(0) + torch.tensor([0.25, 1, 1]) - 1) / 2 - torch.tensor([0.5, 1, 1]).log()
    assert [one.value for one in found.dimensions] == pytest.approx(wanted.tolist(), rel=1e-4)
