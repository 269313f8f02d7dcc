"""The KL divergence of every prior against estimates, its standard coordinates, and free bits."""

import pytest
import torch

from condvae.config import ModelConfig
from condvae.inference.batched import evaluating
from condvae.model.cvae import CVAE
from condvae.model.distributions import divergence, gaussian
from condvae.model.priors import PRIORS
from condvae.schema import Schema
from condvae.seeds import seeded

LATENT = 3


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


@pytest.mark.parametrize("prior", PRIORS)
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
        if model.prior.is_learned:
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
