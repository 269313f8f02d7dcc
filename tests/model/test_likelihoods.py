"""Every likelihood is one: it integrates or sums to one, has the mean it says, and learns what it should."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import ContinuousBernoulli as TorchContinuousBernoulli
from torch.distributions import Independent, Normal

from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.images import unit
from condvae.inference.batched import decode, encode_moments
from condvae.model.distributions import ContinuousBernoulli, IsotropicGaussian, squared_error
from condvae.model.likelihoods import LIKELIHOODS, Likelihood
from condvae.training.fit import fit


class Logits(nn.Module):
    """A decoder of one pixel whose output is z itself."""

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return z.view(-1, 1, 1, 1)


LOGITS = (-60.0, -17.0, -3.0, -0.1, -0.01, 0.0, 1e-4, 0.03, 0.2, 5.0, 30.0)


@pytest.mark.parametrize("logit", LOGITS)
@pytest.mark.parametrize("name", [name for name, kind in LIKELIHOODS.items() if kind.is_likelihood])
def test_it_integrates_to_one_and_has_its_mean(name: str, logit: float) -> None:
    likelihood = LIKELIHOODS[name](Logits())
    p = likelihood(torch.tensor([[logit]], dtype=torch.float32), torch.zeros(1, 0))
    if likelihood.binary:
        values, weights = torch.tensor([0.0, 1.0]), torch.ones(2)
    else:
        low, high = (-8, 9) if likelihood.unbounded else (0, 1)
        values = torch.linspace(low, high, 200_001, dtype=torch.float64)
        weights = torch.full_like(values, (high - low) / 200_000)
        weights[0] = weights[-1] = weights[0] / 2  # by the trapezoidal rule
    density = p.log_prob(values.float().view(-1, 1, 1, 1)).double().exp() * weights
    assert density.sum().item() == pytest.approx(1, abs=1e-3)
    assert (density * values).sum().item() == pytest.approx(p.mean.item(), abs=1e-3)
    torch.manual_seed(0)
    assert p.sample((20_000,)).mean().item() == pytest.approx(p.mean.item(), abs=0.03)


def test_the_isotropic_gaussian_equals_pytorch_s() -> None:
    generator = torch.Generator().manual_seed(0)
    image, x = torch.rand(2, 3, 4, 5, generator=generator), torch.rand(7, 2, 3, 4, 5, generator=generator)
    sigma = torch.tensor(0.07)
    ours, theirs = IsotropicGaussian(image, sigma), Independent(Normal(image, sigma), 3)
    torch.testing.assert_close(ours.log_prob(x), theirs.log_prob(x))
    assert torch.equal(ours.mean, theirs.mean)
    assert torch.equal(ours.stddev, theirs.stddev)
    torch.manual_seed(0)
    torch.testing.assert_close(ours.sample((5000,)).std(0), theirs.stddev, rtol=0.1, atol=0)


def test_the_squared_error_is_not_a_likelihood_and_says_so() -> None:
    assert not LIKELIHOODS["mse"].is_likelihood
    assert "not a likelihood" in LIKELIHOODS["mse"].measures


@pytest.mark.parametrize("kind", LIKELIHOODS.values())
def test_whether_the_mean_is_a_sigmoid_of_the_decoder(kind: type[Likelihood]) -> None:
    logits = torch.tensor([[-2.0], [0.5]])
    mean = kind(Logits())(logits, torch.zeros(2, 0)).mean.flatten(1)
    assert torch.allclose(mean, logits.sigmoid()) == kind.sigmoid_mean


def test_the_continuous_bernoulli_near_one_half() -> None:
    """Where its quotients are 0 / 0: smooth across the change to the series, in float32, with its gradient."""
    logits = torch.cat([torch.linspace(-0.2, 0.2, 4000), torch.zeros(1)]).requires_grad_()
    found = ContinuousBernoulli(logits)
    exact = logits.detach().double()
    series = -exact / 2 - exact.square() / 24 + exact**4 / 2880  # of log(l / (exp(l) - 1))
    torch.testing.assert_close(found.log_prob(torch.zeros(4001)).double(), series, atol=3e-7, rtol=0)
    torch.testing.assert_close(found.mean.double(), 0.5 + exact / 12 - exact**3 / 720, atol=4e-6, rtol=0)
    (gradient,) = torch.autograd.grad(found.log_prob(torch.zeros(4001)).sum(), logits)
    torch.testing.assert_close(gradient.double(), -0.5 - exact / 12 + exact**3 / 720, atol=2e-5, rtol=0)


def test_the_continuous_bernoulli_agrees_with_pytorch_s_where_that_is_right() -> None:
    logits, x = torch.linspace(-10, 10, 41, dtype=torch.float64), torch.rand(41, dtype=torch.float64)
    theirs = TorchContinuousBernoulli(logits=logits)
    torch.testing.assert_close(ContinuousBernoulli(logits).log_prob(x), theirs.log_prob(x), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(ContinuousBernoulli(logits).mean, theirs.mean, atol=1e-6, rtol=1e-5)


def test_the_learned_sigma_is_the_root_of_the_test_mse(tmp_path: Path) -> None:
    """On a fitted model: the most probable sigma is the root of the mean squared error, of samples of the posterior."""

    def squares(count: int) -> LabelledImages:
        """One of two grey squares, with noise of a standard deviation of 0.1."""
        labels = np.arange(count) % 2
        grey = 0.3 + 0.4 * labels[:, None, None, None] + generator.normal(0, 0.1, (count, 1, 4, 4))
        return LabelledImages((255 * grey.clip(0, 1)).astype(np.uint8), labels, ("dark", "light"))

    generator = np.random.default_rng(0)
    data = Dataset("squares", squares(2000), squares(1000))
    config = Config(
        model=ModelConfig(likelihood="gaussian", encoder=(32,), decoder=(32,), dropout=0),
        training=TrainingConfig(batch_size=50, learning_rate=5e-3, beta=1),
        trainer={"max_epochs": 25, "enable_progress_bar": False, "check_val_every_n_epoch": 25},
    )
    model = fit(config, tmp_path / "run", data)
    x, rows = unit(torch.from_numpy(data.test.images)), torch.from_numpy(data.test.rows(("label",)))
    means, deviations = encode_moments(model, x, rows)
    torch.manual_seed(0)
    error = squared_error(x, decode(model, means + deviations * torch.randn_like(means), rows)).mean().sqrt().item()
    assert model.likelihood.log_sigma.exp().item() == pytest.approx(error, rel=0.03)
    assert error == pytest.approx(0.1, rel=0.1)
